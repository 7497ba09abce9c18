"""A check of a SOAP service behind a Security Server, by the metadata services alone (PR-META).

Over the SOAP protocol a Security Server passes on nothing but operations that its provider has
registered, so nobody can knock at the service itself. ``allowedMethods`` shows whether both Security
Servers work and let us call the operation, ``getWsdl`` whether the service behind them answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lienthong.connector import Finding
from lienthong.errors import LienThongError, ProtocolViolation
from lienthong_connectors.http.probe import failed, passed
from lienthong_connectors.http.trouble import FAR_GATEWAY, SERVICE
from lienthong_connectors.xroad.faults import FAR, trouble_of
from lienthong_connectors.xroad.metadata import soap_methods, wsdl

if TYPE_CHECKING:
    from lienthong_connectors.http.client import Client
    from lienthong_connectors.xroad.soap import SoapWay


def check(client: Client, way: SoapWay, operation: str) -> list[Finding]:
    """Return what the metadata services say of an operation; the operation itself is not called."""
    service = way.parties.service(operation)
    try:
        allowed = {one.code for one in soap_methods(client, way, way.parties.provider, allowed=True)}
        known = {one.code for one in soap_methods(client, way, way.parties.provider)}
    except LienThongError as error:
        return failed(client, "route", error)
    if service.code not in allowed:
        trouble = trouble_of(f"{FAR}.{'AccessDenied' if service.code in known else 'UnknownService'}")
        assert trouble is not None  # noqa: S101 - both are in the table
        far = way.place(FAR_GATEWAY)
        return failed(client, "route", trouble.error(service.code, place=far, where=client.where, safe=True))
    try:
        size = len(wsdl(client, way, way.parties.provider, service.code, service.version))
    except ProtocolViolation as error:
        said = f"allowed; not shown whether it answers, as its WSDL cannot be had: {error.message}"
    except LienThongError as error:
        return failed(client, "service", error)
    else:
        said = f"allowed; gives its WSDL ({size} B)"
    return [*passed(client), Finding("service", ok=True, detail=said, hop=SERVICE)]
