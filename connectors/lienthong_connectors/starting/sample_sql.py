"""A starting exchange from some rows of a table or view: types by the columns, else as the rows show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lienthong.connector import Connection, Context, ReadRequest
from lienthong_connectors.openapi import words
from lienthong_connectors.sql import SqlSource
from lienthong_connectors.starting.files import literal, text
from lienthong_connectors.starting.observed import Schema, changing, observed, unique_paths
from lienthong_connectors.starting.plans import Ends, Plan, Setting, giving, no_key, variable
from lienthong_connectors.starting.sampling import Sampled, Wish, guessed, nothing


def sample(connection: Connection, wish: Wish) -> Sampled:
    """Read some rows and return the starting exchange; raises what the connector raises."""
    schema, _, table = wish.place.rpartition(".")
    settings = SqlSource(table, schema=schema or None, page_size=wish.most)
    source = settings.open_source(connection, Context(log=_quiet))
    try:
        page = next(iter(source.read(ReadRequest(limit=wish.most))), None)
        columns = _columns(source.engine, table, schema or None)
        primary = source.shape().key
    finally:
        source.close()
    records = list(page.records) if page is not None else []
    if not records:
        raise nothing(wish.place, "choose a table that holds rows")
    seen = _typed(observed(records), columns, primary)
    keys = unique_paths(records, seen)
    key = wish.key or next(iter([*primary, *keys]), "")
    if not key:
        raise no_key(wish.place)
    return Sampled(_plan(connection, wish, seen, key, primary, len(records), columns), len(records), seen)


def _plan(
    connection: Connection,
    wish: Wish,
    seen: Schema,
    key: str,
    primary: tuple[str, ...],
    count: int,
    columns: Mapping[str, Any],
) -> Plan:
    schema, _, table = wish.place.rpartition(".")
    names = wish.names(connection)
    order = [] if primary else [Setting("key", literal((key,)), "GUESS: no two rows may share it")]
    settings = (
        Setting("table", text(table)),
        *([Setting("schema", text(schema))] if schema else []),
        *order,
    )
    changed = changing(seen) or _changed(columns)
    said = [
        f"GUESS: {key} names a record." if key not in primary else "",
        f"GUESS: cursor={text(changed)} here and in SqlSource would read only what changed, "
        "if every change of a row sets it." if changed else "",
    ]  # fmt: skip
    further = primary[1:] if (key,) == primary[:1] else ()
    made = guessed(giving(names, seen, key, further), count)
    return Plan(
        name=wish.name or variable(names.table),
        title=names.title,
        role="source",
        connection_id=connection.id,
        end=Ends("lienthong_connectors.sql", "SqlSource", settings),
        provider=wish.provider,
        consumer=wish.consumer,
        cursor=" ".join(filter(None, said)),
        **made,
    )


def _columns(engine: Any, table: str, schema: str | None) -> dict[str, Any]:
    import sqlalchemy as sa

    return {item["name"]: item for item in sa.inspect(engine).get_columns(table, schema=schema)}


def _changed(columns: Mapping[str, Any]) -> str:
    """Return the column of a time that is called so as if every change set it, "" without one."""
    import sqlalchemy as sa

    timely = (name for name, item in columns.items() if isinstance(item["type"], (sa.Date, sa.DateTime)))
    return next((name for name in timely if words.CHANGED.search(words.plain(name))), "")


def _typed(seen: Schema, columns: Mapping[str, Any], key: tuple[str, ...]) -> Schema:
    """Return the schema with what the columns say: which may be null, and the longest text."""
    properties: Schema = {}
    required = []
    for name, part in seen["properties"].items():
        column = columns.get(name)
        properties[name] = part if column is None else _widened(part, column, never_null=name in key)
        required.append(name)  # a row has every column
    return {"type": "object", "properties": properties, "required": required}


def _widened(part: Schema, column: Mapping[str, Any], *, never_null: bool) -> Schema:
    import sqlalchemy as sa

    kinds = part.get("type", [])
    said = {kinds} if isinstance(kinds, str) else set(kinds)
    if said <= {"null"}:
        said |= _by_column(column["type"])
    if isinstance(column["type"], (sa.Integer, sa.Numeric)) and said & {"integer", "number"}:
        said |= {"string"}  # what a double cannot carry comes as text
    if column.get("nullable", True) and not never_null:
        said.add("null")
    form = part.get("format")
    timely = isinstance(column["type"], (sa.Date, sa.DateTime, sa.Uuid))
    longest = getattr(column["type"], "length", None)
    made: Schema = {"type": sorted(said) if len(said) > 1 else next(iter(said))} if said else {}
    made |= {"format": form} if form and timely and form != "uri" else {}
    made |= {"maxLength": longest} if isinstance(longest, int) and said & {"string"} else {}
    inner: Schema = {word: part[word] for word in ("items", "properties", "required") if word in part}
    return {**made, **inner}


def _by_column(kind: Any) -> set[str]:
    """Return what a column gives of which the sample has no value."""
    import sqlalchemy as sa

    if isinstance(kind, sa.Boolean):
        return {"boolean"}
    if isinstance(kind, sa.JSON):
        return {"object", "array", "string", "number", "boolean"}
    if isinstance(kind, sa.Integer):
        return {"integer"}
    return {"number", "string"} if isinstance(kind, sa.Numeric) else {"string"}


def _quiet(_: str) -> None:
    """Take log lines and do nothing with them."""
