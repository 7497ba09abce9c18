"""Simple types of XML Schema (part 2) as JSON Schema, for values as the reader gives them.

Integers are numbers where JSON carries them exactly, else text; booleans are booleans; everything
else is text. Only what `jsonschema` and `jsonschema-rs` read alike is written; what cannot be
written so (Unicode categories, differences of character classes) is left out.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lienthong_connectors.soap.documents import XSD
from lienthong_connectors.soap.xsd import Node, Schemas

Schema = dict[str, Any]
_EXACT: Final = 2**53 - 1
_INTEGER_TEXT: Final = "^[+-]?[0-9]+$"
_NUMBER: Final = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)$"
_FLOAT: Final = "^([+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?|-?INF|NaN)$"
_ZONE: Final = "(Z|[+-][0-9]{2}:[0-9]{2})?"
_TEXT: Final[Schema] = {"type": "string"}
_BUILT_IN: Final[dict[str, Schema]] = {
    "anyType": {},
    "boolean": {"type": "boolean"},
    "decimal": {"type": "string", "pattern": _NUMBER},
    "float": {"type": "string", "pattern": _FLOAT},
    "double": {"type": "string", "pattern": _FLOAT},
    "date": {
        "type": "string",
        "pattern": f"^-?[0-9]{{4,9}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]){_ZONE}$",
    },
    "dateTime": {"type": "string", "x-lienthong": {"check": "date", "format": "iso"}},
    "time": {"type": "string", "pattern": f"^[0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.][0-9]+)?{_ZONE}$"},
    "gYear": {"type": "string", "pattern": f"^-?[0-9]{{4,9}}{_ZONE}$"},
    "gYearMonth": {"type": "string", "pattern": f"^-?[0-9]{{4,9}}-(0[1-9]|1[0-2]){_ZONE}$"},
    "duration": {"type": "string", "pattern": "^-?P[0-9YMDTHS.]+$"},
    "hexBinary": {"type": "string", "pattern": "^([0-9A-Fa-f]{2})*$"},
}
_INTEGERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "integer": (None, None),
    "long": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-128, 127),
    "nonNegativeInteger": (0, None),
    "positiveInteger": (1, None),
    "nonPositiveInteger": (None, 0),
    "negativeInteger": (None, -1),
    "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 255),
}
_BYTES: Final = ("base64Binary", "hexBinary")
_SPECIAL: Final = re.compile(r"\\[pPiIcCwW]|-\[")
_PIECES: Final = re.compile(r"\\.|\[\^?|.", re.DOTALL)
#: Escapes of XML Schema that mean something else elsewhere: inside a character class, and alone.
_CLASSES: Final = {
    r"\d": ("0-9", "[0-9]"),
    r"\D": ("", "[^0-9]"),
    r"\s": (r" \t\n\r", r"[ \t\n\r]"),
    r"\S": ("", r"[^ \t\n\r]"),
}


def simple(schemas: Schemas, name: str, definition: Node | None) -> Schema:
    """Return the JSON Schema of a simple type, given as `Schemas.type_of` gives it."""
    return _finished(_simple(schemas, name, definition, 0))


def restricted(schemas: Schemas, derived: Node, around: Schema | None = None) -> Schema:
    """Return the JSON Schema of a text whose ``extension`` or ``restriction`` is given."""
    base = around if around is not None else _base(schemas, derived, 0)
    return _finished(_restrict(base, derived))


def can_be_empty(schema: Schema) -> bool:
    """Tell whether a text of this schema may be empty (the reader then gives nothing at all)."""
    return schema.get("type") == "string" and not {"minLength", "pattern", "enum"} & schema.keys()


def _simple(schemas: Schemas, name: str, definition: Node | None, depth: int) -> Schema:
    if definition is None or depth > 20:
        return _built_in(name.removeprefix(f"{{{XSD}}}"))
    restriction = definition.first("restriction")
    if restriction is not None:
        return _restrict(_base(schemas, restriction, depth), restriction)
    return dict(_TEXT)  # a list or a union: one text, blanks between the items


def _base(schemas: Schemas, derived: Node, depth: int) -> Schema:
    own = derived.first("simpleType")
    if own is not None:
        return _simple(schemas, "", own, depth + 1)
    name = derived.name_of(derived.get("base"))
    return _simple(schemas, name, schemas.find("simpleType", name), depth + 1)


def _built_in(local: str) -> Schema:
    if local in _INTEGERS:
        least, most = _INTEGERS[local]
        bounds = {"minimum": least, "maximum": most}
        return {"type": "integer", **{word: value for word, value in bounds.items() if value is not None}}
    if local in _BYTES:
        return {**_BUILT_IN.get(local, _TEXT), "contentEncoding": "base64" if local[0] == "b" else "base16"}
    return dict(_BUILT_IN.get(local, _TEXT))


def _restrict(base: Schema, derived: Node) -> Schema:
    """Return a type's schema narrowed by the facets of a restriction."""
    schema = dict(base)
    facets: dict[str, list[str]] = {}
    for facet in derived.children():
        facets.setdefault(facet.kind, []).append(facet.get("value"))
    if schema.get("type") == "integer":
        _narrow_integer(schema, facets)
    elif schema.get("type") == "string":
        _narrow_text(schema, facets)
    return schema


