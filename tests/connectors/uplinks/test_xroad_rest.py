"""The REST protocol on the wire: what a Security Server sees, and what we accept from one."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    Unavailable,
)
from lienthong.records import canonical, sha256
from lienthong_connectors.rest import RestSource, RestTarget

HOPS = {
    *("connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding"),
    *("user-agent", "x-road-request-hash", "x-road-request-id"),
}
CLIENT = "VN/GOV/H21/LIENTHONG"
PARTIES = {
    "uplink": "xroad",
    "xroad_client": CLIENT,
    "xroad_provider": "VN/GOV/G01/Dân cư",
    "xroad_service": "dm/dc",
    "xroad_user_id": "VN012345",
    "xroad_issue": "HS-1",
    "xroad_represented_party": "COM/123",
    "xroad_security_server": "VN/GOV/G01/ss1",
    "xroad_rest_hash": "verify",
}
SERVICE = "VN/GOV/G01/D%C3%A2n%20c%C6%B0/dm%2Fdc"


@dataclass
class Peer:
    """A Security Server's side of the wire; ``answer`` overrides headers (None: left out) and status."""

    port: int = 0
    status: int = 200
    answer: dict[str, str | None] = field(default_factory=dict)
    body: bytes = b"[]"
    seen: list[tuple[str, str, list[tuple[str, str]]]] = field(default_factory=list)

    def connection(self, **extra: Any) -> Connection:
        host = f"http://127.0.0.1:{self.port}"
        return Connection("x", "lienthong_rest", host=host, extra=PARTIES | extra)

    def read(self, **extra: Any) -> list[Any]:
        source = RestSource(path="/list", params={"q": "a b"}).open_source(
            self.connection(**extra), Context()
        )
        try:
            return [record for page in source.read(ReadRequest()) for record in page.records]
        finally:
            source.close()

    def deliver(self, **extra: Any) -> Any:
        target = RestTarget(path="/take").open_target(self.connection(**extra), Context())
        data = canonical({"id": 1})
        try:
            return target.deliver(Batch(sha256(data), [data], ("id",)))
        finally:
            target.close()

    def headers(
        self, method: str, path: str, given: list[tuple[str, str]], body: bytes
    ) -> dict[str, str | None]:
        """Return the headers of PR-REST section 4.3, the hash over the request as it came."""
        kept = [f"{k}:{v}" for k, v in given if k.lower() not in HOPS]
        lines = [method, path, *kept, "X-Road-Request-Id:req-1"]
        digest = hashlib.sha512("".join(f"{line}\r\n" for line in lines).encode()).digest()
        if body:
            digest = hashlib.sha512(digest + hashlib.sha512(body).digest()).digest()
        return {
            "x-road-id": dict(given).get("X-Road-Id"),
            "x-road-client": CLIENT,
            "x-road-service": SERVICE,
            "x-road-request-id": "req-1",
            "x-road-request-hash": base64.b64encode(digest).decode(),
        }


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A peer on loopback that sees headers in their order and spelling."""
    found = Peer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            given = list(self.headers.items())
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.seen.append((self.command, self.path, given))
            headers = found.headers(self.command, self.path, given, body) | found.answer
            self.send_response(found.status)
            for name, value in headers.items():
                if value is not None:
                    self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            body = b"{}" if self.command == "POST" and found.body == b"[]" else found.body
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_OPTIONS = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_what_a_security_server_sees(peer: Peer) -> None:
    """The service's id in the path, encoded part by part; every header that the connection asks for."""
    peer.read()
    peer.deliver()
    (method, path, given), (posted, to, _) = peer.seen
    headers = dict(given)
    assert (method, path) == ("GET", f"/r1/{SERVICE}/list?q=a+b")
    assert (posted, to) == ("POST", f"/r1/{SERVICE}/take")
    assert headers["X-Road-Client"] == CLIENT
    assert headers["X-Road-UserId"] == "VN012345"
    assert headers["X-Road-Issue"] == "HS-1"
    assert headers["X-Road-Represented-Party"] == "COM/123"
    assert headers["X-Road-Security-Server"] == "VN/GOV/G01/ss1"
    ids = [dict(given)["X-Road-Id"] for _, _, given in peer.seen]
    assert len(set(ids)) == 2
    assert all(len(one) == 36 for one in ids)


