"""Segments and their store."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
import zstandard

from lienthong.errors import LienThongError, SegmentTampered
from lienthong.merkle import Tree
from lienthong.records import sha256
from lienthong.segment import Segment, pack, root_of, unpack
from lienthong.staging import SegmentStore

RECORDS = [b'{"a":1}', b'{"a":"\xe1\xbb\x93"}', b"{}"]


def test_a_segment_is_named_by_the_digest_of_its_bytes_and_rooted_in_its_records() -> None:
    """`sha256sum` of the file gives the name; the root is the RFC 9162 tree over the records."""
    segment, data = pack(RECORDS)
    tree = Tree()
    for record in RECORDS:
        tree.add(record)
    assert segment == Segment(sha256(data), tree.root(), 3, sum(map(len, RECORDS)) + 3)
    assert unpack(data, segment.digest) == RECORDS


def test_the_empty_segment_round_trips() -> None:
    """No records is a legal segment."""
    segment, data = pack([])
    assert (segment.count, unpack(data, segment.digest)) == (0, [])


def test_changing_any_byte_of_a_stored_segment_is_tampering(tmp_path: Path) -> None:
    """Each single flipped byte makes reading raise `SegmentTampered`."""
    store = SegmentStore.open(str(tmp_path))
    segment = store.write(RECORDS)
    path = next(tmp_path.rglob("*.ndjson.zst"))
    good = path.read_bytes()
    for index in range(len(good)):
        path.write_bytes(good[:index] + bytes([good[index] ^ 1]) + good[index + 1 :])
        with pytest.raises(SegmentTampered):
            store.read(segment)
    path.write_bytes(good)
    assert store.read(segment) == RECORDS


def test_a_missing_segment_and_a_wrong_count_are_tampering(tmp_path: Path) -> None:
    """A reference that the store cannot honour stops the run."""
    store = SegmentStore.open(str(tmp_path))
    segment = store.write(RECORDS)
    with pytest.raises(SegmentTampered, match="holds 3 records"):
        store.read(Segment(segment.digest, segment.root, 4, segment.size))
    next(tmp_path.rglob("*.ndjson.zst")).unlink()
    with pytest.raises(SegmentTampered, match="not in the staging store"):
        store.read(segment)


def test_a_frame_that_hides_its_size_is_refused() -> None:
    """A decompression bomb without a declared size is not unfolded."""
    writer = zstandard.ZstdCompressor().compressobj()
    data = writer.compress(b"\n" * 10_000_000) + writer.flush()
    with pytest.raises(SegmentTampered, match="not a segment"):
        unpack(data, sha256(data))


def test_no_half_written_segment_is_ever_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash while writing leaves neither the segment nor a temporary file."""
    store = SegmentStore.open(f"file://{tmp_path}")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk gone")))
    with pytest.raises(LienThongError, match="cannot be used"):
        store.write(RECORDS)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_object_store_works_the_same_way() -> None:
    """Any fsspec file system holds segments (the in-memory one here)."""
    store = SegmentStore.open("memory://staging")
    segment = store.write(RECORDS)
    assert store.read(segment) == RECORDS
    name = f"/staging/segments/{segment.digest[:2]}/{segment.digest}.ndjson.zst"
    files = fsspec.filesystem("memory")
    files.pipe_file(name, zstandard.ZstdCompressor().compress(b"{}\n"))
    with pytest.raises(SegmentTampered, match="do not match"):
        store.read(segment)
    files.rm(name)
    with pytest.raises(SegmentTampered, match="not in the staging store"):
        store.read(segment)


def test_a_steps_root_follows_from_its_references() -> None:
    """The root over segments depends on their content and order, not on compression."""
    one, two = pack(RECORDS)[0], pack([b"{}"])[0]
    recompressed = Segment("0" * 64, one.root, one.count, one.size)
    assert root_of([one, two]) == root_of([recompressed, two]) != root_of([two, one])
