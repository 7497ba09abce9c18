"""The wire: every way an exchange can go wrong ends in the error that says what to do next."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from typing import Any

import pytest

from lienthong.connector import Batch, Context, Page, Question, ReadRequest
from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.http import pace
from lienthong_connectors.soap import ResultCodes, SoapLookup, SoapSource, SoapTarget

OK = "<gotResponse xmlns='urn:t'><item><id>1</id></item><code>00</code></gotResponse>"
BATCH = Batch("ab" * 32, [b'{"id":"1"}'], ("id",), "t/1")


def read(told: Any, *, extra: dict[str, Any] | None = None, **options: Any) -> list[Page]:
    settings = SoapSource(
        **{
            "operation": "get",
            "namespace": "urn:t",
            "record_element": "item",
            "request": {"a": "1"},
            **options,
        }
    )
    source = settings.open_source(told.connection(**(extra or {})), Context())
    try:
        return list(source.read(ReadRequest()))
    finally:
        source.close()


def deliver(told: Any, **options: Any) -> Any:
    settings = SoapTarget(
        **{
            "operation": "put",
            "namespace": "urn:t",
            "request": {"id": "$record.id"},
            "result": ResultCodes(path="code", acknowledged=("00",)),
            **options,
        }
    )
    target = settings.open_target(told.connection(), Context())
    try:
        return target.deliver(BATCH)
    finally:
        target.close()


def test_soap_11_binding(told: Any, tools: Any) -> None:
    """SOAP 1.1 travels as text/xml with a quoted SOAPAction (SOAP 1.1 section 6.1.1)."""
    told.envelope(OK)
    assert read(told, action="urn:t:get")[0].records == [{"id": "1"}]
    path, headers, body = told.requests[0]
    assert path == "/svc"
    assert headers["content-type"] == "text/xml; charset=utf-8"
    assert headers["soapaction"] == '"urn:t:get"'
    assert tools.SOAP11.encode() in body
    assert b"<get xmlns" in body


def test_soap_12_binding(told: Any, tools: Any) -> None:
    """SOAP 1.2 travels as application/soap+xml with the action as a parameter (RFC 3902)."""
    told.envelope(OK, tools.SOAP12)
    told.headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
    assert read(told, action="urn:t:get", soap_version="1.2")[0].records == [{"id": "1"}]
    headers, body = told.requests[0][1:]
    assert headers["content-type"] == 'application/soap+xml; charset=utf-8; action="urn:t:get"'
    assert "soapaction" not in headers
    assert tools.SOAP12.encode() in body


def test_headers_of_connection_settings_and_soap(told: Any) -> None:
    """X-Road's HTTP header, an API key and SOAP headers reach the service."""
    told.envelope(OK)
    read(
        told,
        extra={"headers": '{"X-Road-Client": "VN/GOV/1/LGSP", "ApiKey": "k"}', "madonvi": "H21.129"},
        headers={"ESB_SOURCE_TYPE": "lgsp"},
        soap_headers={"{urn:x}client": {"memberCode": "$connection.madonvi"}},
    )
    headers, body = told.requests[0][1:]
    assert headers["x-road-client"] == "VN/GOV/1/LGSP"
    assert headers["apikey"] == "k"
    assert headers["esb_source_type"] == "lgsp"
    assert b"Header" in body
    assert b"memberCode>H21.129<" in body


STATUSES = [
    (401, Unauthenticated, Unauthenticated),
    (403, Forbidden, Forbidden),
    (404, RequestRejected, RequestRejected),
    (302, ProtocolViolation, OutcomeUnknown),
    (407, RequestRejected, OutcomeUnknown),
    (429, RateLimited, RateLimited),
    (500, Unavailable, OutcomeUnknown),
    (502, Unavailable, OutcomeUnknown),
    (503, Unavailable, OutcomeUnknown),
    (504, Unavailable, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "reading", "delivering"), STATUSES)
def test_statuses(told: Any, status: int, reading: type, delivering: type) -> None:
    """A status means its own error; a delivery's 5xx says nothing of whether it was taken."""
    told.status, told.headers, told.body = status, {"Content-Type": "text/html"}, b"<html>error</html>"
    with pytest.raises(reading):
        read(told)
    with pytest.raises(delivering):
        deliver(told)


