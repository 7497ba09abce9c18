"""The SOAP protocol: header blocks against the published schema, their echo, the request's hash."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from lxml import etree
from uplinked import reached
from xroad_schemas import FILES, schema

from lienthong.connector import Connection, Context, Question
from lienthong.errors import Forbidden, Misconfigured, OutcomeUnknown, ProtocolViolation
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.presets import verify_citizen
from lienthong_connectors.soap import SoapLookup
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_connectors.xroad.identifiers import Member
from lienthong_connectors.xroad.route import Parties
from lienthong_connectors.xroad.soap import IDENTIFIERS, XROAD, SoapWay, XRoadBlocks
from lienthong_sandbox import Province
from lienthong_sandbox.applicants import OFFICERS
from lienthong_sandbox.procedures import PROCEDURES

FULL = Parties(
    Member("VN", "GOV", "H21", "LIENTHONG"),
    Member("VN", "GOV", "G01", "Dân cư"),
    version="v1",
    user="VN012345",
    issue="HS-1",
    represented=("COM", "123"),
    server=("VN", "GOV", "G01", "ss1"),
)
CONSUMER = Parties(Member("EE", "BUSINESS", "consumer"), Member("EE", "BUSINESS", "producer"))


def blocks(parties: Parties = FULL, operation: str = "TraCuu") -> XRoadBlocks:
    return SoapWay("http://ss", Dialect(), parties).blocks(operation)


def header(envelope: bytes) -> Any:
    """Return an envelope's Header as the connector reads it."""
    reader = RecordReader(None, {}, XmlLimits(), None, frozenset())
    reader.feed(envelope)
    return next(value for name, value in reader.close().items() if name.endswith("}Header"))


HOMES = {"securityServer": "xroad-securityserver.xsd", "representedParty": "representation.xsd"}


@pytest.mark.parametrize("parties", [FULL, CONSUMER], ids=["every block", "the least"])
def test_our_blocks_follow_the_published_schemas(parties: Parties) -> None:
    """Each block is valid by the file that X-Road publishes for it, and those that must be there are."""
    made = blocks(parties).elements
    for element in made:
        name = etree.QName(element).localname
        checked = schema(HOMES.get(name, "xroad.xsd"))
        assert checked.validate(etree.fromstring(etree.tostring(element))), (name, checked.error_log)
    names = [etree.QName(element).localname for element in made]
    assert {"client", "service", "id", "protocolVersion"} <= set(names)
    if parties is FULL:
        assert names == [
            "client", "service", "securityServer", "representedParty",
            "id", "userId", "issue", "protocolVersion",
        ]  # fmt: skip
    assert made[-1].text == "4.0"


def test_our_blocks_say_what_the_published_request_says() -> None:
    """For the parties of X-Road's own test message the blocks differ in nothing but id and user."""
    theirs = etree.fromstring((FILES / "listMethods.query").read_bytes())[0]
    ours = {etree.QName(one).localname: one for one in blocks(CONSUMER, "listMethods").elements}
    for name in ("client", "service", "protocolVersion"):
        (their,) = theirs.findall(f"{{{XROAD}}}{name}")
        assert facts(ours[name]) == facts(their)


def facts(element: etree._Element) -> list[tuple[str, str, dict[str, str]]]:
    return [(str(e.tag), (e.text or "").strip(), dict(e.attrib)) for e in element.iter()]


def answer(made: XRoadBlocks, sent: bytes, **changes: str | None) -> Any:
    """Return the header of an answer that echoes the request's; ``changes`` replace or drop texts."""
    envelope = etree.Element("{http://schemas.xmlsoap.org/soap/envelope/}Envelope")
    head = etree.SubElement(envelope, "{http://schemas.xmlsoap.org/soap/envelope/}Header")
    head.extend(made.elements)
    digest = etree.SubElement(head, f"{{{XROAD}}}requestHash")
    digest.set("algorithmId", changes.pop("algorithm", None) or "http://www.w3.org/2001/04/xmlenc#sha512")
    digest.text = "\n  " + base64.b64encode(hashlib.sha512(sent).digest()).decode()
    for name, text in changes.items():
        for found in list(head.iter(f"{{{XROAD}}}{name}", f"{{{IDENTIFIERS}}}{name}")):
            if text is None:
                found.getparent().remove(found)
            else:
                found.text = text
    return header(etree.tostring(envelope))


def test_an_answer_that_echoes_the_request_is_accepted() -> None:
    """Blocks as they were sent and the hash of the bytes that were sent, with blanks inside it."""
    made, sent = blocks(), b"<envelope/>"
    made.judge(answer(made, sent), None, sent, where="w", delivery=True)
    made.judge(answer(made, sent, requestHash=None), None, sent, where="w", delivery=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "another"},
        {"id": None},
        {"memberCode": "H22"},
        {"serviceCode": "XacThuc"},
        {"serviceVersion": "v2"},
        {"subsystemCode": None},
        {"client": None},
        {"service": None},
        {"requestHash": "Zm9v"},
        {"requestHash": "no base64 at all"},
        {"algorithm": "http://www.w3.org/2000/09/xmldsig#sha1"},
    ],
)
def test_an_answer_to_another_request_is_refused(changes: dict[str, str | None]) -> None:
    """A read is a violation of the protocol; of a delivery nobody knows what became. SHA-1 proves nothing."""
    made, sent = blocks(), b"<envelope/>"
    given = answer(made, sent, **changes)
    with pytest.raises(ProtocolViolation, match="header"):
        made.judge(given, None, sent, where="w", delivery=False)
    with pytest.raises(OutcomeUnknown, match="header"):
        made.judge(given, None, sent, where="w", delivery=True)


