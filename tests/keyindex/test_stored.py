"""Key indexes in the staging store: beside their segments, checked, made again, made durable."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import fsspec
import pytest

from lienthong import merkle
from lienthong import segment as segment_module
from lienthong.errors import SegmentTampered
from lienthong.keyindex import KeyHasher, Sidecar, build
from lienthong.merkle import leaf_hash, leaf_hashes
from lienthong.segment import Segment
from lienthong.staging import SegmentStore
from lienthong.staging import store as store_module

HASHER = KeyHasher(b"secret", "bench.dossier")
RECORDS = [b'{"a":1}', b'{"a":2}', b'{"a":1,"b":0}']
KEYS = HASHER.many(["1", "2", "1"])


@pytest.fixture(params=["local", "remote"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder, and an object store (in memory)."""
    if request.param == "local":
        yield str(tmp_path)
        return
    yield "memory://staging-of-indexes"
    fsspec.filesystem("memory").makedirs("/staging-of-indexes", exist_ok=True)
    fsspec.filesystem("memory").rm("/staging-of-indexes", recursive=True)


def written(store: SegmentStore) -> Segment:
    """Seal three records, two of them versions of one key."""
    return store.write(RECORDS, keys=KEYS, numbers=7, key_id=HASHER.key_id)


def test_a_segment_written_with_keys_names_its_index(url: str) -> None:
    """The reference carries the root, another process reads the same index by it."""
    segment = written(SegmentStore.open(url))
    expected = build(KEYS, [leaf_hash(data) for data in RECORDS], 7, key_id=HASHER.key_id)
    other = SegmentStore.open(url)
    assert segment.index == expected.root
    assert other.index(segment) == other.index(segment.index) == expected
    assert other.read(segment) == RECORDS
    assert [found.line for found in other.index(segment).find(KEYS[0])] == [0, 2]


def test_without_keys_nothing_changes(tmp_path: Path) -> None:
    """The reference is the same as ever and no file stands beside the segment."""
    store = SegmentStore.open(str(tmp_path))
    bare = store.write(RECORDS)
    assert "index" not in bare.as_dict()
    assert [path.suffixes for path in tmp_path.rglob("*") if path.is_file()] == [[".ndjson", ".zst"]]
    keyed = written(store)
    assert (keyed.digest, keyed.root, keyed.count, keyed.size) == (
        bare.digest,
        bare.root,
        bare.count,
        bare.size,
    )


def test_every_record_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segment and index share the leaf hashes: with keys only entries and nodes are hashed besides."""
    hashed: list[bytes] = []

    def spied(records: Sequence[bytes]) -> list[bytes]:
        hashed.extend(records)
        return leaf_hashes(records)

    for module in (merkle, segment_module, store_module):
        monkeypatch.setattr(module, "leaf_hashes", spied)
    written(SegmentStore.open(str(tmp_path)))
    assert sum(data in RECORDS for data in hashed) == len(RECORDS)


def test_a_changed_index_is_noticed_by_everybody(tmp_path: Path) -> None:
    """Any flipped bit of the entries: by a process that reads it first, and by the one that wrote it."""
    writer = SegmentStore.open(str(tmp_path))
    segment = written(writer)
    path = next(tmp_path.rglob("*.kix"))
    good = path.read_bytes()
    for place in range(24, len(good), 7):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        for store in (writer, SegmentStore.open(str(tmp_path))):
            with pytest.raises(SegmentTampered):
                store.index(segment)
    path.write_bytes(good)
    assert writer.index(segment).count == 3


def test_a_process_checks_a_root_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process wrote or checked is known by the digest of its bytes: no tree is hashed again."""
    writer, reader = SegmentStore.open(str(tmp_path)), SegmentStore.open(str(tmp_path))
    segment = written(writer)
    reader.index(segment)
    monkeypatch.setattr(
        "lienthong.keyindex.entries.root_over_entries", lambda rows: pytest.fail("hashed again")
    )
    assert writer.index(segment).root == reader.index(segment).root == segment.index


def test_a_lost_index_is_made_again_from_its_segment(url: str) -> None:
    """Same keys and numbers give the same root; others are refused, and nothing is written."""
    store = SegmentStore.open(url)
    segment = written(store)
    index = store.index(segment)
    files = store._indexes._files
    files.write(
        f"indexes/{segment.index[:2]}/{segment.index}.kix", index.data[:50]
    )  # torn by a power failure
    with pytest.raises(SegmentTampered, match="length"):
        SegmentStore.open(url).index(segment)
    with pytest.raises(SegmentTampered, match="another root"):
        store.rebuild_index(segment, KEYS, 8, key_id=HASHER.key_id)
    with pytest.raises(SegmentTampered):
        SegmentStore.open(url).index(segment)
    assert store.rebuild_index(segment, KEYS, 7, key_id=HASHER.key_id) == index
    assert SegmentStore.open(url).index(segment) == index


def test_writing_again_mends_a_torn_file(url: str) -> None:
    """A file that is there is not taken for whole because it is there."""
    store = SegmentStore.open(url)
    segment = written(store)
    store._indexes._files.write(f"indexes/{segment.index[:2]}/{segment.index}.kix", b"")
    assert written(SegmentStore.open(url)) == segment
    assert SegmentStore.open(url).index(segment).count == 3


def test_an_index_that_is_gone_says_so(url: str) -> None:
    """The error names the index and the place."""
    with pytest.raises(SegmentTampered, match=r"not in the staging store .*made again"):
        SegmentStore.open(url).index("ab" * 32)


def test_an_index_alone_is_stored_under_its_root(url: str) -> None:
    """What `without` leaves is written like any other."""
    store = SegmentStore.open(url)
    rest = store.index(written(store)).without({1})
    assert store.index(store.write_index(rest)) == rest


def test_sync_reaches_the_files_and_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only then is an index flushed to the disk, and its name with it."""
    synced: list[str] = []
    plain = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), plain(fd))
    )
    store = SegmentStore.open(str(tmp_path))
    segment = written(store)
    assert not [name for name in synced if "indexes" in name]
    store.sync_index([segment.index])
    path = next(tmp_path.rglob("*.kix"))
    assert {str(path), str(path.parent)} <= set(synced)


def test_the_empty_segment_has_an_index(url: str) -> None:
    """No records, an index of no entries."""
    store = SegmentStore.open(url)
    segment = store.write([], keys=[], key_id=HASHER.key_id)
    assert store.index(segment) == Sidecar([], HASHER.key_id)
