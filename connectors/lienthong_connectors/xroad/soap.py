"""Message Protocol 4.0 for SOAP: header blocks, their echo and the request's hash (PR-MESS section 2)."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import requests
from lxml import etree

from lienthong.errors import LienThongError, Misconfigured, OutcomeUnknown, ProtocolViolation
from lienthong_connectors.http.transport import Streamed
from lienthong_connectors.xml.shape import TEXT_MEMBER
from lienthong_connectors.xroad.faults import CLIENT, side_of, trouble_of
from lienthong_connectors.xroad.identifiers import Member, ServiceId
from lienthong_connectors.xroad.rest import stranger
from lienthong_connectors.xroad.route import Parties, SecurityServer, message_id

if TYPE_CHECKING:
    from lienthong.connector import Finding
    from lienthong_connectors.http.call import Call
    from lienthong_connectors.http.client import Client
    from lienthong_connectors.http.transport import Incoming

XROAD: Final = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS: Final = "http://x-road.eu/xsd/identifiers"
REPRESENTATION: Final = "http://x-road.eu/xsd/representation.xsd"
PROTOCOL_VERSION: Final = "4.0"
_DIGESTS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha224": "sha224",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_MEMBER: Final = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
_PARTS: Final = (*_MEMBER, "serviceCode", "serviceVersion")
_XML: Final = ("text/xml", "application/xml", "application/soap+xml", "multipart/related")


class SoapWay(SecurityServer):
    """The way of SOAP envelopes: posted to the Security Server itself, which reads their headers."""

    namespaces = frozenset({XROAD, REPRESENTATION})

    def outgoing(self, call: Call) -> Call:
        """Post to the Security Server itself; the header blocks name the service. Absolute addresses stay."""
        if call.path.startswith(("http://", "https://")):
            return call
        if call.method != "POST":
            raise Misconfigured(
                "a Security Server passes nothing on but SOAP operations",
                where="connection extra 'xroad_protocol'",
                hint="keep the WSDL with lienthong xroad wsdl, and give the file as wsdl",
            )
        return dataclasses.replace(call, path="")

    def admit(self, operation: str, element: str, version: str, *, where: str) -> None:
        """Refuse what a Security Server refuses: SOAP 1.2, and a Body that is not the service's.

        It takes text/xml only, and compares the service code with the name of the Body's one element
        (PR-MESS sections 2.3 and 2.4).
        """
        code = self.parties.code or operation
        for wrong, what, hint in (
            (
                version != "1.1",
                f"X-Road carries SOAP 1.1 only, and this is SOAP {version}",
                'set soap_version="1.1", or use a port of the WSDL that has it',
            ),
            (
                code != operation,
                f"xroad_service {code!r} is not the operation {operation!r}",
                "leave xroad_service empty, or name the operation in both places",
            ),
            (
                not element.startswith(code),
                f"the Body's element {element!r} is not named like the service {code!r}",
                "a Security Server passes on document/literal wrapped operations only",
            ),
        ):
            if wrong:
                raise Misconfigured(what, where=where, hint=hint, hop=self.gateway)

    def blocks(self, operation: str) -> XRoadBlocks:
        """Return the header blocks of a request, under a fresh message id."""
        return XRoadBlocks(self, self.parties, self.parties.service(operation), message_id())

    def check(self, client: Client, operation: str) -> list[Finding]:
        """Ask the metadata services, which call no operation."""
        from lienthong_connectors.xroad.check import check

        return check(client, self, operation)

    def error(
        self,
        incoming: Incoming,
        request: requests.PreparedRequest,  # noqa: ARG002 - the envelope is judged by its blocks
        *,
        where: str,
        safe: bool,
    ) -> LienThongError | None:
        """Return what an answer without an envelope means: something before the Security Server spoke."""
        if incoming.status < 400 or incoming.header("Content-Type").startswith(_XML):
            return None
        return stranger(incoming, place=self.gateway, where=where, safe=safe)


class XRoadBlocks:
    """The header blocks of one request, and what its answer must be."""

    def __init__(self, way: SecurityServer, parties: Parties, service: ServiceId, id_: str) -> None:
        self._way, self._parties, self._service, self.id = way, parties, service, id_

    @property
    def elements(self) -> list[etree._Element]:
        """The blocks in their order (PR-MESS table 1, PR-TARGETSS, PR-THIRDPARTY)."""
        parties = self._parties
        made = [_member("client", parties.client), _service(self._service)]
        if parties.server:
            names = (*_PARTS[:3], "serverCode")
            made.append(
                _identifier("securityServer", "SERVER", tuple(zip(names, parties.server, strict=True)))
            )
        if parties.represented:
            made.append(_represented(parties.represented))
        texts = (("id", self.id), ("userId", parties.user), ("issue", parties.issue))
        for name, value in (*texts, ("protocolVersion", PROTOCOL_VERSION)):
            if value:
                element = etree.Element(f"{{{XROAD}}}{name}", nsmap={"xrd": XROAD})
                element.text = value
                made.append(element)
        return made

    @property
    def markup(self) -> list[str]:
        """The blocks, written."""
        return [etree.tostring(element, encoding="unicode") for element in self.elements]

    def judge(self, header: Any, fault: Any, sent: bytes | Streamed, *, where: str, delivery: bool) -> None:
        """Raise for a fault of a Security Server, and for an answer that is not to this request.

        Identifier, client and service must be those that were sent; ``requestHash``, where it is
        there, must be the hash of the request's envelope as it was sent, by the algorithm that it
        names. A service's own fault may come without blocks.
        """
        code = _fault_code(fault)
        if code:
            trouble = trouble_of(code)
            assert trouble is not None  # noqa: S101 - only X-Road's own codes come here
            raise trouble.error(code, place=self._way.place(trouble.hop), where=where, safe=not delivery)
        found = header.items() if isinstance(header, Mapping) else ()
        own = f"{{{XROAD}}}"
        blocks = {name.removeprefix(own): value for name, value in found if name.startswith(own)}
        if fault is not None and "id" not in blocks:
            return
        problem = self._mismatch(blocks, sent)
        if not problem:
            return
        hop = self._way.gateway
        if delivery:
            hint = "ask the target before repeating"
            raise OutcomeUnknown(
                f"{problem}: it may be another's", where=where, hint=hint, hop=hop, step="answer"
            )
        raise ProtocolViolation(
            problem, where=where, hint="tell the Security Server's owner", hop=hop, step="answer"
        )

    def _mismatch(self, blocks: Mapping[str, Any], sent: bytes | Streamed) -> str:
        if _text(blocks.get("id")) != self.id:
            return "the answer's header id is not the request's"
        client = (*self._parties.client.parts,)
        service = (*self._service.parts, *([self._service.version] if self._service.version else []))
        for name, parts in (("client", client), ("service", service)):
            if _parts(blocks.get(name)) != parts:
                return f"the answer's header {name} is not the request's"
        given = blocks.get("requestHash")
        if given is not None and not _hash_holds(given, sent):
            return "the answer's header requestHash is not that of the request"
        return ""


def _member(name: str, member: Member) -> etree._Element:
    return _identifier(name, member.object_type, tuple(zip(_MEMBER, member.parts, strict=False)))


def _service(service: ServiceId) -> etree._Element:
    own = (("serviceCode", service.code), ("serviceVersion", service.version))
    return _identifier("service", "SERVICE", (*zip(_MEMBER, service.provider.parts, strict=False), *own))


def _identifier(name: str, kind: str, parts: tuple[tuple[str, str], ...]) -> etree._Element:
    element = etree.Element(f"{{{XROAD}}}{name}", nsmap={"xrd": XROAD, "id": IDENTIFIERS})
    element.set(f"{{{IDENTIFIERS}}}objectType", kind)
    for part, value in parts:
        if value:
            etree.SubElement(element, f"{{{IDENTIFIERS}}}{part}").text = value
    return element


def _represented(parts: tuple[str, ...]) -> etree._Element:
    element = etree.Element(f"{{{REPRESENTATION}}}representedParty", nsmap={"repr": REPRESENTATION})
    for name, value in zip(("partyClass", "partyCode")[-len(parts) :], parts, strict=True):
        etree.SubElement(element, f"{{{REPRESENTATION}}}{name}").text = value
    return element


def _fault_code(fault: Any) -> str:
    """Return the fault code of a Security Server's own fault, empty for a service's.

    ``Client`` codes are anybody's; X-Road's carry an error id in ``faultDetail``.
    """
    if not isinstance(fault, Mapping):
        return ""
    code = _text(fault.get("faultcode")).rpartition(":")[2]
    side = side_of(code)
    detail = fault.get("detail")
    own = isinstance(detail, Mapping) and "faultDetail" in detail
    return code if side and (side != CLIENT or own) else ""


def _parts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Mapping):
        return ()
    return tuple(_text(value[name]) for name in _PARTS if name in value)


def _hash_holds(value: Any, sent: bytes | Streamed) -> bool:
    algorithm = (
        next((v for k, v in value.items() if "algorithmId" in k), "") if isinstance(value, Mapping) else ""
    )
    if algorithm not in _DIGESTS:
        return False
    try:
        given = base64.b64decode("".join(_text(value).split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    state = hashlib.new(_DIGESTS[algorithm])
    for piece in (sent,) if isinstance(sent, bytes) else sent:
        state.update(piece)
    return hmac.compare_digest(given, state.digest())


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get(TEXT_MEMBER, "")
    return "" if value is None or isinstance(value, (list, dict)) else str(value).strip()
