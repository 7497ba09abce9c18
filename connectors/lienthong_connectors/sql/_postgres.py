"""PostgreSQL through psycopg: COPY, straight into the table or by way of a temporary one.

A COPY into the table itself is the fastest there is, and the first one that meets a row which is
there already ends it: from then on the rows go through a temporary table and
``INSERT ... ON CONFLICT``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy.engine import Engine

from lienthong_connectors.sql._copytext import Converter, block, converter
from lienthong_connectors.sql._digits import require_digits
from lienthong_connectors.sql._merged import Merged
from lienthong_connectors.sql._rows import Column, Rows
from lienthong_connectors.sql._store import Plan, require_key
from lienthong_connectors.sql._upsert import insert_statement


class PostgresStore:
    """One psycopg connection; transactions are begun and ended by plain statements."""

    def __init__(self, engine: Engine, timeout: int) -> None:
        self._pooled = engine.raw_connection()
        driver: Any = self._pooled.driver_connection
        self._driver: psycopg.Connection[Any] = driver
        self._driver.autocommit = True
        self._run("SELECT set_config('statement_timeout', %s, false)", (str(timeout * 1000),))
        self._prepare = engine.dialect.identifier_preparer
        self._direct = True
        self._dirty: set[str] = set()
        self._loose: dict[str, bool] = {}
        self._writers: dict[tuple[Column, ...], _Writer] = {}

    def begin(self) -> None:
        """See `Store`."""
        self._dirty.clear()
        self._run("BEGIN")
        self._run("SET CONSTRAINTS ALL IMMEDIATE")

    def commit(self) -> None:
        """See `Store`."""
        self._run("COMMIT")

    def rollback(self) -> None:
        """See `Store`."""
        with suppress(psycopg.Error):
            self._run("ROLLBACK")

    def savepoint(self, name: str) -> None:
        """See `Store`."""
        self._run(f"SAVEPOINT {name}")

    def release(self, name: str, *, undo: bool) -> None:
        """See `Store`."""
        if undo:
            self._run(f"ROLLBACK TO SAVEPOINT {name}")
        self._run(f"RELEASE SAVEPOINT {name}")

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Store`."""
        cursor = self._run(statement.replace("?", "%s"), tuple(values))
        return cursor.fetchall() if cursor.description else []

    def write(self, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> None:
        """See `Store`."""
        if self._direct:
            if self._write_direct(plan, columns, records):
                return
            self._direct = False
        self._write_merged(plan, columns, records)

    def lost(self) -> bool:
        """See `Store`."""
        return self._driver.closed

    def close(self) -> None:
        """See `Store`."""
        with suppress(psycopg.Error):
            self._pooled.detach()  # so that the pool does not roll back a connection that may be broken
            self._driver.close()

    def _run(self, statement: str, values: tuple[Any, ...] | None = None) -> psycopg.Cursor[Any]:
        return self._driver.execute(statement.encode(), values or None)

    def _write_direct(self, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> bool:
        """Copy into the table.

        False where rows are there already and the plan knows what to do, and where fewer were stored.
        """
        self.savepoint("lt_direct")
        try:
            stored = self._copy(plan.table.quoted, plan, columns, records)
        except psycopg.errors.UniqueViolation:
            if plan.mode == "insert":
                raise
            self.release("lt_direct", undo=True)
            return False
        self.release("lt_direct", undo=stored < len(records))
        return stored >= len(records)

    def _write_merged(self, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> None:
        """Copy into the temporary table, then merge; the last of equal keys wins."""
        writer = self._writer(columns)
        place = self._temporary(plan, columns, writer)
        self._copy(place, plan, columns, records)
        rows = f"SELECT {writer.list} FROM {place}"  # noqa: S608 - quoted names only
        merge = insert_statement(self._prepare, plan, writer.names, rows)
        merged = Merged(self._driver, self._prepare, plan, writer.names, place, self._loose)
        kept: Sequence[int] = range(len(records))
        self.savepoint("lt_merge")
        try:
            stored = self._run(merge).rowcount
        except psycopg.errors.CardinalityViolation:
            self.release("lt_merge", undo=True)
            kept = merged.without_repeats(columns, records)
            stored = self._run(merge).rowcount
        else:
            self.release("lt_merge", undo=False)
        merged.check(kept, stored)

    def _temporary(self, plan: Plan, columns: tuple[Column, ...], writer: _Writer) -> str:
        """Return an empty temporary table for the columns (without their constraints)."""
        name = f"lienthong_{list(self._writers).index(columns)}"
        place = f"pg_temp.{name}"
        empty = f"SELECT {writer.list} FROM {plan.table.quoted} WHERE false"  # noqa: S608 - quoted names only
        # every time anew: undoing a savepoint may have undone the table's creation
        self._run(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS {empty}")
        if name in self._dirty:
            self._run(f"DELETE FROM {place}")  # noqa: S608 - our own name
        self._dirty.add(name)
        return place

    def _writer(self, columns: tuple[Column, ...]) -> _Writer:
        if columns not in self._writers:
            names = [column.name for column in columns]
            self._writers[columns] = _Writer(names, ", ".join(map(self._prepare.quote, names)), columns)
        return self._writers[columns]

    def _copy(self, place: str, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> int:
        """Copy records into a table; return how many rows the server says that it stored."""
        writer = self._writer(columns)
        with self._driver.cursor() as cursor:
            with cursor.copy(f"COPY {place} ({writer.list}) FROM STDIN".encode()) as copy:
                for rows in writer.rows.chunks(records):
                    if plan.mode != "insert":
                        require_key(plan, columns, rows)
                    require_digits(columns, rows)
                    copy.write(block(rows, writer.converters))
            return cursor.rowcount


class _Writer:
    """What is made once for a list of columns."""

    def __init__(self, names: list[str], quoted: str, columns: tuple[Column, ...]) -> None:
        self.names = names
        self.list = quoted
        self.rows = Rows(columns)
        self.converters: tuple[Converter, ...] = tuple(map(converter, columns))
