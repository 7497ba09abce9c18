"""The target table, reflected once per open and checked against the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect, Engine

from lienthong.errors import Misconfigured
from lienthong.paths import below
from lienthong.paths import names as steps
from lienthong_connectors.sql._digits import places_of
from lienthong_connectors.sql._rows import Column, Kind, present

_KINDS: tuple[tuple[type[Any], Kind], ...] = (
    (sa.JSON, "json"),
    (sa.ARRAY, "array"),
    (sa.Boolean, "boolean"),
    (sa.LargeBinary, "bytes"),
    (sa.Integer, "number"),
    (sa.Numeric, "number"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """What the writers need to know of a table; ``quoted`` is its name for statements.

    ``cuts_names``: the database has cut names of columns that were too long.
    """

    name: str
    schema: str | None
    quoted: str
    columns: tuple[Column, ...]
    unique: tuple[frozenset[str], ...]
    primary: tuple[str, ...]
    cuts_names: bool = False

    def column(self, path: str) -> str | None:
        """Return the column that takes a record path, or None."""
        parts = steps(path)
        for column in self.columns:
            if column.path == column.separator.join(parts):
                return column.name
        return None

    def paths(self) -> dict[str, str]:
        """Return the record path of every column."""
        return {column.name: column.said or below("", column.path) for column in self.columns}


def kind_of(kind: Any) -> Kind:
    """Return the kind of conversion that a column type needs."""
    return next((name for parent, name in _KINDS if isinstance(kind, parent)), "text")


def reflect(
    engine: Engine, name: str, schema: str | None, columns: Mapping[str, str], where: str
) -> Table | None:
    """Return the table, or None where it does not exist; `Misconfigured` where columns do not fit."""
    inspector = sa.inspect(engine)
    try:
        found = inspector.get_columns(name, schema=schema)
    except sa.exc.NoSuchTableError:
        return None
    if not found:
        return None  # another worker made it between the inspector's two questions
    primary = tuple(inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])
    return Table(
        name,
        schema,
        quoted_table(engine.dialect, name, schema),
        tuple(_chosen(found, columns, where, engine.dialect.name)),
        _unique_sets(inspector, name, schema, primary),
        primary,
        cuts_names=engine.dialect.name == "postgresql",
    )


def missing(engine: Engine, name: str, schema: str | None, where: str) -> Misconfigured:
    """Return the error for a table that is not there, with the nearest names."""
    inspector = sa.inspect(engine)
    names = inspector.get_table_names(schema=schema) + inspector.get_view_names(schema=schema)
    near = get_close_matches(name, names, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "create it, or correct 'table' and 'schema'"
    return Misconfigured(f"there is no table {name!r}", where=where, hint=hint)


def quoted_table(dialect: Dialect, name: str, schema: str | None) -> str:
    """Return a table's name, quoted for a statement."""
    prepare = dialect.identifier_preparer
    return f"{prepare.quote(schema)}.{prepare.quote(name)}" if schema else prepare.quote(name)


def _unique_sets(
    inspector: Any, name: str, schema: str | None, primary: Sequence[str]
) -> tuple[frozenset[str], ...]:
    sets = [frozenset(primary)] if primary else []
    sets += [
        frozenset(item["column_names"]) for item in inspector.get_unique_constraints(name, schema=schema)
    ]
    for index in inspector.get_indexes(name, schema=schema):
        whole = None not in index["column_names"] and not index.get("dialect_options", {}).get(
            "postgresql_where"
        )
        if index["unique"] and whole:
            sets.append(frozenset(index["column_names"]))
    return tuple(sets)


def _chosen(found: Sequence[Any], columns: Mapping[str, str], where: str, dialect: str) -> list[Column]:
    paths = {column: path for path, column in columns.items()}
    names = [item["name"] for item in found]
    for wanted in paths:
        if wanted not in names:
            near = get_close_matches(wanted, names, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else "correct 'columns'"
            raise Misconfigured(f"the table has no column {wanted!r}", where=where, hint=hint)
    chosen = [_column(item, paths, dialect) for item in found if not item.get("computed")]
    for column in chosen:
        if paths and column.required and column.name not in paths:
            raise Misconfigured(
                f"column {column.name!r} is required and nothing fills it",
                where=where,
                hint="add it to 'columns', or give it a default",
            )
    return [column for column in chosen if not paths or column.name in paths]


def _column(item: Any, paths: Mapping[str, str], dialect: str) -> Column:
    name = item["name"]
    default = item.get("default") is not None or item.get("identity") or item.get("autoincrement") is True
    return Column(
        name,
        ".".join(steps(paths[name])) if name in paths else name,
        "." if paths else "_",
        kind_of(item["type"]),
        required=not item["nullable"] and not default,
        optional=bool(default) and not paths,
        places=places_of(item["type"], dialect),
        said=paths.get(name, ""),
    )


def filled(columns: Sequence[Column], record: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns to write for a record: all, less those whose default should apply."""
    return tuple(column for column in columns if not column.optional or present(column, dict(record)))
