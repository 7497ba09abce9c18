"""The one order of cursors: numbers of any size, moments of any offset and fraction, days, texts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.datasets import Catalogue, Dataset
from lienthong.datasets.cursor import CursorOrder
from lienthong.datasets.cursor_survey import CursorSurvey
from lienthong.errors import InvalidExchange

TIME = {"type": "string", "format": "date-time"}
DIGITS = {"type": "string", "pattern": "^[0-9]+$"}
DECIMALS = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,4})?$"}


def dataset(schema: dict[str, Any], *, required: bool = True) -> Dataset:
    note = {"key": ["id"], "owner": "H21", "title": {"vi": "Thử", "en": "Test"}, "class": "internal"}
    return Dataset.from_dict(
        "test.cursor/1",
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "x-lienthong": note,
            "type": "object",
            "required": ["id", *(["at"] if required else [])],
            "properties": {"id": {"type": "string"}, "at": schema},
        },
    )


def order(schema: dict[str, Any]) -> CursorOrder:
    return CursorOrder.of(dataset(schema), "at")


def dated(*formats: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "x-lienthong": {"check": "date", "format": list(formats), **more}}


RISING: list[tuple[dict[str, Any], list[Any]]] = [
    ({"type": "integer"}, [-5, 9, 10, 2**53, 2**53 + 1, 10**40]),
    ({"type": "number"}, [-0.5, 0.1, 0.2, 9, 10.5, 1e300]),
    (DIGITS, ["9", "10", "9007199254740993", "9007199254740994", "1" + "0" * 60]),
    (DECIMALS, ["-2.5", "-2.4999", "0.1", "0.1001", "9.9", "10.0001", "9007199254740993.5"]),
    (
        TIME,
        [
            "2025-12-31T23:59:59.999999999Z",
            "2026-01-01T08:00:00+07:00",
            "2026-01-01T01:00:00.5Z",
            "2026-01-01T08:00:00.500000001+07:00",
            "2026-01-01T01:00:00.51Z",
            "2026-01-01T00:30:01-00:30",
            "2026-01-01T23:59:59.9Z",
            "2026-01-01T23:59:60Z",
            "2026-01-02T00:00:00.1Z",
            "2026-01-02T20:00:00+14:00",
        ],
    ),
    (dated("iso"), ["2026-01-01T07:00:00.000+0700", "2026-01-01T07:30:00", "2026-01-01T00:30:01Z"]),
    (dated("dd/MM/yyyy"), ["31/12/2025", "01/01/2026", "15/01/2026", "02/02/2026"]),
    (dated("MM/yyyy", "yyyy"), ["2025", "12/2025", "02/2026", "2027"]),
    (dated("yyyyMMddHHmmss", "dd/MM/yyyy"), ["31/12/2025", "20260101000001", "02/01/2026"]),
    (
        {"type": ["integer", "string"], "x-lienthong": {"check": "date", "format": "epoch-ms"}},
        [999, "1000", 1_800_000_000_000],
    ),
    ({"type": "string", "format": "date"}, ["2025-12-31", "2026-01-01", "2026-10-01"]),
    ({"type": "string", "x-lienthong": {"order": "text"}}, ["B", "a", "b1", "b10", "b9"]),
    ({"type": "string", "x-lienthong": {"order": "number"}}, ["9", "10"]),
    ({"type": ["string", "number", "null"]}, [9, "10", "2025-01-01", "2026-01-01T00:00:00+07:00"]),
]


@pytest.mark.parametrize(("schema", "values"), RISING)
def test_values_are_in_the_order_of_what_they_stand_for(schema: dict[str, Any], values: list[Any]) -> None:
    """Not in that of their text, nor of what floats make of them."""
    found = order(schema)
    read = [found.read(value) for value in values]
    assert None not in read and read == sorted(read) and len(set(read)) == len(read)
    texts = [found.text(value) for value in values]
    for place, text in enumerate(texts):
        assert [found.later(text, other) for other in texts] == [place >= n for n in range(len(texts))]
    assert found.largest(reversed(values)) == texts[-1]
    assert found.largest(values, found.read(values[1])) == texts[1]
    assert found.cap(values[-1], read[0]) == read[0] and found.cap(values[0], read[-1]) == read[0]


UNPLACED: list[tuple[dict[str, Any], list[Any]]] = [
    ({"type": "integer"}, [None, True, "", "zzz", float("nan"), float("inf"), [1], {"a": 1}, "1e9999"]),
    (TIME, [None, 5, "zzz", "9999-99-99", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "x" * 10_000]),
    (
        TIME,
        ["2026-01-01T00:00:00-07:75", "2026-W01-1T00:00:00Z", "2026-01-01T00:00:00,5Z", "20260101T000000Z"],
    ),
    (TIME, ["2026-01-01T00:00:00+25:00", "infinity", "٢٠٢٦-01-01T00:00:00Z", "2026-1-1"]),
    (dated("dd/MM/yyyy"), ["31/02/2026", "2026-01-01", 5]),
    ({"type": "string", "format": "date"}, ["2026-01-01T00:00:00Z", "01/01/2026"]),
    ({"type": "string"}, ["chưa cập nhật", "", "NaN", "1_000", "१२"]),
]


@pytest.mark.parametrize(("schema", "values"), UNPLACED)
def test_what_has_no_place_in_the_order_is_said_to_have_none(
    schema: dict[str, Any], values: list[Any]
) -> None:
    found = order(schema)
    for value in values:
        assert found.read(value) is None, value
        if isinstance(value, str):
            assert not found.later(value, None)
            assert found.typed(value) is None and found.back(value) == value


def test_a_cursor_of_another_form_gives_way(catalogue: Catalogue) -> None:
    """What an older version kept, or a field that changed its form, is before everything."""
    found = order(TIME)
    assert found.later("2020-01-01T00:00:00Z", "zzz")
    assert not found.later("zzz", "2020-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "boolean"},
        {"type": "null"},
        {"type": "object", "additionalProperties": False, "properties": {"x": {"type": "string"}}},
        {"type": "array", "items": {"type": "string"}},
        {"type": ["string", "boolean"]},
        {"type": "string", "enum": ["a", "b"]},
        {"type": "string", "x-lienthong": {"order": "alphabet"}},
        {},
    ],
)
def test_a_field_that_has_no_order_is_refused_by_name(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidExchange, match="'at'"):
        order(schema)
    with pytest.raises(InvalidExchange, match="'none'"):
        CursorOrder.of(dataset(TIME), "none")


BACK: list[tuple[dict[str, Any], str, Any, str]] = [
    (TIME, "2026-01-01T00:00:00+07:00", None, "2025-12-31T23:59:59+07:00"),
    (TIME, "2026-01-01T00:00:00.000+07:00", None, "2025-12-31T23:59:59.999+07:00"),
    (TIME, "2026-01-01T00:00:00.000000001Z", None, "2026-01-01T00:00:00.000000000Z"),
    (TIME, "2026-01-01T00:00:00.25Z", timedelta(minutes=5), "2025-12-31T23:55:00.25Z"),
    (TIME, "2026-01-01T00:00:00.25Z", timedelta(milliseconds=1), "2026-01-01T00:00:00.24Z"),
    (TIME, "2026-01-01t00:00:00z", timedelta(hours=1), "2025-12-31t23:00:00z"),
    (dated("iso"), "2026-01-01T00:00+0700", None, "2025-12-31T23:59+0700"),
    (dated("dd/MM/yyyy"), "01/03/2024", None, "29/02/2024"),
    (dated("dd/MM/yyyy"), "01/03/2024", timedelta(seconds=1), "29/02/2024"),
    (dated("MM/yyyy"), "01/2026", None, "12/2025"),
    (dated("yyyyMMddHHmmss"), "20260101000000", None, "20251231235959"),
    ({"type": "integer", "x-lienthong": {"check": "date", "format": "epoch-ms"}}, "1000", None, "999"),
    ({"type": "string", "format": "date"}, "2026-01-01", None, "2025-12-31"),
    ({"type": "string", "format": "date"}, "2026-01-01", timedelta(hours=1), "2025-12-31"),
    ({"type": "integer"}, str(2**60), None, str(2**60 - 1)),
    ({"type": "integer"}, "5", 10, "-5"),
    (DECIMALS, "10.50", None, "10.49"),
    (DECIMALS, "9007199254740993.5", Decimal("0.25"), "9007199254740993.25"),
    (DIGITS, "0010", None, "0009"),
    ({"type": "string", "x-lienthong": {"order": "text"}}, "b", None, "b"),
    (TIME, "0001-01-01T00:00:00Z", timedelta(days=9), "0001-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("schema", "cursor", "overlap", "wanted"), BACK)
def test_a_read_reaches_back_in_the_cursors_own_form(
    schema: dict[str, Any], cursor: str, overlap: Any, wanted: str
) -> None:
    """Without an overlap by its last place; a form that is coarser is rounded back."""
    assert order(schema).back(cursor, overlap) == wanted


@pytest.mark.parametrize(
    ("schema", "overlap"),
    [
        (TIME, 5),
        (DIGITS, timedelta(1)),
        (TIME, timedelta(-1)),
        (DIGITS, -1),
        (DIGITS, True),
        (DIGITS, 1.5),
        ({"type": "string", "x-lienthong": {"order": "text"}}, 1),
    ],
)
def test_an_overlap_that_does_not_fit_is_refused(schema: dict[str, Any], overlap: Any) -> None:
    with pytest.raises(InvalidExchange, match="overlap"):
        order(schema).back("1", overlap)


def test_typed_values_are_what_databases_and_services_are_asked_with() -> None:
    assert order(TIME).typed("2026-01-01T00:00:00.123456789Z") == (
        "moment",
        datetime(2026, 1, 1, microsecond=123456, tzinfo=UTC),
    )
    assert order(dated("dd/MM/yyyy")).typed("02/01/2026") == ("day", date(2026, 1, 2))
    assert order({"type": "string"}).typed("2026-01-02") == ("day", date(2026, 1, 2))
    assert order(DIGITS).typed(str(2**70)) == ("number", 2**70)
    assert order(DECIMALS).typed("1.10") == ("number", Decimal("1.10"))


moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).flatmap(
    lambda moment: st.integers(-14 * 4, 14 * 4).map(
        lambda quarter: moment.replace(tzinfo=timezone(timedelta(minutes=15 * quarter)))
    )
)


@given(moments, moments, st.timedeltas(timedelta(), timedelta(days=900)))
def test_moments_are_ordered_as_moments_and_moved_back_by_what_was_said(
    one: datetime, other: datetime, back: timedelta
) -> None:
    found = order(TIME)
    assert found.later(one.isoformat(), other.isoformat()) == (one >= other)
    text = one.isoformat(timespec="microseconds")
    moved = datetime.fromisoformat(found.back(text, back))
    assert moved == one - back and moved.utcoffset() == one.utcoffset()
    assert found.later(text, found.back(text)) and not found.later(found.back(text), text)


@given(st.decimals(-(10**30), 10**30, places=6), st.decimals(-(10**30), 10**30, places=6))
def test_decimals_are_ordered_exactly(one: Decimal, other: Decimal) -> None:
    found = order({"type": "string", "x-lienthong": {"order": "number"}})
    assert found.later(format(one, "f"), format(other, "f")) == (one >= other)
    step = Context(prec=60).subtract(one, Decimal("0.000001"))
    assert Decimal(found.back(format(one, "f"))) == step


# --- which records move a cursor


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.load()


def survey(schema: dict[str, Any], catalogue: Catalogue, *, required: bool = True) -> CursorSurvey:
    made = dataset(schema, required=required)
    return CursorSurvey(CursorOrder.of(made, "at"), made, catalogue)


def test_only_values_that_the_dataset_takes_count(catalogue: Catalogue) -> None:
    """Words, a value against the pattern, a day that is none: counted, not believed."""
    schema = TIME | {"maxLength": 25}
    rows = [{"at": "2026-01-01T00:00:00Z"}, {"at": "zzz"}, {"at": "2026-01-05T00:00:00.000000001Z"}, {}]
    found = survey(schema, catalogue).page([*rows, {"at": 7}, {"at": [1]}], None, None)
    assert (found.largest, found.unplaced) == ("2026-01-01T00:00:00Z", 5)


def test_checks_of_the_field_count_too(catalogue: Catalogue) -> None:
    look = survey(dated("iso", past=True), catalogue)
    rows = [{"at": "2026-01-01T00:00:00Z"}, {"at": "9999-12-31T00:00:00Z"}]
    found = look.page([*rows, {"at": "0000-00-00T00:00:00.000+0700"}], "2025-01-01T00:00:00Z", None)
    assert (found.largest, found.unplaced) == ("2026-01-01T00:00:00Z", 1)


def test_what_lies_beyond_the_bound_is_left_to_the_next_run(catalogue: Catalogue) -> None:
    """It is said aloud only where it lies in the future."""
    look = survey(TIME, catalogue)
    day = [{"at": f"2026-01-0{n}T00:00:00Z"} for n in range(1, 9)]
    bound, future = look.order.read(day[3]["at"]), look.order.read(day[5]["at"])
    found = look.page(day, None, bound, future)
    assert (found.largest, found.unplaced, found.ahead) == (day[3]["at"], 0, 2)


def test_an_optional_field_may_be_empty(catalogue: Catalogue) -> None:
    found = survey({"type": ["integer", "null"]}, catalogue, required=False).page(
        [{"at": None}, {}, {"at": 3}], None, None
    )
    assert (found.largest, found.unplaced) == ("3", 0)
