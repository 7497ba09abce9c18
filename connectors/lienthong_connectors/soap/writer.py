"""Elements written in their exclusive canonical form (W3C xml-exc-c14n), whole or piece by piece.

What is written is what a signature covers: an element needs no parser to be hashed, and a list of
thousands of records needs no tree. Namespaces are declared where they are first used, as the default
only where the caller says so: elements without a namespace then need no declaration to be so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lienthong_connectors.soap.arrange import (
    TEXTS,
    Items,
    Placed,
    Unfit,
    arrange,
    attributes,
    checked,
    foreign,
    text_of,
)
from lienthong_connectors.soap.described import ANY, Element, Kind

Scope = frozenset[str]
"""The namespaces that are declared around an element."""

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_NCNAME: Final = re.compile(r"[^\W\d][\w.\-·]*\Z")
_SPECIAL: Final = re.compile("[&<>\r]")
_QUOTED: Final = re.compile('[&<"\t\n\r]')
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff￾￿]")
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}
_QUOTES: Final = {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}


class Markup(str):
    """Elements that are written already, in a form that declares its own namespaces."""

    __slots__ = ()


class Writer:
    """Writes the elements of one message; ``kinds`` are those of its operation.

    ``prefixes`` are namespaces with fixed prefixes, an empty one for the default. Elements of an
    open kind are written as they are given: names without a namespace take their parent's, ``@name``
    is an attribute.
    """

    def __init__(self, kinds: Sequence[Kind] = (), prefixes: Mapping[str, str] | None = None) -> None:
        self._kinds = kinds
        self._prefixes = {_XSI: "xsi", **(prefixes or {})}
        self._free = 0
        self._names: dict[str, tuple[str, str]] = {}

    def pieces(self, element: Element, value: Any, scope: Scope = frozenset()) -> Iterator[str]:
        """Yield an element piece by piece: every item of a list that is made on the way is a piece.

        Raises `Unfit`, naming the member, for a value that does not fit.
        """
        if isinstance(value, Items):
            for item in value:
                yield self.text(element, item, scope)
            return
        if not self.listed(value):
            yield self.text(element, value, scope)
            return
        found, pairs = self._content(element, value)
        start, end, inner = self._tags(element.name, scope, pairs)
        yield start
        for child, given in found:
            yield from self.pieces(child, given, inner)
        yield end

    def text(self, element: Element, value: Any, scope: Scope = frozenset()) -> str:
        """Return an element, or one after the other where the value is a list."""
        try:
            if isinstance(value, (list, Items)):
                return "".join([self._one(element, item, scope) for item in value])
            return self._one(element, value, scope)
        except Unfit as error:
            raise Unfit(error.what, element.member, *error.path) from None

    @staticmethod
    def listed(value: Any) -> bool:
        """Tell whether a list that is made on the way stands somewhere in a value."""
        if isinstance(value, Mapping):
            return any(Writer.listed(one) for one in value.values())
        return isinstance(value, Items)

    def _one(self, element: Element, value: Any, scope: Scope) -> str:
        if value is None:
            start, end, _ = self._tags(element.name, scope, _nil(element))
            return start + end
        if isinstance(value, Mapping):
            found, pairs = self._content(element, value)
            start, end, inner = self._tags(element.name, scope, pairs)
            text = self._own_text(element, value)
            return "".join([start, text, *(self.text(child, given, inner) for child, given in found), end])
        kind = None if element.kind == ANY else self._kinds[element.kind]
        if kind is not None and kind.text is None and not isinstance(value, Markup):
            raise Unfit("a value does not fit its type")
        start, end, _ = self._tags(element.name, scope, attributes(kind, {}) if kind is not None else ())
        return start + _written(value if kind is None else _typed(kind, value)) + end

    def _content(self, element: Element, value: Mapping[str, Any]) -> tuple[Placed, list[tuple[str, str]]]:
        """Return the children of a mapping in order, and its attributes."""
        if element.kind == ANY:
            return _plain(element.name, value)
        kind = self._kinds[element.kind]
        if kind.text is not None and not kind.attributes:
            if any(name not in TEXTS and not name.startswith("@{") for name in value):
                raise Unfit("a value does not fit its type")
            return [], foreign(value)
        return arrange(kind, value), attributes(kind, value)

    def _own_text(self, element: Element, value: Mapping[str, Any]) -> str:
        given = next((value[name] for name in TEXTS if value.get(name) is not None), None)
        if given is None or isinstance(given, (Mapping, list)):
            return ""
        kind = None if element.kind == ANY else self._kinds[element.kind]
        return _written(given if kind is None else _typed(kind, given))

    def _tags(self, name: str, scope: Scope, pairs: Sequence[tuple[str, str]]) -> tuple[str, str, Scope]:
        space, written = self._name(name)
        if not pairs and (not space or space in scope):
            return f"<{written}>", f"</{written}>", scope
        used = {space} if space else set()
        said = []
        for clark, text in pairs:
            own, label = self._name(clark)
            if own and ":" not in label:
                raise Unfit("an attribute cannot be of the default namespace")
            if own:
                used.add(own)
            said.append((own, label.rpartition(":")[2], f' {label}="{quoted(text)}"'))
        fresh = sorted((self._prefixes[one], one) for one in used if one not in scope)
        declared = "".join([f' xmlns{prefix and ":"}{prefix}="{quoted(one)}"' for prefix, one in fresh])
        start = f"<{written}{declared}{''.join([one[2] for one in sorted(said)])}>"
        return start, f"</{written}>", scope | used

    def _name(self, clark: str) -> tuple[str, str]:
        """Return the namespace of a Clark name, and the name as it is written."""
        known = self._names.get(clark)
        if known is None:
            space, _, local = clark[1:].rpartition("}") if clark.startswith("{") else ("", "", clark)
            if _NCNAME.match(local) is None:
                raise Unfit("a name is not one of XML")
            if space and space not in self._prefixes:
                self._free += 1
                self._prefixes[space] = "m" if self._free == 1 else f"m{self._free}"
            prefix = self._prefixes[space] if space else ""
            known = (space, f"{prefix}:{local}" if prefix else local)
            self._names[clark] = known
        return known


def escaped(text: str) -> str:
    """Return a text as an element's canonical content; raise `Unfit` for what XML cannot carry."""
    if _FORBIDDEN.search(text) is not None:
        raise Unfit("a text holds characters that XML cannot carry")
    return _SPECIAL.sub(lambda found: _ESCAPES[found.group()], text)


