"""Mutual TLS against nginx, and against a server that refuses by an alert of TLS 1.3."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import counterparts
import pytest
from authority import Authority, Issued

from lienthong.connector import Batch, Connection, Context, Finding, ReadRequest
from lienthong.errors import Misconfigured
from lienthong_connectors.rest import RestSource, RestTarget
from lienthong_connectors.soap import SoapSource

PASSWORD = "mật khẩu 1"
BATCH = Batch("a" * 64, [b'{"id":1}'], ("id",))
SOURCE = RestSource(path="rows")
_SERVER = """
ssl_certificate {server.certificate}; ssl_certificate_key {server.key};
ssl_client_certificate {ca}; ssl_verify_client on;
default_type application/json;
location / {{ return 200 '[{{"id": 1}}]'; }}
"""


@dataclass(frozen=True)
class Province:
    """The agency's authority with its server's and our certificate, and an authority that nobody knows."""

    agency: Authority
    other: Authority
    ours: Issued
    server: Issued


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    folder = tmp_path_factory.mktemp("authority")
    agency, other = Authority(folder, "agency"), Authority(folder, "other")
    return Province(agency, other, agency.issue("lienthong"), agency.issue("server"))


Serve = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def nginx(province: Province, tmp_path: Path) -> Serve:
    """Start nginx that demands certificates of the agency's authority, with this certificate of its own."""

    @contextmanager
    def start(server: Issued | None = None) -> Iterator[int]:
        text = _SERVER.format(server=server or province.server, ca=province.agency.file)
        with counterparts.nginx(text, tmp_path, tls=True) as port:
            yield port

    return start


def _connection(port: int, province: Province, host: str = "127.0.0.1", **extra: Any) -> Connection:
    given = {"ca_file": str(province.agency.file)} | {name: str(value) for name, value in extra.items()}
    return Connection("agency", "lienthong_rest", f"https://{host}:{port}/api", extra=given)


def _read(connection: Connection) -> list[Any]:
    source = SOURCE.open_source(connection, Context())
    try:
        return [record for page in source.read(ReadRequest()) for record in page.records]
    finally:
        source.close()


def _deliver(connection: Connection) -> None:
    target = RestTarget(path="x").open_target(connection, Context())
    try:
        target.deliver(BATCH)
    finally:
        target.close()


def _check(connection: Connection, settings: Any = SOURCE) -> dict[str, Finding]:
    source = settings.open_source(connection, Context())
    try:
        return {finding.check: finding for finding in source.check()}
    finally:
        source.close()


FORMS: dict[str, Callable[[Province], dict[str, Any]]] = {
    "pem": lambda p: {"client_certificate": p.ours.certificate, "client_key": p.ours.key},
    "pem-encrypted": lambda p: {
        "client_certificate": p.ours.certificate,
        "client_key": p.ours.encrypted_key(PASSWORD),
        "client_key_password": PASSWORD,
    },
    "pkcs12": lambda p: {
        "client_certificate": p.ours.pkcs12(PASSWORD, p.agency.root),
        "client_key_password": PASSWORD,
    },
    "pkcs12-open": lambda p: {"client_certificate": p.ours.pkcs12("")},
}


@pytest.mark.parametrize("form", FORMS)
def test_our_certificate_is_taken_in_every_form(nginx: Serve, province: Province, form: str) -> None:
    with nginx() as port:
        connection = _connection(port, province, **FORMS[form](province))
        assert _read(connection) == [{"id": 1}]
        found = _check(connection)
        assert all(finding.ok for finding in found.values())
        assert "10 more days" in found["client-certificate"].detail


def test_no_certificate_is_said_to_be_asked_for(nginx: Serve, province: Province) -> None:
    """Also of a delivery, which nginx turns away before anybody takes it."""
    with nginx() as port:
        connection = _connection(port, province)
        for attempt in (_read, _deliver):
            with pytest.raises(Misconfigured, match="asks for a client certificate") as caught:
                attempt(connection)
            assert "client_certificate" in caught.value.hint
        found = _check(connection)
        assert found["tls"].ok
        assert "asks for a client certificate" in found["path"].detail


def test_soap_says_the_same(nginx: Serve, province: Province) -> None:
    """The SOAP connector uses the same client: a certificate is taken, and asked for where there is none."""
    settings = SoapSource(operation="get", record_element="item")
    with nginx() as port:
        found = _check(_connection(port, province, **FORMS["pkcs12"](province)), settings)
        assert all(finding.ok for finding in found.values())
        assert "client-certificate" in found
        connection = _connection(port, province)
        found = _check(connection, settings)
        assert not found["service"].ok
        assert "asks for a client certificate" in found["service"].detail
        source = settings.open_source(connection, Context())
        with pytest.raises(Misconfigured, match="asks for a client certificate"):
            list(source.read(ReadRequest()))
        source.close()


