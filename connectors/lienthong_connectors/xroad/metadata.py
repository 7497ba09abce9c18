"""X-Road's metadata services: who is there, what they offer, how it is described.

``listClients`` (PR-META section 2), ``listMethods`` and ``allowedMethods`` over both protocols (PR-META
section 3, PR-MREST section 4), ``getOpenAPI`` (PR-MREST section 5), ``getWsdl`` (PR-META section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any, Final

import orjson
from lxml import etree

from lienthong.errors import Misconfigured, ProtocolViolation
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.route import Route
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Reply
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_connectors.xroad.identifiers import Member, ServiceId
from lienthong_connectors.xroad.rest import RestWay
from lienthong_connectors.xroad.route import Parties, SecurityServer, towards
from lienthong_connectors.xroad.soap import IDENTIFIERS, XROAD, SoapWay

if TYPE_CHECKING:
    from lienthong_connectors.http.client import Client

_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_WSDL: Final = "{http://schemas.xmlsoap.org/wsdl/}definitions"
_HEADERS: Final = {"Accept": "text/xml, multipart/related", "Content-Type": "text/xml; charset=utf-8"}
_BIG: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A member or subsystem, and the name that it is registered under."""

    member: Member
    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A service that a provider offers; ``kind`` is SOAP, REST or OPENAPI, ``endpoints`` are "GET /path"."""

    service: ServiceId
    kind: str
    endpoints: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The service's code."""
        return self.service.code


def clients(client: Client, way: SecurityServer, instance: str = "") -> list[Found]:
    """Return every member and subsystem of our instance, or of a federated one."""
    straight = client.along(Route(way.base, way.credential))
    params = {"xRoadInstance": instance} if instance else {}
    reply = straight.call(Call("GET", "/listClients", params, label="listClients", answer_bytes=_BIG)).reply
    answer = _json(_sound(reply, client), client, "listClients")
    found = []
    for one in _list(answer, "member", client):
        name = str(one.get("subsystem_name") or one.get("name") or "")
        found.append(Found(_member(one.get("id"), client), name))
    return found


def rest_methods(
    client: Client, way: SecurityServer, provider: Member, *, allowed: bool = False
) -> list[Method]:
    """Return a provider's REST services: all of them, or those that we may call."""
    name = "allowedMethods" if allowed else "listMethods"
    reply = _rest(client, way, provider, name, {})
    found = []
    for one in _list(_json(reply, client, name), "service", client):
        service = ServiceId(_member(one, client), str(one.get("service_code") or ""))
        ends = [end for end in one.get("endpoint_list") or [] if isinstance(end, Mapping)]
        endpoints = tuple(f"{end.get('method', '*')} {end.get('path', '')}" for end in ends)
        found.append(Method(service, str(one.get("service_type") or "REST"), endpoints))
    return found


def openapi(client: Client, way: SecurityServer, provider: Member, code: str) -> bytes:
    """Return the OpenAPI description of a REST service, JSON or YAML as its provider wrote it."""
    return _rest(client, way, provider, "getOpenAPI", {"serviceCode": code}).body


def soap_methods(
    client: Client, way: SecurityServer, provider: Member, *, allowed: bool = False
) -> list[Method]:
    """Return a provider's SOAP services: all of them, or those that we may call."""
    name = "allowedMethods" if allowed else "listMethods"
    (root, *_), _type = _soap(client, way, provider, name, {})
    found = []
    for one in _xml(root, client).iter(f"{{{XROAD}}}service"):
        parts = {etree.QName(part).localname: part.text or "" for part in one if isinstance(part.tag, str)}
        if "serviceCode" in parts and etree.QName(one.getparent()).localname == f"{name}Response":
            names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
            member = Member(*(parts.get(part, "") for part in names))
            found.append(
                Method(ServiceId(member, parts["serviceCode"], parts.get("serviceVersion", "")), "SOAP")
            )
    return found


def wsdl(client: Client, way: SecurityServer, provider: Member, code: str, version: str = "") -> bytes:
    """Return the WSDL of a SOAP service: the attachment of the answer, or the answer itself.

    Security Servers send it as the second part of a multipart answer; some versions send it bare.
    """
    parts, _type = _soap(client, way, provider, "getWsdl", {"serviceCode": code, "serviceVersion": version})
    for part in parts:
        if _xml(part, client).tag == _WSDL:
            return part
    raise ProtocolViolation(
        "the answer to getWsdl holds no WSDL", where=client.where.strip(), hint="ask the provider for it"
    )


