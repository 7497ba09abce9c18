"""Content codings of answers (RFC 9110 section 8.4), undone within a bound of bytes."""

from __future__ import annotations

import zlib

from lienthong.errors import ProtocolViolation, Unavailable

ACCEPTED = "gzip, deflate"
"""Value of Accept-Encoding: exactly what `decoded` can undo."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def decoded(content: bytes, coding: str, limit: int, *, where: str) -> bytes:
    """Return the content with its codings undone, at most ``limit`` bytes.

    Raises `ProtocolViolation` for an unknown coding, broken data or data that would grow beyond
    the limit, and `Unavailable` for data that was cut.
    """
    for name in reversed([part.strip().lower() for part in coding.split(",") if part.strip()]):
        if name in {"gzip", "x-gzip"}:
            content = _inflated(content, _GZIP, limit, where)
        elif name == "deflate":
            zlib_header = (
                len(content) > 1 and content[0] & 0x0F == 8 and not (content[0] << 8 | content[1]) % 31
            )
            content = _inflated(content, _ZLIB if zlib_header else _RAW, limit, where)
        elif name != "identity":
            raise ProtocolViolation(
                "the answer has a content coding that was not asked for",
                where=where,
                hint=f"we ask for {ACCEPTED}",
            )
    return content


def _inflated(data: bytes, window: int, limit: int, where: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data:
        engine = zlib.decompressobj(window)
        try:
            part = engine.decompress(data, limit - size + 1)
        except zlib.error:
            raise ProtocolViolation("the compressed answer cannot be read", where=where) from None
        size += len(part)
        if size > limit:
            raise ProtocolViolation(
                f"the answer grows beyond {limit} bytes",
                where=where,
                hint="ask for smaller pages, or raise max_answer_bytes",
            )
        if not engine.eof:
            raise Unavailable("the compressed answer was cut", where=where)
        parts.append(part)
        data = engine.unused_data if window == _GZIP else b""
    return b"".join(parts)
