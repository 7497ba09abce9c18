"""Small helpers that the journal and the quarantine share: JSON columns and upserts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from lienthong.records import canonical


def dump(value: Any) -> str:
    """Return a JSON column's text: canonical (RFC 8785), so that equal values are equal texts."""
    return canonical(value).decode()


def load(text: str) -> Any:
    """Return the value of a JSON column."""
    return orjson.loads(text)


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    replace: Sequence[str] = (),
) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that leaves existing rows alone, or replaces the named columns."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement: postgresql.Insert | sqlite.Insert = dialect.insert(table)
    statement = statement.values(rows[0]) if len(rows) == 1 else statement
    if not replace:
        return statement.on_conflict_do_nothing()
    fresh = {name: statement.excluded[name] for name in replace}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=fresh)
