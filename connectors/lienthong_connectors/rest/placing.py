"""Where the parameters of a request go: its address, its headers, and any place of its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast
from urllib.parse import urlencode

import orjson

from lienthong.errors import Misconfigured
from lienthong.paths import names
from lienthong_connectors.rest.paths import as_text

Place = Literal["query", "body", "form", "header"]
_PLACES: Final = ("query", "body", "header")


def place_of(name: str, usual: Place) -> tuple[Place, str]:
    """Return where a parameter goes and what it is called there: ``body:paging.page`` says so itself."""
    place, colon, rest = name.partition(":")
    return (cast("Place", place), rest) if colon and rest and place in _PLACES else (usual, name)


def shared(asked: Mapping[str, Any], usual: Place) -> dict[Place, dict[str, Any]]:
    """Return parameters by the place where they go."""
    found: dict[Place, dict[str, Any]] = {"query": {}, "body": {}, "form": {}, "header": {}}
    for name, value in asked.items():
        place, own = place_of(name, usual)
        found[place][own] = value
    return found


def as_parameter(value: Any) -> str:
    """Return a value as it stands in an address or a form: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def placed(body: Any, asked: Mapping[str, Any]) -> Any:
    """Return a body with values put where their paths say, in their own types.

    Objects are made on the way, a number is a position in a list. Raises `Misconfigured` where the body has
    something else in the way.
    """
    for path, value in asked.items():
        body = _put(body, names(path), value, path)
    return body


def written(body: Any, place: Place) -> tuple[bytes | None, str]:
    """Return a body's bytes and its type, a form or JSON; None where there is no body."""
    if body is None:
        return None, ""
    if place != "form":
        return orjson.dumps(body), "application/json"
    texts = {
        name: as_parameter(it) if isinstance(it, (dict, list)) else as_text(it) for name, it in body.items()
    }
    return urlencode(texts).encode(), "application/x-www-form-urlencoded"


def _put(holder: Any, parts: Sequence[str], value: Any, path: str) -> Any:
    if not parts:
        return value
    name = parts[0]
    if isinstance(holder, list) and name.isdecimal() and int(name) <= len(holder):
        items = [*holder, None] if int(name) == len(holder) else [*holder]
        items[int(name)] = _put(items[int(name)], parts[1:], value, path)
        return items
    if holder is not None and not isinstance(holder, Mapping):
        raise Misconfigured(
            f"the parameter {path!r} leads through what is no object in the body",
            where="rest settings",
            hint="check body and the names of the parameters; a name that holds a dot is written ['a.b']",
        )
    own = dict(holder or {})
    own[name] = _put(own.get(name), parts[1:], value, path)
    return own
