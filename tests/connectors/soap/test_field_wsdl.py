"""Descriptions as the field writes them: where their files lie, overloads, what is missing, what is large."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lienthong.cli import main
from lienthong.connector import Connection, Context, Question
from lienthong.errors import Misconfigured, UnknownName
from lienthong_connectors.soap import SoapLookup
from lienthong_connectors.soap.aboard import _TABLE, aboard, place_of
from lienthong_connectors.soap.catalogue import write_catalogue
from lienthong_connectors.soap.compiling import compile_operation
from lienthong_connectors.soap.contract import MOST_MEMBERS, Contracts, leaves
from lienthong_connectors.soap.documents import Documents, collect
from lienthong_connectors.soap.facets import Schema
from lienthong_connectors.soap.fetch import documents_at
from lienthong_connectors.soap.samples import sample
from lienthong_connectors.soap.tree import draw
from lienthong_connectors.soap.wsdl import Description, gather, operations_of, understood

HEAD = (
    '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
    'xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" targetNamespace="urn:t" xmlns:t="urn:t">'
)
STRING = 'type="xs:string"'


def element(name: str, inner: str) -> str:
    return (
        f'<xs:element name="{name}"><xs:complexType><xs:sequence>{inner}</xs:sequence>'
        "</xs:complexType></xs:element>"
    )


def schema(inner: str) -> str:
    return (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" '
        f'elementFormDefault="qualified">{inner}</xs:schema>'
    )


def wsdl(types: str, operations: dict[str, tuple[str, str]], headers: str = "", parts: str = "") -> str:
    """Return a WSDL with document/literal operations: the elements of request and answer by name."""
    messages, abstract, concrete = "", "", ""
    for name, (asked, answered) in operations.items():
        messages += f'<message name="{name}In"><part name="p" element="t:{asked}"/></message>'
        messages += f'<message name="{name}Out"><part name="p" element="t:{answered}"/></message>'
        abstract += f'<operation name="{name}"><input message="t:{name}In"/>'
        abstract += f'<output message="t:{name}Out"/></operation>'
        concrete += (
            f'<operation name="{name}"><s:operation soapAction="urn:t/{name}"/>'
            f'<input>{headers}<s:body use="literal"/></input>'
            '<output><s:body use="literal"/></output></operation>'
        )
    return (
        f"{HEAD}<types>{types}</types>{parts}{messages}"
        f'<portType name="P">{abstract}</portType><binding name="B" type="t:P">'
        f'<s:binding transport="http://schemas.xmlsoap.org/soap/http"/>{concrete}</binding>'
        '<service name="S"><port name="P" binding="t:B"><s:address location="http://h"/></port></service>'
        "</definitions>"
    )


PLAIN = schema(
    element("ask", f'<xs:element name="id" {STRING}/>')
    + element("answer", f'<xs:element name="ma" {STRING}/>')
)
ONE = {"ask": ("ask", "answer")}


def described(text: str) -> Description:
    return understood(
        collect("https://a.example/main", {"https://a.example/main": text.encode()}.__getitem__)
    )


class Bus:
    """The command line in this process; ``out`` and ``err`` are what the last command wrote."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self.out, self.err = capsys, "", ""

    def __call__(self, *arguments: str | Path) -> int:
        code = main([*map(str, arguments)])
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def bus(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bus:
    monkeypatch.chdir(tmp_path)
    return Bus(capsys)


def nothing(url: str) -> bytes:
    raise AssertionError(f"the network was asked for {url}")


# --- where documents lie -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "package:evil_w/x.xsd",
        "package:evil_w/../secret.xsd",
        "package:lienthong_sandbox/wsdl/dancu.xsd",
        "package:os/../../../../etc/passwd",
        "package:",
        "catalogue:x.xsd",
        "file:///etc/passwd",
        "../secret.xsd",
        "..\\secret.xsd",
    ],
)
@pytest.mark.parametrize("place", ["remote", "local", "catalogue"])
def test_a_document_never_leads_into_a_package(
    said: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is imported and nothing is read, wherever the description comes from and whatever it says."""
    (tmp_path / "site/evil_w").mkdir(parents=True)
    (tmp_path / "site/evil_w/__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "site/secret.xsd").write_text(schema(""))
    monkeypatch.syspath_prepend(tmp_path / "site")
    text = wsdl(f'<xs:schema targetNamespace="urn:u"><xs:include schemaLocation="{said}"/></xs:schema>', ONE)
    base = "http://agency.example/ws"
    local = tmp_path / "own/a.wsdl"
    local.parent.mkdir()
    local.write_text(text)
    write_catalogue(tmp_path / "kept", Documents(str(local), {str(local): text.encode()}))
    where = {"remote": f"{base}?wsdl", "local": str(local), "catalogue": str(tmp_path / "kept")}[place]
    with pytest.raises(Misconfigured) as caught:
        gather(where, base, lambda url: text.encode() if url.startswith(base) else b"<x")
    if place == "remote" and said.startswith(".."):
        return  # another address of the same host: what came was no schema
    assert "evil_w" not in sys.modules
    assert caught.value.hint


def lib(folder: Path) -> Path:
    """Write a WSDL that refers to ../lib/x.xsd, and return it."""
    (folder / "wsdl").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "lib/x.xsd").write_text(PLAIN)
    text = wsdl('<xs:schema><xs:import namespace="urn:t" schemaLocation="../lib/x.xsd"/></xs:schema>', ONE)
    (folder / "wsdl/a.wsdl").write_text(text)
    return folder / "wsdl/a.wsdl"


def test_a_folder_beside_inside_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``../lib/x.xsd`` is read where the WSDL lies in a package that holds both."""
    lib(tmp_path / "mine_w/systems/hs")
    (tmp_path / "mine_w/__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    documents = documents_at("package:mine_w/systems/hs/wsdl/a.wsdl")
    assert len(documents.own) == 2
    settings = SoapLookup(operation="ask", wsdl="package:mine_w/systems/hs/wsdl/a.wsdl")
    settings.open_lookup(Connection("x", "lienthong_soap", "http://127.0.0.1:9"), Context()).close()


def test_a_folder_beside_inside_a_catalogue(tmp_path: Path, bus: Bus) -> None:
    """The hint's own command makes a catalogue of it, and the catalogue is read without the files."""
    file = lib(tmp_path / "given")
    with pytest.raises(Misconfigured) as caught:
        documents_at(str(file))
    assert f"--root {tmp_path / 'given'} --fetch FOLDER" in caught.value.hint
    assert bus("wsdl", file, "--root", tmp_path / "given", "--fetch", "kept") == 0
    (file.parent.parent / "lib/x.xsd").unlink()
    kept = documents_at(str(tmp_path / "kept"))
    assert sorted(kept.own) == ["catalogue:lib/x.xsd", "catalogue:wsdl/a.wsdl"]
    assert [path for path, *_ in leaves(answer_of(understood(kept)))] == ["ma"]


def answer_of(description: Description) -> Schema:
    ((_, operation, _),) = operations_of(description.document)
    return Contracts.of(description).message(operation.output)[1]


def test_names_with_backslashes(tmp_path: Path) -> None:
    """As tools on Windows write relative names."""
    (tmp_path / "types").mkdir()
    (tmp_path / "types/x.xsd").write_text(PLAIN)
    text = wsdl('<xs:schema><xs:import namespace="urn:t" schemaLocation="types\\x.xsd"/></xs:schema>', ONE)
    (tmp_path / "a.wsdl").write_text(text)
    assert len(documents_at(str(tmp_path / "a.wsdl")).own) == 2


# --- well-known schemas --------------------------------------------------------------------------


@pytest.mark.parametrize("name", _TABLE)
def test_well_known_schemas_are_aboard(name: str) -> None:
    """By each place and by its namespace, with and without a location; no network, no part of the digest."""
    namespace, places = _TABLE[name]
    data = aboard(place_of(namespace))
    assert data is not None and f'targetNamespace="{namespace}"' in data.decode().replace("'", '"')
    locations = [f"{scheme}://{place}" for place in places for scheme in ("http", "https")]
    bare = wsdl(PLAIN, ONE)
    for location in ["", namespace, *locations, "http://intranet.example/known.xsd"]:
        said = f' schemaLocation="{location}"' if location else ""
        more = f'<xs:schema targetNamespace="urn:u"><xs:import namespace="{namespace}"{said}/></xs:schema>'
        text = bare.replace("<types>", f"<types>{more}")
        documents = collect("urn:main", {"urn:main": text.encode()}.__getitem__)
        assert list(documents.own) == ["urn:main"] and documents.known
        found = understood(documents)
        assert [path for path, *_ in leaves(answer_of(found))] == ["ma"]


def test_their_types_are_known() -> None:
    """A swaRef is a text, an xmime:base64Binary bytes with a content type; headers of X-Road have members."""
    more = (
        '<xs:import namespace="http://ws-i.org/profiles/basic/1.1/xsd"/>'
        '<xs:import namespace="http://www.w3.org/2005/05/xmlmime"/>'
        '<xs:import namespace="http://x-road.eu/xsd/identifiers"/>'
    )
    inner = (
        '<xs:element name="tep" xmlns:r="http://ws-i.org/profiles/basic/1.1/xsd" type="r:swaRef"/>'
        '<xs:element name="anh" xmlns:x="http://www.w3.org/2005/05/xmlmime" type="x:base64Binary"/>'
        '<xs:element name="ben" xmlns:i="http://x-road.eu/xsd/identifiers" '
        'type="i:XRoadClientIdentifierType"/>'
    )
    types = schema(more + element("ask", "") + element("answer", inner))
    inside = answer_of(described(wsdl(types, ONE)))["properties"]
    assert inside["tep"]["type"] == "string"
    assert set(inside["anh"]["properties"]) == {"_text", "contentType"}
    assert inside["ben"]["properties"]["memberCode"]["type"] == "string"


def test_a_copy_of_ones_own_goes_before_ours(tmp_path: Path) -> None:
    """What the description brings itself is used, and is part of its digest, as it always was."""
    space = "http://ws-i.org/profiles/basic/1.1/xsd"
    place = place_of(space)
    more = f'<xs:import namespace="{space}" schemaLocation="{place}"/><xs:element'
    text = wsdl(PLAIN.replace("<xs:element", more, 1), ONE)
    own = f'<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="{space}"/>'.encode()
    documents = collect("urn:main", {"urn:main": text.encode(), place: own}.__getitem__)
    assert documents.own[place] == own and not documents.known
    write_catalogue(tmp_path / "kept", documents)
    assert documents_at(str(tmp_path / "kept")).digest == documents.digest
    ours = collect("urn:main", {"urn:main": text.encode()}.__getitem__)
    write_catalogue(tmp_path / "lean", ours)
    assert [path.name for path in (tmp_path / "lean").glob("*.xsd")] == []
    assert documents_at(str(tmp_path / "lean")).digest == ours.digest != documents.digest


def test_a_pinned_description_with_a_known_schema_is_kept_compiled(tmp_path: Path) -> None:
    """Known schemas are not compared with anything: the compiled operation is found again by its pin."""
    from lienthong_connectors.soap.descriptions import Wanted
    from lienthong_connectors.soap.descriptions import described as compiled

    more = '<xs:import namespace="http://ws-i.org/profiles/basic/1.1/xsd"/>'
    (tmp_path / "a.wsdl").write_text(wsdl(PLAIN.replace("<xs:element", f"{more}<xs:element", 1), ONE))
    location = str(tmp_path / "a.wsdl")
    pin = documents_at(location).digest
    wanted = Wanted(location, "ask", pin=pin)
    first = compiled(wanted, "", nothing, tmp_path / "cache")
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from lienthong_connectors.soap.descriptions import Wanted, described\n"
        "found = described(Wanted(sys.argv[1], 'ask', pin=sys.argv[2]), '', None, Path(sys.argv[3]))\n"
        "print(found.name, 'zeep' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, location, pin, str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (first.name, done.stdout.split()) == ("ask", ["ask", "False"])


# --- overloads -----------------------------------------------------------------------------------

OVERLOADED = schema(
    element("Tim", f'<xs:element name="ma" {STRING}/>')
    + element("TimTheoTen", f'<xs:element name="ten" {STRING}/>')
    + element("TimTheoNgay", '<xs:element name="ngay" type="xs:date"/>')
    + element("answer", f'<xs:element name="ma" {STRING}/>')
)


def overloaded(*, named: bool = True) -> str:
    """Return a WSDL as .NET writes [WebMethod(MessageName=...)]: one name, several messages."""
    messages = '<message name="o"><part name="p" element="t:answer"/></message>'
    abstract = concrete = ""
    for number, one in enumerate(("Tim", "TimTheoTen", "TimTheoNgay")):
        said = f' name="{one}"' if number else ""
        both = said if named else ""
        messages += f'<message name="i{number}"><part name="p" element="t:{one}"/></message>'
        abstract += f'<operation name="Tim"><input{said} message="t:i{number}"/>'
        abstract += f'<output{said} message="t:o"/></operation>'
        concrete += (
            f'<operation name="Tim"><s:operation soapAction="urn:t/{one}"/><input{both}>'
            f'<s:body use="literal"/></input><output{both}><s:body use="literal"/></output></operation>'
        )
    return (
        f'{HEAD}<types>{OVERLOADED}</types>{messages}<portType name="P">{abstract}</portType>'
        f'<binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>{concrete}'
        '</binding><service name="S"><port name="P" binding="t:B"><s:address location="http://h"/></port></service>'
        "</definitions>"
    )


@pytest.mark.parametrize("named", [True, False], ids=["named in the binding", "in the same order"])
@pytest.mark.parametrize(
    ("operation", "action", "sent"),
    [
        ("Tim", "urn:t/Tim", b'<m:Tim xmlns:m="urn:t"><m:ma>1</m:ma></m:Tim>'),
        (
            "Tim.TimTheoTen",
            "urn:t/TimTheoTen",
            b'<m:TimTheoTen xmlns:m="urn:t"><m:ten>1</m:ten></m:TimTheoTen>',
        ),
        (
            "Tim.TimTheoNgay",
            "urn:t/TimTheoNgay",
            b'<m:TimTheoNgay xmlns:m="urn:t"><m:ngay>1</m:ngay></m:TimTheoNgay>',
        ),
    ],
)
def test_each_overload_can_be_called(
    told: Any, tmp_path: Path, operation: str, action: str, sent: bytes, named: bool
) -> None:
    """The last one was all there was, and nothing said so."""
    (tmp_path / "o.wsdl").write_text(overloaded(named=named))
    member = {"Tim": "ma", "Tim.TimTheoTen": "ten", "Tim.TimTheoNgay": "ngay"}[operation]
    told.envelope('<t:answer xmlns:t="urn:t"><t:ma>x</t:ma></t:answer>')
    settings = SoapLookup(operation=operation, wsdl=str(tmp_path / "o.wsdl"), request={member: "$record.id"})
    opened = settings.open_lookup(told.connection(), Context())
    assert opened.ask(Question("1" * 32, {"id": "1"}, "cb", "tt", "md")) == {"ma": "x"}
    opened.close()
    assert sent in told.requests[-1][2]
    assert told.requests[-1][1]["soapaction"] == f'"{action}"'


def test_overloads_are_shown_apart_and_told_apart() -> None:
    text = drawn(described(overloaded()))
    for name in ("operation Tim ", "operation Tim.TimTheoTen ", "operation Tim.TimTheoNgay "):
        assert name in text
    assert text.count("one of several Tim") == 3
    with pytest.raises(Misconfigured, match="no operation 'TimTheoTen'") as caught:
        compile_operation(described(overloaded()), "TimTheoTen")
    assert "Tim.TimTheoTen" in caught.value.hint


def drawn(description: Description, only: str = "") -> str:
    from rich.console import Console

    console = Console(width=240)
    with console.capture() as capture:
        console.print(draw(description, only))
    return capture.get()


# --- large and recursive types -------------------------------------------------------------------


def layers(count: int, width: int) -> str:
    """Return types of which each uses the next one several times: 2 to the count, if written out."""
    types = ""
    for number in range(count):
        inner = "".join(
            f'<xs:element name="a{number}x{turn}" type="t:L{number + 1}" minOccurs="0"/>'
            for turn in range(width)
        )
        types += f'<xs:complexType name="L{number}"><xs:sequence>{inner}</xs:sequence></xs:complexType>'
    last = f'<xs:sequence><xs:element name="x" {STRING}/></xs:sequence>'
    types += f'<xs:complexType name="L{count}">{last}</xs:complexType>'
    return schema(types + element("ask", "") + element("answer", '<xs:element name="top" type="t:L0"/>'))


def knot(count: int) -> str:
    """Return types that all hold each other."""
    inner = "".join(f'<xs:element name="e{n}" type="t:K{n}" minOccurs="0"/>' for n in range(count))
    types = "".join(
        f'<xs:complexType name="K{n}"><xs:sequence>{inner}</xs:sequence></xs:complexType>'
        for n in range(count)
    )
    return schema(types + element("ask", "") + element("answer", inner))


@pytest.mark.parametrize("types", [layers(10, 6), knot(12)], ids=["layers", "knot"])
def test_types_are_written_out_once(types: str) -> None:
    """33 operations over such types took over a minute and all memory: each use wrote everything out anew."""
    operations = {f"op{number}": ("ask", "answer") for number in range(33)}
    found = described(wsdl(types, operations))
    contracts = Contracts.of(found)
    sizes = [count(contracts.message(one.output)[1]) for _, one, _ in operations_of(found.document)]
    assert max(sizes) <= MOST_MEMBERS * 1.02
    assert len(drawn(found).splitlines()) < 60_000


def count(schema: Schema) -> int:
    """Count the members of a schema as it would be written."""
    return sum(1 + count(one.get("items", one)) for one in schema.get("properties", {}).values())


def test_a_type_used_twice_is_drawn_once_and_named_then() -> None:
    inner = element("a", element("b", f'<xs:element name="c" {STRING}/>'))
    types = schema(
        f'<xs:complexType name="T"><xs:sequence>{inner}</xs:sequence></xs:complexType>'
        + element("ask", "")
        + element("answer", '<xs:element name="first" type="t:T"/><xs:element name="second" type="t:T"/>')
    )
    text = drawn(described(wsdl(types, ONE)))
    assert text.count(" c  string") == 1
    assert "second  object, as in answer.first" in text


def test_a_type_inside_itself_is_the_same_wherever_it_stands() -> None:
    """What is cut short because it stands inside itself is not taken for the whole type elsewhere."""
    types = schema(
        '<xs:complexType name="A"><xs:sequence><xs:element name="b" type="t:B" minOccurs="0"/>'
        f'<xs:element name="x" {STRING}/></xs:sequence></xs:complexType>'
        '<xs:complexType name="B"><xs:sequence><xs:element name="a" type="t:A" minOccurs="0"/>'
        f'<xs:element name="y" {STRING}/></xs:sequence></xs:complexType>'
        + element("ask", "")
        + element("answer", '<xs:element name="first" type="t:A"/><xs:element name="second" type="t:B"/>')
    )
    inside = answer_of(described(wsdl(types, ONE)))["properties"]
    assert inside["first"]["properties"]["b"]["properties"]["a"] == {"type": "object"}
    assert inside["second"]["properties"]["a"]["properties"]["b"] == {"type": "object"}
    assert inside["second"]["properties"]["a"]["properties"]["x"] == {"type": "string"}


# --- what is incomplete, what is unknown ---------------------------------------------------------


def broken(what: str) -> str:
    whole = wsdl(PLAIN, {"ask": ("ask", "answer"), "put": ("ask", "answer")})
    return {
        "message": whole.replace('<message name="putIn">', '<message name="otherIn">'),
        "operation": whole.replace('<operation name="put"><input m', '<operation name="pot"><input m'),
        "element": whole.replace('<message name="putIn"><part name="p" element="t:ask"/>',
                                 '<message name="putIn"><part name="p" element="t:none"/>'),
    }[what]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("message", "message 'putIn' is not there"),
        ("operation", "the port type 'P' has no such operation"),
        ("element", "element 'none' of message 'putIn' is not there"),
    ],
)
def test_an_incomplete_description_says_so_in_one_sentence(
    tmp_path: Path, bus: Bus, what: str, said: str
) -> None:
    """On the tree, on stderr and in the exit code; nothing else was said of it but a hundred warnings."""
    (tmp_path / "a.wsdl").write_text(broken(what))
    sentence = f"the WSDL is incomplete: 1 of 2 operations cannot be called (put: {said})"
    assert bus("wsdl", "a.wsdl") == 1
    assert bus.err.splitlines() == [f"{sentence}; ask the agency for the whole WSDL"]
    assert sentence in " ".join(bus.out.split())
    assert (bus("wsdl", "a.wsdl", "--operation", "ask"), bus.err) == (0, "")
    with pytest.raises(Misconfigured, match=f"does not finish operation 'put': {said}"):
        compile_operation(understood(documents_at(str(tmp_path / "a.wsdl"))), "put")
    with pytest.raises(Misconfigured, match="cannot be called"):
        draw(understood(documents_at(str(tmp_path / "a.wsdl"))), "put")


