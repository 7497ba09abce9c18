"""The cursor in the words of the service: templates, their types, and what is left out on our side."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange, ProtocolViolation
from lienthong_connectors.rest import RestSource, TimeWindows

MOMENT = datetime(2026, 1, 31, 18, 30, 5, 250_000, tzinfo=UTC)
ISO = "2026-02-01T01:30:05.250+07:00"
AT = ReadRequest(since=ISO, kind="moment", value=MOMENT)
NUMBER = ReadRequest(since="42", kind="number", value=42)
TEXT = ReadRequest(since="Ô'Hara", kind="text", value="Ô'Hara")
DAY = ReadRequest(since="2026-02-01", kind="day", value=date(2026, 2, 1))
FINE = f"0.1{'0' * 20}1"
UTC_FORM = "{since|%Y-%m-%dT%H:%M:%SZ|UTC}"

QUERIES: list[tuple[dict[str, Any], ReadRequest, dict[str, str]]] = [
    ({"$filter": "updated_at gt {since}"}, AT, {"$filter": f"updated_at gt {ISO}"}),
    ({"$filter": f"at gt {UTC_FORM}"}, AT, {"$filter": "at gt 2026-01-31T18:30:04Z"}),
    ({"w": "at > TIMESTAMP '{since|%Y-%m-%d %H:%M:%S}'"}, AT, {"w": "at > TIMESTAMP '2026-02-01 01:30:04'"}),
    ({"id": "gt.{since}"}, NUMBER, {"id": "gt.42"}),
    ({"q": "id > {since} and x = 'y'"}, NUMBER, {"q": "id > 42 and x = 'y'"}),
    ({"q": "name gt '{since}'"}, TEXT, {"q": "name gt 'Ô''Hara'"}),
    ({"filter": '{"name":{"_gt":"{since}"}}'}, TEXT, {"filter": '{"name":{"_gt":"Ô\'Hara"}}'}),
    ({"filter": {"n": {"_gt": "{since}"}}}, NUMBER, {"filter": '{"n":{"_gt":42}}'}),
    ({"filter": [["n", ">", "{since}"]]}, TEXT, {"filter": '[["n",">","Ô\'Hara"]]'}),
    ({"_lastUpdated": "gt{since|%Y-%m-%dT%H:%M:%S%z}"}, AT, {"_lastUpdated": "gt2026-02-01T01:30:04+0700"}),
    ({"from": "{since|%d/%m/%Y}", "state": "all"}, DAY, {"from": "01/02/2026", "state": "all"}),
    ({"ms": "{since|epoch-ms}", "s": "{since|epoch-s}"}, AT, {"ms": "1769884205250", "s": "1769884204"}),
]  # fmt: skip


@pytest.mark.parametrize(("since", "request_", "query"), QUERIES)
def test_a_template_puts_the_cursor_into_the_words_of_a_service(
    agency: Any, since: dict[str, Any], request_: ReadRequest, query: dict[str, str]
) -> None:
    """Text, number, moment and day; only a moment could be written before, by a trick of its format."""
    agency.default = agency.response([])
    agency.read(
        RestSource(path="x", params={"f": "json", **dict.fromkeys(since, "old")}, since=since), request_
    )
    assert agency.asked[0].query == {"f": "json", **query}


def test_without_a_cursor_the_fixed_parameters_stand(agency: Any) -> None:
    """The first run asks for everything: the parameters of the settings are not replaced."""
    agency.default = agency.response([])
    agency.read(RestSource(path="x", params={"where": "1=1"}, since={"where": "id > {since}"}))
    assert agency.asked[0].query == {"where": "1=1"}


BODIES: list[tuple[Any, ReadRequest, Any]] = [
    ("{since}", NUMBER, 42),
    ("{since}", ReadRequest(since="4.0", kind="number", value=Decimal("4.0")), 4),
    ("{since}", ReadRequest(since="4.25", kind="number", value=Decimal("4.25")), 4.25),
    ("{since}", ReadRequest(since=FINE, kind="number", value=Decimal(FINE)), FINE),
    ("{since}", ReadRequest(since="42", kind="text", value="42"), "42"),
    ("{since}", ReadRequest(since="42"), "42"),
    ("{since|epoch-ms}", AT, 1769884205250),
    ({"gt": "{since}"}, NUMBER, {"gt": 42}),
]  # fmt: skip


@pytest.mark.parametrize(("template", "request_", "value"), BODIES)
def test_a_template_that_is_the_cursor_keeps_its_type(
    agency: Any, template: Any, request_: ReadRequest, value: Any
) -> None:
    """In a body numbers are numbers, and never other ones."""
    agency.default = agency.response([])
    source = RestSource(path="x", method="POST", params_in="body", since={"query.range.n": template})
    agency.read(source, request_)
    assert agency.asked[0].json() == {"query": {"range": {"n": value}}}


REFUSED: list[dict[str, Any]] = [
    {"since": {"q": "at gt {since}Z"}},
    {"since": {"q": "at gt {since}+07:00"}},
    {"since": {"q": "{since|%Y-%m-%dT%H:%M:%SZ}"}},
    {"since": {"q": "{since|%Y-%m-%dT%H:%M:%S}Z"}},
    {"since": {"q": "{since}Z"}, "since_format": "%Y-%m-%dT%H:%M:%S"},
    {"since": {"q": {"at": ["{since|%s}"]}}},
    {"since": {"q": "{since|%Y-%m-%dT%H:%M:%S+07:00|UTC}"}},
    {"since": {"q": "{sinse}"}},
    {"since": {"q": "{since}"}, "since_param": "s"},
    {"since": {"q": "{since}"}, "paging": TimeWindows(from_param="f", to_param="t", start="2026-01-01")},
    {"since_field": "a..b"},
]


@pytest.mark.parametrize("settings", REFUSED)
def test_a_template_that_would_lose_the_zone_is_refused_as_the_file_is_parsed(
    settings: dict[str, Any],
) -> None:
    """As `since_format` is: what says UTC behind Vietnam's time is seven hours late, and rows are missed."""
    with pytest.raises(InvalidExchange):
        RestSource(path="x", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"since": {"q": "{since}Z"}, "since_format": "%Y-%m-%dT%H:%M:%S", "since_zone": "UTC"},
        {"since": {"q": "{since}+07:00"}, "since_format": "%Y-%m-%dT%H:%M:%S"},
        {"since": {"q": "at gt {since} and zone eq 'Z'"}},
        {"since": {"q": "{since|epoch-ms}Z"}},
    ],
)
def test_a_zone_that_is_the_times_own_is_taken(settings: dict[str, Any]) -> None:
    """Only what would be wrong is refused."""
    assert RestSource(path="x", **settings).since


