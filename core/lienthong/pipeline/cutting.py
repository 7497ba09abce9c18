"""Segments are cut by records and by bytes, so that one always fits into memory and reads back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lienthong.pipeline.bus import Bus
from lienthong.segment import Segment

#: Unpacked bytes at which a segment is closed; only a single record may be more.
SEGMENT_BYTES: Final = 8 << 20


def cut(records: Sequence[bytes], batch: int | None = None) -> Iterator[slice]:
    """Yield where segments of some records begin and end, at most ``batch`` records in each."""
    start = size = 0
    for place, data in enumerate(records):
        full = size + len(data) > SEGMENT_BYTES or (batch is not None and place - start >= batch)
        if full and place > start:
            yield slice(start, place)
            start, size = place, 0
        size += len(data)
    if len(records) > start:
        yield slice(start, len(records))


def write_cut(bus: Bus, records: Sequence[bytes]) -> list[Segment]:
    """Seal records into as many segments as their bytes need; none where there are no records."""
    return [bus.store.write(records[piece]) for piece in cut(records)]
