"""Requests are written in canonical form, as zeep writes them, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zeep
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from lienthong.errors import Refused
from lienthong_connectors.soap.arrange import Items
from lienthong_connectors.soap.compiling import compile_operation
from lienthong_connectors.soap.described import (
    Attribute,
    Described,
    Element,
    Group,
    Kind,
    Message,
    dump,
    restore,
)
from lienthong_connectors.soap.envelope import compose, plain
from lienthong_connectors.soap.wsdl import describe

SCHEMA = """<?xml version="1.0"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" xmlns:u="urn:u" targetNamespace="urn:t">
 <wsdl:types>
 <xs:schema targetNamespace="urn:u"><xs:element name="note" type="xs:string"/></xs:schema>
 <xs:schema targetNamespace="urn:t" elementFormDefault="qualified">
  <xs:import namespace="urn:u"/>
  <xs:complexType name="Money"><xs:simpleContent><xs:extension base="xs:decimal">
    <xs:attribute name="currency" type="xs:string" use="required"/>
  </xs:extension></xs:simpleContent></xs:complexType>
  <xs:complexType name="Base"><xs:sequence><xs:element name="code" type="xs:string"/></xs:sequence>
    <xs:attribute name="n" type="xs:int"/></xs:complexType>
  <xs:complexType name="Item"><xs:complexContent><xs:extension base="t:Base"><xs:sequence>
    <xs:element name="whole" type="xs:long" nillable="true"/>
    <xs:element name="yes" type="xs:boolean" minOccurs="0"/>
    <xs:element name="price" type="t:Money" minOccurs="0"/>
    <xs:choice><xs:element name="citizen" type="xs:string"/>
      <xs:element name="passport" type="xs:string"/></xs:choice>
    <xs:element name="tag" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element ref="u:note" minOccurs="0"/>
    <xs:element name="loose" type="xs:string" form="unqualified" minOccurs="0"/>
    <xs:element name="child" type="t:Item" minOccurs="0"/>
   </xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:element name="put"><xs:complexType><xs:sequence><xs:element name="pack" type="xs:string"/>
    <xs:element name="item" type="t:Item" maxOccurs="unbounded"/>
    <xs:sequence minOccurs="0" maxOccurs="unbounded"><xs:element name="k" type="xs:string"/>
      <xs:element name="v" type="xs:string"/></xs:sequence></xs:sequence></xs:complexType></xs:element>
  <xs:element name="done" type="xs:string"/>
 </xs:schema></wsdl:types>
 <wsdl:message name="i"><wsdl:part name="p" element="t:put"/></wsdl:message>
 <wsdl:message name="o"><wsdl:part name="p" element="t:done"/></wsdl:message>
 <wsdl:portType name="P"><wsdl:operation name="put">
   <wsdl:input message="t:i"/><wsdl:output message="t:o"/></wsdl:operation></wsdl:portType>
 <wsdl:binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <wsdl:operation name="put"><soap:operation soapAction="urn:t:put"/>
   <wsdl:input><soap:body use="literal"/></wsdl:input>
   <wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding>
 <wsdl:service name="S"><wsdl:port name="P" binding="t:B">
  <soap:address location="http://127.0.0.1:1/"/></wsdl:port></wsdl:service>
</wsdl:definitions>"""
FULL = {
    "item": [
        {
            "child": {"code": "k", "whole": -3, "passport": "C1", "tag": ["only"]},
            "n": 5,
            "code": "á & <b> \"c\" 'd'",
            "whole": 12,
            "yes": True,
            "price": {"_value_1": "357000.50", "currency": "VND"},
            "citizen": "001",
            "tag": ["x", "<y>"],
            "note": "ghi chú",
            "loose": "l",
        },
        {"code": "z", "passport": "B2"},
    ],
    "_value_1": [{"k": "1", "v": "a"}, {"k": "2", "v": "b"}],
    "pack": "gói 1",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wsdl") / "t.wsdl"
    path.write_text(SCHEMA)
    return path


@pytest.fixture(scope="module")
def operation(path: Path) -> Described:
    return compile_operation(describe(str(path), "http://127.0.0.1", lambda _: b""), "put")


def body_of(operation: Described, request: dict[str, Any], identity: str = "") -> bytes:
    return b"".join(compose(operation, request, {}).body(identity))


def tree(element: etree._Element) -> Any:
    """Return names, attributes, texts and order, without prefixes."""
    return element.tag, dict(element.attrib), element.text or "", [tree(child) for child in element]


def test_requests_are_those_of_zeep(path: Path, operation: Described) -> None:
    """Order, namespaces, attributes, nil, choices, lists, inheritance and repeated groups: zeep's own."""
    with zeep.Client(str(path)) as client:
        theirs = client.create_message(client.service, "put", **FULL)
    assert tree(etree.fromstring(body_of(operation, FULL))) == tree(theirs[0])


