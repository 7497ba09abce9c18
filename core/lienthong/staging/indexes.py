"""Key indexes in the staging store: beside segments, named by their roots."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Protocol

from lienthong.errors import SegmentTampered
from lienthong.keyindex import Sidecar

_REMEMBERED: Final = 16_384
"""How many indexes' digests a process remembers: some 3 MB."""


class Files(Protocol):
    """What segments and key indexes need of a file system."""

    def read(self, name: str) -> bytes:
        """Return a file's bytes; `FileNotFoundError` where it is not there."""

    def reuse(self, name: str) -> bool:
        """Tell whether a file is there, and make it young again, so that housekeeping leaves it."""

    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a whole file, or none; ``durable``: it outlives a power failure when this returns."""

    def sync(self, names: Iterable[str]) -> None:
        """Make files durable that were written otherwise."""


class Indexes:
    """Key indexes under ``indexes/ab/<root>.kix`` of staging's root.

    To compute an index's root takes a while. Therefore the process remembers the SHA-256 of the
    files that it made or checked itself, and compares only that when it reads them again.
    """

    def __init__(self, files: Files, url: str) -> None:
        self._files, self._url = files, url
        self._seen: dict[str, bytes] = {}

    def write(self, sidecar: Sidecar) -> str:
        """Store an index and return its root.

        A file that is there already is kept only if it is whole: what was written without `sync` may be
        torn after a power failure.
        """
        name, data = _name(sidecar.root), sidecar.data
        if not (self._files.exists(name) and self._files.read(name) == data):
            self._files.write(name, data, durable=False)
        self._remember(sidecar.root, sha256(data).digest())
        return sidecar.root

    def restore(self, root: str, sidecar: Sidecar) -> None:
        """Store an index that was made again; it must have the root that is expected."""
        if sidecar.root != root:
            raise SegmentTampered(
                "the key index made again has another root than its segment's reference says",
                where=f"key index {root}",
                hint="another hash key, or other version numbers than those it was made of?",
            )
        self.write(sidecar)

    def read(self, root: str) -> Sidecar:
        """Return the index with this root; raise `SegmentTampered` where it is gone or differs."""
        try:
            data = self._files.read(_name(root))
        except FileNotFoundError:
            raise SegmentTampered(
                "the key index is not in the staging store",
                where=f"key index {root} in {self._url.rsplit('@', maxsplit=1)[-1]}",
                hint="it can be made again from its segment; was LIENTHONG_STAGING changed?",
            ) from None
        digest = sha256(data).digest()
        sidecar = Sidecar.from_bytes(data, root, checked=self._seen.get(root) == digest)
        self._remember(root, digest)
        return sidecar

    def sync(self, roots: Iterable[str]) -> None:
        """Make indexes durable."""
        self._files.sync([_name(root) for root in roots])

    def _remember(self, root: str, digest: bytes) -> None:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[root] = digest


def _name(root: str) -> str:
    return f"indexes/{root[:2]}/{root}.kix"