def test_a_certificate_of_a_foreign_authority_is_refused(nginx: Serve, province: Province) -> None:
    foreign = province.other.issue("foreign")
    with nginx() as port:
        given = {"client_certificate": foreign.certificate, "client_key": foreign.key}
        connection = _connection(port, province, **given)
        with pytest.raises(Misconfigured, match="refuses our client certificate"):
            _read(connection)
        found = _check(connection)
        assert found["client-certificate"].ok
        assert "refuses our client certificate" in found["path"].detail
        assert "ask the agency" in found["path"].hint


def test_a_certificate_of_ours_that_expired_is_named(nginx: Serve, province: Province) -> None:
    """Nginx does not say why it refuses; the date in our own file does."""
    old = province.agency.issue("old", days=-2)
    with nginx() as port:
        connection = _connection(port, province, client_certificate=old.certificate, client_key=old.key)
        with pytest.raises(Misconfigured, match=r"refuses our client certificate: it expired 2 days ago"):
            _deliver(connection)
        finding = _check(connection)["client-certificate"]
        assert (finding.ok, finding.detail) == (False, "expired 2 days ago")
        assert "new certificate" in finding.hint


@pytest.mark.parametrize("settings", [SOURCE, SoapSource(operation="get", record_element="item")])
@pytest.mark.parametrize(
    ("server", "host", "cause"),
    [
        ({"address": "other.gov.vn"}, "127.0.0.1", "the system's certificate is for another"),
        ({"address": "other.gov.vn"}, "localhost", "the system's certificate is for another name"),
        ({"days": -1}, "127.0.0.1", "the system's certificate has expired"),
    ],
    ids=["address", "name", "expired"],
)
def test_a_server_that_is_not_who_it_says_is_named(
    nginx: Serve, province: Province, server: dict[str, Any], host: str, cause: str, settings: Any
) -> None:
    """Nothing is sent, and the check names the same cause."""
    with nginx(province.agency.issue("bad-server", **server)) as port:
        connection = _connection(port, province, host, **FORMS["pem"](province))
        source = settings.open_source(connection, Context())
        with pytest.raises(Misconfigured, match=cause):
            list(source.read(ReadRequest()))
        source.close()
        with pytest.raises(Misconfigured, match=cause):
            _deliver(connection)
        finding = _check(connection, settings)["tls"]
        assert not finding.ok
        assert cause in finding.detail
        assert finding.hint


def test_only_the_authorities_of_ca_file_are_believed(nginx: Serve, province: Province) -> None:
    """The public authorities are not believed beside them."""
    with nginx() as port:
        other = {"ca_file": province.other.file, **FORMS["pem"](province)}
        with pytest.raises(Misconfigured, match="authority that is not trusted"):
            _read(_connection(port, province, **other))
        public = Connection("agency", "lienthong_rest", f"https://127.0.0.1:{port}/api")
        with pytest.raises(Misconfigured, match="authority that is not trusted"):
            _read(public)


def test_requests_adds_no_public_authority_to_ours(nginx: Serve, province: Province) -> None:
    """After a request the context still holds what ca_file holds and nothing else."""
    from lienthong_connectors.http.call import Call
    from lienthong_connectors.http.client import Client
    from lienthong_connectors.http.transport import Limits

    with nginx() as port:
        client = Client(_connection(port, province, **FORMS["pem"](province)), Context(), Limits())
        assert client.call(Call("GET", "rows")).reply.status == 200
        client.close()
    (known,) = client.tls.context.get_ca_certs()
    assert known["subject"] == ((("commonName", "agency"),),)


def test_a_proxy_changes_nothing_of_it(nginx: Serve, province: Province) -> None:
    """Through a tunnel ours is shown, theirs is verified; asking for the tunnel is not sending a request."""
    with nginx() as port, _tunnel() as (proxy, asked):
        given = {"proxy": f"http://127.0.0.1:{proxy}", **FORMS["pkcs12"](province)}
        assert _read(_connection(port, province, **given)) == [{"id": 1}]
        with pytest.raises(Misconfigured, match="authority that is not trusted"):
            _deliver(_connection(port, province, **given, ca_file=province.other.file))
    assert [line.rpartition(" ")[0] for line in asked] == [f"CONNECT 127.0.0.1:{port}"] * 2


