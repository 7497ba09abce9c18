"""A description as a counterpart needs it: an OpenAPI document with modern schemas.

A JSON Schema of a record becomes such a document: a collection that can be listed and added to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLLECTION = "/records"


def modern(node: Any, _made: dict[int, Any] | None = None) -> Any:
    """Return a document with schemas of OpenAPI 3.0 and Swagger 2 in the words of 3.1 (JSON Schema 2020-12).

    What is one object, as an alias of YAML makes it, stays one.
    """
    made_before = {} if _made is None else _made
    if not isinstance(node, (Mapping, list)):
        return node
    if id(node) in made_before:
        return made_before[id(node)]
    if isinstance(node, list):
        found: Any = [modern(item, made_before) for item in node]
    else:
        found = _widened({key: modern(item, made_before) for key, item in node.items()})
    made_before[id(node)] = found
    return found


def _widened(made: dict[str, Any]) -> dict[str, Any]:
    nothing = made.get("nullable") is True or made.get("x-nullable") is True
    if nothing and isinstance(made.get("type"), str):
        made.pop("nullable", None)
        made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list):
            made["enum"] = [*made["enum"], None]
    for word, other in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if made.get(word) is True and other in made:
            made[word] = made.pop(other)
        elif made.get(word) is False:
            del made[word]
    return made


def from_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with one collection of records of a JSON Schema."""
    record = {"$ref": "#/record"}
    page = {
        "type": "object",
        "required": ["data", "total"],
        "properties": {"data": {"type": "array", "items": record}, "total": {"type": "integer"}},
    }
    numbers = [{"name": name, "in": "query", "schema": {"type": "integer"}} for name in ("page", "size")]
    one = {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": str(schema.get("title", "Records")), "version": "1"},
        "record": _rebased(schema),
        "paths": {
            _COLLECTION: {
                "get": {"parameters": numbers, "responses": _answers(200, page)},
                "post": {"requestBody": _content(record), "responses": _answers(201, record)},
            },
            _COLLECTION + "/{key}": {"get": {"parameters": [one], "responses": _answers(200, record)}},
        },
    }


def _rebased(node: Any) -> Any:
    """Let a schema's own references begin where the schema now stands."""
    if isinstance(node, list):
        return [_rebased(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    made = {key: _rebased(item) for key, item in node.items() if key not in {"$id", "$schema"}}
    if isinstance(made.get("$ref"), str) and made["$ref"].startswith("#"):
        made["$ref"] = "#/record" + made["$ref"][1:]
    return made


def _content(schema: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answers(status: int, schema: Any) -> dict[str, Any]:
    return {str(status): {"description": "", **_content(schema)}}
