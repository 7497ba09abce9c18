"""The SOAP connector held to the matrix of hostile and broken counterparts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from xml.sax.saxutils import escape

import orjson
import pytest

from lienthong.connector import Connection, Question
from lienthong.records import Record
from lienthong.testing import MARKER, Asked, HostileLookup, HostileSource, HostileTarget, HttpService
from lienthong_connectors.soap import (
    FaultTable,
    Paging,
    ResultCodes,
    SoapLookup,
    SoapSource,
    SoapTarget,
    StatusQuery,
)

SPACE = "http://schemas.xmlsoap.org/soap/envelope/"
SIZE = 5
LIMIT = HttpService.largest
FAULT = (
    "<s:Fault><faultcode>s:Client</faultcode><faultstring>Không chấp nhận yêu cầu</faultstring>"
    "<detail>DL09</detail></s:Fault>"
)


def envelope(inner: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SPACE}"><s:Body>{inner}</s:Body></s:Envelope>'.encode()


def people(count: int = 13) -> list[Record]:
    return [
        {"id": f"{n:04d}", "name": f"Nguyễn Văn Mẫu {n}", "note": MARKER if n == 3 else "ghi chú"}
        for n in range(count)
    ]


def element(record: Record) -> str:
    return "<item>" + "".join(f"<{k}>{escape(v)}</{k}>" for k, v in record.items()) + "</item>"


class Gateway(HttpService):
    """A SOAP service behind a gateway that grants tokens."""

    family = "xml"
    media = "text/xml; charset=utf-8"

    def __init__(self, records: list[Record] | None = None) -> None:
        super().__init__(records)
        self.tokens = itertools.count(1)

    def connection(self, url: str, ca_file: str) -> Connection:
        extra = {"auth": "oauth2", "token_url": "/token", "ca_file": ca_file}
        return Connection(
            "people", "lienthong_soap", f"{url}/svc", login="app", password="s3cret-app", extra=extra
        )

    def grant(self, asked: Asked) -> bytes | None:
        if not asked.path.endswith("/token"):
            return None
        return orjson.dumps({"access_token": f"granted-{next(self.tokens)}", "expires_in": 300})

    def failure(self, asked: Asked) -> bytes:
        return envelope(FAULT)


class PagedList(Gateway):
    """A list in numbered pages."""

    habits = frozenset({"capped-pages"})

    def __init__(self) -> None:
        super().__init__(people())

    def answer(self, asked: Asked) -> bytes:
        page = int(asked.body.partition(b"<page>")[2].partition(b"<")[0])
        size = 2 if self.habit == "capped-pages" else SIZE
        rows = self.records[(page - 1) * size : page * size]
        return envelope(f"<got>{''.join(map(element, rows))}<text>được</text></got>")


class TestPagedSource(HostileSource):
    """Pages by number, each streamed."""

    family = "xml"

    @pytest.fixture
    def settings(self, patience: float) -> SoapSource:
        return SoapSource(
            operation="get",
            namespace="urn:t",
            record_element="item",
            request={"page": "$page"},
            paging=Paging(size=SIZE, most=50),
            faults=FaultTable(permanent=("DL09",)),
            deadline=patience,
            max_answer_bytes=LIMIT,
        )

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return PagedList


class Person(Gateway):
    """One person, for whoever asks."""

    def __init__(self) -> None:
        super().__init__([people()[3]])

    def answer(self, asked: Asked) -> bytes:
        return envelope(f"<got>{element(self.records[0])}<text>được</text></got>")


class TestLookup(HostileLookup):
    """A question about a person."""

    family = "xml"

    @pytest.fixture
    def settings(self, patience: float) -> SoapLookup:
        return SoapLookup(
            operation="ask",
            namespace="urn:t",
            request={"id": "$record.id"},
            answer_element="item",
            deadline=patience,
            max_answer_bytes=LIMIT,
        )

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return Person

    @pytest.fixture
    def question(self) -> Question:
        return Question("q-000001", {"id": "0003"}, "can.bo.01", "1.001193", "khai sinh")


class Register(Gateway):
    """Takes a record a request, and answers for it when asked."""

    def answer(self, asked: Asked) -> bytes:
        return envelope(f"<got><code>1</code><note>{MARKER}</note><text>được</text></got>")


class TestTarget(HostileTarget):
    """Records one by one, with a status query."""

    family = "xml"

    @pytest.fixture
    def settings(self, patience: float) -> SoapTarget:
        return SoapTarget(
            operation="put",
            namespace="urn:t",
            request={"id": "$key", "name": "$record.name"},
            result=ResultCodes(path="code", acknowledged=("1",)),
            status=StatusQuery(operation="ask", request={"id": "$key"}),
            deadline=patience,
            max_answer_bytes=LIMIT,
            max_batch=1,
        )

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        return Register

    @pytest.fixture
    def records(self) -> list[Record]:
        return people()
