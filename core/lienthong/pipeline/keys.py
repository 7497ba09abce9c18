"""Key indexes of a run's segments: made where records are at hand, made again where they were lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lienthong.datasets import Dataset
from lienthong.errors import SegmentTampered
from lienthong.exchange import Delivery
from lienthong.keyindex import KEY, KeyHasher, Sidecar, build
from lienthong.merkle import leaf_hashes
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.cutting import cut
from lienthong.records import Record, key_of, parse
from lienthong.segment import Segment


def key_texts(records: Sequence[Record], dataset: Dataset) -> list[str]:
    """Return the keys of decoded records as text: what `key_of` says of each, column by column."""
    fields = dataset.key
    if any("." in name for name in fields) or set(map(type, records)) - {dict}:
        return [key_of(record, fields) if isinstance(record, dict) else "" for record in records]
    # not `get`: this is done for every record, and a call costs more than all the rest
    columns = [[one[name] if name in one else None for one in records] for name in fields]  # noqa: SIM401
    if any(float in set(map(type, column)) for column in columns):
        return [key_of(record, fields) for record in records]
    texts = [map(str, ["" if value is None else value for value in column]) for column in columns]
    joined = list(map("|".join, zip(*texts, strict=True)))
    if (bars := len(fields) - 1) and any(text.count("|") != bars or "\\" in text for text in joined):
        return [key_of(record, fields) for record in records]
    return joined


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


def write_by_key(
    bus: Bus,
    dataset: Dataset,
    records: Sequence[bytes],
    keys: Sequence[str],
    numbers: int | Sequence[int],
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
                        numbers=numbers if isinstance(numbers, int) else [numbers[line] for line in part],
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


def index_of(bus: Bus, segment: Segment, dataset: Dataset, number: int) -> Sidecar:
    """Return a segment's key index; make it again where its file was lost, or where it never had one.

    One that is made again was made under the present hash key or a former one. Raises `SegmentTampered`
    where it comes out otherwise than its reference says.
    """
    if segment.index:
        try:
            return bus.store.index(segment)
        except SegmentTampered:
            bus.audit("index", f"the key index of segment {segment.digest} is made again")
    records = bus.store.read(segment)
    texts = key_texts(list(map(parse, records)), dataset)
    if segment.index:
        return _made_again(bus, segment, dataset, texts, number)
    hasher = bus.hasher(dataset.name)
    return build(hasher.many(texts), leaf_hashes(records), number, key_id=hasher.key_id)


def _made_again(bus: Bus, segment: Segment, dataset: Dataset, texts: Sequence[str], number: int) -> Sidecar:
    """Make a lost key index again under the secret that it was made under, be it a former one."""
    secrets = bus.hash_keys
    for secret in (secrets.current, *secrets.former):
        hasher = KeyHasher(secret, dataset.name)
        try:
            return bus.store.rebuild_index(segment, hasher.many(texts), number, key_id=hasher.key_id)
        except SegmentTampered:
            if secret == (secrets.current, *secrets.former)[-1]:
                raise
    raise AssertionError("unreachable")  # pragma: no cover


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
