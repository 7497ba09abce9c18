"""Datasets and mappings of a starting exchange, from the schemas of an operation's messages."""

from __future__ import annotations

import re
from typing import Any, Final

from lienthong_connectors.soap.contract import leaves
from lienthong_connectors.soap.facets import Schema
from lienthong_connectors.xml.shape import TEXT_MEMBER

Json = dict[str, Any]
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
REVIEW: Final = (
    "TODO: give each field its class (open, internal, personal, sensitive); personal is the careful default"
)
_KEYISH: Final = re.compile(
    r"(?:^(?:id|ma|so|code|number|isocode)|(?:id|code|number|key|no))$|^(?:ma|so)[A-Z]", re.I
)


def dataset(schema: Schema, key: str, owner: str, title: str, *, closed: bool) -> Json:
    """Return a dataset file's content: a message's or record's schema with our annotations.

    ``key`` is the dotted path of the field that names a record; it becomes required.
    """
    body = _required(schema, key.split("."))
    note = {"key": [key], "owner": owner, "title": {"vi": title, "en": title}, "class": "personal"}
    extra = {"additionalProperties": False} if closed else {}
    return {"$schema": DRAFT, "$comment": REVIEW, "x-lienthong": note, **body, **extra}


def as_record(schema: Schema) -> Schema:
    """Return the schema of a record: a text becomes an object with one member, as the reader does it."""
    if schema.get("properties") and "object" in schema.get("type", ()):
        return {**schema, "type": "object"}
    if schema.get("type") == "object":
        return {"type": "object", "properties": {}}
    kinds = [kind for kind in _kinds(schema) if kind != "null"]
    text = {**schema, "type": kinds[0] if len(kinds) == 1 else kinds}
    return {"type": "object", "properties": {TEXT_MEMBER: text}, "required": [TEXT_MEMBER]}


def guess_key(schema: Schema) -> str:
    """Return the path of the field that looks most like a record's key, empty where there is no scalar."""
    scalars = [(path, has) for path, leaf, has in leaves(schema) if _scalar(leaf)]
    named = [(path, has) for path, has in scalars if _KEYISH.search(path.rpartition(".")[2])]
    ordered = [path for group in (named, scalars) for path, has in group if has]
    ordered += [path for group in (named, scalars) for path, _ in group]
    return ordered[0] if ordered else ""


def rows(schema: Schema, *, nullable: bool) -> tuple[Schema, dict[str, str]]:
    """Return a message's members as columns of one row, and the member's path of each column.

    Members inside members become ``outer_inner``; lists and open objects stay as they are.
    ``nullable``: a column that need not be there may be null, as a database gives it.
    """
    properties: dict[str, Schema] = {}
    paths: dict[str, str] = {}
    required: list[str] = []
    for path, leaf, has in leaves(schema):
        plain = path.removesuffix(f".{TEXT_MEMBER}").removesuffix(TEXT_MEMBER) or "value"
        name = _free(plain.replace(".", "_"), properties)
        properties[name] = leaf if has or not nullable else _or_null(leaf)
        paths[name] = path
        if has:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}, paths


def mapping(source: str, target: str, title: str, pairs: dict[str, str], lookup: Json | None = None) -> Json:
    """Return a mapping file's content; ``pairs`` are target path to source path."""
    head: Json = {"from": source, "to": target, "title": {"vi": title, "en": title}}
    if lookup is not None:
        head["lookup"] = lookup
    return {**head, "rules": [{"to": to, "from": path} for to, path in pairs.items()]}


def column_type(schema: Schema) -> str:
    """Return the SQL type of a row's field, for a table that people make by hand."""
    kinds = set(_kinds(schema)) - {"null"}
    names = {"boolean": "BOOLEAN", "integer": "BIGINT", "string": "TEXT"}
    return names.get(kinds.pop(), "JSON") if len(kinds) == 1 else ("TEXT" if "string" in kinds else "JSON")


def _kinds(schema: Schema) -> list[str]:
    kinds = schema.get("type", ["string"])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _scalar(schema: Schema) -> bool:
    return bool(schema.get("type")) and not {"object", "array"} & set(_kinds(schema))


def _or_null(schema: Schema) -> Schema:
    if "type" not in schema or "null" in _kinds(schema):
        return schema
    widened = {**schema, "type": [*_kinds(schema), "null"]}
    return {**widened, "enum": [*schema["enum"], None]} if "enum" in schema else widened


def _required(schema: Schema, path: list[str]) -> Schema:
    """Return a schema in which a path's members must all be there."""
    name, *rest = path
    properties = dict(schema.get("properties", {}))
    if rest and name in properties:
        properties[name] = _required(properties[name], rest)
    named = list(dict.fromkeys([*schema.get("required", ()), name]))
    return {**schema, "properties": properties, "required": named}


def _free(name: str, taken: dict[str, Any]) -> str:
    found, number = name, 2
    while found.lower() in {other.lower() for other in taken}:
        found, number = f"{name}_{number}", number + 1
    return found
