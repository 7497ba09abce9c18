"""A text that matches a regular expression, for made-up values."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

_parser: Any = getattr(re, "_parser")  # noqa: B009 - the standard library's own, not part of its typed surface
_MOST = 8
_ALPHABET = [chr(code) for code in range(0x20, 0x7F)]
_CLASSES = {
    "CATEGORY_DIGIT": "0123456789",
    "CATEGORY_WORD": "abcdefghijklmnopqrstuvwxyz0123456789_",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_DIGIT": "abcdefghijklmnopqrstuvwxyz",
    "CATEGORY_NOT_WORD": " -./",
    "CATEGORY_NOT_SPACE": "abcdefghijklmnopqrstuvwxyz0123456789",
}


def matching(pattern: str, rng: random.Random) -> str:
    """Return a text in which ``pattern`` is found.

    Raises ``ValueError`` where the pattern uses what this does not know (look-around, Unicode properties).
    """
    try:
        tree = _parser.parse(pattern)
    except re.error as error:
        raise ValueError(f"pattern {pattern!r}: {error}") from None
    return "".join(_text(str(name), value, rng) for name, value in tree)


def _text(name: str, value: Any, rng: random.Random) -> str:
    writers: dict[str, Callable[[], str]] = {
        "LITERAL": lambda: chr(value),
        "NOT_LITERAL": lambda: rng.choice([c for c in _ALPHABET if c != chr(value)]),
        "ANY": lambda: rng.choice("abcdefghijklmnopqrstuvwxyz0123456789"),
        "IN": lambda: rng.choice(_members(value)),
        "AT": lambda: "",
        "BRANCH": lambda: _sequence(rng.choice(value[1]), rng),
        "SUBPATTERN": lambda: _sequence(value[-1], rng),
        "MAX_REPEAT": lambda: _repeated(value, rng),
        "MIN_REPEAT": lambda: _repeated(value, rng),
    }
    if name not in writers:
        raise ValueError(f"a pattern with {name.lower()} cannot be made up")
    return writers[name]()


def _sequence(items: Any, rng: random.Random) -> str:
    return "".join(_text(str(name), value, rng) for name, value in items)


def _repeated(value: Any, rng: random.Random) -> str:
    low, high, items = value
    count = rng.randint(int(low), min(int(high), int(low) + _MOST))
    return "".join(_sequence(items, rng) for _ in range(count))


def _members(items: Any) -> list[str]:
    found: list[str] = []
    negated = False
    for name, value in items:
        match str(name):
            case "NEGATE":
                negated = True
            case "LITERAL":
                found.append(chr(value))
            case "RANGE":
                found += [chr(code) for code in range(value[0], min(value[1], value[0] + 200) + 1)]
            case "CATEGORY":
                found += _CLASSES[str(value)]
    return [c for c in _ALPHABET if c not in found] if negated else found
