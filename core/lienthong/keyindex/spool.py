"""Entries of many key indexes, cut by ranges of keys: what joins over whole runs work on."""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final, Self

from lienthong.keyindex.entries import Sidecar
from lienthong.keyindex.keys import ENTRY, require_one_key

RANGES: Final = 256
"""How many ranges of keys there are: one for each first byte."""

_IN_MEMORY: Final = 8 * 1024 * 1024


class Spool:
    """Reads each index once and gives the entries of all of them back, range by range.

    Keys are uniform, therefore a range holds about a 256th of all entries, and memory that much. The
    entries themselves wait in a temporary file where there are more than 8 MB of them.
    """

    def __init__(self, sidecars: Iterable[Sidecar]) -> None:
        self.key_ids: set[bytes] = set()
        self._starts: list[array[int]] = []
        self._whole = array("Q")
        self._size = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the spool
        try:
            for sidecar in sidecars:
                self._add(sidecar)
            require_one_key(self.key_ids)
        except BaseException:
            self._file.close()
            raise

    def _add(self, sidecar: Sidecar) -> None:
        raw = sidecar.raw
        firsts = raw[::ENTRY]
        self._starts.append(array("I", [bisect_left(firsts, first) for first in range(RANGES + 1)]))
        self._whole.append(self._size)
        if raw:
            self.key_ids.add(sidecar.key_id)
            self._size += self._file.write(raw)

    @property
    def entries(self) -> int:
        """How many entries all indexes have together."""
        return self._size // ENTRY

    def ranges(self, most: int) -> Iterator[range]:
        """Yield the ranges of keys, several together as long as they hold about ``most`` entries at most."""
        step = max(1, min(RANGES, RANGES * most // self.entries)) if self.entries else RANGES
        for first in range(0, RANGES, step):
            yield range(first, min(first + step, RANGES))

    def read(self, wanted: range) -> Iterator[bytes]:
        """Yield each index's entries in some ranges, one after the other, in the order of the indexes."""
        for start, starts in zip(self._whole, self._starts, strict=True):
            first, end = starts[wanted.start], starts[wanted.stop]
            if first == end:
                yield b""
                continue
            self._file.seek(start + first * ENTRY)
            yield self._file.read((end - first) * ENTRY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
