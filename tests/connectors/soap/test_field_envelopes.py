"""Envelopes as stacks in the field write them: what SOAP, MIME and XML allow, and a little beyond."""

from __future__ import annotations

import base64
import quopri
from typing import Any

import pytest

from lienthong.connector import Batch, Context, Question, ReadRequest
from lienthong.errors import LienThongError, Misconfigured, OutcomeUnknown, ProtocolViolation, Refused
from lienthong.records import canonical
from lienthong.staging import BlobStore
from lienthong_connectors.soap import (
    Attachments,
    FaultTable,
    ResultCodes,
    SoapLookup,
    SoapSource,
    SoapTarget,
)

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
WSU = 'xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"'
OK = '<r xmlns="urn:t"><status>00</status></r>'
MEDIA = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}

#: What stacks put on Envelope, Header and Body: PHP and SOAP::Lite, Delphi, WSS4J, .NET, gateways.
ATTRIBUTES = {
    "encodingStyle": f's:encodingStyle="{ENCODING}"',
    "schemaLocation": f'{XSI} xsi:schemaLocation="urn:t t.xsd"',
    "plain id": 'Id="x"',
    "wsu id": f'{WSU} u:Id="x-1"',
    "language": 'xml:lang="vi"',
    "of a gateway": 'xmlns:g="urn:gate" g:trace="1" g:Body="2"',
    "several": f's:encodingStyle="{ENCODING}" id="1" xml:lang="vi"',
}


def envelope(version: str, inner: str = OK, **put: str) -> str:
    header = f"<s:Header {put['Header']}/>" if "Header" in put else ""
    return (
        f'<s:Envelope xmlns:s="{version}" {put.get("Envelope", "")}>{header}'
        f"<s:Body {put.get('Body', '')}>{inner}</s:Body></s:Envelope>"
    )


def target(told: Any, **options: Any) -> Any:
    result = options.pop("result", ResultCodes(path="status", acknowledged=("00",)))
    settings = SoapTarget(
        operation="put", namespace="urn:t", request={"id": "$key"}, result=result, repeatable=True, **options
    )
    return settings.open_target(told.connection(), Context())


def delivered(told: Any, **options: Any) -> Any:
    opened = target(told, **options)
    try:
        return opened.deliver(Batch("ab" * 32, (canonical({"id": "1"}),), ("id",)))
    finally:
        opened.close()


def asked(told: Any, **options: Any) -> Any:
    settings = SoapLookup(operation="ask", namespace="urn:t", request={"id": "$record.id"}, **options)
    opened = settings.open_lookup(told.connection(), Context())
    try:
        return opened.ask(Question("1" * 32, {"id": "1"}, "cb", "tt", "md"))
    finally:
        opened.close()


def read(told: Any, store: BlobStore | None = None, **options: Any) -> list[Any]:
    options.setdefault("record_element", "item")
    settings = SoapSource(operation="get", namespace="urn:t", **options)
    source = settings.open_source(told.connection(), Context(attachments=store))
    try:
        return [record for page in source.read(ReadRequest()) for record in page.records]
    finally:
        source.close()


@pytest.mark.parametrize("version", [SOAP11, SOAP12], ids=["1.1", "1.2"])
@pytest.mark.parametrize("place", ["Envelope", "Header", "Body"])
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_around_the_body_are_no_data(told: Any, version: str, place: str, name: str) -> None:
    """A delivery is acknowledged, an answer and a fault are read, records come: SOAP 1.1, section 4.1.1."""
    put = {place: ATTRIBUTES[name]}
    told.headers = {"Content-Type": MEDIA[version]}
    told.body = envelope(version, **put).encode()
    assert delivered(told).acknowledged == 1
    assert asked(told) == {"status": "00"}
    told.body = envelope(version, "<r><item><a>1</a></item><item><a>2</a></item></r>", **put).encode()
    assert read(told) == [{"a": "1"}, {"a": "2"}]
    code = "<Code><Value>s:Sender</Value></Code>" if version == SOAP12 else "<faultcode>s:Client</faultcode>"
    told.body = envelope(version, f'<s:Fault xmlns="{version}">{code}</s:Fault>', **put).encode()
    with pytest.raises(Refused):
        asked(told)


