"""The fields of a dataset, read out of its JSON Schema.

Fields stand under ``properties``, arrays under ``items``; ``$ref`` may point into ``$defs`` of the
same file. Keywords that would hide fields from their classification (``patternProperties``,
``prefixItems``, ``properties`` inside ``allOf`` and the like) are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lienthong.errors import Misconfigured
from lienthong.paths import below

#: Classes of fields, from what anybody may see to what needs the most care.
CLASSES = ("open", "internal", "personal", "sensitive")
#: What generators write in a class's place, so that nothing goes into operation before a person decides.
UNDECIDED = "undecided"
#: The classes that concern a person.
PERSONAL = frozenset({"personal", "sensitive"})
#: Types of geometries by ``format`` (the bus converts them, so they need a CRS).
GEOMETRIES = frozenset({"geojson", "wkt"})

_BRANCHES = ("allOf", "anyOf", "oneOf")
_HIDING: tuple[str, ...] = (
    "patternProperties",
    "prefixItems",
    "contains",
    "dependentSchemas",
    "if",
    "then",
    "else",
    "not",
)
_HIDING += ("unevaluatedProperties", "unevaluatedItems", "propertyNames", "$dynamicRef", "$anchor", "$id")
_ALL_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its ``path`` (``Papers[].Name``), JSON ``types`` and whether every record has it.

    Paths are those of `lienthong.paths`. ``required`` holds where the field and all its parents are required.
    ``note`` is the property's ``x-lienthong`` object, ``schema`` its schema with references resolved.
    ``leaf``: it has no named fields below. ``extra``: an object that takes fields the contract does not name.
    """

    path: str
    types: frozenset[str]
    required: bool
    classification: str
    leaf: bool
    extra: bool
    note: Mapping[str, Any] = field(repr=False)
    schema: Mapping[str, Any] = field(repr=False)

    @property
    def geometry(self) -> bool:
        """Whether the field holds a geometry."""
        return self.schema.get("format") in GEOMETRIES or bool(self.note.get("geometry"))

    @property
    def decimal(self) -> bool:
        """Whether the field holds a decimal, a number as text with all its digits."""
        return any(one.get("check") == "decimal" for one in (self.note, *self.note.get("checks", ())))

    @property
    def nullable(self) -> bool:
        """Whether the field may hold null."""
        return "null" in self.types


def fields_of(schema: Mapping[str, Any], where: str) -> Iterator[Field]:
    """Yield every field below a root schema; `Misconfigured` names a field without class."""
    return _children(schema, "", schema, True, "", where, 0)


def undecided(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of every field whose class nobody has decided, "" for the class of the root."""
    note = schema.get("x-lienthong")
    if isinstance(note, Mapping) and note.get("class") == UNDECIDED:
        yield path
    inner = schema.get("properties")
    for name, child in (inner if isinstance(inner, Mapping) else {}).items():
        if isinstance(child, Mapping):
            yield from undecided(child, f"{path}.{name}" if path else str(name))
    items = schema.get("items")
    if isinstance(items, Mapping):
        yield from undecided(items, f"{path}[]")


def rank(classification: str) -> int:
    """Return how much care a class needs, 0 for ``open``."""
    return CLASSES.index(classification)


def _children(
    schema: Mapping[str, Any],
    path: str,
    root: Mapping[str, Any],
    required: bool,
    inherited: str,
    where: str,
    depth: int,
) -> Iterator[Field]:
    if depth > 20:
        raise Misconfigured(
            f"field {path!r} is nested without end", where=where, hint="recursive $ref is not supported"
        )
    own = schema.get("x-lienthong", {}).get("class", inherited)
    for name, child in schema.get("properties", {}).items():
        place = below(path, name)
        has = required and name in schema.get("required", ())
        yield from _field(child, place, root, has, own, where, depth)
    if isinstance(schema.get("items"), Mapping):
        yield from _field(schema["items"], f"{path}[]", root, False, own, where, depth)


def _field(
    raw: Mapping[str, Any],
    path: str,
    root: Mapping[str, Any],
    required: bool,
    inherited: str,
    where: str,
    depth: int,
) -> Iterator[Field]:
    schema = _resolved(raw, root, path, where)
    _refuse_hidden(schema, path, where)
    note = schema.get("x-lienthong", {})
    classification = note.get("class", inherited)
    named = bool(schema.get("properties")) or isinstance(schema.get("items"), Mapping)
    extra = "object" in _types(schema) and schema.get("additionalProperties") is not False
    if classification not in CLASSES and (not named or classification):
        raise Misconfigured(
            f"field {path!r} has no class",
            where=where,
            hint=f"give x-lienthong.class one of {', '.join(CLASSES)}",
        )
    yield Field(path, _types(schema), required, classification, not named, extra, note, schema)
    yield from _children(schema, path, root, required, classification, where, depth + 1)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any], path: str, where: str) -> Mapping[str, Any]:
    seen = 0
    while "$ref" in schema:
        ref = schema["$ref"]
        target = root.get("$defs", {}).get(ref.removeprefix("#/$defs/"))
        if target is None or not ref.startswith("#/$defs/") or seen > 20:
            raise Misconfigured(
                f"field {path!r}: $ref {ref!r} does not lead to $defs of this file", where=where
            )
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema, seen = {**target, **beside}, seen + 1
    return schema


def _refuse_hidden(schema: Mapping[str, Any], path: str, where: str) -> None:
    hiding = [word for word in _HIDING if word in schema]
    hiding += [word for word in _BRANCHES for branch in schema.get(word, ()) if _names_fields(branch)]
    if hiding:
        raise Misconfigured(
            f"field {path!r} uses {hiding[0]!r}, which hides fields from their classification",
            where=where,
            hint="name every field under properties or items",
        )


def _names_fields(branch: Mapping[str, Any]) -> bool:
    return any(word in branch for word in ("properties", "items", "$ref", *_HIDING, *_BRANCHES))


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    declared = schema.get("type")
    if declared is not None:
        return frozenset([declared] if isinstance(declared, str) else declared)
    branches = [branch for word in ("anyOf", "oneOf") for branch in schema.get(word, ())]
    if branches:
        return frozenset().union(*(_types(branch) for branch in branches))
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return frozenset(map(json_type, values)) if values else _ALL_TYPES


def json_type(value: Any) -> str:
    """Return the JSON Schema type name of a value."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    names = {str: "string", int: "integer", float: "number", dict: "object", list: "array"}
    return names.get(type(value), "string")
