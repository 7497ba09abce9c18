"""Formats of times in settings say what they mean on every machine, or are refused as the file is parsed."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange, Misconfigured
from lienthong.exchange import _plain
from lienthong_connectors.rest import RestSource, TimeWindows
from lienthong_connectors.rest.moments import written
from lienthong_connectors.rest.since import beginning
from lienthong_connectors.soap import ResultCodes, SoapSource, SoapTarget, StatusQuery
from lienthong_connectors.soap.template import Beginning, Template

LIARS = [
    ("%Y-%m-%dT%H:%M:%SZ", "Asia/Ho_Chi_Minh"),
    ("%Y-%m-%dT%H:%M:%S.%fZ", "Asia/Ho_Chi_Minh"),
    ("%Y-%m-%d %H:%M:%S UTC", "Asia/Ho_Chi_Minh"),
    ("%Y-%m-%dT%H:%M:%S+00:00", "Asia/Ho_Chi_Minh"),
    ("%Y-%m-%dT%H:%M:%S+07:00", "UTC"),
    ("%Y-%m-%dT%H:%M:%S%zZ", "UTC"),
    ("%s", "UTC"),
    ("%c", "UTC"),
    ("%d %b %Y", "UTC"),
    ("%I:%M %p", "UTC"),
    ("%Y-%m-%d %Z", "UTC"),
    ("%-d/%-m/%Y", "UTC"),
    ("%Q", "UTC"),
    ("%Y%", "UTC"),
]


@pytest.mark.parametrize(("form", "zone"), LIARS)
def test_a_format_that_lies_or_depends_on_the_machine_is_refused_at_parse_time(form: str, zone: Any) -> None:
    """In every setting that takes one: the file that is parsed names the field."""
    with pytest.raises(InvalidExchange, match="since_format"):
        RestSource(path="r", since_param="s", since_format=form, since_zone=zone)
    with pytest.raises(InvalidExchange, match=r"paging\.form"):
        TimeWindows(from_param="f", to_param="t", start="2026-01-01T00:00:00Z", form=form, zone=zone)
    said = f"|zone:{zone}|date:{form}"
    for request in ({"tu": f"$since{said}"}, {"a": [{"b": f"$record.x{said}"}]}):
        with pytest.raises(Misconfigured, match="request"):
            SoapSource(operation="x", record_element="r", request=request)
    status = StatusQuery("y", {"x": f"$record.x{said}"})
    with pytest.raises(Misconfigured, match="status"):
        SoapTarget(operation="x", result=ResultCodes("s", acknowledged=("0",)), status=status)


@pytest.mark.parametrize(
    ("form", "zone", "wanted"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "UTC", "2026-01-01T01:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S", "Asia/Ho_Chi_Minh", "2026-01-01T08:00:00"),
        ("%Y-%m-%dT%H:%M:%S%z", "UTC", "2026-01-01T01:00:00+0000"),
        ("%d/%m/%Y", "Asia/Ho_Chi_Minh", "01/01/2026"),
        ("Zone %H%%", "Asia/Ho_Chi_Minh", "Zone 08%"),
        ("epoch-s", "UTC", 1767229200),
    ],
)
@pytest.mark.parametrize("machine", ["UTC", "America/New_York"])
def test_a_sound_format_says_the_same_on_every_machine(
    form: str, zone: Any, wanted: Any, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    RestSource(path="r", since_param="s", since_format=form, since_zone=zone)
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        moment = datetime.fromisoformat("2026-01-01T08:00:00+07:00")
        assert written(moment, form, zone) == wanted
        if form.startswith("%"):
            asked = Template({"x": f"$r|zone:{zone}|date:{form}"}, frozenset({"r"}), "")
            assert asked.fill({"r": "2026-01-01T08:00:00+07:00"}) == {"x": wanted}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_beginning_that_a_form_cannot_say_is_said_a_step_earlier() -> None:
    """So a service that gives what lies behind a second, or behind a day, gives the rest of it, too."""
    zone: Any = "Asia/Ho_Chi_Minh"
    moment = datetime.fromisoformat("2026-01-05T10:00:00.500+07:00")
    asked = ReadRequest(since="2026-01-05T10:00:00.500+07:00", kind="moment", value=moment)
    assert beginning(asked, "", zone) == asked.since
    assert beginning(asked, "%Y%m%d%H%M%S", zone) == "20260105095959"
    assert beginning(asked, "%d/%m/%Y", zone) == "04/01/2026"
    assert beginning(replace(asked, value=date(2026, 1, 5), kind="day"), "%d/%m/%Y", zone) == "05/01/2026"
    filled = Template({"x": "$since|date:%d/%m/%Y", "y": "$since"}, frozenset({"since"}), "").fill(
        {"since": Beginning.of(asked, "")}
    )
    assert filled == {"x": "04/01/2026", "y": asked.since} and type(filled["y"]) is str


def test_a_day_first_cursor_is_asked_in_any_form() -> None:
    """The dataset's field says what the text stands for; nobody guesses."""
    asked = ReadRequest(since="05/01/2026", kind="day", value=date(2026, 1, 5))
    assert beginning(asked, "%Y%m%d", "Asia/Ho_Chi_Minh") == "20260105"
    assert beginning(asked, "epoch-s", "UTC") == 1767546000


def test_an_option_added_later_leaves_agreements_as_they_were() -> None:
    plain = _plain(RestSource(path="r"))
    assert "since_zone" not in plain
    assert _plain(RestSource(path="r", since_zone="UTC"))["since_zone"] == "UTC"