@pytest.mark.parametrize(
    "extra", ['<x:t xmlns:x="urn:x">1</x:t>', "<t>1</t>"], ids=["of a namespace", "without namespace"]
)
def test_a_further_part_is_still_no_envelope(told: Any, extra: str) -> None:
    """An element beside Header and Body is refused: what it changes about the answer is not known."""
    told.body = envelope(SOAP11).replace("</s:Envelope>", f"{extra}</s:Envelope>").encode()
    with pytest.raises(OutcomeUnknown, match="one Body"):
        delivered(told)


@pytest.mark.parametrize("lead", ["\n", "\r\n  \r\n", "\ufeff", "\n\ufeff", "\ufeff\n", " " * 5_000])
@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0" encoding="UTF-8"?>'])
def test_blank_lines_before_the_declaration(told: Any, lead: str, declaration: str) -> None:
    """A PHP file that begins with an empty line answers all the same; text before the envelope does not."""
    told.body = (lead + declaration + envelope(SOAP11)).encode()
    assert delivered(told).acknowledged == 1
    told.body = (f"Notice: x{lead}" + declaration + envelope(SOAP11)).encode()
    with pytest.raises(OutcomeUnknown):
        delivered(told)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("utf8", "utf-8"), ("UTF8", "utf-8"), ("utf_8", "utf-8"), ('"utf8"', "utf-8"),
        ("latin1", "latin-1"), ("iso8859-1", "latin-1"), ("cp1252", "cp1252"), ("cp1258", "cp1258"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("declared", [True, False], ids=["in the document", "in the header"])
def test_encodings_under_the_names_of_the_field(told: Any, charset: str, codec: str, declared: bool) -> None:
    """``utf8`` is UTF-8, wherever it stands."""
    inner = OK.replace("</status>", "</status><ten>Lê Thị Hà</ten>".replace("ị", "i"))
    head = f'<?xml version="1.0" encoding={charset if charset[0] == chr(34) else repr(charset)}?>'
    told.headers = {"Content-Type": "text/xml" if declared else f"text/xml; charset={charset}"}
    told.body = ((head if declared else "") + envelope(SOAP11, inner)).encode(codec)
    assert asked(told) == {"status": "00", "ten": "Lê Thi Hà"}


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "unicode_escape", "base64", "x" * 400, "ké"])
def test_other_encodings_are_refused(told: Any, charset: str) -> None:
    told.headers = {"Content-Type": f"text/xml; charset={charset}".encode("latin-1").decode("latin-1")}
    told.body = envelope(SOAP11).encode()
    with pytest.raises(ProtocolViolation, match="encoding"):
        asked(told)


@pytest.mark.parametrize(
    "kind", ["text/html", "Text/HTML; charset=UTF-8", "text/plain", "application/octet-stream", ""]
)
def test_an_envelope_under_another_type_is_read_by_setting(told: Any, kind: str) -> None:
    """Only types that the settings name are taken; a login page under one is still no answer."""
    told.headers = {"Content-Type": kind} if kind else {}
    told.body = envelope(SOAP11).encode()
    with pytest.raises(OutcomeUnknown):
        delivered(told)
    plain = kind.partition(";")[0].lower()
    assert delivered(told, content_types=(plain,)).acknowledged == 1
    told.body = b"<html><body>\xc4\x90\xc4\x83ng nh\xe1\xba\xadp</body></html>"
    with pytest.raises(OutcomeUnknown):
        delivered(told, content_types=(plain,))
    told.status, told.body = (
        500,
        envelope(SOAP11, "<s:Fault><faultcode>s:Client</faultcode></s:Fault>").encode(),
    )
    assert delivered(told, content_types=(plain,)).refused


@pytest.mark.parametrize("kind", ["TEXT/HTML", "text/html; charset=utf-8", "html", "text/*"])
def test_types_are_checked_when_settings_are_made(kind: str) -> None:
    with pytest.raises(Misconfigured, match="content_types"):
        SoapLookup(operation="ask", content_types=(kind,))


PHOTO = bytes(range(256)) * 8 + b"\r\n--other and\n--no boundary\r"
INCLUDE = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="{}"/>'


def package(
    root: bytes, part: str, end: bytes = b"\r\n", root_head: str = "", content: bytes = PHOTO
) -> bytes:
    """Return a package of an envelope and one attachment; ``end`` are its line ends."""
    heads = [
        f"Content-Type: text/xml; charset=utf-8\nContent-ID: <root@x>\n{root_head}",
        f"Content-Type: image/png\nContent-Transfer-Encoding: binary\n{part}",
    ]
    whole = b""
    for head, body in zip(heads, (root, content), strict=True):
        whole += b"--B" + end + head.encode().replace(b"\n", end) + end + body + end
    return whole + b"--B--" + end


