"""Content codings of answers (RFC 9110 section 8.4), undone as they arrive, within a bound of bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from lienthong.errors import ProtocolViolation

ACCEPTED = "gzip, deflate"
"""Value of Accept-Encoding: exactly what `decoded` can undo."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PIECE = 1 << 18


def decoded(chunks: Iterable[bytes], coding: str, limit: int, *, where: str) -> Iterator[bytes]:
    """Yield the content of ``chunks`` with its codings undone, in bounded pieces of ``limit`` bytes at most.

    Raises `ProtocolViolation` for an unknown coding, broken data or data that grows beyond the
    limit, and `EOFError` for data that was cut.
    """
    for name in reversed([part.strip().lower() for part in coding.split(",") if part.strip()]):
        if name in {"gzip", "x-gzip"}:
            chunks = _inflated(chunks, _GZIP, where)
        elif name == "deflate":
            chunks = _inflated(chunks, _ZLIB, where)
        elif name != "identity":
            raise ProtocolViolation(
                "the answer has a content coding that was not asked for",
                where=where,
                hint=f"we ask for {ACCEPTED}",
            )
    size = 0
    for piece in chunks:
        size += len(piece)
        if size > limit:
            raise ProtocolViolation(
                f"the answer is larger than {limit} bytes",
                where=where,
                hint="ask for smaller pages, or raise max_answer_bytes",
            )
        yield piece


def _inflated(chunks: Iterable[bytes], window: int, where: str) -> Iterator[bytes]:
    """Undo gzip (with all its members, RFC 1952 section 2.2) or deflate, with or without zlib's header."""
    engine: Any = None
    for chunk in chunks:
        data = chunk
        while data:
            if engine is None:
                engine = zlib.decompressobj(_RAW if window == _ZLIB and not _has_header(data) else window)
            try:
                piece = engine.decompress(data, _PIECE)
            except zlib.error:
                raise ProtocolViolation("the compressed answer cannot be read", where=where) from None
            if piece:
                yield piece
            data = engine.unconsumed_tail
            if engine.eof:
                data = engine.unused_data if window == _GZIP else b""
                if window == _GZIP:
                    engine = None
    if engine is not None and not engine.eof:
        raise EOFError("the compressed answer was cut")


def _has_header(data: bytes) -> bool:
    """Tell whether deflated data begins with zlib's header (RFC 1950), which some servers leave out."""
    if len(data) == 1:
        return data[0] & 0x0F == 8
    return data[0] & 0x0F == 8 and not (data[0] << 8 | data[1]) % 31
