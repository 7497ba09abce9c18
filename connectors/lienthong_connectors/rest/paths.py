"""Dotted paths into JSON answers, and templates filled with what is known at the moment of sending."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lienthong.errors import Misconfigured
from lienthong.paths import names

_BRACED = re.compile(r"\{([^{}]+)\}")

MISSING: Any = object()
"""What `at` returns where a path leads nowhere."""


def at(value: Any, path: str) -> Any:
    """Return what lies at a dotted path, `MISSING` where nothing does.

    Paths are those of `lienthong.paths`: ``""`` is the value itself, a number selects an element of a
    list. A name at the top may hold dots and stand unquoted (``@odata.nextLink``): it is found first.
    """
    if path and isinstance(value, Mapping) and path in value:
        return value[path]
    for part in names(path):
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def text_at(value: Any, path: str) -> str:
    """Return a scalar at a path as text (``true`` and ``false`` as JSON writes them), else empty."""
    return as_text(at(value, path)) if path else ""


def cursor_at(value: Any, path: str) -> Any:
    """Return what asks for the next page: a text, a number or a list of them, typed; else empty."""
    found = at(value, path)
    if isinstance(found, list) and found and all(item is None or _scalar(item) for item in found):
        return found
    return found if isinstance(found, int) and not isinstance(found, bool) else as_text(found)


def _scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float))


def as_text(value: Any) -> str:
    """Return a JSON scalar as text; anything else, null included, is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""


def fill(template: Any, names: Mapping[str, Any]) -> Any:
    """Return a template with every text ``$name`` replaced by what the name stands for.

    ``$record.MaHoSo`` goes into a value. ``$$`` at the front stands for one literal ``$``. Raises
    `Misconfigured` for a name that is not known here.
    """
    if isinstance(template, str) and template.startswith("$"):
        return template[1:] if template.startswith("$$") else _named(template[1:], names)
    if isinstance(template, Mapping):
        return {key: fill(item, names) for key, item in template.items()}
    if isinstance(template, (list, tuple)):
        return [fill(item, names) for item in template]
    return template


def references(template: Any) -> set[str]:
    """Return the names that a template refers to, without their sub-paths."""
    if isinstance(template, str):
        plain = not template.startswith("$") or template.startswith("$$")
        return set() if plain else {_first(template[1:])}
    items: Any = ()
    if isinstance(template, Mapping):
        items = template.values()
    elif isinstance(template, (list, tuple)):
        items = template
    return {name for item in items for name in references(item)}


def placeholders(path: str) -> set[str]:
    """Return the names that a path holds in braces, without their sub-paths."""
    return {_first(name) for name in _BRACED.findall(path)}


def fill_path(path: str, names: Mapping[str, Any]) -> str:
    """Return a path with every ``{name}`` replaced, percent-encoded (RFC 3986); raises as `fill` does.

    What would be an empty segment is `Misconfigured`, too: it would ask for something else.
    """

    def put(match: re.Match[str]) -> str:
        value = as_text(_named(match[1], names))
        if not value or value in {".", ".."}:
            raise Misconfigured(f"the path has no value for {{{match[1]}}}", name=match[1])
        return quote(value, safe="")

    return _BRACED.sub(put, path)


def _first(path: str) -> str:
    """Return the name that a template's path begins with, empty where it is no path."""
    first = re.match(r"[^.\[\]]*", path)
    return first.group() if first else ""


def _named(path: str, known: Mapping[str, Any]) -> Any:
    name = _first(path)
    found = at(known[name], path[len(name) :].removeprefix(".")) if name in known else MISSING
    if found is MISSING:
        raise Misconfigured(
            f"the template refers to ${path}, which is not there",
            hint=f"known here: {', '.join('$' + one for one in sorted(known))}",
            name=path,
        )
    return found
