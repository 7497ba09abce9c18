"""The tree over a key index: an RFC 9162 tree whose leaves are groups of 16 entries.

Entries stand in groups of 16 in their order; the last group has what is left. A group's leaf data are the
keys of its entries, 32 bytes each, and then the SHA-256 of what follows the keys in them, 44 bytes each::

    key 32 | key 32 | ... | SHA-256( number 8 | line 4 | leaf hash 32 | number 8 | line 4 | ... ) 32

So a key is shown to be there, or not, by keyed hashes alone: nothing is given away of versions and
records. And a tree over groups costs less than half of one over single entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from struct import Struct
from typing import Final

from lienthong.keyindex.keys import ENTRY, KEY
from lienthong.merkle import root_of_leaves

GROUP: Final = 16
"""How many entries a leaf of the tree stands for."""

_LEAF: Final = sha256(b"\x00")
_KEYS: Final = Struct(f"{KEY}s{ENTRY - KEY}x" * GROUP)
_RESTS: Final = Struct(f"{KEY}x{ENTRY - KEY}s" * GROUP)


def group_data(keys: Sequence[bytes], rest: bytes) -> bytes:
    """Return what a group's leaf is made of; ``rest`` is the SHA-256 of the entries without their keys."""
    return b"".join((*keys, rest))


def rest_of(rows: Sequence[bytes]) -> bytes:
    """Return the SHA-256 of what follows the keys in some entries."""
    return sha256(b"".join([row[KEY:] for row in rows])).digest()


def group_leaves(rows: Sequence[bytes]) -> list[bytes]:
    """Return the leaf hashes of the groups of entries (76 bytes each), in their order."""
    leaves: list[bytes] = []
    begun, join = _LEAF.copy, b"".join
    for keys, rest in _groups(rows):
        state = begun()
        state.update(join(keys) + rest)
        leaves.append(state.digest())
    return leaves


def root_over_entries(rows: Sequence[bytes]) -> str:
    """Return the root (hex) of a key index with these entries (76 bytes each), in the order given."""
    return root_of_leaves(group_leaves(rows))


def _groups(rows: Sequence[bytes]) -> Iterator[tuple[Sequence[bytes], bytes]]:
    """Yield the keys of each group, and the SHA-256 of the rest of its entries."""
    whole = len(rows) - len(rows) % GROUP
    raw, join = b"".join(rows[:whole]), b"".join
    for keys, rests in zip(_KEYS.iter_unpack(raw), _RESTS.iter_unpack(raw), strict=True):
        yield keys, sha256(join(rests)).digest()
    if left := rows[whole:]:
        yield [row[:KEY] for row in left], rest_of(left)
