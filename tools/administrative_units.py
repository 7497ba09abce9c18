"""Write the table of administrative units out of the package ``vietnamadminunits`` (MIT).

    python tools/administrative_units.py schemas/lienthong_schemas/codelists/administrative-unit.csv

The table holds the 34 provinces and 3,321 communes in force since 1 July 2025, and the 63
provinces, 696 districts and 10,040 communes that ended the day before. The package knows no first
days of former units: they carry the day of Decision 124/2004/QĐ-TTg, which issued the codes. Five
island districts had no communes and stand among the communes under their three-digit code as well.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OLD_FROM, OLD_TO, NEW_FROM = "2004-07-08", "2025-06-30", "2025-07-01"
HEADER = ("code", "level", "name", "valid_from", "valid_to", "parent", "successors")
Row = tuple[str, str, str, str, str, str, str]


def _folder() -> Path:
    spec = find_spec("vietnamadminunits")
    if spec is None or spec.origin is None:
        raise SystemExit("vietnamadminunits is not installed")
    return Path(spec.origin).parent / "data"


def _table(folder: Path, name: str) -> list[dict[str, Any]]:
    database = sqlite3.connect(f"{(folder / 'dataset.db').as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in database.execute(f"SELECT * FROM {name}")]  # noqa: S608  # our own two names
    finally:
        database.close()


def _successors(folder: Path, current: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return former commune (province_district_ward keys) -> codes of the units that took it over."""
    codes = {(row["provinceKey"], row["wardKey"]): row["wardCode"] for row in current}
    data = json.loads((folder / "converter_2025.json").read_text("utf-8"))
    found: dict[str, list[str]] = defaultdict(list)
    for province, wards in data["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for ward, formers in wards.items():
            for former in formers:
                found[former].append(codes[province, ward])
    for province, formers in data["DICT_PROVINCE_WARD_DIVIDED"].items():
        for former, parts in formers.items():
            found[former] += sorted({codes[province, part["newWardKey"]] for part in parts})
    return found


def _current(rows: list[dict[str, Any]]) -> set[Row]:
    found: set[Row] = {(row["provinceCode"], "tinh", row["province"], NEW_FROM, "", "", "") for row in rows}
    return found | {
        (row["wardCode"], "xa", row["ward"], NEW_FROM, "", row["provinceCode"], "") for row in rows
    }


def _former(rows: list[dict[str, Any]], heirs: dict[str, list[str]], homes: dict[str, str]) -> set[Row]:
    found: set[Row] = set()
    provinces: dict[str, set[str]] = defaultdict(set)
    term = (OLD_FROM, OLD_TO)
    for row in rows:
        codes = heirs["_".join((row["provinceKey"], row["districtKey"], row["wardKey"] or ""))]
        provinces[row["provinceCode"]] |= {homes[code] for code in codes}
        found.add((row["districtCode"], "huyen-cu", row["district"], *term, row["provinceCode"], ""))
        own = (row["wardCode"], row["ward"], row["districtCode"])
        code, name, parent = (
            own if row["wardCode"] else (row["districtCode"], row["district"], row["provinceCode"])
        )
        found.add((code, "xa-cu", name, *term, parent, " ".join(codes)))
    names = {row["provinceCode"]: row["province"] for row in rows}
    return found | {
        (code, "tinh-cu", names[code], *term, "", " ".join(sorted(provinces[code]))) for code in names
    }


def main(target: Path) -> None:
    """Write the table to a file and print how many units it holds by level."""
    folder = _folder()
    current = _table(folder, "admin_units")
    homes = {row["wardCode"]: row["provinceCode"] for row in current}
    former = _former(_table(folder, "admin_units_legacy"), _successors(folder, current), homes)
    rows = sorted(_current(current) | former, key=lambda row: (row[1], row[0], row[3]))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row[1]] += 1
    print(dict(counts), target.stat().st_size, "bytes")  # noqa: T201  # the tool's answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
