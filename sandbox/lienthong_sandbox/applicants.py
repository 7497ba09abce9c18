"""Seed of the one-stop system: 200 applicants who wait for their identity to be verified."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from lienthong_sandbox.dossiers import DEFECTS as BAD_DOSSIERS
from lienthong_sandbox.dossiers import dossier_code, procedure_of
from lienthong_sandbox.people import Person, person
from lienthong_sandbox.store import BAD, Row, document
from lienthong_sandbox.times import from_ms, onestop, to_ms

COUNT = 200
"""How many applicants wait, the malformed and unknown ones included."""
OFFICERS = ("cb.hoaichau", "cb.pleiku", "cb.ankhe")
"""Officer accounts that the population database knows and allows."""
DIFFERING = frozenset({11, 23, 37, 52, 68, 71, 89, 104, 118, 133, 147, 162, 175, 190})
"""Applicants whose name or birth date differs from the population database."""
UNKNOWN = frozenset({64, 141})
"""Applicants whose well-formed number the population database does not have."""

Record = dict[str, Any]
DEFECTS: dict[int, tuple[str, Record]] = {
    19: ("SoDinhDanh has eleven digits", {"SoDinhDanh": "06308412345"}),
    77: ("HoVaTen is empty", {"HoVaTen": ""}),
    126: ("NgaySinh is 31 April", {"NgaySinh": "31/04/1980"}),
    183: ("SoDinhDanh has letters", {"SoDinhDanh": "06318X123456"}),
}
"""The malformed applicants by number: what is wrong, and the fields that make it so."""


def _dossier_number(number: int) -> int:
    candidate = number * 3
    return candidate + 1 if candidate in BAD_DOSSIERS else candidate


def _birth(who: Person) -> str:
    return str(who.born.year) if who.year_only else f"{who.born:%d/%m/%Y}"


def _differing(number: int, who: Person) -> Record:
    if number % 2:
        return {"HoVaTen": f"{who.family} {who.middle} Khác"}
    other = who.born.replace(year=who.born.year + 1, day=min(who.born.day, 28))
    return {"NgaySinh": f"{other:%d/%m/%Y}"}


def _spelling(number: int, name: str) -> str:
    """Write some names as careless clients do: upper case, spare blanks, decomposed accents."""
    if number % 17 == 3:
        return f"  {name.upper()} "
    return unicodedata.normalize("NFD", name) if number % 29 == 5 else name


def applicant(number: int, communes: tuple[str, ...], size: int) -> Record:
    """Return one applicant; ``size`` is how many persons the population database has."""
    dossier_number = _dossier_number(number)
    index = dossier_number % size if number not in UNKNOWN else 990_000 + number
    who = person(index, communes)
    record = {
        "MaYeuCau": f"H21-XM-{number:06d}",
        "DocCode": dossier_code(dossier_number),
        "DocTypeCode": procedure_of(dossier_number).code,
        "SoDinhDanh": who.number,
        "HoVaTen": _spelling(number, who.name),
        "NgaySinh": _birth(who),
        "GioiTinh": who.gender,
        "TaiKhoanCanBo": OFFICERS[number % 3],
        "SoDienThoaiCanBo": "0100000000",
        "MaDonVi": "H21.129",
    }
    if number in DIFFERING:
        record |= _differing(number, who)
    return record | DEFECTS.get(number, ("", {}))[1]


def rows(communes: tuple[str, ...], size: int) -> Iterator[Row]:
    """Yield all waiting applicants as rows, keyed by MaYeuCau."""
    first = to_ms(from_ms(1_756_000_800_000))
    for number in range(COUNT):
        changed = first + round(timedelta(minutes=number).total_seconds() * 1000)
        record = applicant(number, communes, size) | {"UpdatedAt": onestop(from_ms(changed))}
        yield document(record["MaYeuCau"], changed, record, BAD if number in DEFECTS else "")


def defects() -> dict[str, str]:
    """Return MaYeuCau -> what is wrong, for the malformed applicants."""
    return {f"H21-XM-{n:06d}": text for n, (text, _) in DEFECTS.items()}
