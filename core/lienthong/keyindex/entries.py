"""The key index of one segment: its keys, sorted, with version, line and leaf hash.

A file is a header of 24 bytes (``LTKX``, version 1, three zeros, the number of entries and the id of
the secret under which keys were hashed) and then the entries, 76 bytes each, sorted as bytes::

    key 32 | version number 8, big-endian | line 4, big-endian | leaf hash of the record 32

Its root is that of an RFC 9162 tree over its entries (`lienthong.keyindex.groups`). It stands in signed
statements, so that it can be proved later that a key was in a segment, or was not, without giving the
rest away.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import repeat
from struct import Struct
from typing import Final, NamedTuple

from lienthong.errors import SegmentTampered
from lienthong.keyindex.groups import root_over_entries
from lienthong.keyindex.keys import ENTRY, KEY, NO_KEY

_MAGIC: Final = b"LTKX\x01\0\0\0"
_HEADER: Final = Struct(">8sQ8s")
_ENTRY: Final = Struct(">32sQI32s")
_ROWS: Final = Struct("76s")
_KEYS: Final = Struct("32s44x")
_LINE: Final = Struct(">I")
_LINES: Final = Struct(">40xI32x")
_NUMBERS: Final = Struct(">32xQ36x")


class Entry(NamedTuple):
    """One record's place: its key's hash, version number, line in the segment and leaf hash."""

    key: bytes
    number: int
    line: int
    leaf: bytes


class Sidecar:
    """The key index of one segment, in memory: 76 bytes a record."""

    __slots__ = ("_raw", "_root", "_rows", "key_id")

    def __init__(self, rows: list[bytes], key_id: bytes = NO_KEY) -> None:
        self.key_id = key_id
        """Names the secret under which the keys were hashed (`lienthong.keyindex.key_id`)."""
        self._rows: list[bytes] | None = rows
        self._raw: bytes | None = None
        self._root: str | None = None

    @classmethod
    def from_bytes(cls, data: bytes, root: str | None = None, *, checked: bool = False) -> Sidecar:
        """Return the index that a file holds.

        ``root`` (hex) is what a reference or a statement says. ``checked``: the caller knows by other
        means that these bytes belong to that root, so that it is not computed again. Raises
        `SegmentTampered` where the structure, the order or the root is another one.
        """
        if len(data) < _HEADER.size:
            raise _tampered("the file is cut short", root)
        magic, count, key_id = _HEADER.unpack_from(data)
        if magic != _MAGIC or len(data) != _HEADER.size + count * ENTRY:
            raise _tampered("no key index of this version, or of another length than it says", root)
        found = cls([], key_id)
        found._raw, found._rows = data[_HEADER.size :], None
        if checked:
            found._root = root
            return found
        if found.rows != sorted(found.rows):
            raise _tampered("the entries are not in order", root)
        if root is not None and found.root != root:
            raise _tampered("the entries do not have the root that names them", root)
        return found

    @property
    def rows(self) -> list[bytes]:
        """The entries, 76 bytes each, sorted."""
        if self._rows is None:
            self._rows = split(self.raw)
        return self._rows

    @property
    def raw(self) -> bytes:
        """The entries one after the other."""
        if self._raw is None:
            self._raw = b"".join(self.rows)
        return self._raw

    @property
    def root(self) -> str:
        """The root (hex) over the entries; computed once."""
        if self._root is None:
            self._root = root_over_entries(self.rows)
        return self._root

    @property
    def count(self) -> int:
        """How many entries there are: as many as the segment has records."""
        return len(self._rows) if self._rows is not None else len(self.raw) // ENTRY

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return _HEADER.pack(_MAGIC, self.count, self.key_id) + self.raw

    def find(self, key: bytes) -> list[Entry]:
        """Return the entries of a key, by version number and then line; none where it is not there."""
        found: list[Entry] = []
        for index in range(self.place(key), self.count):
            one = Entry(*_ENTRY.unpack_from(self.raw, index * ENTRY))
            if one.key != key:
                break
            found.append(one)
        return found

    def place(self, key: bytes) -> int:
        """Return how many entries stand before a key: the index of its first entry, if it has any."""
        raw = self.raw
        return bisect_left(range(self.count), key, key=lambda index: raw[index * ENTRY : index * ENTRY + KEY])

    def entries(self) -> Iterator[Entry]:
        """Yield the entries in the order of their keys."""
        return map(Entry._make, _ENTRY.iter_unpack(self.raw))

    def raw_in(self, low: bytes, high: bytes | None) -> bytes:
        """Return the entries with ``low <= key < high``; to the end where ``high`` is None."""
        end = self.count if high is None else self.place(high)
        return self.raw[self.place(low) * ENTRY : end * ENTRY]

    def keys_in(self, low: bytes = b"", high: bytes | None = None) -> list[bytes]:
        """Return the keys with ``low <= key < high``, sorted, each as often as it stands there."""
        return [key for (key,) in _KEYS.iter_unpack(self.raw_in(low, high))]

    def by_line(self) -> list[bytes]:
        """Return the entries' bytes in the order of the segment's lines.

        Raises `SegmentTampered` where they are not exactly the lines of a segment.
        """
        placed: list[bytes] = [b""] * self.count
        try:
            for row, (line,) in zip(self.rows, _LINES.iter_unpack(self.raw), strict=True):
                placed[line] = row
        except IndexError:
            raise _tampered("an entry names a line beyond the segment", self._root) from None
        if b"" in placed:
            raise _tampered("two entries name the same line", self._root)
        return placed

    def numbers(self) -> list[int]:
        """Return the version numbers in the order of the segment's lines."""
        return [number for (number,) in _NUMBERS.iter_unpack(b"".join(self.by_line()))]

    def without(self, lines: Container[int]) -> Sidecar:
        """Return the index of what is left of the segment without some lines, the others closing up."""
        return self.select([line for line in range(self.count) if line not in lines])

    def select(self, lines: Iterable[int]) -> Sidecar:
        """Return the index of a segment made of some of the lines, in the order given."""
        placed, line_bytes = self.by_line(), _LINE.pack
        rows = [
            row[:40] + line_bytes(line) + row[44:] for line, row in enumerate(placed[old] for old in lines)
        ]
        rows.sort()
        return Sidecar(rows, self.key_id)

    def __len__(self) -> int:
        return self.count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sidecar):
            return NotImplemented
        return (self.key_id, self.raw) == (other.key_id, other.raw)

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        return f"Sidecar(root={self.root!r}, count={self.count})"