def one_item(href: str, form: str = "xop") -> bytes:
    inner = f"<photo>{INCLUDE.format(href)}</photo>" if form == "xop" else f'<photo href="{href}"/>'
    return envelope(SOAP11, f"<r><item><id>1</id>{inner}<ten>Lê Thị Hà</ten></item></r>").encode()


@pytest.fixture
def store(tmp_path: Any) -> BlobStore:
    return BlobStore.open_at(str(tmp_path / "staging"))


def fetched(
    told: Any, store: BlobStore, body: bytes, kind: str = 'multipart/related; boundary=B; start="<root@x>"'
) -> bytes:
    """Return the bytes of the one attachment of the one record that a package brings."""
    told.headers, told.body = {"Content-Type": kind}, body
    (record,) = read(told, store, attachments=Attachments())
    assert record["ten"] == "Lê Thị Hà"
    assert list(record["photo"]) == ["digest", "size", "media_type"], record
    from lienthong.attachment import Attachment

    return b"".join(store.open(Attachment.from_dict(record["photo"])))


@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["crlf", "lf"])
@pytest.mark.parametrize("content", [PHOTO, b"", b"x\r", b"\n", b"\r\n"], ids=range(5))
def test_line_ends_of_a_package(told: Any, store: BlobStore, end: bytes, content: bytes) -> None:
    """Lines may end with LF alone; the bytes of an attachment are its own, whatever they end with."""
    body = package(one_item("cid:p@x"), "Content-ID: <p@x>\n", end, content=content)
    assert fetched(told, store, body) == content


def test_a_root_in_quoted_printable(told: Any, store: BlobStore) -> None:
    """As JavaMail writes text: escapes, soft line breaks in any place, at any cut of the stream."""
    root = quopri.encodestring(one_item("cid:p@x"))
    assert b"=\n" in root and b"=C3" in root
    head = "Content-Transfer-Encoding: quoted-printable\n"
    for end in (b"\r\n", b"\n"):
        body = package(root.replace(b"\n", end), "Content-ID: <p@x>\n", end, head)
        assert fetched(told, store, body) == PHOTO


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_quoted_printable_is_undone_at_every_cut(size: int) -> None:
    from lienthong_connectors.soap.transfer import decoded

    plain = "dòng một = 1\r\ndòng hai\t\r\n".encode() * 40 + b" =\r\n"
    coded = quopri.encodestring(plain)
    for said in (coded, coded.replace(b"=\n", b"= \t\r\n")):
        cut = [said[at : at + size] for at in range(0, len(said), size)]
        assert b"".join(decoded(iter(cut), "Quoted-Printable")) == plain
    for broken in (b"a=G1", b"a=4", b"a= b\n"):
        with pytest.raises(ProtocolViolation, match="quoted-printable"):
            list(decoded(iter([broken]), "quoted-printable"))
    with pytest.raises(ProtocolViolation, match="uuencode"):
        list(decoded(iter([b""]), "x-uuencode"))


LOCATIONS = {
    "absolute": ("http://agency.example/a b.png", "http://agency.example/a b.png", ""),
    "relative to nothing": ("anh.png", "anh.png", ""),
    "relative to the root": ("anh.png", "http://agency.example/x/anh.png", "http://agency.example/x/y.xml"),
    "this message": ("thismessage:/anh.png", "anh.png", ""),
}


@pytest.mark.parametrize("form", ["xop", "href"])
@pytest.mark.parametrize("name", LOCATIONS)
def test_parts_named_by_their_location(told: Any, store: BlobStore, name: str, form: str) -> None:
    """Content-Location (RFC 2557; SOAP with Attachments) leads to a part as Content-ID does."""
    href, location, base = LOCATIONS[name]
    head = f"Content-Location: {base}\n" if base else ""
    body = package(one_item(href, form), f"Content-Location: {location}\n", root_head=head)
    assert fetched(told, store, body) == PHOTO


@pytest.mark.parametrize(
    ("header", "href"),
    [("p%40x", "cid:p%40x"), ("p@x", "cid:p%40x"), ("p%40x", "cid:p@x"), ("a+b=@x", "cid:a+b%3D@x")],
)
def test_a_percent_encoded_content_id(told: Any, store: BlobStore, header: str, href: str) -> None:
    """Some stacks write into the header what belongs into the URL (RFC 2392)."""
    assert fetched(told, store, package(one_item(href), f"Content-ID: <{header}>\n")) == PHOTO


