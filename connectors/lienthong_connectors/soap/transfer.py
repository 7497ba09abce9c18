"""Content transfer codings of parts (RFC 2045, section 6) undone while they arrive."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

from lienthong_connectors.xml.shape import refuse

_PLAIN: Final = frozenset({"", "binary", "8bit", "7bit"})
#: What may still become an escape or a soft line break when more arrives.
_OPEN: Final = re.compile(rb"=(?:[0-9A-Fa-f]?|[ \t]*\r?)\Z")
_WRONG: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n)")
_SOFT: Final = re.compile(rb"=[ \t]*\r?\n")
_LONGEST_OPEN: Final = 1_000


def decoded(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Undo a part's coding: base64, quoted-printable, or none.

    Raises `ProtocolViolation` (``reason``: multipart-coding) for another one, and for broken data.
    """
    coding = coding.strip().lower()
    if coding in _PLAIN:
        yield from chunks
    elif coding == "base64":
        yield from _base64(chunks)
    elif coding == "quoted-printable":
        yield from _quoted(chunks)
    else:
        refuse(f"a part has the transfer encoding {coding[:40]!r}, which is not read", "multipart-coding")


def _base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
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


def _quoted(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        open_ = _OPEN.search(data, max(0, len(data) - _LONGEST_OPEN))
        whole = len(data) if open_ is None else open_.start()
        data, rest = data[:whole], data[whole:]
        yield _from_quoted(data)
    if rest.strip(b" \t\r\n") not in (b"", b"="):  # a soft line break may be the very end
        refuse("a part in quoted-printable is cut", "multipart-coding")


def _from_quoted(data: bytes) -> bytes:
    if _WRONG.search(data):
        refuse("a part says quoted-printable and is not", "multipart-coding")
    return binascii.a2b_qp(_SOFT.sub(b"", data))
