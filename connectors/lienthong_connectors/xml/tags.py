"""Start tags: names resolved against namespaces, attributes read. For documents known to be well-formed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lienthong_connectors.xml.shape import (
    INCLUDE_MEMBER,
    TEXT_MEMBER,
    TYPE_MEMBER,
    Converter,
    Shape,
    local,
    member_of,
    refuse,
)

_START: Final = re.compile(
    r"([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(/?)>(.*)\Z", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ENTITY: Final = re.compile(r"&(#x[0-9A-Fa-f]+|#[0-9]+|amp|lt|gt|quot|apos);")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
# what these say is about the document, not data: types, and the bookkeeping of ADO.NET's DataSets
_UNSAID: Final = (
    "http://www.w3.org/2001/XMLSchema-instance}",
    "urn:schemas-microsoft-com:xml-diffgram-v1}",
    "urn:schemas-microsoft-com:xml-msdata}",
)
# a DiffGram repeats there what rows were before they changed, and those that are gone
_PAST: Final = frozenset(
    {f"{{urn:schemas-microsoft-com:xml-diffgram-v1}}{part}" for part in ("before", "errors")}
)
_SOAP: Final = ("{http://schemas.xmlsoap.org/soap/envelope/}", "{http://www.w3.org/2003/05/soap-envelope}")
_HEADERS: Final = frozenset(f"{space}Header" for space in _SOAP)
_ENVELOPES: Final = frozenset(f"{space}Envelope" for space in _SOAP)
_MOST_TAGS: Final = 50_000
_MOST_CONTEXTS: Final = 1_000

Namespaces = Mapping[str, str]
#: Attributes as members, and the names that these give way to.
Attributes = tuple[dict[str, Any], dict[str, str]]
_NO_ALIASES: Final[dict[str, str]] = {}


class Tag:
    """A start tag as it is written, in one place of the document and one set of namespaces.

    ``name`` is the Clark name, ``kids`` the tags met inside it, ``record`` whether it is the repeated
    element, ``inside`` whether it is one or stands in one, ``past`` whether what is in it is no longer
    so, ``block`` whether it is a SOAP header block, which keeps the full names of itself and its attributes.
    ``derived`` are the same tag by the types that it said to be of (xsi:type), ``type`` such a type's name.
    """

    __slots__ = (
        "block",
        "convert",
        "derived",
        "inside",
        "key",
        "kids",
        "many",
        "name",
        "past",
        "record",
        "shape",
        "spaces",
        "type",
    )

    def __init__(
        self, name: str, key: str, shape: Shape, spaces: Namespaces, *, record: bool = False
    ) -> None:
        self.name, self.key, self.shape = name, key, shape
        self.spaces, self.record, self.block = spaces, record, False
        self.inside, self.past = record, name in _PAST
        self.many = shape.many
        self.convert: Converter | None = shape.convert
        self.kids: dict[Any, Tag] = {}
        self.derived: dict[str, Tag] = {}
        self.type = ""


class Tags:
    """Makes tags and remembers them; counts them, so that a document cannot invent them without end.

    ``record`` is the local or Clark name of the repeated element, ``tops`` the known elements.
    ``included`` tells whether something stands for an attachment (XOP).
    """

    def __init__(
        self, record: str | None, tops: Shape, most_attributes: int, types: Mapping[str, Shape]
    ) -> None:
        self._record, self._tops, self._most, self._types = record, tops, most_attributes, types
        self._contexts: dict[frozenset[tuple[str, str]], Namespaces] = {}
        self._made = 0
        self.included = False
        self.root = Tag("", "", Shape("", lists=tops.lists), {"": "", "xml": _XML})

    def start(self, parent: Tag, depth: int, piece: str) -> tuple[Tag, Attributes, bool, str]:
        """Read a start tag and what follows it up to the next ``<``.

        Return the tag, its attributes, whether it is empty, and the text behind it.
        """
        found = _START.match(piece)
        if found is None:
            refuse("the answer is not well-formed XML", "xml")
        raw, attributes, empty, text = found.groups()
        pairs = _ATTRIBUTE.findall(attributes) if attributes else []
        if len(pairs) > self._most:
            refuse(f"an element has more than {self._most} attributes", "attributes")
        spaces, others = self._declared(parent.spaces, pairs)
        name: Any = raw if spaces is parent.spaces else (raw, id(spaces))
        tag = parent.kids.get(name) or parent.kids.get(("apart", name))
        if tag is None:
            tag = self._make(parent, depth, raw, name, spaces)
        if others and self._types:
            tag = self._typed(tag, others)
        members = ({}, _NO_ALIASES) if tag.shape.plain or not others else _members(tag, others)
        return tag, members, bool(empty), text

    def _make(self, parent: Tag, depth: int, raw: str, name: Any, spaces: Namespaces) -> Tag:
        self._made += 1
        if self._made > _MOST_TAGS:
            refuse(f"the answer has more than {_MOST_TAGS} different elements", "names")
        clark = _clark(raw, spaces, default=True)
        key = member_of(clark)
        self.included = self.included or key == INCLUDE_MEMBER
        record = not parent.inside and self._record is not None and self._record in (key, clark)
        block = depth == 2 and not record and parent.name in _HEADERS
        shape = parent.shape.kids.get(clark)
        if shape is None and record:
            shape = self._tops.kids.get(clark)
        if depth == 1 and not record:
            key, shape = clark, self._tops
        elif not depth and clark in _ENVELOPES:
            # attributes of an envelope (SOAP 1.1, section 4.1.1) are no data
            shape = Shape(key, plain=True, lists=self._tops.lists)
        elif block:
            key = clark
        tag = Tag(clark, key, shape or parent.shape.learn(clark), spaces, record=record)
        tag.block, tag.inside = block, record or parent.inside
        # such a tag is never found by its name alone: the reader must see where it begins
        parent.kids[("apart", name) if record or tag.past else name] = tag
        return tag

    def _typed(self, tag: Tag, attributes: list[tuple[str, str]]) -> Tag:
        """Return the tag of an element that may say its type (XML Schema 1.0, part 1, section 2.6.1)."""
        name = ""
        for raw, text in attributes:
            if raw.endswith(":type") and _clark(raw, tag.spaces, default=False) == _XSI_TYPE:
                name = _clark(unescape(text).strip(), tag.spaces, default=True)
        shape = self._types.get(name)
        if shape is None or name == tag.shape.type:
            return tag
        found = tag.derived.get(name)
        if found is None:
            found = Tag(tag.name, tag.key, tag.shape.typed(shape), tag.spaces, record=tag.record)
            found.block, found.inside, found.past = tag.block, tag.inside, tag.past
            found.type = "" if shape.plain else local(name)
            tag.derived[name] = found
        return found

    def _declared(
        self, around: Namespaces, pairs: list[tuple[str, str, str]]
    ) -> tuple[Namespaces, list[tuple[str, str]]]:
        """Split attributes into namespace declarations and others; declarations are shared when equal."""
        fresh: dict[str, str] = {}
        others: list[tuple[str, str]] = []
        for name, double, single in pairs:
            value = double or single
            if name == "xmlns":
                fresh[""] = unescape(value)
            elif name.startswith("xmlns:"):
                fresh[name[6:]] = unescape(value)
            else:
                others.append((name, value))
        if not fresh:
            return around, others
        spaces = {**around, **fresh}
        known = self._contexts.setdefault(frozenset(spaces.items()), spaces)
        if len(self._contexts) > _MOST_CONTEXTS:
            refuse(f"the answer has more than {_MOST_CONTEXTS} sets of namespaces", "names")
        return known, others


def _members(tag: Tag, pairs: list[tuple[str, str]]) -> Attributes:
    """Return attributes as members, by local name; of two the one without a namespace has it.

    Beside them stands the name that each gives way to: its Clark name, or ``@`` before its name.
    """
    members: dict[str, Any] = {TYPE_MEMBER: tag.type} if tag.type else {}
    aliases: dict[str, str] = {}
    for raw, text in pairs:
        name = _clark(raw, tag.spaces, default=False)
        if name.startswith(_UNSAID, 1):
            continue
        value: Any = unescape(text.replace("\t", " ").replace("\n", " ")) if text else text
        convert = tag.shape.attributes.get(name)
        if convert is not None:
            value = convert(value)
        key, qualified = local(name), name[0] == "{"
        alias = name if qualified else f"@{name}"
        if tag.block or key in (TEXT_MEMBER, TYPE_MEMBER) or (key in members and qualified):
            members[name if tag.block else alias] = value
            continue
        if key in members:
            members[aliases[key]] = members[key]
        members[key], aliases[key] = value, alias
    return members, aliases


def _clark(raw: str, spaces: Namespaces, *, default: bool) -> str:
    prefix, colon, name = raw.partition(":")
    if not colon:
        prefix, name = "", raw
        if not default:
            return raw
    space = spaces.get(prefix)
    if space is None:
        refuse("the answer uses a namespace prefix without declaring it", "xml")
    return f"{{{space}}}{name}" if space else name


def unescape(text: str) -> str:
    """Replace the five named entities and character references, once."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    name = found.group(1)
    if name[0] != "#":
        return _NAMED[name]
    return chr(int(name[2:], 16) if name[1] == "x" else int(name[1:]))
