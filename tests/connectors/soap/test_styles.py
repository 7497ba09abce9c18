"""What a WSDL may ask of messages: parts, wrappers, headers that must be understood, faults with details."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import Batch, Connection, Context, Question, ReadRequest
from lienthong.errors import Misconfigured, OutcomeUnknown, ProtocolViolation, Unavailable
from lienthong.records import canonical
from lienthong_connectors.soap import FaultTable, ResultCodes, SoapLookup, SoapSource, SoapTarget

WSDL = """<?xml version="1.0"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">
 <wsdl:types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">
  <xs:element name="key" type="xs:string"/>
  <xs:element name="data"><xs:complexType><xs:sequence><xs:element name="a" type="xs:string"/>
    <xs:element name="n" type="xs:int" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="caller"><xs:complexType><xs:sequence><xs:element name="agency" type="xs:string"/>
    <xs:element name="officer" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
 </xs:schema></wsdl:types>
 <wsdl:message name="two"><wsdl:part name="first" element="t:key"/><wsdl:part name="second" element="t:data"/>
   <wsdl:part name="who" element="t:caller"/></wsdl:message>
 <wsdl:message name="one"><wsdl:part name="p" element="t:key"/></wsdl:message>
 <wsdl:message name="rpcIn"><wsdl:part name="key" type="xs:string"/></wsdl:message>
 <wsdl:message name="rpcOut"><wsdl:part name="code" type="xs:int"/></wsdl:message>
 <wsdl:portType name="P">
  <wsdl:operation name="several"><wsdl:input message="t:two"/><wsdl:output message="t:two"/></wsdl:operation>
  <wsdl:operation name="chosen"><wsdl:input message="t:two"/><wsdl:output message="t:one"/></wsdl:operation>
  <wsdl:operation name="bare"><wsdl:input message="t:one"/><wsdl:output message="t:one"/></wsdl:operation>
  <wsdl:operation name="call"><wsdl:input message="t:rpcIn"/><wsdl:output message="t:rpcOut"/>
  </wsdl:operation>
  <wsdl:operation name="old"><wsdl:input message="t:rpcIn"/><wsdl:output message="t:rpcOut"/></wsdl:operation>
  <wsdl:operation name="lost"><wsdl:input message="t:rpcIn"/><wsdl:output message="t:rpcOut"/>
  </wsdl:operation>
 </wsdl:portType>
 <wsdl:binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <wsdl:operation name="several"><soap:operation soapAction="s"/>
   <wsdl:input><soap:header message="t:two" part="who" use="literal"/><soap:body use="literal"/></wsdl:input>
   <wsdl:output><soap:body use="literal" parts="first second"/></wsdl:output></wsdl:operation>
  <wsdl:operation name="chosen"><soap:operation soapAction="c"/>
   <wsdl:input><soap:body use="literal" parts="second"/></wsdl:input>
   <wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>
  <wsdl:operation name="bare"><soap:operation soapAction="b"/>
   <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
  </wsdl:operation>
  <wsdl:operation name="call"><soap:operation soapAction="r" style="rpc"/>
   <wsdl:input><soap:body use="literal" namespace="urn:binding"/></wsdl:input>
   <wsdl:output><soap:body use="literal" namespace="urn:binding"/></wsdl:output></wsdl:operation>
  <wsdl:operation name="old"><soap:operation soapAction="o" style="rpc"/>
   <wsdl:input><soap:body use="encoded" namespace="urn:binding"/></wsdl:input>
   <wsdl:output><soap:body use="literal" namespace="urn:binding"/></wsdl:output></wsdl:operation>
  <wsdl:operation name="lost"><soap:operation soapAction="l" style="rpc"/>
   <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
  </wsdl:operation>
 </wsdl:binding>
 <wsdl:service name="S"><wsdl:port name="P" binding="t:B"><soap:address location="http://127.0.0.1:1/"/></wsdl:port>
 </wsdl:service>
