"""Connections to the ledger's database: for writing, or for reading without leaving a trace.

A SQLite ledger is in WAL mode. Whoever opens such a file for reading in the usual way makes the files
``-shm`` and ``-wal`` beside it, in the reader's own name, and so locks the next writer out. A reader
here never makes a file: where a writer has the ledger open its files are used as they are; where nobody
has, the file itself is complete and is read as it lies. `Reading.check` then tells at the end whether
somebody wrote into it meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from lienthong.errors import Misconfigured, Unavailable
from lienthong.faults import file_faults

_BUSY_SECONDS: Final = 60
_TRIES: Final = 20
_OPEN: weakref.WeakSet[Engine] = weakref.WeakSet()


class Reading(sqlite3.Connection):
    """A connection that reads; ``stamp`` is what the file was where it is read as it lies."""

    stamp: tuple[int, ...] | None = None
    file: Path = Path()

    def check(self) -> None:
        """Raise `Unavailable` where the file was written while it was read as it lies."""
        if self.stamp is not None and self.stamp != _stamp(self.file):
            raise Unavailable(
                "the ledger was written while it was read", where=str(self.file), hint="read it again"
            )


def make_engine(url: str, *, read_only: bool = False, group_read: bool = False) -> Engine:
    """Return the engine of a ledger database; nothing is connected yet.

    Raises `Misconfigured` for another kind of database. Only where it is to be written is the folder of
    a SQLite file made, and the file, which is its owner's alone unless its group may read (``group_read``).
    """
    parsed = _checked(url)
    if parsed.drivername == "sqlite":
        engine = _sqlite_reader(parsed) if read_only else _sqlite_writer(parsed, group_read)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        mode: dict[str, Any] = {"execution_options": {"postgresql_readonly": True}} if read_only else {}
        engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=True, **mode)
    _OPEN.add(engine)
    return engine


def is_absent(url: URL) -> bool:
    """Tell whether a SQLite ledger's file is not there."""
    return url.drivername == "sqlite" and not Path(str(url.database)).exists()


def _sqlite_writer(parsed: URL, group_read: bool) -> Engine:
    file = Path(str(parsed.database))
    folder = file.parent
    with file_faults("the ledger's folder cannot be made", folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():  # its -wal and -shm take its mode
            file.touch(mode=0o600)
            if group_read:
                file.chmod(0o640)
        _shut_others_out(file)
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _shut_others_out(file: Path) -> None:
    """Take from others what an older release, or a copy, has left them; what is not ours stays as it is."""
    for one in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        with suppress(FileNotFoundError, PermissionError):
            mode = stat.S_IMODE(one.stat().st_mode)
            if mode & 0o007:
                one.chmod(mode & ~0o007)


def _sqlite_reader(parsed: URL) -> Engine:
    path = Path(str(parsed.database))
    # a connection a transaction: how the file is to be read depends on who has it open at that moment
    engine = create_engine(
        parsed, hide_parameters=True, creator=lambda: _open_reader(path), poolclass=NullPool
    )
    event.listen(engine, "connect", _without_driver_transactions)
    return engine


def _open_reader(path: Path) -> Reading:
    """Open a file for reading; try again where the last writer leaves, or the first one comes, just now."""
    for attempt in range(_TRIES):
        stamp = _stamp(path)
        lies = _is_complete(path)
        mode = "mode=ro&immutable=1" if lies else "mode=ro&readonly_shm=1"
        try:
            found = sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?{mode}",
                uri=True,
                timeout=_BUSY_SECONDS,
                check_same_thread=False,
                factory=Reading,
            )
            found.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the files, at last
        except sqlite3.OperationalError:
            if attempt == _TRIES - 1 or lies == _is_complete(path):
                raise
            continue
        found.stamp, found.file = (stamp if lies else None), path
        return found
    raise AssertionError("unreachable")  # pragma: no cover


def _is_complete(path: Path) -> bool:
    """Tell whether all that was committed is in the file itself, none of it in a log beside it."""
    try:
        return Path(f"{path}-wal").stat().st_size == 0
    except OSError:
        return True


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116 - the path may be given up between two calls of its methods
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _unusable("not a database address") from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise _unusable(f"{parsed.drivername} is not supported")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise _unusable("a database in memory cannot be shared among processes")
    return parsed


def _unusable(message: str) -> Misconfigured:
    return Misconfigured(
        message,
        where="ledger database",
        hint="set LIENTHONG_LEDGER to sqlite:///<file> or postgresql+psycopg://<user>@<host>/<name>",
    )


def _without_driver_transactions(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver


def _prepare_sqlite(connection: Any, record: object) -> None:
    _without_driver_transactions(connection, record)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("lienthong_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _after_fork() -> None:
    """Forget connections that belong to the parent process."""
    for engine in list(_OPEN):
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork)
