"""rpc/encoded as Axis 1, .NET, NuSOAP and PHP speak it: references, arrays, maps, and their bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import Batch, Context, Question, ReadRequest
from lienthong.errors import Misconfigured, ProtocolViolation, Refused
from lienthong.records import canonical
from lienthong_connectors.soap import ResultCodes, SoapLookup, SoapSource, SoapTarget, WsSecurity, encoded_in

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
ENC = "http://schemas.xmlsoap.org/soap/encoding/"
ENC12 = "http://www.w3.org/2003/05/soap-encoding"
FIXTURES = Path(__file__).parents[2] / "counterparts/fixtures"
ENCODED, LITERAL = str(FIXTURES / "php-encw.wsdl"), str(FIXTURES / "php-rpclit.wsdl")


def envelope(inner: str, style: str = "", version: str = SOAP11) -> bytes:
    """Return an envelope whose Body says the encoding, as .NET and Delphi write it, or not at all."""
    said = f' s:encodingStyle="{style}"' if style else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{version}" xmlns:e="{ENC}" '
        f'xmlns:f="{ENC12}" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns:p="urn:php" xmlns:a="http://xml.apache.org/xml-soap"><s:Body{said}>{inner}</s:Body></s:Envelope>'
    ).encode()


#: Two records of an array as each stack writes them.
HS = '<id xsi:type="xsd:string">{0}</id><ten xsi:type="xsd:string">A &amp; &lt;{0}&gt;</ten>'
HS += '<le_phi xsi:type="xsd:decimal">10.50</le_phi><xong xsi:type="xsd:boolean">true</xong>'
ONE, TWO = HS.format("1"), HS.format("2")
STACKS = {
    "Axis 1": (
        f'<p:danhSachResponse s:encodingStyle="{ENC}"><return e:arrayType="p:HoSo[2]" xsi:type="e:Array">'
        '<return href="#id0"/><return href="#id1"/></return></p:danhSachResponse>'
        f'<multiRef id="id1" e:root="0" xsi:type="p:HoSo" s:encodingStyle="{ENC}">{TWO}</multiRef>'
        f'<multiRef id="id0" e:root="0" xsi:type="p:HoSo" s:encodingStyle="{ENC}">{ONE}</multiRef>'
    ),
    "Axis 1, the array too": (
        f'<p:danhSachResponse s:encodingStyle="{ENC}"><return href="#id2"/></p:danhSachResponse>'
        '<multiRef id="id2" e:root="0" e:arrayType="p:HoSo[2]" xsi:type="e:Array">'
        '<multiRef href="#id0"/><multiRef href="#id1"/></multiRef>'
        f'<multiRef id="id0" e:root="0">{ONE}</multiRef><multiRef id="id1" e:root="0">{TWO}</multiRef>'
    ),
    ".NET": (
        f'<p:danhSachResponse s:encodingStyle="{ENC}"><return href="#id1"/></p:danhSachResponse>'
        '<e:Array id="id1" e:arrayType="p:HoSo[2]"><Item href="#id2"/><Item href="#id3"/></e:Array>'
        f'<p:HoSo id="id2" xsi:type="p:HoSo">{ONE}</p:HoSo><p:HoSo id="id3" xsi:type="p:HoSo">{TWO}</p:HoSo>'
    ),
    "NuSOAP": (
        f'<p:danhSachResponse s:encodingStyle="{ENC}"><return xsi:type="e:Array" e:arrayType="p:HoSo[2]">'
        f'<item xsi:type="p:HoSo">{ONE}</item><item xsi:type="p:HoSo">{TWO}</item></return>'
        "</p:danhSachResponse>"
    ),
    "shared later": (
        f'<p:danhSachResponse s:encodingStyle="{ENC}"><return e:arrayType="p:HoSo[2]">'
        f'<item id="r1" xsi:type="p:HoSo">{ONE}</item><item href="#r1"/></return></p:danhSachResponse>'
    ),
    "shared earlier": (
        f'<p:danhSachResponse s:encodingStyle="{ENC}"><return e:arrayType="p:HoSo[2]">'
        f'<item href="#r1"/><item id="r1" xsi:type="p:HoSo">{ONE}</item></return></p:danhSachResponse>'
    ),
}


def read(told: Any, wsdl: str = ENCODED, **options: Any) -> list[Any]:
    options.setdefault("operation", "danhSach")
    settings = SoapSource(wsdl=wsdl, namespace="urn:php", record_element="item", request={"n": 2}, **options)
    source = settings.open_source(told.connection(), Context())
    try:
        return [record for page in source.read(ReadRequest()) for record in page.records]
    finally:
        source.close()


def ask(told: Any, wsdl: str = ENCODED, operation: str = "layHoSo", **options: Any) -> Any:
    options.setdefault("request", {"ma": "1"})
    settings = SoapLookup(operation=operation, wsdl=wsdl, namespace="urn:php", **options)
    opened = settings.open_lookup(told.connection(), Context())
    try:
        return opened.ask(Question("1" * 32, {"id": "1"}, "cb", "tt", "md"))
    finally:
        opened.close()


def hs(number: str, *, typed: bool = True) -> dict[str, Any]:
    return {"id": number, "ten": f"A & <{number}>", "le_phi": "10.50", "xong": True if typed else "true"}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("wsdl", [ENCODED, ""], ids=["with a WSDL", "without"])
def test_arrays_of_structs(told: Any, name: str, wsdl: str) -> None:
    """They were records like {'href': '#id0'}, or refused; an id beside a member id made a list of both."""
    told.body = envelope(STACKS[name])
    second = "1" if name.startswith("shared") else "2"
    typed = bool(wsdl)
    assert read(told, wsdl) == [hs("1", typed=typed), hs(second, typed=typed)]


@pytest.mark.parametrize("place", ["Envelope", "Body", "wrapper"])
def test_the_encoding_is_found_wherever_it_is_said(told: Any, place: str) -> None:
    """Without a WSDL the message itself says that it is encoded."""
    said = f'encodingStyle="{ENC}"'
    inner = '<r><x href="#a"/></r><y id="a"><m xsi:type="xsd:string">1</m></y>'
    told.body = envelope(inner, ENC if place == "Body" else "")
    if place != "Body":
        tag = b"<s:Envelope " if place == "Envelope" else b"<r"
        told.body = told.body.replace(tag, tag.rstrip() + f" s:{said} ".encode(), 1)
    assert ask(told, "", "get", answer_element="x") == {"m": "1"}


def test_soap_12(told: Any) -> None:
    """``enc:id``, ``enc:ref``, ``enc:itemType``, ``rpc:result``, as PHP writes them."""
    told.headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
    inner = (
        f'<p:r s:encodingStyle="{ENC12}"><q:result xmlns:q="http://www.w3.org/2003/05/soap-rpc">return</q:result>'
        f'<return f:itemType="p:HoSo" f:arraySize="2" xsi:type="f:Array"><item f:id="ref1">{ONE}</item>'
        '<item f:ref="#ref1"/></return></p:r>'
    )
    told.body = envelope(inner, version=SOAP12)
    assert read(told, "", soap_version="1.2") == [hs("1", typed=False)] * 2


def test_simple_values_nil_maps_and_headers(told: Any) -> None:
    """Values are typed by the WSDL; a map's keys become members, unless one is no name."""
    said = f's:encodingStyle="{ENC}"'
    told.body = envelope(
        f'<p:soResponse {said}><return xsi:type="e:Array" e:arrayType="xsd:int[3]">'
        '<item xsi:type="xsd:int">1</item>'
        '<item xsi:nil="true"/><item href="#n"/></return></p:soResponse><multiRef id="n">3</multiRef>'
    )
    assert ask(told, operation="so", request={"n": "1"}) == {"return": {"item": [1, None, 3]}}
    pair = '<item><key xsi:type="xsd:string">{}</key><value>{}</value></item>'
    good, bad = (pair.format("ma", "B1") + pair.format(key, "<x>1</x>") for key in ("trong", "1 2"))
    for inner, wanted in (
        (good, {"ma": "B1", "trong": {"x": "1"}}),
        (bad, {"item": [{"key": "ma", "value": "B1"}, {"key": "1 2", "value": {"x": "1"}}]}),
    ):
        told.body = envelope(f'<r {said}><return xsi:type="a:Map">{inner}</return></r>')
        assert ask(told, "", "get") == {"return": wanted}