def test_the_requests_hash_is_recomputed(peer: Peer) -> None:
    """Our own computation agrees with the receiver's, with a body and without, and any other is refused."""
    assert peer.read() == []
    assert peer.deliver().acknowledged == 1
    other = base64.b64encode(hashlib.sha512(b"other").digest()).decode()
    peer.answer = {"x-road-request-hash": other}
    with pytest.raises(ProtocolViolation, match="X-Road-Request-Hash"):
        peer.read()
    assert peer.read(xroad_rest_hash="shape") == []


@pytest.mark.parametrize(
    "answer",
    [
        {"x-road-id": "another"},
        {"x-road-id": None},
        {"x-road-service": "VN/GOV/G01/other/dmdc"},
        {"x-road-service": None},
        {"x-road-client": "VN/GOV/H22/OTHER"},
        {"x-road-request-hash": "4c519cf0-0e5e"},
        {"x-road-request-hash": base64.b64encode(b"short").decode()},
    ],
)
def test_an_answer_to_another_request_is_refused(peer: Peer, answer: dict[str, str | None]) -> None:
    """A read is a violation of the protocol; of a delivery nobody knows what became."""
    peer.answer = answer
    with pytest.raises(ProtocolViolation, match="answer"):
        peer.read(xroad_rest_hash="shape")
    with pytest.raises(OutcomeUnknown, match="it may be another's"):
        peer.deliver(xroad_rest_hash="shape")


@pytest.mark.parametrize(
    ("code", "status", "read", "delivery"),
    [
        ("Server.ServerProxy.AccessDenied", 500, Forbidden, Forbidden),
        ("Client.BadRequest", 400, Misconfigured, Misconfigured),
        ("Server.ServerProxy.ServiceFailed.HttpError", 500, Unavailable, OutcomeUnknown),
        ("Server.ClientProxy.OutdatedGlobalConf", 500, Unavailable, Unavailable),
        ("evil\x85code <script>", 500, Unavailable, OutcomeUnknown),
    ],
)
def test_errors_of_security_servers(
    peer: Peer, code: str, status: int, read: type[LienThongError], delivery: type[LienThongError]
) -> None:
    """The header says that it is X-Road's error; the error id helps its administrator, the text stays out."""
    peer.status, peer.answer = status, {"x-road-error": code, "x-road-id": None}
    peer.body = json.dumps(
        {"type": code, "message": "secret host 10.0.0.1", "detail": "3c4d0f08-440f"}
    ).encode()
    with pytest.raises(read) as caught:
        peer.read()
    assert type(caught.value) is read
    assert "3c4d0f08-440f" in str(caught.value)
    assert "10.0.0.1" not in str(caught.value)
    assert "script" not in str(caught.value)
    with pytest.raises(delivery) as caught:
        peer.deliver()
    assert type(caught.value) is delivery


def test_a_services_own_error_passes_through(peer: Peer) -> None:
    """With X-Road's headers and without X-Road-Error an error is the service's, and judged as such."""
    peer.status, peer.body = 403, b'{"message": "khong duoc"}'
    with pytest.raises(Forbidden, match="khong duoc") as caught:
        peer.read()
    assert not caught.value.details.get("hop")


@pytest.mark.parametrize(("status", "kind"), [(404, Misconfigured), (502, Unavailable)])
def test_what_answers_without_x_roads_headers_is_no_security_server(
    peer: Peer, status: int, kind: type[LienThongError]
) -> None:
    """A web server in between is named as the place of the error."""
    peer.status, peer.answer = status, {"x-road-id": None}
    with pytest.raises(kind, match="does not come from a Security Server"):
        peer.read()


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"xroad_client": ""}, "xroad_client"),
        ({"xroad_provider": "VN/GOV"}, "xroad_provider"),
        ({"xroad_service": ""}, "xroad_service"),
        ({"xroad_rest_hash": "maybe"}, "xroad_rest_hash"),
        ({"xroad_user_id": "a\r\nb"}, "xroad_user_id"),
        ({"xroad_security_server": "VN/GOV/G01"}, "xroad_security_server"),
        ({"xroad_represented_party": "a/b/c"}, "xroad_represented_party"),
        ({"uplink": "carrier-pigeon"}, "uplink"),
        ({"uplink_auth": "magic"}, "uplink_auth"),
        ({"uplink_auth": "oauth2"}, "uplink_login"),
        ({"uplink_host": "ftp://x"}, "uplink_host"),
    ],
)
def test_a_field_that_does_not_hold_is_named(peer: Peer, extra: dict[str, str], field: str) -> None:
    """Nothing is sent before the connection makes sense."""
    with pytest.raises(Misconfigured) as caught:
        peer.read(**extra)
    assert field in str(caught.value)
    assert not peer.seen
