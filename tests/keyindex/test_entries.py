"""The key index of one segment: what is in it, what it finds, and that a changed one is noticed."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import SegmentTampered
from lienthong.keyindex import ENTRY, Entry, KeyHasher, Sidecar, build, entry, key_id
from lienthong.keyindex.entries import split
from lienthong.merkle import EMPTY_ROOT, Tree, leaf_hash
from lienthong.records import keyed_hash

HASHER = KeyHasher(b"secret", "bench.dossier")

#: Few different keys, so that versions of one key meet.
ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.binary(max_size=3)), max_size=40)


def made(rows: list[tuple[int, int, bytes]]) -> Sidecar:
    """Build an index of (key, number, record bytes)."""
    keys = HASHER.many(str(key) for key, _, _ in rows)
    return build(
        keys,
        [leaf_hash(data) for _, _, data in rows],
        [number for _, number, _ in rows],
        key_id=HASHER.key_id,
    )


def naive(rows: list[tuple[int, int, bytes]]) -> list[Entry]:
    """Say the same slowly."""
    return sorted(
        Entry(HASHER.of(str(key)), number, line, leaf_hash(data))
        for line, (key, number, data) in enumerate(rows)
    )


@given(st.binary(max_size=100), st.text(max_size=20), st.text(max_size=100))
def test_a_key_is_hashed_as_everywhere_else(secret: bytes, dataset: str, key: str) -> None:
    """One or many, short secrets and long ones: HMAC-SHA-256 of ``<dataset>|<key>``, as in quarantine."""
    hasher, text = KeyHasher(secret, dataset), f"{dataset}|{key}"
    assert hasher.of(key).hex() == keyed_hash(secret, text)
    assert hasher.many([key, key]) == [hasher.of(key)] * 2
    assert hasher.of(key) == hmac.digest(secret, text.encode(), "sha256")


def test_a_secret_is_named_without_being_given_away() -> None:
    """The key id is the published formula, and another secret has another one."""
    assert key_id(b"secret") == hashlib.sha256(b"lienthong-hash-keysecret").digest()[:8]
    assert HASHER.key_id == key_id(b"secret") != key_id(b"secret2")


@given(ROWS)
def test_the_entries_are_sorted_and_complete(rows: list[tuple[int, int, bytes]]) -> None:
    """Every record has its entry; keys are in order, versions of a key by number and then line."""
    assert list(made(rows).entries()) == naive(rows)


@given(ROWS)
def test_the_root_is_the_tree_over_the_entries(rows: list[tuple[int, int, bytes]]) -> None:
    """RFC 9162 over groups of 16: their keys and the hash of the rest, whoever computes it."""
    tree, entries = Tree(), naive(rows)
    for group in (entries[start : start + 16] for start in range(0, len(entries), 16)):
        rest = hashlib.sha256()
        for found in group:
            rest.update(found.number.to_bytes(8) + found.line.to_bytes(4) + found.leaf)
        tree.add(b"".join(found.key for found in group) + rest.digest())
    assert made(rows).root == tree.root()


@given(ROWS)
def test_a_file_gives_the_same_index_back(rows: list[tuple[int, int, bytes]]) -> None:
    """Writing and reading change nothing, the id of the secret included."""
    index = made(rows)
    assert Sidecar.from_bytes(index.data, index.root) == index
    assert len(index.data) == 24 + ENTRY * len(rows)
    assert Sidecar.from_bytes(index.data).key_id == HASHER.key_id


@given(ROWS, st.integers(0, 9))
def test_all_versions_of_a_key_are_found(rows: list[tuple[int, int, bytes]], key: int) -> None:
    """A look-up finds what a scan of all entries finds, nothing where the key is not there."""
    wanted = HASHER.of(str(key))
    assert made(rows).find(wanted) == [found for found in naive(rows) if found.key == wanted]


@given(ROWS)
def test_entries_come_in_the_order_of_lines_too(rows: list[tuple[int, int, bytes]]) -> None:
    """By line: what stands in the segment, line for line."""
    index = made(rows)
    assert [entry(row) for row in index.by_line()] == sorted(naive(rows), key=lambda found: found.line)
    assert index.numbers() == [number for _, number, _ in rows]


@given(ROWS, st.sets(st.integers(0, 45)))
def test_dropping_lines_gives_the_index_of_what_is_left(
    rows: list[tuple[int, int, bytes]], gone: set[int]
) -> None:
    """As if the index had been built over the segment without these records."""
    left = [row for line, row in enumerate(rows) if line not in gone]
    assert made(rows).without(gone) == made(left)


@given(ROWS, st.data())
def test_selecting_lines_gives_the_index_in_their_order(
    rows: list[tuple[int, int, bytes]], data: st.DataObject
) -> None:
    """Any lines in any order: the index of the segment that they make up."""
    order = data.draw(st.permutations(range(len(rows))))[: data.draw(st.integers(0, 5))]
    assert made(rows).select(order) == made([rows[line] for line in order])


@given(ROWS, st.binary(min_size=1, max_size=2), st.binary(min_size=1, max_size=2))
def test_a_range_of_keys_is_cut_out(rows: list[tuple[int, int, bytes]], low: bytes, high: bytes) -> None:
    """Half-open: from the first bound on, below the second; to the end without one."""
    keys, index = [found.key for found in naive(rows)], made(rows)
    assert index.keys_in(low, high) == [key for key in keys if low <= key < high]
    assert index.keys_in(low) == [key for key in keys if low <= key]
    assert [row[:32] for row in split(index.raw_in(low, high))] == index.keys_in(low, high)


def test_no_records_have_an_index_too() -> None:
    """The empty index has the empty tree's root."""
    index = build([], [])
    assert (index.root, index.count, index.by_line(), index.find(b"\0" * 32)) == (EMPTY_ROOT, 0, [], [])
    assert Sidecar.from_bytes(index.data, EMPTY_ROOT) == index


