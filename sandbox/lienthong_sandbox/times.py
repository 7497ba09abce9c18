"""Dates as the sandbox systems write them, and the one zone they all live in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

VN = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Vietnam has one zone, seven hours ahead of UTC, without summer time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NO_DATE = "0000-00-00T00:00:00.000+0700"
"""The literal by which the provincial one-stop family says "no date yet"."""


def now() -> datetime:
    """Return the present moment in Vietnam."""
    return datetime.now(VN)


def to_ms(moment: datetime) -> int:
    """Return a moment as whole milliseconds since 1970 (cut, as texts are), by which stores sort."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(value: int) -> datetime:
    """Return the moment of a millisecond count, in Vietnam's zone."""
    return datetime.fromtimestamp(value / 1000, VN)


def iso(moment: datetime) -> str:
    """Return ``2025-07-01T08:00:00+07:00``, the form of the national catalogue."""
    return moment.astimezone(VN).isoformat(timespec="seconds")


def onestop(moment: datetime) -> str:
    """Return ``2025-07-01T08:00:00.000+0700``, the form of the provincial one-stop family."""
    local = moment.astimezone(VN)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}+0700"


def compact(moment: datetime) -> str:
    """Return ``20250701080000``, the form of the national public service portal."""
    return f"{moment.astimezone(VN):%Y%m%d%H%M%S}"


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 moment; one without an offset is taken as Vietnam's time.

    A ``+`` that a careless client left unescaped in a query arrives as a blank and is put back.
    Raises ``ValueError`` when the text is no date-time.
    """
    moment = datetime.fromisoformat(text.strip().replace(" 07", "+07"))
    return moment if moment.tzinfo else moment.replace(tzinfo=VN)


def is_compact(text: object) -> bool:
    """Tell whether a value is a real moment written ``yyyyMMddHHmmss``."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{14}", text):
        return False
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return True