class Numbers:
    """An order of numbers, as the dataset lends it."""

    def read(self, value: Any) -> int | None:
        return int(value) if str(value).isdigit() else None

    def back(self, cursor: str, overlap: Any = None) -> str:
        return cursor

    def first_text(self, cursor: str) -> str | None:
        return None


def test_what_lies_before_the_cursor_is_left_out_where_the_service_has_no_filter(agency: Any) -> None:
    """Each run delivered everything again; what has no place in the order is handed on all the same."""
    rows = [{"id": n, "at": {"n": n}} for n in range(6)] + [{"id": 6}, {"id": 7, "at": {"n": "x"}}]
    agency.default = agency.response({"rows": rows})
    source = RestSource(path="x", records="rows", since_field="at.n")
    opened = agency.source(source)
    assert opened.capabilities.incremental
    assert opened.capabilities.inclusive
    (page,) = opened.read(ReadRequest(since="4", kind="number", value=4, order=Numbers()))
    assert [record["id"] for record in page.records] == [4, 5, 6, 7]
    assert page.notes["before_cursor"] == 4
    (page,) = opened.read(ReadRequest())
    assert len(page.records) == 8
    assert "before_cursor" not in page.notes


def test_a_wrong_path_of_the_cursor_is_said(agency: Any) -> None:
    """It would leave nothing out, run after run; at the first run, too."""
    agency.default = agency.response({"rows": [{"id": 1, "at": 5}]})
    with pytest.raises(ProtocolViolation, match="anything at 'att'"):
        agency.read(RestSource(path="x", records="rows", since_field="att"))
    agency.default = agency.response({"rows": []})
    agency.read(RestSource(path="x", records="rows", since_field="att"))