def _narrow_integer(schema: Schema, facets: dict[str, list[str]]) -> None:
    for kind, word, step in (
        ("minInclusive", "minimum", 0),
        ("minExclusive", "minimum", 1),
        ("maxInclusive", "maximum", 0),
        ("maxExclusive", "maximum", -1),
    ):
        if kind in facets:
            schema[word] = int(facets[kind][-1]) + step
    if "totalDigits" in facets:
        most = 10 ** int(facets["totalDigits"][-1]) - 1
        schema["minimum"] = max(schema.get("minimum", -most), -most)
        schema["maximum"] = min(schema.get("maximum", most), most)
    if "enumeration" in facets:
        schema["enum"] = sorted({int(value) for value in facets["enumeration"]})


def _narrow_text(schema: Schema, facets: dict[str, list[str]]) -> None:
    if "contentEncoding" not in schema:  # lengths of binary types count bytes, not characters
        for kind, words in (
            ("length", ("minLength", "maxLength")),
            ("minLength", ("minLength",)),
            ("maxLength", ("maxLength",)),
        ):
            if kind in facets:
                schema |= dict.fromkeys(words, int(facets[kind][-1]))
    if "enumeration" in facets:
        schema["enum"] = list(dict.fromkeys(facets["enumeration"]))
    patterns = [pattern(text) for text in facets.get("pattern", ())]
    if patterns and all(patterns):
        joined = f"^({'|'.join(one for one in patterns if one)})$"
        if "pattern" in schema:
            schema["allOf"] = [*schema.get("allOf", ()), {"pattern": joined}]
        else:
            schema["pattern"] = joined


def pattern(text: str) -> str | None:
    """Return an XML Schema pattern as the body of a JSON Schema one, None where it cannot be written.

    XML Schema anchors patterns at both ends and has no anchors of its own.
    """
    if _SPECIAL.search(text):
        return None
    out: list[str] = []
    inside = False
    for piece in _PIECES.findall(text):
        if piece in _CLASSES:
            within, alone = _CLASSES[piece]
            if inside and not within:
                return None
            out.append(within if inside else alone)
        elif inside:
            inside = piece != "]"
            out.append(f"\\{piece}" if piece in ("[", "^", "&", "~") else piece)
        else:
            inside = piece.startswith("[")
            out.append(f"\\{piece}" if piece in ("^", "$") else piece)
    try:
        re.compile("".join(out))
    except re.error:
        return None
    return "".join(out)


def _finished(schema: Schema) -> Schema:
    """Let an integer that may be too large for JSON be text as well."""
    if schema.get("type") != "integer":
        return schema
    least, most = schema.get("minimum"), schema.get("maximum")
    if "enum" in schema or (least is not None and most is not None and least >= -_EXACT and most <= _EXACT):
        return schema
    bounds = {
        word: schema[word] for word in ("minimum", "maximum") if abs(schema.get(word, _EXACT + 1)) <= _EXACT
    }
    return {"type": ["integer", "string"], "pattern": _INTEGER_TEXT, **bounds}
