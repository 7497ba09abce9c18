"""The blob store: attachments in staging, streamed in and out, named by the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from lienthong.attachment import UNTYPED, Attachment
from lienthong.errors import SegmentTampered
from lienthong.faults import file_faults, shown
from lienthong.staging.guarded import fault_of, guarded
from lienthong.staging.remote import file_system
from lienthong.staging.shelf import reuse, reuse_object
from lienthong.staging.store import GONE

_PIECE = 1 << 18


class _Files(Protocol):
    """What the store needs of a file system."""

    def open(self, name: str) -> IO[bytes]: ...

    def reuse(self, name: str) -> bool: ...

    def spool(self) -> Path | None: ...

    def take(self, path: Path, name: str) -> None: ...


class BlobStore:
    """Attachments under ``blobs/ab/abcd…`` of staging's root.

    Memory holds a piece at a time. A blob is complete or absent: it is written under another name,
    in object stores to a local file first, and named when its digest is known.
    """

    def __init__(self, files: _Files, url: str) -> None:
        self._files, self.url = files, url

    @classmethod
    def open_at(cls, url: str) -> BlobStore:
        """Open the blobs of a staging store by path or fsspec URL."""
        kept: _Files
        if "://" in url and not url.startswith("file://"):
            kept = _RemoteFiles(url)
        else:
            kept = _LocalFiles(Path(url.removeprefix("file://")))
        return cls(guarded(kept, url), url)

    def write(self, chunks: Iterable[bytes], *, media_type: str = UNTYPED) -> Attachment:
        """Store an attachment and return its reference; nothing is kept where ``chunks`` raises."""
        state, size = hashlib.sha256(), 0
        spool = self._files.spool()
        with self._kept():
            handle, temporary = tempfile.mkstemp(dir=spool, prefix=".sealing-")
        path = Path(temporary)
        try:
            # unbuffered, so that a full disk is met in `write`; what `chunks` raises is the source's matter
            with os.fdopen(handle, "wb", buffering=0) as file:
                for chunk in chunks:
                    state.update(chunk)
                    size += len(chunk)
                    with self._kept():
                        _write_all(file, chunk)
                with self._kept():
                    os.fsync(file.fileno())
            reference = Attachment(state.hexdigest(), size, media_type)
            if not self._files.reuse(_name(reference)):
                self._files.take(path, _name(reference))
        finally:
            path.unlink(missing_ok=True)
        return reference

    def _kept(self) -> AbstractContextManager[None]:
        return file_faults("the attachment cannot be kept", shown(self.url))

    def open(self, reference: Attachment) -> Iterator[bytes]:
        """Yield an attachment's bytes; the last piece only once all of them match the digest.

        Raises `SegmentTampered` where they differ or the blob is gone.
        """
        state, size, held = hashlib.sha256(), 0, b""
        try:
            file = self._files.open(_name(reference))
        except FileNotFoundError:
            raise SegmentTampered(
                "the attachment is not in the staging store",
                where=f"attachment {reference.digest} in {shown(self.url)}",
                hint=GONE,
            ) from None
        with file:
            while piece := self._read(file):
                if held:
                    yield held
                state.update(piece)
                size += len(piece)
                held = piece
        if state.hexdigest() != reference.digest or size != reference.size:
            raise SegmentTampered(
                "the attachment's bytes do not match its name",
                where=f"attachment {reference.digest}",
                hint="the staging store was changed: keep it for investigation, do not retry",
            )
        if held:
            yield held

    def _read(self, file: IO[bytes]) -> bytes:
        try:
            return file.read(_PIECE)
        except Exception as error:
            raise fault_of(error, shown(self.url)) from None


def _write_all(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _name(reference: Attachment) -> str:
    return f"blobs/{reference.digest[:2]}/{reference.digest}"


class _LocalFiles:
    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")

    def reuse(self, name: str) -> bool:
        return reuse(self._root, name)

    def spool(self) -> Path:
        folder = self._root / "blobs"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def take(self, path: Path, name: str) -> None:
        (self._root / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.replace(self._root / name)


class _RemoteFiles:
    def __init__(self, url: str) -> None:
        self._fs, self._root = file_system(url)

    def open(self, name: str) -> IO[bytes]:
        file: IO[bytes] = self._fs.open(f"{self._root}/{name}", "rb")
        return file

    def reuse(self, name: str) -> bool:
        return reuse_object(self._fs, f"{self._root}/{name}")

    def spool(self) -> None:
        """Return no folder of our own: what becomes an object waits in the system's temporary one."""
        return

    def take(self, path: Path, name: str) -> None:
        target = f"{self._root}/{name}"
        self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        self._fs.put_file(str(path), target)
