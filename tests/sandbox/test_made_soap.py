"""Counterparts made from a WSDL, asked by zeep and by our own connector."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from lxml import etree

from lienthong.connector import Connection, Context, Question, ReadRequest
from lienthong.errors import Misconfigured, Refused, Unavailable
from lienthong_connectors.soap import SoapLookup, SoapSource
from lienthong_sandbox.made.counterpart import Counterpart

WSDL = Path(str(files("lienthong_sandbox").joinpath("wsdl", "dancu.wsdl")))
ASKED = {
    "MaYeuCau": "q-1",
    "MaDVC": "1.001193",
    "MaTichHop": "037",
    "MaDonVi": "H21.129",
    "MaCanBo": "can.bo.01",
    "SoDinhDanh": "063123456789",
    "HoVaTen": "TRẦN THỊ MẪU",
    "NgayThangNamSinh": {"Nam": "1980"},
}


@pytest.fixture
def population() -> Iterator[Counterpart]:
    with Counterpart(WSDL, records=4, fixed={"TonTai": True}) as counterpart:
        yield counterpart


def connection(counterpart: Counterpart) -> Connection:
    (found,) = counterpart.connections().values()
    return Connection("made", found["conn_type"], host=found["host"], extra=found["extra"])


def ask(counterpart: Counterpart, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    settings = SoapLookup(operation=operation, request=asked, required=False)
    opened = settings.open_lookup(connection(counterpart), Context(log=lambda _: None))
    try:
        return opened.ask(Question("q-1", {}, "can.bo.01", "1.001193", "khai sinh"))
    finally:
        opened.close()


def test_its_answers_follow_the_schema(population: Counterpart) -> None:
    """An answer validates against the WSDL's own schema; a list holds as many as were asked for."""
    schema = etree.XMLSchema(etree.parse(WSDL.with_name("congdan.xsd")))
    client = zeep.Client(str(WSDL))
    request = etree.tostring(client.create_message(client.service, "TraCuuThongTinCongDan", **ASKED))
    said = requests.post(population.url, request, headers={"Content-Type": "text/xml"}, timeout=60)
    assert said.status_code == 200, said.text
    body = etree.fromstring(said.content)[0][0]
    schema.assertValid(etree.fromstring(etree.tostring(body)))
    assert len(body) == 4


def test_our_source_reads_its_records(population: Counterpart) -> None:
    """The record element streams out of a made-up answer; every record is another person."""
    settings = SoapSource(operation="TraCuuThongTinCongDan", request=ASKED, record_element="CongDan")
    source = settings.open_source(connection(population), Context(log=lambda _: None))
    records = [record for page in source.read(ReadRequest()) for record in page.records]
    source.close()
    assert len({record["SoDinhDanh"] for record in records}) == 4
    assert all(record["SoDinhDanh"].startswith("063") for record in records)


def test_a_fixed_member_is_in_every_answer(population: Counterpart) -> None:
    """``--set`` decides what a check of identity says."""
    assert ask(population, "XacThucThongTinCongDan", ASKED | {"MaTichHop": "003"})["TonTai"] is True


def test_a_request_that_breaks_the_schema_is_refused(population: Counterpart) -> None:
    """The fault says which member breaks which rule, as a service of the kind would."""
    with pytest.raises(Refused) as caught:
        ask(population, "TraCuuThongTinCongDan", ASKED | {"MaYeuCau": "x" * 41})
    assert "MaYeuCau: maxLength 40" in caught.value.reasons[0].en


def test_the_switches_work_on_it(population: Counterpart) -> None:
    """A service of SOAP can be down, too; faults of lists are none that it can act out."""
    population.fault("unavailable", times=None)
    with pytest.raises(Unavailable):
        ask(population, "TraCuuThongTinCongDan", ASKED)
    with pytest.raises(ValueError, match="cannot act out"):
        population.fault("duplicate_page")


def test_operations_with_one_request_are_told_apart_by_their_action(tmp_path: Path) -> None:
    """Two operations may take the same element; SOAPAction says which is meant (SOAP 1.1 section 6.1.1)."""
    text = (Path(__file__).parents[1] / "fixtures" / "wsdl" / "stockquote.wsdl").read_text()
    first, second, third = text.split('soapAction="http://example.com/GetLastTradePrice"')
    wsdl = tmp_path / "quotes.wsdl"
    wsdl.write_text(f'{first}soapAction="urn:ask"{second}soapAction="urn:tell"{third}')
    with Counterpart(wsdl, fixed={"price": "12.5"}) as quotes:
        assert len({name for name, _ in quotes.system.paths()}) == len(quotes.system.paths())
        assert ask(quotes, "GetLastTradePrice", {"tickerSymbol": "VNM"})["price"] == "12.5"
        client = zeep.Client(str(wsdl))
        body = etree.tostring(client.create_message(client.service, "GetLastTradePrice", tickerSymbol="VNM"))
        told = {
            action: requests.post(
                quotes.url,
                body,
                headers={"Content-Type": "text/xml", "SOAPAction": f'"{action}"'},
                timeout=60,
            ).status_code
            for action in ("urn:ask", "urn:tell")
        }
        assert told == {"urn:ask": 200, "urn:tell": 202}


def test_an_unknown_operation_and_what_is_no_wsdl(population: Counterpart, tmp_path: Path) -> None:
    """What the WSDL does not have is a fault; a file that is no WSDL is named."""
    envelope = (
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><no/></e:Body></e:Envelope>'
    )
    said = requests.post(population.url, envelope, headers={"Content-Type": "text/xml"}, timeout=60)
    assert said.status_code == 500
    assert "no operation no" in said.text
    other = tmp_path / "other.wsdl"
    other.write_text("<html/>")
    with pytest.raises(Misconfigured, match=r"other\.wsdl"), Counterpart(other):
        pass