@pytest.mark.parametrize(
    ("status", "reading", "delivering"), [(429, RateLimited, RateLimited), (503, Unavailable, OutcomeUnknown)]
)
def test_retry_after_is_handed_on(
    told: Any, status: int, reading: type[LienThongError], delivering: type[LienThongError]
) -> None:
    """Seconds that the service asks for are seconds that the pipeline waits, for deliveries too."""
    told.status, told.headers = status, {"Retry-After": "7", "Content-Type": "text/plain"}
    for act, error in ((read, reading), (deliver, delivering)):
        pace._paces.clear()  # each asks the service itself, and is not held back by what the other heard
        with pytest.raises(error) as caught:
            act(told)
        assert caught.value.retry_after == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("media", "said"),
    [
        ("text/html", r"not XML.*status 200"),
        ("application/json", r"not XML.*status 200"),
        ("multipart/related", "has attachments, which the settings do not expect"),
        ("", r"not XML.*status 200"),
    ],
)
def test_only_xml_is_read(told: Any, media: str, said: str) -> None:
    """A login page with status 200 is named; a delivery that gets one stays in doubt."""
    told.headers, told.body = ({"Content-Type": media} if media else {}), b"<html>please log in</html>"
    with pytest.raises(ProtocolViolation, match=said):
        read(told)
    with pytest.raises(OutcomeUnknown):
        deliver(told)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a/>",
        b"not xml",
        b'<Envelope xmlns="urn:other"><Body/></Envelope>',
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/></s:Envelope>',
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/><s:Body/></s:Envelope>',
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/><x/></s:Envelope>',
        b'<!DOCTYPE x><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
    ],
)
def test_what_is_no_envelope_is_refused(told: Any, body: bytes) -> None:
    """Neither another document nor an envelope with two Bodies is an answer."""
    told.body = body
    with pytest.raises(ProtocolViolation):
        read(told)
    with pytest.raises(OutcomeUnknown):
        deliver(told)


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("x-gzip", gzip.compress)]
)
def test_compressed_answers(told: Any, tools: Any, coding: str, pack: Any) -> None:
    """Answers with a content coding are undone on the way."""
    told.headers = {"Content-Type": "text/xml", "Content-Encoding": coding}
    told.body = pack(tools.envelope(OK))
    assert read(told)[0].records == [{"id": "1"}]
    told.body = told.body[:-9]
    with pytest.raises(Unavailable):
        read(told)
    told.body = b"not compressed at all"
    with pytest.raises(ProtocolViolation):
        read(told)


def test_an_unknown_coding_is_refused(told: Any) -> None:
    """A coding that was not asked for is not guessed at."""
    told.headers = {"Content-Type": "text/xml", "Content-Encoding": "br"}
    with pytest.raises(ProtocolViolation):
        read(told)


def test_an_answer_that_is_too_large_is_refused(told: Any) -> None:
    """The bound on answers holds whatever the length says."""
    told.envelope("<got>" + "<item><id>1</id></item>" * 5000 + "</got>")
    with pytest.raises(ProtocolViolation, match="larger than"):
        read(told, max_answer_bytes=50_000)


