"""The national portal: sessions, create and update, refusals in its own words, an audit of each."""

from __future__ import annotations

from collections import Counter

import pytest
import requests

DOSSIER = {
    "MaTTHC": "1.001193",
    "TenTTHC": "Đăng ký khai sinh",
    "MaLinhVuc": "G15-HT01",
    "TenLinhVuc": "Hộ tịch",
    "LoaiDoiTuong": "1",
    "NgayTiepNhan": "20250812080000",
    "NgayHenTra": "20250815170000",
    "TrangThaiHoSo": "2",
    "DonViXuLy": "UBND xã",
}


def dossier(number, **other):
    """Return a dossier that the portal takes."""
    return DOSSIER | {"MaHoSo": f"H21.129-250812-{number:04d}"} | other


def push(portal, *items, updating="False"):
    """Push dossiers and return the error code of each."""
    body = portal("p", "DongBoHoSoMC", isUpdating=updating, data=list(items)).json()
    assert body["error_code"] == "00"
    return [answer["error_code"] for answer in body["result"]]


def test_create_then_update_and_nothing_else(portal, province):
    """A second create and an update before the create are refused; the audit has one create."""
    item = dossier(9001)
    assert push(portal, item, updating="True") == ["05"]
    assert push(portal, item, item) == ["00", "04"]
    assert push(portal, item | {"TrangThaiHoSo": "10"}, updating="True") == ["00"]
    found = portal("g", "TraCuuHoSo", mahoso=item["MaHoSo"]).json()["result"]
    assert [row["TrangThaiHoSo"] for row in found] == ["10"]
    mine = [line["operation"] for line in province.audit("national_portal") if line["key"] == item["MaHoSo"]]
    assert Counter(mine) == {"create": 1, "update": 1}


@pytest.mark.parametrize(
    ("number", "change", "code"),
    [
        (9101, {"MaTTHC": "3.900001"}, "03"),
        (9102, {"NgayTiepNhan": "12/08/2025"}, "02"),
        (9103, {"NgayHenTra": "20250230080000"}, "02"),
        (9104, {"DonViXuLy": ""}, "01"),
        (9105, {"MaHoSo": "H21/1"}, "02"),
        (9106, {"TrangThaiHoSo": "11"}, "02"),
    ],
)
def test_refusals_name_their_cause(portal, number, change, code):
    """Each kind of fault has its code, and the good dossier of the batch is still taken."""
    good = dossier(number)
    body = portal("p", "DongBoHoSoMC", isUpdating="False", data=[dossier(9002, **change), good]).json()
    assert [answer["error_code"] for answer in body["result"]] == [code, "00"]
    assert body["result"][0]["message"]


def test_progress_needs_a_known_dossier(portal):
    """Progress of a dossier that was never created is refused, else it is kept with the dossier."""
    step = {"NguoiXuLy": "A", "ThoiDiemXuLy": "20250812090000", "NoiDungXuLy": "Thụ lý", "TrangThai": "4"}
    item = dossier(9003)
    line = step | {"MaHoSo": item["MaHoSo"]}
    first = portal("p", "CapNhatTienDoHoSoMC", data=[line]).json()["result"]
    push(portal, item)
    second = portal("p", "CapNhatTienDoHoSoMC", data=[line]).json()["result"]
    assert [first[0]["error_code"], second[0]["error_code"]] == ["05", "00"]
    assert portal("g", "TraCuuHoSo", mahoso=item["MaHoSo"]).json()["result"][0]["TienDo"] == [line]


def test_catalogues_agree(portal):
    """Every listed procedure can be looked up in full and its domain is in the list of domains."""
    domains = {row["MALINHVUC"] for row in portal("g", "LayDanhMucLinhVuc").json()["result"]}
    for row in portal("g", "LayDanhSachTTHC").json()["result"]:
        full = portal("g", "LayThuTuc", maTTHC=row["MATTHC"]).json()["result"][0]
        assert full["LINHVUCTHUCHIEN"][0]["MALINHVUC"] in domains
    assert portal("g", "LayThuTuc", maTTHC="3.900001").json()["result"] == []


def test_sessions_and_destination_are_asked_for(portal, province):
    """A wrong destination is 404; a dead session and a wrong password are errors inside a 200."""
    connection = province.connections()["national_portal"]
    url, extra = connection["extra"]["token_url"], connection["extra"]
    assert requests.post(url, json={}, headers={"dstcode": "x"}, timeout=60).status_code == 404
    wrong = requests.post(url, json={"username": "a"}, headers={"dstcode": extra["dstcode"]}, timeout=60)
    assert (wrong.status_code, wrong.json()["error_code"]) == (200, "403")
    dead = portal("g", "LayDanhSachTTHC", session="dead")
    assert (dead.status_code, dead.json()["error_code"]) == (200, "401")
