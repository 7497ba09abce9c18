"""From which text on texts of a date's format can lie at or after a moment, compared by code points.

A system that compares texts knows neither offsets nor calendars. What holds for every text of a format is
the beginning that rises with time: the local day of ISO 8601, as many leading tokens of a pattern as go
from the year down. Day-first patterns and counted milliseconds have none.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from lienthong.datasets.dates import VIETNAM, DateFormat
from lienthong.datasets.instants import moment_at

_TOKEN: Final = re.compile("yyyy|MM|dd|HH|mm|SSS|ss")
_RISING: Final = ("yyyy", "MM", "dd", "HH", "mm", "ss", "SSS")
#: No offset is a whole day or more, so no local day lies further from UTC's.
_FARTHEST: Final = timedelta(days=1)


def first_iso(instant: int) -> str:
    """Return the earliest local day with which an ISO 8601 text at or after an instant can begin."""
    moment = moment_at(instant)
    try:
        return (moment.astimezone(UTC) - _FARTHEST).date().isoformat()
    except OverflowError:
        return date.min.isoformat()


def first_of(form: DateFormat, instant: int) -> str | None:
    """Return what no text of a format at or after an instant lies before; None where texts do not sort."""
    if form.name == "iso":
        return first_iso(instant)
    length = _rising(form.name)
    if not length:
        return None
    try:
        moment = moment_at(instant).astimezone(VIETNAM)
    except OverflowError:
        moment = datetime.min
    return str(form.write(moment))[:length]


def _rising(pattern: str) -> int:
    """Return how many leading characters of a pattern's texts rise with time."""
    length = 0
    for token, wanted in zip(_TOKEN.finditer(pattern), _RISING, strict=False):
        if token.group() != wanted or (wanted == "yyyy" and token.start() > 0):
            break
        length = token.end()
    return length
