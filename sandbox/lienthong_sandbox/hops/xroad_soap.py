"""The SOAP protocol as a Security Server reads and writes it (PR-MESS sections 2.2 to 2.5)."""

from __future__ import annotations

import base64
import copy
import hashlib
from dataclasses import dataclass
from uuid import uuid4
from xml.sax.saxutils import escape

from lxml import etree

from lienthong_sandbox.hops.xroad_rest import XRoadError

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
_SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: who calls which service of whom, and the header as it came."""

    client: str
    provider: str
    code: str
    id: str
    header: etree._Element
    body: etree._Element


def parsed(raw: bytes) -> etree._Element:
    """Return an envelope; nothing is resolved and nothing fetched."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError:
        raise XRoadError("Client.InvalidXml", "malformed XML") from None


def asked(raw: bytes) -> Asked:
    """Read a request; raise :class:`XRoadError` where a header field is missing or the Body is wrong."""
    root = parsed(raw)
    header, body = root.find(f"{{{SOAP}}}Header"), root.find(f"{{{SOAP}}}Body")
    if header is None or body is None or len(body) != 1:
        raise XRoadError("Client.MissingHeader", "Malformed SOAP message: header missing")
    for name in ("client", "service", "id", "protocolVersion"):
        if len(header.findall(f"{{{XROAD}}}{name}")) != 1:
            raise XRoadError("Client.MissingHeaderField", f"Required field '{name}' is missing")
    version = header.findtext(f"{{{XROAD}}}protocolVersion") or ""
    if not version.startswith("4."):
        raise XRoadError("Client.InvalidProtocolVersion", "Invalid protocol version")
    service = header.find(f"{{{XROAD}}}service")
    code = _part(service, "serviceCode")
    if etree.QName(body[0]).localname != code:
        raise XRoadError("Client.InvalidBody", "Body does not match service code")
    return Asked(
        _member(header.find(f"{{{XROAD}}}client")),
        _member(service),
        code,
        header.findtext(f"{{{XROAD}}}id") or "",
        header,
        body,
    )


def answered(answer: bytes, call: Asked, sent: bytes, *, wrong: bool = False) -> bytes:
    """Return a service's envelope with the request's header blocks, and the request's hash."""
    root = parsed(answer)
    header = root.find(f"{{{SOAP}}}Header")
    if header is None:
        header = etree.Element(f"{{{SOAP}}}Header")
        root.insert(0, header)
    for block in call.header:
        header.append(copy.deepcopy(block))
    if wrong:
        header.findall(f"{{{XROAD}}}id")[0].text = str(uuid4())
    digest = etree.SubElement(header, f"{{{XROAD}}}requestHash", algorithmId=_SHA512)
    digest.text = base64.b64encode(hashlib.sha512(sent).digest()).decode()
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def fault(error: XRoadError) -> bytes:
    """Return the fault of a Security Server."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault>'
        f"<faultcode>{escape(error.code)}</faultcode><faultstring>{escape(error.text)}</faultstring>"
        f'<faultactor></faultactor><detail><faultDetail xmlns="">{error.id}</faultDetail></detail>'
        f"</s:Fault></s:Body></s:Envelope>"
    ).encode()


def _part(element: etree._Element | None, name: str) -> str:
    return (element.findtext(f"{{{IDENTIFIERS}}}{name}") or "") if element is not None else ""


def _member(element: etree._Element | None) -> str:
    names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
    return "/".join(part for part in (_part(element, name) for name in names) if part)
