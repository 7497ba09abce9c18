"""The REST connector held to the matrix of hostile and broken counterparts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from lienthong.connector import Connection, Question
from lienthong.records import Record
from lienthong.testing import MARKER, Asked, HostileLookup, HostileSource, HostileTarget, HttpService
from lienthong_connectors.rest import (
    CursorPaging,
    Envelope,
    OffsetPaging,
    RestLookup,
    RestSource,
    RestTarget,
    Results,
    StatusLookup,
)

SIZE = 5
LIMIT = HttpService.largest
REFUSAL = {"error_code": 99, "message": "Không chấp nhận yêu cầu"}


def people(count: int = 13) -> list[Record]:
    return [
        {"id": f"{n:04d}", "name": f"Nguyễn Văn Mẫu {n}", "note": MARKER if n == 3 else "ghi chú"}
        for n in range(count)
    ]


class Gateway(HttpService):
    """A service behind a gateway that grants tokens."""

    def __init__(self, records: list[Record] | None = None) -> None:
        super().__init__(records)
        self.tokens = itertools.count(1)

    def connection(self, url: str, ca_file: str) -> Connection:
        extra = {"auth": "oauth2", "token_url": "/token", "ca_file": ca_file}
        return Connection(
            "people", "lienthong_rest", f"{url}/api", login="app", password="s3cret-app", extra=extra
        )

    def grant(self, asked: Asked) -> bytes | None:
        if not asked.path.endswith("/token"):
            return None
        return orjson.dumps({"access_token": f"granted-{next(self.tokens)}", "expires_in": 300})

    def failure(self, asked: Asked) -> bytes:
        return orjson.dumps(REFUSAL)


class OffsetList(Gateway):
    """A list by offset and limit that announces its total."""

    habits = frozenset({"capped-pages", "unmet-total"})

    def __init__(self) -> None:
        super().__init__(people())

    def answer(self, asked: Asked) -> bytes:
        rows, total = self.page(asked)
        return orjson.dumps({"error_code": 0, "message": "được", "total": total, "data": rows})

    def page(self, asked: Asked) -> tuple[list[Any], int]:
        """Return the records of a page, and the total that is announced."""
        start = int(asked.query.get("offset", 0))
        size = 2 if self.habit == "capped-pages" else SIZE
        return self.records[start : start + size], len(self.records) + (self.habit == "unmet-total")


class CursorList(Gateway):
    """A list by cursor, which names the last record that was given: nothing slides."""

    habits = frozenset({"capped-pages", "lost-link"})

    def __init__(self) -> None:
        super().__init__(people())

    def answer(self, asked: Asked) -> bytes:
        after = asked.query.get("after", "")
        rest = [record for record in self.records if record["id"] > after]
        size = 2 if self.habit == "capped-pages" else SIZE
        rows, more = rest[:size], len(rest) > size
        next_one = {"next": rows[-1]["id"] if more else None} if self.habit != "lost-link" else {}
        return orjson.dumps({"error_code": 0, "message": "được", **next_one, "data": rows})


def source(paging: Any, patience: float, **more: Any) -> RestSource:
    return RestSource(
        path="people",
        records="data",
        envelope=Envelope(),
        paging=paging,
        prefetch=1,
        max_pages=50,
        deadline=patience,
        max_answer_bytes=LIMIT,
        **more,
    )


class TestOffsetSource(HostileSource):
    """Counted pages, the kind that a changing list can upset."""

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        return source(OffsetPaging(size=SIZE, total_path="total"), patience)

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return OffsetList


class TestStreamedOffsetSource(TestOffsetSource):
    """The same pages, taken apart while they arrive."""

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        return source(OffsetPaging(size=SIZE, total_path="total"), patience, stream=True)


class TestCursorSource(HostileSource):
    """Pages of which only the one before knows the next."""

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        return source(CursorPaging(cursor_path="next", cursor_param="after", size=SIZE), patience)

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return CursorList


class TestStreamedCursorSource(TestCursorSource):
    """The same pages, taken apart while they arrive."""

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        paging = CursorPaging(cursor_path="next", cursor_param="after", size=SIZE)
        return source(paging, patience, stream=True)


class XmlList(OffsetList):
    """The same list in XML."""

    family = "xml"
    media = "application/xml"

    def answer(self, asked: Asked) -> bytes:
        rows, total = self.page(asked)
        items = ("".join(f"<{name}>{text}</{name}>" for name, text in row.items()) for row in rows)
        around = f"<error_code>0</error_code><total>{total}</total><message>được</message>"
        return f"<got>{around}{''.join(f'<item>{item}</item>' for item in items)}</got>".encode()

    def failure(self, asked: Asked) -> bytes:
        return "<got><error_code>99</error_code><message>Không chấp nhận</message></got>".encode()


class TestXmlSource(TestOffsetSource):
    """Plain XML without an envelope of SOAP."""

    family = "xml"

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        paging = OffsetPaging(size=SIZE, total_path="total")
        return replace(source(paging, patience), format="xml", records="got.item")

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return XmlList


class Register(Gateway):
    """Takes a batch and says so of every record; asked, it says the same again."""

    def answer(self, asked: Asked) -> bytes:
        results = [{"index": n, "code": "OK", "note": "được"} for n in range(3)]
        return orjson.dumps({"error_code": 0, "message": MARKER, "results": results})


class TestBatchTarget(HostileTarget):
    """A batch in one request, with a result for each record."""

    @pytest.fixture
    def settings(self, patience: float) -> RestTarget:
        return RestTarget(
            path="people",
            envelope=Envelope(),
            results=Results(path="results", match="index"),
            status=StatusLookup(path="people/{id}", per="batch", envelope=Envelope()),
            deadline=patience,
            max_answer_bytes=LIMIT,
        )

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return Register

    @pytest.fixture
    def records(self) -> list[Record]:
        return people()


class Single(Gateway):
    """Takes one record a request, and answers for it when asked."""

    def answer(self, asked: Asked) -> bytes:
        return orjson.dumps({"error_code": 0, "message": MARKER, "note": "được"})


class TestSingleTarget(TestBatchTarget):
    """Records put one by one: a failure of the first ends the delivery."""

    in_flight = 3  # questions about the next records may be on their way when the first one fails

    @pytest.fixture
    def settings(self, patience: float) -> RestTarget:
        return RestTarget(
            path="people/{key}",
            method="PUT",
            mode="single",
            envelope=Envelope(),
            status=StatusLookup(path="people/{key}", envelope=Envelope(), compare=(), parallel=1),
            deadline=patience,
            max_answer_bytes=LIMIT,
        )

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return Single


class Person(Gateway):
    """One person, for whoever asks."""

    def __init__(self) -> None:
        super().__init__([people()[3]])

    def answer(self, asked: Asked) -> bytes:
        return orjson.dumps({"error_code": 0, "message": "được", "data": self.records[0]})


class TestLookup(HostileLookup):
    """A question about a person."""

    @pytest.fixture
    def settings(self, patience: float) -> RestLookup:
        return RestLookup(
            path="people/{record.id}",
            params={"officer": "$officer", "procedure": "$procedure", "purpose": "$purpose"},
            envelope=Envelope(),
            answer="data",
            deadline=patience,
            max_answer_bytes=LIMIT,
        )

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return Person

    @pytest.fixture
    def question(self) -> Question:
        return Question("q-000001", {"id": "0003"}, "can.bo.01", "1.001193", "khai sinh")
