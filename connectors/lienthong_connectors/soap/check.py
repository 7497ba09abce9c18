"""Checking a connection without side effects: name, port, TLS, credential, description, service."""

from __future__ import annotations

from lienthong.connector import Finding
from lienthong.errors import (
    Forbidden,
    LienThongError,
    ProtocolViolation,
    RequestRejected,
    SignatureInvalid,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.http.dialects import DancuHash
from lienthong_connectors.http.probe import THIS_MACHINE, failed, passed, probe
from lienthong_connectors.http.trouble import SERVICE
from lienthong_connectors.soap.faults import fault_error, read_fault
from lienthong_connectors.soap.service import Request, Service
from lienthong_connectors.soap.transport import SPEAKING

_SAYS_LITTLE = (ProtocolViolation, RequestRejected, SignatureInvalid, Unavailable)
_MOST_LINES = 40
_STRANGER = (Unauthenticated, Forbidden)


def findings(service: Service, *requests: Request) -> list[Finding]:
    """Return findings up to the first step that fails; no operation is called."""
    found = probe(service.wire.client)
    if all(finding.ok for finding in found):
        found += _described(service, requests)
    if found[-1].ok:
        found += _spoken(service, requests[0])
    if service.pinned and any(finding.check == "description" and finding.ok for finding in found):
        found.append(_drift(service))
    return found


def _spoken(service: Service, request: Request) -> list[Finding]:
    """Speak with the service, as far as the way to it allows, without calling an operation."""
    client = service.wire.client
    said = client.route.check(client, service.settings.operation)
    if said is not None:
        return said
    if service.wire.identified or client.route.gateway:
        return _known(service, request)
    return [] if service.remote else _answers(service)


def _described(service: Service, requests: tuple[Request, ...]) -> list[Finding]:
    """Read the description and check every request against it."""
    place = SERVICE if service.remote else THIS_MACHINE
    try:
        operations = [request.operation for request in requests]
    except LienThongError as error:
        if error.details.get("hop"):
            return failed(service.wire.client, "description", error)
        detail = f"{error.where}: {error.message}"
        return [Finding("description", ok=False, detail=detail, hint=error.hint, hop=place)]
    source = "WSDL" if service.location else "no WSDL, requests are built plainly"
    names = ", ".join(f"{one.name} (SOAP {one.version})" for one in operations)
    return [Finding("description", ok=True, detail=f"{source}: {names}", hop=place)]


def _drift(service: Service) -> Finding:
    """Compare the pinned description with the one that the service offers today."""
    from lienthong_connectors.soap.drift import changes, live
    from lienthong_connectors.soap.wsdl import understood

    pinned = service.description
    assert pinned is not None  # noqa: S101 - asked for pinned descriptions only
    try:
        offered = live(pinned.documents, service.wire.url, service.wire.get)
        lines = changes(pinned, understood(offered))
    except LienThongError as error:
        said = f"not compared, the service's own WSDL cannot be used: {error.message}"
        return Finding("drift", ok=True, detail=said, hop=SERVICE)
    if lines:
        detail = "\n       ".join(
            [f"the service's WSDL differs in {len(lines)} points:", *lines[:_MOST_LINES]]
        )
        hint = (
            "ask the agency what is planned; then keep the new WSDL (lienthong wsdl URL --fetch) and pin it"
        )
        return Finding("drift", ok=False, detail=detail, hint=hint, hop=SERVICE)
    same = offered.digest == pinned.documents.digest
    said = (
        "the service offers the pinned WSDL"
        if same
        else "the service's WSDL is written anew, and says the same"
    )
    return Finding("drift", ok=True, detail=said, hop=SERVICE)


def _answers(service: Service) -> list[Finding]:
    """Send a GET, which calls nothing; a service may well refuse it, but not for who we are."""
    try:
        status = service.wire.ping()
    except LienThongError as error:
        return failed(service.wire.client, "service", error)
    return _fine(service, f"answers a GET with {status}")


def _known(service: Service, request: Request) -> list[Finding]:
    """Call an operation that there is not, as ourselves and as nobody, and compare the answers.

    Many services look at credentials only when they are sent an envelope. An answer to ourselves
    proves that ours were accepted only where the service turns strangers away.
    """
    client = service.wire.client
    try:
        said = _knock(service, request)
    except LienThongError as error:
        if (
            isinstance(error, _STRANGER)
            and not error.details.get("hop")
            and isinstance(client.auth, DancuHash)
        ):
            hint = "check login, password, sv_url and this machine's clock, then ask the agency"
            error.hint = "; ".join(filter(None, (hint, str(error.details.get("clock") or ""))))
        return failed(client, "service", error)
    if not service.wire.identified:
        return _fine(service, said)
    try:
        _knock(service, request, anonymous=True)
    except _STRANGER:
        return _fine(service, f"{said}; credentials accepted, a stranger is turned away")
    except LienThongError:
        pass
    hint = "the service answers strangers as well: only a real request shows whether it knows us"
    return _fine(service, f"{said}; credentials not contradicted", hint)


def _fine(service: Service, detail: str, hint: str = "") -> list[Finding]:
    return [*passed(service.wire.client), Finding("service", ok=True, detail=detail, hint=hint, hop=SERVICE)]


def _knock(service: Service, request: Request, *, anonymous: bool = False) -> str:
    """Return what a service says to a call of nothing; raise where it does not speak with us at all."""
    answering = service.knock(request, anonymous=anonymous)
    try:
        answering.whole()
    except _SAYS_LITTLE:
        status = answering.status
        if not status or status in SPEAKING or 300 <= status < 400:
            raise
        return f"answers an unknown operation with {status}"
    if answering.fault is None:
        return f"answers an unknown operation with {answering.status}"
    error = fault_error(read_fault(answering.fault), service.settings.faults, where=service.where)
    if isinstance(error, Unauthenticated):
        raise error
    return f"answers an unknown operation with fault {error.details['agency_code']}"
