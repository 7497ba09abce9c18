"""Level files: which version of each key a target took last, for millions of keys.

A file is a header of 64 bytes (``LTKV``, version 1, three zeros; the id of the hash key; the scope, 32;
the first and the last delivery that it stands for, 8 each), one entry of 40 bytes for each key, sorted::

    key's first 16 | version number 8, big-endian | leaf hash's first 16

then the first 8 bytes of every 256th key, and a trailer of 16 bytes with the number of entries. It is
named by its SHA-256 and never changed. 16 bytes of a keyed hash tell a billion keys apart with a chance
of error below one in 10^20.
"""

from __future__ import annotations

import mmap
import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from struct import Struct
from sys import byteorder
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

from lienthong.errors import SegmentTampered
from lienthong.keyindex.keys import NO_KEY, require_one_key

LEVEL_ENTRY: Final = 40
"""Bytes of an entry."""

SHORT: Final = 16
"""Bytes of a key and of a leaf hash in a level file."""

BLOCK: Final = 256
"""How many entries stand between two keys that the file's end repeats."""

MAGIC: Final = b"LTKV\x01\0\0\0"
END: Final = b"LTKVend\0"
HEADER: Final = Struct(">8s8s32sQQ")
TRAILER: Final = Struct(">Q8s")
ENTRIES: Final = Struct("16s24s")

PREFIX: Final = 8
"""Bytes of a key that a fence repeats."""

_VERSION: Final = Struct(">Q16s")
_PREFIXES: Final = Struct(">Q24x")
_MANY: Final = 16
"""Up to so many entries a key it is faster to go through all entries than to look each key up."""
_FINE: Final = 1 << 19
"""Up to so many entries (4 MB) all prefixes may be kept in memory, where many keys are looked up."""
_AT_ONCE: Final = 65_536


class Version(NamedTuple):
    """What a target has of a key: the version's number and its leaf hash's first 16 bytes."""

    number: int
    leaf: bytes

    def is_leaf(self, leaf: bytes) -> bool:
        """Tell whether this is the version with that leaf hash."""
        return leaf[:SHORT] == self.leaf


@dataclass(frozen=True, slots=True)
class LevelInfo:
    """What identifies a level file: its name (SHA-256 in hex), entries and the deliveries it stands for."""

    name: str
    entries: int
    key_id: bytes = NO_KEY
    scope: str = ""
    first_taken: int = 0
    last_taken: int = 0


