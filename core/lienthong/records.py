"""Records: canonical bytes, keys and digests.

A record is a JSON object. Its canonical bytes follow RFC 8785 (JSON Canonicalization Scheme), so
that the same record has the same digest on every machine and in every language.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from math import isinf
from typing import Any, TypeAlias

import orjson
import rfc8785

from lienthong.errors import ProtocolViolation
from lienthong.paths import names, reach

Record: TypeAlias = dict[str, Any]

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
#: The deepest nesting of a record: what every reader of our bytes takes.
MOST_LEVELS = 250
_LONGEST = 500
_PLAIN_TYPES = frozenset({str, int, bool, type(None)})


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    orjson with sorted keys writes the same bytes ten times as fast wherever there is no float and
    no key outside ASCII; everything else goes through the reference implementation.

    Raises `ProtocolViolation` for what I-JSON (RFC 7493) cannot carry: NaN, infinities, integers
    beyond 2**53 - 1, lone surrogates, keys that are not text; and for what nests deeper than
    `MOST_LEVELS`.
    """
    try:
        if _is_plain(value, MOST_LEVELS):
            return orjson.dumps(value, option=_SORTED)
        _refuse_wide_floats(value, MOST_LEVELS)
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, orjson.JSONEncodeError, UnicodeError, RecursionError) as error:
        raise ProtocolViolation(
            "a record holds a value that JSON cannot carry exactly (RFC 7493)",
            hint="send large or fractional numbers as text",
            kind=type(error).__name__,
        ) from None


def _is_plain(value: Any, levels: int) -> bool:
    """Tell whether orjson's bytes for this value equal RFC 8785's.

    A plain loop, because a generator or a set of types costs half as much again. Raises
    `RecursionError` for more levels than there may be.
    """
    if not levels:
        raise RecursionError
    kind = type(value)
    if kind is dict:
        if not "".join(value).isascii():
            return False
        items: Collection[Any] = value.values()
    elif kind is list:
        items = value
    else:
        return kind in _PLAIN_TYPES
    for item in items:
        kind = type(item)
        if kind is str or item is None or kind is int or kind is bool:
            continue
        if (kind is not dict and kind is not list) or not _is_plain(item, levels - 1):
            return False
    return True


def _refuse_wide_floats(value: Any, levels: int) -> None:
    """Refuse floats that RFC 8785 writes as integers which no longer are exact when read back."""
    if isinstance(value, float) and 2**53 <= abs(value) < 1e21:
        raise rfc8785.FloatDomainError(value)
    if isinstance(value, (dict, list, tuple)):
        if not levels:
            raise RecursionError
        for item in value.values() if isinstance(value, dict) else value:
            _refuse_wide_floats(item, levels - 1)


def fraction(text: str) -> float | Decimal:
    """Return what a JSON number with a point or an exponent stands for: for ``json.loads(parse_float=…)``.

    A double where its shortest text says the same number, else a `Decimal` with all digits. That has no
    canonical bytes, so the record is set aside, unless its dataset takes decimals there. Raises
    `ValueError` for what is larger than any double, and for a number of a thousand digits.
    """
    double, number = float(text), Decimal(text)
    if isinf(double) or len(text) > _LONGEST or abs(number.adjusted()) > 2 * _LONGEST:
        raise ValueError("a number is too large")
    return double if Decimal(repr(double)) == number else number


def parse(data: bytes) -> Record:
    """Return the record that canonical bytes stand for (the bytes are trusted to be ours)."""
    record: Record = orjson.loads(data)
    return record


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lowercase hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON value's canonical bytes."""
    return sha256(canonical(value))


def key_of(record: Mapping[str, Any], fields: Iterable[str]) -> str:
    """Return a record's key as text: its key fields' values joined by ``|``.

    If there are several, each bar or backslash in a value has a backslash before it. A whole number has one
    text however it is written, as in canonical bytes: 1.0 is 1. A field is a path (`lienthong.paths`). A
    missing part is empty text, which validation refuses, so that even a broken record has a name in the
    quarantine.
    """
    values = [_at(record, field) for field in fields]
    texts = [str(int(it) if isinstance(it, float) and it.is_integer() else it) for it in values]
    if len(texts) == 1:
        return texts[0]
    return "|".join(text.replace("\\", "\\\\").replace("|", "\\|") for text in texts)


def _at(record: Mapping[str, Any], path: str) -> Any:
    if "." not in path and "[" not in path and path in record:  # most keys; a call costs more than this
        value: Any = record[path]
    else:
        value = reach(record, names(path))
    return "" if value is None else value


def keyed_hash(secret: bytes, value: str) -> str:
    """Return the HMAC-SHA-256 (hex) by which a person's records are found without naming the person."""
    return hmac.new(secret, value.encode(), hashlib.sha256).hexdigest()
