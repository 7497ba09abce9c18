"""Civil status through a foreign SOAP 1.2 client: registration, states, codes, refusals."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

import pytest
import requests
import zeep
from zeep.transports import Transport

from lienthong_sandbox.registrations import REFUSED, registration


@pytest.fixture
def service(province, civil_headers):
    """A zeep proxy made from the served WSDL, with a bearer token."""
    wsdl = province.connections()["civil_status"]["extra"]["wsdl"]
    with requests.Session() as session:
        session.headers.update(civil_headers)
        yield zeep.Client(wsdl, transport=Transport(session=session)).service


def call(number, **other):
    """Return the arguments that push one seeded registration."""
    record = registration(number, ("23563",))
    fields = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in record["NoiDung"].items())
    return {
        "maDonVi": int(record["MaDonVi"]),
        "module": record["Module"],
        "maHoSo": record["MaHoSo"],
        "ngayTiepNhan": "2025-09-01",
        "data": f"<hotich><hoso>{fields}</hoso></hotich>",
    } | other


def test_registration_is_taken_once(service, province):
    """A repeat is answered as already received and leaves no second entry; other content is refused."""
    first, again = service.dangKyHoTich(**call(1)), service.dangKyHoTich(**call(1))
    other = service.dangKyHoTich(**call(4, maHoSo=call(1)["maHoSo"]))
    assert (first.status, again.status) == (1, 1)
    assert "trước đó" in again.message
    assert (other.status, other.errorCode) == (0, 500)
    mine = [line for line in province.audit("civil_status") if line["key"] == call(1)["maHoSo"]]
    assert [line["operation"] for line in mine] == ["register"]
    assert service.traTrangThaiHoSo(maDonVi=23563, maHoSo=call(1)["maHoSo"]).status == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"maDonVi": 99999}, 106),
        ({"maDonVi": 4}, 108),
        ({"module": "XX"}, 302),
        ({"data": "<hotich/>"}, 302),
        ({"data": "<hotich><hoso><so>1</so></hoso></hotich>"}, 200),
        ({"maHoSo": ""}, 200),
    ],
)
def test_refusal_codes(service, change, code):
    """Each kind of refusal has the code of the reference."""
    answer = service.dangKyHoTich(**call(2, **change))
    assert (answer.status, answer.errorCode) == (0, code)


@pytest.mark.parametrize("number", REFUSED)
def test_content_is_refused_in_one_long_sentence(service, number):
    """The seeded registrations that Justice refuses get 500 and name the fields."""
    answer = service.dangKyHoTich(**call(number))
    assert (answer.status, answer.errorCode) == (0, 500)
    assert "trường" in answer.message


def test_all_other_seeded_registrations_are_taken(service):
    """What the seed calls sound is taken by the Justice system."""
    for number in (0, 3, 5, 8, 11, 148):
        assert service.dangKyHoTich(**call(number)).status == 1


def test_unknown_dossier_and_code_lists(service):
    """A state that nobody knows is 201; code lists are JSON text."""
    assert service.traTrangThaiHoSo(maDonVi=23563, maHoSo="X").errorCode == 201
    rows = json.loads(service.danhMuc(loaiDanhMuc=3).data)
    assert {"Code": "63001", "Name": "Kinh"} in rows
    assert service.danhMuc(loaiDanhMuc=9).errorCode == 302


def test_token_is_asked_for(province):
    """Without a token the gateway answers 401 before any SOAP is read."""
    url = province.connections()["civil_status"]["host"]
    assert requests.post(url, data=b"<x/>", timeout=60).status_code == 401
