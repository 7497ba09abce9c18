"""How far a connection gets: name, port, TLS, our certificate, credential."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lienthong.connector import Finding
from lienthong.errors import LienThongError, Unauthenticated
from lienthong_connectors.http.trouble import GATEWAY, SERVICE

if TYPE_CHECKING:
    from lienthong_connectors.http.auth import Dialect
    from lienthong_connectors.http.client import Client
    from lienthong_connectors.http.tls import Tls

_SECONDS = 10.0
_SOON = 30


THIS_MACHINE = "this machine"
"""Where a connection begins, in the words of checks."""


def probe(client: Client) -> list[Finding]:
    """Return findings up to the first step that fails. Behind a proxy only credentials are tested.

    Name, port and TLS are those of the first hop: the gateway, or the service itself.
    """
    first = client.route.place(GATEWAY)
    parts = urlsplit(client.base)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    findings = [replace(_transport(parts.scheme, host), hop=THIS_MACHINE)]
    if not client.proxied:
        for step in (_name, _port):
            findings.append(replace(step(host, port), hop=first))
            if not findings[-1].ok:
                return findings
        if parts.scheme == "https":
            findings.append(replace(_tls(host, port, client.tls), hop=first))
            if not findings[-1].ok:
                return findings
            days = client.tls.own_days()
            if days is not None:
                findings.append(replace(_identity(days), hop=THIS_MACHINE))
    if client.route.gateway:
        findings.append(replace(_credential(client.route.credential), hop=first))
        if not findings[-1].ok:
            return findings
    return [*findings, replace(_credential(client.auth), hop=SERVICE)]


def passed(client: Client, failing: str = SERVICE) -> list[Finding]:
    """Return one finding for each gateway that has passed a request on, up to the hop that fails."""
    hops = client.route.hops
    before = hops[: hops.index(failing)] if failing in hops else hops
    return [Finding("route", ok=True, detail="passes the request on", hop=hop) for hop in before]


def failed(client: Client, check: str, error: LienThongError) -> list[Finding]:
    """Return what an error of a request says: which hops passed it on, and which one fails.

    ``check`` names the step where the service itself is what fails.
    """
    hop = str(error.details.get("hop") or SERVICE)
    if client.route.gateway:
        stranger = isinstance(error, Unauthenticated) and hop == SERVICE
        check = str(error.details.get("step") or ("credential" if stranger else check))
    said = Finding(
        check, ok=False, detail=error.message, hint=error.hint, hop=hop, vi=str(error.details.get("vi") or "")
    )
    return [*passed(client, hop), said]


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


def _credential(credential: Dialect) -> Finding:
    try:
        fetched = credential.prove()
    except LienThongError as error:
        return Finding("credential", ok=False, detail=error.message, hint=error.hint)
    return Finding("credential", ok=True, detail="obtained" if fetched else "nothing to obtain")
