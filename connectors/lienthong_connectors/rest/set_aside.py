"""Elements that are no records: one that cannot be read is set aside alone, the others are read.

That is safe only where it is certain where the element begins and ends: it is one object whose
brackets and texts are whole. What is wrong inside (a name twice, a number that nothing holds, a depth
without end) is then nobody else's concern. Where brackets do not match, the whole answer is doubtful.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation, Reason
from lienthong.records import Record
from lienthong_connectors.rest.decode import decode

KEPT: Final = 1 << 16
#: How many times an element's limit is passed over before the answer is given up.
PATIENCE: Final = 32

NOT_EXACT: Final = Reason(
    path="",
    rule="page.not-exact",
    vi="Phần tử không phải là JSON đọc được chính xác (tên trùng, số quá lớn, ký tự hỏng, lồng quá sâu)",
    en="The element is not JSON that can be read exactly (a name twice, a number too large, a broken"
    " character, nested too deep)",
)
TOO_LARGE: Final = Reason(
    path="",
    rule="page.too-large",
    vi="Phần tử lớn hơn giới hạn max_record_bytes của nguồn",
    en="The element is larger than the source's max_record_bytes",
)
_TOKEN: Final = re.compile(rb'\\.|["{}\[\],]', re.DOTALL)
_MATCH: Final = {ord("}"): ord("{"), ord("]"): ord("[")}
_BLANK: Final = b" \t\r\n"


def one_by_one(region: bytes) -> list[Record | Malformed] | None:
    """Return the elements of a list's inside, those that cannot be read as malformed.

    None where one of them is no object with whole brackets: then nobody knows where it ends.
    """
    found: list[Record | Malformed] = []
    for piece in pieces(region):
        if piece is None:
            return None
        try:
            value = decode(piece).value
        except ProtocolViolation:
            found.append(Malformed(piece[:KEPT], NOT_EXACT))
            continue
        if not isinstance(value, dict):
            return None
        found.append(value)
    return found


def pieces(region: bytes) -> list[bytes | None]:
    """Return the objects between the commas of a list's inside, None in the place of what is none."""
    found: list[bytes | None] = []
    opened = bytearray()
    start, text, ended = 0, False, False
    for match in _TOKEN.finditer(region):
        sign = match.group()[0]
        if text:
            text = sign != ord('"')
        elif sign == ord('"'):
            text = True
        elif sign in b"{[":
            if ended or (not opened and (sign != ord("{") or region[start : match.start()].strip(_BLANK))):
                return [None]
            opened.append(sign)
        elif sign in b"}]":
            if not opened or opened.pop() != _MATCH[sign]:
                return [None]
            ended = not opened
        elif sign == ord(",") and not opened:
            found.append(_piece(region[start : match.start()], ended=ended))
            start, ended = match.end(), False
    found.append(_piece(region[start:], ended=ended and not text and not opened))
    return found


def _piece(data: bytes, *, ended: bool) -> bytes | None:
    bare = data.strip(_BLANK)
    return bare if ended and bare.endswith(b"}") else None


class Skipped:
    """An element that is too large, passed over while it arrives; only its beginning is kept."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._head, self._hash = b"", hashlib.sha256()
        self._depth, self._text, self._held = 0, False, b""

    def feed(self, data: bytes) -> int | None:
        """Take bytes; return where behind them the element has ended, None where it has not.

        Raises `ValueError` for an element without end, or a bracket that closes what nobody opened.
        """
        held, data = self._held, self._held + data
        self._held = b""
        if (len(data) - len(data.rstrip(b"\\"))) % 2:  # half an escape
            self._held, data = b"\\", data[:-1]
        end = self._scan(data)
        taken = data if end is None else data[:end]
        self._head += taken[: KEPT - len(self._head)]
        self._hash.update(taken)
        self._size += len(taken)
        if self._size > self._most:
            raise ValueError
        return None if end is None else end - len(held)

    def malformed(self) -> Malformed:
        """Return what is kept of the element: its beginning, its size and its digest."""
        told = f"... {self._size} bytes, SHA-256 {self._hash.hexdigest()}".encode()
        return Malformed(self._head.lstrip(_BLANK) + told, TOO_LARGE)

    def _scan(self, data: bytes) -> int | None:
        for match in _TOKEN.finditer(data):
            sign = match.group()[0]
            if self._text or sign == ord('"'):
                self._text = sign != ord('"') if self._text else True
            elif sign in b"{[":
                self._depth += 1
            elif sign in b"}]":
                if not self._depth:
                    if sign == ord("]"):
                        return match.start()
                    raise ValueError
                self._depth -= 1
            elif sign == ord(",") and not self._depth:
                return match.start()
        return None
