"""SOAP through a Security Server: what it hashes, and what it would never pass on."""

from __future__ import annotations

import base64
import hashlib
import re
from email import message_from_bytes
from typing import Any

import pytest

from lienthong.connector import Batch, Context
from lienthong.errors import Misconfigured, OutcomeUnknown
from lienthong.records import canonical
from lienthong.staging import BlobStore
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.transport import Limits
from lienthong_connectors.soap import Attachments, ResultCodes, SoapLookup, SoapTarget

WAY = {
    "uplink": "xroad",
    "xroad_client": "VN/GOV/1/LGSP",
    "xroad_provider": "VN/GOV/2/HS",
    "xroad_protocol": "soap",
}
SPACE = "http://schemas.xmlsoap.org/soap/envelope/"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
PHOTO = bytes(range(256)) * 9


def behind(told: Any, **extra: Any) -> Any:
    """Return a connection whose Security Server is the told one."""
    return told.connection(**WAY, uplink_host=told.url, **extra)


def first_part(headers: dict[str, str], body: bytes) -> bytes:
    """Return what PR-MESS 2.2 hashes: the message, or the first part of a multipart one."""
    kind = headers["content-type"]
    if not kind.startswith("multipart/"):
        return body
    parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body).get_payload()
    return parts[0].get_payload(decode=True)  # type: ignore[union-attr,index,return-value]  # a list of parts


def echo(told: Any, hashed: Any = first_part) -> None:
    """Let the server answer as a Security Server does: its blocks echoed, with the request's hash."""

    def act(handler: Any) -> None:
        _, headers, body = told.requests[-1]
        header = re.search(rb"<soap:Header[^>]*>(.*)</soap:Header>", body, re.DOTALL)
        assert header is not None
        value = base64.b64encode(hashlib.sha512(hashed(headers, body)).digest()).decode()
        own = (
            f'<x:requestHash xmlns:x="http://x-road.eu/xsd/xroad.xsd" algorithmId="{SHA512}">{value}'
            "</x:requestHash>"
        )
        told.reply(handler, "<putResponse><status>00</status></putResponse>", header.group(1).decode() + own)

    told.act = act


def delivered(told: Any, store: BlobStore, packaging: Any, content: Any) -> Any:
    settings = SoapTarget(
        operation="put",
        namespace="urn:t",
        request={"id": "$key", "photo": "$record.photo"},
        result=ResultCodes(path="status", acknowledged=("00",)),
        repeatable=True,
        attachments=Attachments(packaging=packaging, members=("photo",)),
    )
    target = settings.open_target(behind(told), Context(attachments=store))
    try:
        return target.deliver(Batch("ab" * 32, (canonical({"id": "1", "photo": content}),), ("id",)))
    finally:
        target.close()


@pytest.mark.parametrize("packaging", ["mtom", "swa"])
def test_the_hash_is_of_the_envelope_that_was_sent(told: Any, tmp_path: Any, packaging: Any) -> None:
    """With attachments that is the first part, with its references in place; any other hash is refused."""
    store = BlobStore.open_at(str(tmp_path / "staging"))
    photo = store.write([PHOTO], media_type="image/png").as_dict()
    echo(told)
    assert delivered(told, store, packaging, photo).acknowledged == 1
    assert b"multipart/related" in told.requests[-1][1]["content-type"].encode()
    assert delivered(told, store, packaging, "YWJj").acknowledged == 1
    echo(told, lambda headers, body: first_part(headers, body).replace(b"cid:", b"cid :"))
    with pytest.raises(OutcomeUnknown, match="requestHash"):
        delivered(told, store, packaging, photo)


@pytest.mark.parametrize(
    ("options", "extra", "said"),
    [
        ({"soap_version": "1.2"}, {}, "SOAP 1.1 only"),
        ({}, {"soap_version": "1.2"}, "SOAP 1.1 only"),
        ({}, {"xroad_service": "khac"}, "'khac' is not the operation 'put'"),
        ({}, {"xroad_service": "pu"}, "'pu' is not the operation 'put'"),
    ],
)
def test_what_a_security_server_refuses_is_refused_when_opened(
    told: Any, options: Any, extra: Any, said: str
) -> None:
    """It was sent, and came back as a fault of the Security Server at the first request."""
    settings = SoapLookup(operation="put", namespace="urn:t", **options)
    with pytest.raises(Misconfigured, match=said):
        settings.open_lookup(behind(told, **extra), Context())
    assert not told.requests


