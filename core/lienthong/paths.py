r"""Dotted paths: where a member stands in a record, an answer or a dataset.

``ChuHoSo.HoTen`` is the member ``HoTen`` of the member ``ChuHoSo``, ``GiayTo[].Ten`` the ``Ten`` of every
item of the list ``GiayTo``. A name that holds a dot or a bracket, that is empty, or that is ``$``, is written
in brackets and quotes as in JSONPath (RFC 9535 section 2.3.1): ``['@iot.id']``, ``Result['a.b'].c``. Inside
single quotes ``\'`` and ``\\`` stand for a quote and a backslash; double quotes do as well. A leading
``$.``, or ``$`` before a bracket, means the whole value. This is the one rule, wherever paths stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, Final, TypeAlias

from lienthong.errors import InvalidExchange


class Each(Enum):
    """The step that leads to every item of a list: ``[]``, or ``[*]`` as in JSONPath."""

    ITEM = "[]"


Step: TypeAlias = str | Each

_STEP: Final = re.compile(
    r"""(?P<each>\[\*?\])
      | \[(?P<index>\d{1,9})\]
      | \['(?P<single>(?:[^'\\]|\\['\\])*)'\]
      | \["(?P<double>(?:[^"\\]|\\["\\])*)"\]
      | (?P<dot>\.?)(?P<plain>[^.\[\]]+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL: Final = re.compile(r"[.\[\]]|\A\$?\Z")


@lru_cache(maxsize=8192)
def steps(path: str) -> tuple[Step, ...]:
    """Return the steps of a path; none for the value itself. `InvalidExchange` where it is no path.

    A number in brackets (``link[0]``) is the same as one behind a dot.
    """
    rest = path[1:] if path == "$" or path.startswith(("$.", "$[")) else path
    found: list[Step] = []
    place = 0
    while place < len(rest):
        match = _STEP.match(rest, place)
        dotted = bool(found) or rest is not path
        if match is None or (match["plain"] is not None and bool(match["dot"]) is not dotted):
            raise _malformed(path)
        found.append(_step(match))
        place = match.end()
    return tuple(found)


def names(path: str) -> tuple[str, ...]:
    """Return the names of a path that passes no list; `InvalidExchange` where it is another."""
    found = steps(path)
    if listed(path):
        raise InvalidExchange(f"path {path!r} leads to items of a list, where it must not")
    return found  # type: ignore[return-value]  # only names are left


def joined(path: Iterable[Step]) -> str:
    """Return the path of some steps: what `steps` reads back."""
    written = ""
    for step in path:
        written = below(written, step)
    return written


def below(path: str, step: Step) -> str:
    """Return the path of a member, or of the items, of what is at a path (empty: the record itself)."""
    if isinstance(step, Each):
        return f"{path}[]"
    if _SPECIAL.search(step):
        quoted = step.replace("\\", "\\\\").replace("'", "\\'")
        return f"{path}['{quoted}']"
    return f"{path}.{step}" if path else step


def plain(path: str) -> bool:
    """Tell whether a path is nothing but one member's name, as it is in the record."""
    return "." not in path and "[" not in path and path not in {"", "$"}


def listed(path: str) -> bool:
    """Tell whether a path leads through, or to, the items of a list."""
    return Each.ITEM in steps(path)


def last(path: str) -> str:
    """Return the name of the member that a path leads to, or of the list whose items it leads to."""
    return next((step for step in reversed(steps(path)) if isinstance(step, str)), "")


def holder(path: str) -> str:
    """Return the path of what holds a member: empty for a member of the record itself."""
    return joined(steps(path)[:-1])


def within(path: str, outer: str) -> bool:
    """Tell whether a path is another one, or leads on from it."""
    whole = steps(outer)
    return steps(path)[: len(whole)] == whole


def relative(path: str, outer: str) -> str:
    """Return a path that leads on from another one as it is seen from there."""
    return joined(steps(path)[len(steps(outer)) :])


def reach(value: Any, path: Sequence[str]) -> Any:
    """Return what some names lead to through objects, None where they lead nowhere."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def put(record: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Write a value where some names lead, making objects on the way."""
    *outer, name = path
    for part in outer:
        record = record.setdefault(part, {})
    record[name] = value


def spelled(path: str, known: Mapping[str, Any]) -> str:
    """Return a path as it is among known ones; a name at the top may hold dots and stand unquoted there.

    So ``@iot.id`` is ``['@iot.id']`` where that is a field and ``id`` of ``@iot`` is none.
    """
    quoted = path if path in known else below("", path)
    return quoted if quoted in known else path


def token(name: str) -> str:
    """Return a member's name as a token of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def pointer(path: str) -> str:
    """Return the JSON Pointer (RFC 6901) of a path's names."""
    return "".join(f"/{token(step)}" for step in steps(path) if isinstance(step, str))


def _step(match: re.Match[str]) -> Step:
    if match["each"]:
        return Each.ITEM
    for group in ("index", "plain"):
        if match[group] is not None:
            return str(match[group])
    inner = match["single"] if match["single"] is not None else match["double"]
    return _ESCAPED.sub(r"\1", str(inner))


def _malformed(path: str) -> InvalidExchange:
    return InvalidExchange(
        f"path {path!r} is malformed",
        hint="names with dots between them; a name that holds a dot or bracket is written ['@iot.id']",
    )
