"""The conformance suite for look-ups."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import orjson
import pytest

from lienthong.connector import Connection, Context, Question, RecordLookup
from lienthong.errors import Refused
from lienthong.records import Record, canonical
from lienthong.testing.base import must
from lienthong.testing.common import Conformance


class LookupConformance(Conformance):
    """Inherited tests for a look-up service.

    Give fixtures ``settings``, ``connection``, ``question`` (about somebody the service knows),
    ``answer`` (what the service says), ``stranger`` (a question about nobody), ``log`` (a function
    that returns what the service was asked, one JSON-ready object per call) and ``faults``.
    """

    #: What of these reaches the service; leave out what its request has no place for.
    told: ClassVar[tuple[str, ...]] = ("officer", "procedure", "purpose")

    @pytest.fixture
    def question(self) -> Question:
        """A question that the service can answer."""
        pytest.fail("give a fixture 'question'")

    @pytest.fixture
    def answer(self) -> Record:
        """What the service answers to it."""
        pytest.fail("give a fixture 'answer'")

    @pytest.fixture
    def stranger(self) -> Question:
        """A question about somebody the service does not know."""
        pytest.fail("give a fixture 'stranger'")

    @pytest.fixture
    def log(self) -> Callable[[], list[Any]]:
        """What the service was asked so far, oldest first."""
        pytest.fail("give a fixture 'log'")

    @pytest.fixture
    def ordinary(self, question: Question) -> list[Any]:
        """See `Conformance`; the question itself comes first, for `use`."""
        return [question]

    def _private(self, records: list[Any]) -> set[tuple[str, str]]:
        return super()._private([question.record for question in records])

    def open(self, settings: Any, connection: Connection, context: Context) -> RecordLookup:
        """Open the service."""
        service: RecordLookup = settings.open_lookup(connection, context)
        return service

    def use(self, opened: RecordLookup, records: list[Any]) -> None:
        """Ask one question."""
        opened.ask(records[0])

    def test_asks_and_returns_a_record(
        self, settings: Any, connection: Connection, lent: Context, question: Question, answer: Record
    ) -> None:
        """The service's answer comes back as a JSON object, unchanged."""
        with self._opened(settings, connection, lent) as service:
            got = service.ask(question)
        must(type(got) is dict, f"the answer is a {type(got).__name__}, not a dict")
        must(orjson.loads(canonical(got)) == got, "the answer changes when it is written and read as JSON")
        must(got == answer, "the answer differs from what the service says")

    def test_a_stranger_is_refused_or_answered_no(
        self, settings: Any, connection: Connection, lent: Context, stranger: Question, answer: Record
    ) -> None:
        """Nobody is mistaken for somebody: the record is refused, or the answer says no."""
        with self._opened(settings, connection, lent) as service:
            try:
                got = service.ask(stranger)
            except Refused as refused:
                must(refused.reasons, "Refused carries no reason for the steward")
                for reason in refused.reasons:
                    must(reason.vi.strip() and reason.en.strip(), "a reason lacks one of its two languages")
                return
        must(type(got) is dict and got != answer, "a stranger got somebody else's answer")

    def test_a_repeat_carries_the_same_number(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        question: Question,
        log: Callable[[], list[Any]],
    ) -> None:
        """The same question asked again has the same request number, so the service can count it once."""
        for _ in range(2):
            with self._opened(settings, connection, lent) as service:
                service.ask(question)
        calls = [json.dumps(entry, ensure_ascii=False, default=str) for entry in log()]
        must(sum(question.id in call for call in calls) >= 2, "the request number does not reach the service")

    @pytest.mark.parametrize("name", ["officer", "procedure", "purpose"])
    def test_who_asks_and_why_reaches_the_service(
        self,
        name: str,
        settings: Any,
        connection: Connection,
        lent: Context,
        question: Question,
        log: Callable[[], list[Any]],
    ) -> None:
        """A citizen is looked up by a named officer, for a named procedure and purpose."""
        if name not in self.told:
            pytest.skip(f"the service's request has no place for the {name}")
        with self._opened(settings, connection, lent) as service:
            service.ask(question)
        calls = log()
        must(calls, "log() shows no call")
        text = json.dumps(calls[-1], ensure_ascii=False, default=str)
        must(getattr(question, name) in text, f"the {name} does not reach the service")
