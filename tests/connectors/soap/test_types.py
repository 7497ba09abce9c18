"""Schemas: the reader and zeep read the same answer alike; requests are checked against the WSDL."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import zeep
from lxml import etree
from zeep.helpers import serialize_object

from lienthong.connector import Connection, Context, ReadRequest
from lienthong.errors import Misconfigured
from lienthong_connectors.soap import SoapSource, SoapTarget
from lienthong_connectors.soap.compiling import compile_operation
from lienthong_connectors.soap.described import Described, dump, restore
from lienthong_connectors.soap.location import locate, reader
from lienthong_connectors.soap.settings import ResultCodes
from lienthong_connectors.soap.shapes import shapes_of, types_of
from lienthong_connectors.soap.wsdl import describe, load
from lienthong_connectors.xml.reader import RecordReader, XmlLimits

TYPES = """<?xml version="1.0"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">
 <wsdl:types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">
  <xs:complexType name="Money"><xs:simpleContent><xs:extension base="xs:decimal">
    <xs:attribute name="currency" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType>
  <xs:complexType name="Base"><xs:sequence><xs:element name="code" type="xs:string"/></xs:sequence>
    <xs:attribute name="n" type="xs:int"/></xs:complexType>
  <xs:complexType name="Item"><xs:complexContent><xs:extension base="t:Base"><xs:sequence>
    <xs:element name="whole" type="xs:long"/>
    <xs:element name="yes" type="xs:boolean" minOccurs="0"/>
    <xs:element name="price" type="t:Money" minOccurs="0"/>
    <xs:element name="day" type="xs:date" minOccurs="0"/>
    <xs:element name="at" type="xs:dateTime" minOccurs="0"/>
    <xs:element name="ratio" type="xs:double" minOccurs="0" nillable="true"/>
    <xs:element name="tag" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element name="child" type="t:Item" minOccurs="0"/>
   </xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:element name="get"><xs:complexType><xs:sequence><xs:element name="a" type="xs:string"/>
    <xs:element name="b" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:element name="c" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="got"><xs:complexType><xs:sequence>
    <xs:element name="item" type="t:Item" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element name="total" type="xs:int" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
 </xs:schema></wsdl:types>
 <wsdl:message name="i"><wsdl:part name="p" element="t:get"/></wsdl:message>
 <wsdl:message name="o"><wsdl:part name="p" element="t:got"/></wsdl:message>
 <wsdl:portType name="P"><wsdl:operation name="get">
   <wsdl:input message="t:i"/><wsdl:output message="t:o"/></wsdl:operation>
   <wsdl:operation name="tell"><wsdl:input message="t:i"/></wsdl:operation></wsdl:portType>
 <wsdl:binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <wsdl:operation name="get"><soap:operation soapAction="urn:t:get"/>
   <wsdl:input><soap:body use="literal"/></wsdl:input>
   <wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>
  <wsdl:operation name="tell"><soap:operation soapAction=""/>
   <wsdl:input><soap:body use="literal"/></wsdl:input></wsdl:operation>
 </wsdl:binding>
 <wsdl:service name="S"><wsdl:port name="P" binding="t:B">
  <soap:address location="http://127.0.0.1:1/"/></wsdl:port></wsdl:service>
</wsdl:definitions>"""

ANSWER = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
<s:Header/><s:Body><got xmlns="urn:t"><item n="5"><code>á &amp; b</code><whole>12</whole><yes>1</yes>
<price currency="VND">357000.50</price><day>2026-01-31</day><at>2026-01-31T08:00:00+07:00</at>
<ratio i:nil="true"/>
<tag>x</tag><tag><![CDATA[<y>]]></tag><child><code>k</code><whole>-3</whole><tag>only</tag></child></item>
<item><code>z</code><whole>0</whole></item><total>2</total></got></s:Body></s:Envelope>""".encode()


@pytest.fixture
def described(tmp_path: Path) -> Path:
    path = tmp_path / "t.wsdl"
    path.write_text(TYPES)
    return path


def plain(value: Any) -> Any:
    """Bring zeep's objects to JSON: dates and decimals as they are written, nothing for null."""
    if isinstance(value, dict):
        kept = {("_text" if k == "_value_1" else k): plain(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v is not None and v != []}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, decimal.Decimal) else value


def operation_of(path: Path, name: str = "get") -> Described:
    return compile_operation(describe(str(path), "http://127.0.0.1", lambda _: b""), name)


@pytest.mark.parametrize("size", [1 << 16, 3])
def test_reader_and_zeep_agree_on_every_type(described: Path, size: int) -> None:
    """Numbers, booleans, lists, attributes, simple content, inheritance and recursion are read alike."""
    operation = operation_of(described)
    parser = RecordReader("item", shapes_of(operation, "item"), XmlLimits())
    found = [r for at in range(0, len(ANSWER), size) for r in parser.feed(ANSWER[at : at + size])]
    frame = parser.close()
    client = zeep.Client(str(described))
    answer = client.service._binding.get("get").process_reply(etree.fromstring(ANSWER))
    assert found == plain(serialize_object(answer.item, dict))
    assert found[0]["price"] == {"currency": "VND", "_text": "357000.50"}
    assert found[0]["child"]["tag"] == ["only"]
    assert frame["{http://schemas.xmlsoap.org/soap/envelope/}Body"] == {"got": {"total": 2}}


