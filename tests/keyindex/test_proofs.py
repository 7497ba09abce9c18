"""Proofs that a key stands in an index or does not, checked without the index."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.keyindex import (
    Absence,
    KeyHasher,
    Placed,
    Sidecar,
    absent,
    build,
    check_absent,
    check_present,
    entry,
    present,
)
from lienthong.merkle import EMPTY_ROOT, inclusion_path, inclusion_paths, leaf_hash

HASHER = KeyHasher(b"secret", "bench.dossier")
KEYS = st.lists(st.integers(0, 30), max_size=40)
OTHERS = st.integers(0, 40)


def made(keys: list[int]) -> Sidecar:
    """Build the index of some keys."""
    return build(HASHER.many(map(str, keys)), [bytes([key]) * 32 for key in keys], 1)


@given(KEYS, OTHERS)
def test_every_key_is_proved_present_or_absent_and_never_both(keys: list[int], asked: int) -> None:
    """One proof for each entry of a key that is there; one of absence for each that is not."""
    index, key = made(keys), HASHER.of(str(asked))
    proofs = present(index, key)
    assert [entry(proof.row).line for proof in proofs] == [n for n, one in enumerate(keys) if one == asked]
    assert all(check_present(index.root, index.count, key, proof) for proof in proofs)
    if asked in keys:
        with pytest.raises(ValueError, match="stands in"):
            absent(index, key)
    else:
        assert check_absent(index.root, index.count, key, absent(index, key))


@given(KEYS, OTHERS)
def test_proofs_survive_json(keys: list[int], asked: int) -> None:
    """As an object and back they are the same."""
    index, key = made(keys), HASHER.of(str(asked))
    for proof in present(index, key):
        assert Placed.from_dict(proof.as_dict()) == proof
    if asked not in keys:
        assert Absence.from_dict(absent(index, key).as_dict()) == absent(index, key)


@given(KEYS.filter(bool), st.data())
def test_nothing_else_proves_the_absence_of_a_key_that_is_there(keys: list[int], data: st.DataObject) -> None:
    """No pair of entries, no single one and none, with true paths: only neighbours say something."""
    index = made(keys)
    key = HASHER.of(str(data.draw(st.sampled_from(keys))))
    paths = inclusion_paths([leaf_hash(row) for row in index.rows], range(index.count))
    entries = [
        Placed(row, place, tuple(path))
        for place, (row, path) in enumerate(zip(index.rows, paths, strict=True))
    ]
    one = st.sampled_from([None, *entries])
    proof = Absence(data.draw(one), data.draw(one))
    assert not check_absent(index.root, index.count, key, proof)


@given(KEYS.filter(bool), OTHERS)
def test_a_proof_fails_for_everything_it_was_not_made_for(keys: list[int], asked: int) -> None:
    """Another root, another place, another path, another key."""
    index, key = made(keys), HASHER.of(str(asked))
    if asked in keys:
        proof = present(index, key)[0]
        for root, count, wanted, changed in (
            (EMPTY_ROOT, index.count, key, proof),
            (index.root, index.count, HASHER.of("another"), proof),
            (index.root, index.count, key, replace(proof, place=proof.place + 1)),
            (index.root, index.count, key, replace(proof, path=(*proof.path, bytes(32)))),
            (index.root, index.count, key, replace(proof, row=proof.row[:-1] + b"!")),
            (index.root, index.count, key, replace(proof, row=proof.row + b"!")),
            (index.root, 0, key, proof),
        ):
            assert not check_present(root, count, wanted, changed)
    else:
        whole = absent(index, key)
        assert not check_absent(EMPTY_ROOT, index.count, key, whole)
        assert not check_absent(index.root, 0, key, whole)
        assert not check_absent(index.root, index.count, key, Absence())
        assert not check_absent(index.root, index.count, key[:31], whole)
        assert not check_absent(index.root, index.count, key, Absence(whole.after, whole.before))
        for changed in (replace(whole, before=None), replace(whole, after=None)):
            assert changed == whole or not check_absent(index.root, index.count, key, changed)


def test_in_an_empty_index_every_key_is_absent() -> None:
    """The empty tree is the proof, and for no other root."""
    assert check_absent(EMPTY_ROOT, 0, HASHER.of("1"), absent(made([]), HASHER.of("1")))
    assert not check_absent("ab" * 32, 0, HASHER.of("1"), Absence())


@pytest.mark.parametrize(
    "bad", [{}, {"row": "zz", "place": 0, "path": []}, {"row": "", "place": True, "path": []}]
)
def test_what_is_no_proof_is_refused_when_it_is_read(bad: dict[str, object]) -> None:
    """A verifier meets one of three errors, never a half-made proof."""
    with pytest.raises((ValueError, TypeError, KeyError)):
        Placed.from_dict(bad)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40))
def test_several_paths_are_those_made_one_by_one(records: list[bytes]) -> None:
    """Hashing the tree once gives every leaf the path that it has alone."""
    leaves = [leaf_hash(record) for record in records]
    assert inclusion_paths(leaves, range(len(leaves))) == [
        inclusion_path(leaves, index) for index in range(len(leaves))
    ]


def test_a_hundred_thousand_entries_are_proved_in_a_moment() -> None:
    """Both neighbours with their paths: the tree is hashed once (about 0.1 s on a free machine)."""
    keys = [number.to_bytes(32) for number in range(0, 200_000, 2)]
    index = build(keys, keys, 1)
    root = index.root
    began = time.process_time()
    proof = absent(index, (100_001).to_bytes(32))
    assert time.process_time() - began < 5
    assert check_absent(root, index.count, (100_001).to_bytes(32), proof)
    assert proof.before is not None and len(proof.before.path) == 17
