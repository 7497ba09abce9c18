"""An agency's words without the credentials and personal values that agencies like to put into them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lienthong.credentials import hide

_LONGEST = 300
_SHORTEST = 6
_NUMBERS = re.compile(r"(?<![\w-])\+?\d{9,}(?![\w-])")
_MAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")
_HIDDEN = "…"


def spoken(text: str, record: Any = None) -> str:
    """Return a text fit for messages and the quarantine: one line of at most 300 characters.

    Credentials of this process, numbers of nine and more digits (identity and telephone numbers), mail
    addresses and every text value of ``record`` that is quoted are replaced by ``…``.
    """
    text = _BLANKS.sub(" ", hide(text[: 20 * _LONGEST])).strip()
    if record is not None:
        for value in sorted(set(_values(record)), key=len, reverse=True):
            text = text.replace(value, _HIDDEN)
    text = _MAIL.sub(_HIDDEN, _NUMBERS.sub(_HIDDEN, text))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + _HIDDEN


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= _SHORTEST:
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _values(item)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item)
