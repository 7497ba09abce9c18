"""SQLite through its own driver: one prepared statement, many rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.sql.compiler import IdentifierPreparer

from lienthong_connectors.sql._digits import require_digits
from lienthong_connectors.sql._reasons import key_merged, not_stored
from lienthong_connectors.sql._rows import CHUNK, Column, Row, Rows
from lienthong_connectors.sql._same_key import SameKey
from lienthong_connectors.sql._store import Plan, plain_values, require_key
from lienthong_connectors.sql._upsert import insert_statement

_EXACT = {"text": str, "number": int}


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
        self._exact: dict[str, bool] = {}

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
            # OR ABORT: else a constraint of the table may say IGNORE or REPLACE, and rows vanish
            statement = insert_statement(self._prepare, plan, names, values, verb="INSERT OR ABORT")
            self._statements[columns] = statement, Rows(columns)
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
        there = _There(self._driver, self._prepare, plan, columns)
        loose = plan.mode != "insert" and not self._exact_index(plan)
        missing: list[int] = []
        for number, chunk in enumerate(rows.chunks(records)):
            require_digits(columns, chunk)
            if plan.mode != "insert":
                require_key(plan, columns, chunk)
            values = plain_values(chunk, columns, careful=self._careful)
            if loose or (plan.mode != "insert" and there.converts(values)):
                there.one_by_one(statement, values, number * CHUNK)
            elif self._driver.executemany(statement, values).rowcount < len(values):
                missing += [number * CHUNK + place for place in there.absent(values)]
        there.raise_merged()
        if missing:
            raise not_stored(missing)

    def _exact_index(self, plan: Plan) -> bool:
        """Tell whether the table compares texts of the key as they are: by the collations of its index."""
        if plan.table.quoted not in self._exact:
            self._exact[plan.table.quoted] = self._looked_up(plan)
        return self._exact[plan.table.quoted]

    def _looked_up(self, plan: Plan) -> bool:
        place = f"{self._prepare.quote(plan.table.schema)}." if plan.table.schema else ""
        name = self._prepare.quote(plan.table.name)
        for row in self._driver.execute(f"PRAGMA {place}index_list({name})").fetchall():
            index = self._prepare.quote(row[1])
            parts = self._driver.execute(f"PRAGMA {place}index_xinfo({index})").fetchall()
            keyed = {part[2]: part[4] for part in parts if part[5]}
            if keyed.keys() == set(plan.key) and set(keyed.values()) != {"BINARY"}:
                return False
        return True  # without an index the key is the number of the row itself

    def lost(self) -> bool:
        """See `Store`."""
        return self._lost

    def close(self) -> None:
        """See `Store`."""
        self._pooled.close()


class _There:
    """Rows that are looked at one by one: where the counts fall short, or keys are compared loosely."""

    def __init__(
        self,
        driver: sqlite3.Connection,
        prepare: IdentifierPreparer,
        plan: Plan,
        columns: tuple[Column, ...],
    ) -> None:
        self._driver, self._columns = driver, columns
        names = [column.name for column in columns]
        self._key = [names.index(name) for name in plan.key if name in names]
        wanted = self._key if plan.mode == "insert-ignore" else range(len(names))
        self._wanted = list(wanted) or list(range(len(names)))
        same = " AND ".join(f"{prepare.quote(names[place])} IS ?" for place in self._wanted)
        self._exists = f"SELECT 1 FROM {plan.table.quoted} WHERE {same} LIMIT 1"  # noqa: S608 - quoted names
        keys = [prepare.quote(names[place]) for place in self._key]
        by_key = " AND ".join(f"{name} = ?" for name in keys)
        self._by_key = f"SELECT {', '.join(keys)} FROM {plan.table.quoted} WHERE {by_key}"  # noqa: S608 - the same
        self._known = SameKey()
        self._merged: list[int] = []
        self._missing: list[int] = []

    def converts(self, rows: Sequence[Row]) -> bool:
        """Tell whether a key column may change a value into an equal one: it is not of the column's type."""
        columns = list(zip(*rows, strict=True))
        return any(
            set(map(type, columns[place])) != {_EXACT.get(self._columns[place].kind)} for place in self._key
        )

    def absent(self, rows: Sequence[Row]) -> list[int]:
        """Return the places of rows that the table does not hold as they are (insert-ignore: by key)."""
        return [place for place, row in enumerate(rows) if not self._holds(row)]

    def one_by_one(self, statement: str, rows: Sequence[Row], before: int) -> None:
        """Write rows, but for those that would go over a row of another key."""
        for place, row in enumerate(rows, before):
            key = [row[number] for number in self._key]
            found = self._driver.execute(self._by_key, key).fetchone()
            if self._known.differs(found, key):
                self._merged.append(place)
                continue
            if self._driver.execute(statement, row).rowcount < 1 and not self._holds(row):
                self._missing.append(place)
                continue
            self._known.note(found or self._driver.execute(self._by_key, key).fetchone(), key)

    def raise_merged(self) -> None:
        """Raise `RowError` for what was left out."""
        if self._merged:
            raise key_merged(self._merged)
        if self._missing:
            raise not_stored(self._missing)

    def _holds(self, row: Row) -> bool:
        values = [row[place] for place in self._wanted]
        return self._driver.execute(self._exists, values).fetchone() is not None
