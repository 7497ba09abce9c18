"""Proofs about keys: this one stands in that segment's index, that one does not.

A proof needs nothing but the index's root and its number of entries. It gives away the keyed hashes of the
group in which the key stands or would stand, or of the two groups between which it would stand; numbers,
lines and leaf hashes only where asked for. Take root and number from a signed statement: a root alone does
not say how many entries are under it. That the entries of an index are sorted is what its signer says;
a signer who breaks it can be convicted with two such groups.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from lienthong.keyindex.entries import Entry, Sidecar, entry
from lienthong.keyindex.groups import GROUP, group_data, group_leaves, rest_of
from lienthong.keyindex.keys import ENTRY, KEY
from lienthong.merkle import EMPTY_ROOT, inclusion_paths, leaf_hash, verify_inclusion


@dataclass(frozen=True, slots=True)
class Group:
    """A group of entries as a proof shows it: its keys, its place among the groups and its audit path.

    ``rest``: the SHA-256 of what follows the keys in its entries. ``rests``: that itself, 44 bytes an entry,
    where the proof shows it. ``path``: lowest sibling first.
    """

    keys: tuple[bytes, ...]
    rest: bytes
    place: int
    path: tuple[bytes, ...]
    rests: tuple[bytes, ...] = ()

    def holds(self, root: str, count: int) -> bool:
        """Tell whether this group stands at this place of the index with that root and so many entries."""
        size = min(GROUP, count - self.place * GROUP)
        if len(self.keys) != size or len(self.rest) != KEY or any(len(key) != KEY for key in self.keys):
            return False
        leaf = leaf_hash(group_data(self.keys, self.rest))
        return self._shows() and verify_inclusion(leaf, self.place, _groups(count), self.path, root)

    def _shows(self) -> bool:
        """Tell whether the entries that are shown are those that the hash of the rest is made over."""
        if not self.rests:
            return True
        whole = len(self.rests) == len(self.keys) and all(len(one) == ENTRY - KEY for one in self.rests)
        return whole and sha256(b"".join(self.rests)).digest() == self.rest

    def entries(self, key: bytes) -> list[Entry]:
        """Return the entries of a key in this group; none where the proof does not show them."""
        return [entry(one + rest) for one, rest in zip(self.keys, self.rests, strict=False) if one == key]

    def as_dict(self) -> dict[str, Any]:
        """Return the group as a JSON-ready object."""
        shown = {"rests": _hex(self.rests)} if self.rests else {}
        said = {"keys": _hex(self.keys), "rest": self.rest.hex(), "place": self.place}
        return {**said, "path": _hex(self.path), **shown}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Group:
        """Return the group that `as_dict` described; `ValueError`, `TypeError` or `KeyError` for others."""
        if type(value["place"]) is not int:
            raise TypeError("a place is a whole number")
        keys, path, rests = map(_bytes, (value["keys"], value["path"], value.get("rests", ())))
        return cls(keys, bytes.fromhex(value["rest"]), value["place"], path, rests)


@dataclass(frozen=True, slots=True)
class Absence:
    """The group in which a key would stand, or the two between which; none where the index is empty."""

    groups: tuple[Group, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as a JSON-ready object."""
        return {"groups": [group.as_dict() for group in self.groups]}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Absence:
        """Return the proof that `as_dict` described; errors as of `Group.from_dict`."""
        return cls(tuple(map(Group.from_dict, value["groups"])))


def present(sidecar: Sidecar, key: bytes, *, whole: bool = False) -> list[Group]:
    """Return the groups in which a key stands, as proofs that it does; none where it is not there.

    ``whole``: each shows the entries themselves too, with number, line and leaf hash: the key's, and those
    of the others in its group.
    """
    first, times = sidecar.place(key), len(sidecar.find(key))
    places = range(first // GROUP, (first + times - 1) // GROUP + 1) if times else ()
    return _placed(sidecar, places, whole=whole)


def absent(sidecar: Sidecar, key: bytes) -> Absence:
    """Return the proof that a key does not stand in an index; `ValueError` where it does."""
    if sidecar.find(key):
        raise ValueError("the key stands in this index")
    after = sidecar.place(key)
    places = {place // GROUP for place in (after - 1, after) if 0 <= place < sidecar.count}
    return Absence(tuple(_placed(sidecar, sorted(places))))


def check_present(root: str, count: int, key: bytes, proof: Group) -> bool:
    """Tell whether a proof shows that a key stands in the index with this root and so many entries."""
    return key in proof.keys and proof.holds(root, count)


def check_absent(root: str, count: int, key: bytes, proof: Absence) -> bool:
    """Tell whether a proof shows that a key is not in the index with this root and so many entries."""
    groups = proof.groups
    if len(key) != KEY:
        return False
    if count == 0 or not groups:
        return count == 0 and not groups and root == EMPTY_ROOT
    first, last = groups[0].place, groups[-1].place
    if [group.place for group in groups] != list(range(first, last + 1)):
        return False
    if not all(group.holds(root, count) for group in groups):
        return False
    keys = [one for group in groups for one in group.keys]
    at = bisect_left(keys, key)
    if keys != sorted(keys) or key in keys[at : at + 1]:
        return False
    return (at > 0 or first == 0) and (at < len(keys) or last == _groups(count) - 1)


def _placed(sidecar: Sidecar, places: Sequence[int], *, whole: bool = False) -> list[Group]:
    """Return some groups of an index with their paths."""
    paths = inclusion_paths(group_leaves(sidecar.rows), places) if places else []
    found: list[Group] = []
    for place, path in zip(places, paths, strict=True):
        rows = sidecar.rows[place * GROUP : (place + 1) * GROUP]
        keys, rests = tuple(row[:KEY] for row in rows), tuple(row[KEY:] for row in rows)
        found.append(Group(keys, rest_of(rows), place, tuple(path), rests if whole else ()))
    return found


def _groups(count: int) -> int:
    """Return how many groups so many entries make."""
    return -(-count // GROUP)


def _hex(values: Sequence[bytes]) -> list[str]:
    return [value.hex() for value in values]


def _bytes(values: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, values))
