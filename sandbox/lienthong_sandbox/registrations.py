"""Seed of the one-stop system: 150 civil registrations (births KS, marriages KH) to be pushed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from lienthong_sandbox.people import COMMUNES, SEED, Person, person
from lienthong_sandbox.store import BAD, Row, document
from lienthong_sandbox.times import VN, onestop, to_ms

COUNT = 150
"""How many registrations there are, the malformed ones included."""
_START = datetime(2025, 9, 1, 8, 0, tzinfo=VN)
Record = dict[str, Any]

DEFECTS: dict[int, tuple[str, Record]] = {
    12: ("NgayTiepNhan is 31 September", {"NgayTiepNhan": "31/09/2025"}),
    44: ("Module is unknown", {"Module": "XX"}),
    81: ("MaDonVi has four digits", {"MaDonVi": "2356"}),
    110: ("MaHoSo is missing", {"MaHoSo": ""}),
    139: ("NoiDung is empty", {"NoiDung": {}}),
}
"""The malformed registrations by number: what is wrong, and the fields that make it so."""

REFUSED: dict[int, tuple[str, Record]] = {
    25: ("noiDangKy is longer than 100", {"noiDangKy": "Ủy ban nhân dân " + "xã " * 40}),
    66: ("the ethnicity is not in the Justice catalogue", {"nksDanToc": "99999", "chongDanToc": "99999"}),
    97: ("two faults at once", {"so": "SO-ĐĂNG-KÝ-RẤT-DÀI", "nksQuocTich": "XXX", "chongQuocTich": "XXX"}),
}
"""Sound registrations that the Justice system refuses, by number: why, and the fields that make it so."""


def _side(prefix: str, who: Person) -> Record:
    """Return the registry fields of a parent or spouse."""
    return {
        f"{prefix}HoTen": who.name,
        f"{prefix}NgaySinh": f"{who.born:%d/%m/%Y}",
        f"{prefix}DanToc": "63001",
        f"{prefix}QuocTich": "VN",
        f"{prefix}LoaiCuTru": "1",
        f"{prefix}NoiCuTru": f"{who.street}, xã {who.commune}, tỉnh Gia Lai"[:100],
        f"{prefix}LoaiGiayToTuyThan": "4",
        f"{prefix}SoGiayToTuyThan": who.number,
    }


def _adult(number: int, gender: int, communes: tuple[str, ...]) -> Person:
    """Return a person of the gender (1 male, 2 female) in the age to marry and have children."""
    people = (person(index, communes) for index in count(1000 + number * 20))
    return next(who for who in people if who.gender == gender and 1985 <= who.born.year <= 2003)


def _birth(number: int, communes: tuple[str, ...]) -> Record:
    father, mother = _adult(number, 1, communes), _adult(number, 2, communes)
    born = _START.date() + timedelta(days=number // 10 - 7)
    return {
        "nksHoTen": f"{father.family} Gia {mother.given}",
        "nksGioiTinh": str(1 + number % 2),
        "nksNgaySinh": f"{born:%d/%m/%Y}",
        "nksNoiSinh": "Bệnh viện đa khoa tỉnh",
        "nksQueQuan": "Gia Lai",
        "nksDanToc": "63001",
        "nksQuocTich": "VN",
        "nksLoaiKhaiSinh": "1",
        **_side("me", mother),
        **_side("cha", father),
        "nycHoTen": father.name,
        "nycQuanHe": "Cha",
        "nycLoaiGiayToTuyThan": "4",
        "nycSoGiayToTuyThan": father.number,
    }


def _marriage(number: int, communes: tuple[str, ...]) -> Record:
    husband, wife = _adult(number, 1, communes), _adult(number, 2, communes)
    return {**_side("chong", husband), **_side("vo", wife), "tinhTrangKetHon": "1"}


def registration(number: int, communes: tuple[str, ...]) -> Record:
    """Return one registration; ``NoiDung`` holds the registry fields, flat, all texts."""
    day = _START + timedelta(days=number // 10, minutes=number % 10 * 30)
    commune = random.Random(SEED + number).choice(communes)
    is_birth = number % 3 != 2
    content = {
        "so": str(number + 1),
        "quyenSo": "01/2025",
        "trangSo": str(number % 200 + 1),
        "ngayDangKy": f"{day:%d/%m/%Y}",
        "loaiDangKy": "1",
        "noiDangKy": f"UBND xã {commune}, tỉnh Gia Lai",
        "nguoiKy": "Người Ký Mẫu",
        "chucVuNguoiKy": "Chủ tịch",
        "nguoiThucHien": "Công chức tư pháp mẫu",
        **(_birth(number, communes) if is_birth else _marriage(number, communes)),
    }
    wrong = REFUSED.get(number, ("", {}))[1]
    content |= {k: v for k, v in wrong.items() if k in content}
    record = {
        "MaHoSo": f"H21.{129 + number % 5}-{day:%y%m%d}-{5000 + number}",
        "Module": "KS" if is_birth else "KH",
        "MaDonVi": commune,
        "NgayTiepNhan": f"{day:%d/%m/%Y}",
        "NoiDung": content,
        "UpdatedAt": onestop(day),
    }
    return record | DEFECTS.get(number, ("", {}))[1]


def rows(communes: tuple[str, ...]) -> Iterator[Row]:
    """Yield all registrations as rows, keyed by MaHoSo (the one without by its number in the seed)."""
    for number in range(COUNT):
        record = registration(number, communes)
        changed = to_ms(_START + timedelta(days=number // 10, minutes=number % 10 * 30))
        yield document(record["MaHoSo"] or f"{number:06d}", changed, record, BAD if number in DEFECTS else "")


def defects() -> dict[str, str]:
    """Return MaHoSo (or number in the seed) -> what is wrong, for the malformed registrations."""
    keys = {n: registration(n, COMMUNES)["MaHoSo"] or f"{n:06d}" for n in DEFECTS}
    return {keys[n]: text for n, (text, _) in DEFECTS.items()}
