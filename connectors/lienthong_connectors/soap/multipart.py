"""multipart/related (RFC 2387, RFC 2046 section 5.1) taken apart while it arrives, part after part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from lienthong_connectors.soap.transfer import decoded
from lienthong_connectors.xml.shape import refuse

HERE: Final = "thismessage:/"
"""Base of relative locations in a message that names none (RFC 2557, section 5)."""

_LONGEST_HEAD: Final = 16_384
_LONGEST_PREAMBLE: Final = 65_536
_PIECE: Final = 1 << 16
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? <>-]{0,69}[0-9A-Za-z'()+_,./:=?<>-]\Z")
_CODINGS: Final = frozenset({"", "binary", "8bit", "7bit"})
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its headers, and its bytes, which must be read before the next part is asked for."""

    headers: Message
    chunks: Iterator[bytes] = field(repr=False)

    @property
    def content_id(self) -> str:
        """Its Content-ID without angle brackets, empty where it has none."""
        return str(self.headers.get("Content-ID", "")).strip().removeprefix("<").removesuffix(">")

    def names(self, base: str = "") -> tuple[str, ...]:
        """Return the names that references may call it by: Content-ID, and Content-Location as a URL.

        A Content-ID that is percent-encoded as in its ``cid:`` URL (RFC 2392 says it should not be) has
        both forms. A relative location is one under ``base`` (RFC 2557, section 5).
        """
        location = str(self.headers.get("Content-Location", "")).strip()
        every = (self.content_id, unquote(self.content_id), located(location, base))
        return tuple(dict.fromkeys(name for name in every if name))

    @property
    def content_type(self) -> str:
        """Its Content-Type with parameters."""
        return str(self.headers.get("Content-Type", "text/plain"))


def located(said: str, base: str = "") -> str:
    """Return what a location or reference leads to, relative ones under ``base``; empty for none."""
    if not said or urlsplit(said).scheme:
        return said
    return urljoin(base, said) if urlsplit(base).netloc else HERE + said.lstrip("/")


def parameters(content_type: str) -> dict[str, str]:
    """Return the parameters of a Content-Type header, names in lower case.

    Raises `ProtocolViolation` for a header longer than a part's headers may be.
    """
    if len(content_type) > _LONGEST_HEAD:
        refuse(f"a Content-Type is longer than {_LONGEST_HEAD} bytes", "multipart-head")
    header = Message()
    header["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    return {name.lower(): str(value) for name, value in (header.get_params() or [])[1:]}


def parts(chunks: Iterator[bytes], boundary: str) -> Iterator[Part]:
    """Yield the parts of a multipart body in their order.

    What is left of a part when the next is asked for is skipped. Raises `ProtocolViolation`
    (``reason``: multipart, multipart-cut, multipart-head, multipart-coding).
    """
    if not _BOUNDARY.match(boundary):
        refuse("the answer's parts have no boundary, or one that cannot be", "multipart")
    reader = _Reader(chunks, b"--" + boundary.encode("ascii"))
    skipped = 0
    for piece in reader.until_boundary():
        skipped += len(piece)
        if skipped > _LONGEST_PREAMBLE:
            refuse("the answer's first part does not begin", "multipart")
    while reader.goes_on():
        headers = message_from_bytes(reader.head())
        body = decoded(reader.until_boundary(), str(headers.get("Content-Transfer-Encoding", "")))
        yield Part(headers, body)
        for _ in body:
            pass


class _Reader:
    """The bytes between boundaries.

    Lines end with CRLF, or with LF alone where the first boundary's does: one message keeps to one of
    both, because a part's own last byte may be either.
    """

    def __init__(self, chunks: Iterator[bytes], line: bytes) -> None:
        self._chunks, self._line = chunks, line
        self._end = b"\n"
        self._delimiter = self._end + line
        self._held = bytearray(self._end)  # so that a boundary may be the very first line
        self._known = False

    def until_boundary(self) -> Iterator[bytes]:
        """Yield what comes before the next boundary, and go behind it."""
        keep = len(self._delimiter) - 1
        while True:
            at = self._held.find(self._delimiter)
            if at >= 0:
                found = bytes(self._held[:at])
                del self._held[: at + len(self._delimiter)]
                if found:
                    yield found
                return
            if len(self._held) > keep:
                found = bytes(self._held[: len(self._held) - keep])
                del self._held[: len(found)]
                yield found
            self._more("inside a part")

    def goes_on(self) -> bool:
        """Tell whether a part follows the boundary, and go to where it begins."""
        while len(self._held) < 2:
            self._more("behind a boundary")
        if self._held.startswith(b"--"):
            for _ in self._chunks:  # an epilogue is no data; it is read so that the answer is complete
                pass
            return False
        while b"\n" not in self._held:
            if len(self._held) > _LONGEST_HEAD:
                refuse("the answer's parts are not separated as they must be", "multipart")
            self._more("behind a boundary")
        end = self._held.index(b"\n") + 1
        if self._held[:end].strip(b" \t\r\n"):
            refuse("the answer's parts are not separated as they must be", "multipart")
        if not self._known:
            self._known, self._end = True, b"\r\n" if self._held[:end].endswith(b"\r\n") else b"\n"
            self._delimiter = self._end + self._line
        self._held[:end] = self._end  # a part without headers begins with an empty line
        return True

    def head(self) -> bytes:
        """Return a part's headers, and go behind them."""
        while (end := _HEAD_END.search(self._held)) is None and len(self._held) <= _LONGEST_HEAD:
            self._more("inside a part's headers")
        if end is None or end.start() > _LONGEST_HEAD:
            refuse(f"a part's headers are longer than {_LONGEST_HEAD} bytes", "multipart-head")
        found = bytes(self._held[: end.start()]).lstrip(b"\r\n")
        self._held[: end.end()] = self._end  # the line end stays: a boundary may follow at once
        self._drop_line_end()
        return found + b"\r\n\r\n"

    def _drop_line_end(self) -> None:
        """Go behind the empty line, unless it is where a boundary begins."""
        while len(self._held) < len(self._delimiter) and self._delimiter.startswith(bytes(self._held)):
            self._more("inside a part")
        if not self._held.startswith(self._delimiter):
            del self._held[: len(self._end)]

    def _more(self, where: str) -> None:
        data = next(self._chunks, None)
        if data is None:
            refuse(f"the answer ends {where}", "multipart-cut")
        self._held += data
