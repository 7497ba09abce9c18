"""SQLite through its own driver: one prepared statement, many rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.engine import Engine

from lienthong_connectors.sql._digits import require_digits
from lienthong_connectors.sql._rows import Column, Rows
from lienthong_connectors.sql._store import Plan, plain_values, require_key
from lienthong_connectors.sql._upsert import insert_statement


class SqliteStore:
    """A SQLite file, written in immediate transactions."""

    def __init__(self, engine: Engine) -> None:
        self._pooled = engine.raw_connection()
        driver: Any = self._pooled.driver_connection
        self._driver: sqlite3.Connection = driver
        self._prepare = engine.dialect.identifier_preparer
        self._lost = False
        self._careful = False
        self._statements: dict[tuple[Column, ...], tuple[str, Rows]] = {}

    def begin(self) -> None:
        """See `Store`."""
        self._driver.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """See `Store`."""
        try:
            self._driver.execute("COMMIT")
        except sqlite3.Error as error:
            # after an input/output error nobody can tell what reached the disk
            self._lost = str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_IOERR")
            raise

    def rollback(self) -> None:
        """See `Store`."""
        with suppress(sqlite3.Error):
            self._driver.execute("ROLLBACK")

    def savepoint(self, name: str) -> None:
        """See `Store`."""
        self._driver.execute(f"SAVEPOINT {name}")

    def release(self, name: str, *, undo: bool) -> None:
        """See `Store`."""
        if undo:
            self._driver.execute(f"ROLLBACK TO {name}")
        self._driver.execute(f"RELEASE {name}")

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Store`."""
        return self._driver.execute(statement, tuple(values)).fetchall()

    def write(self, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> None:
        """See `Store`."""
        if columns not in self._statements:
            names = [column.name for column in columns]
            values = f"VALUES ({', '.join('?' * len(names))})"
            self._statements[columns] = insert_statement(self._prepare, plan, names, values), Rows(columns)
        self.savepoint("lt_values")
        try:
            self._insert(plan, columns, records)
        except (sqlite3.InterfaceError, sqlite3.ProgrammingError):
            if self._careful:
                raise
            self._careful = True  # a nested value where the column's type promised none
            self.release("lt_values", undo=True)
            self._insert(plan, columns, records)
        else:
            self.release("lt_values", undo=False)

    def _insert(self, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> None:
        statement, rows = self._statements[columns]
        for chunk in rows.chunks(records):
            require_digits(columns, chunk)
            if plan.mode != "insert":
                require_key(plan, columns, chunk)
            self._driver.executemany(statement, plain_values(chunk, columns, careful=self._careful))

    def lost(self) -> bool:
        """See `Store`."""
        return self._lost

    def close(self) -> None:
        """See `Store`."""
        self._pooled.close()
