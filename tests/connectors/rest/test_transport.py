"""Whatever the other side does, the caller gets the right error in bounded time and memory."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import json
import socket
import ssl
import time
import zlib
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lienthong.connector import Batch, Connection, Context
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
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.fields import base_url
from lienthong_connectors.http.transport import Limits, Streamed
from lienthong_connectors.rest import RestSource, RestTarget

ROWS = [{"id": n} for n in range(50)]
SOURCE = RestSource(path="rows")
TARGET = RestTarget(path="rows")
PATIENCE = 30  # seconds in which even a busy machine notices the end of 0.4 seconds


def test_nobody_there_is_unavailable_for_a_delivery_too() -> None:
    """Nothing left, so nothing can have been taken."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for host in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid"):
        target = TARGET.open_target(Connection("c", "lienthong_rest", host), _context())
        with pytest.raises(Unavailable, match="no connection"):
            target.deliver(_batch())
        target.close()


def drip_body(asked: Any, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n")
    for _ in range(PATIENCE * 40):  # until nobody reads it any more
        connection.sendall(b" ")
        time.sleep(0.05)


def drip_without_length(asked: Any, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[]")
    for _ in range(PATIENCE * 40):  # until nobody reads it any more
        connection.sendall(b" ")
        time.sleep(0.05)


def silence(asked: Any, connection: socket.socket) -> None:
    time.sleep(PATIENCE * 2)


@pytest.mark.parametrize("drip", [drip_without_length, silence])
def test_a_slow_drip_ends_at_the_deadline(agency: Any, drip: Any) -> None:
    """Each byte arrives in time, all of them together do not."""
    agency.default = drip
    started = time.monotonic()
    with pytest.raises(TimedOut):
        agency.read(RestSource(path="rows", deadline=0.4))
    with pytest.raises(OutcomeUnknown, match="deadline"):
        agency.target(RestTarget(path="rows", deadline=0.4)).deliver(agency.batch(*ROWS))
    assert time.monotonic() - started < PATIENCE


def test_silence_ends_after_the_idle_timeout(agency: Any) -> None:
    agency.default = silence
    started = time.monotonic()
    with pytest.raises(TimedOut):
        agency.read(RestSource(path="rows", timeout=0.3))
    assert time.monotonic() - started < PATIENCE


def test_closing_a_source_ends_what_is_under_way(agency: Any) -> None:
    """A cancelled task does not wait for a page that nobody wants any more."""
    agency.default = silence
    source = agency.source(SOURCE)
    pages = source._pool.submit(source._fetcher.page, {}, {}, {})
    while not agency.asked:
        time.sleep(0.01)
    started = time.monotonic()
    source.close()
    with pytest.raises(LienThongError):
        pages.result(timeout=PATIENCE)
    assert time.monotonic() - started < PATIENCE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw", "twice"])
def test_compressed_answers_are_read(agency: Any, coding: str) -> None:
    plain = json.dumps(ROWS).encode()
    raw = {
        "gzip": gzip.compress(plain[:100], mtime=0) + gzip.compress(plain[100:]),
        "deflate": zlib.compress(plain),
        "raw": zlib.compress(plain, wbits=-15),
        "twice": gzip.compress(zlib.compress(plain), mtime=0),
    }[coding]
    name = {"raw": "deflate", "twice": "deflate, gzip"}.get(coding, coding)
    agency.default = agency.response(raw=raw, headers={"Content-Encoding": name})
    assert len(agency.ids(agency.read(SOURCE))) == 50


@pytest.mark.parametrize(
    ("raw", "coding", "kind"),
    [
        (gzip.compress(b" " * 50_000_000, mtime=0), "gzip", ProtocolViolation),
        (gzip.compress(b"[]" * 100, mtime=0)[:-9], "gzip", Unavailable),
        (b"not compressed", "gzip", ProtocolViolation),
        (b"[]", "compress", ProtocolViolation),
        (b"[" + b" " * 20_000 + b"]", "", ProtocolViolation),
    ],
)
def test_too_large_too_short_and_unknown_codings_are_refused(
    agency: Any, raw: bytes, coding: str, kind: type[LienThongError]
) -> None:
    """A small answer that grows without bound, above all."""
    agency.default = agency.response(raw=raw, headers={"Content-Encoding": coding})
    with pytest.raises(kind):
        agency.read(RestSource(path="rows", max_answer_bytes=10_000))


@pytest.mark.parametrize(
    ("raw", "coding"),
    [
        (gzip.compress(b" " * 5_000_000, mtime=0), "gzip"),
        (gzip.compress(b"[]" * 100, mtime=0)[:-9], "gzip"),
        (b"not compressed", "gzip"),
        (b" " * 20_000, ""),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_an_unreadable_answer_to_a_delivery_leaves_it_in_doubt(
    agency: Any, status: int, raw: bytes, coding: str
) -> None:
    """A success, or a failure half way, that cannot be read does not say that nothing was taken."""
    agency.default = agency.response(raw=raw, status=status, headers={"Content-Encoding": coding})
    with pytest.raises(OutcomeUnknown):
        agency.target(RestTarget(path="rows", max_answer_bytes=10_000)).deliver(agency.batch(*ROWS))


def test_a_body_can_be_written_as_a_stream(agency: Any) -> None:
    """Pieces of known length travel with Content-Length; a renewed credential writes them anew."""
    token = agency.response({"access_token": "t", "expires_in": 60})
    agency.steps = [token, agency.response({}, status=401), token, agency.response([])]
    connection = agency.connection(auth="oauth2", token_url="/token", login="id", password="secret")
    client = Client(connection, agency.context(), Limits())
    body = Streamed(lambda: iter((b"<a>", b"1" * 100_000, b"</a>")), length=100_007)
    with client.stream(Call("POST", "in", body=body, safe=False)) as incoming:
        assert incoming.status == 200
        assert b"".join(incoming.chunks()) == b"[]"
    client.close()
    sent = [asked for asked in agency.asked if asked.path == "/api/in"]
    assert [asked.body for asked in sent] == [b"<a>" + b"1" * 100_000 + b"</a>"] * 2
    assert all(asked.headers["content-length"] == "100007" for asked in sent)


def _later(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        (600, 500, 600),
        (-60, None, None),  # a moment that is over, or no time at all: our own schedule decides
        ("0", None, None),
        ("soon", None, None),
        ("-3", None, None),
        ("99999999999", 365 * 86_400, 365 * 86_400),
        ("Tue, 99 Foo 2025 00:00:00 GMT", None, None),
        ("", None, None),
    ],
)
@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, Unavailable)])
def test_retry_after_is_understood_in_both_forms(
    agency: Any, status: int, kind: type[LienThongError], value: str | int, low: Any, high: Any
) -> None:
    """A number stands for a date so many seconds from now."""
    text = _later(value) if isinstance(value, int) else value
    agency.default = agency.response({"m": 1}, status=status, headers={"Retry-After": text})
    with pytest.raises(kind) as caught:
        agency.read(SOURCE)
    wait = caught.value.retry_after  # type: ignore[attr-defined]
    assert wait is None if low is None else low <= wait <= high


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRejected),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, RequestRejected),
        (408, TimedOut),
        (422, RequestRejected),
        (500, Unavailable),
        (501, RequestRejected),
        (504, Unavailable),
    ],
)
def test_statuses_of_pages(agency: Any, status: int, kind: type[LienThongError]) -> None:
    agency.default = agency.response({"code": "E7", "message": "Sai tham số"}, status=status)
    with pytest.raises(kind) as caught:
        agency.read(SOURCE)
    if status != 408:
        assert "Sai tham số" in str(caught.value) or status == 401


