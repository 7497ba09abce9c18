"""Records that cannot go on as they are: too deep, too large, or no JSON. Each is set aside alone.

What is kept of one is bounded, whatever it holds: its text up to `KEPT` bytes and, where that is not
all, its size and digest. Nothing here calls itself, so no depth is too deep.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

from lienthong.connector import Malformed
from lienthong.errors import Reason
from lienthong.pipeline.refusals import Refusal
from lienthong.records import MOST_LEVELS, canonical, sha256

#: The largest record that travels (canonical bytes); a larger one is set aside.
RECORD_BYTES: Final = 64 << 20
#: The most bytes kept of something that is no record.
KEPT: Final = 1 << 20

NOT_JSON: Final = Reason(
    "",
    "record.not-json",
    "Bản ghi chứa giá trị mà JSON không biểu diễn chính xác được (số quá lớn, ký tự hỏng)",
    "The record holds a value that JSON cannot carry exactly (number too large, broken character)",
)
TOO_DEEP: Final = Reason(
    "",
    "record.too-deep",
    f"Bản ghi lồng nhau quá {MOST_LEVELS} tầng",
    f"The record is nested more than {MOST_LEVELS} levels deep",
)
TOO_LARGE: Final = Reason(
    "",
    "record.too-large",
    f"Bản ghi lớn hơn {RECORD_BYTES >> 20} MiB",
    f"The record is larger than {RECORD_BYTES >> 20} MiB",
)


def wrapped(piece: Malformed) -> Refusal:
    """Keep bytes that are no record inside one, so that quarantine can hold them."""
    kept: dict[str, Any] = {"$malformed": base64.b64encode(piece.data[:KEPT]).decode()}
    if len(piece.data) > KEPT:
        kept |= {"$size": len(piece.data), "$sha256": sha256(piece.data)}
    return Refusal(canonical(kept), (piece.reason,))


def too_large(data: bytes) -> Refusal:
    """Return the refusal of a record whose canonical bytes are more than travel."""
    return wrapped(Malformed(data, TOO_LARGE))


def unreadable(record: Any) -> Refusal:
    """Return the refusal of a record that has no canonical bytes, with what can be said of it."""
    return wrapped(Malformed(sketch(record), TOO_DEEP if _deep(record) else NOT_JSON))


def sketch(value: Any, most: int = KEPT) -> bytes:
    """Return a value's text, JSON where it is JSON, cut off after so many bytes."""
    pieces: list[bytes] = []
    left = most
    for piece in _pieces(value, most):
        pieces.append(piece[:left])
        left -= len(pieces[-1])
        if left <= 0:
            break
    return b"".join(pieces)


def _pieces(value: Any, most: int) -> Iterator[bytes]:
    """Yield a value's text piece by piece, with a stack in place of recursion."""
    stack: list[Any] = [iter((value,))]
    ends: list[bytes] = [b""]
    while stack:
        item = next(stack[-1], _END)
        if item is _END:
            stack.pop()
            yield ends.pop()
        elif type(item) is _Said:
            yield item.text
        elif isinstance(item, dict):
            yield b"{"
            stack.append(_members(item, most))
            ends.append(b"}")
        elif isinstance(item, (list, tuple)):
            yield b"["
            stack.append(_items(item))
            ends.append(b"]")
        else:
            yield _atom(item, most)


class _Said:
    """Text between values."""

    def __init__(self, text: bytes) -> None:
        self.text = text


_END: Final = object()


def _members(value: dict[Any, Any], most: int) -> Iterator[Any]:
    for number, (name, item) in enumerate(value.items()):
        yield _Said((b"," if number else b"") + _atom(name, most) + b":")
        yield item


def _items(value: Any) -> Iterator[Any]:
    for number, item in enumerate(value):
        if number:
            yield _Said(b",")
        yield item


def _atom(value: Any, most: int) -> bytes:
    """Return a single value's text, at most so long; of a type that JSON does not know, its name."""
    if isinstance(value, str):
        text = value[:most].replace("\\", "\\\\").replace('"', '\\"')
        return b'"' + text.encode("utf-8", "backslashreplace") + b'"'
    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, int):  # Python writes no integer of more than 4,300 digits
        return (repr(value) if value.bit_length() < 8192 else hex(value)[:most]).encode()
    if isinstance(value, (float, Decimal, date, time)):
        return str(value).encode()
    return f"<{type(value).__name__}>".encode()


def _deep(record: Any) -> bool:
    """Tell whether a value nests deeper than records may."""
    stack: list[Iterator[Any]] = [iter((record,))]
    while stack:
        item = next(stack[-1], _END)
        if item is _END:
            stack.pop()
        elif isinstance(item, (dict, list, tuple)):
            if len(stack) > MOST_LEVELS:
                return True
            stack.append(iter(item.values() if isinstance(item, dict) else item))
    return False
