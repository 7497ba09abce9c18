"""Time as evidence writes it: RFC 3339 in UTC with microseconds, ``2026-07-01T02:03:04.000005Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")

SKEW: Final = timedelta(seconds=5)
"""How far the clocks of two machines of one installation may be apart."""


def now() -> str:
    """Return the present time."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return the aware time that a text in exactly this form stands for; `ValueError` for any other."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError("not an RFC 3339 time in UTC with microseconds")
    return datetime.fromisoformat(text)


def in_order(*times: str) -> bool:
    """Tell whether times follow one another, clocks being allowed to differ by `SKEW`."""
    return all(parse_time(one) <= parse_time(next_one) + SKEW for one, next_one in pairwise(times))