def test_an_html_error_page_does_not_reach_the_message(agency: Any) -> None:
    agency.default = agency.response(raw=b"<html>secret stack trace</html>", status=500)
    with pytest.raises(Unavailable) as caught:
        agency.read(SOURCE)
    assert "secret" not in str(caught.value)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agency")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret


def test_tls_is_verified_against_the_authorities_given(agency: Any, tmp_path: Path) -> None:
    """An unknown certificate is never accepted, whatever the connection says."""
    certificate, secret = _certificate(tmp_path)
    agency.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    agency.tls.load_cert_chain(certificate, secret)
    agency.default = agency.response(ROWS)
    with pytest.raises(Misconfigured, match="TLS"):
        agency.read(SOURCE, verify=False, ssl_verify="false")
    with pytest.raises(Misconfigured, match="TLS"):
        agency.target(TARGET).deliver(agency.batch(*ROWS))
    assert len(agency.ids(agency.read(SOURCE, ca_file=str(certificate)))) == 50
    findings = {f.check: f for f in agency.source(SOURCE, ca_file=str(certificate)).check()}
    assert findings["tls"].ok
    assert "8 more days" in findings["tls"].detail
    assert findings["tls"].hint
    agency.default = drip_body
    with pytest.raises(TimedOut):
        agency.read(RestSource(path="rows", deadline=0.4), ca_file=str(certificate))
    assert not {f.check: f for f in agency.source(SOURCE).check()}["tls"].ok
    with pytest.raises(Misconfigured):
        agency.read(SOURCE, ca_file=str(tmp_path / "missing.pem"))


def test_log_lines_carry_no_query_value_body_or_key(agency: Any) -> None:
    agency.default = agency.response([{"id": "064123456789"}])
    agency.read(RestSource(path="rows", params={"cccd": "064123456789"}), auth="bearer", token="tok-secret")
    agency.target(RestTarget(path="rows/{key}", mode="single")).deliver(agency.batch({"id": "064999999999"}))
    text = "\n".join(agency.lines)
    assert "GET /rows -> 200, 24 B" in agency.lines[0]
    assert "correlation=" in text
    for secret in ("064123456789", "064999999999", "tok-secret", "cccd"):
        assert secret not in text


def test_the_correlation_id_of_the_log_reaches_the_agency(agency: Any) -> None:
    agency.default = agency.response(ROWS)
    agency.read(SOURCE)
    assert agency.asked[0].headers["x-request-id"] in agency.lines[0]


@pytest.mark.parametrize(
    "host", ["ftp://x", "https://u:p@x", "https://x?y=1", "http://", "https://x:port", ""]
)
def test_an_address_that_is_no_address_is_named(host: str) -> None:
    with pytest.raises(Misconfigured, match="host"):
        SOURCE.open_source(Connection("c", "lienthong_rest", host), _context())


def test_a_host_name_with_port_and_schema_is_an_address() -> None:
    assert base_url(Connection("c", "k", "a.vn", 8443)) == "https://a.vn:8443"
    assert base_url(Connection("c", "k", "a.vn", schema="http")) == "http://a.vn"
    assert base_url(Connection("c", "k", "https://a.vn/x/", 9)) == "https://a.vn:9/x"
    assert base_url(Connection("c", "k", "http://[::1]:8")) == "http://[::1]:8"


def _context() -> Any:
    return Context(log=lambda _: None)


def _batch() -> Any:
    return Batch("a" * 64, [b'{"id":1}'], ("id",))
