"""What the operating system refuses, as one of our errors: with the place and the next step.

An `OSError` that leaves the bus as it is tells nobody what to do, and its text may quote an address.
What reads or writes files does so under `file_faults`; what shows an address shows it as `shown`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lienthong.errors import LienThongError, Misconfigured, Unavailable

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PASSING: Final = frozenset(
    {
        *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ENOLCK),
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ETXTBSY, errno.ENXIO, errno.ENODEV),
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EHOSTUNREACH, errno.ENETUNREACH),
    }
)
_HINTS: Final[dict[int, str]] = {
    errno.EROFS: "the file system is read-only: mount it for writing, or name another place",
    errno.EACCES: "give the account that runs this the right to it, or name another place",
    errno.EPERM: "give the account that runs this the right to it, or name another place",
    errno.ENOENT: "check the path: a folder of it is missing, or nothing can be made there",
    errno.ENOTDIR: "check the path: a part of it is a file, not a folder",
    errno.EISDIR: "check the path: it is a folder, not a file",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.ELOOP: "check the path: its links lead in a circle",
    errno.EEXIST: "check the path: there is something of this name already",
}
_ADDRESS: Final = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]*")


def os_fault(error: OSError, what: str, where: str, *, hint: str = "") -> LienThongError:
    """Return our error for one of the operating system.

    No room, a device that fails, too many open files, a server that does not answer: `Unavailable`,
    because waiting (and somebody who makes room) may help. No right, no such folder, read-only and the
    rest: `Misconfigured`. ``what`` says what could not be done; the system's own words follow it.
    """
    message = f"{what}: {error.strerror or type(error).__name__}"
    if error.errno in _NO_ROOM:
        return Unavailable(message, where=where, hint="make room; the same again then goes on")
    if error.errno in _PASSING or isinstance(error, (TimeoutError, ConnectionError)):
        return Unavailable(message, where=where, hint="the same again goes on where this stopped")
    return Misconfigured(message, where=where, hint=hint or _HINTS.get(error.errno or 0, "check the path"))


@contextmanager
def file_faults(what: str, where: str | Path, *, hint: str = "") -> Iterator[None]:
    """Turn what the operating system refuses inside into one of our errors (`os_fault`)."""
    try:
        yield
    except OSError as error:
        raise os_fault(error, what, str(where), hint=hint) from None


def read_private(path: Path, what: str) -> bytes:
    """Return the bytes of a file that only its owner may read; ``what`` names it (the password file).

    Raises `Misconfigured` where it is missing, unreadable, or open to group or others.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise Misconfigured(
                    f"others can read or change {what} (mode {mode:04o})",
                    where=str(path),
                    hint=f"run: chmod 600 {path}, and replace what is in it if others may have read it",
                )
            return file.read()
    except OSError as error:
        raise Misconfigured(
            f"{what} cannot be read: {error.strerror}",
            where=str(path),
            hint="check the path and that the process may read it",
        ) from None


def shown(url: str) -> str:
    """Return an address without what may be secret in it: account, password, parameters."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        host = parts.netloc.rsplit("@", maxsplit=1)[-1]
    except ValueError:
        return f"{url.split('://', maxsplit=1)[0]}://…"
    return f"{parts.scheme}://{host}{parts.path}"


def without_addresses(text: str) -> str:
    """Return a foreign error's text with every address in it shortened to what may be shown."""
    return _ADDRESS.sub(lambda found: shown(found[0]), text)
