"""Every kind of paging and every format of bodies held to the conformance suite."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lienthong.connector import Connection
from lienthong.records import Record
from lienthong.testing import SourceConformance, refused_port
from lienthong_connectors.rest import (
    CursorPaging,
    Envelope,
    KeysetPaging,
    LinkHeaderPaging,
    NextLinkPaging,
    OffsetPaging,
    PagePaging,
    RestSource,
    TimeWindows,
)

BEGIN = datetime(2025, 8, 1, tzinfo=UTC)
KEY = "s3cret-key"


def record(number: int, *, times: int = 1) -> Record:
    """A record that changed six hours after the one before; three share each key."""
    at = int((BEGIN + timedelta(hours=6 * number)).timestamp() * 1000)
    return {"id": number, "group": number // 3, "at": at, "text": f"hồ sơ số {number}" * times}


class Register:
    """A service that gives a list in every way that the connector knows; the path says which."""

    SIZE = 10

    def __init__(self, rows: list[Record]) -> None:
        self.rows = rows
        register = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length", 0))
                form = self.rfile.read(length).decode()
                query = {name: values[0] for name, values in parse_qs(parts.query or form).items()}
                if self.headers.get("X-API-Key") != KEY:
                    return self.answer(401, b"{}", {})
                body, headers = register.answers[parts.path.strip("/")](query)
                return self.answer(200, body, headers)

            do_POST = do_GET  # noqa: N815 - the standard library's names

            def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
                for name, value in given.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.answers: dict[str, Callable[[dict[str, str]], tuple[bytes, dict[str, str]]]] = {
            "list": self.list,
            "keyset": self.keyset,
            "windows": self.windows,
            "ndjson": self.ndjson,
            "xml": self.xml,
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def page(self, query: dict[str, str], rows: list[Record]) -> dict[str, Any]:
        size = int(query.get("size", len(rows)))
        start = (int(query["page"]) - 1) * size if "page" in query else int(query.get("offset", 0))
        more = start + size if start + size < len(rows) else None
        return {"code": 0, "total": len(rows), "data": rows[start : start + size], "more": more}

    def list(self, query: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        found = self.page(query, self.rows)
        headers = {}
        if found["more"] is not None:
            found["next"] = f"/list?offset={found['more']}&size={self.SIZE}"
            headers = {"X-Next": str(found["more"]), "Link": f'<{found["next"]}>; rel="next"'}
        return json.dumps(found, ensure_ascii=False).encode(), headers

    def keyset(self, query: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        after = int(query.get("after", -1))
        found = [row for row in self.rows if row["group"] >= after][: self.SIZE]
        return json.dumps({"code": 0, "data": found}).encode(), {}

    def windows(self, query: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        begin, end = int(query["from"]), int(query["to"])
        assert end - begin <= timedelta(days=2) / timedelta(milliseconds=1)
        found = self.page(query, [row for row in self.rows if begin <= row["at"] < end])
        return json.dumps(found, ensure_ascii=False).encode(), {}

    def ndjson(self, query: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        rows = self.page(query, self.rows)["data"]
        body = "".join(json.dumps(row) + "\r\n" for row in rows).encode()
        return body, {"Content-Type": "application/x-ndjson"}

    def xml(self, query: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        found = self.page(query, self.rows)
        rows = "".join(
            "<HoSo>" + "".join(f"<{name}>{value}</{name}>" for name, value in row.items()) + "</HoSo>"
            for row in found["data"]
        )
        body = f"<KetQua><code>0</code><total>{found['total']}</total>{rows}</KetQua>".encode()
        return body, {"Content-Type": "text/xml; charset=utf-8"}


LISTED = RestSource(path="list", records="data", envelope=Envelope(code_path="code"), params={"size": "10"})
PAGED = PagePaging(size=10, total_path="total")
WINDOWED = TimeWindows(from_param="from", to_param="to", start="2025-07-31", days=2, form="epoch-ms")
PAGES: dict[str, RestSource] = {
    "page": replace(LISTED, paging=PAGED),
    "offset": replace(LISTED, paging=OffsetPaging(limit_param="size", size=10)),
    "cursor": replace(LISTED, paging=CursorPaging(cursor_path="more", cursor_param="offset")),
    "cursor-header": replace(LISTED, paging=CursorPaging(cursor_header="X-Next", cursor_param="offset")),
    "link-header": replace(LISTED, paging=LinkHeaderPaging()),
    "next-link": replace(LISTED, paging=NextLinkPaging()),
    "form": replace(LISTED, params={}, method="POST", params_in="form", body={"size": 10}, paging=PAGED),
    "keyset": replace(
        LISTED, path="keyset", paging=KeysetPaging(key="group", key_param="after", asks="from", size=10)
    ),
    "windows": replace(LISTED, path="windows", params={}, paging=WINDOWED),
    "windows-page": replace(
        LISTED, path="windows", params={}, paging=replace(WINDOWED, paging=PagePaging(size=5))
    ),
    "ndjson": RestSource(path="ndjson", format="ndjson", paging=PagePaging(size=10)),
    "xml": RestSource(
        path="xml", format="xml", records="KetQua.HoSo", envelope=Envelope(code_path="code"), paging=PAGED
    ),
    "stream-page": replace(LISTED, stream=True, paging=PAGED),
}
STREAMS: dict[str, RestSource] = {
    "json": replace(LISTED, stream=True, params={}),
    "ndjson": RestSource(path="ndjson", format="ndjson", stream=True),
    "xml": RestSource(
        path="xml", format="xml", records="KetQua.HoSo", stream=True, envelope=Envelope(code_path="code")
    ),
}


class Registered(SourceConformance):
    """What the two suites have in common."""

    asks_each_page = True

    cursor = "at"
    since_inclusive = True

    @pytest.fixture
    def connection(self, register: Register) -> Connection:
        host = f"http://127.0.0.1:{register.server.server_port}"
        return Connection("register", "lienthong_rest", host, extra={"auth": "api-key", "token": KEY})

    @pytest.fixture
    def faults(self, connection: Connection) -> Mapping[str, Connection]:
        return {
            "unreachable": replace(connection, host=f"http://127.0.0.1:{refused_port()}"),
            "unauthenticated": replace(connection, extra={"auth": "api-key", "token": "wr0ng-key"}),
        }

    @pytest.fixture
    def expected(self, register: Register, settings: RestSource) -> list[Record]:
        if settings.format == "xml":
            return [{name: str(value) for name, value in row.items()} for row in register.rows]
        return register.rows


@pytest.fixture(scope="module")
def short() -> Iterator[Register]:
    register = Register([record(n) for n in range(33)])
    yield register
    register.close()


@pytest.fixture(scope="module")
def long() -> Iterator[Register]:
    register = Register([record(n, times=400) for n in range(83)])
    yield register
    register.close()


class TestPages(Registered):
    """Thirty-three records in pages of ten, in every way that pages are found."""

    page_bound = 10

    @pytest.fixture
    def register(self, short: Register) -> Register:
        return short

    @pytest.fixture(params=PAGES)
    def settings(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RestSource:
        now = BEGIN + timedelta(days=9)
        monkeypatch.setattr("lienthong_connectors.rest.paging_windows.now", lambda: now)
        return PAGES[request.param]


class TestStreams(Registered):
    """One answer of a few hundred kilobytes, in every format, handed on in pieces."""

    page_bound = 40

    @pytest.fixture
    def register(self, long: Register) -> Register:
        return long

    @pytest.fixture(params=STREAMS)
    def settings(self, request: pytest.FixtureRequest) -> RestSource:
        return STREAMS[request.param]
