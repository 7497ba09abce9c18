"""WSDLs: resolved offline, pinned by digest, refused by name, compared in lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lienthong.cli import main
from lienthong.connector import Connection, Context, Finding
from lienthong.errors import Misconfigured
from lienthong_connectors.soap import SoapLookup
from lienthong_connectors.soap.catalogue import INDEX, open_catalogue, write_catalogue
from lienthong_connectors.soap.contract import Contracts, leaves
from lienthong_connectors.soap.documents import Bounds, absolute, collect
from lienthong_connectors.soap.drift import changes
from lienthong_connectors.soap.facets import pattern
from lienthong_connectors.soap.fetch import documents_at
from lienthong_connectors.soap.wsdl import Description, operations_of, understood
from lienthong_connectors.soap.xsd import Schemas

WSDLS = Path(__file__).parent / "wsdls"
PARCELS = WSDLS / "parcels" / "service.wsdl"
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'


def wsdl(types: str, ask: str = "t:ask", answer: str = "t:answer", space: str = "urn:t") -> str:
    """A WSDL with one operation, whose types are given."""
    return (
        f'<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" {XS} xmlns:t="{space}"'
        ' targetNamespace="urn:t"'
        ' xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/">'
        f"<w:types>{types}</w:types>"
        f'<w:message name="i"><w:part name="p" element="{ask}"/></w:message>'
        f'<w:message name="o"><w:part name="p" element="{answer}"/></w:message>'
        '<w:portType name="P"><w:operation name="get"><w:input message="t:i"/><w:output message="t:o"/>'
        "</w:operation></w:portType>"
        '<w:binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
        '<w:operation name="get"><s:operation soapAction=""/><w:input><s:body use="literal"/></w:input>'
        '<w:output><s:body use="literal"/></w:output></w:operation></w:binding>'
        '<w:service name="S"><w:port name="Q" binding="t:B"><s:address location="http://127.0.0.1/"/>'
        "</w:port>"
        "</w:service></w:definitions>"
    )


def schema(inner: str, space: str = "urn:t") -> str:
    spaces = f'{XS} xmlns:t="{space}" targetNamespace="{space}"'
    return f'<xs:schema {spaces} elementFormDefault="qualified">{inner}</xs:schema>'


def element(name: str, members: str) -> str:
    inner = f"<xs:complexType><xs:sequence>{members}</xs:sequence></xs:complexType>"
    return f'<xs:element name="{name}">{inner}</xs:element>'


ASK = element("ask", '<xs:element name="a" type="xs:string"/>')
PLAIN = wsdl(schema(ASK + element("answer", '<xs:element name="code" type="xs:int"/>')))


def described(text: str, **others: str) -> Description:
    files = {"https://a.example/main": text.encode()}
    files |= {f"https://a.example/{name}": other.encode() for name, other in others.items()}
    return understood(collect("https://a.example/main", files.__getitem__))


def answer_of(description: Description) -> dict[str, Any]:
    ((_, operation, _),) = operations_of(description.document)
    return Contracts(Schemas(description.roots)).message(operation.output)[1]


@pytest.mark.parametrize(
    ("said", "base", "leads"),
    [
        ("b.xsd", "https://h/x/a.wsdl", "https://h/x/b.xsd"),
        ("../b.xsd#t", "https://h/x/a.wsdl?wsdl", "https://h/b.xsd"),
        ("?xsd=1", "https://h/x/a?wsdl", "https://h/x/a?xsd=1"),
        ("https://o/b.xsd", "/f/a.wsdl", "https://o/b.xsd"),
        ("b/c.xsd", "/f/a.wsdl", "/f/b/c.xsd"),
        ("package:p/c.xsd", "/f/a.wsdl", "package:p/c.xsd"),
        ("../d.xsd", "package:p/x/c.xsd", "package:p/d.xsd"),
        ("d.xsd", "catalogue:x/c.wsdl", "catalogue:x/d.xsd"),
    ],
)
def test_references_lead_where_they_say(said: str, base: str, leads: str) -> None:
    """Relative names, absolute addresses and package names, from any kind of place."""
    assert absolute(said, base) == leads


def test_the_digest_is_that_of_the_documents_and_not_of_their_place(tmp_path: Path) -> None:
    """Files, a catalogue of them and the same documents elsewhere have one digest; a byte changes it."""
    documents = documents_at(str(PARCELS))
    assert len(documents.files) == 5
    write_catalogue(tmp_path / "kept", documents)
    kept = documents_at(str(tmp_path / "kept"))
    assert kept.digest == documents.digest
    assert str(WSDLS) not in (tmp_path / "kept" / INDEX).read_text()
    (file,) = (tmp_path / "kept").glob("codes*")
    changed = collect(kept.main, lambda name: _read(kept.files[name]))
    assert changed.digest != documents.digest
    assert file.exists()


def _read(data: bytes) -> bytes:
    return data.replace(b"REFUSED", b"REJECTED")


def test_a_redefined_type_is_the_new_one_built_on_the_old() -> None:
    """xsd:redefine: the extended type has the old members and the new, also where others use it."""
    old = schema(
        '<xs:complexType name="Address"><xs:sequence><xs:element name="street" type="xs:string"/>'
        "</xs:sequence>"
        '</xs:complexType><xs:simpleType name="Code"><xs:restriction base="xs:string">'
        '<xs:maxLength value="9"/>'
        "</xs:restriction></xs:simpleType>"
        + element("answer", '<xs:element name="at" type="t:Address"/><xs:element name="code" type="t:Code"/>')
    )
    new = schema(
        '<xs:redefine schemaLocation="old">'
        '<xs:complexType name="Address"><xs:complexContent><xs:extension base="t:Address"><xs:sequence>'
        '<xs:element name="ward" type="xs:string"/></xs:sequence></xs:extension></xs:complexContent>'
        "</xs:complexType>"
        '<xs:simpleType name="Code"><xs:restriction base="t:Code"><xs:minLength value="2"/></xs:restriction>'
        "</xs:simpleType></xs:redefine>" + ASK
    )
    found = described(wsdl(new), old=old)
    assert [path for path, *_ in leaves(answer_of(found))] == ["at.street", "at.ward", "code"]
    code = answer_of(found)["properties"]["code"]
    assert (code["minLength"], code["maxLength"]) == (2, 9)
    ((_, operation, _),) = operations_of(found.document)
    assert [name for name, _ in operation.output.body.type.elements[0][1].type.elements] == ["street", "ward"]


def test_what_is_redefined_must_be_there() -> None:
    """A redefinition of nothing is named, and so is one that goes round in circles."""
    new = schema('<xs:redefine schemaLocation="old"><xs:simpleType name="X"/></xs:redefine>' + ASK)
    with pytest.raises(Misconfigured, match="'X'"):
        described(wsdl(new), old=schema(""))
    ring = schema('<xs:redefine schemaLocation="old"/>')
    with pytest.raises(Misconfigured, match="redefines itself"):
        described(wsdl(new), old=ring)


HOSTILE = {
    "a document type": '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    "a billion laughs": '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>',
    "no XML": "<html><body>Login</html>",
    "nothing": "",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["main", "import"])
def test_hostile_documents_are_refused_by_name(name: str, place: str) -> None:
    """Entities are never expanded, wherever the document stands; the error says which one it is."""
    files = {"https://a/main": HOSTILE[name]}
    if place == "import":
        files = {
            "https://a/main": wsdl(schema('<xs:include schemaLocation="x"/>')),
            "https://a/x": HOSTILE[name],
        }
    with pytest.raises(Misconfigured, match=r"document type|well-formed") as caught:
        collect("https://a/main", lambda location: files[location].encode())
    assert caught.value.where == ("https://a/main" if place == "main" else "https://a/x")


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (Bounds(documents=3), "more than 3 documents"),
        (Bounds(document_bytes=100), "larger than 100 bytes"),
        (Bounds(all_bytes=1500), "whole larger than 1500 bytes"),
        (Bounds(depth=2), "more than 2 steps"),
    ],
)
def test_descriptions_without_end_are_given_up(bounds: Bounds, words: str) -> None:
    """A service that invents imports for ever is stopped at every bound."""

    def endless(location: str) -> bytes:
        number = int(location.rpartition("/")[2])
        return schema(f'<xs:include schemaLocation="{number + 1}"/>').encode()

    with pytest.raises(Misconfigured, match=words):
        collect("https://a/0", endless, bounds)


def test_only_the_own_host_is_asked_unless_told(told: Any) -> None:
    """An import from elsewhere is refused with the option that allows it; allowed, it is fetched once."""
    other = told.url.replace("127.0.0.1", "localhost") + "/types.xsd"
    main = wsdl(f'<xs:schema><xs:import namespace="urn:t" schemaLocation="{other}"/></xs:schema>')
    types = schema(ASK + element("answer", '<xs:element name="code" type="xs:int"/>'))

    def give(handler: Any) -> None:
        data = (types if handler.path.endswith("types.xsd") else main).encode()
        handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)

    told.act = give
    with pytest.raises(Misconfigured, match="--host localhost"):
        documents_at(f"{told.url}?wsdl")
    assert len(told.requests) == 1
    documents = documents_at(f"{told.url}?wsdl", hosts=("localhost",))
    assert list(documents.files) == [f"{told.url}?wsdl", other]
    assert len(told.requests) == 3


def test_credentials_stay_with_their_own_address(told: Any) -> None:
    """A connection's password is shown to the connection's address and to no other host."""
    other = told.url.replace("127.0.0.1", "localhost") + "/types.xsd"
    main = wsdl(f'<xs:schema><xs:import namespace="urn:t" schemaLocation="{other}"/></xs:schema>')
    types = schema(ASK + element("answer", '<xs:element name="code" type="xs:int"/>'))

    def give(handler: Any) -> None:
        data = (types if handler.path.endswith("types.xsd") else main).encode()
        handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)

    told.act = give
    known = told.connection(login="user", password="secret", auth="basic")
    documents_at(f"{told.url}?wsdl", hosts=("localhost",), connection=known)
    (_, first, _), (_, second, _) = told.requests
    assert "authorization" in first
    assert "authorization" not in second


@pytest.fixture
def kept(told: Any, tmp_path: Path) -> Path:
    """A catalogue of what the service offers."""
    told.headers, told.body = {"Content-Type": "text/xml"}, PLAIN.encode()
    folder = tmp_path / "kept"
    assert main(["wsdl", f"{told.url}?wsdl", "--fetch", str(folder)]) == 0
    told.requests.clear()
    return folder


def opened(told: Any, **options: Any) -> Any:
    settings = SoapLookup(operation="get", request={"a": "$question.id"}, **options)
    return settings.open_lookup(told.connection(), Context())


def test_a_pinned_wsdl_needs_no_network(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the printed digest a connector opens from the folder alone, its service being nowhere."""
    capsys.readouterr()
    assert main(["wsdl", str(kept), "--fetch", str(kept.parent / "again")]) == 0
    digest = capsys.readouterr().out.split()[-1]
    settings = SoapLookup(operation="get", request={"a": "$question.id"}, wsdl=str(kept), wsdl_digest=digest)
    nowhere = Connection(id="c", kind="lienthong_soap", host="http://127.0.0.1:9/x")
    settings.open_lookup(nowhere, Context()).close()


