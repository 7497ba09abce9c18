"""Decimals, which records hold as text, written as JSON numbers with all their digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from lienthong.paths import Each, Step, steps

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def with_numbers(record: bytes, paths: Sequence[str]) -> bytes:
    """Return a record's bytes in which texts at these paths are numbers, digit by digit as they stand.

    A path is dotted, ``[]`` behind a list's name means its items. What is no number (RFC 8259, section 6)
    stays a text.
    """
    value = orjson.loads(record)
    for path in paths:
        value = _written(value, steps(path))
    return orjson.dumps(value)


def _written(value: Any, place: Sequence[Step]) -> Any:
    if not place:
        number = isinstance(value, str) and _NUMBER.fullmatch(value)
        return orjson.Fragment(value.encode()) if number else value
    name, *inner = place
    if isinstance(name, Each):
        return [_written(item, inner) for item in value] if isinstance(value, list) else value
    if isinstance(value, dict) and name in value:
        value[name] = _written(value[name], inner)
    return value
