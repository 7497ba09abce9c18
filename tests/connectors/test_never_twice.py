"""A delivery that may have been taken is asked about, never sent again: from the answer to the journal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from memory_bus import Bench, memory_bench, unit

from lienthong import Delivery, Target
from lienthong.connector import Connection
from lienthong.pipeline import RunRequest, run_exchange
from lienthong_connectors.rest import RestTarget, StatusLookup
from lienthong_connectors.soap import ResultCodes, SoapTarget, StatusQuery

SPACE = "http://schemas.xmlsoap.org/soap/envelope/"
AM_FAULT = b'<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>101504</am:code></am:fault>'
CODES = ResultCodes(path="code", acknowledged=("00",), absent=("04",))


def envelope(code: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SPACE}"><s:Body><r><code>{code}</code></r></s:Body></s:Envelope>'.encode()


class Service:
    """Takes what it is sent, and answers the first time as a gateway does that lost the answer."""

    def __init__(self, status: int, media: str, body: bytes, *, takes: bool = True) -> None:
        self.first: Any = (status, media, body)
        self.takes, self.sent, self.asked, self.kept = takes, 0, 0, False

    def answer(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        soap = b"Envelope" in body
        if b"<ask" in body or b":ask" in body or path.endswith("/ask"):
            self.asked += 1
            if soap:
                return 200, "text/xml", envelope("00" if self.kept else "04")
            return (200, "application/json", b'{"there": true}') if self.kept else (404, "", b"")
        self.sent += 1
        first, self.first = self.first, None
        self.kept = self.kept or self.takes or first is None
        return first or (200, "text/xml" if soap else "application/json", envelope("00") if soap else b"{}")


@contextmanager
def serving(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, media, answer = service.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with memory_bench(tmp_path) as found:
        found.source.offers = [unit(1)]
        yield found


REST = RestTarget(path="put", status=StatusLookup(path="ask", per="batch"))
SOAP = SoapTarget(
    operation="put",
    namespace="urn:t",
    request={"n": "$key"},
    result=CODES,
    status=StatusQuery(operation="ask", request={"n": "$key"}),
)
DOUBTFUL = [
    (500, "text/xml", b""),
    (502, "application/xml", AM_FAULT),
    (504, "application/soap+xml", AM_FAULT),
    (504, "text/xml", envelope("00")[:-9]),
    (503, "text/html", b"<html/>"),
    (408, "text/html", b"<html/>"),
    (302, "", b""),
    (200, "text/html", b"<html>login</html>"),
    (202, "", b""),
    (999, "", b""),
]


def run(bench: Bench, settings: Any, host: str) -> dict[str, int]:
    kind = f"lienthong_{settings.kind}"
    bench.bus.connections = lambda name: Connection(name, "memory" if name == "source" else kind, host=host)
    plan = bench.plan(target=Target("target", settings), delivery=Delivery(attempts=3))
    settled = run_exchange(bench.bus, plan, RunRequest("r1"), sleep=lambda _: None)
    return {name: count for name, count in settled.counts.items() if count}


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("first", DOUBTFUL)
@pytest.mark.parametrize("settings", [REST, SOAP])
def test_what_may_have_been_taken_is_asked_about(
    bench: Bench, settings: Any, first: Any, takes: bool
) -> None:
    """One effect, whether the first request was taken or not; sent again only where the target says so."""
    service = Service(*first, takes=takes)
    with serving(service) as host:
        assert run(bench, settings, host) == {"pulled": 1, "acknowledged": 1}
    assert (service.sent, service.asked) == (1 if takes else 2, 1)


@pytest.mark.parametrize("settings", [REST, SOAP])
def test_what_was_surely_not_taken_is_sent_again_without_a_question(bench: Bench, settings: Any) -> None:
    service = Service(429, "text/html", b"<html/>", takes=False)
    with serving(service) as host:
        assert run(bench, settings, host) == {"pulled": 1, "acknowledged": 1}
    assert (service.sent, service.asked) == (2, 0)
