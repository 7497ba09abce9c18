"""What the delivery logic needs of a database, and the way that works with any of them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from lienthong_connectors.sql._digits import require_digits
from lienthong_connectors.sql._reasons import key_merged, key_missing, not_stored, wrong_type
from lienthong_connectors.sql._rows import Column, Row, Rows
from lienthong_connectors.sql._same_key import SameKey
from lienthong_connectors.sql._table import Table


@dataclass(frozen=True, slots=True)
class Plan:
    """How batches are written: the table, the key columns, the mode."""

    table: Table
    key: tuple[str, ...]
    mode: str


class Store(Protocol):
    """One open database connection; statements use ``?`` for values."""

    def begin(self) -> None:
        """Begin the batch's transaction."""
        ...

    def commit(self) -> None:
        """Commit it."""
        ...

    def rollback(self) -> None:
        """Undo it; never raises."""
        ...

    def savepoint(self, name: str) -> None:
        """Set a savepoint."""
        ...

    def release(self, name: str, *, undo: bool) -> None:
        """Drop a savepoint, undoing what came after it if asked."""
        ...

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        ...

    def write(self, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> None:
        """Write records; raises `RowError` or the driver's error where one of them does not fit.

        What was written is there: where the statement counts fewer rows than were sent, they are looked for,
        and a row is never written over one of another key that the table takes for the same.
        """
        ...

    def lost(self) -> bool:
        """Tell whether the connection is gone."""
        ...

    def close(self) -> None:
        """Close the connection; never raises."""
        ...


class CoreStore:
    """Any SQLAlchemy dialect: update, and insert where nothing was updated. Correct, not fast."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        self._savepoints: dict[str, Any] = {}

    def begin(self) -> None:
        """See `Store`."""
        self._savepoints.clear()
        self._connection.begin()

    def commit(self) -> None:
        """See `Store`."""
        self._connection.commit()

    def rollback(self) -> None:
        """See `Store`."""
        with _quiet():
            self._connection.rollback()

    def savepoint(self, name: str) -> None:
        """See `Store`."""
        self._savepoints[name] = self._connection.begin_nested()

    def release(self, name: str, *, undo: bool) -> None:
        """See `Store`."""
        savepoint = self._savepoints.pop(name)
        if undo:
            savepoint.rollback()
        else:
            savepoint.commit()

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Store`."""
        for number in range(len(values)):
            statement = statement.replace("?", f":v{number}", 1)
        result = self._connection.execute(
            sa.text(statement), {f"v{number}": value for number, value in enumerate(values)}
        )
        return [tuple(row) for row in result] if result.returns_rows else []

    def write(self, plan: Plan, columns: tuple[Column, ...], records: Sequence[bytes]) -> None:
        """See `Store`."""
        one, fates = _OneByOne(self._connection, plan, columns), list[str]()
        for some in Rows(columns).chunks(records):
            require_digits(columns, some)
            fates += [one.write(row) for row in plain_values(some, columns)]
        for fate, refused in (("merged", key_merged), ("missing", not_stored)):
            if fate in fates:
                raise refused(place for place, found in enumerate(fates) if found == fate)

    def lost(self) -> bool:
        """See `Store`."""
        return self._connection.invalidated or self._connection.closed

    def close(self) -> None:
        """See `Store`."""
        with _quiet():
            self._connection.close()


class _OneByOne:
    """Writes single rows: update where the key is there, insert where it is not."""

    def __init__(self, connection: Any, plan: Plan, columns: tuple[Column, ...]) -> None:
        self._connection, self._plan, self._columns = connection, plan, columns
        names = [column.name for column in columns]
        self._table = sa.table(plan.table.name, *map(sa.column, names), schema=plan.table.schema)
        self._known = SameKey()

    def write(self, row: Row) -> str:
        """Write a row; return "merged" or "missing" where it is not there afterwards, else an empty text."""
        plan, table = self._plan, self._table
        values = dict(zip((column.name for column in self._columns), row, strict=True))
        if plan.mode == "insert":
            return self._counted(sa.insert(table).values(values), values)
        require_key(plan, self._columns, [row])
        same = sa.and_(*(table.c[name] == values[name] for name in plan.key))
        key = [values[name] for name in plan.key]
        by_key = sa.select(*(table.c[name] for name in plan.key)).where(same)
        found = self._connection.execute(by_key).first()
        if self._known.differs(found, key):
            return "merged"
        rest = {name: value for name, value in values.items() if name not in plan.key}
        fate = ""
        if found is None:
            fate = self._counted(sa.insert(table).values(values), values)
        elif plan.mode == "upsert" and rest:
            fate = self._counted(sa.update(table).where(same).values(rest), values)
        if not fate:
            self._known.note(found or self._connection.execute(by_key).first(), key)
        return fate

    def _counted(self, statement: Any, values: dict[str, Any]) -> str:
        """Run a statement that concerns one row; see whether it is there where the count does not say so."""
        if self._connection.execute(statement).rowcount != 0:  # -1 where a driver does not count
            return ""
        equal = [
            sa.or_(self._table.c[name] == item, _both_null(self._table.c[name], item))
            for name, item in values.items()
        ]
        held = sa.select(sa.literal(1)).select_from(self._table).where(*equal)
        return "" if self._connection.execute(held).first() else "missing"


def _both_null(column: Any, value: Any) -> Any:
    return column.is_(None) if value is None else sa.false()


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore driver errors while a connection that may be broken is given up."""
    try:
        yield
    except sa.exc.SQLAlchemyError:
        return


def plain_values(rows: list[Row], columns: Sequence[Column], *, careful: bool = True) -> list[Row]:
    """Return rows for a driver that takes Python values: objects and lists become JSON text.

    Without ``careful`` only columns whose type says so are looked at.
    """
    wanted = [number for number, column in enumerate(columns) if careful or column.kind in ("json", "bytes")]
    if not wanted:
        return rows
    values: list[Any] = list(zip(*rows, strict=True))
    for number in wanted:
        values[number] = _plain_column(columns[number], values[number])
    return list(zip(*values, strict=True))


def _plain_column(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    if column.kind == "json":
        return [None if value is None else _json(value) for value in values]
    if column.kind == "bytes":
        return [_binary(value, column.path) for value in values]
    if _NESTED.isdisjoint(map(type, values)):
        return values
    return [_json(value) if type(value) in _NESTED else value for value in values]


_NESTED = frozenset({dict, list})


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _binary(value: Any, path: str) -> bytes | None:
    try:
        return None if value is None else b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise wrong_type(path) from None


def require_key(plan: Plan, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Refuse rows with an empty key part: they would be new with every repeat."""
    for number, column in enumerate(columns):
        if column.name in plan.key and None in [row[number] for row in rows]:
            raise key_missing(column.path)
