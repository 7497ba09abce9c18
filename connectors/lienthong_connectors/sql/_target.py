"""An open SQL target: one transaction per batch, refused rows found by halving the batch."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from sqlalchemy.engine import Engine

from lienthong.connector import Answer, Batch, Connection, Context, Expiry, Finding, TargetCapabilities
from lienthong.errors import LienThongError, Misconfigured, OutcomeUnknown, Transient
from lienthong.records import parse
from lienthong_connectors.sql import _journal
from lienthong_connectors.sql._address import address_expiries, make_engine, seconds
from lienthong_connectors.sql._checks import check_target
from lienthong_connectors.sql._create import create_table
from lienthong_connectors.sql._cut_names import refuse_cut_names
from lienthong_connectors.sql._errors import DRIVER_ERRORS, original, sqlstate, translate, translated
from lienthong_connectors.sql._reasons import refusal
from lienthong_connectors.sql._store import CoreStore, Plan, Store
from lienthong_connectors.sql._table import Table, missing, reflect
from lienthong_connectors.sql._taking import Taking
from lienthong_connectors.sql.settings import SqlTarget, label


class OpenTarget:
    """Delivers batches into one table.

    ``capabilities`` is what the settings ask for; the first contact with the database takes back
    what it does not allow (a journal that cannot be created).
    """

    def __init__(self, settings: SqlTarget, connection: Connection, context: Context) -> None:
        self.settings = settings
        self._deadline = float(seconds(connection, "timeout", 120))
        self.capabilities = _capabilities(settings, journal=settings.journal, deadline=self._deadline)
        self.where = f"table {label(settings)!r} at connection {connection.id!r}"
        self._connection = connection
        self._context = context
        self._store: Store | None = None
        self._journal: _journal.Journal | None = None
        self._plan: Plan | None = None
        self._told = False

    @cached_property
    def engine(self) -> Engine:
        """The engine behind the connection; `Misconfigured` where the address is wrong."""
        return make_engine(self._connection, access="rwc" if self.settings.create else "rw")

    def deliver(self, batch: Batch) -> Answer:
        """Write a batch in one transaction, or answer from the journal if it was written before."""
        if not batch.records:
            return Answer(0)
        store, plan = self._ready(batch)
        try:
            return self._write(store, plan, batch)
        except DRIVER_ERRORS as error:
            self._give_up(store)
            raise self._failure(error) from None
        except LienThongError:
            self._give_up(store)
            raise

    def lookup(self, batch: Batch) -> Answer:
        """Answer from the journal; without one, what an upsert repeats safely counts as absent."""
        everything = frozenset(range(len(batch.records)))
        with translated(self.where):
            store = self._open()
            if self._journal is not None:
                found = self._journal.find(store, batch)
                store.rollback()
                return found or Answer(len(everything), absent=everything)
        if self.capabilities.repeatable:
            return Answer(len(everything), absent=everything)
        return Answer(len(everything), unknown=everything)

    def check(self) -> list[Finding]:
        """Test login, table, columns, key and journal without writing anything."""
        return check_target(self)

    def expiries(self) -> list[Expiry]:
        """Return until when the certificates that the address names are good."""
        return address_expiries(self._connection)

    def close(self) -> None:
        """Close the connection."""
        if self._store is not None:
            self._store.close()
            self._store = None
        if "engine" in self.__dict__:
            self.engine.dispose()

    def table(self) -> Table | None:
        """Return the reflected table, None where there is none."""
        return reflect(
            self.engine, self.settings.table, self.settings.schema, self.settings.by_path, self.where
        )

    def _open(self) -> Store:
        if self._store is None or self._store.lost():
            self._store = _store_for(self.engine, seconds(self._connection, "timeout", 120))
            if self.settings.journal and _journal.ensure(self.engine, self.settings.schema):
                self._journal = _journal.Journal(self.engine, self.settings.schema)
            journal = self._journal is not None
            self.capabilities = _capabilities(self.settings, journal=journal, deadline=self._deadline)
        return self._store

    def _ready(self, batch: Batch) -> tuple[Store, Plan]:
        """Connect, and look at the table with the first batch."""
        with translated(self.where):
            store = self._open()
            if self._plan is None:
                table = self.table()
                if table is None and self.settings.create:
                    create_table(self.engine, self.settings, batch)
                    table = self.table()
                if table is None:
                    raise missing(self.engine, self.settings.table, self.settings.schema, self.where)
                self._plan = Plan(table, self.key_columns(table, batch.key), self.settings.mode)
            refuse_cut_names(self._plan.table, batch.records, self.where)
            self._tell_unused(self._plan.table, batch)
        return store, self._plan

    def key_columns(self, table: Table, dataset_key: tuple[str, ...]) -> tuple[str, ...]:
        """Return the key's columns; `Misconfigured` where they are no unique key of the table."""
        paths = self.settings.key or dataset_key
        if not paths and self.settings.mode != "insert":
            raise Misconfigured("there is no key to write by", where=self.where, hint="set 'key'")
        columns = [table.column(path) for path in paths]
        for path, column in zip(paths, columns, strict=True):
            if column is None and self.settings.mode != "insert":
                raise Misconfigured(
                    f"no column takes the key {path!r}", where=self.where, hint="see 'columns'"
                )
        names = tuple(column for column in columns if column)
        if self.settings.mode == "upsert" and frozenset(names) not in table.unique:
            raise Misconfigured(
                f"({', '.join(names)}) is neither the primary key nor unique",
                where=self.where,
                hint="add a unique constraint, or set 'key'",
            )
        return names

    def _tell_unused(self, table: Table, batch: Batch) -> None:
        """Say once which members of the records no column takes (names only)."""
        if self._told:
            return
        self._told = True
        heads = {column.path for column in table.columns}
        unused = [
            name
            for name in parse(batch.records[0])
            if name not in heads and not any(path.startswith((f"{name}.", f"{name}_")) for path in heads)
        ]
        if unused:
            self._context.log(f"{self.where}: no column takes {', '.join(sorted(unused))}")

    def _write(self, store: Store, plan: Plan, batch: Batch) -> Answer:
        store.begin()
        if self._journal is not None:
            known = self._journal.find(store, batch)
            if known is not None:
                store.rollback()
                return known
        at = _journal.now()
        if self._journal is not None:
            self._journal.add(store, batch, at)
        refused = Taking(store, plan, public=self.settings.open_data).all(batch.records)
        if refused and self._journal is not None:
            self._journal.refuse(store, batch, refused)
        self._context.before_write()
        self._commit(store)
        total = len(batch.records)
        return Answer(total, refused, receipts=(_journal.receipt(batch, total, refused, at),))

    def _commit(self, store: Store) -> None:
        try:
            store.commit()
        except DRIVER_ERRORS as error:
            if store.lost() or sqlstate(original(error)) in ("08007", "40003"):
                raise OutcomeUnknown(
                    "the connection broke while the batch was committed",
                    where=self.where,
                    hint="ask with lookup",
                ) from None
            raise translate(error, self.where) from None

    def _failure(self, error: Exception) -> LienThongError:
        """Return the error for a batch that was rolled back."""
        if refusal(error, {}) is not None:
            return Transient("another delivery of this batch is under way", where=self.where)
        return translate(error, self.where)

    def _give_up(self, store: Store) -> None:
        with suppress(*DRIVER_ERRORS):
            store.rollback()
        if store.lost():
            store.close()
            self._store = None


def _capabilities(settings: SqlTarget, *, journal: bool, deadline: float) -> TargetCapabilities:
    safe = journal or settings.mode != "insert"
    return TargetCapabilities(repeatable=safe, lookup=journal, keyed=journal, deadline=deadline)


def _store_for(engine: Engine, timeout: int) -> Store:
    if engine.dialect.name == "sqlite":
        from lienthong_connectors.sql._sqlite import SqliteStore

        return SqliteStore(engine)
    if engine.dialect.name == "postgresql" and engine.dialect.driver == "psycopg":
        from lienthong_connectors.sql._postgres import PostgresStore

        return PostgresStore(engine, timeout)
    return CoreStore(engine)