def test_an_unknown_operation_is_an_error(tmp_path: Path, bus: Bus) -> None:
    """An empty tree and exit code 0 were the answer."""
    (tmp_path / "a.wsdl").write_text(wsdl(PLAIN, ONE))
    assert bus("wsdl", "a.wsdl", "--operation", "ASK") != 0
    assert "there is no operation 'ASK'" in bus.err and "ask" in bus.err
    with pytest.raises(UnknownName, match="ASK"):
        draw(described(wsdl(PLAIN, ONE)), "ASK")


# --- what --write makes --------------------------------------------------------------------------

TYPES = (
    "string", "boolean", "int", "long", "negativeInteger", "positiveInteger", "unsignedByte", "decimal",
    "float", "double", "date", "dateTime", "time", "gYear", "gYearMonth", "duration", "hexBinary",
    "base64Binary", "anyURI", "QName", "token", "language", "ID",
)  # fmt: skip
FACETS = {
    "so": '<xs:restriction base="xs:string"><xs:pattern value="[0-9]{12}"/></xs:restriction>',
    "ma": '<xs:restriction base="xs:string"><xs:pattern value="[A-Z]{3}"/></xs:restriction>',
    "dai": '<xs:restriction base="xs:string"><xs:length value="9"/></xs:restriction>',
    "ngan": '<xs:restriction base="xs:string"><xs:maxLength value="2"/></xs:restriction>',
    "loai": '<xs:restriction base="xs:string"><xs:enumeration value="B"/></xs:restriction>',
    "tu": '<xs:restriction base="xs:int"><xs:minInclusive value="50"/></xs:restriction>',
    "den": '<xs:restriction base="xs:int"><xs:maxInclusive value="-5"/></xs:restriction>',
}


