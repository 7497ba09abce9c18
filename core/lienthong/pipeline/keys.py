"""Key indexes of a run's segments: made where records are at hand, made again where they were lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lienthong.datasets import Dataset
from lienthong.errors import SegmentTampered
from lienthong.keyindex import Sidecar, build
from lienthong.merkle import leaf_hashes
from lienthong.pipeline.bus import Bus
from lienthong.records import Record, key_of, parse
from lienthong.segment import Segment


def key_texts(records: Iterable[Record], dataset: Dataset) -> list[str]:
    """Return the keys of decoded records as text."""
    fields = dataset.key
    if len(fields) == 1 and "." not in fields[0]:
        name = fields[0]
        return [str("" if (value := record.get(name)) is None else value) for record in records]
    return [key_of(record, fields) for record in records]


def write_keyed(
    bus: Bus, dataset: Dataset, records: Sequence[bytes], keys: Sequence[str], numbers: int | Sequence[int]
) -> Segment:
    """Seal records into a segment with its key index; ``keys`` are the records' keys as text."""
    hasher = bus.hasher(dataset.name)
    hashes = hasher.many(keys)
    return bus.store.write(records, keys=hashes, numbers=numbers, key_id=hasher.key_id)


def index_of(bus: Bus, segment: Segment, dataset: Dataset, number: int) -> Sidecar:
    """Return a segment's key index; make it again where its file was lost, or where it never had one."""
    if segment.index:
        try:
            return bus.store.index(segment)
        except SegmentTampered:
            bus.audit("index", f"the key index of segment {segment.digest} is made again")
    records = bus.store.read(segment)
    hasher = bus.hasher(dataset.name)
    keys = hasher.many(key_texts((parse(data) for data in records), dataset))
    if segment.index:
        return bus.store.rebuild_index(segment, keys, number, key_id=hasher.key_id)
    return build(keys, leaf_hashes(records), number, key_id=hasher.key_id)


def keep_lines(bus: Bus, sidecar: Sidecar, records: Sequence[bytes], lines: Sequence[int]) -> Segment:
    """Seal some lines of a segment, as they are now, under the keys and numbers that they had."""
    rows, numbers = sidecar.by_line(), sidecar.numbers()
    keys = [rows[line][:32] for line in lines]
    return bus.store.write(
        records, keys=keys, numbers=[numbers[line] for line in lines], key_id=sidecar.key_id
    )