def test_what_differs_from_its_pin_is_refused(told: Any, kept: Path) -> None:
    """A changed file, a changed file with a changed index, a missing one and a wrong pin are all named."""
    digest = documents_at(str(kept)).digest
    with pytest.raises(Misconfigured, match="wsdl_digest"):
        opened(told, wsdl=str(kept), wsdl_digest="0" * 64)
    with pytest.raises(Misconfigured, match="64 hexadecimal"):
        opened(told, wsdl=str(kept), wsdl_digest="abc")
    with pytest.raises(Misconfigured, match="read from a file"):
        opened(told, wsdl="?wsdl", wsdl_digest=digest)
    (file,) = kept.glob("*.wsdl")
    file.write_text(PLAIN.replace("xs:int", "xs:long"))
    with pytest.raises(Misconfigured, match="differs from the digest") as caught:
        opened(told, wsdl=str(kept), wsdl_digest=digest)
    assert caught.value.where == str(file)
    index = json.loads((kept / INDEX).read_text())
    (entry,) = index["documents"].values()
    from lienthong.records import sha256

    entry["sha256"] = sha256(file.read_bytes())
    (kept / INDEX).write_text(json.dumps(index))
    with pytest.raises(Misconfigured, match="is not the one that wsdl_digest pins") as caught:
        opened(told, wsdl=str(kept), wsdl_digest=digest)
    assert caught.value.where == f"{told.url}?wsdl"
    file.unlink()
    with pytest.raises(Misconfigured, match="cannot be read"):
        opened(told, wsdl=str(kept))
    assert not told.requests


