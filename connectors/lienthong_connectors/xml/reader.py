"""A document that arrives in pieces, turned into records one by one.

expat (from the standard library) proves every byte well-formed, with namespaces and without a
document type, and builds nothing. What it has proved can be cut at ``<`` in one step of C, and a
short loop makes members of the pieces: this is what makes the reader several times as fast as one
that builds elements. No tree is held, only the record under way. Mixed content is not data: of an
element that has children only the children and attributes are taken.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from xml.parsers import expat

from lienthong.connector import Malformed
from lienthong.errors import Reason
from lienthong.records import Record
from lienthong_connectors.xml.encodings import accepted, without_lead
from lienthong_connectors.xml.shape import TEXT_MEMBER, Shape, refuse
from lienthong_connectors.xml.skim import (
    PATIENCE,
    TOO_DEEP,
    TOO_LARGE,
    last_whole_tag,
    set_aside,
    skim,
)
from lienthong_connectors.xml.tags import Tag, Tags, uncover, unescape

_DECLARED: Final = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_PROLOG: Final = re.compile(rb"(?:\s++|<!--.*?-->|<\?.*?\?>)*+<([^?!]|!D)", re.DOTALL)
_LONGEST_PROLOG: Final = 16_384
_MOST_FRAME: Final = 200_000
_NONE: Final[dict[Any, Tag]] = {}


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
        self._limits, self._encoding = limits, encoding
        tops = Shape("", plain=True, lists=lists)
        tops.kids.update(shapes)
        self._tags = Tags(record, tops, limits.attributes)
        self._expat = _checker()
        self._head: bytes | None = b""
        self._utf8 = True
        self._decoder: codecs.IncrementalDecoder | None = None
        self._rest = ""
        self._fed = self._since = self._inside = self._frame = 0
        self._tag: Tag = self._tags.root
        self._members: dict[str, Any] = {}
        self._stack: list[tuple[Tag, dict[str, Any]]] = []
        self._depth = limits.depth
        self._out: list[Record | Malformed] = []
        self._begins = self._level = 0
        self._aside: Malformed | None = None
        self.root_tag = ""
        self.parts: set[str] = set()
        self._within = ""

    def feed(self, data: bytes) -> list[Record | Malformed]:
        """Take the next bytes and return the records that they complete.

        A record that nests too deep or is too large is malformed. Raises `ProtocolViolation`
        (``reason``: size, record-size, encoding, dtd, xml, depth, attributes, forbidden-node, names,
        prolog, frame).
        """
        self._fed += len(data)
        self._since += len(data)
        if self._fed > self._limits.answer_bytes:
            refuse(f"the answer is larger than {self._limits.answer_bytes} bytes", "size")
        if self._head is not None:
            data = self._begin(data)
        self._advance(data, final=False)
        records, self._out = self._out, []
        if records:
            self._since = 0
        elif self._since > self._limits.record_bytes:
            self._outgrown()
        return records

    @property
    def included(self) -> bool:
        """Whether something of what was fed stands for an attachment (XOP 1.0)."""
        return self._tags.included

    def _outgrown(self) -> None:
        """Pass over a record that is too large; refuse what is no record, or has no end."""
        most = self._limits.record_bytes
        endless = self._since > PATIENCE * most or len(self._rest) > 2 * most
        if not self._inside or (self._level and endless):
            refuse(f"more than {most} bytes without a whole record", "record-size")
        if not self._level:
            self._sink(TOO_LARGE)
            self._rest = (
                self._rest if last_whole_tag(self._rest) < len(self._rest) else self._skimmed(self._rest)
            )

    def close(self) -> dict[str, Any]:
        """Return the frame once everything was fed: the root's children by Clark name.

        Raises `ProtocolViolation` where the document is not complete.
        """
        if self._head is not None:
            refuse("the answer does not start as XML does", "prolog")
        self._advance(b"", final=True)
        root: Any = next(iter(self._members.values()), {})
        return root if isinstance(root, dict) else {}

    def _begin(self, data: bytes) -> bytes:
        """Hold the document back until its prolog is known to be harmless."""
        head = (self._head or b"") + data
        bare = without_lead(head)
        found = _PROLOG.match(bare)
        if found is None:
            if len(head) > _LONGEST_PROLOG or bare[:1] not in (b"<", b"", b"\xef"):
                refuse("the answer does not start as XML does", "prolog")
            self._head = head
            return b""
        if found.group(1) == b"!D":
            refuse("the answer has a document type declaration", "dtd")
        declared = _DECLARED.match(bare)
        name = accepted(self._encoding or (declared.group(1).decode() if declared else "utf-8"))
        if not name:
            refuse("the answer's character encoding is not accepted", "encoding")
        self._utf8 = name == "utf-8"
        self._decoder = codecs.getincrementaldecoder(name)("strict")
        self._head = None
        return bare

    def _advance(self, data: bytes, *, final: bool) -> None:
        """Check bytes, then cut what is complete into tags."""
        if self._decoder is None:
            return
        try:
            text = self._decoder.decode(data, final)
            self._expat.Parse(data if self._utf8 else text.encode(), final)
        except UnicodeError:
            refuse("the answer is not in the character encoding that it names", "encoding")
        except expat.ExpatError as error:
            refuse(f"the answer is not well-formed XML (line {error.lineno})", "xml")
        buffer = self._rest + text
        if "<!" in buffer:
            buffer = uncover(buffer)
        cut = len(buffer) if final else last_whole_tag(buffer) if self._level else _cut(buffer)
        region, self._rest = buffer[:cut], buffer[cut:]
        if "\r" in region:
            region = region.replace("\r\n", "\n").replace("\r", "\n")
        if region:
            try:
                while region:
                    region = self._skimmed(region) if self._level else self._scan(region)
            except (LookupError, ValueError):
                refuse("the answer is not well-formed XML", "xml")

    def _skimmed(self, region: str) -> str:
        """Pass over what belongs to a record that is set aside; return what is left of a region."""
        self._level, rest = skim(region, self._level)
        if not self._level and self._aside is not None:
            self._inside = 0
            self._out.append(self._aside)
            self._aside = None
        return rest

    def _sink(self, reason: Reason) -> None:
        """Give up the record under way; nothing more of it is built."""
        if not self._inside:
            self._too_deep()
        stack, begins = self._stack, self._begins
        members = stack[begins + 1][1] if len(stack) > begins + 1 else self._members
        self._aside, self._level = set_aside(members, reason), len(stack) - begins
        self._tag, self._members = stack[begins]
        del stack[begins:]

    def _sunk(self, piece: str, pieces: Iterator[str]) -> str:
        """Give up a record that nests too deep; return the region from a piece on."""
        self._sink(TOO_DEEP)
        return "<" + "<".join((piece, *pieces))

    def _scan(self, region: str) -> str:  # noqa: C901, PLR0912 - a call per branch costs a third
        """Make members of a region of whole tags; return what is left where a record is given up."""
        # the hot loop: inside records, known elements are handled here without a call
        stack, depth, amp = self._stack, self._depth, "&" in region
        pieces = iter(region.split("<"))
        tag, members = self._tag, self._members
        kids = tag.kids if self._inside else _NONE
        next(pieces)
        piece = next(pieces, None)
        while piece is not None:
            name, _, text = piece.partition(">")
            kid = kids.get(name)
            if kid is not None:
                following = next(pieces, None)
                if following is None:
                    self._rest = f"<{piece}{self._rest}"
                    break
                if following[0] == "/":
                    value: Any = None
                    if text:
                        if amp and "&" in text:
                            text = unescape(text)
                        value = text if kid.convert is None else kid.convert(text)
                    if kid.many or kid.key in members:
                        _repeat(members, kid, value)
                    elif value is not None:
                        members[kid.key] = value
                    piece = next(pieces, None)
                else:
                    stack.append((tag, members))
                    if len(stack) > depth:
                        return self._sunk(following, pieces)
                    tag, members, kids, piece = kid, {}, kid.kids, following
            elif name[:1] == "/":
                done, value = tag, members
                tag, members = stack.pop()
                if kids is _NONE or done.record or done.many or done.key in members:
                    self._end(done, value, members)
                    kids = tag.kids if self._inside else _NONE
                else:
                    members[done.key] = value
                    kids = tag.kids
                piece = next(pieces, None)
            else:
                tag, members, piece = self._start(piece, pieces, tag, members)
                if len(stack) > depth:
                    return self._sunk(piece or "", pieces)
                kids = tag.kids if self._inside else _NONE
        self._tag, self._members = tag, members
        return ""

    def _start(
        self, piece: str, pieces: Iterator[str], tag: Tag, members: dict[str, Any]
    ) -> tuple[Tag, dict[str, Any], str | None]:
        """Handle a start tag with attributes, a new one, or one outside records; return the new state."""
        if piece[:1] in ("?", ""):
            return tag, members, next(pieces, None)
        depth = len(self._stack)
        kid, attributes, empty, text = self._tags.start(tag, depth, piece)
        following = next(pieces, None)
        if following is None and not empty:
            self._rest = f"<{piece}{self._rest}"
            return tag, members, None
        if not depth:
            self.root_tag = kid.name
        elif depth == 2:
            self._part(tag, kid)
        if kid.record:
            self._inside += 1
            if self._inside == 1:
                self._begins = depth
        if empty or (following or "")[:1] == "/":
            self._end(kid, _leaf(kid, attributes, text if not empty else ""), members)
            return tag, members, following if empty else next(pieces, None)
        self._stack.append((tag, members))
        return kid, attributes, following

    def _part(self, tag: Tag, kid: Tag) -> None:
        """Remember the full names of what stands in the root's last child, the Body of an envelope."""
        if tag.name != self._within:
            self._within = tag.name
            self.parts.clear()
        self.parts.add(kid.name)

    def _end(self, tag: Tag, value: Any, members: dict[str, Any]) -> None:
        """Take an element that has ended: a record is given out, anything else becomes a member."""
        if tag.record:
            self._inside -= 1
            if not self._inside:
                self._out.append(value if isinstance(value, dict) else {TEXT_MEMBER: value})
                return
        if not self._inside:
            self._frame += 1
            if self._frame > _MOST_FRAME:
                refuse("there is too much around the records", "frame")
            if len(self._stack) == 1 and tag.key in members:
                refuse("a part of the answer comes twice", "repeated-part")
        if tag.many or tag.key in members:
            _repeat(members, tag, value)
        elif value is not None:
            members[tag.key] = value

    def _too_deep(self) -> NoReturn:
        refuse(f"the answer is nested more than {self._depth} deep", "depth")


