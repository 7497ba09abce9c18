"""How far a connection gets: name, port, TLS, our certificate, credential."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lienthong.connector import Finding
from lienthong.errors import LienThongError

if TYPE_CHECKING:
    from lienthong_connectors.http.client import Client
    from lienthong_connectors.http.tls import Tls

_SECONDS = 10.0
_SOON = 30


def probe(client: Client) -> list[Finding]:
    """Return findings up to the first step that fails. Behind a proxy only the credential is tested."""
    parts = urlsplit(client.base)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    findings = [_transport(parts.scheme, host)]
    if not client.proxied:
        for step in (_name, _port):
            findings.append(step(host, port))
            if not findings[-1].ok:
                return findings
        if parts.scheme == "https":
            findings.append(_tls(host, port, client.tls))
            if not findings[-1].ok:
                return findings
            days = client.tls.own_days()
            if days is not None:
                findings.append(_identity(days))
    return [*findings, _credential(client)]


def _transport(scheme: str, host: str) -> Finding:
    if scheme == "https" or _is_loopback(host):
        return Finding("transport", ok=True, detail=scheme)
    return Finding(
        "transport", ok=False, detail="http without TLS", hint="ask the agency for an https address"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str, port: int) -> Finding:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Finding(
            "name", ok=False, detail=f"{host} has no address", hint="check the host and the name service"
        )
    return Finding("name", ok=True, detail=f"{len(found)} addresses")


def _port(host: str, port: int) -> Finding:
    started = time.monotonic()
    try:
        with socket.create_connection((host, port), _SECONDS):
            spent = round((time.monotonic() - started) * 1000)
    except OSError as error:
        hint = "check port and firewall; is our address on the agency's list?"
        return Finding("port", ok=False, detail=f"port {port}: {type(error).__name__}", hint=hint)
    return Finding("port", ok=True, detail=f"port {port} in {spent} ms")


def _tls(host: str, port: int, tls: Tls) -> Finding:
    try:
        with (
            socket.create_connection((host, port), _SECONDS) as plain,
            tls.context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            left = _days_left(secured)
            return Finding(
                "tls",
                ok=True,
                detail=f"{secured.version()}, certificate valid for {left} more days",
                hint="tell the agency that its certificate is about to expire" if left < _SOON else "",
            )
    except ssl.SSLError as error:
        failure = tls.failure(error, where=host)
        return Finding("tls", ok=False, detail=failure.message, hint=failure.hint)
    except OSError as error:
        hint = "check port, firewall and proxy: the connection was cut while TLS was agreed"
        return Finding("tls", ok=False, detail=type(error).__name__, hint=hint)


def _identity(days: int) -> Finding:
    """Judge our own certificate; whether it is taken, only a request shows."""
    renew = "ask the authority for a new certificate"
    if days < 0:
        return Finding("client-certificate", ok=False, detail=f"expired {-days} days ago", hint=renew)
    detail = f"valid for {days} more days"
    return Finding("client-certificate", ok=True, detail=detail, hint=renew if days < _SOON else "")


def _days_left(secured: ssl.SSLSocket) -> int:
    certificate = secured.getpeercert() or {}
    ends = (
        ssl.cert_time_to_seconds(str(certificate["notAfter"])) if "notAfter" in certificate else time.time()
    )
    return int((ends - time.time()) // 86_400)


def _credential(client: Client) -> Finding:
    try:
        fetched = client.auth.prove()
    except LienThongError as error:
        return Finding("credential", ok=False, detail=error.message, hint=error.hint)
    return Finding("credential", ok=True, detail="obtained" if fetched else "nothing to obtain")
