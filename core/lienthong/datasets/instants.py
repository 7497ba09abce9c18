"""Moments and days as exact whole numbers, whatever their offset and however fine their fraction.

An instant is the number of attoseconds (10**-18 s) since 1970 in UTC. Python's own date-times stop
at microseconds, which makes two cursors of one microsecond look alike. A text that names no offset is
Vietnam's time. A text that is read can be written again, moved, in exactly its own form.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from lienthong.datasets.dates import VIETNAM, DateFormat, in_zone

SECOND: Final = 10**18
DAY: Final = 86_400 * SECOND
_MICRO: Final = 10**12
_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_VIETNAM: Final = 7 * 3600
_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:([Tt ])([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,30}))?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
#: By length, the characters at places 19 and 23 of texts that have a zone and no fraction, or thousandths.
_COMMON: Final = {
    20: frozenset({"Z"}),
    24: frozenset({".Z", *(sign + digit for sign in "+-" for digit in "0123456789")}),
    25: frozenset(sign + digit for sign in "+-" for digit in "0123456789"),
    28: frozenset({".+", ".-"}),
    29: frozenset({".+", ".-"}),
}
_FINEST: Final = (("SSS", SECOND // 1000), ("ss", SECOND), ("mm", 60 * SECOND), ("HH", 3600 * SECOND))


def instant_of(moment: datetime) -> int:
    """Return a date-time as an instant; one without offset is Vietnam's."""
    return (in_zone(moment, VIETNAM) - _ZERO) // timedelta(microseconds=1) * _MICRO


def attoseconds(length: timedelta) -> int:
    """Return a length of time in attoseconds."""
    return length // timedelta(microseconds=1) * _MICRO


def moment_at(instant: int) -> datetime:
    """Return the last date-time in Vietnam's zone that is not after an instant, as far as years go."""
    try:
        return (_ZERO + timedelta(microseconds=instant // _MICRO)).astimezone(VIETNAM)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if instant < 0 else datetime.max.replace(tzinfo=UTC)


def iso_instant(text: str) -> int | None:
    """Return the instant of an ISO 8601 text, None where it is none; second 60 is the next minute's first."""
    common = text[19:20] + text[23:24] in _COMMON.get(len(text), ()) and text[10] == "T" and text[5] != "W"
    if common and (text[-1] == "Z" or text[-2] < "6"):
        try:  # of these forms Python's own reader loses nothing, and it takes a fraction of the time
            return round(datetime.fromisoformat(text).timestamp() * 1_000_000) * _MICRO
        except ValueError:
            pass
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, _, hour, minute, second, fraction, offset = found.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    if hour is None:
        return (days * 86_400 - _VIETNAM) * SECOND
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    away = _offset(offset)
    if hours > 23 or minutes > 59 or seconds > 60 or away is None:
        return None
    whole = (days * 86_400 + hours * 3600 + minutes * 60 + seconds - away) * SECOND
    return whole + int(fraction[:18].ljust(18, "0")) if fraction else whole


def iso_day(text: str) -> bool:
    """Tell whether an ISO 8601 text names a whole day."""
    return len(text) == 10 and _ISO.fullmatch(text) is not None


def iso_back(text: str, length: int | None) -> str:
    """Return an ISO 8601 text moved back by attoseconds (None: by its own last place) in its own form.

    What the form cannot say is rounded back, too; before the year 1 nothing is written.
    """
    found = _ISO.fullmatch(text)
    assert found is not None  # noqa: S101 - the caller has read it
    separator, second, fraction, offset = found.group(4), found.group(7), found.group(8) or "", found.group(9)
    unit = _unit(separator, second, fraction)
    local = (iso_instant(text) or 0) + (_offset(offset) or 0) * SECOND
    at = (local - (unit if length is None else length)) // unit * unit
    whole, rest = divmod(at, SECOND)
    days, seconds = divmod(whole, 86_400)
    if days + _EPOCH < 1:
        days, seconds, rest = 1 - _EPOCH, 0, 0
    written = date.fromordinal(days + _EPOCH).isoformat()
    if separator is None:
        return written
    written += f"{separator}{seconds // 3600:02}:{seconds // 60 % 60:02}"
    written += f":{seconds % 60:02}" if second is not None else ""
    written += f".{rest:018}"[: len(fraction) + 1].ljust(len(fraction) + 1, "0") if fraction else ""
    return written + (offset or "")


def format_back(text: str, form: DateFormat, length: int | None) -> str:
    """Return a text of a fixed format moved back by attoseconds (None: by the format's last place)."""
    if form.name == "epoch-ms":
        unit = SECOND // 1000
        return str(int(text) - -(-(unit if length is None else length) // unit))
    moment = form.parse(text)
    assert moment is not None  # noqa: S101 - the caller has read it
    unit = next((size for token, size in _FINEST if token in form.name), DAY)
    back = timedelta(microseconds=-(-(unit if length is None else length) // _MICRO))
    try:
        return str(form.write(moment - back))
    except OverflowError:
        return str(form.write(datetime.min))


def _unit(separator: str | None, second: str | None, fraction: str) -> int:
    """Return the last place of an ISO 8601 text."""
    if separator is None:
        return DAY
    if second is None:
        return 60 * SECOND
    return int(SECOND // 10 ** min(len(fraction), 18))


def _offset(text: str | None) -> int | None:
    """Return the seconds of an offset, None where it is none; unsaid, it is Vietnam's."""
    if text is None:
        return _VIETNAM
    if text in ("Z", "z"):
        return 0
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        return None
    return (hours * 3600 + minutes * 60) * (-1 if text[0] == "-" else 1)
