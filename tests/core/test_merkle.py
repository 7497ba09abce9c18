"""Merkle trees over record bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.merkle import EMPTY_ROOT, Tree, inclusion_path, leaf_hash, root_over, verify_inclusion

#: The leaves and roots with which Certificate Transparency implementations (RFC 6962, the same
#: hashing as RFC 9162) check themselves.
LEAVES = [
    bytes.fromhex(x)
    for x in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    """A tree of the first n published leaves has the published root."""
    tree = Tree()
    for leaf in LEAVES[:size]:
        tree.add(leaf)
    assert tree.root() == ROOTS[size - 1]


@given(st.lists(st.binary(max_size=6), max_size=70))
def test_the_fast_root_is_the_same_root(records: list[bytes]) -> None:
    """Level by level or leaf by leaf, the root is one."""
    tree = Tree()
    for record in records:
        tree.add(record)
    assert root_over(records) == tree.root()


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    """RFC 9162 2.1.1: the hash of an empty list is the hash of an empty string."""
    assert Tree().root() == EMPTY_ROOT
    assert EMPTY_ROOT == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_every_leaf_is_proved_and_no_other_is(records: list[bytes], data: st.DataObject) -> None:
    """An inclusion path proves its leaf at its place, and fails for another leaf, place or root."""
    leaves = [leaf_hash(record) for record in records]
    root = Tree(leaves).root()
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_path(leaves, index)
    assert verify_inclusion(leaves[index], index, len(leaves), path, root)
    assert not verify_inclusion(leaf_hash(b"another record"), index, len(leaves), path, root)
    assert not verify_inclusion(leaves[index], index, len(leaves), path, EMPTY_ROOT)
    assert not verify_inclusion(leaves[index], index, len(leaves), [*path, b"\0" * 32], root)
    for other in range(len(leaves)):
        if other != index and leaves[other] != leaves[index]:
            assert not verify_inclusion(leaves[index], other, len(leaves), path, root)


def test_a_place_outside_the_tree_is_never_proved() -> None:
    """Indices beyond the tree are refused, both when proving and when checking."""
    leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
    assert not verify_inclusion(leaves[0], 2, 2, [leaves[1]], Tree(leaves).root())
    with pytest.raises(IndexError):
        inclusion_path(leaves, 2)
