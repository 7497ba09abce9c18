"""When the other side serves: weekly hours and holidays that a connection names, and how it is spared.

``T2-T6 07:30-11:30 13:30-17:00; T7 07:30-11:30`` (or ``Mon-Fri …``): clauses with semicolons between them,
each with its days and its times of day in the connection's zone. A time that ends at or before it begins
reaches into the next day. Holidays are days, or first and last day with a stroke between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from lienthong.connector.connection import Connection
from lienthong.connector.descriptor import ConnectionField
from lienthong.errors import Misconfigured
from lienthong.exchange import Text

SERVICE_FIELDS: Final = (
    ConnectionField(
        "hours",
        Text("Giờ phục vụ", "Service hours"),
        "when the system serves: T2-T6 07:30-11:30 13:30-17:00; T7 07:30-11:30 (or Mon-Fri …); runs wait",
    ),
    ConnectionField(
        "holidays",
        Text("Ngày nghỉ", "Holidays"),
        "days on which it does not serve: 2027-01-01 2027-02-05/2027-02-11",
    ),
    ConnectionField(
        "hours_zone", Text("Múi giờ", "Time zone"), "zone of hours and holidays", default="Asia/Ho_Chi_Minh"
    ),
    ConnectionField(
        "breaker",
        Text("Ngắt mạch", "Circuit breaker"),
        "failures one after another, and seconds for which the system is then left alone: 5/60; off",
        default="5/60",
    ),
)
"""The fields of a connection form that say when the other side serves, and when it is spared."""

_DAYS: Final = (
    ("t2", "mon"), ("t3", "tue"), ("t4", "wed"), ("t5", "thu"), ("t6", "fri"), ("t7", "sat"), ("cn", "sun"),
)  # fmt: skip
_NUMBER: Final = {name: number for number, names in enumerate(_DAYS) for name in names}
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_BREAKER: Final = re.compile(r"(\d{1,4})\s*/\s*(\d{1,6})")
_DAY: Final = timedelta(days=1)
_AHEAD: Final = 400

Span = tuple[timedelta, timedelta]
"""A time of service: from midnight of its day to beginning and end."""


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """The hours of a connection: times of service by weekday (0: Monday), days without any, and the zone."""

    week: tuple[tuple[Span, ...], ...]
    holidays: tuple[tuple[date, date], ...]
    zone: ZoneInfo

    def wait(self, moment: datetime) -> float:
        """Return the seconds from a moment (aware) until the other side serves, 0 where it does."""
        found = next((span for span in self._spans(moment) if moment < span[1]), None)
        if found is None:
            return float(_AHEAD * 86_400)
        return max(0.0, (found[0] - moment).total_seconds())

    def _spans(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the times of service from the day before a moment on, in UTC and in order."""
        first = moment.astimezone(self.zone).date() - _DAY
        for day in (first + timedelta(days=number) for number in range(_AHEAD + 2)):
            if any(begin <= day <= end for begin, end in self.holidays):
                continue
            for begin, end in self.week[day.weekday()]:
                yield self._at(day, begin), self._at(day, end)

    def _at(self, day: date, since_midnight: timedelta) -> datetime:
        plain = datetime.combine(day, time()) + since_midnight
        return plain.replace(tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """After ``failures`` one after another the other side is left alone for ``seconds``; 0: never."""

    failures: int
    seconds: float


def service_hours(connection: Connection) -> ServiceHours | None:
    """Return when a connection's system serves, None where it says nothing.

    Raises `Misconfigured` where hours, holidays or zone cannot be read.
    """
    text, holidays = str(connection.option("hours", "")), str(connection.option("holidays", ""))
    zone = str(connection.option("hours_zone", "Asia/Ho_Chi_Minh"))
    if not text.strip() and not holidays.strip():
        return None
    try:
        place = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise _malformed(connection, "hours_zone", "a zone such as Asia/Ho_Chi_Minh") from None
    try:
        week = _week(text or "T2-CN 00:00-24:00")
    except (ValueError, KeyError):
        raise _malformed(
            connection, "hours", "such as T2-T6 07:30-11:30 13:30-17:00; T7 07:30-11:30"
        ) from None
    try:
        days = tuple(_holidays(holidays))
    except ValueError:
        raise _malformed(connection, "holidays", "such as 2027-01-01 2027-02-05/2027-02-11") from None
    return ServiceHours(week, days, place)


def breaker_settings(connection: Connection) -> BreakerSettings:
    """Return after how many failures a connection's system is left alone, and for how long."""
    text = str(connection.option("breaker", "5/60")).strip().lower()
    if text == "off":
        return BreakerSettings(0, 0.0)
    found = _BREAKER.fullmatch(text)
    if found is None or not int(found[1]) or not int(found[2]):
        raise _malformed(connection, "breaker", "failures and seconds such as 5/60, or off")
    return BreakerSettings(int(found[1]), float(found[2]))


def _malformed(connection: Connection, name: str, form: str) -> Misconfigured:
    return Misconfigured(
        f"connection field {name!r} cannot be read",
        where=f"connection {connection.id!r}",
        hint=f"give {form}",
    )


def _week(text: str) -> tuple[tuple[Span, ...], ...]:
    week: list[list[Span]] = [[] for _ in _DAYS]
    for clause in filter(str.strip, text.split(";")):
        days: list[int] = []
        spans: list[Span] = []
        for word in clause.replace(",", " ").lower().split():
            found = _TIME.fullmatch(word)
            if found:
                spans.append(_span([int(one) for one in found.groups()]))
            elif spans:
                raise ValueError("days stand before times")
            else:
                days += _days(word)
        if not days or not spans:
            raise ValueError("a clause has days and times")
        for day in days:
            week[day] += spans
    if not any(week):
        raise ValueError("no time of service")
    return tuple(tuple(sorted(spans)) for spans in week)


def _days(word: str) -> list[int]:
    first, _, last = word.partition("-")
    begin, end = _NUMBER[first[:3]], _NUMBER[(last or first)[:3]]
    return list(range(begin, end + 1)) if begin <= end else [*range(begin, 7), *range(end + 1)]


def _span(found: list[int]) -> Span:
    begin, end = (timedelta(hours=found[at], minutes=found[at + 1]) for at in (0, 2))
    if max(found[1], found[3]) > 59 or begin >= _DAY or end > _DAY:
        raise ValueError("no time of day")
    return begin, end if begin < end else end + _DAY


def _holidays(text: str) -> Iterator[tuple[date, date]]:
    for word in re.split(r"[\s,;]+", text.strip()):
        if word:
            first, _, last = word.partition("/")
            begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
            if end < begin:
                raise ValueError("it ends before it begins")
            yield begin, end
