"""How far this machine's clock is from the other side's, by the ``Date`` of its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

NOTICED = 5.0
"""Seconds of difference from which a clock is worth a word; ``Date`` counts whole seconds."""


def clock_difference(headers: Mapping[str, str]) -> float | None:
    """Return by how many seconds our clock is ahead (below zero: behind), None where nothing says it.

    ``Date`` is when the answer was made (RFC 9110 section 6.6.1), ``Age`` for how many seconds a cache
    has kept it since. ``headers`` finds names whatever their case.
    """
    try:
        theirs = parsedate_to_datetime(headers.get("Date", "")).timestamp() + int(headers.get("Age") or 0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return time.time() - theirs


class Clocks:
    """How far our clock is from the other side's, by the answer that shows the least difference.

    Answers from a cache and slow ones make us look ahead. Safe among threads.
    """

    def __init__(self) -> None:
        self.ahead: float | None = None

    def heard(self, headers: Mapping[str, str]) -> None:
        """Take an answer's headers."""
        ahead = clock_difference(headers)
        if ahead is not None and (self.ahead is None or abs(ahead) < abs(self.ahead)):
            self.ahead = ahead


def asked_at(headers: Mapping[str, str], begun: float) -> datetime | None:
    """Return what the other side's clock said at ``begun`` (monotonic), None where nothing says it.

    Rounded back: ``Date`` is when the answer was made, at the latest now.
    """
    try:
        made = parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)
        return made - timedelta(seconds=max(0.0, time.monotonic() - begun))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def clock_hint(headers: Mapping[str, str]) -> str:
    """Return a sentence about a clock that is off, empty where it is not."""
    ahead = clock_difference(headers)
    if ahead is None or abs(ahead) < NOTICED:
        return ""
    way = "ahead of" if ahead > 0 else "behind"
    return f"this machine's clock is {abs(ahead):.0f} s {way} the other side's"