def test_faults_keep_their_details(told: Any) -> None:
    """A detail may be a map, or lie behind a reference."""
    told.status = 500
    for detail in (
        "<detail><item><key>code</key><value>KHONG_CO</value></item></detail>",
        '<detail><x href="#d"/></detail>',
    ):
        told.body = envelope(
            f"<s:Fault><faultcode>s:Client</faultcode>{detail}</s:Fault>"
            '<multiRef id="d"><code>KHONG_CO</code></multiRef>', ENC,
        )  # fmt: skip
        with pytest.raises(Refused) as caught:
            ask(told)
        assert caught.value.reasons[0].rule == "target.KHONG_CO"


def chain(length: int) -> str:
    links = "".join(f'<m id="i{n}"><a href="#i{n + 1}"/></m>' for n in range(length))
    return f'<r><x href="#i0"/></r>{links}<m id="i{length}">end</m>'


def laughs(levels: int, width: int) -> str:
    steps = "".join(
        f'<m id="i{n}">{f"<a href={chr(34)}#i{n + 1}{chr(34)}/>" * width}</m>' for n in range(levels)
    )
    return f'<r><x href="#i0"/></r>{steps}<m id="i{levels}">{"lol" * 100}</m>'


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ('<r><x href="#a"/></r>', "references"),
        ('<r><x href="#a"/></r><m id="a"><y href="#a"/></m>', "references"),
        ('<r><x href="#a"/></r><m id="a"><y href="#b"/></m><m id="b"><z href="#a"/></m>', "references"),
        ('<r id="a"><x href="#a"/></r>', "references"),
        ('<r><x href="#a"/></r><m id="a">1</m><m id="a">2</m>', "references"),
        (laughs(9, 10), "references"),
        (chain(80), "depth"),
        ("<r>" + "<a>" * 90 + "</a>" * 90 + "</r>", "depth"),
        ("<r><x></r>", "xml"),
    ],
    ids=[
        "nowhere",
        "itself",
        "circle",
        "around",
        "twice",
        "a billion laughs",
        "long chain",
        "deep",
        "broken",
    ],
)
def test_references_are_bounded(told: Any, inner: str, reason: str) -> None:
    """No circle, no copy of a copy of a copy without end, nothing that is not there."""
    told.body = envelope(inner, ENC)
    with pytest.raises(ProtocolViolation) as caught:
        ask(told, "", "get")
    assert caught.value.details["reason"] == reason


