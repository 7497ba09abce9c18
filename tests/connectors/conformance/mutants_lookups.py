"""Broken look-ups. Each says, in ``caught_by``, which test of the suite must fail on it."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import memory_connector as memory
import memory_suite as suite
import pytest

from lienthong.connector import Question


class LookupMutant(suite.TestLookup):
    __test__ = False
    caught_by: ClassVar[str]
    _Open: ClassVar[type]

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    @pytest.fixture
    def settings(self) -> Any:
        return memory.made_of(memory.MemoryLookup, self._Open)


class TestAnswersForStrangers(LookupMutant):
    caught_by = "test_a_stranger_is_refused_or_answered_no"

    class _Open(memory.OpenLookup):
        def ask(self, question: Question) -> dict[str, Any]:
            row = next(iter(memory.system_of(self.connection).rows.values()))
            memory.system_of(self.connection).asked.append(self.note(question))
            return self.answer(row)


class TestAnotherNumberOnRepeat(LookupMutant):
    caught_by = "test_a_repeat_carries_the_same_number"

    class _Open(memory.OpenLookup):
        def note(self, question: Question) -> dict[str, str]:
            return super().note(question) | {"id": f"{time.monotonic_ns()}"}


class TestHidesTheOfficer(LookupMutant):
    caught_by = "test_who_asks_and_why_reaches_the_service[officer]"

    class _Open(memory.OpenLookup):
        def note(self, question: Question) -> dict[str, str]:
            return super().note(question) | {"officer": "system"}


class TestHidesThePurpose(LookupMutant):
    caught_by = "test_who_asks_and_why_reaches_the_service[purpose]"

    class _Open(memory.OpenLookup):
        def note(self, question: Question) -> dict[str, str]:
            return super().note(question) | {"purpose": ""}


class TestWrongAnswer(LookupMutant):
    caught_by = "test_asks_and_returns_a_record"

    class _Open(memory.OpenLookup):
        def answer(self, row: dict[str, Any]) -> dict[str, Any]:
            return {}


class TestNumberOfThePersonInTheLog(LookupMutant):
    caught_by = "test_nothing_secret_or_personal_is_logged"

    class _Open(memory.OpenLookup):
        def ask(self, question: Question) -> dict[str, Any]:
            self.context.log(f"asking about {question.record['id']}")
            return super().ask(question)
