"""The metadata services: who is there, what they offer, how it is described (PR-META, PR-MREST)."""

from __future__ import annotations

from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, Response

from lienthong_sandbox import soap
from lienthong_sandbox.hops.xroad_rest import XRoadError
from lienthong_sandbox.hops.xroad_soap import IDENTIFIERS, SOAP, XROAD, Asked, answered

SOAP_METHODS = frozenset({"listMethods", "allowedMethods", "getWsdl"})
"""SOAP metadata services."""
_PARTS = ("instance", "member_class", "member_code", "subsystem_code")
_NAMES = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
_BOUNDARY = "lienthong-sandbox-part"


def clients(found: list[str], *, json: bool) -> Response:
    """Return the list of clients, as JSON or as XML."""
    if json:
        member = [{"id": _json_id(one, "SUBSYSTEM"), "name": one.split("/")[2]} for one in found]
        return JSONResponse({"member": member})
    inner = "".join(
        f'<x:member><x:id i:objectType="SUBSYSTEM">{_parts(one)}</x:id>'
        f"<x:name>{escape(one.split('/')[2])}</x:name></x:member>"
        for one in found
    )
    text = f'<x:clientList xmlns:x="{XROAD}" xmlns:i="{IDENTIFIERS}">{inner}</x:clientList>'
    return Response(text, media_type="text/xml; charset=utf-8")


def rest_methods(provider: str, codes: list[str]) -> Response:
    """Return a provider's REST services and their endpoints."""
    paths = {"dmdc": "/Category/*", "dancu": "/"}
    service = [
        {
            **_json_id(provider, "SERVICE"),
            "service_code": code,
            "service_type": "OPENAPI" if code == "dmdc" else "REST",
            "endpoint_list": [{"method": "*", "path": paths.get(code, "/**")}],
        }
        for code in codes
    ]
    return JSONResponse({"service": service})


def openapi(code: str) -> Response | None:
    """Return the description of a REST service, None where it has none."""
    if code != "dmdc":
        return None
    answer = {"200": {"description": "rows", "content": {"application/json": {"schema": {"type": "object"}}}}}
    path = {"get": {"operationId": "getCategory", "summary": "Rows of a shared list", "responses": answer}}
    info = {"title": "Danh mục dùng chung", "version": "1.0.0"}
    return JSONResponse({"openapi": "3.0.0", "info": info, "paths": {"/Category/{list}": path}})


def soap_answer(call: Asked, sent: bytes, codes: list[str]) -> Response:
    """Return the answer of a SOAP metadata service."""
    kind = "text/xml; charset=utf-8"
    if call.code != "getWsdl":
        services = "".join(
            f'<x:service i:objectType="SERVICE">{_parts(call.provider)}'
            f"<i:serviceCode>{escape(code)}</i:serviceCode></x:service>"
            for code in codes
        )
        return Response(_enveloped(_element(call.code, services), call, sent), media_type=kind)
    wanted = call.body[0].findtext(f"{{{XROAD}}}serviceCode") or ""
    if wanted not in codes:
        raise XRoadError("Server.ServerProxy.UnknownService", "Unknown service")
    inner = _element(call.code, f"<x:serviceCode>{escape(wanted)}</x:serviceCode>")
    wsdl = soap.wsdl_file("dancu.wsdl").replace(
        b"http://127.0.0.1:18080/dancu/soap", b"http://example.org/xroad-endpoint"
    )
    return _multipart(_enveloped(inner, call, sent), wsdl)


def _element(code: str, inner: str) -> str:
    return f'<x:{code}Response xmlns:x="{XROAD}" xmlns:i="{IDENTIFIERS}">{inner}</x:{code}Response>'


def _multipart(root: bytes, attachment: bytes) -> Response:
    front = f"--{_BOUNDARY}\r\n".encode()
    body = b"".join(
        (
            *(
                front,
                b"Content-Type: text/xml\r\nContent-ID: <rootpart>\r\n\r\n",
                root,
                b"\r\n",
            ),
            *(front, b"Content-Type: text/xml\r\nContent-ID: <wsdl>\r\n\r\n", attachment, b"\r\n"),
            f"--{_BOUNDARY}--\r\n".encode(),
        )
    )
    kind = f'multipart/related; type="text/xml"; start="<rootpart>"; boundary="{_BOUNDARY}"'
    return Response(body, headers={"Content-Type": kind})


def _enveloped(inner: str, call: Asked, sent: bytes) -> bytes:
    text = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{inner}</s:Body></s:Envelope>'
    return answered(text.encode(), call, sent)


def _json_id(text: str, kind: str) -> dict[str, str]:
    parts = dict(zip(("xroad_instance", *_PARTS[1:]), text.split("/"), strict=False))
    return {"object_type": kind, **parts}


def _parts(text: str) -> str:
    pairs = zip(_NAMES, text.split("/"), strict=False)
    return "".join(f"<i:{name}>{escape(value)}</i:{name}>" for name, value in pairs)
