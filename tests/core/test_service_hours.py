"""When a connection's system serves, by the hours that it names."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lienthong.connector import Connection
from lienthong.connector.hours import breaker_settings, service_hours
from lienthong.errors import Misconfigured

VIETNAM = timezone(timedelta(hours=7))
OFFICE = "T2-T6 07:30-11:30 13:30-17:00; T7 07:30-11:30"
HOUR = 3600.0


def connection(**extra: Any) -> Connection:
    return Connection("agency", "lienthong_rest", extra=extra)


@pytest.mark.parametrize(
    ("extra", "moment", "wait"),
    [
        ({}, "2026-11-28T03:00", None),
        ({"hours": OFFICE}, "2026-11-27T07:30", 0),
        ({"hours": OFFICE}, "2026-11-27T07:29", 60),
        ({"hours": OFFICE}, "2026-11-27T11:30", 2 * HOUR),
        ({"hours": OFFICE}, "2026-11-27T17:00", 14.5 * HOUR),
        ({"hours": OFFICE}, "2026-11-28T11:30", 44 * HOUR),
        ({"hours": "Mon-Fri 08:00-17:00"}, "2026-11-28T12:00", 44 * HOUR),
        ({"hours": "mon,wed 08:00-09:00"}, "2026-11-24T10:00", 22 * HOUR),
        ({"hours": "T6-T2 22:00-02:00"}, "2026-11-28T01:59", 0),
        ({"hours": "T6-T2 22:00-02:00"}, "2026-11-28T02:00", 20 * HOUR),
        ({"hours": "T2-CN 00:00-24:00"}, "2026-11-28T23:59", 0),
        ({"hours": OFFICE, "holidays": "2026-11-27"}, "2026-11-27T09:00", 22.5 * HOUR),
        ({"holidays": "2027-02-05/2027-02-11, 2027-02-12"}, "2027-02-05T00:00", 8 * 24 * HOUR),
        ({"holidays": "2027-02-05/2027-02-11"}, "2027-02-04T23:59", 0),
        ({"hours": "T2-CN 08:00-09:00", "hours_zone": "UTC"}, "2026-11-28T15:00", 0),
    ],
)
def test_how_long_until_it_serves(extra: Any, moment: str, wait: float | None) -> None:
    """In Vietnam's time unless another zone is named; nobody is kept waiting without hours."""
    hours = service_hours(connection(**extra))
    found = hours.wait(datetime.fromisoformat(moment).replace(tzinfo=VIETNAM)) if hours else None
    assert found == wait


def test_a_clock_that_is_put_forward_moves_the_hours_with_it() -> None:
    """Times of day are those of the zone on their own day."""
    hours = service_hours(connection(hours="Mon-Sun 08:00-17:00", hours_zone="Europe/Paris"))
    assert hours is not None
    night = datetime(2027, 3, 27, 23, 0, tzinfo=timezone(timedelta(hours=1)))
    assert hours.wait(night) == 8 * HOUR


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hours", "always"), ("hours", "T2-T6"), ("hours", "07:30-11:30"), ("hours", "T8 07:30-11:30"),
        ("hours", "T2 25:00-26:00"), ("hours", "T2 07:60-08:00"), ("hours", "T2 07:30-11:30 T3"),
        ("holidays", "Tết"), ("holidays", "2027-02-30"), ("holidays", "2027-02-11/2027-02-05"),
        ("hours_zone", "Hanoi"), ("hours_zone", "../etc/passwd"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_by_its_field(name: str, text: str) -> None:
    extra = {"hours": OFFICE} | {name: text}
    with pytest.raises(Misconfigured, match=f"'{name}' cannot be read"):
        service_hours(connection(**extra))


def test_the_breaker_is_on_unless_it_is_put_off() -> None:
    assert (breaker_settings(connection()).failures, breaker_settings(connection()).seconds) == (5, 60)
    assert breaker_settings(connection(breaker="3 / 900")).seconds == 900
    assert breaker_settings(connection(breaker="off")).failures == 0
    for wrong in ("on", "0/60", "5/0", "5", "-1/5"):
        with pytest.raises(Misconfigured, match="'breaker' cannot be read"):
            breaker_settings(connection(breaker=wrong))
