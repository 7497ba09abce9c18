"""Checking a connection without side effects: name, port, TLS, credential, description, service."""

from __future__ import annotations

from typing import Any

from lienthong.connector import Finding
from lienthong.errors import LienThongError
from lienthong_connectors.http.probe import probe
from lienthong_connectors.soap.service import Request, Service


def findings(service: Service, *requests: Request) -> list[Finding]:
    """Return findings up to the first step that fails; no operation is called."""
    wire: Any = service.wire
    found = probe(wire)
    if all(finding.ok for finding in found):
        found.append(_described(service, requests))
    if found[-1].ok and not service.remote:
        found.append(_answers(service))
    return found


def _described(service: Service, requests: tuple[Request, ...]) -> Finding:
    """Read the description and check every request against it."""
    try:
        operations = [request.operation for request in requests]
    except LienThongError as error:
        return Finding("description", ok=False, detail=f"{error.where}: {error.message}", hint=error.hint)
    source = "WSDL" if service.location else "no WSDL, requests are built plainly"
    names = ", ".join(f"{one.name} (SOAP {one.version})" for one in operations)
    return Finding("description", ok=True, detail=f"{source}: {names}")


def _answers(service: Service) -> Finding:
    """Send a GET, which calls nothing; a service may well refuse it, but not for who we are."""
    try:
        status = service.wire.ping()
    except LienThongError as error:
        return Finding("service", ok=False, detail=error.message, hint=error.hint)
    return Finding("service", ok=True, detail=f"answers a GET with {status}")
