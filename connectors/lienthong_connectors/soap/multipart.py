"""multipart/related (RFC 2387, RFC 2046 section 5.1) taken apart while it arrives, part after part."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Final

from lienthong_connectors.xml.shape import refuse

_LONGEST_HEAD: Final = 16_384
_LONGEST_PREAMBLE: Final = 65_536
_PIECE: Final = 1 << 16
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? <>-]{0,69}[0-9A-Za-z'()+_,./:=?<>-]\Z")
_CODINGS: Final = frozenset({"", "binary", "8bit", "7bit"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its headers, and its bytes, which must be read before the next part is asked for."""

    headers: Message
    chunks: Iterator[bytes] = field(repr=False)

    @property
    def content_id(self) -> str:
        """Its Content-ID without angle brackets, empty where it has none."""
        return str(self.headers.get("Content-ID", "")).strip().removeprefix("<").removesuffix(">")

    @property
    def content_type(self) -> str:
        """Its Content-Type with parameters."""
        return str(self.headers.get("Content-Type", "text/plain"))


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
    reader = _Reader(chunks, b"\r\n--" + boundary.encode("ascii"))
    skipped = 0
    for piece in reader.until_boundary():
        skipped += len(piece)
        if skipped > _LONGEST_PREAMBLE:
            refuse("the answer's first part does not begin", "multipart")
    while reader.goes_on():
        headers = message_from_bytes(reader.head())
        body = _decoded(reader.until_boundary(), str(headers.get("Content-Transfer-Encoding", "")))
        yield Part(headers, body)
        for _ in body:
            pass


class _Reader:
    """The bytes between boundaries."""

    def __init__(self, chunks: Iterator[bytes], delimiter: bytes) -> None:
        self._chunks, self._delimiter = chunks, delimiter
        self._held = bytearray(b"\r\n")  # so that a boundary may be the very first line

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
        self._held[:end] = b"\r\n"  # a part without headers begins with an empty line
        return True

    def head(self) -> bytes:
        """Return a part's headers, and go behind them."""
        while (at := self._held.find(b"\r\n\r\n")) < 0 and len(self._held) <= _LONGEST_HEAD:
            self._more("inside a part's headers")
        if not 0 <= at <= _LONGEST_HEAD:
            refuse(f"a part's headers are longer than {_LONGEST_HEAD} bytes", "multipart-head")
        found = bytes(self._held[2:at])
        del self._held[: at + 2]  # the line end stays: a boundary may follow at once
        self._drop_line_end()
        return found + b"\r\n\r\n"

    def _drop_line_end(self) -> None:
        """Go behind the empty line, unless it is where a boundary begins."""
        while len(self._held) < len(self._delimiter) and self._delimiter.startswith(bytes(self._held)):
            self._more("inside a part")
        if not self._held.startswith(self._delimiter):
            del self._held[:2]

    def _more(self, where: str) -> None:
        data = next(self._chunks, None)
        if data is None:
            refuse(f"the answer ends {where}", "multipart-cut")
        self._held += data


def _decoded(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Undo a content transfer coding (RFC 2045 section 6)."""
    coding = coding.strip().lower()
    if coding in _CODINGS:
        yield from chunks
        return
    if coding != "base64":
        refuse(f"a part has the transfer encoding {coding[:40]!r}, which is not read", "multipart-coding")
    rest = b""
    for chunk in chunks:
        data = rest + chunk.translate(None, b"\r\n \t")
        whole = len(data) - len(data) % 4
        data, rest = data[:whole], data[whole:]
        yield _from_base64(data)
    if rest:
        refuse("a part in base64 is cut", "multipart-coding")


def _from_base64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except binascii.Error:
        refuse("a part says base64 and is not", "multipart-coding")
