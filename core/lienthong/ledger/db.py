"""The ledger's database: SQLite by default, PostgreSQL in production, many processes at once.

A transaction is either a reader (`Database.read`) or a writer (`Database.write`). On SQLite a
writer begins with ``BEGIN IMMEDIATE``, so that two writers queue instead of failing half way, and
every commit reaches the disk before it returns: an intent must survive a power failure.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)

from lienthong.errors import Misconfigured, Unavailable
from lienthong.ledger.tables import HEAD, VERSION_TABLE

_BUSY_SECONDS: Final = 60
_LOCK: Final = "SELECT pg_advisory_xact_lock(:key)"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_SCHEMA_LOCK: Final = 0x4C54_0001  # advisory lock keys: "LT" and a number
APPEND_LOCK: Final = 0x4C54_0002
"""PostgreSQL advisory lock that appends to the log take, so that the chain has one writer."""

_OPEN: weakref.WeakSet[Engine] = weakref.WeakSet()


class Database:
    """One ledger database; holds no transaction between calls and survives a fork.

    Connections are given back when it is closed, used up as a context manager, or forgotten.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        weakref.finalize(self, engine.dispose)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database and bring it to this code's version, whoever else does so at the same time.

        ``url`` is ``sqlite:///<file>`` or ``postgresql+psycopg://<user>@<host>/<name>``. Raises
        `Misconfigured` for another kind of database or one that a newer version has made, and
        `Unavailable` where it does not answer.
        """
        database = cls(_engine(url))
        try:
            if database.revision() != HEAD:
                database._upgrade()
        except BaseException:
            database.close()
            raise
        return database

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def where(self) -> str:
        """The database's address without its password, for messages."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading; what is read comes from one moment on SQLite."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, lock: int | None = None) -> Iterator[Connection]:
        """Give a connection for writing, committed at the end and rolled back on an error.

        ``lock`` is a PostgreSQL advisory lock to hold meanwhile (SQLite has one writer anyway).
        """
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(lienthong_write=True)
            with connection.begin():
                if lock is not None and self.dialect == "postgresql":
                    connection.execute(text(_LOCK), {"key": lock})
                yield connection

    def clock(self) -> datetime | None:
        """Return the time of the database's own clock, None on SQLite, whose clock is this machine's."""
        if self.dialect != "postgresql":
            return None
        with self._translated(), self._engine.connect() as connection:
            moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment

    def revision(self) -> str | None:
        """Return the migration that the database stands at, None where it is empty."""
        with self._translated(), self._engine.connect() as connection:
            try:
                return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
            except (OperationalError, ProgrammingError) as error:
                if _is_missing_table(error):
                    return None
                raise

    def close(self) -> None:
        """Give back all connections; the database may be used again afterwards."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _upgrade(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        current = self.revision()
        try:
            ScriptDirectory.from_config(config).get_revision(current or HEAD)
        except CommandError:
            raise Misconfigured(
                f"the ledger database is of version {current}, this program knows versions up to {HEAD}",
                where=self.where,
                hint="upgrade this program; never downgrade a ledger",
            ) from None
        with self.write(lock=_SCHEMA_LOCK) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn lost connections and busy databases into `Unavailable`, without SQL or values."""
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise Unavailable(
                f"the ledger database does not answer: {_first_line(error)}",
                where=self.where,
                hint="check that it runs, that its disk has room and that nothing holds it locked",
            ) from None


def upgrade(url: str) -> None:
    """Bring a database to this code's version; what `Database.open` also does."""
    Database.open(url).close()


def _engine(url: str) -> Engine:
    parsed = _checked(url)
    options: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": parsed.drivername != "sqlite"}
    if parsed.drivername == "sqlite":
        options["connect_args"] = {"timeout": _BUSY_SECONDS}
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, **options)
    if parsed.drivername == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    _OPEN.add(engine)
    return engine


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
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


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("lienthong_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _is_missing_table(error: DBAPIError) -> bool:
    return "no such table" in str(error.orig) or getattr(error.orig, "sqlstate", None) == "42P01"


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]


def _after_fork() -> None:
    """Forget connections that belong to the parent process."""
    for engine in list(_OPEN):
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork)