def _leaf(tag: Tag, members: dict[str, Any], text: str) -> Any:
    """Return the value of an element without children."""
    value: Any = unescape(text) if text else None
    if value is not None and tag.convert is not None:
        value = tag.convert(value)
    if not members:
        return value
    if value is not None:
        members[TEXT_MEMBER] = value
    return members


def _repeat(members: dict[str, Any], tag: Tag, value: Any) -> None:
    """Put a value into a list: the element always is one, or comes again within its parent."""
    before = members.get(tag.key)
    if value is None and not tag.many:
        return
    if type(before) is list:
        before.append(value)
    elif tag.many and tag.key not in members:
        members[tag.key] = [value]
    else:
        members[tag.key] = [before, value]


def _cut(buffer: str) -> int:
    """Return where the last tag begins; what is before it is complete.

    A CDATA section or comment that has not ended (the others are gone) is not looked into.
    """
    hidden = buffer.find("<!")
    return max(0, buffer.rfind("<", 0, len(buffer) if hidden < 0 else hidden))


def _checker() -> expat.XMLParserType:
    """Return a parser that builds nothing and refuses document types and instructions."""
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.ProcessingInstructionHandler = _no_instruction
    if hasattr(parser, "SetReparseDeferralEnabled"):
        parser.SetReparseDeferralEnabled(False)
    return parser


def _no_doctype(*_: Any) -> NoReturn:
    refuse("the answer has a document type declaration", "dtd")


def _no_instruction(*_: Any) -> NoReturn:
    refuse("the answer holds a processing instruction", "forbidden-node")
