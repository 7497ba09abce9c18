"""A document that arrives in pieces, turned into records one by one.

What is proved well-formed (`incoming`) can be cut at ``<`` in one step of C, and a short loop makes
members of the pieces: this is what makes the reader several times as fast as one that builds elements.
No tree is held, only the record under way. Mixed content is not data: of an element that has children
only the children and attributes are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from lienthong.connector import Malformed
from lienthong.errors import Reason
from lienthong.records import Record
from lienthong_connectors.xml.incoming import Incoming
from lienthong_connectors.xml.shape import TEXT_MEMBER, Shape, refuse
from lienthong_connectors.xml.skim import (
    PATIENCE,
    TOO_DEEP,
    TOO_LARGE,
    broken_in,
    last_whole_tag,
    not_encoded,
    set_aside,
    skim,
)
from lienthong_connectors.xml.tags import Tag, Tags, unescape

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
    where no shape says so. ``envelope``: each of the root's children may come once only. ``types``:
    what xsi:type may name, by Clark name; without it xsi:type says nothing.
    """

    def __init__(
        self,
        record: str | None,
        shapes: Mapping[str, Shape],
        limits: XmlLimits,
        encoding: str | None = None,
        lists: frozenset[str] = frozenset(),
        *,
        envelope: bool = True,
        types: Mapping[str, Shape] | None = None,
    ) -> None:
        self._limits, self._envelope = limits, envelope
        tops = Shape("", plain=True, lists=lists)
        tops.kids.update(shapes)
        self._tags = Tags(record, tops, limits.attributes, types or {})
        self._incoming = Incoming(encoding)
        self._rest: list[str] = []
        self._size = self._look = 0
        self._fed = self._since = self._frame = 0
        self._inside = False
        self._tag: Tag = self._tags.root
        self._members: dict[str, Any] = {}
        self._stack: list[tuple[Tag, dict[str, Any]]] = []
        self._depth = limits.depth
        self._out: list[Record | Malformed] = []
        self._begins = self._level = 0
        self._aside: Malformed | None = None
        # members that are empty so far: they keep their place if more of their name come, else they go
        self._holes: list[tuple[dict[str, Any], str]] = []
        self._before = 0
        # of open elements that have attributes: depth, members, and what an attribute gives way to
        self._owned: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.root_tag = ""
        self.parts: set[str] = set()
        self._within = ""

    def feed(self, data: bytes) -> list[Record | Malformed]:
        """Take the next bytes and return the records that they complete.

        A record that nests too deep, is too large or not in the document's encoding is malformed. Raises
        `ProtocolViolation` (``reason``: size, record-size, encoding, dtd, xml, depth, attributes,
        forbidden-node, names, prolog, frame, repeated-part).
        """
        self._fed += len(data)
        self._since += len(data)
        if self._fed > self._limits.answer_bytes:
            refuse(f"the answer is larger than {self._limits.answer_bytes} bytes", "size")
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
        if self._level and self._aside is None:  # what is past: nothing of it is kept
            self._since = 0
            return
        endless = self._since > PATIENCE * most or self._size > 2 * most
        if not self._inside or (self._level and endless):
            refuse(f"more than {most} bytes without a whole record", "record-size")
        if not self._level:
            self._sink(TOO_LARGE)
            self._look = 0
            self._advance(b"", final=False)

    def close(self) -> dict[str, Any]:
        """Return the frame once everything was fed: the root's children by Clark name.

        Raises `ProtocolViolation` where the document is not complete.
        """
        self._advance(b"", final=True)
        self._fill(0)
        if self._incoming.broken and broken_in(self._members):
            refuse("the answer is not in the character encoding that it names", "encoding")
        root: Any = next(iter(self._members.values()), {})
        return root if isinstance(root, dict) else {}

    def _advance(self, data: bytes, *, final: bool) -> None:
        """Cut what is complete into tags; a tag is once the next one begins, or while skimming once it ends.

        What is not complete is gathered, not looked at again before there is reason to.
        """
        text = self._incoming.feed(data, final=final) if data or final else ""
        self._rest.append(text)
        self._size += len(text)
        if not final and "<" not in text and not (self._level and self._size >= self._look):
            return
        region = "".join(self._rest)
        cut = len(region) if final else last_whole_tag(region) if self._level else max(0, region.rfind("<"))
        self._keep(region[cut:])
        region = region[:cut]
        try:
            while region:
                region = self._skimmed(region) if self._level else self._scan(region)
        except (LookupError, ValueError):
            refuse("the answer is not well-formed XML", "xml")

    def _keep(self, rest: str) -> None:
        """Keep what is not complete; it stands before what is kept already."""
        self._rest = [rest]
        self._size = len(rest)
        self._look = 2 * self._size

    def _skimmed(self, region: str) -> str:
        """Pass over what belongs to a record that is set aside; return what is left of a region."""
        self._level, rest = skim(region, self._level)
        if not self._level and self._aside is not None:
            self._inside = False
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
        del stack[begins:], self._holes[self._before :]

    def _left(self, tag: Tag, members: dict[str, Any], piece: str, pieces: Iterator[str]) -> str:
        """Give up a record that nests too deep, or pass over what is past; return what is left."""
        if self._level:
            self._tag, self._members = tag, members
        else:
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
                    self._put_back(piece)
                    break
                if following[0] == "/":
                    value: Any = None
                    if text:
                        if amp and "&" in text:
                            text = unescape(text)
                        value = text if kid.convert is None else kid.convert(text)
                    if value is None or kid.many or kid.key in members:
                        self._repeat(members, kid, value)
                    else:
                        members[kid.key] = value
                    piece = next(pieces, None)
                else:
                    stack.append((tag, members))
                    if len(stack) > depth:
                        return self._left(tag, members, following, pieces)
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
                if self._level or len(stack) > depth:
                    return self._left(tag, members, piece or "", pieces)
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
        kid, (attributes, aliases), empty, text = self._tags.start(tag, depth, piece)
        following = next(pieces, None)
        if following is None and not empty:
            self._put_back(piece)
            return tag, members, None
        if kid.past:
            self._level = int(not empty)
            return tag, members, following
        if not depth:
            self.root_tag = kid.name
        elif depth == 2:
            self._part(tag, kid)
        if kid.record:
            self._inside, self._begins, self._before = True, depth, len(self._holes)
        if empty or (following or "")[:1] == "/":
            self._end(kid, _leaf(kid, attributes, text if not empty else ""), members)
            return tag, members, following if empty else next(pieces, None)
        self._stack.append((tag, members))
        if aliases:
            self._own(attributes, aliases)
        return kid, attributes, following

    def _put_back(self, piece: str) -> None:
        """Keep a start tag and its text until it is known what follows."""
        self._rest.insert(0, f"<{piece}")
        self._size += len(piece) + 1

    def _part(self, tag: Tag, kid: Tag) -> None:
        """Remember the full names of what stands in the root's last child, the Body of an envelope."""
        if tag.name != self._within:
            self._within = tag.name
            self.parts.clear()
        self.parts.add(kid.name)

    def _end(self, tag: Tag, value: Any, members: dict[str, Any]) -> None:
        """Take an element that has ended: a record is given out, anything else becomes a member."""
        if tag.record:
            self._inside = False
            self._fill(self._before)
            record = value if isinstance(value, dict) else {TEXT_MEMBER: value}
            broken = self._incoming.broken and broken_in(record)
            self._out.append(not_encoded(record) if broken else record)
            return
        if not self._inside:
            self._frame += 1
            if self._frame > _MOST_FRAME:
                refuse("there is too much around the records", "frame")
        if value is None or tag.many or tag.key in members:
            self._repeat(members, tag, value)
        else:
            members[tag.key] = value

    def _repeat(self, members: dict[str, Any], tag: Tag, value: Any) -> None:
        """Put a value into its member, or into a list: the element always is one, or comes again."""
        key = tag.key
        if key in members and not (self._owned and self._give_way(members, key)):
            if self._envelope and not self._inside and len(self._stack) == 1:
                refuse("a part of the answer comes twice", "repeated-part")
            before = members[key]
            if type(before) is list:
                before.append(value)
            else:
                members[key] = [before, value]
        elif tag.many:
            members[key] = [value]
        else:
            members[key] = value
            if value is None:
                self._holes.append((members, key))

    def _own(self, members: dict[str, Any], aliases: dict[str, str]) -> None:
        """Remember which members of an open element are attributes."""
        owned, depth = self._owned, len(self._stack)
        while owned and owned[-1][0] >= depth:
            owned.pop()
        owned.append((depth, members, aliases))

    def _give_way(self, members: dict[str, Any], key: str) -> bool:
        """Move an attribute out of the way of a child of the same name; tell whether there was one."""
        owned, depth = self._owned, len(self._stack)
        while owned and owned[-1][0] > depth:
            owned.pop()
        alias = owned[-1][2].pop(key, None) if owned and owned[-1][1] is members else None
        if alias is None:
            return False
        members[alias] = members.pop(key)
        return True

    def _fill(self, start: int) -> None:
        """Leave out what stayed empty; only in lists nothing has a place."""
        holes = self._holes
        if len(holes) == start:
            return
        for members, key in holes[start:]:
            if members[key] is None:
                del members[key]
        del holes[start:]

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
