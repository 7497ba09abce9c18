"""What lies in a staging store, for whoever tidies it: names, sizes, ages, and removal by age.

A file that somebody stores again is made young again (`lienthong.staging.store`), and a removal looks at
the age once more under the lock that those who do so hold: what has just been needed is not removed.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from lienthong.staging.guarded import guarded
from lienthong.staging.remote import file_system

FOLDERS: Final = ("segments", "blobs", "indexes", "leaves")
UNFINISHED: Final = ".sealing-"
"""How files begin that were not finished: their writer was killed."""

YOUNG: Final = 6 * 3600
"""Seconds in which an object that is stored again need not be written again."""

_LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the store: its name below the root, its bytes, and when it was stored (since 1970)."""

    name: str
    size: int
    stored_at: float

    @property
    def digest(self) -> str:
        """The digest that names a segment, attachment or list of leaves."""
        return self.name.rsplit("/", 1)[-1].split(".", 1)[0]


class _Files(Protocol):
    def listed(self, folder: str) -> list[Stored]: ...

    def remove(self, name: str, before: float) -> bool: ...


class Shelf:
    """The files of a staging store by folder: ``segments``, ``blobs``, ``indexes``, ``leaves``."""

    def __init__(self, files: _Files) -> None:
        self._files = files

    @classmethod
    def open(cls, url: str) -> Shelf:
        """Open the store at a path or fsspec URL."""
        files: _Files
        if "://" not in url or url.startswith("file://"):
            files = _LocalShelf(Path(url.removeprefix("file://")))
        else:
            files = _RemoteShelf(url)
        return cls(guarded(files, url))

    def listed(self, folder: str) -> list[Stored]:
        """Return the files below a folder, unfinished ones included; none where there is no such folder."""
        return self._files.listed(folder)

    def remove(self, file: Stored, before: float) -> bool:
        """Remove a file unless it was stored again at or after a moment; tell whether it is gone."""
        return self._files.remove(file.name, before)


@contextmanager
def locked(root: Path, *, alone: bool) -> Iterator[None]:
    """Hold the store's lock: ``alone`` to remove a file, with others to make one young again."""
    handle = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def reuse(root: Path, name: str) -> bool:
    """Tell whether a file is there, and make it young again, so that nobody removes it for its age."""
    path = root / name
    if not path.exists():
        return False
    with locked(root, alone=False):
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
    return True


def reuse_object(system: Any, path: str) -> bool:
    """Tell whether an object is there and young enough; an old one is to be written again.

    Object stores have no lock: between the last look at an object's age and its removal lie milliseconds
    in which somebody might write it again. `YOUNG` makes it unlikely that such an object is old.
    """
    try:
        return bool(system.modified(path).timestamp() > time.time() - YOUNG)
    except FileNotFoundError:
        return False
    except NotImplementedError:
        return bool(system.exists(path))


def _raise(error: OSError) -> None:
    """Let a folder that cannot be read stop the work: what lies there may be needed."""
    raise error


class _LocalShelf:
    def __init__(self, root: Path) -> None:
        self._root = root

    def listed(self, folder: str) -> list[Stored]:
        return list(self._listed(self._root / folder)) if (self._root / folder).exists() else []

    def _listed(self, top: Path) -> Iterator[Stored]:
        for place, _, names in os.walk(top, onerror=_raise):
            for name in names:
                path = Path(place, name)
                try:
                    found = path.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # a file that was finished or removed meanwhile
                yield Stored(path.relative_to(self._root).as_posix(), found.st_size, found.st_mtime)

    def remove(self, name: str, before: float) -> bool:
        path = self._root / name
        with locked(self._root, alone=True):
            try:
                if path.stat(follow_symlinks=False).st_mtime >= before:
                    return False
                path.unlink()
            except FileNotFoundError:
                pass
        return True


class _RemoteShelf:
    def __init__(self, url: str) -> None:
        self._fs, self._root = file_system(url)

    def listed(self, folder: str) -> list[Stored]:
        top = f"{self._root}/{folder}"
        if not self._fs.exists(top):
            return []
        return [
            Stored(
                f"{folder}/{path.split(f'{folder}/', 1)[-1]}",
                int(info.get("size") or 0),
                self._fs.modified(path).timestamp(),
            )
            for path, info in self._fs.find(top, detail=True).items()
        ]

    def remove(self, name: str, before: float) -> bool:
        path = f"{self._root}/{name}"
        try:
            if self._fs.modified(path).timestamp() >= before:
                return False
            self._fs.rm_file(path)
        except FileNotFoundError:
            pass
        return True