def test_a_percent_encoded_start(told: Any, store: BlobStore) -> None:
    body = package(one_item("cid:p@x"), "Content-ID: <p@x>\n")
    assert fetched(told, store, body, 'multipart/related; boundary=B; start="<root%40x>"') == PHOTO


@pytest.mark.parametrize("href", ["http://agency.example/none.png", "none.png", "urn:x:y"])
def test_an_include_that_leads_nowhere_is_refused(told: Any, store: BlobStore, href: str) -> None:
    """It was handed on as a record that holds the reference itself."""
    body = package(one_item(href), "Content-Location: other.png\n")
    with pytest.raises(ProtocolViolation) as caught:
        fetched(told, store, body)
    assert caught.value.details["reason"] == "attachment-missing"


@pytest.mark.parametrize("attachments", [None, Attachments()])
def test_an_include_without_any_part_is_refused(told: Any, store: BlobStore, attachments: Any) -> None:
    """An answer that came without its package: the record held the reference itself."""
    told.body = one_item("cid:p@x")
    with pytest.raises(ProtocolViolation) as caught:
        read(told, store, attachments=attachments)
    assert caught.value.details["reason"] == "attachment-missing"


def test_links_in_records_are_no_attachments(told: Any, store: BlobStore) -> None:
    """A link that no part answers to stays a link."""
    told.headers = {"Content-Type": "multipart/related; boundary=B"}
    root = envelope(SOAP11, '<r><item><a href="http://x/1"/><b href="p.png">x</b></item></r>').encode()
    told.body = package(root, "Content-ID: <p@x>\n")
    assert read(told, store, attachments=Attachments()) == [
        {"a": {"href": "http://x/1"}, "b": {"href": "p.png", "_text": "x"}}
    ]


def fault(detail: str, code: str = "s:Server") -> bytes:
    return envelope(
        SOAP11,
        f"<s:Fault><faultcode>{code}</faultcode><faultstring>x</faultstring><detail>{detail}</detail></s:Fault>",
    ).encode()


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        ("<code>NOT_FOUND</code>", "NOT_FOUND"),
        ("<e><errorCode>KHONG_TIM_THAY_HO_SO</errorCode><text>x</text></e>", "KHONG_TIM_THAY_HO_SO"),
        (
            "<f:LoiNghiepVu xmlns:f='urn:f'><maLoi>DUPLICATE</maLoi><moTa>x</moTa></f:LoiNghiepVu>",
            "DUPLICATE",
        ),
        ("<e code='TRUNG'/>", "TRUNG"),
        ("<e code='TRUNG'>Hồ sơ trùng</e>", "TRUNG"),
        ("<ma>E404</ma>", "E404"),
        ("<e>DL09</e>", "DL09"),
        ("<ma>079123456789</ma>", "Server"),
        ("<postcode>ABC</postcode>", "Server"),
        ("<code>hai từ</code>", "Server"),
        ("", "Server"),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_the_code_that_stands_in_the_detail_is_named(told: Any, detail: str, code: str, listed: bool) -> None:
    """In the refusal's rule and the error's details, listed or not; a person's number never is."""
    told.status, told.body = 500, fault(detail)
    table = FaultTable(refused=(code,)) if listed else FaultTable()
    if listed:
        with pytest.raises(Refused) as caught:
            asked(told, faults=table)
        assert caught.value.reasons[0].rule == f"target.{code}"
    else:
        with pytest.raises(LienThongError) as plain:
            asked(told, faults=table)
        assert plain.value.details["agency_code"] == code


def test_the_listed_code_goes_before_others(told: Any) -> None:
    """A detail with several codes is named by the one that decided."""
    told.status, told.body = 500, fault("<e><code>X1</code><lyDo>HO_SO_TRUNG</lyDo></e>")
    with pytest.raises(Refused) as caught:
        asked(told, faults=FaultTable(refused=("HO_SO_TRUNG",)))
    assert caught.value.reasons[0].rule == "target.HO_SO_TRUNG"


def test_base64_is_still_checked(told: Any, store: BlobStore) -> None:
    body = package(one_item("cid:p@x"), "Content-ID: <p@x>\n", content=base64.b64encode(PHOTO)).replace(
        b"Transfer-Encoding: binary", b"Transfer-Encoding: base64"
    )
    assert fetched(told, store, body) == PHOTO
