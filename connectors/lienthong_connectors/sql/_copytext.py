"""Rows as PostgreSQL's COPY text format, converted column by column.

Whole columns are joined once to see whether anything in them needs an escape; only then are
values touched one by one.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import orjson

from lienthong_connectors.sql._reasons import wrong_type
from lienthong_connectors.sql._rows import Column, Row

_NULL = "\\N"
Values: TypeAlias = Sequence[Any]
Converter: TypeAlias = Callable[[Values], Sequence[str]]


def block(rows: Sequence[Row], converters: Sequence[Converter]) -> str:
    """Return rows as one block of COPY text."""
    columns = [convert(values) for convert, values in zip(converters, zip(*rows, strict=True), strict=True)]
    return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def converter(column: Column) -> Converter:
    """Return the conversion of a column's values to COPY text."""
    if column.kind == "bytes":
        return lambda values: [_binary(value, column.path) for value in values]
    if column.kind == "array":
        return lambda values: [_NULL if value is None else _array(value) for value in values]
    return _BY_KIND[column.kind]


def _text(values: Values) -> Sequence[str]:
    try:
        joined = "".join(values)
    except TypeError:
        return _mixed(values)
    return [_escaped(value) for value in values] if _special(joined) else values


def _mixed(values: Values) -> Sequence[str]:
    """Convert a column that holds more than texts, nulls most of the time."""
    try:
        special = _special("".join([value for value in values if value is not None]))
    except TypeError:
        special = True
    if special:
        return [_any(value) for value in values]
    return [_NULL if value is None else value for value in values]


def _special(joined: str) -> bool:
    return "\\" in joined or "\n" in joined or "\t" in joined or "\r" in joined


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _any(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, str):
        return _escaped(value)
    return _json_text(value)


def _json_text(value: Any) -> str:
    """Return a value as JSON; orjson writes no raw control characters, so backslashes are all."""
    return orjson.dumps(value).decode().replace("\\", "\\\\")


def _number(values: Values) -> Sequence[str]:
    types = set(map(type, values))
    if types == {int}:
        return list(map(str, values))
    if types <= {int, type(None)}:
        return [_NULL if value is None else str(value) for value in values]
    return _text(values)


def _boolean(values: Values) -> Sequence[str]:
    if set(map(type, values)) <= {bool, type(None)}:
        return ["t" if value else _NULL if value is None else "f" for value in values]
    return _text(values)


def _json(values: Values) -> Sequence[str]:
    return [_NULL if value is None else _json_text(value) for value in values]


def _binary(value: Any, path: str) -> str:
    if value is None:
        return _NULL
    try:
        return "\\\\x" + b64decode(value, validate=True).hex()
    except (NotBase64, TypeError, ValueError):
        raise wrong_type(path) from None


def _array(value: Any) -> str:
    return _escaped(_array_literal(value)) if isinstance(value, list) else _any(value)


def _array_literal(value: list[Any]) -> str:
    return "{" + ",".join(map(_element, value)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return _array_literal(value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_BY_KIND: dict[str, Converter] = {"text": _text, "number": _number, "boolean": _boolean, "json": _json}
