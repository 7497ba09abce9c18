"""Answers in SOAP encoding (SOAP 1.1 section 5, SOAP 1.2 part 2 section 3) written out plainly.

PHP, NuSOAP, SOAP::Lite and Axis 1 write structs and arrays so: an element may be a reference to another one
(``href="#id0"``, ``multiRef``), items of an array are called anything, associative arrays are lists of keys
and values. What comes out has no references; items are called ``item``; the rest is read like any answer.
References are bounded: no circles, and not more text than `MOST_BYTES` in all.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from lienthong.errors import ProtocolViolation
from lienthong_connectors.soap.envelope import NAMESPACES
from lienthong_connectors.xml.encodings import accepted, without_lead
from lienthong_connectors.xml.shape import refuse

if TYPE_CHECKING:
    from lxml import etree

MOST_BYTES: Final = 32 << 20
"""Largest encoded answer, as it comes and as it is written out: both are held whole."""

_PEEK: Final = 16 << 10
_STYLE: Final = re.compile(
    rb"encodingStyle\s*=\s*[\"']http://(schemas\.xmlsoap\.org/soap/|www\.w3\.org/2003/05/soap-)encoding"
)
_DOCTYPE: Final = re.compile(rb"(?:\s++|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL | re.IGNORECASE)
_SPACES: Final = ("http://schemas.xmlsoap.org/soap/encoding/", "http://www.w3.org/2003/05/soap-encoding")
_ARRAY: Final = tuple(
    f"{{{space}}}{name}" for space in _SPACES for name in ("arrayType", "itemType", "arraySize")
)
_MAP: Final = ("http://xml.apache.org/xml-soap", "Map")
_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_RESULT: Final = "{http://www.w3.org/2003/05/soap-rpc}result"
_GENERATED: Final = re.compile(r"(?:\{.*\})?s-gensym\d+\Z")
_REFERENCE: Final = re.compile(rb"\shref\s*=\s*[\"']#")
_LONGEST_REFERENCE: Final = 64
_NAME: Final = re.compile(r"[^\W\d][\w.\-]*\Z")


def written_out(
    chunks: Iterator[bytes],
    charset: str | None,
    *,
    encoded: bool,
    references: bool,
    depth: int,
    record: str | None = None,
) -> tuple[Iterator[bytes], str | None]:
    """Return an answer's bytes, written out plainly where they are encoded, and their character encoding.

    ``encoded``: the description says that they are; else their beginning tells. ``references``: literal
    answers have references, too (PHP's do), and nothing else of the encoding. ``record`` is the element that
    is asked for: ``multiRef`` is none that is left. Raises `ProtocolViolation`
    (``reason``: size, depth, references, dtd, encoding, xml).
    """
    head = b""
    while len(head) < _PEEK and (piece := next(chunks, None)) is not None:
        head += piece
    encoded = encoded or bool(_STYLE.search(head))
    if not encoded and not references:
        return _joined(head, chunks), charset
    if record == "multiRef":
        refuse("what stands in multiRef is put in its place: set record_element='item'", "references")
    held: list[bytes] = []
    size = 0
    for piece in _joined(head, chunks):
        size += len(piece)
        if size > MOST_BYTES:
            refuse(f"an answer in SOAP encoding is larger than {MOST_BYTES} bytes", "size")
        held.append(piece)
    from lxml import etree  # not before it is needed: most answers are read without it

    root = _parsed(b"".join(held), charset)
    body = next((one for one in root if one.tag in _BODIES), None)
    if body is not None:
        _Plain(body, depth, encoded=encoded).write()
    return iter([etree.tostring(root, encoding="UTF-8")]), "utf-8"


class Unresolved:
    """Looks for references that were left in the records of a literal answer: they are no data."""

    def __init__(self) -> None:
        self._before, self._found = b"", False

    def seen(self, data: bytes) -> None:
        """Look at the next bytes of an answer; only where one may be there are records looked at."""
        if not self._found:
            data = self._before + data
            self._found = _REFERENCE.search(data) is not None
            self._before = data[-_LONGEST_REFERENCE:]

    def check(self, value: Any, *, included: bool = False) -> None:
        """Raise `ProtocolViolation` where a value is nothing but a reference.

        ``included``: something stands for an attachment, in an answer that has none.
        """
        if included:
            refuse("the answer refers to attachments and has none", "attachment-missing")
        if self._found and _refers(value):
            raise ProtocolViolation(
                "the answer's values are references to other places of it",
                where="XML answer",
                hint="set references=True, so that they are written out",
                reason="references",
            )


def _refers(value: Any) -> bool:
    if isinstance(value, dict):
        said = value.get("href") if len(value) == 1 else None
        return (isinstance(said, str) and said.startswith("#")) or any(map(_refers, value.values()))
    return isinstance(value, list) and any(map(_refers, value))


_BODIES: Final = frozenset(f"{{{space}}}Body" for space in NAMESPACES.values())


def _joined(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _parsed(data: bytes, charset: str | None) -> etree._Element:
    from lxml import etree

    data = without_lead(data)
    if _DOCTYPE.match(data):
        refuse("the answer has a document type declaration", "dtd")
    name = accepted(charset) if charset else None
    if name == "":
        refuse("the answer's character encoding is not accepted", "encoding")
    parser = etree.XMLParser(
        encoding=name, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        refuse("the answer is not well-formed XML", "xml")


class _Plain:
    """Writes one Body out."""

    def __init__(self, body: etree._Element, depth: int, *, encoded: bool) -> None:
        self._body, self._depth, self._encoded = body, depth, encoded
        self._wanted = {name for element in body.iter("*") if (name := _target(element))}
        self._named: dict[str, etree._Element] = {}
        self._done: dict[etree._Element, int] = {}
        self._size = 0
        for element in body.iter("*"):
            name = _own_id(element)
            if name in self._wanted and name in self._named:
                refuse("two elements of the answer have the same id", "references")
            if name in self._wanted:
                self._named[name] = element

    def write(self) -> None:
        """Write out what is answered, and leave away what was only referred to."""
        children = list(self._body)
        others = [one for one in children[1:] if _own_id(one) and (self._encoded or self._is_named(one))]
        for one in children:
            if one not in others:
                self._element(one, (), 2)
                self._answer(one)
        for one in others:
            self._body.remove(one)

    def _is_named(self, element: etree._Element) -> bool:
        return _own_id(element) in self._named

    def _answer(self, wrapper: etree._Element) -> None:
        """Leave out what names the result (SOAP 1.2), and name one that has a made-up name."""
        for child in list(wrapper):
            if child.tag == _RESULT:
                wrapper.remove(child)
            elif _GENERATED.match(str(child.tag)):
                child.tag = "return"

    def _element(self, element: etree._Element, around: tuple[str, ...], depth: int) -> None:
        if element in self._done:
            return
        if depth > self._depth:
            refuse(f"the answer is nested more than {self._depth} deep", "depth")
        own, target = _own_id(element), _target(element)
        around = (*around, own) if own else around
        if target:
            self._take(element, target, around, depth)
        items = self._encoded and _is_array(element)
        is_map = self._encoded and _type_of(element) == _MAP
        if self._encoded:
            _strip(element)
        else:
            _strip_reference(element, own in self._named, bool(target))
        for child in element:
            if items:
                child.tag = "item"
            self._element(child, around, depth + 1)
        if is_map:
            _as_struct(element)
        self._done[element] = 0

    def _take(self, element: etree._Element, target: str, around: tuple[str, ...], depth: int) -> None:
        """Put what a reference leads to in its place."""
        found = self._named.get(target)
        if found is None:
            refuse("the answer refers to an element that is not there", "references")
        if target in around:
            refuse("the answer refers to an element inside itself", "references")
        self._element(found, (*around, target), depth)
        from lxml import etree

        if not self._done[found]:
            self._done[found] = len(etree.tostring(found, encoding="UTF-8"))
        self._size += self._done[found]
        if self._size > MOST_BYTES:
            refuse(f"the answer's references hold more than {MOST_BYTES} bytes", "references")
        element.text = found.text
        element.extend([copy.deepcopy(child) for child in found])
        nil = found.get(f"{_XSI}nil")
        if nil is not None:
            element.set(f"{_XSI}nil", nil)


def _own_id(element: etree._Element) -> str:
    return element.get("id") or element.get(f"{{{_SPACES[1]}}}id") or ""


def _target(element: etree._Element) -> str:
    """Return the id that an element refers to, empty where it is none, or refers to something outside."""
    said = element.get("href") or ""
    if said.startswith("#"):
        return said[1:]
    return (element.get(f"{{{_SPACES[1]}}}ref") or "").removeprefix("#")


def _type_of(element: etree._Element) -> tuple[str, str]:
    """Return namespace and local name of an element's xsi:type."""
    prefix, colon, name = (element.get(f"{_XSI}type") or "").strip().rpartition(":")
    return element.nsmap.get(prefix if colon else None) or "", name


def _is_array(element: etree._Element) -> bool:
    space, name = _type_of(element)
    return (space in _SPACES and name == "Array") or any(one in element.attrib for one in _ARRAY)


def _strip(element: etree._Element) -> None:
    """Take away the attributes of the encoding: they are no data."""
    outside = (element.get("href") or "#")[0] != "#"
    for name in list(element.attrib):
        space = str(name)[1:].partition("}")[0] if str(name).startswith("{") else ""
        ours = space in _SPACES or str(name).endswith("}encodingStyle") or name == f"{_XSI}type"
        if ours or name == "id" or (name == "href" and not outside):
            del element.attrib[name]


def _strip_reference(element: etree._Element, named: bool, refers: bool) -> None:
    """Take away what makes a literal element a reference or its goal; other attributes are data."""
    for name, there in (("id", named), ("href", refers)):
        if there:
            element.attrib.pop(name, "")


def _as_struct(element: etree._Element) -> None:
    """Make members of a map's keys, unless one of them is no name."""
    pairs = [
        (
            next((c.text or "" for c in item if c.tag == "key"), ""),
            next((c for c in item if c.tag == "value"), None),
        )
        for item in element
    ]
    if any(value is None or not _NAME.match(key) for key, value in pairs):
        return
    for item in list(element):
        element.remove(item)
    for key, value in pairs:
        assert value is not None  # noqa: S101 - asked above
        value.tag = key
        element.append(value)
