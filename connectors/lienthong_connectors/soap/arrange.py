"""Members of a request brought into the order of the schema; what does not fit is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lienthong_connectors.soap.described import ANY, VALUE, Attribute, Element, Group, Kind

TEXTS: Final = ("_text", VALUE)
"""Members that hold the text of an element with attributes."""

Placed = list[tuple[Element, Any]]
_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]+\s*\Z")
_BOOLEANS: Final = frozenset({"true", "false", "1", "0"})


class Unfit(Exception):
    """A value that makes no valid request: ``what`` is wrong, ``path`` the members that lead to it."""

    def __init__(self, what: str, *path: str) -> None:
        super().__init__(what)
        self.what, self.path = what, path


class Items:
    """The items of a list, made anew by every iteration, so that a list of any length takes no room."""

    def __init__(self, make: Any, source: Any) -> None:
        self._make, self._source = make, source

    def __iter__(self) -> Iterator[Any]:
        return (item for item in map(self._make, self._source) if item is not None)


def arrange(kind: Kind, members: Mapping[str, Any]) -> Placed:
    """Return the elements of a mapping in the schema's order.

    A required element that is nillable comes with None where it is missing. Raises `Unfit` for a
    required one that is missing otherwise, and for a member that the schema does not have.
    """
    placed: Placed = []
    for name in members:
        if name not in kind.names and name not in TEXTS and not name.startswith(("_value_", "@{")):
            if not kind.open:
                raise Unfit("the schema has no such member", name)
            placed.append((Element(name, name, ANY), members[name]))
    own: Placed = []
    if kind.content is not None:
        _place(kind.content, members, own, needed=True)
    return own + placed


def attributes(kind: Kind, members: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the attributes of a mapping as Clark names and texts; raises as `arrange`."""
    found = []
    for one in kind.attributes:
        value = members.get(one.member)
        if value is not None:
            found.append((one.name, checked(one.text, value)))
        elif one.required:
            raise Unfit("a required member is missing", one.member)
    return found + foreign(members)


def foreign(members: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the attributes of another namespace, which any element may have: members ``@{ns}name``."""
    return [(name[1:], checked("", value)) for name, value in members.items() if name.startswith("@{")]


def checked(text: str, value: Any) -> str:
    """Return a value's text in XML Schema's words; raise `Unfit` where it does not fit its type."""
    if isinstance(value, (Mapping, list, Items)):
        raise Unfit("a value does not fit its type")
    if text == "boolean" and isinstance(value, int):
        value = bool(value)
    said = text_of(value)
    if text == "integer" and _INTEGER.match(said) is None:
        raise Unfit("a value does not fit its type")
    if text == "boolean" and said.strip() not in _BOOLEANS:
        raise Unfit("a value does not fit its type")
    return said


def text_of(value: Any) -> str:
    """Return a JSON scalar in XML Schema's words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def wrong(kind: Kind | None, path: list[str]) -> tuple[str, list[str]] | None:
    """Return a path's first part that the schema does not have, with what it has there.

    ``kind`` is where the path begins, and knows its elements by number; None: anything goes.
    """
    if kind is None or not path or kind.open or path[0] in TEXTS or path[0].startswith("_value_"):
        return None
    return None if path[0] in kind.names else (path[0], sorted(kind.names))


def below(kind: Kind | None, name: str) -> int:
    """Return the number of a member's kind, `ANY` where it is not known or has nothing below."""
    found = None if kind is None else kind.names.get(name)
    return ANY if found is None or isinstance(found, Attribute) else found.kind


def _place(group: Group, members: Mapping[str, Any], placed: Placed, *, needed: bool) -> None:
    turns = members.get(group.member) if group.member else None
    if turns is not None:
        for turn in turns if isinstance(turns, list) else [turns]:
            _once(group, turn, placed, needed=True)
        return
    _once(group, members, placed, needed=needed and group.least > 0)


def _once(group: Group, members: Mapping[str, Any], placed: Placed, *, needed: bool) -> None:
    there = [item for item in group.items if _present(item, members)]
    needed = needed or bool(there)
    if group.order == "choice":
        _choose(group, there, members, placed)
        return
    for item in group.items:
        if isinstance(item, Group):
            _place(item, members, placed, needed=needed)
        else:
            _put(item, members, placed, needed=needed)


def _choose(group: Group, there: list[Element | Group], members: Mapping[str, Any], placed: Placed) -> None:
    """Place the alternative that is given; whether one must be is not known here: zeep calls all optional."""
    if len(there) > 1 and group.most == 1:
        names = ", ".join(next(_names(item)) for item in there)
        raise Unfit(f"only one alternative may be given, not {names}")
    for item in there:
        if isinstance(item, Group):
            _place(item, members, placed, needed=True)
        else:
            _put(item, members, placed, needed=True)


def _put(item: Element, members: Mapping[str, Any], placed: Placed, *, needed: bool) -> None:
    value = members.get(item.member)
    if value is not None:
        if item.most == 1 and isinstance(value, (list, Items)):
            raise Unfit("the schema takes one value, not a list", item.member)
        placed.append((item, value))
    elif needed and item.least > 0:
        if not item.nillable:
            raise Unfit("a required member is missing", item.member)
        placed.append((item, None))


def _present(item: Element | Group, members: Mapping[str, Any]) -> bool:
    if isinstance(item, Element):
        return members.get(item.member) is not None
    return item.member in members or any(_present(one, members) for one in item.items)


def _names(item: Element | Group) -> Iterator[str]:
    """Yield the member names of a particle, at least one."""
    if isinstance(item, Element):
        yield item.member
    else:
        yield from (one.member for one, _ in item.elements())
        yield "nothing"
