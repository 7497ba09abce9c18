"""The memory connector held to the conformance suite: what a connector's author writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import memory_connector as memory
import pytest

from lienthong.connector import Connection, Question
from lienthong.testing import LookupConformance, SourceConformance, TargetConformance


def person(number: int) -> dict[str, Any]:
    return {
        "id": f"0660990{number:05d}",
        "name": f"Trần Thị Mẫu {number:03d}",
        "changed": f"2026-03-{number // 2 + 1:02d}",
    }


class Memory:
    @pytest.fixture
    def connection(self) -> Iterator[Connection]:
        memory.SYSTEMS["here"] = memory.System("s3cret-word")
        yield Connection("memory", "lienthong_memory", host="here", password="s3cret-word")
        del memory.SYSTEMS["here"]

    @pytest.fixture
    def faults(self, connection: Connection) -> dict[str, Any]:
        @contextmanager
        def cut() -> Iterator[Connection]:
            memory.SYSTEMS["here"].cut = True
            yield connection
            memory.SYSTEMS["here"].cut = False

        return {
            "unreachable": replace(connection, host="nowhere"),
            "unauthenticated": replace(connection, password="wr0ng-word"),
            "cut-after-taken": cut,
        }


class TestSource(Memory, SourceConformance):
    page_bound = 4
    cursor = "changed"

    @pytest.fixture
    def settings(self) -> Any:
        return memory.MemorySource()

    @pytest.fixture
    def expected(self, connection: Connection) -> list[dict[str, Any]]:
        records = [person(number) for number in range(18)]
        memory.SYSTEMS["here"].rows.update({record["id"]: record for record in records})
        return records


class TestTarget(Memory, TargetConformance):
    text = "name"

    @pytest.fixture
    def settings(self) -> Any:
        return memory.MemoryTarget()

    @pytest.fixture
    def records(self) -> list[dict[str, Any]]:
        return [person(number) for number in range(14)]

    @pytest.fixture
    def stored(self, connection: Connection) -> Any:
        return lambda: list(memory.SYSTEMS["here"].rows.values())

    @pytest.fixture
    def refusable(self) -> Any:
        return [person(1), person(2) | {"name": "refuse me"}, person(3)], {1}


class TestLookup(Memory, LookupConformance):
    @pytest.fixture
    def settings(self) -> Any:
        return memory.MemoryLookup()

    @pytest.fixture
    def question(self, connection: Connection) -> Question:
        memory.SYSTEMS["here"].rows[person(1)["id"]] = person(1)
        return Question("ask-0001", {"id": person(1)["id"]}, "can.bo.01", "1.001193", "khai sinh")

    @pytest.fixture
    def answer(self) -> dict[str, Any]:
        return {"name": person(1)["name"]}

    @pytest.fixture
    def stranger(self) -> Question:
        return Question("ask-0002", {"id": "000000000000"}, "can.bo.01", "1.001193", "khai sinh")

    @pytest.fixture
    def log(self, connection: Connection) -> Any:
        return lambda: memory.SYSTEMS["here"].asked
