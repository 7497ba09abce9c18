"""A table made from the first batch, for sandboxes and small registers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Engine

from lienthong.connector import Batch
from lienthong.errors import Misconfigured
from lienthong.paths import names
from lienthong_connectors.sql._cut_names import refuse_long_names
from lienthong_connectors.sql._errors import DRIVER_ERRORS
from lienthong_connectors.sql._rows import dig
from lienthong_connectors.sql.settings import SqlTarget


def create_table(engine: Engine, settings: SqlTarget, batch: Batch) -> None:
    """Create the settings' table: columns from the mapping or the records, key as primary key."""
    records = batch.objects()
    columns_of = {".".join(names(path)): name for path, name in settings.by_path.items()}
    paths = columns_of or {name: name for record in records for name in record}
    key = [names(path) for path in settings.key or batch.key]
    for parts in key:
        paths.setdefault(".".join(parts), "_".join(parts))
    primary = {".".join(parts) for parts in key}
    if len(set(paths.values())) != len(paths):
        raise Misconfigured(
            "two members want one column", where=f"table {settings.table!r}", hint="set 'columns'"
        )
    if engine.dialect.name == "postgresql":
        refuse_long_names(paths.values(), f"table {settings.table!r}")
    columns = [
        sa.Column(name, _type([dig(record, path, ".") for record in records]), primary_key=path in primary)
        for path, name in paths.items()
    ]
    metadata = sa.MetaData(schema=settings.schema)
    try:
        sa.Table(settings.table, metadata, *columns).create(engine, checkfirst=False)
    except DRIVER_ERRORS:
        if not sa.inspect(engine).has_table(settings.table, schema=settings.schema):
            raise  # otherwise another worker was faster


def _type(values: list[Any]) -> Any:
    """Return the narrowest type that takes all the values."""
    types = {type(value) for value in values if value is not None}
    if types == {bool}:
        return sa.Boolean()
    if types == {int}:
        return sa.BigInteger()
    if types and types <= {int, float}:
        return sa.Double()
    if types & {dict, list}:
        return sa.JSON().with_variant(JSONB(), "postgresql")
    return sa.Text()
