"""Key indexes of a run's segments: made where records are at hand, made again where they were lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from operator import itemgetter
from typing import Any, Final

from lienthong.datasets import Dataset
from lienthong.errors import SegmentTampered
from lienthong.exchange import Delivery
from lienthong.keyindex import KEY, KeyHasher, Sidecar, build
from lienthong.merkle import leaf_hashes
from lienthong.paths import plain
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.cutting import cut
from lienthong.records import Record, key_of, parse
from lienthong.segment import Segment

#: So many version numbers of a run are tried, the latest ones, if nothing tells which it gave its segments.
_MOST_TRIED: Final = 1_000


def key_texts(records: Sequence[Record], dataset: Dataset) -> list[str]:
    """Return the keys of decoded records as text: what `key_of` says of each, column by column."""
    fields = dataset.key
    if not all(map(plain, fields)) or set(map(type, records)) - {dict}:
        return [key_of(record, fields) if isinstance(record, dict) else "" for record in records]
    columns = [_column(records, name) for name in fields]
    if len(columns) == 1 and set(map(type, columns[0])) == {str}:
        return columns[0]  # its own text, as nothing is joined
    if any(float in set(map(type, column)) for column in columns):
        return [key_of(record, fields) for record in records]
    texts = [map(str, ["" if value is None else value for value in column]) for column in columns]
    joined = list(map("|".join, zip(*texts, strict=True)))
    if (bars := len(fields) - 1) and any(text.count("|") != bars or "\\" in text for text in joined):
        return [key_of(record, fields) for record in records]
    return joined


def _column(records: Sequence[Record], name: str) -> list[Any]:
    """Return a member of every record, None where it has none; done for every record, therefore in C."""
    try:
        return list(map(itemgetter(name), records))
    except KeyError:
        return [record.get(name) for record in records]


def write_keyed(
    bus: Bus,
    dataset: Dataset,
    records: Sequence[bytes],
    keys: Sequence[str],
    numbers: int | Sequence[int],
    batch: int | None = None,
) -> list[Segment]:
    """Seal records into segments with their key indexes; none where there are no records.

    ``keys`` are the records' keys as text, ``numbers`` the version number of all or of each. A segment holds
    at most ``batch`` records, and no more bytes than fit.
    """
    hasher = bus.hasher(dataset.name)
    hashes = hasher.many(keys)
    return [
        bus.store.write(
            records[piece], keys=hashes[piece], numbers=_some(numbers, piece), key_id=hasher.key_id
        )
        for piece in cut(records, batch)
    ]


def of_one_number(numbers: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Yield where runs of the same version number begin and end, with that number.

    The records of a segment have one number: so its key index can be made again if its file is lost.
    """
    if len(set(numbers)) == 1:
        yield slice(0, len(numbers)), numbers[0]
        return
    start = 0
    for number, same in groupby(numbers):
        end = start + len(list(same))
        yield slice(start, end), number
        start = end


def write_by_key(
    bus: Bus,
    dataset: Dataset,
    records: Sequence[bytes],
    keys: Sequence[str],
    number: int,
    delivery: Delivery,
) -> tuple[list[Segment], list[int]]:
    """Seal records so that the versions of a key keep their order; return the segments and their parts.

    All versions of a key are in one part, each in a segment of its own, in the order of the records.
    """
    hasher = bus.hasher(dataset.name)
    hashes = hasher.many(keys)
    segments: list[Segment] = []
    buckets: list[int] = []
    for bucket in range(delivery.parallel):
        lines = [line for line, key in enumerate(hashes) if key[0] % delivery.parallel == bucket]
        for some in _apart(lines, hashes):
            mine = [records[line] for line in some]
            for piece in cut(mine, delivery.batch):
                part = some[piece]
                segments.append(
                    bus.store.write(
                        mine[piece],
                        keys=[hashes[line] for line in part],
                        numbers=number,
                        key_id=hasher.key_id,
                    )
                )
                buckets.append(bucket)
    return segments, buckets


def _apart(lines: Sequence[int], hashes: Sequence[bytes]) -> Iterator[list[int]]:
    """Yield lines in their order, a new list wherever a key comes again."""
    some: list[int] = []
    seen: set[bytes] = set()
    for line in lines:
        if hashes[line] in seen:
            yield some
            some, seen = [], set()
        some.append(line)
        seen.add(hashes[line])
    if some:
        yield some


def _some(numbers: int | Sequence[int], piece: slice) -> int | Sequence[int]:
    return numbers if isinstance(numbers, int) else numbers[piece]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The version numbers that a run's segments may have; looked up only where a key index is missing."""

    bus: Bus
    exchange: str
    run: str

    def first(self) -> int:
        """Return the number of the run's opening."""
        return self.bus.journal.run(self.exchange, self.run).number

    def all(self) -> list[int]:
        """Return every number that a segment of the run may have.

        Those that its pull sealed; if housekeeping removed what it noted, those between its first and last.
        """
        found: dict[int, None] = {}
        sealing = 0
        while saved := self.bus.journal.step(self.exchange, self.run, "pull.sealed", sealing):
            found |= dict.fromkeys(saved.get("numbers", ()))
            sealing += 1
        state = self.bus.journal.run(self.exchange, self.run)
        first = max(state.number, state.reached - _MOST_TRIED)
        return list(found) or list(range(first, max(state.reached, first) + 1))


def index_of(bus: Bus, segment: Segment, dataset: Dataset, numbers: Numbers) -> Sidecar:
    """Return a segment's key index; make it again where its file was lost, or where it never had one.

    Raises `SegmentTampered` where none of the run's numbers, under the present secret and former ones, gives
    the root that the reference names.
    """
    if segment.index:
        try:
            return bus.store.index(segment)
        except SegmentTampered:
            bus.audit("index", f"the key index of segment {segment.digest} is made again")
    texts = key_texts(list(map(parse, bus.store.read(segment))), dataset)
    hasher = bus.hasher(dataset.name)
    if not segment.index:
        leaves = leaf_hashes(bus.store.read(segment))
        return build(hasher.many(texts), leaves, numbers.first(), key_id=hasher.key_id)
    return _made_again(bus, segment, texts, numbers, [hasher, *bus.former_hashers(dataset.name)])


def _made_again(
    bus: Bus, segment: Segment, texts: Sequence[str], numbers: Numbers, hashers: Sequence[KeyHasher]
) -> Sidecar:
    """Return the index that has the root which a segment names, under one of the secrets and numbers."""
    problem: SegmentTampered | None = None
    for hasher, number in product(hashers, numbers.all()):
        try:
            return bus.store.rebuild_index(segment, hasher.many(texts), number, key_id=hasher.key_id)
        except SegmentTampered as error:
            problem = problem or error
    assert problem is not None  # noqa: S101 - there is a secret and a number to try
    raise problem


def keep_lines(bus: Bus, sidecar: Sidecar, records: Sequence[bytes], lines: Sequence[int]) -> list[Segment]:
    """Seal some lines of a segment, as they are now, under the keys and numbers that they had."""
    rows, numbers = sidecar.by_line(), sidecar.numbers()
    return [
        bus.store.write(
            records[piece],
            keys=[rows[line][:KEY] for line in lines[piece]],
            numbers=[numbers[line] for line in lines[piece]],
            key_id=sidecar.key_id,
        )
        for piece in cut(records)
    ]