@pytest.mark.parametrize(
    "text", ["", "[]", '{"main": "x"}', '{"main": "x", "documents": {"x": {"file": "f"}}}']
)
def test_a_broken_index_is_named(tmp_path: Path, text: str) -> None:
    """A catalogue whose index is no index says so."""
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(Misconfigured, match="malformed"):
        open_catalogue(str(tmp_path))


def test_a_catalogue_cannot_reach_outside_its_folder(tmp_path: Path) -> None:
    """An index that names a file elsewhere is refused before the file is opened."""
    (tmp_path / "secret").write_text("x")
    (tmp_path / "kept").mkdir()
    entry = {"file": "../secret", "sha256": "0" * 64}
    (tmp_path / "kept" / INDEX).write_text(json.dumps({"main": "x", "documents": {"x": entry}}))
    with pytest.raises(Misconfigured, match="outside the folder"):
        documents_at(str(tmp_path / "kept"))


def drift(told: Any, kept: Path) -> Finding:
    service = opened(told, wsdl=str(kept))
    try:
        return next(finding for finding in service.check() if finding.check == "drift")
    finally:
        service.close()


def test_the_check_reports_drift_in_lines(told: Any, kept: Path) -> None:
    """The same WSDL, one that says the same, a changed one and none at all are told apart."""
    assert drift(told, kept).ok
    told.body = PLAIN.replace("127.0.0.1", "other.example").encode()
    assert "says the same" in drift(told, kept).detail
    told.body = PLAIN.replace('"code" type="xs:int"', '"code" type="xs:long" minOccurs="0"').encode()
    found = drift(told, kept)
    assert not found.ok
    assert "operation Q.get: answer member code was int, is integer/string" in found.detail
    assert "answer member code is no longer required" in found.detail
    told.status, told.body = 404, b""
    found = drift(told, kept)
    assert found.ok and "not compared" in found.detail


