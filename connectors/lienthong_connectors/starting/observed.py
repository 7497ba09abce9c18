"""Types as a sample shows them. No value of the sample is kept: types and names only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lienthong_connectors.openapi import words
from lienthong_connectors.soap.contract import leaves

Schema = dict[str, Any]
_DEEPEST: Final = 12
_FORMATS: Final = (
    ("date", re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)),
    (
        "date-time",
        re.compile(
            r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
            r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
            re.ASCII,
        ),
    ),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)),
    ("uri", re.compile(r"(https?:/)?/\S+")),
)
_NAMES: Final = {bool: "boolean", int: "integer", float: "number", str: "string"}


def observed(values: Sequence[Any], depth: int = 0) -> Schema:
    """Return a JSON Schema that all values fit: types, members, which are in all, formats of texts."""
    there = [value for value in values if value is not None]
    made = _of(there, depth)
    if len(there) == len(values):
        return made
    if not there:
        return {"type": "null"}
    kinds = made.get("type")
    if not kinds:
        return made
    return {**made, "type": [*([kinds] if isinstance(kinds, str) else kinds), "null"]}


def unique_paths(records: Sequence[Any], schema: Schema) -> list[str]:
    """Return the dotted paths of scalars that are in every record and differ, the most like keys first."""
    found = []
    for place, (path, leaf, has) in enumerate(leaves(schema)):
        kinds = leaf.get("type")
        if not has or kinds not in ("string", "integer"):
            continue
        values = [at(record, path) for record in records]
        if len(set(values)) == len(values):
            found.append((words.key_rank(path.rpartition(".")[2]), path.count("."), place, path))
    return [path for *_, path in sorted(found)]


def changing(schema: Schema) -> str:
    """Return the path of the member that seems to say when a record changed, "" where none does."""
    for path, leaf, has in leaves(schema):
        timely = leaf.get("format") in ("date", "date-time") or leaf.get("type") == "integer"
        if has and timely and words.CHANGED.search(words.plain(path.rpartition(".")[2])):
            return path
    return ""


def at(record: Any, path: str) -> Any:
    """Return what a record holds at a dotted path, None for nothing."""
    for name in path.split("."):
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def _of(values: Sequence[Any], depth: int) -> Schema:
    objects = [value for value in values if isinstance(value, Mapping)]
    lists = [value for value in values if isinstance(value, list)]
    if values and len(objects) == len(values):
        return _object(objects, depth)
    if values and len(lists) == len(values):
        items = [item for value in lists for item in value]
        return {"type": "array", "items": observed(items, depth + 1) if items and depth < _DEEPEST else {}}
    kinds = list(dict.fromkeys(_kind(value) for value in values))
    if set(kinds) == {"integer", "number"}:
        kinds = ["number"]
    if kinds == ["string"]:
        form = next((name for name, like in _FORMATS if all(map(like.fullmatch, values))), "")
        return {"type": "string", **({"format": form} if form else {})}
    return {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds else {}


def _object(objects: Sequence[Mapping[str, Any]], depth: int) -> Schema:
    names = dict.fromkeys(str(name) for value in objects for name in value)
    if depth >= _DEEPEST or not names:
        return {"type": "object"}
    properties = {
        name: observed([value[name] for value in objects if name in value], depth + 1) for name in names
    }
    required = [name for name in names if all(name in value for value in objects)]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "object"
    return "array" if isinstance(value, list) else _NAMES.get(type(value), "number")
