"""Servers that answer as they are told, connections to them, and a running sandbox."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import Connection
from lienthong_sandbox import Province

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"


@dataclass
class Told:
    """What the server answers next, and what it was asked."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/xml; charset=utf-8"})
    body: bytes = b""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    act: Callable[[Any], None] | None = None
    server: Any = None

    def connection(self, **extra: Any) -> Connection:
        login, password = extra.pop("login", ""), extra.pop("password", "")
        return Connection(
            id="told", kind="lienthong_soap", host=self.url, login=login, password=password, extra=extra
        )

    def envelope(self, inner: str, version: str = SOAP11) -> None:
        self.body = envelope(inner, version)

    def reply(self, handler: Any, inner: str, header: str) -> None:
        """Answer with an envelope of SOAP 1.1 that has a Header."""
        body = envelope(inner).replace(b"<s:Body>", f"<s:Header>{header}</s:Header><s:Body>".encode())
        handler.send_response(200)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def envelope(inner: str, version: str = SOAP11) -> bytes:
    return f'<s:Envelope xmlns:s="{version}"><s:Body>{inner}</s:Body></s:Envelope>'.encode()


@pytest.fixture
def told() -> Iterator[Told]:
    state = Told()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if state.act is not None:
                state.act(self)
                return
            status, headers, answer = (
                state.answers.pop(0) if state.answers else (state.status, state.headers, state.body)
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815 - the standard library's name

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.server = server
    state.url = f"http://127.0.0.1:{server.server_port}/svc"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context for 127.0.0.1 with a certificate of its own, and that certificate's file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "k.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem", folder / "k.pem")
    return context, str(folder / "c.pem")


@pytest.fixture(scope="session")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    with Province(tmp_path_factory.mktemp("province"), population=3000) as running:
        yield running


@pytest.fixture
def clean(province: Province) -> Iterator[Province]:
    province.clear_faults()
    yield province
    province.clear_faults()


def sandbox_connection(province: Province, name: str, **extra: Any) -> Connection:
    given = province.connections()[name]
    return Connection(
        id=name,
        kind=given["conn_type"],
        host=given["host"],
        login=given["login"],
        password=given["password"],
        extra={**given["extra"], **extra},
    )


@pytest.fixture(scope="session")
def wsdl_folder() -> Path:
    from importlib.resources import files

    return Path(str(files("lienthong_sandbox").joinpath("wsdl")))


@pytest.fixture(scope="session")
def tools() -> Any:
    """The helpers above, because tests without packages cannot import them."""
    return type(
        "Tools",
        (),
        {
            "envelope": staticmethod(envelope),
            "connection": staticmethod(sandbox_connection),
            "SOAP11": SOAP11,
            "SOAP12": SOAP12,
        },
    )