def _rest(
    client: Client, way: SecurityServer, provider: Member, code: str, params: Mapping[str, str]
) -> Reply:
    parties = towards(_for(way.parties, provider), code)
    along = client.along(RestWay(way.base, way.credential, parties))
    return _sound(along.call(Call("GET", "", params, label=code, answer_bytes=_BIG)).reply, client)


def _soap(
    client: Client, way: SecurityServer, provider: Member, code: str, members: Mapping[str, str]
) -> tuple[list[bytes], str]:
    """Call a SOAP metadata service; return the parts of its answer, the envelope first."""
    parties = towards(_for(way.parties, provider), code)
    along = SoapWay(way.base, way.credential, parties)
    blocks = along.blocks(code)
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap": _SOAP, "xrd": XROAD, "id": IDENTIFIERS})
    etree.SubElement(envelope, f"{{{_SOAP}}}Header").extend(blocks.elements)
    body = etree.SubElement(etree.SubElement(envelope, f"{{{_SOAP}}}Body"), f"{{{XROAD}}}{code}")
    for name, value in members.items():
        if value:
            etree.SubElement(body, f"{{{XROAD}}}{name}").text = value
    sent = etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
    call = Call("POST", "", body=sent, headers=_HEADERS, label=code, answer_bytes=_BIG)
    reply = client.along(along).call(call).reply
    kind = reply.header("Content-Type")
    parts = list(_parts(reply.body, kind)) if kind.lower().startswith("multipart/") else [reply.body]
    if not parts or _xml(parts[0], client).tag == f"{{{_SOAP}}}Envelope":
        header, fault = _frame(parts[0] if parts else b"", client)
        blocks.judge(header, fault, sent, where=f"{client.where}{code}", delivery=False)
        if fault is not None:
            raise ProtocolViolation(f"{code} was answered with a fault", where=client.where.strip())
    return parts, kind


def _for(parties: Parties, provider: Member) -> Parties:
    return Parties(parties.client, provider, user=parties.user, issue=parties.issue)


def _parts(body: bytes, kind: str) -> Iterator[bytes]:
    """Yield the contents of a multipart body (RFC 2046), in their order."""
    head = Message()
    head["Content-Type"] = kind
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        return
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        if piece.startswith(b"--"):
            return
        yield piece.partition(b"\r\n\r\n")[2]


def _frame(envelope: bytes, client: Client) -> tuple[Any, Any]:
    """Return Header and Fault of an envelope as JSON values."""
    parser = RecordReader(None, {}, XmlLimits(answer_bytes=_BIG), None, frozenset())
    parser.feed(envelope)
    frame = parser.close()
    body = frame.get(f"{{{_SOAP}}}Body")
    if not isinstance(body, Mapping):
        raise ProtocolViolation("the answer is not an envelope with one Body", where=client.where.strip())
    return frame.get(f"{{{_SOAP}}}Header"), body.get("Fault")


def _xml(data: bytes, client: Client) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise ProtocolViolation("the answer is not XML", where=client.where.strip()) from None
    info: Any = root.getroottree().docinfo
    if info.doctype:
        raise ProtocolViolation("the answer has a document type declaration", where=client.where.strip())
    return root


def _sound(reply: Reply, client: Client) -> Reply:
    if error := failure(reply, where=client.where.strip(), safe=True):
        raise error
    return reply


def _json(reply: Reply, client: Client, name: str) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(reply.body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProtocolViolation(f"the answer to {name} is not a JSON object", where=client.where.strip())
    return answer


def _list(answer: Mapping[str, Any], name: str, client: Client) -> list[Mapping[str, Any]]:
    found = answer.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ProtocolViolation(f"the answer has no list {name!r}", where=client.where.strip())
    return found


def _member(value: Any, client: Client) -> Member:
    names = ("xroad_instance", "member_class", "member_code", "subsystem_code")
    parts = [str(value.get(name) or "") for name in names] if isinstance(value, Mapping) else []
    if len(parts) != 4 or not all(parts[:3]):
        raise ProtocolViolation("the answer names a member without its parts", where=client.where.strip())
    return Member(*parts)


def way_of(client: Client) -> SecurityServer:
    """Return a client's way; raise `Misconfigured` where it does not lead through a Security Server."""
    if not isinstance(client.route, SecurityServer):
        raise Misconfigured(
            "this connection does not go through X-Road",
            where=client.where.strip(),
            hint="set uplink to xroad",
        )
    return client.route
