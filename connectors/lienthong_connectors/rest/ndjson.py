"""Newline-delimited JSON: a record a line, each read strictly and by itself."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation, Reason, Unavailable
from lienthong_connectors.rest.decode import decode
from lienthong_connectors.rest.elements import Element, elements_of
from lienthong_connectors.rest.paths import MISSING
from lienthong_connectors.rest.set_aside import KEPT, PATIENCE, TOO_LARGE

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
        self._size, self._whole = 0, False
        self._over: bytes | None = None
        self._hash = hashlib.sha256()
        self.mark = ""

    def feed(self, data: bytes) -> list[Element]:
        """Take the next bytes and return the lines that they complete.

        A line that is too long is malformed; raises `ProtocolViolation` where no line ends at all.
        """
        self._hash.update(data)
        if self._over is not None:
            return self._pass_over(self._over, data)
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            whole, self._rest, self._size, self._whole = b"".join([*self._rest, head]), [], 0, True
            elements = [element for line in whole.split(b"\n") for element in self._read(line)]
        else:
            elements = []
        self._rest.append(tail)
        self._size += len(tail)
        if self._size > self._most:
            self._check(self._size)
            self._over, self._rest = b"".join(self._rest)[:KEPT], []
        return elements

    def _pass_over(self, head: bytes, data: bytes) -> list[Element]:
        """Pass over a line that is too long, of which only the beginning is kept."""
        before, newline, after = data.partition(b"\n")
        self._size += len(before)
        if not newline:
            return []
        element = Malformed(head + f"... {self._size} bytes".encode(), TOO_LARGE)
        self._over, self._size = None, 0
        hashed, self._hash = self._hash, hashlib.sha256()  # the rest has been hashed already
        elements = self.feed(after)
        self._hash = hashed
        return [element, *elements]

    def close(self) -> list[Element]:
        """Return the last line where no newline ends it; raise `Unavailable` where it was cut."""
        self.mark = self._hash.hexdigest()[:32]
        if self._over is not None:
            return [Malformed(self._over + f"... {self._size} bytes".encode(), TOO_LARGE)]
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
        if len(line) > self._most:
            self._check(len(line))
            return [Malformed(line[:KEPT] + f"... {len(line)} bytes".encode(), TOO_LARGE)]
        bare = line.strip(_BLANKS)
        if not bare:
            return []
        try:
            return elements_of([decode(bare).value])
        except ProtocolViolation:
            return [Malformed(bare, NOT_JSON)]

    def _check(self, size: int) -> None:
        """Refuse lines without end: where not one line has ended, these are no lines."""
        if not self._whole or size > PATIENCE * self._most:
            raise ProtocolViolation(
                f"a line is longer than {self._most} bytes",
                where=self._where,
                hint="is this newline-delimited JSON? Else raise max_record_bytes",
            )