def test_an_operation_named_unlike_its_element_is_refused_when_opened(told: Any, tmp_path: Any) -> None:
    """The service code is compared with the Body's element, which a bare WSDL may call anything."""
    file = tmp_path / "s.wsdl"
    file.write_text(
        '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t" targetNamespace="urn:t" '
        'xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"><types>'
        '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">'
        '<x:element name="question" type="x:string"/><x:element name="answer" type="x:string"/></x:schema>'
        '</types><message name="i"><part name="p" element="t:question"/></message>'
        '<message name="o"><part name="p" element="t:answer"/></message>'
        '<portType name="P"><operation name="ask"><input message="t:i"/><output message="t:o"/></operation>'
        '</portType><binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
        '<operation name="ask"><s:operation soapAction=""/><input><s:body use="literal"/></input>'
        '<output><s:body use="literal"/></output></operation></binding>'
        '<service name="S"><port name="P" binding="t:B"><s:address location="http://h"/></port></service>'
        "</definitions>"
    )
    settings = SoapLookup(operation="ask", wsdl=str(file))
    settings.open_lookup(told.connection(), Context()).close()
    with pytest.raises(Misconfigured, match="'question' is not named like the service 'ask'"):
        settings.open_lookup(behind(told), Context())


VIETNAMESE = ("Hồ sơ số 1", "Đỗ Văn Mẫu", "Hà")


@pytest.mark.parametrize("field", ["xroad_issue", "xroad_user_id"])
@pytest.mark.parametrize("value", VIETNAMESE)
def test_header_values_with_vietnamese_letters(told: Any, field: str, value: str) -> None:
    """Refused when a REST connection is opened; in SOAP they stand in the envelope, as they are."""
    rest = behind(told, xroad_service="hs", **{field: value})
    rest = type(rest)(rest.id, "lienthong_rest", rest.host, extra={**rest.extra, "xroad_protocol": "rest"})
    with pytest.raises(Misconfigured, match="ASCII"):
        Client(rest, Context(), Limits())
    echo(told)
    settings = SoapLookup(operation="put", namespace="urn:t", request={"id": "1"})
    opened = settings.open_lookup(behind(told, **{field: value}), Context())
    assert opened._service.answer(opened._request, {}).whole().body == {"status": "00"}
    opened.close()
    assert f">{value}<".encode() in told.requests[-1][2]


@pytest.mark.parametrize("value", [*VIETNAMESE, "a\nb", "x\u2028"])
def test_headers_of_the_settings_are_checked_when_opened(told: Any, value: str) -> None:
    settings = SoapLookup(operation="put", headers={"X-Ho-So": value})
    with pytest.raises(Misconfigured, match="'X-Ho-So' holds"):
        settings.open_lookup(told.connection(), Context())


def test_an_action_with_vietnamese_letters_is_encoded(told: Any) -> None:
    """A SOAPAction is a URI; an address with other letters (an IRI) is sent as the URI that it means."""
    told.envelope("<r><status>00</status></r>")
    settings = SoapLookup(operation="put", namespace="urn:t", action="http://tempuri.org/Nộp hồ sơ")
    opened = settings.open_lookup(told.connection(), Context())
    opened._service.answer(opened._request, {}).whole()
    opened.close()
    assert told.requests[-1][1]["soapaction"] == '"http://tempuri.org/N%E1%BB%99p h%E1%BB%93 s%C6%A1"'


def test_headers_that_the_way_writes_are_not_asked_for(told: Any, tmp_path: Any) -> None:
    """A WSDL of X-Road declares client, service and id as headers; its schemas are aboard."""
    space = "http://x-road.eu/xsd/xroad.xsd"
    names = ("client", "service", "id", "userId", "protocolVersion")
    parts = "".join(f'<part name="{name}" element="x:{name}"/>' for name in names)
    said = "".join(f'<s:header message="t:h" part="{name}" use="literal"/>' for name in names)
    file = tmp_path / "x.wsdl"
    file.write_text(
        f'<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t" xmlns:x="{space}" '
        'xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" targetNamespace="urn:t"><types>'
        '<y:schema xmlns:y="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">'
        f'<y:import namespace="{space}" schemaLocation="{space}"/>'
        '<y:element name="put"><y:complexType><y:sequence><y:element name="id" type="y:string"/>'
        '</y:sequence></y:complexType></y:element><y:element name="putResponse" type="y:string"/></y:schema>'
        f'</types><message name="h">{parts}</message>'
        '<message name="i"><part name="p" element="t:put"/></message>'
        '<message name="o"><part name="p" element="t:putResponse"/></message>'
        '<portType name="P"><operation name="put"><input message="t:i"/><output message="t:o"/></operation>'
        '</portType><binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
        f'<operation name="put"><s:operation soapAction=""/><input><s:body use="literal"/>{said}</input>'
        '<output><s:body use="literal"/></output></operation></binding>'
        '<service name="S"><port name="P" binding="t:B"><s:address location="http://h"/></port></service>'
        "</definitions>"
    )
    settings = SoapLookup(operation="put", wsdl=str(file), request={"id": "1"})
    with pytest.raises(Misconfigured, match="wants the header"):
        settings.open_lookup(told.connection(), Context())
    echo(told)
    opened = settings.open_lookup(behind(told), Context())
    opened._service.answer(opened._request, {}).whole()
    opened.close()
    assert told.requests[-1][2].count(b"<xrd:client ") == 1
