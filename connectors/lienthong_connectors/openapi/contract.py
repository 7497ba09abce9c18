"""A schema of OpenAPI or Swagger as the schema of a dataset: every field named, nothing referred to, bounded.

What a dataset cannot say is widened, never narrowed: of several alternatives a record may have the members of
all, a schema within itself ends in an open object, patterns and formats that two validators would read
differently are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lienthong_connectors.openapi.resolving import Resolver, Schema, merged

_DEEPEST, _FIELDS = 8, 1500
_LONGEST_TEXT: Final = 200
_EXACT: Final = 2**53 - 1
_FORMATS: Final = frozenset({"date", "date-time", "uuid"})
_BOUNDS: Final = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    "array": ("minItems", "maxItems"),
}
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
#: A pattern that both validators read alike: no look-around, no escapes but of single signs.
_SAFE_PATTERN: Final = re.compile(r"(?:[^\\(]|\\[.\-/+*?()\[\]{}|^$\\]|\((?:\?:)?(?!\?))*")


class Contracts:
    """Makes schemas of datasets; ``left_out`` names the members for which a dataset has no word."""

    def __init__(self, resolver: Resolver, *, asked: bool = False) -> None:
        """Take the document; ``asked``: of a request, which has no members that are only read."""
        self._resolver, self._unwanted = resolver, "readOnly" if asked else "writeOnly"
        self._fields = 0
        self.left_out: list[str] = []

    def of(self, schema: Any) -> Schema:
        """Return the schema of a message or record."""
        self._fields = 0
        return self._made(schema, frozenset(), 0, "")

    def _made(self, raw: Any, around: frozenset[str], depth: int, path: str) -> Schema:
        references = _references(raw)
        schema = self._resolver.schema(raw)
        nothing = schema.get("nullable") is True or schema.get("x-nullable") is True
        if references & around or depth > _DEEPEST or self._fields > _FIELDS:
            return _open(schema)
        around |= references
        for word in ("oneOf", "anyOf"):
            if isinstance(schema.get(word), list) and schema[word]:
                references = _references({"allOf": schema[word]})
                schema, also = self._alternatives(schema, word)
                nothing = nothing or also
                if references & around:
                    return _or_nothing(_open(schema)) if nothing else _open(schema)
                around |= references
        kinds = _kinds(schema)
        nothing = nothing or "null" in kinds
        made = self._by_kind(schema, [kind for kind in kinds if kind != "null"], around, depth, path)
        return _described(_or_nothing(made) if nothing else made, schema)

    def _by_kind(
        self, schema: Schema, kinds: list[str], around: frozenset[str], depth: int, path: str
    ) -> Schema:
        if kinds == ["object"]:
            return self._object(schema, around, depth, path)
        if kinds == ["array"]:
            inner = self._made(schema.get("items", {}), around, depth + 1, f"{path}[]")
            return {"type": "array", "items": inner, **_bounds(schema, "array")}
        if len(kinds) != 1:
            return {"type": kinds} if kinds and set(kinds) <= _TYPES else {}
        self._fields += 1
        return _scalar(schema, kinds[0])

    def _object(self, schema: Schema, around: frozenset[str], depth: int, path: str) -> Schema:
        properties: dict[str, Schema] = {}
        given = schema.get("properties")
        for name, part in (given if isinstance(given, Mapping) else {}).items():
            below = f"{path}.{name}" if path else str(name)
            if "." in name or "[" in name or not name:
                if below not in self.left_out:
                    self.left_out.append(below)
            elif self._resolver.schema(part).get(self._unwanted) is not True:
                properties[str(name)] = self._made(part, around, depth + 1, below)
        if not properties:
            self._fields += 1
            return {"type": "object"}
        required = [name for name in _texts(schema.get("required")) if name in properties]
        made: Schema = {"type": "object", "properties": properties}
        return {**made, "required": required} if required else made

    def _alternatives(self, schema: Schema, word: str) -> tuple[Schema, bool]:
        """Return one schema that every alternative fits, and whether null is one of them."""
        rest = {key: value for key, value in schema.items() if key != word}
        parts = [merged(rest, self._resolver.schema(part)) for part in schema[word]]
        kept = [part for part in parts if _kinds(part) != ["null"]]
        nothing = len(kept) < len(parts)
        if len(kept) == 1:
            return kept[0], nothing
        kinds = [kind for part in kept for kind in _kinds(part)]
        if kept and all(_kinds(part) == ["object"] for part in kept):
            return _union(rest, kept), nothing
        return {"type": [*dict.fromkeys(kinds)]} if kept and all(map(_kinds, kept)) else {}, nothing


def _union(rest: Schema, parts: list[Schema]) -> Schema:
    """Return an object that may have the members of all parts, and must have what all of them must."""
    properties: Schema = {}
    for part in parts:
        for name, inner in (part.get("properties") or {}).items():
            known = properties.get(name)
            properties[name] = inner if known is None or known == inner else {"anyOf": [known, inner]}
    must = [set(_texts(part.get("required"))) for part in parts]
    required = [name for name in _texts(parts[0].get("required")) if all(name in each for each in must)]
    return {**rest, "type": "object", "properties": properties, "required": required}


def _scalar(schema: Schema, kind: str) -> Schema:
    if kind == "file" or kind not in _TYPES:
        return {"type": "string"}
    made: Schema = {"type": kind, **_bounds(schema, kind)}
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list) and values:
        plain = [value for value in values if value is not None and _fits(value, kind)]
        return {"type": kind, "enum": [*dict.fromkeys(plain)]} if plain else {"type": kind}
    if kind != "string":
        return made
    if schema.get("format") in _FORMATS:
        made["format"] = schema["format"]
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and _readable(pattern):
        made["pattern"] = pattern
    return made


def _readable(pattern: str) -> bool:
    if not _SAFE_PATTERN.fullmatch(pattern.replace(r"\d", "[0-9]")):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return r"\d" not in pattern  # digits of other scripts: the validators differ


def _bounds(schema: Schema, kind: str) -> Schema:
    found = {word: schema[word] for word in _BOUNDS.get(kind, ()) if _number(schema.get(word))}
    for word, other in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if schema.get(word) is True and other in found:  # OpenAPI 3.0 and Swagger 2.0
            found[word] = found.pop(other)
    exact = {word: value for word, value in found.items() if abs(value) <= _EXACT}  # RFC 7493 section 2.2
    return {word: int(value) if kind in ("string", "array") else value for word, value in exact.items()}


def _open(schema: Schema) -> Schema:
    kinds = _kinds(schema)
    return {"type": kinds[0]} if len(kinds) == 1 and kinds[0] in _TYPES - {"array"} else {}


def _kinds(schema: Schema) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, list):
        return [str(item) for item in kind]
    if isinstance(kind, str):
        return [kind]
    if "properties" in schema or "additionalProperties" in schema:
        return ["object"]
    if "items" in schema:
        return ["array"]
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
        return ["string"]
    return ["string"] if "format" in schema or "pattern" in schema else []


def _or_nothing(schema: Schema) -> Schema:
    kinds = _kinds(schema)
    if not kinds or "null" in kinds:
        return schema
    widened = {**schema, "type": [*kinds, "null"]}
    return {**widened, "enum": [*schema["enum"], None]} if "enum" in schema else widened


def _described(made: Schema, schema: Schema) -> Schema:
    text = str(schema.get("title") or schema.get("description") or "").strip().split("\n")[0]
    return {"description": text[:_LONGEST_TEXT], **made} if text else made


def _fits(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        return _number(value) and abs(value) <= _EXACT
    return isinstance(value, bool) if kind == "boolean" else isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _references(raw: Any) -> frozenset[str]:
    """Return what a schema is made of by name: its own reference, and those of its ``allOf``."""
    if not isinstance(raw, Mapping):
        return frozenset()
    parts: Iterable[Any] = raw.get("allOf") if isinstance(raw.get("allOf"), list) else ()  # type: ignore[assignment]
    found = {one.get("$ref") for one in (raw, *parts) if isinstance(one, Mapping)}
    return frozenset(one for one in found if isinstance(one, str))


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