def quoted(text: str) -> str:
    """Return a text as an attribute's canonical value; raises as `escaped`."""
    if _FORBIDDEN.search(text) is not None:
        raise Unfit("a text holds characters that XML cannot carry")
    return _QUOTED.sub(lambda found: _QUOTES[found.group()], text)


def _written(value: Any) -> str:
    return str(value) if isinstance(value, Markup) else escaped(text_of(value))


def _typed(kind: Kind, value: Any) -> Any:
    return value if isinstance(value, Markup) else checked(kind.text or "", value)


def _nil(element: Element) -> list[tuple[str, str]]:
    return [(f"{{{_XSI}}}nil", "true")] if element.nillable else []


def _plain(name: str, value: Mapping[str, Any]) -> tuple[Placed, list[tuple[str, str]]]:
    """Take a mapping apart without a schema: nulls are left out, lists repeat."""
    space = name[: name.index("}") + 1] if name.startswith("{") else ""
    placed: Placed = []
    pairs = []
    for member, given in value.items():
        if given is None or member in TEXTS:
            continue
        if member.startswith("@"):
            pairs.append((member[1:], checked("", given)))
            continue
        clark = member if member.startswith("{") else space + member
        kept = [one for one in given if one is not None] if isinstance(given, list) else given
        placed.append((Element(clark, member, ANY, 0, 0), kept))
    return placed, pairs