</wsdl:definitions>"""
CALLER = {"{urn:t}caller": {"agency": "H21"}}


@pytest.fixture
def wsdl(tmp_path: Path) -> str:
    path = tmp_path / "t.wsdl"
    path.write_text(WSDL)
    return str(path)


def ask(told: Any, wsdl: str, operation: str, request: dict[str, Any], **options: Any) -> Any:
    settings = SoapLookup(operation=operation, wsdl=wsdl, request=request, **options)
    opened = settings.open_lookup(told.connection(), Context())
    try:
        return opened.ask(Question("1", {}, "cb", "tt", "md"))
    finally:
        opened.close()


def sent(told: Any) -> str:
    return str(told.requests[-1][2].decode().partition("<soap:Body")[2].partition(">")[2])


def test_several_parts_are_elements_of_the_body(told: Any, wsdl: str) -> None:
    """Each part is named in the request and in the answer; the part that is a header is none of them."""
    told.envelope("<key xmlns='urn:t'>7</key><data xmlns='urn:t'><a>x</a><n>3</n></data>")
    request = {"second": {"a": "1"}, "first": {"_text": "k"}}
    found = ask(told, wsdl, "several", request, soap_headers=CALLER)
    assert found == {"key": "7", "data": {"a": "x", "n": 3}}
    assert sent(told).startswith(
        '<m:key xmlns:m="urn:t">k</m:key><m:data xmlns:m="urn:t"><m:a>1</m:a></m:data>'
    )
    assert (
        '<m:caller xmlns:m="urn:t"><m:agency>H21</m:agency></m:caller></soap:Header>'
        in told.requests[-1][2].decode()
    )


def test_the_binding_chooses_parts(told: Any, wsdl: str) -> None:
    """With one part chosen, the request is that part's."""
    told.envelope("<key xmlns='urn:t'>7</key>")
    assert ask(told, wsdl, "chosen", {"a": "1", "n": 5}) == {"value": "7"}
    assert sent(told).startswith('<m:data xmlns:m="urn:t"><m:a>1</m:a><m:n>5</m:n></m:data>')


def test_a_bare_value_is_the_request_itself(told: Any, wsdl: str) -> None:
    """An element that is a plain value is given as _text."""
    told.envelope("<key xmlns='urn:t'>7</key>")
    assert ask(told, wsdl, "bare", {"_text": "abc"}) == {"value": "7"}
    assert sent(told).startswith('<m:key xmlns:m="urn:t">abc</m:key>')


def test_rpc_wrappers_are_of_the_binding_s_namespace(told: Any, wsdl: str) -> None:
    """R2729, R2735: operation and operationResponse in the namespace of soap:body, parts without any."""
    told.envelope("<b:callResponse xmlns:b='urn:binding'><code>5</code></b:callResponse>")
    assert ask(told, wsdl, "call", {"key": "k"}) == {"code": 5}
    assert sent(told).startswith('<m:call xmlns:m="urn:binding"><key>k</key></m:call>')


@pytest.mark.parametrize("wrapper", ["callResponse xmlns='urn:t'", "call xmlns='urn:binding'"])
def test_an_rpc_answer_in_another_wrapper_is_refused(told: Any, wsdl: str, wrapper: str) -> None:
    """An answer in another wrapper is not the one that the WSDL describes."""
    told.envelope(f"<{wrapper}><code xmlns=''>5</code></{wrapper.split(maxsplit=1)[0]}>")
    with pytest.raises(ProtocolViolation, match=r"not wrapped in \{urn:binding\}callResponse"):
        ask(told, wsdl, "call", {"key": "k"})


@pytest.mark.parametrize(
    ("operation", "words"),
    [("lost", r"no namespace \(R2717\)")],
)
def test_what_no_profile_allows_is_refused_by_name(wsdl: str, operation: str, words: str) -> None:
    """rpc/literal without a namespace is found when the connector is opened."""
    settings = SoapLookup(operation=operation, wsdl=wsdl, request={"key": "k"})
    with pytest.raises(Misconfigured, match=words):
        settings.open_lookup(Connection(id="c", kind="lienthong_soap", host="http://127.0.0.1:9/"), Context())


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_header_attributes_are_those_of_the_version(told: Any, tools: Any, version: str) -> None:
    """MustUnderstand is 1 or true, a role is an actor in SOAP 1.1 (sections 4.2.2 and 4.2.3)."""
    told.envelope("<r><v>1</v></r>", tools.SOAP11 if version == "1.1" else tools.SOAP12)
    told.headers = {"Content-Type": "text/xml" if version == "1.1" else "application/soap+xml"}
    headers = {"{urn:h}gate": {"@mustUnderstand": True, "@role": "urn:g", "_text": "k"}, "{urn:h}p": "t"}
    settings = SoapLookup(operation="get", namespace="urn:t", soap_version=version, soap_headers=headers)
    opened = settings.open_lookup(told.connection(), Context())
    opened.ask(Question("1", {}, "cb", "tt", "md"))
    opened.close()
    said = told.requests[-1][2].decode()
    attributes = (
        'soap:actor="urn:g" soap:mustUnderstand="1"'
        if version == "1.1"
        else 'soap:mustUnderstand="true" soap:role="urn:g"'
    )
    assert f'<m:gate xmlns:m="urn:h" {attributes}>k</m:gate><m:p xmlns:m="urn:h">t</m:p>' in said