DERIVED = """
  <xs:complexType name="Big"><xs:complexContent><xs:extension base="t:Item"><xs:sequence>
    <xs:element name="size" type="xs:int"/><xs:element name="part" type="t:Item" minOccurs="0"
      maxOccurs="unbounded"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Huge"><xs:complexContent><xs:extension base="t:Big"><xs:sequence>
    <xs:element name="type" type="xs:boolean"/>
   </xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Other"><xs:sequence>
   <xs:element name="size" type="xs:int"/></xs:sequence></xs:complexType>
"""


@pytest.mark.parametrize("size", [1 << 16, 3])
def test_derived_types_are_read_as_their_own_and_named(described: Path, size: int) -> None:
    """xsi:type chooses the type, at any depth; what is as declared has no name; any type may be anywhere."""
    text = TYPES.replace('<xs:complexType name="Item">', DERIVED + '<xs:complexType name="Item">')
    text = text.replace(
        '<xs:element name="child"', '<xs:element name="any" minOccurs="0"/><xs:element name="child"'
    )
    described.write_text(text)
    operation = restore(orjson.loads(dump(operation_of(described))))
    assert set(operation.derived) >= {"{urn:t}Big", "{urn:t}Huge", "{urn:t}Item"}
    base = "<code>k</code><whole>1</whole>"
    inner = f"""<item>{base}</item><item i:type="Item">{base}<tag>x</tag></item>
      <item i:type="t:Big" n="2" xmlns:t="urn:t">{base}<tag>x</tag><size>7</size>
       <part>{base}</part><part i:type="t:Huge">{base}<size>8</size><type>true</type></part></item>
      <item>{base}<any i:type="x:int" xmlns:x="http://www.w3.org/2001/XMLSchema">5</any></item>
      <item>{base}<any i:type="x:string" xmlns:x="http://www.w3.org/2001/XMLSchema">5</any></item>
      <item>{base}<any i:type="Other"><size>9</size></any></item>
      <item i:type="nobodys" >{base}</item>"""
    begin, end = ANSWER.index(b"<item n="), ANSWER.index(b"<total>")
    data = ANSWER[:begin] + inner.encode() + ANSWER[end:]
    parser = RecordReader("item", shapes_of(operation, "item"), XmlLimits(), types=types_of(operation))
    found = [r for at in range(0, len(data), size) for r in parser.feed(data[at : at + size])]
    plain_one = {"code": "k", "whole": 1}
    assert found == [
        plain_one,
        plain_one | {"tag": ["x"]},
        plain_one
        | {"_type": "Big", "n": 2, "tag": ["x"], "size": 7}
        | {"part": [plain_one, plain_one | {"_type": "Huge", "size": 8, "type": True}]},
        plain_one | {"any": 5},
        plain_one | {"any": "5"},
        plain_one | {"any": {"_type": "Other", "size": 9}},
        plain_one,
    ]


def test_without_a_wsdl_a_type_says_nothing() -> None:
    """Everything is text then, whatever it is said to be."""
    xsi = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="http://www.w3.org/2001/XMLSchema"'
    parser = RecordReader("r", {}, XmlLimits())
    assert parser.feed(f"<w {xsi}><r><a i:type='x:int'>5</a></r></w>".encode()) == [{"a": "5"}]


def test_repeated_sequences_are_lists(described: Path) -> None:
    """What repeats because something around it repeats is a list even when it comes once."""
    steps = '<xs:sequence minOccurs="0" maxOccurs="9"><xs:element name="step" type="xs:int"/></xs:sequence>'
    described.write_text(TYPES.replace('<xs:element name="child"', steps + '<xs:element name="child"'))
    text = ANSWER.replace(b"<child>", b"<step>1</step><child>")
    parser = RecordReader("item", shapes_of(operation_of(described), "item"), XmlLimits())
    assert parser.feed(text)[0]["step"] == [1]


def test_reader_and_zeep_agree_on_citizens(wsdl_folder: Path) -> None:
    """The population database's own records come out as zeep's."""
    from lienthong_sandbox.citizens_xml import citizen, collection
    from lienthong_sandbox.people import COMMUNES, person
    from lienthong_sandbox.soap import SOAP11, wrap

    people = [citizen(person(index, COMMUNES)) for index in range(300)]
    answer = wrap("".join(collection(people, 300, "ghi chú & <b>", "1")), SOAP11)
    path = str(wsdl_folder / "dancu.wsdl")
    name = "DongBoThongTinCongDan"
    shapes = shapes_of(operation_of(Path(path), name), "CongDan")
    parser = RecordReader("CongDan", shapes, XmlLimits())
    found = parser.feed(answer)
    parser.close()
    theirs = zeep.Client(path).service._binding.get(name).process_reply(etree.fromstring(answer))
    assert found == plain(serialize_object(theirs.CongDan, dict))


