"""Decimal numbers with all their digits.

A JSON number reaches most readers as a double, which holds some 15 digits. A field that is checked as
`decimal` therefore travels as text, in one form for one number: ``-1234.5``, digits alone and a point, no
exponent, no zeros before the first digit or behind the last one of a fraction. ``0.1`` as a number,
``0.10`` and ``1e-1`` are the same text, so the same record has the same bytes whatever a source writes.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST: Final = 500
#: The largest whole number that every JSON reader carries exactly (RFC 7493).
MOST: Final = 2**53 - 1


def decimal_of(value: Any) -> Decimal | None:
    """Return the number that a value stands for, None where it is none.

    Only ASCII digits count, with blanks around them at most; no underscores, NaN or infinities. A double
    stands for its shortest text (0.1 for 0.1), a truth value for no number.
    """
    if isinstance(value, str):
        text = value.strip(" \t\r\n")
        return Decimal(text) if len(text) <= _LONGEST and _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() and abs(number.adjusted()) < 2 * _LONGEST else None


def decimal_text(value: Any) -> str | None:
    """Return the one text of the number that a value stands for, None where it is none."""
    number = decimal_of(value)
    if number is None:
        return None
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def number_of(value: Any) -> int | float | None:
    """Return a value as a JSON number that says all of it, None where there is none.

    A whole number goes up to 2**53 - 1; a fraction must be what a double's shortest text says.
    """
    number = decimal_of(value)
    if number is None:
        return None
    if number == number.to_integral_value():
        return int(number) if -MOST <= number <= MOST else None
    double = float(number)
    return double if Decimal(repr(double)) == number else None
