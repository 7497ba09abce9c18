"""Start tags: names resolved against namespaces, attributes read. For documents known to be well-formed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lienthong_connectors.xml.shape import INCLUDE_MEMBER, Converter, Shape, local, member_of, refuse

_START: Final = re.compile(
    r"([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(/?)>(.*)\Z", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ENTITY: Final = re.compile(r"&(#x[0-9A-Fa-f]+|#[0-9]+|amp|lt|gt|quot|apos);")
_HIDDEN: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>|<!--.*?-->", re.DOTALL)
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SOAP: Final = ("{http://schemas.xmlsoap.org/soap/envelope/}", "{http://www.w3.org/2003/05/soap-envelope}")
_HEADERS: Final = frozenset(f"{space}Header" for space in _SOAP)
_ENVELOPES: Final = frozenset(f"{space}Envelope" for space in _SOAP)
_MOST_TAGS: Final = 50_000
_MOST_CONTEXTS: Final = 1_000

Namespaces = Mapping[str, str]


class Tag:
    """A start tag as it is written, in one place of the document and one set of namespaces.

    ``name`` is the Clark name, ``end`` what its end tag looks like behind ``<``, ``kids`` the tags
    met inside it, ``record`` whether it is the repeated element, ``block`` whether it is a SOAP header
    block, which keeps the full names of itself and its attributes.
    """

    __slots__ = ("block", "convert", "end", "key", "kids", "many", "name", "record", "shape", "spaces")

    def __init__(
        self, raw: str, name: str, key: str, shape: Shape, spaces: Namespaces, *, record: bool = False
    ) -> None:
        self.end, self.name, self.key, self.shape = f"/{raw}>", name, key, shape
        self.spaces, self.record, self.block = spaces, record, False
        self.many = shape.many
        self.convert: Converter | None = shape.convert
        self.kids: dict[Any, Tag] = {}


class Tags:
    """Makes tags and remembers them; counts them, so that a document cannot invent them without end.

    ``record`` is the local or Clark name of the repeated element, ``tops`` the known elements.
    ``included`` tells whether something stands for an attachment (XOP).
    """

    def __init__(self, record: str | None, tops: Shape, most_attributes: int) -> None:
        self._record, self._tops, self._most = record, tops, most_attributes
        self._contexts: dict[frozenset[tuple[str, str]], Namespaces] = {}
        self._made = 0
        self.included = False
        self.root = Tag("", "", "", Shape(""), {"": "", "xml": _XML})

    def start(self, parent: Tag, depth: int, piece: str) -> tuple[Tag, dict[str, Any], bool, str]:
        """Read a start tag and what follows it up to the next ``<``.

        Return the tag, its attributes as members, whether it is empty, and the text behind it.
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
        tag = parent.kids.get(name) or parent.kids.get(("record", name))
        if tag is None:
            tag = self._make(parent, depth, raw, name, spaces)
        members = {} if tag.shape.plain or not others else _members(tag, others)
        return tag, members, bool(empty), text

    def _make(self, parent: Tag, depth: int, raw: str, name: Any, spaces: Namespaces) -> Tag:
        self._made += 1
        if self._made > _MOST_TAGS:
            refuse(f"the answer has more than {_MOST_TAGS} different elements", "names")
        clark = _clark(raw, spaces, default=True)
        key = member_of(clark)
        self.included = self.included or key == INCLUDE_MEMBER
        record = self._record is not None and self._record in (key, clark)
        block = depth == 2 and not record and parent.name in _HEADERS
        if record and clark in self._tops.kids:
            shape = self._tops.kids[clark]
        elif depth == 1 and not record:
            key, shape = clark, self._tops
        elif not depth and clark in _ENVELOPES:
            shape = Shape(key, plain=True)  # attributes of an envelope (SOAP 1.1, section 4.1.1) are no data
        elif block:
            key, shape = clark, parent.shape.learn(clark)
        else:
            shape = parent.shape.kids.get(clark) or parent.shape.learn(clark)
        tag = Tag(raw, clark, key, shape, spaces, record=record)
        tag.block = block
        # a record's tag is never found by its name alone: the reader must see where records begin
        parent.kids[("record", name) if record else name] = tag
        return tag

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


def _members(tag: Tag, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for raw, text in pairs:
        name = _clark(raw, tag.spaces, default=False)
        if name.startswith(_XSI, 1):
            continue
        value = unescape(text.replace("\t", " ").replace("\n", " ")) if text else text
        convert = tag.shape.attributes.get(name)
        members[name if tag.block else local(name)] = value if convert is None else convert(value)
    return members


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


def uncover(region: str) -> str:
    """Write CDATA sections as escaped text and leave comments out.

    Both begin with ``<!``, which nothing else does behind the prolog, and neither can hold the other.
    """
    return _HIDDEN.sub(_escaped, region)


def _escaped(found: re.Match[str]) -> str:
    text = found.group(1)
    return "" if text is None else text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """Replace the five named entities and character references, once."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    name = found.group(1)
    if name[0] != "#":
        return _NAMED[name]
    return chr(int(name[2:], 16) if name[1] == "x" else int(name[1:]))