def build(
    keys: Sequence[bytes],
    leaves: Sequence[bytes],
    numbers: int | Sequence[int] = 0,
    *,
    key_id: bytes = NO_KEY,
) -> Sidecar:
    """Return the key index of a segment's records.

    ``keys``: keyed hashes (32 bytes), ``leaves``: leaf hashes (32 bytes), both by line. ``numbers``:
    the version number of all records, or one for each line. Raises `ValueError` where these differ
    in length.
    """
    if not len(keys) == len(leaves) == (len(keys) if isinstance(numbers, int) else len(numbers)):
        raise ValueError("keys, leaves and numbers differ in length")
    every = repeat(numbers) if isinstance(numbers, int) else numbers
    rows = list(map(_ENTRY.pack, keys, every, range(len(keys)), leaves))
    rows.sort()
    return Sidecar(rows, key_id)


def split(raw: bytes) -> list[bytes]:
    """Return the single entries, 76 bytes each, of entries one after the other."""
    return [row for (row,) in _ROWS.iter_unpack(raw)]


def entry(row: bytes) -> Entry:
    """Return the entry that 76 bytes stand for."""
    return Entry(*_ENTRY.unpack(row))


def _tampered(message: str, root: str | None) -> SegmentTampered:
    return SegmentTampered(
        f"the key index cannot be used: {message}",
        where=f"key index {root}" if root else "key index",
        hint="it can be made again from its segment; where that is damaged too, keep both",
    )