def test_nobody_listens(told: Any) -> None:
    """A refused connection means that nothing was sent, so a delivery may simply be repeated."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        told.url = f"http://127.0.0.1:{probe.getsockname()[1]}/x"
    for act in (read, deliver):
        with pytest.raises(Unavailable, match="no connection"):
            act(told)


def test_a_host_without_a_name(told: Any) -> None:
    """A name that does not resolve is a failure to connect."""
    told.url = "http://nothing.invalid/x"
    with pytest.raises(Unavailable, match="no connection"):
        deliver(told)


def test_an_answer_cut_in_the_middle(told: Any, tools: Any) -> None:
    """Records before the cut were handed on with a position, the rest is an ordinary failure."""
    whole = tools.envelope("<got>" + "<item><id>1</id></item>" * 5000 + "</got>")

    def half(handler: Any) -> None:
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(whole)
        )
        handler.wfile.write(whole[:90_000])
        handler.close_connection = True

    told.act = half
    settings = SoapSource(operation="get", namespace="urn:t", record_element="item")
    source = settings.open_source(told.connection(), Context())
    pages: list[Page] = []
    with pytest.raises(Unavailable):
        pages.extend(source.read(ReadRequest()))
    assert pages
    told.act = None
    told.body = whole
    rest = list(source.read(ReadRequest(position=pages[-1].position)))
    source.close()
    assert sum(len(page.records) for page in [*pages, *rest]) == 5000
    told.act = half
    with pytest.raises(OutcomeUnknown):
        deliver(told)


def test_no_answer_in_time(told: Any) -> None:
    """Silence after the request: a read timed out, a delivery is in doubt."""
    over = threading.Event()
    told.act = lambda _: over.wait(60)
    with pytest.raises(TimedOut):
        read(told, read_timeout=0.3)
    with pytest.raises(OutcomeUnknown):
        deliver(told, read_timeout=0.3)
    over.set()


def test_tls_is_always_verified(told: Any, tls: tuple[Any, str]) -> None:
    """An unknown authority is refused before anything is sent; ca_file names one to trust."""
    context, ca_file = tls
    told.envelope(OK)
    told.server.socket = context.wrap_socket(told.server.socket, server_side=True)
    told.url = told.url.replace("http://", "https://")
    with pytest.raises(Misconfigured, match="TLS could not be agreed"):
        read(told)
    with pytest.raises(Misconfigured, match="TLS could not be agreed"):
        deliver(told)
    assert told.requests == []
    assert read(told, extra={"ca_file": ca_file})[0].records == [{"id": "1"}]


def test_plain_http_behind_an_https_address(told: Any) -> None:
    """An https address that does not speak TLS is a matter of configuration."""
    told.url = told.url.replace("http://", "https://")
    with pytest.raises(Misconfigured):
        read(told)


def test_oauth2_token_is_renewed_once(told: Any, tools: Any) -> None:
    """A 401 fetches a fresh token and repeats the call once; a second 401 is final."""
    json = {"Content-Type": "application/json"}
    xml = {"Content-Type": "text/xml"}
    token = (200, json, b'{"access_token": "t1", "expires_in": 3600}')
    told.answers = [
        token,
        (401, json, b"{}"),
        (200, json, b'{"access_token": "t2"}'),
        (200, xml, tools.envelope(OK)),
    ]
    extra = {"auth": "oauth2", "token_url": f"{told.url}/token", "login": "id", "password": "secret"}
    assert read(told, extra=extra)[0].records == [{"id": "1"}]
    assert [r[1].get("authorization") for r in told.requests][1::2] == ["Bearer t1", "Bearer t2"]
    told.answers = [token, (401, json, b"{}"), token, (401, json, b"{}")]
    with pytest.raises(Unauthenticated):
        read(told, extra=extra)


def test_dancu_hash_is_fresh_for_every_request(told: Any) -> None:
    """Dialect C: Basic with the hash of path, user, milliseconds and secret, beside the timestamp."""
    import base64
    import hashlib

    told.envelope(OK)
    extra = {"auth": "dancu-hash", "login": "user", "password": "secret", "sv_url": "/sv"}
    before = time.time_ns() // 1_000_000
    read(told, extra=extra)
    time.sleep(0.005)
    read(told, extra=extra)
    stamps = []
    for _, headers, _ in told.requests:
        stamp = headers["timestamp"]
        stamps.append(stamp)
        expected = hashlib.sha256(f"/svuser{stamp}secret".encode()).hexdigest()
        assert (
            base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"user:{expected}"
        )
        assert 0 <= int(stamp) - before < 60_000
    assert stamps[0] != stamps[1]


def test_dancu_hash_takes_the_host_s_path_where_none_is_agreed(told: Any) -> None:
    """Without sv_url the path of the address is hashed."""
    import base64
    import hashlib

    told.envelope(OK)
    read(told, extra={"auth": "dancu-hash", "login": "u", "password": "p"})
    headers = told.requests[0][1]
    expected = hashlib.sha256(f"/svcu{headers['timestamp']}p".encode()).hexdigest()
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"u:{expected}"


@pytest.mark.parametrize("extra", [{"auth": "kerberos"}, {"auth": "dancu-hash"}, {"headers": "[1]"}])
def test_wrong_connections_are_named(told: Any, extra: dict[str, Any]) -> None:
    """A connection that cannot work says so when it is opened, naming itself."""
    with pytest.raises(Misconfigured, match="told"):
        read(told, extra=extra)


def test_log_lines_hold_neither_payload_nor_secret(told: Any) -> None:
    """What is logged is the operation, the status, sizes and times."""
    lines: list[str] = []
    told.envelope("<got><item><id>nguyen-van-a</id></item></got>")
    settings = SoapLookup(operation="get", namespace="urn:t", request={"id": "$record.id"})
    connection = told.connection(auth="basic", login="user", password="very-secret")
    opened = settings.open_lookup(connection, Context(log=lines.append))
    opened.ask(Question("q1", {"id": "079000000001"}, "cb", "tt", "md"))
    opened.close()
    assert len(lines) == 1
    assert "POST get -> 200" in lines[0]
    for word in ("079000000001", "very-secret", "nguyen-van-a"):
        assert word not in lines[0]
