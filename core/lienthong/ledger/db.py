"""The ledger's database: SQLite by default, PostgreSQL in production, many processes at once.

A transaction is either a reader (`Database.read`) or a writer (`Database.write`). On SQLite a
writer begins with ``BEGIN IMMEDIATE``, so that two writers queue instead of failing half way, and
every commit reaches the disk before it returns: an intent must survive a power failure.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from lienthong.errors import Misconfigured
from lienthong.ledger.db_faults import is_missing_table, translate
from lienthong.ledger.engine import Reading, is_absent, make_engine
from lienthong.ledger.tables import HEAD, VERSION_TABLE

_LOCK: Final = "SELECT pg_advisory_xact_lock(:key)"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_SCHEMA_LOCK: Final = 0x4C54_0001  # advisory lock keys: "LT" and a number
APPEND_LOCK: Final = 0x4C54_0002
"""PostgreSQL advisory lock that appends to the log take, so that the chain has one writer."""


class Database:
    """One ledger database; holds no transaction between calls and survives a fork.

    Connections are given back when it is closed, used up as a context manager, or forgotten.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        weakref.finalize(self, engine.dispose)

    @classmethod
    def open(cls, url: str, *, read_only: bool = False, group_read: bool = False) -> Self:
        """Open a database and bring it to this code's version, whoever else does so at the same time.

        ``url`` is ``sqlite:///<file>`` or ``postgresql+psycopg://<user>@<host>/<name>``. ``read_only``
        changes nothing whatever: no table, no file, no folder; a database of another version, or none,
        is then refused. ``group_read``: a SQLite file that is made may be read by its group. Raises
        `Misconfigured` for another kind of database, one that a newer version has made or that may not be
        opened, `Unavailable` where it does not answer, and `EvidenceTampered` where it is damaged.
        """
        database = cls(make_engine(url, read_only=read_only, group_read=group_read))
        try:
            if read_only:
                database._require_head()
            elif database.revision() != HEAD:
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
            plain = connection.connection.driver_connection
            try:
                yield connection
            finally:
                if isinstance(plain, Reading):
                    plain.check()  # comes before any fault that a file changed meanwhile may have caused

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
                if is_missing_table(error):
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
            raise self._newer(current) from None
        with self.write(lock=_SCHEMA_LOCK) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _require_head(self) -> None:
        """Refuse a database that is not there, or of another version: who only reads migrates nothing."""
        if is_absent(self._engine.url):
            raise Misconfigured(
                "there is no ledger yet",
                where=self.where,
                hint="the first run makes it, or: lienthong migrate; else check LIENTHONG_LEDGER",
            )
        found = self.revision()
        if found is not None and found > HEAD:
            raise self._newer(found)
        if found != HEAD:
            raise Misconfigured(
                f"the ledger is of version {found or 'none'}, this program reads {HEAD}",
                where=self.where,
                hint="run: lienthong migrate",
            )

    def _newer(self, found: str | None) -> Misconfigured:
        return Misconfigured(
            f"the ledger database is of version {found}, this program knows versions up to {HEAD}",
            where=self.where,
            hint="upgrade this program; never downgrade a ledger",
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the database refuses into our errors, without SQL or values."""
        try:
            yield
        except SQLAlchemyError as error:
            ours = translate(error, self._engine.url)
            if ours is None:
                raise
            raise ours from None


def upgrade(url: str) -> None:
    """Bring a database to this code's version; what `Database.open` also does."""
    Database.open(url).close()