def test_the_published_answer_is_understood_and_its_made_up_hash_refused() -> None:
    """X-Road's own test message: identifiers are read, and the hash ``foo`` is none."""
    made = XRoadBlocks(
        SoapWay("http://ss", Dialect(), CONSUMER),
        CONSUMER,
        CONSUMER.service("getState"),
        "411d6755661409fed365ad8135f8210be07613da",
    )
    envelope = (FILES / "requesthash.answer").read_bytes()
    with pytest.raises(ProtocolViolation, match="requestHash"):
        made.judge(header(envelope), None, b"", where="w", delivery=False)
    without = envelope.replace(b">foo<", b"><").replace(b"xroad:requestHash", b"xroad:other")
    made.judge(header(without), None, b"", where="w", delivery=False)


def test_faults_of_a_security_server_and_of_the_service() -> None:
    """Server codes are X-Road's by their names; a Client code is X-Road's only with its error id."""
    made = blocks()
    fault = {"faultcode": "Server.ServerProxy.AccessDenied", "detail": {"faultDetail": "id-1"}}
    with pytest.raises(Forbidden) as caught:
        made.judge(None, fault, b"", where="w", delivery=True)
    assert caught.value.details["hop"] == "provider's Security Server"
    with pytest.raises(Misconfigured):
        made.judge(
            None,
            {"faultcode": "Client.InvalidBody", "detail": {"faultDetail": "x"}},
            b"",
            where="w",
            delivery=True,
        )
    for own in ({"faultcode": "s:Client.Own", "detail": {"c": "1"}}, {"faultcode": "Server"}):
        made.judge(None, own, b"", where="w", delivery=True)


QUESTION = Question(
    "q1", {"so": "052000000001", "ten": "NGUYEN VAN A", "sinh": "1990-01-01", "dv": "H21.129"},
    OFFICERS[0], PROCEDURES[0].code, "kiem tra",
)  # fmt: skip
VERIFY = verify_citizen(number="so", name="ten", born="sinh", agency="dv")


def soap(province: Province, **changes: Any) -> Connection:
    """Return the population connection over the SOAP protocol, its WSDL in a file."""
    wsdl = "package:lienthong_sandbox/wsdl/dancu.wsdl"
    over = {"xroad_protocol": "soap", "xroad_service": None, "wsdl": wsdl, "auth": "none"}
    return reached(province, "population", "xroad", **{**over, **changes})


def ask(connection: Connection, settings: SoapLookup = VERIFY) -> Any:
    opened = settings.open_lookup(connection, Context())
    try:
        return opened.ask(QUESTION)
    finally:
        opened.close()


def test_a_look_up_over_the_soap_protocol(province: Province) -> None:
    """Posted to the Security Server's root; the service's code is the operation; nothing of HTTP passes."""
    before = len(province.audit("security_server"))
    straight = ask(reached(province, "population", "direct"))
    assert ask(soap(province)) == straight
    (line,) = province.audit("security_server")[before:]
    assert line["key"] == "SANDBOX/GOV/G01/DANCU/XacThucThongTinCongDan"
    assert len(line["request_id"]) == 36


def test_an_answer_with_another_message_id_is_refused(province: Province) -> None:
    """The echo is checked in the answers of a live server as well."""
    province.fault("security_server", "wrong_echo")
    with pytest.raises(ProtocolViolation, match="header id"):
        ask(soap(province))
    assert ask(soap(province))


@pytest.mark.parametrize(
    "code", ["Server.ServerProxy.AccessDenied", "Server.ClientProxy.SslAuthenticationFailed"]
)
def test_faults_of_a_live_server(province: Province, code: str) -> None:
    """The fault's hop goes with the error, and the check names it."""
    province.fault("security_server", "hop_error", times=None, code=code)
    with pytest.raises(Misconfigured) as caught:
        ask(soap(province))
    assert code in str(caught.value)
    opened = VERIFY.open_lookup(soap(province), Context())
    rows = [row for row in opened.check() if not row.ok]
    opened.close()
    assert [row.hop for row in rows] == [caught.value.details["hop"]]


def test_the_check_asks_the_metadata_services_only(province: Province) -> None:
    """Both Security Servers and the service have their rows, and no operation was called."""
    asked = len(province.audit("population"))
    opened = VERIFY.open_lookup(soap(province), Context())
    rows = opened.check()
    opened.close()
    assert all(row.ok for row in rows), rows
    assert [row.hop for row in rows[-3:]] == ["Security Server", "provider's Security Server", "service"]
    assert "gives its WSDL" in rows[-1].detail
    assert len(province.audit("population")) == asked


def test_the_check_finds_an_operation_that_is_not_there(province: Province) -> None:
    """What allowedMethods and listMethods do not name, the provider does not offer."""
    settings = SoapLookup(operation="Khac", namespace="urn:khac")
    opened = settings.open_lookup(soap(province, wsdl=None), Context())
    last = opened.check()[-1]
    opened.close()
    assert (last.ok, last.hop, last.check) == (False, "provider's Security Server", "route")


def test_a_remote_description_does_not_come_through(province: Province) -> None:
    """A Security Server passes on nothing but operations, so the WSDL must be at hand."""
    with pytest.raises(Misconfigured, match="passes nothing on but SOAP operations"):
        ask(soap(province, wsdl=f"{province.url}/dancu/soap?wsdl"))
