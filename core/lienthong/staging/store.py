"""The segment store: write once, addressed by content, local folder or any fsspec file system."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from lienthong.errors import SegmentTampered
from lienthong.faults import shown
from lienthong.segment import Segment, pack, unpack
from lienthong.staging.guarded import guarded
from lienthong.staging.remote import file_system

GONE = (
    "was the store emptied, or LIENTHONG_STAGING changed? What housekeeping removed stands in its acts "
    "(lienthong evidence acts); a delivery in doubt is settled by hand: lienthong delivery resolve"
)
"""What to look at where bytes are no longer in the store."""


class _Files(Protocol):
    """The three things a store needs of a file system."""

    def read(self, name: str) -> bytes: ...

    def exists(self, name: str) -> bool: ...

    def write(self, name: str, data: bytes) -> None: ...


class SegmentStore:
    """Segments under ``segments/ab/abcd….ndjson.zst`` of a root.

    A segment is complete or absent: local files appear by rename after fsync, object stores
    write whole objects. Writing the same records again is free.
    """

    def __init__(self, files: _Files, url: str) -> None:
        self._files = files
        self.url = url

    @classmethod
    def open(cls, url: str) -> SegmentStore:
        """Open a store by path or fsspec URL (``s3://bucket/prefix``)."""
        files: _Files
        if "://" not in url or url.startswith("file://"):
            files = _LocalFiles(Path(url.removeprefix("file://")))
        else:
            files = _RemoteFiles(url)
        return cls(guarded(files, url), url)

    def write(self, records: Sequence[bytes]) -> Segment:
        """Seal canonical records into a segment and return its reference."""
        segment, data = pack(records)
        self.put(segment.digest, data)
        return segment

    def put(self, digest: str, data: bytes) -> None:
        """Store a segment's ready bytes under their digest."""
        name = _name(digest)
        if not self._files.exists(name):
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


def _name(digest: str) -> str:
    return f"segments/{digest[:2]}/{digest}.ndjson.zst"


class _LocalFiles:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def exists(self, name: str) -> bool:
        return (self._root / name).exists()

    def write(self, name: str, data: bytes) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".sealing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


class _RemoteFiles:
    def __init__(self, url: str) -> None:
        self._fs, self._root = file_system(url)

    def read(self, name: str) -> bytes:
        return bytes(self._fs.cat_file(f"{self._root}/{name}"))

    def exists(self, name: str) -> bool:
        return bool(self._fs.exists(f"{self._root}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        self._fs.pipe_file(path, data)