def test_samples_are_values_of_their_types() -> None:
    """Every type that XML Schema builds in and every facet gives a value that its own schema allows."""
    from jsonschema import Draft202012Validator

    inner = "".join(f'<xs:element name="{name}" type="xs:{name}"/>' for name in TYPES)
    inner += "".join(
        f'<xs:element name="{name}"><xs:simpleType>{text}</xs:simpleType></xs:element>'
        for name, text in FACETS.items()
    )
    many = f'<xs:element name="nhieu" minOccurs="2" maxOccurs="5" {STRING}/>'
    deep = element("sau", f'<xs:element name="trong" {STRING}/>')
    types = schema(element("ask", "") + element("answer", inner + many + deep))
    whole = answer_of(described(wsdl(types, ONE)))
    made = sample(whole)
    Draft202012Validator(whole).validate(made)
    assert set(made) == {*TYPES, *FACETS, "nhieu", "sau"}
    assert made["double"] != "TODO" and made["nhieu"] == ["TODO", "TODO"] and made["sau"] == {"trong": "TODO"}


def test_declared_headers_are_written_and_the_exchange_opens(tmp_path: Path, bus: Bus) -> None:
    """A header that the WSDL declares stands in the DAG file with all its members; no password does."""
    header = element(
        "AuthenticationHeader",
        f'<xs:element name="UserName" minOccurs="0" {STRING}/>'
        f'<xs:element name="Password" minOccurs="0" {STRING}/>'
        '<xs:element name="Lan" type="xs:int"/>',
    )
    types = schema(
        header
        + element(
            "ask",
            '<xs:element name="gia" type="xs:double"/>'
            '<xs:element name="nhieu" type="xs:date" maxOccurs="9"/>',
        )
        + element(
            "answer",
            element("hs", f'<xs:element name="ma" {STRING}/>').replace(
                "<xs:element", '<xs:element maxOccurs="9"', 1
            ),
        )
    )
    text = wsdl(
        types, ONE,
        headers='<s:header message="t:auth" part="AuthenticationHeader" use="literal"/>',
        parts='<message name="auth"><part name="AuthenticationHeader" '
        'element="t:AuthenticationHeader"/></message>',
    )  # fmt: skip
    (tmp_path / "a.wsdl").write_text(text)
    assert bus("wsdl", "a.wsdl", "--operation", "ask", "--write", "reg", "--record", "hs") == 0
    dag = (tmp_path / "reg/dags/ask.py").read_text()
    assert '"UserName": "$connection.login"' in dag and '"Password": "$connection.password"' in dag
    assert '"Lan": 1' in dag and "# TODO: what the declared headers say" in dag
    assert '"gia": "0"' in dag and '"nhieu": ["2026-01-01"]' in dag
    scope: dict[str, Any] = {}
    block = dag[dag.index("service = SoapSource(") : dag.index("columns =")]
    exec("from lienthong_connectors.soap import SoapSource\n" + block, scope)  # noqa: S102 - our own file
    connection = Connection("x", "lienthong_soap", "http://127.0.0.1:9", login="an", password="b")
    service = dataclasses.replace(scope["service"], wsdl=str(tmp_path / "a.wsdl"))
    opened = service.open_source(connection, Context())
    written = opened._request.envelope({"connection": {}}, {}).header()
    opened.close()
    assert ">an</" in written and ">b</" in written


def test_a_password_is_named_in_headers_only(told: Any) -> None:
    """In a request it would become data, and stand in records and receipts."""
    told.envelope("<r><ma>1</ma></r>")
    block = {"{urn:h}Auth": {"p": "$connection.password"}}
    settings = SoapLookup(operation="ask", namespace="urn:t", request={"id": "1"}, soap_headers=block)
    connection = told.connection(login="an", password="bi-mat")
    opened = settings.open_lookup(connection, Context())
    opened.ask(Question("1" * 32, {}, "cb", "tt", "md"))
    opened.close()
    assert told.requests[-1][2].count(b"bi-mat") == 1
    assert b">bi-mat</" in told.requests[-1][2].partition(b"Body")[0]
    for inner in ({"id": "$connection.password"}, {"a": {"$each": {"b": "$connection.login|upper"}}}):
        with pytest.raises(Misconfigured, match="may not name the connection's login or password"):
            dataclasses.replace(settings, request=inner).open_lookup(connection, Context())
