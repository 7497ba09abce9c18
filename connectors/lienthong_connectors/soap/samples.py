"""Values that a schema allows, for the requests of a starting exchange."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from lienthong_connectors.soap.described import Described
from lienthong_connectors.soap.facets import Schema
from lienthong_connectors.xml.shape import TEXT_MEMBER

TODO: Final = "TODO"
_DEEPEST: Final = 8
#: Texts of the types that XML Schema builds in, the most telling first.
_TEXTS: Final = (
    TODO, "0", "1", "2026-01-01", "2026-01-01T00:00:00+07:00", "00:00:00", "2026", "2026-01", "P1D", "00",
)  # fmt: skip
_RUNS: Final = ("0", "1", "A", "a")
_LONGEST_RUN: Final = 40
_LOGIN: Final = re.compile(r"user|login|account|tai_?khoan|ten_?dang_?nhap", re.IGNORECASE)
_PASSWORD: Final = re.compile(r"pass|pwd|secret|mat_?khau", re.IGNORECASE)
#: Namespaces of headers that WS-Security, WS-Addressing and the way through X-Road write by themselves.
_OTHERS: Final = (
    "{http://docs.oasis-open.org/wss/",
    "{http://www.w3.org/2005/08/addressing}",
    "{http://schemas.xmlsoap.org/ws/2004/08/addressing}",
    "{http://x-road.eu/xsd/",
)


def sample(schema: Schema, depth: int = 0) -> Any:
    """Return a value that a schema allows: of an object its required members, of a list one item."""
    if schema.get("enum"):
        return next((one for one in schema["enum"] if one is not None), None)
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else next((one for one in kinds if one != "null"), "string")
    if kind == "boolean":
        return True
    if kind == "integer":
        return min(max(1, schema.get("minimum", 1)), schema.get("maximum", 1 << 53))
    if kind == "array":
        return [sample(schema.get("items", {}), depth + 1)] * max(1, schema.get("minItems", 1))
    if kind == "object":
        inside, named = schema.get("properties", {}), schema.get("required", ())
        if TEXT_MEMBER in inside and not named:
            return sample(inside[TEXT_MEMBER], depth + 1)
        return {} if depth > _DEEPEST else {name: sample(inside[name], depth + 1) for name in named}
    return next((text for text in _texts(schema) if _allowed(schema, text)), TODO)


def blocks(described: Described, element: Any) -> dict[str, Any]:
    """Return the header blocks that an operation declares, every member filled; ``element`` gives schemas.

    Members that look like a name and a password of ours refer to the connection's.
    """
    return {
        one.name: _all(element(one.name), 0)
        for one in described.request.headers
        if not one.name.startswith(_OTHERS)
    }


def _all(schema: Schema, depth: int, name: str = "") -> Any:
    inside = schema.get("properties", {})
    if inside and depth <= _DEEPEST:
        return {member: _all(child, depth + 1, member) for member, child in inside.items()}
    if _PASSWORD.search(name):
        return "$connection.password"
    return "$connection.login" if _LOGIN.search(name) else sample(schema)


def _texts(schema: Schema) -> Iterator[str]:
    if schema.get("x-lienthong", {}).get("check") == "date":
        yield "2026-01-01T00:00:00+07:00"
    if "contentEncoding" in schema:
        yield "AA==" if schema["contentEncoding"] == "base64" else "00"
    yield TODO[: schema.get("maxLength", len(TODO))].ljust(schema.get("minLength", 0), "O")
    yield from _TEXTS
    yield from (letter * length for length in range(1, _LONGEST_RUN) for letter in _RUNS)


def _allowed(schema: Schema, text: str) -> bool:
    patterns = [schema.get("pattern", ""), *(one.get("pattern", "") for one in schema.get("allOf", ()))]
    fits = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return fits and all(re.search(pattern, text) for pattern in patterns if pattern)
