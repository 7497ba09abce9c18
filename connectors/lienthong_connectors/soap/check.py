"""Checking a connection without side effects: name, port, TLS, description, credentials."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from lienthong.connector import Finding
from lienthong.errors import LienThongError
from lienthong_connectors.soap.service import Request, Service


def findings(service: Service, request: Request) -> list[Finding]:
    """Return what holds of an open service; its description was read when it was opened."""
    settings = service.settings
    found = [
        Finding(
            "settings", ok=True, detail=f"operation {settings.operation}, SOAP {request.operation.version}"
        ),
        Finding(
            "description", ok=True, detail="WSDL" if service.described else "none, requests are built plainly"
        ),
    ]
    reached = _attempt("network", lambda: _reach(service.wire), "check host, port, name service and firewall")
    found.append(reached)
    if reached.ok:
        found.append(
            _attempt("credentials", lambda: _prove(service.wire), "check login, password and token_url")
        )
    return found


def _attempt(check: str, act: Callable[[], str], hint: str) -> Finding:
    try:
        return Finding(check, ok=True, detail=act())
    except LienThongError as error:
        return Finding(check, ok=False, detail=error.message, hint=error.hint or hint)
    except (OSError, ValueError) as error:
        return Finding(check, ok=False, detail=type(error).__name__, hint=hint)


def _reach(wire: Any) -> str:
    """Open and close a socket, with TLS where the address has it."""
    parts = urlsplit(wire.url)
    host, secure = str(parts.hostname), parts.scheme == "https"
    if wire.proxied:
        return "not tried: the service is behind a proxy"
    with socket.create_connection((host, parts.port or (443 if secure else 80)), timeout=10) as plain:
        if not secure:
            return "TCP connection made"
        with wire.tls_context().wrap_socket(plain, server_hostname=host) as tls:
            return f"{tls.version()} agreed"


def _prove(wire: Any) -> str:
    return "a token was granted" if wire.auth.prove() else "cannot be tested without a call"
