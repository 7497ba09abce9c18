"""The key indexes of a bundle: every record stands in them once, and a newer version stands for an older.

An entry is 76 bytes: the keyed hash of the record's key (32), its version number (8, big-endian), its
line in the segment (4, big-endian) and its leaf hash (32). Entries are sorted as bytes. A bundle leaves
the leaf hashes out of them, because they stand in ``leaves/`` already. The signed root is that of a tree
over groups of 16 entries (`lienthong.keyindex.groups`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from lienthong.keyindex import root_over_entries
from lienthong.ledger.container import Reader
from lienthong.ledger.documents import DELIVERIES
from lienthong.ledger.report import Problem
from lienthong.ledger.verify_documents import read_document
from lienthong.ledger.view import RunView
from lienthong.segment import Segment

STUB: Final = 44
"""Bytes of an entry without its leaf hash."""

_STUB: Final = Struct(">32sQI")
_LINE: Final = Struct(">40xI")
_Place = tuple[int, int, int, int]
# Where a version stands in the order of versions: number, part, order in the part, line.


def index_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield key indexes whose entries are not those that were signed, or not those of their records."""
    wanted = view.indexes()
    for name in reader.names("indexes"):
        segment = wanted.get(name[8:72])
        if segment is None:
            yield Problem(name, "no statement in force names it", "không tuyên bố nào nhắc đến tệp này")
        elif f"leaves/{segment.digest}.bin" in reader.members:  # told by the check of records where not
            leaves = reader.read(f"leaves/{segment.digest}.bin")
            yield from _entry_problems(reader.read(name), leaves, segment, name)


def _entry_problems(data: bytes, leaves: bytes, segment: Segment, name: str) -> Iterator[Problem]:
    if len(data) != STUB * segment.count:
        yield Problem(
            name,
            f"it holds {len(data) / STUB:g} entries, {segment.count} records were signed",
            f"có {len(data) / STUB:g} mục, đã ký {segment.count} bản ghi",
        )
        return
    lines = [line for (line,) in _LINE.iter_unpack(data)]
    if len(set(lines)) != segment.count or max(lines, default=-1) >= segment.count:
        yield Problem(
            name, "it names a record twice, or one that does not exist", "bản ghi bị lặp hoặc không tồn tại"
        )
        return
    starts = range(0, len(data), STUB)
    rows = [
        data[at : at + STUB] + leaves[32 * line : 32 * line + 32]
        for at, line in zip(starts, lines, strict=True)
    ]
    if rows != sorted(rows):
        yield Problem(name, "its entries are not in order", "các mục không theo thứ tự")
    if root_over_entries(rows) != segment.index:
        yield Problem(name, "its root is not the one that was signed", "gốc Merkle khác gốc đã ký")


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
        for key, number, line in _entries(reader, segment) if ranges else ():
            at = bisect_right(ranges, [line, segment.count]) - 1
            if at >= 0 and line <= ranges[at][1]:
                asked.setdefault((item["scope"], key), []).append((number, part, order, line))
    latest: dict[tuple[str, bytes], _Place] = {}
    for item, segment, part, order in pushed if asked else ():
        for key, number, line in _entries(reader, segment):
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


def _entries(reader: Reader, segment: Segment) -> Iterator[tuple[bytes, int, int]]:
    name = f"indexes/{segment.index}.bin"
    if segment.index and name in reader.members:
        yield from _STUB.iter_unpack(reader.read(name))
