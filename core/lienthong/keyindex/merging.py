"""Making level files: from key indexes of deliveries and from smaller level files."""

from __future__ import annotations

import os
from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import nullcontext
from hashlib import sha256
from itertools import chain
from operator import itemgetter
from pathlib import Path
from struct import Struct
from sys import byteorder
from typing import BinaryIO, Final, TypeAlias

from lienthong.keyindex.entries import Sidecar
from lienthong.keyindex.keys import ENTRY, NO_KEY, require_one_key
from lienthong.keyindex.levels import (
    BLOCK,
    END,
    ENTRIES,
    HEADER,
    LEVEL_ENTRY,
    MAGIC,
    PREFIX,
    TRAILER,
    LevelFile,
    LevelInfo,
)

_AT_ONCE: Final = 65_536
_NUMBER: Final = 8
_TAKEN: Final = Struct(">16s16x8sI16s16x")

Source: TypeAlias = LevelFile | tuple[Sidecar, Container[int]]
"""What deliveries did: a level file, or a key index with the lines that the target did not take."""


class LevelWriter:
    """Writes one level file, entries in the order of their keys; the name is known at the end."""

    def __init__(
        self, file: BinaryIO, *, key_id: bytes = NO_KEY, scope: str = "", taken: tuple[int, int] = (0, 0)
    ) -> None:
        self._file, self._state, self._fences = file, sha256(), array("Q")
        self._about = (key_id, scope, *taken)
        self.entries = 0
        self._put(HEADER.pack(MAGIC, key_id, bytes.fromhex(scope), *taken))

    def add(self, raw: bytes) -> None:
        """Write entries of 40 bytes, whose keys follow those written before."""
        for start in range(-self.entries % BLOCK * LEVEL_ENTRY, len(raw), BLOCK * LEVEL_ENTRY):
            self._fences.append(int.from_bytes(raw[start : start + PREFIX]))
        self.entries += len(raw) // LEVEL_ENTRY
        self._put(raw)

    def end(self) -> LevelInfo:
        """Write what stands behind the entries and return the file's name."""
        if byteorder == "little":
            self._fences.byteswap()
        self._put(self._fences.tobytes() + TRAILER.pack(self.entries, END))
        self._file.flush()
        return LevelInfo(self._state.hexdigest(), self.entries, *self._about)

    def _put(self, data: bytes) -> None:
        self._state.update(data)
        self._file.write(data)


def merge(
    sources: Sequence[Source], out: Path | BinaryIO, *, scope: str = "", taken: tuple[int, int] = (0, 0)
) -> LevelInfo:
    """Write one level file that says what its sources say together; of each key the last one's version.

    ``sources``: in the order of delivery, which decides, not the version number: a person may have let
    something old go over something newer. Within one delivery the last line of a key that was taken
    counts. ``scope`` (hex) and ``taken`` (first and last delivery) stand in the file's header. A
    path's file is on the disk when this returns. Memory holds some 65,000 entries besides the sources.
    Raises `Misconfigured` where the sources were made under different hash keys.
    """
    indexes = [_index(source) for source in sources]
    require_one_key({one.key_id for one in indexes if _entries(one)})
    key_id = max((one.key_id for one in indexes if _entries(one) or one.key_id != NO_KEY), default=NO_KEY)
    with out.open("wb") if isinstance(out, Path) else nullcontext(out) as file:
        writer = LevelWriter(file, key_id=key_id, scope=scope, taken=taken)
        for low, high in _ranges(sum(map(_entries, indexes))):
            versions: dict[bytes, bytes] = {}
            for source in sources:
                fresh = dict(_versions(source, low, high))
                for key in versions.keys() & fresh.keys():
                    if versions[key][_NUMBER:] == fresh[key][_NUMBER:]:
                        fresh[key] = max(versions[key], fresh[key])  # met again: as new as it ever was
                versions.update(fresh)
            keys = sorted(versions)
            writer.add(b"".join(chain.from_iterable(zip(keys, map(versions.__getitem__, keys), strict=True))))
        info = writer.end()
        if isinstance(out, Path):
            os.fsync(file.fileno())
    return info


def _ranges(entries: int) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield bounds of keys between which some 65,000 of all entries stand."""
    parts = -(-entries // _AT_ONCE)
    bounds = [(part << 64) // parts for part in range(1, parts)] if parts else []
    lows = [b"", *(bound.to_bytes(8) for bound in bounds)]
    yield from zip(lows, [*lows[1:], None], strict=True)


def _versions(source: Source, low: bytes, high: bytes | None) -> Iterable[tuple[bytes, bytes]]:
    """Return pairs of a short key and number with short leaf, one for each key."""
    if isinstance(source, LevelFile):
        end = source.entries if high is None else source.place(high)
        return ENTRIES.iter_unpack(source.cut(source.place(low), end))
    sidecar, excluded = source
    raw = sidecar.raw_in(low, high)
    found = {} if excluded else {key: number + leaf for key, number, _, leaf in _TAKEN.iter_unpack(raw)}
    if len(found) < len(raw) // ENTRY:
        rows = [row for row in _TAKEN.iter_unpack(raw) if row[2] not in excluded]
        rows.sort(key=itemgetter(2))
        found = {key: number + leaf for key, number, _, leaf in rows}
    return found.items()


def _index(source: Source) -> LevelFile | Sidecar:
    return source if isinstance(source, LevelFile) else source[0]


def _entries(index: LevelFile | Sidecar) -> int:
    return index.entries if isinstance(index, LevelFile) else index.count
