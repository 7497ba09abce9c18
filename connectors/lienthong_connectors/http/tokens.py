"""Access tokens shared among the tasks of a deployment: encrypted files in a private folder.

A task asks for a token once and the tasks after it use the same, until it runs out. An entry is
encrypted (AES-256-GCM) with a key derived from the connection's own secret (HKDF-SHA-256, RFC
5869): who can read the token could have asked for it anyway, and a changed secret makes old
entries worthless. An entry that is stale, damaged or not ours alone is not used; a folder that
cannot be written costs a token request, nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MOST_ENTRIES = 256
"""Entries kept at most; those written longest ago go first."""
LARGEST = 64 << 10
"""Bytes of the largest entry."""
LONGEST = 86_400.0
"""Seconds for which a shared token is trusted, whatever its own life."""

_NONCE = 12
_PURPOSE = b"lienthong access token 1"


class SharedToken:
    """One credential's place in the cache; ``identity`` names who asks where for what.

    The file's name is a hash of the identity, so that neither folder nor log tells it. Safe among
    processes: an entry is replaced in one step, and the last writer wins.
    """

    def __init__(self, folder: Path, identity: tuple[str, ...], secret: bytes) -> None:
        self._name = hashlib.sha256(orjson.dumps(identity)).hexdigest()
        self._path = folder / "tokens" / self._name
        self._key = HKDF(SHA256(), 32, salt=None, info=_PURPOSE + self._name.encode()).derive(secret)

    def load(self) -> tuple[str, float] | None:
        """Return the token and the seconds for which it is still good, None where there is none."""
        try:
            sealed = _read_private(self._path)
            plain = AESGCM(self._key).decrypt(sealed[:_NONCE], sealed[_NONCE:], self._name.encode())
        except (OSError, ValueError, InvalidTag):
            return None
        token, until = orjson.loads(plain)
        left = until - time.time()
        return (token, left) if 0 < left <= LONGEST else None

    def store(self, token: str, seconds: float) -> None:
        """Keep a token for the given seconds (a day at most)."""
        plain = orjson.dumps([token, time.time() + min(seconds, LONGEST)])
        if seconds <= 0 or len(plain) > LARGEST - 64:
            return
        nonce = os.urandom(_NONCE)
        sealed = nonce + AESGCM(self._key).encrypt(nonce, plain, self._name.encode())
        with contextlib.suppress(OSError):
            self._write(sealed)
            _prune(self._path.parent)

    def remove(self, token: str) -> None:
        """Take a token away that was refused; one that another task stored meanwhile stays."""
        found = self.load()
        if found is not None and found[0] == token:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _write(self, sealed: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._path.with_name(f".{self._name}.{os.getpid()}.{os.urandom(4).hex()}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(sealed)
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)


def _read_private(path: Path) -> bytes:
    """Return the bytes of a file that is ours alone; raise `OSError` where it is not."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(path)
        return file.read(LARGEST)


def _prune(folder: Path) -> None:
    """Drop what was written longest ago, down to `MOST_ENTRIES`; left-over parts go the same way."""
    ages: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            ages.append((path.stat(follow_symlinks=False).st_mtime, path))
    for _, path in sorted(ages)[: max(0, len(ages) - MOST_ENTRIES)]:
        path.unlink(missing_ok=True)
