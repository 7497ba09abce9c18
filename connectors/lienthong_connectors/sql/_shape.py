"""What a source reads: its columns and key, and how rows become records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from lienthong.errors import Misconfigured
from lienthong.paths import below, plain, put
from lienthong.paths import names as steps
from lienthong.records import Record
from lienthong_connectors.sql._table import missing
from lienthong_connectors.sql._values import jsonable, parsed, truth
from lienthong_connectors.sql._written import Written
from lienthong_connectors.sql.settings import SqlSource

Converter = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns to read (``names``), the record path of each, the key, and what may be null in it.

    ``unique``: the database itself sees to it that no two rows share the key.
    """

    names: tuple[str, ...]
    paths: tuple[str, ...]
    key: tuple[str, ...]
    loose: tuple[str, ...] = ()
    converters: Mapping[str, Converter] = field(default_factory=dict)
    unique: bool = False

    def records(self, rows: Sequence[Sequence[Any]]) -> list[Record]:
        """Turn rows into records, converting column by column."""
        if not rows:
            return []
        columns = zip(*rows, strict=True)
        values = [
            self.converters.get(name, jsonable)(column)
            for name, column in zip(self.names, columns, strict=False)
        ]
        lines = zip(*values, strict=True)
        if not all(map(plain, self.paths)):
            return [self._nested(line) for line in lines]
        return [dict(zip(self.paths, line, strict=True)) for line in lines]

    def _nested(self, line: Sequence[Any]) -> Record:
        record: Record = {}
        for path, value in zip(self.paths, line, strict=True):
            put(record, steps(path), value)
        return record


def find_shape(engine: Engine, settings: SqlSource, where: str) -> Shape:
    """Look at the table or query; `Misconfigured` where a column is not there."""
    if settings.query:
        return _of_query(engine, settings, where)
    inspector = sa.inspect(engine)
    try:
        found = inspector.get_columns(settings.table, schema=settings.schema)
    except sa.exc.NoSuchTableError:
        raise missing(engine, settings.table, settings.schema, where) from None
    primary = inspector.get_pk_constraint(settings.table, schema=settings.schema)["constrained_columns"]
    names = [item["name"] for item in found]
    key = settings.key or tuple(primary)
    loose = tuple(item["name"] for item in found if item["name"] in key and item["name"] not in primary)
    shape = _make(settings, names, key, loose, _converters(engine, found), where)
    return replace(shape, unique=_unique(inspector, settings, key, primary))


def _unique(inspector: Any, settings: SqlSource, key: Sequence[str], primary: Sequence[str]) -> bool:
    """Tell whether the primary key, a unique constraint or a whole unique index lies within the key."""
    if primary and set(primary) <= set(key):
        return True
    if not key:
        return False
    table, schema = settings.table, settings.schema
    try:
        several = [item["column_names"] for item in inspector.get_unique_constraints(table, schema=schema)]
        indexes = inspector.get_indexes(table, schema=schema)
    except (NotImplementedError, sa.exc.NoSuchTableError):  # a view, or a database that does not tell
        return False
    several += [item["column_names"] for item in indexes if item["unique"] and not _partial(item)]
    return any(names and set(names) <= set(key) for names in several)


def _partial(index: Mapping[str, Any]) -> bool:
    """Tell whether an index covers some rows only, or expressions."""
    some = any(name.endswith("_where") for name in index.get("dialect_options", {}))
    return some or None in index["column_names"]


def _of_query(engine: Engine, settings: SqlSource, where: str) -> Shape:
    with engine.connect() as connection:
        looked_at = sa.select(sa.text("*")).select_from(Written(f"({settings.query}) AS q")).where(sa.false())
        result = connection.execute(looked_at)
        names = list(result.keys())
    return _make(settings, names, settings.key, settings.key, {}, where)


def _make(
    settings: SqlSource,
    names: list[str],
    key: tuple[str, ...],
    loose: tuple[str, ...],
    converters: Mapping[str, Converter],
    where: str,
) -> Shape:
    columns = dict(settings.by_path) or {below("", name): name for name in names}
    wanted = [*columns.values(), *key, *([settings.cursor] if settings.cursor else [])]
    for name in wanted:
        if name not in names:
            raise Misconfigured(
                f"there is no column {name!r}", where=where, hint=f"there are: {', '.join(names)}"
            )
    return Shape(tuple(columns.values()), tuple(columns), key, loose, converters)


def _converters(engine: Engine, found: Sequence[Any]) -> dict[str, Converter]:
    """Where the driver gives numbers for booleans or text for JSON, say so by column."""
    if engine.dialect.name == "postgresql":
        return {}
    result: dict[str, Converter] = {}
    for item in found:
        if isinstance(item["type"], sa.Boolean):
            result[item["name"]] = truth
        elif isinstance(item["type"], sa.JSON):
            result[item["name"]] = parsed
    return result