def test_a_request_of_the_population_database_is_that_of_zeep() -> None:
    """The sandbox's own description gives the same."""
    from importlib.resources import files

    path = str(files("lienthong_sandbox").joinpath("wsdl", "dancu.wsdl"))
    request = {
        "MaYeuCau": "1", "MaDVC": "2", "MaTichHop": "037", "MaCanBo": "cb", "HoVaTen": "Nguyễn Văn A",
        "SoDinhDanh": "001", "NgayThangNamSinh": {"NgayThangNam": "19800101"}, "MaDonVi": "H21",
    }  # fmt: skip
    name = "TraCuuThongTinCongDan"
    operation = compile_operation(describe(path, "http://127.0.0.1", lambda _: b""), name)
    with zeep.Client(path) as client:
        theirs = client.create_message(client.service, name, **request)
    assert tree(etree.fromstring(body_of(operation, request))) == tree(theirs[0])


def test_what_is_kept_is_what_was_compiled(operation: Described) -> None:
    """The JSON of a compiled operation gives the same operation, recursion included."""
    import orjson

    assert restore(orjson.loads(dump(operation))) == operation


NAMES = st.sampled_from(["a", "b", "{urn:x}c", "{urn:y}d", "{urn:x}e", "ê"])
VALUES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r&<>\"'")) | st.none(),
    lambda inner: (
        st.dictionaries(NAMES, inner, max_size=4)
        | st.lists(inner.filter(lambda v: v is not None), max_size=3)
    ),
    max_leaves=12,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["@k", "@{urn:x}k", "@{urn:y}j", "@a"]), st.text('a"&<\t\n\r>é', max_size=5), max_size=4
)


@settings(max_examples=300)
@given(value=st.dictionaries(NAMES, VALUES, max_size=5), attributes=ATTRIBUTES, signed=st.booleans())
def test_a_body_is_written_in_its_canonical_form(
    value: dict[str, Any], attributes: dict[str, str], signed: bool
) -> None:
    """Whatever is written, libxml2's exclusive canonicalisation of it gives the same bytes."""
    operation = plain("op", "urn:m", "", "1.1")
    written = body_of(operation, {"x": {**attributes, "in": value}}, "id-1" if signed else "")
    root = etree.fromstring(b'<s:E xmlns:s="urn:s" xmlns="urn:other">' + written + b"</s:E>")
    assert etree.tostring(root[0], method="c14n", exclusive=True) == written


def test_a_list_is_written_item_by_item_and_alike_each_time(operation: Described) -> None:
    """Nothing of a long list is held: an item is asked for when it is written, and again the next time."""
    asked: list[int] = []

    def make(number: int) -> dict[str, Any]:
        asked.append(number)
        return {"code": "x" * 100, "passport": str(number)}

    envelope = compose(operation, {"pack": "p", "item": Items(make, range(3000))}, {})
    assert envelope.listed
    pieces = envelope.body()
    assert len(next(pieces)) < 100_000
    assert len(asked) < 1000
    rest = b"".join(pieces)
    assert len(asked) == 3000
    assert b"".join(envelope.body()).endswith(rest)
    assert len(asked) == 6000


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"item": {"code": "1", "passport": "x"}}, r"required member is missing \(pack\)"),
        ({"pack": "p", "item": {"passport": "x"}}, r"required member is missing \(item\.code\)"),
        ({"pack": "p", "item": {"code": "c", "citizen": "1", "passport": "2"}}, r"one alternative.*\(item\)"),
        ({"pack": ["p", "q"], "item": {"code": "c", "citizen": "1"}}, r"one value, not a list \(pack\)"),
        ({"pack": {"a": 1}, "item": {"code": "c", "citizen": "1"}}, r"does not fit its type \(pack\)"),
        ({"pack": "p", "item": "text"}, r"does not fit its type \(item\)"),
        ({"pack": "p", "item": {"code": "c", "citizen": "1", "whole": "x"}}, r"fit its type \(item\.whole\)"),
        ({"pack": "p", "item": {"code": "c", "citizen": "1", "yes": "ja"}}, r"fit its type \(item\.yes\)"),
        ({"pack": "p", "item": {"code": "c", "citizen": "1", "zz": "1"}}, r"no such member \(item\.zz\)"),
        ({"pack": "p", "item": {"code": "c", "citizen": "1", "price": {"_text": 1}}}, r"\(item\.price\.cur"),
        ({"pack": "\x00", "item": {"code": "c", "citizen": "1"}}, r"XML cannot carry \(pack\)"),
    ],
)
def test_what_does_not_fit_is_named_and_its_value_is_not(
    operation: Described, request_: dict[str, Any], words: str
) -> None:
    """A record that makes no valid request is refused with the member's path."""
    with pytest.raises(Refused, match=words) as caught:
        body_of(operation, request_)
    assert caught.value.reasons[0].rule == "target.request"


def test_names_of_the_record_cannot_become_markup() -> None:
    """A member name that is no XML name is refused, not written."""
    for name in ("a b", "a><b", "", "1a", "a:b", "{urn:x}a b"):
        with pytest.raises(Refused, match="not one of XML"):
            body_of(plain("op", "urn:m", "", "1.1"), {"x": {name: "v"}})


def test_kinds_that_refer_to_each_other_are_kept() -> None:
    """A kind may hold itself."""
    kind = Kind(None, Group("sequence", (Element("a", "a", 0, 0, 0),)), (Attribute("n", "n"),))
    described = Described("o", "1.1", "rpc", "", "", Message((Element("{urn:x}o", "o", 0),)), None, (kind,))
    assert body_of(described, {"a": [{"n": "1", "a": [{}]}]}).count(b"<a") == 2
