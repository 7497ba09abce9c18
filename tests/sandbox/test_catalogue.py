"""The national shared catalogue speaks as the guide says and holds the real units."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from lienthong_sandbox import Province, tokens


@pytest.mark.parametrize(
    ("name", "count"),
    [("donvihanhchinhcap1", 34), ("donvihanhchinhcap2", 3321), ("donvihanhchinhcu", 10040)],
)
def test_lists_hold_every_unit(catalogue, name, count):
    """Each list is a bare array with exactly the units of its level."""
    rows = catalogue(f"/Category/{name}").json()
    assert len(rows) == count
    assert not any(row["DonViKeThua"] for row in rows if row["CapDonVi"] != "xa-cu")


def test_unified_list_has_one_key_for_each_unit(catalogue):
    """MaDonVi repeats across the reform, (MaDonVi, NgayHieuLuc) never does; bad rows are three."""
    rows = catalogue("/Category/donvihanhchinh").json()
    assert len(rows) == 13395 + 3
    assert len({(row["MaDonVi"], row["NgayHieuLuc"]) for row in rows}) == len(rows)
    assert Counter(len(row["MaDonVi"]) for row in rows) == {5: 13358, 2: 34, 3: 5, 4: 1}


def test_every_former_unit_leads_to_units_in_force(catalogue):
    """Successors exist; a unit taken over as a whole has one, a divided one several."""
    rows = catalogue("/Category/donvihanhchinhcu").json()
    in_force = {row["MaDonVi"] for row in catalogue("/Category/donvihanhchinhcap2").json()}
    for row in rows:
        heirs = row["DonViKeThua"]
        assert {heir["MaDonVi"] for heir in heirs} <= in_force
        wanted = "toan-bo" if len(heirs) == 1 else "mot-phan"
        assert {heir["HinhThuc"] for heir in heirs} == {wanted}


def test_pages_add_up_and_are_ordered(catalogue):
    """Pages in the envelope give each row once, by NgayCapNhat then key."""
    rows, number = [], 1
    while True:
        body = catalogue(f"/Category/donvihanhchinh?trang={number}&soBanGhi=3000").json()
        assert (body["code"], body["status"], body["response"]["trang"]) == (200, "success", number)
        if not body["response"]["data"]:
            break
        rows += body["response"]["data"]
        number += 1
    order = [(row["NgayCapNhat"], f"{row['MaDonVi']}|{row['NgayHieuLuc']}") for row in rows]
    assert order == sorted(order)
    assert len(order) == len(set(order)) == body["response"]["tongSo"] == 13398


def test_delta_and_etag(catalogue, province):
    """After an update the delta is the changed row alone, and the old ETag no longer holds."""
    path = "/Category/donvihanhchinhcap1"
    first = catalogue(path)
    assert catalogue(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    newest = max(row["NgayCapNhat"] for row in catalogue("/Category/donvihanhchinh").json())
    assert catalogue(path, params={"capNhatTu": newest}).json() == []
    unit = first.json()[0] | {"DanSo": 8_000_000}
    province.upsert("national_catalogue", "donvihanhchinh", [unit])
    assert catalogue(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
    assert [row["DanSo"] for row in catalogue(path, params={"capNhatTu": newest}).json()] == [8_000_000]


def test_duplicate_insert_is_answered_as_in_the_guide(catalogue):
    """The second insert of a row inserts nothing and names the record."""
    row = {"Ma": "99", "Ten": "Khác"}
    assert catalogue("/Category/madantoc", "POST", json=[row]).json() == {"MSG": "Done", "Count": 1}
    again = catalogue("/Category/madantoc", "POST", json=[row]).json()
    assert again == {"MSG": "Data not insert: Record 0: 99 is duplicate", "Count": 0}


def test_metadata_describes_every_column(catalogue):
    """The metadata names exactly the fields that rows have."""
    columns = {column["PropertyCode"] for column in catalogue("/Metadata/donvihanhchinh").json()}
    assert columns == set(catalogue("/Category/donvihanhchinhcap1").json()[0])


def test_tokens_are_asked_for_and_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No token, a wrong secret and a token past its life are all refused with 401."""
    with Province(tmp_path, token_seconds=300, bad_rows=False) as short:
        connection = short.connections()["national_catalogue"]
        url, token_url = connection["host"] + "/Category/magioitinh", connection["extra"]["token_url"]
        form = {"grant_type": "client_credentials", "client_id": connection["login"]}
        assert requests.get(url, timeout=60).status_code == 401
        assert requests.post(token_url, data=form | {"client_secret": "no"}, timeout=60).status_code == 401
        granted = requests.post(token_url, data=form | {"client_secret": connection["password"]}, timeout=60)
        headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}
        assert requests.get(url, headers=headers, timeout=60).status_code == 200
        later = time.monotonic() + 301
        monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: later))
        assert requests.get(url, headers=headers, timeout=60).status_code == 401
        units = short.systems["national_catalogue"].store.count("donvihanhchinh")
        assert units == 13395, "bad rows can be switched off"
