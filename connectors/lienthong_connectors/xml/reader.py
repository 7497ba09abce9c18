"""A document that arrives in pieces, turned into records one by one.

Never more than one record's tree is held. No document type, no entities, no network; size, depth,
attributes and the bytes of one record are bounded. Mixed content is not data: of an element that
has children only the children and attributes are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from lienthong.records import Record
from lienthong_connectors.xml.shape import TEXT_MEMBER, Shape, refuse

_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1", "windows-1252", "windows-1258"})
_DECLARED: Final = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_PROLOG: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s++|<!--.*?-->|<\?.*?\?>)*+<([^?]|$)", re.DOTALL)
_LONGEST_PROLOG: Final = 16_384
_MOST_PARENTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """Bounds of a document: bytes in all, bytes between two records, nesting, attributes of an element."""

    answer_bytes: int = 1 << 30
    record_bytes: int = 8 << 20
    depth: int = 64
    attributes: int = 256


class RecordReader:
    """Takes bytes, gives records.

    ``record`` is the local or Clark name of the repeated element; ``shapes`` gives known elements by
    Clark name, others are learned. Everything around the records is the frame, which `close`
    returns. Without ``record`` there is only the frame. ``encoding`` is the transport's word on the
    character encoding, which goes before the document's own. ``lists``: names that are lists even
    where no shape says so.
    """

    def __init__(
        self,
        record: str | None,
        shapes: Mapping[str, Shape],
        limits: XmlLimits,
        encoding: str | None = None,
        lists: frozenset[str] = frozenset(),
    ) -> None:
        _check_encoding(encoding)
        self._limits = limits
        self._tops = Shape("", plain=True, lists=lists)
        self._tops.kids.update(shapes)
        tag = "{}-" if record is None else record if record.startswith("{") else f"{{*}}{record}"
        self._parser = etree.XMLPullParser(("start", "end"), tag=tag, **_options(encoding))
        self._head: bytes | None = b""
        self._encoding = encoding
        self._fed = self._since = self._nesting = self._parents = 0
        self._parent: etree._Element | None = None
        self._first: etree._Element | None = None
        self.root_tag = ""

    def feed(self, data: bytes) -> list[Record]:
        """Take the next bytes and return the records that they complete.

        Raises `ProtocolViolation` (``reason``: size, record-size, encoding, dtd, xml, depth,
        attributes, forbidden-node, names, prolog).
        """
        self._fed += len(data)
        self._since += len(data)
        if self._fed > self._limits.answer_bytes:
            refuse(f"the answer is larger than {self._limits.answer_bytes} bytes", "size")
        if self._head is not None:
            data = self._begin(data, final=False)
        try:
            self._parser.feed(data)
        except etree.XMLSyntaxError as error:
            _not_xml(error)
        records = self._drain()
        if records:
            self._since = 0
        elif self._since > self._limits.record_bytes:
            refuse(f"more than {self._limits.record_bytes} bytes without a whole record", "record-size")
        return records

    def close(self) -> dict[str, Any]:
        """Return the frame once everything was fed: the root's children by local name.

        Raises `ProtocolViolation` where the document is not complete.
        """
        try:
            if self._head is not None:
                self._parser.feed(self._begin(b"", final=True))
            root = self._parser.close()
        except etree.XMLSyntaxError as error:
            _not_xml(error)
        if root.getroottree().docinfo.internalDTD is not None:
            refuse("the answer has a document type declaration", "dtd")
        self.root_tag = str(root.tag)
        if self._parent is not None and self._first is not None:
            self._drop_after(self._first, len(self._parent))
        frame: dict[str, Any] = {}
        for part in root:
            if part.tag in frame:
                refuse("a part of the answer comes twice", "repeated-part")
            frame[str(part.tag)] = self._members(part, self._tops, self._limits.depth)
        return frame

    def _begin(self, data: bytes, *, final: bool) -> bytes:
        """Hold the document back until its prolog is known to be harmless."""
        head = (self._head or b"") + data
        found = _PROLOG.match(head)
        if found is None or not found.group(1):
            start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if final or len(head) > _LONGEST_PROLOG or start not in (b"<", b""):
                refuse("the answer does not start as XML does", "prolog")
            self._head = head
            return b""
        if found.group(1) == b"!":
            refuse("the answer has a document type declaration", "dtd")
        declared = _DECLARED.match(head.removeprefix(b"\xef\xbb\xbf"))
        if declared is not None and self._encoding is None:
            _check_encoding(declared.group(1).decode())
        self._head = None
        return head

    def _drain(self) -> list[Record]:
        records: list[Record] = []
        for event, element in self._parser.read_events():
            if event == "start":
                self._nesting += 1
                continue
            self._nesting -= 1
            if self._nesting:
                continue
            if self._parent is None:
                self.root_tag = str(element.getroottree().getroot().tag)
            shape = self._tops.kids.get(element.tag) or self._tops.learn(element.tag)
            if len(element):
                records.append(self._members(element, shape, self._limits.depth))
            else:
                value = self._leaf(element, shape)
                records.append(value if isinstance(value, dict) else {TEXT_MEMBER: value})
            self._release(element)
        return records

    def _release(self, element: etree._Element) -> None:
        """Free a record's content and its older siblings.

        The newest record itself stays: the parser may still be writing the text behind it.
        """
        element.clear(keep_tail=True)
        parent = element.getparent()
        if parent is self._parent:
            older = element.getprevious()
            while older is not None and older is not self._first:
                assert parent is not None  # noqa: S101 - it has a previous sibling
                parent.remove(older)
                older = element.getprevious()
            return
        self._parents += 1
        if self._parents > _MOST_PARENTS:
            refuse("every record has a parent of its own; name the parent as record_element", "parents")
        self._parent, self._first = parent, element

    def _drop_after(self, first: etree._Element, most: int) -> None:
        """Take the two records that are still in the tree out of the frame."""
        parent = first.getparent()
        for sibling in [*list(first.itersiblings())[:most], first]:
            if parent is not None and sibling.tag == first.tag:
                parent.remove(sibling)

    def _members(self, element: etree._Element, shape: Shape, room: int) -> dict[str, Any]:
        """Return an element's attributes and children as members."""
        if room <= 0:
            refuse(f"the answer is nested more than {self._limits.depth} deep", "depth")
        members: dict[str, Any] = {} if shape.plain else self._attributes(element, shape)
        kids = shape.kids
        for child in element:
            kid = kids.get(child.tag)
            if kid is None:
                kid = shape.learn(child.tag)
            if len(child):
                value: Any = self._members(child, kid, room - 1)
            elif kid.plain:
                value = child.text
                if value is not None and kid.convert is not None:
                    value = kid.convert(value)
            else:
                value = self._leaf(child, kid)
            key = kid.key
            if kid.many:
                members.setdefault(key, []).append(value)
            elif value is not None:
                if key in members:
                    _repeat(members, key, value)
                else:
                    members[key] = value
        return members

    def _leaf(self, element: etree._Element, shape: Shape) -> Any:
        text = element.text
        value: Any = text if text is None or shape.convert is None else shape.convert(text)
        attributes = self._attributes(element, shape)
        if not attributes:
            return None if value is None or (shape.kids and not value.strip()) else value
        if value is not None:
            attributes[TEXT_MEMBER] = value
        return attributes

    def _attributes(self, element: etree._Element, shape: Shape) -> dict[str, Any]:
        items = element.items()
        if not items:
            return {}
        if len(items) > self._limits.attributes:
            refuse(f"an element has more than {self._limits.attributes} attributes", "attributes")
        members: dict[str, Any] = {}
        for name, text in items:
            if not name.startswith(_XSI):
                convert = shape.attributes.get(name)
                members[name.rpartition("}")[2]] = text if convert is None else convert(text)
        return members


def _repeat(members: dict[str, Any], key: str, value: Any) -> None:
    """Turn a member into a list when it comes a second time within its parent."""
    before = members[key]
    if type(before) is list:
        before.append(value)
    else:
        members[key] = [before, value]


def _options(encoding: str | None) -> dict[str, Any]:
    return {
        "encoding": encoding,
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "dtd_validation": False,
        "attribute_defaults": False,
        "collect_ids": False,
        "huge_tree": False,
        "remove_comments": True,
        "remove_pis": True,
        "recover": False,
    }


def _check_encoding(name: str | None) -> None:
    if name is not None and name.lower() not in _ENCODINGS:
        refuse("the answer's character encoding is not accepted", "encoding")


def _not_xml(error: etree.XMLSyntaxError) -> None:
    refuse(f"the answer is not well-formed XML (line {error.lineno})", "xml")