def test_every_changed_byte_of_entries_and_header_is_noticed() -> None:
    """Each flipped bit of entries, magic, version and count is tampering; cut or longer files too."""
    index = made([(1, 1, b"a"), (2, 1, b"b"), (1, 2, b"c")])
    good = index.data
    for place in (*range(16), *range(24, len(good))):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        with pytest.raises(SegmentTampered, match="key index"):
            Sidecar.from_bytes(bad, index.root)
    for bad in (b"", good[:20], good[:-1], good + b"\0", good[:-ENTRY], good + good[-ENTRY:]):
        with pytest.raises(SegmentTampered):
            Sidecar.from_bytes(bad, index.root)


def test_entries_out_of_order_are_no_index() -> None:
    """A file whose entries are not sorted is refused even without a root to compare with."""
    index = made([(1, 1, b"a"), (2, 1, b"b")])
    with pytest.raises(SegmentTampered, match="not in order"):
        Sidecar.from_bytes(index.data[:24] + index.rows[1] + index.rows[0])


@pytest.mark.parametrize("lines", [(0, 0), (0, 2), (1, 4_000_000_000)])
def test_lines_that_no_segment_has_are_noticed(lines: tuple[int, int]) -> None:
    """An index in which a line is missing, twice or beyond the end is not spread over a segment."""
    rows = sorted(made([(1, 1, b"a"), (2, 1, b"b")]).by_line())
    crafted = sorted(row[:40] + line.to_bytes(4) + row[44:] for row, line in zip(rows, lines, strict=True))
    with pytest.raises(SegmentTampered):
        Sidecar(crafted).by_line()


def test_keys_leaves_and_numbers_belong_together() -> None:
    """A key too few or a number too many is a mistake of the caller, said at once."""
    with pytest.raises(ValueError, match="differ"):
        build([b"k" * 32], [], 1)
    with pytest.raises(ValueError, match="differ"):
        build([b"k" * 32], [b"l" * 32], [1, 2])
