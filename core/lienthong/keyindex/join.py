"""Joins over the key indexes of whole runs, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from struct import Struct
from typing import Final

from lienthong.keyindex.entries import Sidecar
from lienthong.keyindex.keys import ENTRY, require_one_key
from lienthong.keyindex.spool import Spool

_AT_ONCE: Final = 4_096
_KEYS: Final = Struct("32s44x")
_WORD: Final = 1  # of the key: the first four bytes are alike within a range
_VERSIONS: Final = Struct(">32sQI32x")


def repeated(sidecars: Iterable[Sidecar], own: Collection[int] | None = None) -> dict[int, set[int]]:
    """Return the lines of a run that a newer version of their key in the same run supersedes.

    ``sidecars``: the indexes of all segments of the run in their order, each looked at once. The newest
    version of a key is the one with the highest version number, of equal ones the last in the order
    of segments and lines. ``own``: the positions of the segments that are asked about, None for all;
    only these appear in the answer, and only where they have such lines. Raises `Misconfigured` where
    the indexes were made under different hash keys.
    """
    superseded: dict[int, set[int]] = {}
    with Spool(sidecars) as spool:
        for keys in spool.ranges(_AT_ONCE):
            slices = list(spool.read(keys))
            for position, line in _older(slices, _twice(slices)):
                if own is None or position in own:
                    superseded.setdefault(position, set()).add(line)
    return superseded


def _twice(slices: Iterable[bytes]) -> set[bytes]:
    """Return the keys that stand in some entries more than once."""
    raw = b"".join(slices)
    words = memoryview(raw).cast("I")[_WORD :: ENTRY // 4].tolist()
    if len(set(words)) == len(words):  # 32 bits of each differ, so the keys do; read without an object each
        return set()
    keys = [key for (key,) in _KEYS.iter_unpack(raw)]
    return {key for key, times in Counter(keys).items() if times > 1}


def _older(slices: Iterable[bytes], keys: set[bytes]) -> Iterator[tuple[int, int]]:
    """Yield position and line of every version of some keys except the newest."""
    if not keys:
        return
    newest: dict[bytes, tuple[int, int, int]] = {}
    for position, raw in enumerate(slices):
        for key, number, line in _VERSIONS.iter_unpack(raw):
            if key in keys:
                this = (number, position, line)
                other = newest.setdefault(key, this)
                if other is not this:
                    newest[key] = max(this, other)
                    yield min(this, other)[1:]


def difference(older: Iterable[Sidecar], newer: Iterable[Sidecar]) -> Iterator[bytes]:
    """Yield the keys that stand in older indexes and in no newer one, sorted, each once.

    Raises `Misconfigured` where these were made under different hash keys.
    """
    with Spool(older) as before, Spool(newer) as after:
        require_one_key(before.key_ids | after.key_ids)
        for keys in before.ranges(_AT_ONCE):
            gone = set(_KEYS.iter_unpack(b"".join(before.read(keys))))
            gone.difference_update(_KEYS.iter_unpack(b"".join(after.read(keys))))
            for (key,) in sorted(gone):
                yield key