def test_a_document_type_and_a_large_answer_are_refused(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told.body = envelope("<r/>", ENC).replace(b"?>", b"?><!DOCTYPE x [<!ENTITY a 'b'>]>", 1)
    with pytest.raises(ProtocolViolation) as caught:
        ask(told, "", "get")
    assert caught.value.details["reason"] == "dtd"
    monkeypatch.setattr(encoded_in, "MOST_BYTES", 20_000)
    told.body = envelope(f"<r>{'<a>x</a>' * 5_000}</r>", ENC)
    with pytest.raises(ProtocolViolation) as caught:
        ask(told, "", "get")
    assert caught.value.details["reason"] == "size"


def test_records_that_were_put_elsewhere_are_an_error(told: Any) -> None:
    """Whoever named multiRef as the record read nothing from now on, and the run would be green."""
    told.body = envelope(STACKS["Axis 1"])
    settings = SoapSource(operation="danhSach", namespace="urn:php", record_element="multiRef")
    source = settings.open_source(told.connection(), Context())
    with pytest.raises(ProtocolViolation, match="record_element='item'"):
        list(source.read(ReadRequest()))
    source.close()


def test_ids_that_nobody_refers_to_may_repeat(told: Any) -> None:
    told.body = envelope('<r><return><a id="1">x</a><b id="1">y</b></return></r>', ENC)
    assert ask(told, "", "get") == {"return": {"a": "x", "b": "y"}}


# --- references in literal answers ---------------------------------------------------------------

SHARED = f'<p:danhSachResponse><return><item id="ref1">{ONE}</item><item href="#ref1"/></return>'
SHARED += "</p:danhSachResponse>"


@pytest.mark.parametrize("wsdl", [LITERAL, ""], ids=["with a WSDL", "without"])
def test_references_in_a_literal_answer_are_no_records(told: Any, wsdl: str) -> None:
    """PHP writes them in rpc/literal, too; the record was {'href': '#ref1'} and the run was green."""
    told.body = envelope(SHARED)
    with pytest.raises(ProtocolViolation, match="references") as caught:
        read(told, wsdl)
    assert "references=True" in caught.value.hint
    typed = bool(wsdl)
    assert read(told, wsdl, references=True) == [hs("1", typed=typed)] * 2


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_reference_is_found_at_every_cut(size: int) -> None:
    found = encoded_in.Unresolved()
    data = b'<item  href = "#ref1"/>'
    for at in range(0, len(data), size):
        found.seen(data[at : at + size])
    with pytest.raises(ProtocolViolation):
        found.check({"a": [{"b": {"href": "#ref1"}}]})
    found.check({"a": {"href": "#ref1", "b": 1}, "c": {"href": "http://x"}})


def test_links_in_literal_answers_stay(told: Any) -> None:
    """A text with a link inside, an element with more than a reference, and ids of one's own are data."""
    told.body = envelope(
        "<r><item><t>&lt;a href=\"#top\"&gt;</t><u id='5'>x</u></item><item><v href='#a'>link</v></item></r>"
    )
    for references in (False, True):
        if references:
            told.body = told.body.replace(b"<v href='#a'>link</v>", b"<v>link</v>")
        first = read(told, "", references=references)[0]
        assert first == {"t": '<a href="#top">', "u": {"id": "5", "_text": "x"}}


# --- requests ------------------------------------------------------------------------------------


def test_simple_types_are_written(told: Any) -> None:
    """Each part with its type, in the order of the message, whatever the record holds."""
    told.body = envelope(
        f'<p:nopResponse s:encodingStyle="{ENC}"><return xsi:type="xsd:string">00</return></p:nopResponse>'
    )
    settings = SoapTarget(
        operation="nop",
        wsdl=ENCODED,
        request={"ten": "$record.ten", "id": "$key", "phi": "$record.phi"},
        result=ResultCodes(path="return", acknowledged=("00",)),
        repeatable=True,
    )
    target = settings.open_target(told.connection(), Context())
    whole = (
        '<id xsi:type="xsd:string">1</id><ten xsi:type="xsd:string">Ớt &amp; &lt;x&gt;</ten>'
        '<phi xsi:type="xsd:decimal">10.50</phi>'
    )
    part = '<id xsi:type="xsd:string">2</id><ten xsi:nil="true"></ten><phi xsi:nil="true"></phi>'
    for record, wanted in (({"id": "1", "ten": "Ớt & <x>", "phi": "10.50"}, whole), ({"id": "2"}, part)):
        assert target.deliver(Batch("ab" * 32, (canonical(record),), ("id",))).acknowledged == 1
        sent = told.requests[-1][2].decode()
        assert f'soap:encodingStyle="{ENC}">{wanted}</m:nop>' in sent
        assert '<m:nop xmlns:m="urn:php" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ' in sent
    refused = target.deliver(Batch("ab" * 32, (canonical({"id": "3", "ten": {"x": 1}}),), ("id",)))
    target.close()
    assert "ten" in refused.refused[0].en


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"operation": "nopHoSo", "request": {}}, "takes a struct or an array in its part 'hoSo'"),
        ({"request": {"khac": "1"}}, "no member 'khac'"),
        ({"security": WsSecurity(verify=None)}, "rpc/encoded, whose types a signature would not cover"),
    ],
)
def test_what_cannot_be_written_is_refused_when_opened(told: Any, options: Any, said: str) -> None:
    context = Context(signer=object())  # type: ignore[arg-type]  # never asked
    settings = SoapLookup(**{"operation": "layHoSo", "wsdl": ENCODED, **options})
    with pytest.raises(Misconfigured, match=said):
        settings.open_lookup(told.connection(), context)


def test_document_encoded_is_refused_by_name(told: Any, tmp_path: Path) -> None:
    text = Path(ENCODED).read_text().replace('style="rpc"', 'style="document"')
    (tmp_path / "d.wsdl").write_text(text)
    with pytest.raises(Misconfigured, match="document/encoded"):
        ask(told, str(tmp_path / "d.wsdl"))