@contextmanager
def _tunnel() -> Iterator[tuple[int, list[str]]]:
    """Serve a proxy that knows CONNECT only; yield its port and what it was asked."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_tunnel_all, args=(listener, asked), daemon=True)
        thread.start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _tunnel_all(listener: socket.socket, asked: list[str]) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        with near:
            head = near.recv(65536).decode()
            asked.append(head.splitlines()[0])
            host, _, port = head.split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as far:
                near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                _pump(near, far)


def _pump(near: socket.socket, far: socket.socket) -> None:
    with selectors.DefaultSelector() as waiting, contextlib.suppress(OSError):
        waiting.register(near, selectors.EVENT_READ, far)
        waiting.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in waiting.select(10):
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)


def test_a_key_from_pkcs12_is_never_in_a_file_in_clear(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What OpenSSL is given is encrypted, readable by us alone, and gone afterwards."""
    from lienthong_connectors.http.tls import Tls

    seen: list[tuple[Path, str, int]] = []
    load = ssl.SSLContext.load_cert_chain

    def spy(self: ssl.SSLContext, file: str, *args: Any, **kwargs: Any) -> None:
        seen.append((Path(file), Path(file).read_text(), Path(file).stat().st_mode & 0o777))
        load(self, file, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    assert Tls(certificate=str(province.ours.pkcs12(PASSWORD)), password=PASSWORD).context
    ((file, text, mode),) = seen
    assert text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert text.count("PRIVATE KEY") == 2
    assert mode == 0o600
    assert not file.exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda p: {"client_certificate": "/nowhere.pem"}, "client_certificate"),
        (lambda p: FORMS["pem"](p) | {"client_key": "/nowhere.pem"}, "client_key"),
        (lambda p: FORMS["pem"](p) | {"client_key": p.server.key}, "client_certificate"),
        (lambda p: FORMS["pem-encrypted"](p) | {"client_key_password": "wrong"}, "client_certificate"),
        (lambda p: FORMS["pem-encrypted"](p) | {"client_key_password": ""}, "client_certificate"),
        (lambda p: FORMS["pkcs12"](p) | {"client_key_password": "wrong"}, "client_certificate"),
        (lambda p: {"ca_file": "/nowhere.pem"}, "ca_file"),
        (lambda p: {"ca_file": p.ours.key}, "ca_file"),
    ],
    ids=[
        "no-file", "no-key", "other-key", "wrong-password", "no-password", "wrong-pkcs12-password", "no-ca",
        "no-ca-in-file",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_before_anything_leaves(
    province: Province, change: Callable[[Province], dict[str, Any]], name: str
) -> None:
    """The message names the field, and neither the password nor the key."""
    connection = _connection(9, province, **change(province))
    with pytest.raises(Misconfigured, match=rf"connection field '{name}' cannot be used: \w") as caught:
        SOURCE.open_source(connection, Context())
    assert PASSWORD not in str(caught.value) + repr(caught.value)
    assert "wrong'" not in repr(caught.value)


@contextmanager
def _strict_server(province: Province) -> Iterator[int]:
    """Serve TLS 1.3 that ends with an alert where the client's certificate does not hold."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(province.server.certificate, province.server.key)
    context.load_verify_locations(province.agency.file)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secured:
            with contextlib.suppress(OSError):
                secured.do_handshake()
            with contextlib.suppress(OSError):
                while os.read(secured.fileno(), 4096):  # as servers do, so that the alert is not lost
                    pass


@pytest.mark.parametrize(
    ("extra", "cause"),
    [
        (lambda p: {}, "asks for a client certificate"),
        (
            lambda p: _files(p.other.issue("stranger")),
            "does not know the authority of our client certificate",
        ),
        (lambda p: _files(p.agency.issue("old", days=-3)), "has expired: it expired 3 days ago"),
    ],
    ids=["none", "foreign", "expired"],
)
def test_an_alert_after_the_request_left_means_that_nothing_was_taken(
    province: Province, extra: Callable[[Province], dict[str, Any]], cause: str
) -> None:
    """In TLS 1.3 the refusal comes when the request is on its way: the delivery is not in doubt."""
    with _strict_server(province) as port:
        connection = _connection(port, province, **extra(province))
        for attempt in (_read, _deliver):
            with pytest.raises(Misconfigured, match=cause):
                attempt(connection)


def _files(issued: Issued) -> dict[str, Any]:
    return {"client_certificate": issued.certificate, "client_key": issued.key}


def test_the_password_is_in_no_representation(province: Province) -> None:
    from lienthong_connectors.http.tls import Tls

    connection = _connection(9, province, **FORMS["pkcs12"](province))
    assert PASSWORD not in repr(connection) + repr(Tls.of(connection)) + json.dumps(str(Tls.of(connection)))