def source(path: Path | str, **changes: Any) -> SoapSource:
    options = {"operation": "get", "record_element": "item", "wsdl": str(path), "request": {"a": "1"}}
    return SoapSource(**{**options, **changes})


HERE = Connection(id="c", kind="lienthong_soap", host="http://127.0.0.1:9/svc")


def test_a_wrong_member_is_named_with_what_there_is(described: Path) -> None:
    """A typo in a request is found when the source is opened, not in the night's run."""
    with pytest.raises(Misconfigured, match=r"request, b\.d: .*no member 'd' \(there is: c\)"):
        source(described, request={"a": "1", "b": {"d": "2"}}).open_source(HERE, Context())


def test_a_wrong_operation_is_named_with_what_there_is(described: Path) -> None:
    """The operations of the WSDL are listed where the one asked for is not there."""
    with pytest.raises(Misconfigured, match=r"no operation 'git'.*there is: get, tell"):
        source(described, operation="git").open_source(HERE, Context())


def test_a_port_of_another_version_is_refused(described: Path) -> None:
    """A WSDL with SOAP 1.1 alone does not serve a source that asks for 1.2."""
    with pytest.raises(Misconfigured, match=r"S/P \(SOAP 1\.1\)"):
        source(described, soap_version="1.2").open_source(HERE, Context())


def test_an_unknown_reference_is_named(described: Path) -> None:
    """A reference that a source does not have is refused when it is opened."""
    with pytest.raises(Misconfigured, match=r"\$record\.x"):
        source(described, request={"a": "$record.x"}).open_source(HERE, Context())


def test_one_way_operations_take_no_deliveries(described: Path) -> None:
    """Without an answer nothing could ever be acknowledged."""
    target = SoapTarget(
        operation="tell",
        wsdl=str(described),
        result=ResultCodes(path="x", acknowledged=("1",)),
        request={"a": "1"},
    )
    with pytest.raises(Misconfigured, match="has no answer"):
        target.open_target(HERE, Context())


def test_a_description_is_parsed_once_and_again_when_a_file_changes(described: Path) -> None:
    """The cache goes by content, so a new version of the WSDL is seen at once."""
    fetch = reader(str(described), "http://127.0.0.1", lambda _: b"")
    first = load(str(described), fetch)
    assert load(str(described), fetch) is first
    described.write_text(TYPES.replace("urn:t:get", "urn:t:other"))
    assert load(str(described), fetch) is not first


@pytest.mark.parametrize(
    "location", ["http://elsewhere.example/x.xsd", "file:///etc/hostname", "../outside.xsd", "/etc/hostname"]
)
def test_a_description_reads_nothing_outside_its_folder(described: Path, location: str) -> None:
    """Imports from other hosts and other folders are refused, not fetched."""
    imported = f'<xs:import namespace="urn:u" schemaLocation="{location}"/><xs:complexType name="Money">'
    described.write_text(TYPES.replace('<xs:complexType name="Money">', imported))
    (described.parent.parent / "outside.xsd").write_text("<x/>")
    with pytest.raises(Misconfigured, match="refers to"):
        source(described).open_source(HERE, Context())


def test_a_description_from_the_host_may_not_name_files(told: Any) -> None:
    """A WSDL that came over the network cannot make us read local files."""
    imported = (
        '<xs:import namespace="urn:u" schemaLocation="file:///etc/hostname"/><xs:complexType name="Money">'
    )
    told.body = TYPES.replace('<xs:complexType name="Money">', imported).encode()
    opened = source("?wsdl").open_source(told.connection(), Context())
    assert "refers to" in opened.check()[-1].detail
    with pytest.raises(Misconfigured, match="refers to"):
        next(opened.read(ReadRequest()))
    opened.close()


@pytest.mark.parametrize(
    "text",
    [
        "not xml",
        "<a/>",
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        TYPES.replace('type="t:Money"', 'type="t:Nothing"'),
    ],
)
def test_a_broken_description_is_misconfigured(tmp_path: Path, text: str) -> None:
    """Whatever zeep or lxml raise, an engineer sees one kind of error with the file's name."""
    path = tmp_path / "broken.wsdl"
    path.write_text(text)
    with pytest.raises(Misconfigured):
        source(path).open_source(HERE, Context())


def test_a_missing_description_is_misconfigured(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(Misconfigured, match="nowhere"):
        source(tmp_path / "nowhere.wsdl").open_source(HERE, Context())


def test_packages_and_hosts_give_descriptions(tmp_path: Path) -> None:
    """The three ways to name a WSDL lead where they say."""
    assert locate("package:lienthong_sandbox/wsdl/dancu.wsdl", "http://h/x").endswith("wsdl/dancu.wsdl")
    assert locate("?wsdl", "http://h/x") == "http://h/x?wsdl"
    assert locate("https://h/y", "http://h/x") == "https://h/y"
    assert locate(str(tmp_path / "f"), "http://h/x") == str(tmp_path / "f")
