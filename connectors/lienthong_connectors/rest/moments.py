"""Moments as services write them: cursors and time windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from lienthong.errors import InvalidExchange, Misconfigured
from lienthong_connectors.forms import form_fault

Zone = Literal["Asia/Ho_Chi_Minh", "UTC"]

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Vietnam has one zone, seven hours ahead of UTC, without summer time."""

_ZERO = datetime.fromtimestamp(0, UTC)
_STEPS = (
    ("%f", timedelta(microseconds=1)),
    ("%S", timedelta(seconds=1)),
    ("%s", timedelta(seconds=1)),
    ("%T", timedelta(seconds=1)),
    ("%X", timedelta(seconds=1)),
    ("%M", timedelta(minutes=1)),
    ("%R", timedelta(minutes=1)),
    ("%H", timedelta(hours=1)),
)


def check_form(form: str, zone: Zone, name: str) -> None:
    """Raise `InvalidExchange`, naming the field, for a form that is not sound on every machine."""
    fault = "" if form in {"", "epoch-ms", "epoch-s"} else form_fault(form, zone)
    if fault:
        raise InvalidExchange(
            f"field {name!r} is malformed: {form!r} holds {fault}",
            where="rest settings",
            hint="write %z, or name the zone that is written (UTC or Asia/Ho_Chi_Minh)",
        )


def now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def moment_of(cursor: str, *, where: str) -> datetime:
    """Return the moment that a cursor names.

    ISO 8601, ``yyyyMMddHHmmss`` or epoch milliseconds; one without an offset is Vietnam's time.
    Raises `Misconfigured` where it is no moment.
    """
    try:
        if cursor.isdecimal() and len(cursor) == 14:
            moment = datetime.strptime(cursor, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)
        elif cursor.isdecimal() and len(cursor) in {12, 13}:
            moment = _ZERO + timedelta(milliseconds=int(cursor))
        else:
            moment = datetime.fromisoformat(cursor)
    except ValueError:
        raise Misconfigured(
            "the cursor of the last run is not a moment",
            where=where,
            hint="choose a cursor field that holds a date-time",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def written(moment: datetime, form: str, zone: Zone = "Asia/Ho_Chi_Minh") -> str | int:
    """Return a moment in a form: ISO 8601 (empty), ``epoch-ms``, ``epoch-s`` or a strftime format."""
    if form == "epoch-ms":
        return (moment - _ZERO) // timedelta(milliseconds=1)
    if form == "epoch-s":
        return (moment - _ZERO) // timedelta(seconds=1)
    local = in_zone(moment, zone)
    return local.strftime(form) if form else local.isoformat(timespec="milliseconds")


def step_of(form: str) -> timedelta:
    """Return the smallest difference that a form can write."""
    if form in {"", "epoch-ms"}:
        return timedelta(milliseconds=1)
    if form == "epoch-s":
        return timedelta(seconds=1)
    return next((step for sign, step in _STEPS if sign in form), timedelta(days=1))


def floor(moment: datetime, step: timedelta, zone: Zone) -> datetime:
    """Return the last moment not after this one that a form with such a step can write in a zone."""
    local = in_zone(moment, zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (local - midnight) // step * step


def in_zone(moment: datetime, zone: Zone) -> datetime:
    """Return a moment in one of the zones that settings know."""
    return moment.astimezone(UTC if zone == "UTC" else VIETNAM)
