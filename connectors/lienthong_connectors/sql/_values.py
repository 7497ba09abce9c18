"""Database values as JSON values."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from lienthong.errors import ProtocolViolation
from lienthong_connectors.rest.decode import decode

#: The largest integer that every JSON reader carries exactly (RFC 7493).
MOST = 2**53 - 1
_AS_IS = frozenset({str, bool, type(None)})


def jsonable(values: Sequence[Any]) -> Sequence[Any]:
    """Return one column's values as JSON values; a column of texts is returned as it is."""
    if _AS_IS.issuperset(map(type, values)):
        return values
    return [value if type(value) in _AS_IS else plain(value) for value in values]


def plain(value: Any) -> Any:
    """Return one value as a JSON value: times as ISO 8601, bytes as base64, exact numbers as text.

    An integer beyond 2**53 - 1 and a decimal with a scale become text, so that no digit is lost.
    """
    if isinstance(value, int):
        return value if -MOST <= value <= MOST else str(value)
    if isinstance(value, (float, Decimal)):
        return _fraction(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b64encode(bytes(value)).decode()
    if isinstance(value, dict):
        return {str(key): item if type(item) in _AS_IS else plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [item if type(item) in _AS_IS else plain(item) for item in value]
    return value if value is None or isinstance(value, str) else str(value)


def _fraction(value: float | Decimal) -> int | float | str:
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if value.is_finite() and value.as_tuple().exponent == 0 and -MOST <= value <= MOST:
        return int(value)
    return format(value, "f")


def duration(value: timedelta) -> str:
    """Return a length of time in ISO 8601 with all its seconds and microseconds, such as ``-PT93784.5S``."""
    whole, fraction = divmod(abs(value) // timedelta(microseconds=1), 10**6)
    digits = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{'-' if value < timedelta(0) else ''}PT{whole}{digits}S"


def truth(values: Sequence[Any]) -> Sequence[Any]:
    """Return a column that holds 0 and 1 as booleans."""
    return [bool(value) if type(value) is int and value in (0, 1) else value for value in values]


def parsed(values: Sequence[Any]) -> Sequence[Any]:
    """Return a column of JSON texts as the values they stand for."""
    return [plain(exact(value)) if isinstance(value, (str, bytes)) else plain(value) for value in values]


def exact(value: str | bytes) -> Any:
    """Return what a JSON text stands for; the text itself where no value holds it exactly.

    That is a text which is no JSON, names a member twice, or nests too deep: the dataset's schema
    refuses it, and nothing is lost without a word.
    """
    try:
        return decode(value if isinstance(value, bytes) else value.encode()).value
    except (ProtocolViolation, UnicodeEncodeError):
        return value if isinstance(value, str) else value.decode()
