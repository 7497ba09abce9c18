"""The small HTTP connector held to the matrix: what the author of any HTTP connector writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import http_connector as http
import pytest
import table_connector as table
from patience import seconds_for

from lienthong.connector import Connection, Question
from lienthong.testing import MARKER, Asked, HostileLookup, HostileSource, HostileTarget, HttpService, Scene


def person(number: int) -> dict[str, Any]:
    return {"id": f"{number:04d}", "name": "Trần Thị Mẫu", "note": MARKER if number == 3 else "ghi chú"}


class People(HttpService):
    habits = frozenset({"capped-pages", "lost-link", "unmet-total"})

    def __init__(self) -> None:
        super().__init__([person(number) for number in range(13)])

    def connection(self, url: str, ca_file: str) -> Connection:
        return Connection("people", "lienthong_http", url, password="s3cret-word", extra={"ca_file": ca_file})

    def grant(self, asked: Asked) -> bytes | None:
        return b'{"access_token": "granted"}' if asked.path == "/token" else None

    def answer(self, asked: Asked) -> bytes:
        lost = self.habit == "lost-link"
        start = 0 if lost else int(asked.query.get("offset", 0))
        rows = self.records[start : start + (2 if self.habit == "capped-pages" else http.SIZE)]
        total = len(self.records) + (self.habit == "unmet-total")
        more = start + http.SIZE < total and not lost
        return json.dumps({"total": total, "rows": rows, "more": more}, ensure_ascii=False).encode()

    def failure(self, asked: Asked) -> bytes:
        return b'{"error": "E9"}'


class Register(People):
    def answer(self, asked: Asked) -> bytes:
        return json.dumps({"taken": True, "text": "đã nhận", "note": MARKER}, ensure_ascii=False).encode()


class Person(People):
    def __init__(self) -> None:
        super().__init__()
        self.records = [person(3)]

    def answer(self, asked: Asked) -> bytes:
        return json.dumps({"person": self.records[0]}, ensure_ascii=False).encode()


class XmlPerson(Person):
    family = "xml"
    media = "text/xml; charset=utf-8"

    def grant(self, asked: Asked) -> bytes | None:
        return None

    def answer(self, asked: Asked) -> bytes:
        leaves = "".join(f"<{name}>{text}</{name}>" for name, text in self.records[0].items())
        return f"<answer><person>{leaves}</person></answer>".encode()

    def failure(self, asked: Asked) -> bytes:
        return b"<answer><error/></answer>"


def patient(opened: type, request: pytest.FixtureRequest) -> type:
    """Return the connector with time for a busy machine, little where nothing will come."""
    return type(opened.__name__, (opened,), {"deadline": seconds_for(request)})


class TestHostileSource(HostileSource):
    @pytest.fixture
    def settings(self, request: pytest.FixtureRequest) -> Any:
        return http.settings_for(patient(http.OpenSource, request))

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return People


class TestHostileTarget(HostileTarget):
    @pytest.fixture
    def settings(self, request: pytest.FixtureRequest) -> Any:
        return http.settings_for(patient(http.OpenTarget, request))

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return Register

    @pytest.fixture
    def records(self) -> list[dict[str, Any]]:
        return [person(number) for number in range(3)]


class TestHostileLookup(HostileLookup):
    @pytest.fixture
    def settings(self, request: pytest.FixtureRequest) -> Any:
        return http.settings_for(patient(http.OpenLookup, request))

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return Person

    @pytest.fixture
    def question(self) -> Question:
        return Question("ask-0001", {"id": "0003"}, "can.bo.01", "1.001193", "khai sinh")


class TestHostileXmlLookup(TestHostileLookup):
    family = "xml"

    @pytest.fixture
    def settings(self, request: pytest.FixtureRequest) -> Any:
        return http.settings_for(patient(http.OpenXmlLookup, request))

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return XmlPerson


def _swallows(row: dict[str, Any]) -> dict[str, Any] | None:
    return None if row["id"] == "A1" else row


def _rules(row: dict[str, Any]) -> dict[str, Any]:
    if row["id"] == "A1":
        raise table.RuleBroken(f"{row['name']} is locked")
    return row


class TestHostileTable(HostileTarget):
    """A table with triggers and a collation of its own."""

    family = "database"

    @pytest.fixture
    def settings(self) -> Any:
        return table.settings_for(table.OpenTable)

    @pytest.fixture
    def records(self) -> list[dict[str, Any]]:
        return [{"id": key, "name": "Trần Thị Mẫu"} for key in ("a1", "A1", "b2")]

    @pytest.fixture
    def hostile(self) -> Mapping[str, Any]:
        tables = {
            "swallowed-row": table.Table(trigger=_swallows),
            "rule-of-a-row": table.Table(trigger=_rules),
            "merging-keys": table.Table(same=str.lower),
            "cut-after-taken": table.Table(cut=True),
        }

        @contextmanager
        def scene(name: str) -> Iterator[Scene]:
            table.TABLES[name] = tables[name]
            yield Scene(Connection("table", "lienthong_table", name))

        return {name: [lambda name=name: scene(name)] for name in tables}
