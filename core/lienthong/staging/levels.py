"""Level files in staging: named by content, mapped from a local copy wherever they are kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, Final

from lienthong.errors import SegmentTampered
from lienthong.keyindex import Level, LevelFile, Merge, Sidecar, Source, merge
from lienthong.staging.remote import file_system

_SUFFIX: Final = ".kxl"
_PIECE: Final = 1 << 20


class LevelStore:
    """Level files under ``levels/<name>.kxl`` of staging's root.

    Files of a local store are mapped where they lie. Of an object store they are copied once into the
    ``cache`` folder, checked against their names there, and mapped from there.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._remote = _Remote(url) if "://" in url and not url.startswith("file://") else None
        self._folder = cache if self._remote else Path(url.removeprefix("file://")) / "levels"

    def open(self, name: str) -> LevelFile:
        """Open a file for look-ups.

        Raises `SegmentTampered` where it is gone or damaged. Another process may have merged and removed
        it meanwhile: read the list of the scope's files again before you believe it.
        """
        path = self._path(name)
        try:
            if self._remote and not path.exists():
                self._fetch(self._remote, name)
            return LevelFile.open(path)
        except FileNotFoundError:
            raise SegmentTampered(
                "the level file is not in the staging store",
                where=f"level file {name}",
                hint="it can be made again from the key indexes of the deliveries that it stands for",
            ) from None

    def spool(self) -> Path:
        """Return an empty file for `merge` to write, which `add` then takes without copying it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, path = tempfile.mkstemp(dir=self._folder, prefix=".merging-")
        os.close(handle)
        return Path(path)

    def add(self, path: Path, name: str | None = None) -> str:
        """Take a finished file over and return its name; the path is gone afterwards.

        ``name``: what `merge` returned; read from the file where it is not given. A file that is there
        already stays. What `add` took outlives a power failure.
        """
        if name is None:
            with path.open("rb") as file:
                name = file_digest(file, "sha256").hexdigest()
        if self._remote:
            self._remote.put(name, path)
        self._taken_in(path, name)
        return name

    def remove(self, name: str) -> None:
        """Remove a file and its local copy, if they are there; who has it open may go on."""
        if self._remote:
            self._remote.remove(name)
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Yield the names of all files that are there."""
        found = self._remote.names() if self._remote else (path.name for path in self._folder.glob("*"))
        for name in found:
            if name.endswith(_SUFFIX) and not name.startswith("."):
                yield name.removesuffix(_SUFFIX)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"

    def _fetch(self, remote: _Remote, name: str) -> None:
        """Copy a file into the cache, where it appears only if it is what its name says."""
        path, state = self.spool(), sha256()
        try:
            with remote.open(name) as source, path.open("wb") as copy:
                while piece := source.read(_PIECE):
                    state.update(piece)
                    copy.write(piece)
            if state.hexdigest() != name:
                raise SegmentTampered(
                    "the level file's bytes do not match its name",
                    where=f"level file {name}",
                    hint="it can be made again from the key indexes of the deliveries that it stands for",
                )
            self._taken_in(path, name)
        finally:
            path.unlink(missing_ok=True)

    def _taken_in(self, path: Path, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.replace(self._path(name))
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class _Remote:
    """Level files in an object store."""

    def __init__(self, url: str) -> None:
        self._fs, root = file_system(url)
        self._root = f"{root}/levels"

    def put(self, name: str, path: Path) -> None:
        self._fs.makedirs(self._root, exist_ok=True)
        self._fs.put_file(str(path), f"{self._root}/{name}{_SUFFIX}")

    def open(self, name: str) -> IO[bytes]:
        file: IO[bytes] = self._fs.open(f"{self._root}/{name}{_SUFFIX}", "rb")
        return file

    def remove(self, name: str) -> None:
        if self._fs.exists(f"{self._root}/{name}{_SUFFIX}"):
            self._fs.rm_file(f"{self._root}/{name}{_SUFFIX}")

    def names(self) -> Iterator[str]:
        if self._fs.exists(self._root):
            for path in self._fs.ls(self._root, detail=False):
                yield str(path).rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that a target answered: its place in the order of answers and its segment's key index.

    ``index``: the index's root. ``excluded``: the lines that the target did not take from this delivery
    (refused, superseded, unchanged ones).
    """

    taken: int
    index: str
    excluded: Container[int] = ()


def compact(
    files: LevelStore,
    what: Merge,
    *,
    scope: str,
    waiting: Sequence[Taken] = (),
    load: Callable[[str], Sidecar],
) -> Level:
    """Do one merge that `lienthong.keyindex.due` asks for; return the new file, which is stored then.

    ``waiting``: the deliveries of a scope that are in no level file yet, oldest first; ``load`` gives a
    key index by its root. Where the hash key changed among them, only those before the change are merged:
    ``last_taken`` of the result says how far it went. The caller enters the result in the ledger
    (`lienthong.ledger.KeyLevels.replace`); nothing old is removed here.
    """
    with ExitStack() as stack:
        sources: list[Source] = [stack.enter_context(files.open(file.name)) for file in what.files]
        taken = [at for file in what.files for at in (file.first_taken, file.last_taken)]
        key_ids: set[bytes] = set()
        for delivery in waiting[: what.deliveries]:
            sidecar = load(delivery.index)
            if sidecar.count and key_ids and sidecar.key_id not in key_ids:
                break
            key_ids |= {sidecar.key_id} if sidecar.count else set()
            sources.append((sidecar, delivery.excluded))
            taken.append(delivery.taken)
        path = files.spool()
        try:
            info = merge(sources, path, scope=scope, taken=(taken[0], taken[-1]))
            files.add(path, info.name)
        finally:
            path.unlink(missing_ok=True)
    return Level(info.name, what.level, taken[0], taken[-1], info.entries, info.key_id.hex())
