"""Merkle trees over record bytes, hashed as RFC 9162 section 2.1 says.

A leaf is ``SHA-256(0x00 || bytes)``, a node ``SHA-256(0x01 || left || right)``, the empty tree
``SHA-256("")``. `Tree` keeps only the roots of its complete subtrees, so a million leaves cost a
few hundred bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").hexdigest()


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte leaf hash of one record's bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf and can name its root at any time."""

    __slots__ = ("_peaks", "size")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []
        for leaf in leaves:
            self.append(leaf)

    def add(self, data: bytes) -> bytes:
        """Append one record's bytes and return its leaf hash."""
        leaf = sha256(b"\x00" + data).digest()
        self.append(leaf)
        return leaf

    def append(self, leaf: bytes) -> None:
        """Append one 32-byte leaf hash."""
        size = 1
        peaks = self._peaks
        while peaks and peaks[-1][0] == size:
            leaf = sha256(b"\x01" + peaks.pop()[1] + leaf).digest()
            size *= 2
        peaks.append((size, leaf))
        self.size += 1

    def root(self) -> str:
        """Return the root as 64 hexadecimal digits."""
        if not self._peaks:
            return EMPTY_ROOT
        _, node = self._peaks[-1]
        for _, left in reversed(self._peaks[:-1]):
            node = node_hash(left, node)
        return node.hex()


def leaf_hashes(records: Iterable[bytes]) -> list[bytes]:
    """Return the 32-byte leaf hashes of records at hand."""
    return [sha256(b"\x00" + record).digest() for record in records]


def root_over(records: Iterable[bytes]) -> str:
    """Return the root (hex) over records at hand: what `Tree` would say, level by level and faster."""
    return root_of_leaves(leaf_hashes(records))


def root_of_leaves(leaves: Sequence[bytes]) -> str:
    """Return the root (hex) over 32-byte leaf hashes at hand."""
    nodes = leaves
    while len(nodes) > 1:
        nodes = _above(nodes)
    return nodes[0].hex() if nodes else EMPTY_ROOT


def _above(nodes: Sequence[bytes]) -> list[bytes]:
    """Return the level above some nodes; an odd last node is lifted as it is."""
    pairs = zip(nodes[::2], nodes[1::2], strict=False)
    above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return [*above, nodes[-1]] if len(nodes) & 1 else above


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of one leaf (RFC 9162 section 2.1.3.1), lowest sibling first."""
    return inclusion_paths(leaves, (index,))[0]


def inclusion_paths(leaves: Sequence[bytes], indices: Sequence[int]) -> list[list[bytes]]:
    """Return the audit paths of several leaves; the tree is hashed once, whatever their number."""
    for index in indices:
        if not 0 <= index < len(leaves):
            raise IndexError(index)
    paths: list[list[bytes]] = [[] for _ in indices]
    nodes, places = leaves, list(indices)
    while len(nodes) > 1:
        for path, place in zip(paths, places, strict=True):
            if place ^ 1 < len(nodes):
                path.append(nodes[place ^ 1])
        nodes, places = _above(nodes), [place >> 1 for place in places]
    return paths


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: str) -> bool:
    """Tell whether a leaf stands at `index` of the tree with `size` leaves and this root.

    RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node.hex() == root
