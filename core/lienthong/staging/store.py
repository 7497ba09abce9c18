"""The segment store: write once, addressed by content, local folder or any fsspec file system."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lienthong.errors import SegmentTampered
from lienthong.faults import shown
from lienthong.keyindex import NO_KEY, Sidecar, build
from lienthong.merkle import leaf_hashes
from lienthong.segment import Segment, pack, unpack
from lienthong.staging.guarded import guarded
from lienthong.staging.indexes import Files, Indexes
from lienthong.staging.remote import file_system
from lienthong.staging.shelf import reuse, reuse_object

GONE = (
    "was the store emptied, or LIENTHONG_STAGING changed? What housekeeping removed stands in its acts "
    "(lienthong evidence acts); a delivery in doubt is settled by hand: lienthong delivery resolve"
)
"""What to look at where bytes are no longer in the store."""


class SegmentStore:
    """Segments under ``segments/ab/abcd….ndjson.zst`` of a root, their key indexes under ``indexes``.

    A segment is complete or absent: local files appear by rename after fsync, object stores
    write whole objects. Writing the same records again is free. A key index appears by rename too,
    but reaches the disk by itself only when `sync_index` asks for it: as long as its segment is there
    it can be made again.
    """

    def __init__(self, files: Files, url: str) -> None:
        self._files = files
        self._indexes = Indexes(files, url)
        self.url = url

    @classmethod
    def open(cls, url: str) -> SegmentStore:
        """Open a store by path or fsspec URL (``s3://bucket/prefix``)."""
        files: Files
        if "://" not in url or url.startswith("file://"):
            files = _LocalFiles(Path(url.removeprefix("file://")))
        else:
            files = _RemoteFiles(url)
        return cls(guarded(files, url), url)

    def write(
        self,
        records: Sequence[bytes],
        *,
        keys: Sequence[bytes] | None = None,
        numbers: int | Sequence[int] = 0,
        key_id: bytes = NO_KEY,
    ) -> Segment:
        """Seal canonical records into a segment and return its reference.

        ``keys``: the records' keyed hashes (`lienthong.keyindex.KeyHasher`); where they are given the
        key index is written beside the segment, with the records' version ``numbers`` (one for all
        or one each) and the hasher's ``key_id``, and the reference names it.
        """
        leaves = leaf_hashes(records)
        segment, data = pack(records, leaves)
        self.put(segment.digest, data)
        if keys is None:
            return segment
        return replace(segment, index=self.write_index(build(keys, leaves, numbers, key_id=key_id)))

    def put(self, digest: str, data: bytes) -> None:
        """Store a segment's ready bytes under their digest."""
        name = _name(digest)
        if not self._files.reuse(name):
            self._files.write(name, data)

    def read(self, segment: Segment) -> list[bytes]:
        """Return a segment's records, checked against its name, root excluded.

        Raises `SegmentTampered` where the bytes differ, the count does, or the segment is gone.
        """
        records = unpack(self.data(segment.digest), segment.digest)
        if len(records) != segment.count:
            raise SegmentTampered(
                f"the segment holds {len(records)} records, its reference says {segment.count}",
                where=f"segment {segment.digest}",
            )
        return records

    def data(self, digest: str) -> bytes:
        """Return a segment's stored bytes, unchecked; `SegmentTampered` where it is gone."""
        try:
            return self._files.read(_name(digest))
        except FileNotFoundError:
            raise SegmentTampered(
                "the segment is not in the staging store",
                where=f"segment {digest} in {shown(self.url)}",
                hint=GONE,
            ) from None

    def index(self, of: Segment | str) -> Sidecar:
        """Return the key index of a segment, or the one with this root (hex), checked against its root.

        Raises `SegmentTampered` where it is gone or differs; `rebuild_index` makes it again.
        """
        return self._indexes.read(of if isinstance(of, str) else of.index)

    def write_index(self, sidecar: Sidecar) -> str:
        """Store a key index and return its root (hex), which names it."""
        return self._indexes.write(sidecar)

    def rebuild_index(
        self,
        segment: Segment,
        keys: Sequence[bytes],
        numbers: int | Sequence[int],
        *,
        key_id: bytes = NO_KEY,
    ) -> Sidecar:
        """Make the key index of a stored segment again, from the keys and numbers it was made of.

        Raises `SegmentTampered` where the segment differs from its name, or where the index comes out
        with another root than the reference says: then these are not its keys and numbers.
        """
        sidecar = build(keys, leaf_hashes(self.read(segment)), numbers, key_id=key_id)
        self._indexes.restore(segment.index, sidecar)
        return sidecar

    def sync_index(self, roots: Iterable[str]) -> None:
        """Make key indexes durable: after this they outlive a power failure, and their segments."""
        self._indexes.sync(roots)

    def leaves(self, digest: str) -> bytes:
        """Return the leaf hashes, 32 bytes each, that were kept of a segment that was removed.

        Raises `SegmentTampered` where none were; they are unchecked.
        """
        try:
            return self._files.read(_leaves_name(digest))
        except FileNotFoundError:
            raise SegmentTampered(
                "neither the segment nor its leaf hashes are in the staging store",
                where=f"segment {digest} in {shown(self.url)}",
                hint=GONE,
            ) from None

    def keep_leaves(self, digest: str) -> None:
        """Keep the leaf hashes of a segment that is going to be removed, so that its run can be proved.

        Raises `SegmentTampered` where the segment's bytes differ from its name, or it is gone.
        """
        name = _leaves_name(digest)
        leaves = b"".join(leaf_hashes(unpack(self.data(digest), digest)))
        if not self._files.exists(name):
            self._files.write(name, leaves)


def _leaves_name(digest: str) -> str:
    return f"leaves/{digest[:2]}/{digest}.bin"


def _name(digest: str) -> str:
    return f"segments/{digest[:2]}/{digest}.ndjson.zst"


class _LocalFiles:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def exists(self, name: str) -> bool:
        return (self._root / name).exists()

    def reuse(self, name: str) -> bool:
        """Tell whether a file is there, and make it young again, so that nobody removes it for its age."""
        return reuse(self._root, name)

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".sealing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def sync(self, names: Iterable[str]) -> None:
        paths = [self._root / name for name in names]
        for path in (*paths, *{path.parent for path in paths}):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


class _RemoteFiles:
    def __init__(self, url: str) -> None:
        self._fs, self._root = file_system(url)

    def read(self, name: str) -> bytes:
        return bytes(self._fs.cat_file(f"{self._root}/{name}"))

    def exists(self, name: str) -> bool:
        return bool(self._fs.exists(f"{self._root}/{name}"))

    def reuse(self, name: str) -> bool:
        """Tell whether an object is there and young; an old one is written again, which makes it young."""
        return reuse_object(self._fs, f"{self._root}/{name}")

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:  # noqa: ARG002 - objects are
        path = f"{self._root}/{name}"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        self._fs.pipe_file(path, data)

    def sync(self, names: Iterable[str]) -> None:
        """Do nothing: an object is durable when it is written."""
