"""Time as evidence writes it: RFC 3339 in UTC with microseconds, ``2026-07-01T02:03:04.000005Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from lienthong.errors import Misconfigured

TOLERANCE: Final = 5.0
"""Seconds by which the clocks of one installation may differ before evidence fails to verify."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")

SKEW: Final = timedelta(seconds=TOLERANCE)
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


def check_not_behind(
    latest: str, tolerance: float, what: str = "the ledger's last entry was recorded"
) -> None:
    """Raise `Misconfigured` where a time of the past (empty for none) is later than now.

    ``tolerance`` is in seconds and at most what the verifier of evidence allows: what is signed by a
    clock that ran backwards would never verify.
    """
    if not latest:
        return
    present = datetime.now(UTC)
    if parse_time(latest) > present + timedelta(seconds=min(tolerance, TOLERANCE)):
        raise Misconfigured(
            f"this machine's clock says {present:%Y-%m-%dT%H:%M:%S}Z, but {what} at {latest}",
            where="clock",
            hint="set the clock by a time server (NTP), and run again when it has passed that time; "
            "if it is right now and was ahead then: lienthong clock back",
        )