def test_changes_are_lines_that_a_person_can_act_on() -> None:
    """Operations and members that come, go or change, each with what it was and is."""
    old = described(PLAIN)
    more = ASK.replace("</xs:sequence>", '<xs:element name="b" type="xs:int"/></xs:sequence>')
    new = described(
        wsdl(schema(more + element("answer", '<xs:element name="result" type="xs:string" maxOccurs="5"/>')))
        .replace('name="get"', 'name="fetch"')
    )  # fmt: skip
    assert changes(old, new) == ["operation Q.get is gone", "operation Q.fetch is new"]
    new = described(
        wsdl(schema(more + element("answer", '<xs:element name="result" type="xs:string" maxOccurs="5"/>')))
        .replace('soapAction=""', 'soapAction="urn:new"')
    )  # fmt: skip
    assert changes(old, new) == [
        "operation Q.get: SOAPAction was none, is urn:new",
        "operation Q.get: answer member code is gone",
        "operation Q.get: request member b is new (int, required)",
        (
            "operation Q.get: answer member result[] is new "
            "(array, minItems 1, maxItems 5 of string/null, required)"
        ),
    ]
    assert changes(old, old) == []


def test_compare_tells_it_by_its_exit_code(
    kept: Path, told: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --compare the exit code is 0 for the same, 2 with lines for what is different."""
    assert main(["wsdl", str(kept), "--compare", f"{told.url}?wsdl"]) == 0
    (tmp_path / "new.wsdl").write_text(PLAIN.replace("xs:int", "xs:boolean"))
    capsys.readouterr()
    assert main(["wsdl", str(kept), "--compare", str(tmp_path / "new.wsdl")]) == 2
    assert capsys.readouterr().out == "operation Q.get: answer member code was int, is boolean\n"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\d{3}", "[0-9]{3}"),
        (r"[\d\s]+", r"[0-9 \t\n\r]+"),
        (r"a$b^", r"a\$b\^"),
        (r"[^a-z]$", r"[^a-z]\$"),
        (r"[a^b$]", r"[a\^b$]"),
        (r"\S+\-\.", r"[^ \t\n\r]+\-\."),
        (r"\p{L}+", None),
        (r"[a-z-[aeiou]]", None),
        (r"\i\c*", None),
        (r"[\D]", None),
    ],
)
def test_patterns_mean_the_same_in_json_schema(written: str, meant: str | None) -> None:
    """What XML Schema anchors, escapes and abbreviates is written out; what has no equal is left out."""
    assert pattern(written) == meant


def test_both_validators_read_every_written_schema_alike() -> None:
    """The two JSON Schema validators agree on values inside and outside of each facet."""
    import jsonschema
    import jsonschema_rs

    members = (
        '<xs:element name="plate"><xs:simpleType><xs:restriction base="xs:string">'
        '<xs:pattern value="\\d{2}[A-Z]$"/>'
        "</xs:restriction></xs:simpleType></xs:element>"
        '<xs:element name="big" type="xs:unsignedLong"/><xs:element name="small" type="xs:byte"/>'
        '<xs:element name="day" type="xs:date"/><xs:element name="amount" type="xs:decimal"/>'
        '<xs:element name="ratio" type="xs:double"/><xs:element name="hex" type="xs:hexBinary"/>'
        '<xs:element name="digits"><xs:simpleType><xs:restriction base="xs:integer">'
        '<xs:totalDigits value="3"/>'
        "</xs:restriction></xs:simpleType></xs:element>"
        '<xs:element name="pick"><xs:simpleType><xs:restriction base="xs:int"><xs:enumeration value="1"/>'
        '<xs:enumeration value="7"/></xs:restriction></xs:simpleType></xs:element>'
    )
    found = answer_of(described(wsdl(schema(ASK + element("answer", members)))))
    values = {
        "plate": (["29A$"], ["29A", "x29A$", "२९A$", 29]),
        "big": ([1, "18446744073709551615"], [-1, "1.5", []]),
        "small": ([-128, 127], [128, "1"]),
        "day": (["2026-02-01", "2026-02-01+07:00"], ["2026-13-01", "1/2/2026"]),
        "amount": (["1.50", "-3", "+.5"], ["1,5", "", 1.5]),
        "ratio": (["1e3", "NaN", "-INF"], ["e3", "inf"]),
        "hex": (["", "0aFF"], ["0", "0g"]),
        "digits": ([999, -999], [1000, "999"]),
        "pick": ([1, 7], [2, "1"]),
    }
    for name, (good, bad) in values.items():
        member = found["properties"][name]
        first, second = jsonschema.Draft202012Validator(member), jsonschema_rs.validator_for(member)
        for value in [*good, *bad]:
            assert first.is_valid(value) is second.is_valid(value) is (value in good), (name, value)


def test_types_of_every_kind_become_members() -> None:
    """Choices, groups, extensions, attributes, texts with attributes, nil, recursion and open content."""
    types = (
        '<xs:group name="G"><xs:sequence><xs:element name="g" type="xs:string"/></xs:sequence></xs:group>'
        '<xs:attributeGroup name="A"><xs:attribute name="at" type="xs:int" use="required"/>'
        "</xs:attributeGroup>"
        '<xs:complexType name="Base"><xs:sequence><xs:element name="base" type="xs:boolean"/></xs:sequence>'
        '<xs:attributeGroup ref="t:A"/></xs:complexType>'
        '<xs:complexType name="Tree"><xs:sequence><xs:element name="kid" type="t:Tree" minOccurs="0"/>'
        "</xs:sequence>"
        "</xs:complexType>"
        '<xs:complexType name="Money"><xs:simpleContent><xs:extension base="xs:decimal">'
        '<xs:attribute name="unit" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType>'
        '<xs:element name="answer"><xs:complexType><xs:complexContent><xs:extension base="t:Base">'
        "<xs:sequence>"
        '<xs:group ref="t:G" maxOccurs="unbounded"/><xs:choice><xs:element name="x" type="xs:int"/>'
        '<xs:element name="y" type="xs:int"/></xs:choice><xs:element name="tree" type="t:Tree"/>'
        '<xs:element name="money" type="t:Money"/><xs:element name="nil" type="xs:int" nillable="true"/>'
        '<xs:any minOccurs="0"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>'
        "</xs:element>"
    )
    found = answer_of(described(wsdl(schema(ASK + types))))
    members = found["properties"]
    assert list(members) == ["base", "g", "x", "y", "tree", "money", "nil", "at"]
    assert found["required"] == ["base", "g", "money", "at"]
    assert members["g"]["items"]["type"] == ["string", "null"]
    assert members["tree"]["properties"]["kid"] == {"type": "object"}
    assert members["money"]["type"] == ["object", "string"]
    assert list(members["money"]["properties"]) == ["_text", "unit"]