class LevelFile:
    """An open level file: mapped into memory, of which a look-up touches two or three pages.

    Besides, memory holds 8 bytes for every 256th entry (3 MB for 100 million).
    """

    def __init__(self, path: Path, mapped: mmap.mmap, fences: array[int]) -> None:
        """Use `open`."""
        self.path = path
        self._mapped, self._fences, self._stride = mapped, fences, BLOCK
        _, self.key_id, scope, self.first_taken, self.last_taken = HEADER.unpack_from(mapped)
        self.entries = TRAILER.unpack_from(mapped, len(mapped) - TRAILER.size)[0]
        self.scope = scope.hex() if any(scope) else ""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file; raise `SegmentTampered` where its header, trailer or length is not as it must be.

        The entries are not read: `verify` does that.
        """
        with path.open("rb") as file:
            fences = _read_fences(file, path)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        mapped.madvise(mmap.MADV_RANDOM)
        return cls(path, mapped, fences)

    def verify(self, name: str) -> None:
        """Read the whole file; raise `SegmentTampered` where its SHA-256 is not its name."""
        with self.path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
        if found != name:
            raise _tampered("its bytes do not match its name", self.path)

    def newest(self, keys: Sequence[bytes], *, key_id: bytes) -> dict[bytes, Version]:
        """Return the versions of those keys (32 bytes) that the file knows.

        ``key_id`` names the secret under which the keys were hashed; raises `Misconfigured` where the
        file was made under another one. Few keys are looked up one by one, many in one pass.
        """
        if not keys or not self.entries:
            return {}
        require_one_key({self.key_id, key_id})
        found = self._joined(keys) if self.entries <= len(keys) * _MANY else self._searched(keys)
        return {key: Version._make(_VERSION.unpack(rest)) for key, rest in found}

    def place(self, key: bytes) -> int:
        """Return how many entries stand before a key."""
        prefix, mapped = int.from_bytes(key[:PREFIX].ljust(PREFIX, b"\0")), self._mapped
        start, end = self._between(prefix, bisect_left(self._fences, prefix))
        places = range(HEADER.size + start * LEVEL_ENTRY, HEADER.size + end * LEVEL_ENTRY, LEVEL_ENTRY)
        return start + bisect_left(places, key[:SHORT], key=lambda place: mapped[place : place + SHORT])

    def cut(self, start: int, end: int) -> bytes:
        """Return the bytes of the entries ``start`` to ``end`` (excluded)."""
        return self._mapped[HEADER.size + start * LEVEL_ENTRY : HEADER.size + end * LEVEL_ENTRY]

    def close(self) -> None:
        """Unmap the file."""
        self._mapped.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _between(self, prefix: int, fence: int) -> tuple[int, int]:
        """Return between which entries keys with a prefix stand; ``fence`` is the first not smaller."""
        end = bisect_right(self._fences, prefix, fence) * self._stride
        return max(0, fence - 1) * self._stride, min(self.entries, end)

    def _searched(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        if self._stride == BLOCK and self.entries <= min(_FINE, len(keys) * BLOCK):
            self._refine()
        fences, fine, mapped = self._fences, self._stride == 1, self._mapped
        for key, (prefix,) in zip(keys, _PREFIXES.iter_unpack(b"".join(keys)), strict=True):
            fence = bisect_left(fences, prefix)
            if fine:
                if fence == len(fences) or fences[fence] != prefix:
                    continue
                start = HEADER.size + fence * LEVEL_ENTRY
                if mapped[start : start + SHORT] == key[:SHORT]:
                    yield key, mapped[start + SHORT : start + LEVEL_ENTRY]
                    continue
            block = self.cut(*self._between(prefix, fence))
            at = block.find(key[:SHORT])
            while at > 0 and at % LEVEL_ENTRY:
                at = block.find(key[:SHORT], at + 1)
            if at >= 0:
                yield key, block[at + SHORT : at + LEVEL_ENTRY]

    def _refine(self) -> None:
        """Keep the first bytes of every key in memory: five times faster than a search in the file."""
        entries = memoryview(self._mapped)[HEADER.size : HEADER.size + self.entries * LEVEL_ENTRY]
        packed = bytearray(self.entries * PREFIX)
        for byte in range(PREFIX):
            packed[byte::PREFIX] = entries[byte::LEVEL_ENTRY]
        entries.release()
        self._fences, self._stride = big_endian(packed), 1

    def _joined(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        wanted = {key[:SHORT]: key for key in keys}
        last = min(self.entries, self.place(max(wanted)) + 1)
        for start in range(self.place(min(wanted)), last, _AT_ONCE):
            for short, rest in ENTRIES.iter_unpack(self.cut(start, min(start + _AT_ONCE, last))):
                if short in wanted:
                    yield wanted[short], rest


def newest_of(
    files: Iterable[LevelFile],
    hashed: Mapping[bytes, Sequence[bytes]],
    lost: Collection[bytes] = frozenset(),
) -> list[Version | None]:
    """Return what a target took last of each key, None where the files do not know the key.

    ``files``: newest deliveries first. ``hashed``: the same keys in the same order, hashed under each
    secret that files may have been made with, by key id. ``lost``: ids of secrets that are gone; what
    such files know is passed over. Raises `Misconfigured` for a file under any other secret.
    """
    found: list[Version | None] = [None] * max(map(len, hashed.values()), default=0)
    for file in files:
        if not file.entries or (file.key_id in lost and file.key_id not in hashed):
            continue
        if file.key_id not in hashed:
            require_one_key({file.key_id, *hashed})
        keys = hashed[file.key_id]
        missing = [index for index, version in enumerate(found) if version is None]
        known = file.newest([keys[index] for index in missing], key_id=file.key_id)
        for index in missing if known else ():
            found[index] = known.get(keys[index])
    return found


def big_endian(packed: bytes | bytearray) -> array[int]:
    """Return the numbers that 8 bytes each stand for."""
    numbers = array("Q", bytes(packed))
    if byteorder == "little":
        numbers.byteswap()
    return numbers


def _read_fences(file: BinaryIO, path: Path) -> array[int]:
    size = os.fstat(file.fileno()).st_size
    if size < HEADER.size + TRAILER.size:
        raise _tampered("the file is cut short", path)
    magic = file.read(len(MAGIC))
    file.seek(size - TRAILER.size)
    entries, end = TRAILER.unpack(file.read(TRAILER.size))
    fences = HEADER.size + entries * LEVEL_ENTRY
    length = -(-entries // BLOCK) * PREFIX
    if (magic, end, size) != (MAGIC, END, fences + length + TRAILER.size):
        raise _tampered("no level file of this version, or of another length than it says", path)
    file.seek(fences)
    return big_endian(file.read(length))


def _tampered(message: str, path: Path) -> SegmentTampered:
    return SegmentTampered(
        f"the level file cannot be used: {message}",
        where=str(path),
        hint="it can be made again from the key indexes of the deliveries that it stands for",
    )
