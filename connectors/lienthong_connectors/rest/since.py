"""The cursor of the last run, written as a service wants to be asked."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from lienthong.errors import Misconfigured

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Vietnam has one zone, seven hours ahead of UTC, without summer time."""


def since_text(cursor: str, form: str) -> str | int:
    """Return a cursor in a form: as it is (empty), ``epoch-ms``, ``epoch-s`` or a strftime format.

    The cursor is a moment in ISO 8601, in ``yyyyMMddHHmmss`` or in epoch milliseconds; one without
    an offset is Vietnam's time, and strftime formats write Vietnam's time. Raises `Misconfigured`
    where it is no moment.
    """
    if not form:
        return cursor
    moment = _moment(cursor)
    if form == "epoch-ms":
        return (moment - datetime.fromtimestamp(0, VIETNAM)) // timedelta(milliseconds=1)
    if form == "epoch-s":
        return (moment - datetime.fromtimestamp(0, VIETNAM)) // timedelta(seconds=1)
    return moment.astimezone(VIETNAM).strftime(form)


def _moment(cursor: str) -> datetime:
    try:
        if cursor.isdecimal() and len(cursor) == 14:
            moment = datetime.strptime(cursor, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)
        elif cursor.isdecimal() and len(cursor) in {12, 13}:
            moment = datetime.fromtimestamp(0, VIETNAM) + timedelta(milliseconds=int(cursor))
        else:
            moment = datetime.fromisoformat(cursor)
    except ValueError:
        raise Misconfigured(
            "the cursor of the last run is not a moment",
            where="since_format",
            hint="leave since_format empty, or choose a cursor field that holds a date-time",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)
