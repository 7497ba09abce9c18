"""What an OpenAPI 3 document says, as far as a counterpart needs it.

A JSON Schema of a record becomes such a document: a collection that can be listed and added to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
_COLLECTION = "/records"


@dataclass(frozen=True, slots=True)
class Operation:
    """One path and method; schemas are JSON Schema 2020-12, None where there is no JSON body."""

    method: str
    path: str
    status: int
    name: str
    asked: Any = None
    answered: Any = None
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Yield the operations of a document made modern by `modern`.

    Raises ``ValueError`` where there is none.
    """
    found = False
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                found = True
                yield _operation(document, path, method, item)
    if not found:
        raise ValueError("the document describes no operation")


def modern(node: Any) -> Any:
    """Return a document with the schemas of OpenAPI 3.0 in the words of 3.1 (JSON Schema 2020-12)."""
    if isinstance(node, list):
        return [modern(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    made = {key: modern(item) for key, item in node.items()}
    if made.pop("nullable", None) is True and isinstance(made.get("type"), str):
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


def _operation(document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]) -> Operation:
    about = item[method]
    parameters = [
        _pointed(document, one) for one in [*item.get("parameters", ()), *about.get("parameters", ())]
    ]
    query = {one["name"]: one.get("schema", {}) for one in parameters if one.get("in") == "query"}
    needed = frozenset(one["name"] for one in parameters if one.get("in") == "query" and one.get("required"))
    status, answer = _success(document, about.get("responses", {}))
    body = _pointed(document, about.get("requestBody", {}))
    name = str(about.get("operationId") or f"{method} {path}")
    return Operation(method, path, status, name, _json(body), _json(answer), query, needed)


def _success(document: Mapping[str, Any], responses: Mapping[Any, Any]) -> tuple[int, Mapping[str, Any]]:
    for code in sorted(map(str, responses)):
        if code.isdigit() and 200 <= int(code) < 300:
            found = responses.get(code, responses.get(int(code)))
            return int(code), _pointed(document, found or {})
    return 200, _pointed(document, responses.get("default", {}))


def _json(body: Mapping[str, Any]) -> Any:
    for media, content in body.get("content", {}).items():
        if media.partition(";")[0].strip().endswith("json"):
            return content.get("schema", {})
    return None


def _pointed(document: Mapping[str, Any], node: Any) -> Mapping[str, Any]:
    """Follow a reference of a parameter, body or response."""
    if not isinstance(node, Mapping):
        return {}
    target: Any = node
    if "$ref" in node:
        target = document
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
    return target if isinstance(target, Mapping) else {}
