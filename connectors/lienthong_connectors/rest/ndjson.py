"""Newline-delimited JSON: a record a line, each read strictly and by itself."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation, Reason, Unavailable
from lienthong_connectors.rest.decode import decode
from lienthong_connectors.rest.elements import Element, elements_of
from lienthong_connectors.rest.paths import MISSING

NOT_JSON = Reason(
    path="",
    rule="page.not-json",
    vi="Dòng không phải là JSON đọc được chính xác",
    en="The line is not JSON that can be read exactly",
)
_BLANKS: Final = b" \t\r\n"


class NdjsonLines:
    """Takes bytes, gives the record of each line; a line that is no JSON is malformed.

    Blank lines are passed over, a line may end in CRLF, and the last one may go without. Where
    that last one is not JSON the answer was cut. ``line_bytes``: the longest line.
    """

    def __init__(self, line_bytes: int, *, where: str) -> None:
        self._most, self._where = line_bytes, where
        self._rest: list[bytes] = []
        self._size = 0
        self._hash = hashlib.sha256()
        self.mark = ""

    def feed(self, data: bytes) -> list[Element]:
        """Take the next bytes and return the lines that they complete.

        Raises `ProtocolViolation` for a line that is too long.
        """
        self._hash.update(data)
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            whole, self._rest, self._size = b"".join([*self._rest, head]), [], 0
            elements = [element for line in whole.split(b"\n") for element in self._read(line)]
        else:
            elements = []
        self._rest.append(tail)
        self._size += len(tail)
        self._check(self._size)
        return elements

    def close(self) -> list[Element]:
        """Return the last line where no newline ends it; raise `Unavailable` where it was cut."""
        self.mark = self._hash.hexdigest()[:32]
        last = list(self._read(b"".join(self._rest)))
        if last and isinstance(last[0], Malformed) and last[0].reason is NOT_JSON:
            raise Unavailable("the answer was cut inside its last line", where=self._where)
        return last

    def opening(self) -> Any:
        """Return `MISSING`: nothing stands around the lines."""
        return MISSING

    def frame(self) -> Any:
        """Return an empty object: nothing stands around the lines."""
        return {}

    def _read(self, line: bytes) -> list[Element]:
        self._check(len(line))
        bare = line.strip(_BLANKS)
        if not bare:
            return []
        try:
            return elements_of([decode(bare).value])
        except ProtocolViolation:
            return [Malformed(bare, NOT_JSON)]

    def _check(self, size: int) -> None:
        if size > self._most:
            raise ProtocolViolation(
                f"a line is longer than {self._most} bytes",
                where=self._where,
                hint="is this newline-delimited JSON? Else raise max_record_bytes",
            )
