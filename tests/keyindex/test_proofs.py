"""Proofs that a key stands in an index or does not, checked without the index."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.keyindex import (
    Absence,
    Group,
    KeyHasher,
    Sidecar,
    absent,
    build,
    check_absent,
    check_present,
    present,
)
from lienthong.merkle import EMPTY_ROOT, inclusion_path, inclusion_paths, leaf_hash

HASHER = KeyHasher(b"secret", "bench.dossier")
KEYS = st.lists(st.integers(0, 30), max_size=60)
OTHERS = st.integers(0, 40)


def made(keys: list[int]) -> Sidecar:
    """Build the index of some keys."""
    return build(HASHER.many(map(str, keys)), [bytes([key]) * 32 for key in keys], 1)


@given(KEYS, OTHERS)
def test_every_key_is_proved_present_or_absent_and_never_both(keys: list[int], asked: int) -> None:
    """A proof with all its entries for a key that is there; one of absence for each that is not."""
    index, key = made(keys), HASHER.of(str(asked))
    proofs = present(index, key, whole=True)
    assert [found for proof in proofs for found in proof.entries(key)] == index.find(key)
    assert all(check_present(index.root, index.count, key, proof) for proof in proofs)
    if asked in keys:
        with pytest.raises(ValueError, match="stands in"):
            absent(index, key)
    else:
        assert check_absent(index.root, index.count, key, absent(index, key))


@given(KEYS.filter(bool), st.data())
def test_a_proof_gives_keyed_hashes_away_and_nothing_else(keys: list[int], data: st.DataObject) -> None:
    """Neither leaf hashes nor numbers nor lines, of the key itself or of its neighbours."""
    index = made(keys)
    key = HASHER.of(str(data.draw(st.sampled_from(keys))))
    proofs = present(index, key)
    assert all(check_present(index.root, index.count, key, proof) for proof in proofs)
    assert not any(proof.rests or proof.entries(key) for proof in proofs)
    shown = {one for proof in proofs for one in proof.keys}
    assert shown <= set(HASHER.many(map(str, keys)))
    assert all(group.rests == () for group in absent(index, HASHER.of("41")).groups)


@given(KEYS, OTHERS, st.booleans())
def test_proofs_survive_json(keys: list[int], asked: int, whole: bool) -> None:
    """As an object and back they are the same."""
    index, key = made(keys), HASHER.of(str(asked))
    for proof in present(index, key, whole=whole):
        assert Group.from_dict(json.loads(json.dumps(proof.as_dict()))) == proof
    if asked not in keys:
        proved = absent(index, key)
        assert Absence.from_dict(json.loads(json.dumps(proved.as_dict()))) == proved


@given(KEYS.filter(bool), st.data())
def test_nothing_else_proves_the_absence_of_a_key_that_is_there(keys: list[int], data: st.DataObject) -> None:
    """No groups with true paths in any order and number: only those around its place say something."""
    index = made(keys)
    key = HASHER.of(str(data.draw(st.sampled_from(keys))))
    groups = [group for one in set(index.keys_in()) for group in present(index, one)]
    proof = Absence(tuple(data.draw(st.lists(st.sampled_from(groups), max_size=4))))
    assert not check_absent(index.root, index.count, key, proof)


@given(KEYS.filter(bool), OTHERS)
def test_a_proof_fails_for_everything_it_was_not_made_for(keys: list[int], asked: int) -> None:
    """Another root, another place, another path, another key, other entries."""
    index, key = made(keys), HASHER.of(str(asked))
    if asked in keys:
        proof = present(index, key, whole=True)[0]
        assert check_present(index.root, index.count, key, proof)
        swapped = replace(proof, rests=(*proof.rests[1:], proof.rests[0]))
        for root, count, wanted, changed in (
            (EMPTY_ROOT, index.count, key, proof),
            (index.root, index.count, HASHER.of("another"), proof),
            (index.root, index.count + 1, key, proof),
            (index.root, 0, key, proof),
            *((index.root, index.count, key, bad) for bad in (*changes(proof), swapped) if bad != proof),
        ):
            assert not check_present(root, count, wanted, changed)
    else:
        whole = absent(index, key)
        assert check_absent(index.root, index.count, key, whole)
        assert not check_absent(EMPTY_ROOT, index.count, key, whole)
        assert not check_absent(index.root, 0, key, whole)
        assert not check_absent(index.root, index.count, key, Absence())
        assert not check_absent(index.root, index.count, key[:31], whole)
        for at, group in enumerate(whole.groups):
            others = whole.groups[:at], whole.groups[at + 1 :]
            for bad in changes(group):
                changed = Absence((*others[0], bad, *others[1]))
                assert not check_absent(index.root, index.count, key, changed)
        if len(whole.groups) == 2:
            for groups in (whole.groups[:1], whole.groups[1:], whole.groups[::-1], whole.groups * 2):
                assert not check_absent(index.root, index.count, key, Absence(groups))


def changes(group: Group) -> list[Group]:
    """Return groups that differ from one in a single thing."""
    return [
        replace(group, place=group.place + 1),
        replace(group, place=-1),
        replace(group, path=(*group.path, bytes(32))),
        replace(group, path=group.path[:-1], place=group.place + (not group.path)),
        replace(group, keys=group.keys[1:]),
        replace(group, keys=(*group.keys, b"\xff" * 32)),
        replace(group, keys=(group.keys[0] + group.keys[-1][:1], *group.keys[1:])),
        replace(group, rest=bytes(32)),
        replace(group, rest=b""),
        replace(group, rests=(b"!" * 44,) * len(group.keys)),
    ]


def test_groups_are_of_sixteen_in_the_order_of_keys() -> None:
    """Forty keys: the third group has eight; a key between two groups is proved by both, else by one."""
    keys = [number.to_bytes(32) for number in range(0, 80, 2)]
    index = build(keys, keys, 1)

    def places(number: int) -> list[int]:
        proof = absent(index, number.to_bytes(32))
        assert check_absent(index.root, 40, number.to_bytes(32), proof)
        return [group.place for group in proof.groups]

    assert (places(1), places(31), places(33), places(63), places(79)) == ([0], [0, 1], [1], [1, 2], [2])
    assert [len(group.keys) for group in absent(index, (63).to_bytes(32)).groups] == [16, 8]
    assert places(81) == [2]


def test_in_an_empty_index_every_key_is_absent() -> None:
    """The empty tree is the proof, and for no other root."""
    assert check_absent(EMPTY_ROOT, 0, HASHER.of("1"), absent(made([]), HASHER.of("1")))
    assert not check_absent("ab" * 32, 0, HASHER.of("1"), Absence())


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"keys": ["zz"], "rest": "", "place": 0, "path": []},
        {"keys": [], "rest": "", "place": True, "path": []},
        {"keys": 7, "rest": "", "place": 0, "path": []},
        {"keys": [], "rest": 7, "place": 0, "path": []},
        {"keys": [], "rest": "", "place": 0, "path": [None]},
    ],
)
def test_what_is_no_proof_is_refused_when_it_is_read(bad: dict[str, object]) -> None:
    """A verifier meets one of three errors, never a half-made proof."""
    with pytest.raises((ValueError, TypeError, KeyError)):
        Group.from_dict(bad)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40))
def test_several_paths_are_those_made_one_by_one(records: list[bytes]) -> None:
    """Hashing the tree once gives every leaf the path that it has alone."""
    leaves = [leaf_hash(record) for record in records]
    assert inclusion_paths(leaves, range(len(leaves))) == [
        inclusion_path(leaves, index) for index in range(len(leaves))
    ]


def test_a_hundred_thousand_entries_are_proved_in_a_moment() -> None:
    """The group with its path: the tree is hashed once (about 0.05 s on a free machine)."""
    keys = [number.to_bytes(32) for number in range(0, 200_000, 2)]
    index = build(keys, keys, 1)
    root = index.root
    began = time.process_time()
    proof = absent(index, (100_001).to_bytes(32))
    assert time.process_time() - began < 5
    assert check_absent(root, index.count, (100_001).to_bytes(32), proof)
    assert [len(group.path) for group in proof.groups] == [13]
