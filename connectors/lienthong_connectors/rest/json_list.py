"""A JSON answer of any length, taken apart element by element while it arrives.

Where the list begins and which commas part its elements is found in two ways. The exact one walks
from bracket to bracket, over strings. The fast one looks for the last place where text stands that
stood between two elements before (`},{"id"`) and decodes everything up to there as one list. That
this decodes is the proof that the guess was right: it began at an element, and JSON is read from
left to right, so what follows cannot change how it is read. Where it does not decode, the exact
way decides. Either way every element goes through the strict decoder.

What surrounds the list is decoded too, with an empty list in its place: names that stand twice, a
second list or a cut end are found there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

import orjson

from lienthong.errors import ProtocolViolation
from lienthong.paths import names
from lienthong_connectors.rest.decode import decode
from lienthong_connectors.rest.elements import Element, elements_of, list_in
from lienthong_connectors.rest.paths import MISSING, at
from lienthong_connectors.rest.set_aside import PATIENCE, Skipped, one_by_one

_STEP: Final = 1 << 16
_LARGEST_FRAME: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BRACKET: Final = re.compile(rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+[{}\[\]]', re.DOTALL)
_COMMA: Final = re.compile(rb'[^"{}\[\],]*+(?:' + _STRING + rb'[^"{}\[\],]*+)*+[{}\[\],]', re.DOTALL)
_KEY: Final = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:\s*[{\[]\Z', re.DOTALL)
_LAST: Final = re.compile(rb"[^0-9]?\}\s*\Z")
_FIRST: Final = re.compile(rb",\s*\{\s*" + _STRING)
_OPEN: Final = frozenset(b"{[")


class JsonList:
    """Takes bytes, gives the elements of the list at ``path`` (dotted; empty: the answer is the list).

    ``element_bytes``: the most bytes without a whole element. ``judge`` looks at an answer without
    a list before that is found fault with: it may say why there is none. ``without`` returns the list of
    an answer that has none where it should be, or raises.
    """

    def __init__(
        self,
        path: str,
        element_bytes: int,
        *,
        where: str,
        judge: Callable[[Any], None] | None = None,
        without: Callable[[Any], list[Any]] | None = None,
    ) -> None:
        self._path, self._most, self._where, self._judge = path, element_bytes, where, judge
        self._without = without or (lambda frame: list_in(frame, path, where=where))
        self._buffer = b""
        self._wanted = 1
        self._before = self._after = b""
        self._begun = self._ended = self._comma = False
        self._between, self._comma_at = b"", 0
        self._hash = hashlib.sha256()
        self._depth = 0
        self._skipped: Skipped | None = None
        self.mark = ""

    def feed(self, data: bytes) -> list[Element]:
        """Take the next bytes and return the elements that they complete.

        An object that `decode` refuses, or that is too large, is malformed. Raises
        `ProtocolViolation` where it is not sure where an element ends, for an element without end and
        for surroundings that are too large.
        """
        if self._ended:
            self._after += data
            self._check_frame(self._after)
            return []
        self._buffer += data
        if self._skipped is not None:
            return self._skip(self._skipped)
        if len(self._buffer) < self._wanted:
            return []
        return self._advance()

    def close(self) -> list[Element]:
        """Return the last elements; raise `ProtocolViolation` where the answer is not complete."""
        elements: list[Element] = []
        while not self._ended and self._skipped is None:
            found = self._advance()
            elements += found
            if not found:
                break
        if not self._begun and not self._buffer.strip():
            raise ProtocolViolation(
                "the answer is empty", where=self._where, hint="check path, method and what an end looks like"
            )
        if not self._begun:
            self._before, self._buffer = self._buffer, b""
            frame = self.frame()
            if self._judge is not None:
                self._judge(frame)
            values = self._without(frame)
            self._hash.update(orjson.dumps(len(values)))
            elements = elements_of(values)
        elif not self._ended:
            self._refuse("the answer ends inside its list")
        elif at(self.frame(), self._path) != []:
            self._refuse(f"there is no list at {self._path!r}")
        self.mark = self._hash.hexdigest()[:32]
        return elements

    def opening(self) -> Any:
        """Return the frame up to the list, `MISSING` before the list has begun."""
        if not self._begun:
            return MISSING
        return decode(self._before + b"[]" + b"}" * self._depth, where=self._where).value

    def frame(self) -> Any:
        """Return the answer with an empty list in the list's place."""
        middle = b"[]" if self._begun else b""
        return decode(self._before + middle + self._after, where=self._where).value

    def _advance(self) -> list[Element]:
        if not self._begun and not self._begin():
            self._check_frame(self._buffer)
            self._wanted = 2 * len(self._buffer)
            return []
        elements = self._guess()
        if not elements or len(self._buffer) > 2 * _STEP:
            elements += self._walk()
        if len(self._buffer) > self._most:
            self._skipped = Skipped(PATIENCE * self._most)
            elements += self._skip(self._skipped)
        return elements

    def _skip(self, skipped: Skipped) -> list[Element]:
        """Pass over an element that is too large; go on behind it."""
        try:
            end = skipped.feed(self._buffer)
        except ValueError:
            self._refuse(f"more than {PATIENCE * self._most} bytes without a whole element")
        if end is None:
            self._buffer = b""
            return []
        element, self._skipped = skipped.malformed(), None
        self._note(element.data)
        last = self._buffer[end : end + 1] == b"]"
        self._buffer, self._comma, self._wanted = self._buffer[end if last else end + 1 :], not last, _STEP
        return [element, *self._advance()]

    def _begin(self) -> bool:
        """Find where the list begins; what is before it is kept."""
        found = _start(self._buffer, self._path)
        if found is not None:
            place, self._depth = found
            self._before, self._buffer = self._buffer[: place - 1], self._buffer[place:]
            self._begun = True
        return self._begun

    def _guess(self) -> list[Element]:
        """Take everything up to what looks like the last place between two elements."""
        place = self._buffer.rfind(self._between) if self._between else -1
        if place < 0:
            return []
        end = place + self._comma_at
        try:
            values = decode(b"[" + self._buffer[:end] + b"]").value
        except ProtocolViolation:
            return []
        self._note(self._buffer[:end])
        self._buffer, self._comma, self._wanted = self._buffer[end + 1 :], True, _STEP
        return elements_of(values)

    def _walk(self) -> list[Element]:
        """Take what is complete, found by walking from bracket to bracket."""
        end, ended = self._last_comma()
        if end < 0:
            self._wanted = min(max(2 * len(self._buffer), _STEP), self._most + 1)
            return []
        region, rest = self._buffer[:end], self._buffer[end + 1 :]
        if not region.strip(b" \t\r\n"):
            if not ended or self._comma:
                self._refuse("an element is missing between two commas")
            region = b""
        elements = self._read(region)
        if not ended:
            self._learn(end)
        self._note(region)
        self._wanted = _STEP
        if ended:
            self._ended, self._buffer, self._after = True, b"", rest
            self._check_frame(rest)
        else:
            self._buffer, self._comma = rest, True
        return elements

    def _read(self, region: bytes) -> list[Element]:
        """Return the elements of a region; one by one where one of them cannot be read."""
        try:
            return elements_of(decode(b"[" + region + b"]", where=self._where).value)
        except ProtocolViolation:
            elements = one_by_one(region)
            if elements is None:
                raise
            return [*elements]

    def _last_comma(self) -> tuple[int, bool]:
        """Return where the last comma between elements stands, or the list's end, and which it is."""
        buffer, place, depth, comma = self._buffer, 0, 0, -1
        while found := (_BRACKET if depth else _COMMA).match(buffer, place):
            place = found.end()
            sign = buffer[place - 1]
            if sign in _OPEN:
                depth += 1
            elif sign == ord(","):
                comma = place - 1
            elif depth:
                depth -= 1
            elif sign == ord("]"):
                return place - 1, True
            else:
                self._refuse("a bracket closes what it did not open")
        return comma, False

    def _note(self, region: bytes) -> None:
        """Add elements to what the mark is made of, with the comma before them."""
        if self._comma:
            self._hash.update(b",")
        self._hash.update(region)

    def _learn(self, end: int) -> None:
        """Remember what stands around a comma between two elements: one closes, the next names a member.

        What comes before the first bracket belongs to it where it is no digit: elements of one
        service tend to end alike, and lists inside them otherwise.
        """
        last, first = _LAST.search(self._buffer, max(0, end - 64), end), _FIRST.match(self._buffer, end)
        if last and first:
            self._between = last.group() + first.group()
            self._comma_at = len(last.group())

    def _check_frame(self, data: bytes) -> None:
        if len(data) > _LARGEST_FRAME:
            self._refuse(f"more than {_LARGEST_FRAME} bytes stand around the list")

    def _refuse(self, what: str) -> NoReturn:
        raise ProtocolViolation(
            what, where=self._where, hint="was it cut? Check the records path and max_record_bytes"
        )


def _start(head: bytes, path: str) -> tuple[int, int] | None:
    """Return the place behind the bracket that opens the list at a path, and how deep it lies."""
    wanted = names(path)
    place, depth, matched = len(_BOM) if head.startswith(_BOM) else 0, 0, 0
    while found := _BRACKET.match(head, place):
        sign, place = head[found.end() - 1], found.end()
        if sign not in _OPEN:
            depth -= 1
            matched = min(matched, max(0, depth - 1))
            continue
        if depth == (matched + 1 if wanted else 0):
            name = _key(found.group()) if wanted else None
            whole = not wanted or (name == wanted[matched] and matched + 1 == len(wanted))
            if sign == ord("[") and (whole or (depth == 1 and name == path)):
                return place, depth
            if sign == ord("{") and wanted and name == wanted[matched] and matched + 1 < len(wanted):
                matched += 1
        depth += 1
    return None


def _key(run: bytes) -> str | None:
    """Return the name in front of the bracket that ends a run."""
    found = _KEY.search(run)
    try:
        return str(orjson.loads(found.group(1))) if found else None
    except orjson.JSONDecodeError:
        return None
