"""Administrative units of Vietnam before and after 1 July 2025, out of ``vietnamadminunits`` (MIT).

The package ships an SQLite file of units and a JSON file saying which former commune became which;
both are read directly, without importing the package. What the package does not know stays empty:
it has no population and no dates, so former units carry the nominal day of Decision
124/2004/QĐ-TTg, which issued the list of codes, and units in force the day of the two-level model.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lienthong_sandbox.store import BAD, Row, document
from lienthong_sandbox.times import VN, iso, to_ms

OLD_FROM, OLD_TO, NEW_FROM = "2004-07-08", "2025-06-30", "2025-07-01"
"""First and last day of former units (nominal first day), first day of units in force."""

_PUBLISHED = datetime(2025, 7, 1, 8, 0, tzinfo=VN)
Unit = dict[str, Any]


def data_folder() -> Path:
    """Return the data folder of the installed package; ``ModuleNotFoundError`` names it if absent."""
    spec = find_spec("vietnamadminunits")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("vietnamadminunits is not installed; install the 'sandbox' extra")
    return Path(spec.origin).parent / "data"


def _read(folder: Path, table: str) -> list[dict[str, Any]]:
    db = sqlite3.connect(f"{(folder / 'dataset.db').as_uri()}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608 - our names
    finally:
        db.close()


def _successors(folder: Path, codes: dict[tuple[str, str], str]) -> dict[str, list[dict[str, str]]]:
    """Return, for each former unit's path of keys, the units that took it over."""
    data = json.loads((folder / "converter_2025.json").read_text(encoding="utf-8"))
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for province, wards in data["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for ward, formers in wards.items():
            for former in formers:
                found[former].append({"MaDonVi": codes[province, ward], "HinhThuc": "toan-bo"})
    for province, formers in data["DICT_PROVINCE_WARD_DIVIDED"].items():
        for former, parts in formers.items():
            taken = sorted(codes[province, part["newWardKey"]] for part in parts)
            found[former].extend({"MaDonVi": code, "HinhThuc": "mot-phan"} for code in taken)
    return found


def _unit(code: str, level: str, parent: str | None, kind: str, names: tuple[str, ...], **rest: Any) -> Unit:
    """Lay out one unit; ``names`` runs from the unit's own name up to the province's."""
    return {
        "MaDonVi": code,
        "TenDonVi": names[0],
        "TenDayDu": ", ".join(names),
        "CapDonVi": level,
        "MaDonViCha": parent,
        "LoaiDonVi": kind,
        "NgayHieuLuc": NEW_FROM,
        "NgayHetHieuLuc": None,
        "DienTich": None,
        "DanSo": None,
        "ViDo": None,
        "KinhDo": None,
        "DonViKeThua": [],
    } | rest


def _provinces(rows: list[dict[str, Any]]) -> Iterator[Unit]:
    areas: dict[str, float] = defaultdict(float)
    for row in rows:
        areas[row["provinceCode"]] += row["wardAreaKm2"] or 0.0
    for row in {r["provinceCode"]: r for r in rows}.values():
        name, code = row["province"], row["provinceCode"]
        kind = "Thành phố" if name.startswith("Thành phố") else "Tỉnh"
        place = {"ViDo": row["provinceLat"], "KinhDo": row["provinceLon"]}
        yield _unit(code, "tinh", None, kind, (name,), DienTich=round(areas[code], 2), **place)


def _communes(rows: list[dict[str, Any]]) -> Iterator[Unit]:
    for row in rows:
        place = {"ViDo": row["wardLat"], "KinhDo": row["wardLon"], "DienTich": row["wardAreaKm2"]}
        names = (row["ward"], row["province"])
        yield _unit(row["wardCode"], "xa", row["provinceCode"], row["wardType"], names, **place)


def _formers(rows: list[dict[str, Any]], heirs: dict[str, list[dict[str, str]]]) -> Iterator[Unit]:
    """Yield former communes; five island districts had none and stand under their 3-digit code."""
    for row in rows:
        path = "_".join((row["provinceKey"], row["districtKey"], row["wardKey"] or ""))
        term = {"NgayHieuLuc": OLD_FROM, "NgayHetHieuLuc": OLD_TO, "DonViKeThua": heirs[path]}
        if row["wardCode"] is None:
            place = {"ViDo": row["districtLat"], "KinhDo": row["districtLon"]}
            names: tuple[str, ...] = (row["district"], row["province"])
            yield _unit(
                row["districtCode"], "xa-cu", row["provinceCode"], row["districtType"], names, **place, **term
            )
        else:
            place = {"ViDo": row["wardLat"], "KinhDo": row["wardLon"]}
            names = (row["ward"], row["district"], row["province"])
            yield _unit(
                row["wardCode"], "xa-cu", row["districtCode"], row["wardType"], names, **place, **term
            )


def units() -> list[Unit]:
    """Return all 13,395 units: 34 provinces, 3,321 communes in force, 10,040 former ones.

    The key is (MaDonVi, NgayHieuLuc); MaDonVi alone is not one, since a code goes on in force.
    """
    folder = data_folder()
    current = _read(folder, "admin_units")
    codes = {(r["provinceKey"], r["wardKey"]): r["wardCode"] for r in current}
    former = _formers(_read(folder, "admin_units_legacy"), _successors(folder, codes))
    found = [*_provinces(current), *_communes(current), *former]
    for number, unit in enumerate(found):
        unit["NgayCapNhat"] = iso(_PUBLISHED + timedelta(minutes=number // 100))
    return found


def defects() -> dict[str, str]:
    """Return the key of each unit that is malformed on purpose, and what is wrong with it."""
    return {
        "2356|2025-07-01": "MaDonVi has four digits",
        "99998|2025-07-01": "TenDonVi is empty",
        "99999|2025-07-01": "NgayHetHieuLuc lies before NgayHieuLuc",
    }


def _bad_units() -> Iterator[Unit]:
    names = ("Xã Mẫu Hỏng", "Tỉnh Gia Lai")
    yield _unit("2356", "xa", "52", "Xã", names)
    yield _unit("99998", "xa", "52", "Xã", ("", "Tỉnh Gia Lai"))
    yield _unit("99999", "xa", "52", "Xã", names, NgayHetHieuLuc="2025-01-01")


def unit_key(unit: Unit) -> str:
    """Return ``MaDonVi|NgayHieuLuc``, the key under which a unit is stored."""
    return f"{unit['MaDonVi']}|{unit['NgayHieuLuc']}"


def unit_rows() -> Iterator[Row]:
    """Yield every unit as a row of the store, the malformed ones last."""
    for unit in units():
        changed = datetime.fromisoformat(unit["NgayCapNhat"])
        yield document(unit_key(unit), to_ms(changed), unit, unit["CapDonVi"])
    for number, unit in enumerate(_bad_units()):
        changed = _PUBLISHED + timedelta(hours=3, seconds=number)
        yield document(unit_key(unit), to_ms(changed), unit | {"NgayCapNhat": iso(changed)}, BAD)
