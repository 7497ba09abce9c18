"""The key indexes of a bundle: every record stands in them once, and a newer version stands for an older.

An entry is 76 bytes: the keyed hash of the record's key (32), its version number (8, big-endian), its
line in the segment (4, big-endian) and its leaf hash (32). Entries are sorted as bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import Any, Final

from lienthong.ledger.container import Reader
from lienthong.ledger.documents import DELIVERIES
from lienthong.ledger.report import Problem
from lienthong.ledger.verify_documents import read_document
from lienthong.ledger.view import RunView
from lienthong.merkle import root_over
from lienthong.segment import Segment

ENTRY: Final = 76
_ENTRY: Final = Struct(">32sQI32s")
_Place = tuple[int, int, int, int]
# Where a version stands in the order of versions: number, part, order in the part, line.


def index_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield key indexes whose entries are not those that were signed, or not those of their records."""
    wanted = view.indexes()
    for name in reader.names("indexes"):
        segment = wanted.get(name[8:72])
        if segment is None:
            yield Problem(name, "no statement in force names it", "không tuyên bố nào nhắc đến tệp này")
            continue
        rows = _rows(reader.read(name))
        if root_over(rows) != segment.index:
            yield Problem(name, "its root is not the one that was signed", "gốc Merkle khác gốc đã ký")
        yield from _row_problems(rows, segment, name, reader)


def _row_problems(rows: list[bytes], segment: Segment, name: str, reader: Reader) -> Iterator[Problem]:
    if len(rows) != segment.count or any(len(row) != ENTRY for row in rows):
        yield Problem(
            name,
            f"it holds {len(rows)} entries, {segment.count} records were signed",
            f"có {len(rows)} mục, đã ký {segment.count} bản ghi",
        )
        return
    if any(one >= other for one, other in pairwise(rows)):
        yield Problem(name, "its entries are not in order", "các mục không theo thứ tự")
    leaves_name = f"leaves/{segment.digest}.bin"
    if leaves_name not in reader.members:
        return  # told by the check of records
    leaves = reader.read(leaves_name)
    seen: set[int] = set()
    for _, _, line, leaf in map(_ENTRY.unpack, rows):
        if line in seen or leaves[32 * line : 32 * line + 32] != leaf:
            yield Problem(
                f"record {line} of segment {segment.digest}",
                "the key index names it twice, or with another leaf hash",
                "chỉ mục khóa ghi bản ghi này hai lần hoặc sai giá trị băm",
            )
        seen.add(line)


@dataclass(frozen=True, slots=True)
class Superseded:
    """Of how many superseded records the bundle shows the newer version, of how many it does not."""

    total: int
    shown: int


def superseded(reader: Reader, view: RunView) -> Superseded:
    """Count the superseded records, and those of which the run's key indexes show a newer version.

    A newer version has the same key in the same scope and a higher version number, or the same number
    and a later place in the run. Only the keys of superseded records are kept in memory.
    """
    pushed = list(_pushed(reader, view))
    total = sum(last - first + 1 for item, *_ in pushed for first, last in item["superseded"])
    asked: dict[tuple[str, bytes], list[_Place]] = {}
    for item, segment, part, order in pushed if total else ():
        ranges = sorted(item["superseded"])
        for key, number, line, _ in _entries(reader, segment) if ranges else ():
            at = bisect_right(ranges, [line, segment.count]) - 1
            if at >= 0 and line <= ranges[at][1]:
                asked.setdefault((item["scope"], key), []).append((number, part, order, line))
    latest: dict[tuple[str, bytes], _Place] = {}
    for item, segment, part, order in pushed if asked else ():
        for key, number, line, _ in _entries(reader, segment):
            if (item["scope"], key) in asked:
                place = (number, part, order, line)
                latest[item["scope"], key] = max(place, latest.get((item["scope"], key), place))
    shown = sum(place < latest[key] for key, places in asked.items() for place in places)
    return Superseded(total, shown)


def _pushed(reader: Reader, view: RunView) -> Iterator[tuple[Any, Segment, int, int]]:
    """Yield each delivery with its segment as push names it, and its place in the run."""
    found = read_document(reader, DELIVERIES)["deliveries"]
    by_place = {(item["part"], item["order"]): item for item in found}
    for payload in view.steps["push"]:
        part = payload["part"]["index"]
        for order, value in enumerate(payload["inputs"]["segments"]):
            item = by_place.get((part, order))
            if item is not None:
                yield item, Segment.from_dict(value), part, order


def _entries(reader: Reader, segment: Segment) -> Iterator[tuple[bytes, int, int, bytes]]:
    name = f"indexes/{segment.index}.bin"
    if segment.index and name in reader.members:
        yield from map(_ENTRY.unpack, _rows(reader.read(name)))


def _rows(data: bytes) -> list[bytes]:
    return [data[start : start + ENTRY] for start in range(0, len(data), ENTRY)]
