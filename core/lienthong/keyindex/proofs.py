"""Proofs about keys: this one stands in that segment's index, that one does not.

A proof needs nothing but the index's root and its number of entries, and gives away the entry itself, or
the two between which the key would stand. Take root and number from a signed statement: a root alone does
not say how many entries are under it. That the entries of an index are sorted is what its signer says;
a signer who breaks it can be convicted with two such entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lienthong.keyindex.entries import ENTRY, KEY, Sidecar
from lienthong.merkle import EMPTY_ROOT, inclusion_paths, leaf_hash, leaf_hashes, verify_inclusion


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry (76 bytes), its place among all entries and its audit path, lowest sibling first."""

    row: bytes
    place: int
    path: tuple[bytes, ...]

    def holds(self, root: str, count: int) -> bool:
        """Tell whether this entry stands at this place of the index with that root and so many entries."""
        whole = len(self.row) == ENTRY
        return whole and verify_inclusion(leaf_hash(self.row), self.place, count, self.path, root)

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as a JSON-ready object."""
        return {"row": self.row.hex(), "place": self.place, "path": [node.hex() for node in self.path]}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Placed:
        """Return the entry that `as_dict` described; `ValueError`, `TypeError` or `KeyError` for others."""
        path = tuple(bytes.fromhex(node) for node in value["path"])
        if type(value["place"]) is not int:
            raise TypeError("a place is a whole number")
        return cls(bytes.fromhex(value["row"]), value["place"], path)


@dataclass(frozen=True, slots=True)
class Absence:
    """The entries between which a key would stand; one at an edge, none where the index is empty."""

    before: Placed | None = None
    after: Placed | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as a JSON-ready object."""
        return {
            "before": self.before.as_dict() if self.before else None,
            "after": self.after.as_dict() if self.after else None,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Absence:
        """Return the proof that `as_dict` described; errors as of `Placed.from_dict`."""
        before, after = value["before"], value["after"]
        return cls(
            None if before is None else Placed.from_dict(before),
            None if after is None else Placed.from_dict(after),
        )


def present(sidecar: Sidecar, key: bytes) -> list[Placed]:
    """Return a proof for every entry of a key; none where it is not there."""
    first = sidecar.place(key)
    return _placed(sidecar, range(first, first + len(sidecar.find(key))))


def absent(sidecar: Sidecar, key: bytes) -> Absence:
    """Return the proof that a key does not stand in an index; `ValueError` where it does."""
    if sidecar.find(key):
        raise ValueError("the key stands in this index")
    after = sidecar.place(key)
    places = [place for place in (after - 1, after) if 0 <= place < sidecar.count]
    found = {one.place: one for one in _placed(sidecar, places)}
    return Absence(found.get(after - 1), found.get(after))


def check_present(root: str, count: int, key: bytes, proof: Placed) -> bool:
    """Tell whether a proof shows that a key stands in the index with this root and so many entries."""
    return proof.row[:KEY] == key and proof.holds(root, count)


def check_absent(root: str, count: int, key: bytes, proof: Absence) -> bool:
    """Tell whether a proof shows that a key is not in the index with this root and so many entries."""
    before, after = proof.before, proof.after
    if len(key) != KEY:
        return False
    if count == 0:
        return before is None and after is None and root == EMPTY_ROOT
    if before is not None and not (before.row[:KEY] < key and before.holds(root, count)):
        return False
    if after is not None and not (key < after.row[:KEY] and after.holds(root, count)):
        return False
    return (-1 if before is None else before.place) + 1 == (count if after is None else after.place)


def _placed(sidecar: Sidecar, places: Sequence[int]) -> list[Placed]:
    paths = inclusion_paths(leaf_hashes(sidecar.rows), places) if places else []
    return [
        Placed(sidecar.rows[place], place, tuple(path)) for place, path in zip(places, paths, strict=True)
    ]
