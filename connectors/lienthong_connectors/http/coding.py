"""Content codings of answers (RFC 9110 section 8.4), undone as they arrive, within a bound of bytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import brotli
import zstandard

from lienthong.errors import ProtocolViolation

ACCEPTED = "gzip, deflate, br, zstd"
"""Value of Accept-Encoding: exactly what `decoded` can undo."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PIECE = 1 << 18
_WINDOW = 8 << 20
_SIP = 512
_BROKEN = (zlib.error, brotli.error, zstandard.ZstdError)


def decoded(chunks: Iterable[bytes], coding: str, limit: int, *, where: str) -> Iterator[bytes]:
    """Yield the content of ``chunks`` with its codings undone, in bounded pieces of ``limit`` bytes at most.

    Raises `ProtocolViolation` for an unknown coding, broken data or data that grows beyond the
    limit, and `EOFError` for data that was cut.
    """
    for name in reversed([part.strip().lower() for part in coding.split(",") if part.strip()]):
        if name == "identity":
            continue
        if name not in _ENGINES:
            raise ProtocolViolation(
                "the answer has a content coding that was not asked for",
                where=where,
                hint=f"we ask for {ACCEPTED}",
            )
        chunks = _undone(chunks, _ENGINES[name], where)
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


class _Engine(Protocol):
    """Undoes one coding.

    ``many``: another member may follow a complete one. ``rest`` is the input that was not taken,
    ``pending`` whether there is more to give out without any.
    """

    many: bool
    rest: bytes
    pending: bool

    def take(self, data: bytes) -> bytes:
        """Take some bytes and return what they stand for, a bounded piece of it."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the coded data is complete."""
        ...


class _Zlib:
    """gzip with all its members (RFC 1952 section 2.2), or deflate with or without zlib's header."""

    def __init__(self, window: int) -> None:
        self.many, self.rest, self.pending = window == _GZIP, b"", False
        self._engine: Any = None if window == _ZLIB else zlib.decompressobj(window)

    def take(self, data: bytes) -> bytes:
        if self._engine is None:
            self._engine = zlib.decompressobj(_ZLIB if _has_header(data) else _RAW)
        piece: bytes = self._engine.decompress(data, _PIECE)
        self.rest = self._engine.unconsumed_tail or self._engine.unused_data
        self.pending = len(piece) >= _PIECE
        return piece

    @property
    def ended(self) -> bool:
        return bool(self._engine.eof)


class _Brotli:
    """Brotli (RFC 7932): one stream. What it could not give out yet comes when it is asked again."""

    many = False

    def __init__(self) -> None:
        self.rest, self.pending = b"", False
        self._engine = brotli.Decompressor()

    def take(self, data: bytes) -> bytes:
        fresh = data if self._engine.can_accept_more_data() else b""
        piece: bytes = self._engine.process(fresh, output_buffer_limit=_PIECE)
        self.rest = data[len(fresh) :]
        self.pending = bool(piece)  # what is left shows only when it is asked for
        return piece

    @property
    def ended(self) -> bool:
        return bool(self._engine.is_finished())


class _Zstd:
    """Zstandard (RFC 8878) with all its frames, in windows of 8 MB at most (RFC 9659).

    The library gives all that its input stands for at once, so it gets its input in sips: none can
    grow beyond 16 MB, as a block of 128 kB takes 4 bytes at least.
    """

    many = True
    pending = False

    def __init__(self) -> None:
        self.rest = b""
        self._engine = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def take(self, data: bytes) -> bytes:
        pieces, size, place = [], 0, 0
        while place < len(data) and size < _PIECE and not self._engine.eof:
            pieces.append(self._engine.decompress(data[place : place + _SIP]))
            place, size = place + _SIP, size + len(pieces[-1])
        self.rest = self._engine.unused_data + data[place:]
        return b"".join(pieces)

    @property
    def ended(self) -> bool:
        return bool(self._engine.eof)


_ENGINES: dict[str, Callable[[], _Engine]] = {
    "gzip": lambda: _Zlib(_GZIP),
    "x-gzip": lambda: _Zlib(_GZIP),
    "deflate": lambda: _Zlib(_ZLIB),
    "br": _Brotli,
    "zstd": _Zstd,
}


def _undone(chunks: Iterable[bytes], make: Callable[[], _Engine], where: str) -> Iterator[bytes]:
    """Undo one coding; the pieces are bounded, whatever the data may grow to."""
    engine: _Engine | None = None
    for chunk in chunks:
        data = chunk
        while data or (engine is not None and engine.pending):
            engine = engine or make()
            try:
                piece = engine.take(data)
            except _BROKEN:
                raise ProtocolViolation("the compressed answer cannot be read", where=where) from None
            if piece:
                yield piece
            data = engine.rest
            if engine.ended:
                data = data if engine.many else b""
                engine = None if engine.many else engine
                if not data:
                    break
    if engine is not None and not engine.ended:
        raise EOFError("the compressed answer was cut")


def _has_header(data: bytes) -> bool:
    """Tell whether deflated data begins with zlib's header (RFC 1950), which some servers leave out."""
    if len(data) == 1:
        return data[0] & 0x0F == 8
    return data[0] & 0x0F == 8 and not (data[0] << 8 | data[1]) % 31
