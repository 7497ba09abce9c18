"""Calendar dates as Vietnamese systems write them.

A format is ``iso`` (ISO 8601 date-time, offset written ``+07:00``, ``+0700`` or ``Z``), ``epoch-ms``
(milliseconds since 1970 as a number or digits), or a pattern of the tokens ``yyyy``, ``MM``,
``dd``, ``HH``, ``mm``, ``ss`` and ``SSS`` with literal characters between them, such as
``yyyyMMddHHmmss``, ``dd/MM/yyyy``, ``MM/yyyy`` or ``yyyy``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: How provincial one-stop systems say "no date yet".
NO_DATE = "0000-00-00T00:00:00.000+0700"
#: Vietnam's offset since 1975, the one all systems of the bus live in.
VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")

_TOKENS = {"yyyy": ("year", 4), "MM": ("month", 2), "dd": ("day", 2), "HH": ("hour", 2), "mm": ("minute", 2)}
_TOKENS |= {"ss": ("second", 2), "SSS": ("milli", 3)}
_TOKEN = re.compile("|".join(_TOKENS))
_PARTS = ("year", "month", "day", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class DateFormat:
    """One way to write a date.

    ``parse`` returns the moment, without zone where the text names none, or None where the text
    is no real date in this format; ``write`` is its inverse. ``timed`` tells whether the format
    holds a time of day.
    """

    name: str
    timed: bool
    parse: Callable[[Any], datetime | None]
    write: Callable[[datetime], Any]


@cache
def date_format(name: str) -> DateFormat:
    """Return the format of that name or pattern; `ValueError` where it is none."""
    if name == "iso":
        return DateFormat(name, True, _parse_iso, _write_iso)
    if name == "epoch-ms":
        return DateFormat(name, True, _parse_epoch, lambda moment: round(moment.timestamp() * 1000))
    tokens = _TOKEN.findall(name)
    parts = [_TOKENS[token][0] for token in tokens]
    if "year" not in parts or len(set(parts)) != len(parts) or re.search(r"[A-Za-z]", _TOKEN.sub("", name)):
        raise ValueError(f"{name!r} is no date format: use iso, epoch-ms or yyyy MM dd HH mm ss SSS")
    return DateFormat(name, "hour" in parts, _parser(name, parts), _writer(name))


@cache
def zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name; `ValueError` where there is none."""
    if name == "Asia/Ho_Chi_Minh":
        return VIETNAM
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone") from None


def day_of(value: Any) -> str | None:
    """Return the Vietnamese calendar day (``yyyy-MM-dd``) of a date in any common form, or None.

    Read are ISO dates and date-times, ``yyyyMMdd`` with anything behind it, and ``dd/MM/yyyy``.
    """
    if not isinstance(value, str) or len(value) < 8:
        return None
    if value[4] == "-":
        if len(value) == 10 or value.endswith(("+0700", "+07:00")):
            return value[:10]
        moment = _parse_iso(value)
        return None if moment is None else in_zone(moment, VIETNAM).date().isoformat()
    if value[2] == "/":
        return f"{value[6:10]}-{value[3:5]}-{value[:2]}"
    return f"{value[:4]}-{value[4:6]}-{value[6:8]}" if value[:8].isdigit() else None


def in_zone(moment: datetime, where: tzinfo) -> datetime:
    """Return a moment in a zone; one without zone is taken as already being there."""
    return moment.replace(tzinfo=where) if moment.tzinfo is None else moment.astimezone(where)


def _parse_iso(text: Any) -> datetime | None:
    """Read a date-time; the shape is looked at first, because Python also reads weeks and commas."""
    if not isinstance(text, str) or len(text) < 16 or text[10] != "T" or text[13] != ":" or "," in text:
        return None
    try:
        return datetime.fromisoformat(text) if text[4] == "-" == text[7] else None
    except ValueError:
        return None


def _write_iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _parse_epoch(value: Any) -> datetime | None:
    if isinstance(value, str) and not (value.isascii() and value.lstrip("+-").isdigit()):
        return None
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _parser(pattern: str, parts: list[str]) -> Callable[[Any], datetime | None]:
    expression = _TOKEN.sub(lambda token: f"([0-9]{{{_TOKENS[token[0]][1]}}})", re.escape(pattern))
    match = re.compile(expression).fullmatch
    if tuple(parts) == _PARTS[: len(parts)] and len(parts) >= 3:
        return _ordered_parser(match)

    def parse(text: Any) -> datetime | None:
        found = match(text) if isinstance(text, str) else None
        return _build(dict(zip(parts, map(int, found.groups()), strict=True))) if found else None

    return parse


def _ordered_parser(match: Callable[[str], re.Match[str] | None]) -> Callable[[Any], datetime | None]:
    def parse(text: Any) -> datetime | None:
        found = match(text) if isinstance(text, str) else None
        if found is None:
            return None
        try:
            return datetime(*map(int, found.groups()))  # type: ignore[arg-type]
        except ValueError:
            return None

    return parse


def _build(parts: Mapping[str, int]) -> datetime | None:
    try:
        day = (parts["year"], parts.get("month", 1), parts.get("day", 1))
        clock = (parts.get("hour", 0), parts.get("minute", 0), parts.get("second", 0))
        return datetime(*day, *clock, parts.get("milli", 0) * 1000)
    except ValueError:
        return None


def _writer(pattern: str) -> Callable[[datetime], str]:
    names = [_TOKENS[token][0] for token in _TOKEN.findall(pattern)]
    template = _TOKEN.sub(lambda token: f"%0{_TOKENS[token[0]][1]}d", pattern.replace("%", "%%"))
    if "milli" not in names:
        read = attrgetter(*names)
        return lambda moment: template % read(moment)

    def write(moment: datetime) -> str:
        return template % tuple(_part(moment, name) for name in names)

    return write


def _part(moment: datetime, name: str) -> int:
    return moment.microsecond // 1000 if name == "milli" else int(getattr(moment, name))