def answer_with(header: str, space: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{space}"><s:Header>{header}</s:Header>'
        "<s:Body><r><code>1</code></r></s:Body></s:Envelope>"
    ).encode()


DEMANDS = [
    ('<x:t xmlns:x="urn:x" s:mustUnderstand="1"/>', True),
    ('<x:t xmlns:x="urn:x" s:mustUnderstand="true">a</x:t>', True),
    ('<t s:mustUnderstand="1"><in/></t>', True),
    ('<x:t xmlns:x="urn:x" s:mustUnderstand="0"/>', False),
    ('<x:t xmlns:x="urn:x" mustUnderstand="1"/>', False),
    ('<x:t xmlns:x="urn:x" s:mustUnderstand="1" s:actor="urn:other" s:role="urn:other"/>', False),
    ('<x:t xmlns:x="urn:x"/><y:t xmlns:y="urn:y" s:mustUnderstand="1"/>', True),
    ('<x:t xmlns:x="urn:x"/><x:t xmlns:x="urn:x" s:mustUnderstand="1">v</x:t>', True),
]


@pytest.mark.parametrize(("header", "demanded"), DEMANDS)
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_header_that_must_be_understood_is_or_the_answer_is_refused(
    told: Any, tools: Any, header: str, demanded: bool, version: str
) -> None:
    """SOAP 1.1 section 4.2.3, SOAP 1.2 part 1 section 2.4: what we do not know is not skipped over."""
    space = tools.SOAP11 if version == "1.1" else tools.SOAP12
    told.body = answer_with(header, space)
    told.headers = {"Content-Type": "text/xml"}
    settings = SoapSource(operation="get", namespace="urn:t", record_element="r", soap_version=version)
    if demanded:
        with pytest.raises(ProtocolViolation, match="be understood"):
            pages(told, settings)
    else:
        assert pages(told, settings) == [{"code": "1"}]
    known = SoapSource(
        operation="get",
        namespace="urn:t",
        record_element="r",
        soap_version=version,
        understands=("{urn:x}t", "{urn:y}t", "t"),
    )
    assert pages(told, known) == [{"code": "1"}]


def pages(told: Any, settings: SoapSource) -> list[Any]:
    source = settings.open_source(told.connection(), Context())
    try:
        return [record for page in source.read(ReadRequest()) for record in page.records]
    finally:
        source.close()


def test_a_delivery_s_answer_that_is_not_understood_leaves_it_unknown(told: Any, tools: Any) -> None:
    """The record may have been taken, whatever the header meant."""
    told.body = answer_with('<x:t xmlns:x="urn:x" s:mustUnderstand="1"/>', tools.SOAP11)
    codes = ResultCodes(path="code", acknowledged=("1",))
    settings = SoapTarget(operation="put", namespace="urn:t", result=codes, request={"k": "$key"})
    target = settings.open_target(told.connection(), Context())
    with pytest.raises(OutcomeUnknown, match="be understood"):
        target.deliver(Batch("ab" * 32, (canonical({"id": "1"}),), ("id",)))
    target.close()


FAULT_12 = """<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>
<s:Value xmlns:m="urn:m">m:Quota</s:Value>
<s:Subcode><s:Value xmlns:m="urn:m">m:PerDay</s:Value></s:Subcode></s:Subcode></s:Code><s:Reason>
<s:Text xml:lang="en">too many</s:Text><s:Text xml:lang="vi-VN">quá nhiều</s:Text></s:Reason>
<s:Detail><m:e xmlns:m="urn:m" code="Q7"><m:limit>100</m:limit></m:e></s:Detail></s:Fault>"""


@pytest.mark.parametrize("code", ["Quota", "PerDay", "Q7"])
def test_subcodes_and_details_have_meanings(told: Any, tools: Any, code: str) -> None:
    """Any subcode, and any text or attribute of the detail, may stand in the fault table."""
    told.envelope(FAULT_12, tools.SOAP12)
    told.headers = {"Content-Type": "application/soap+xml"}
    settings = SoapLookup(
        operation="get", namespace="urn:t", soap_version="1.2", faults=FaultTable(transient=(code,))
    )
    opened = settings.open_lookup(told.connection(), Context())
    with pytest.raises(Unavailable, match="Q7"):
        opened.ask(Question("1", {}, "cb", "tt", "md"))
    opened.close()
