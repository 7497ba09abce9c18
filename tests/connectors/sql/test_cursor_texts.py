"""Cursors in text columns: read in the dataset's order, whatever order the database's texts have."""

from __future__ import annotations

from typing import Any

import pytest
from sql_cursor import Run, filled, ids, pages

from lienthong.connector import Connection, Context, ReadRequest
from lienthong.datasets import Dataset
from lienthong.datasets.cursor import CursorOrder
from lienthong_connectors.sql import SqlSource

Database = tuple[Connection, Run]


def order(schema: dict[str, Any]) -> CursorOrder:
    note = {"key": ["id"], "owner": "H21", "title": {"vi": "Thử", "en": "Test"}, "class": "internal"}
    made = Dataset.from_dict(
        "test.texts/1",
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "x-lienthong": note,
            "type": "object",
            "required": ["id", "c"],
            "properties": {"id": {"type": "integer"}, "c": schema},
        },
    )
    return CursorOrder.of(made, "c")


def asked(by: CursorOrder, since: str | None = None, **more: Any) -> ReadRequest:
    """Return the request as the pipeline makes it."""
    kind, value = by.typed(since) if since is not None else (None, None)
    return ReadRequest(since, kind=kind or ("" if by.guessed else by.kind), value=value, order=by, **more)


def dated(*formats: str) -> dict[str, Any]:
    return {"type": "string", "x-lienthong": {"check": "date", "format": list(formats)}}


MOMENTS = [
    "2025-01-01T08:00:00+07:00",
    "2025-01-01T01:30:00Z",
    "2024-12-31T13:45:00-12:00",
    "2025-01-01T16:00:00+14:00",
    "2025-01-01T02:00:00.000000001Z",
    "2025-01-01 09:00:01",
    "2025-01-01T23:59:60+22:59",
    "2025-01-02",
]
KINDS: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": "string", "format": "date-time"}, MOMENTS),
    ({"type": "string"}, MOMENTS),
    (dated("iso"), ["2025-01-01T08:00:00+07:00", "2025-01-01T01:30:00Z", "2024-12-31T20:10:00-05:00"]),
    (dated("dd/MM/yyyy"), ["31/12/2024", "01/01/2025", "02/01/2025", "15/11/2024"]),
    (dated("dd/MM/yyyy", "yyyyMMdd"), ["31/12/2024", "20250101", "02/01/2025", "20241115"]),
    (dated("yyyyMMddHHmmss"), ["20241231235959", "20250101000000", "20250101000001"]),
    (dated("yyyy-MM-dd", "yyyyMMddHHmm"), ["2025-01-01", "202412312359", "202501010001", "2024-12-30"]),
    (dated("MM/yyyy"), ["12/2024", "01/2025", "02/2025"]),
    (dated("epoch-ms"), ["999999999999", "1000000000000", "1735689600000"]),
    ({"type": "string", "format": "date"}, ["2024-12-31", "2025-01-01", "2025-01-02"]),
    (
        {"type": "string", "x-lienthong": {"order": "number"}},
        ["9", "10", "1e2", "9007199254740993", "9007199254740992", "0.30", "+7", "12345678901234567890.5"],
    ),
    ({"type": "string"}, ["9", "10", "100", "2025-01-01T00:00:00Z", "2024-12-31T23:00:00-12:00"]),
    ({"type": "string", "x-lienthong": {"order": "text"}}, ["B", "a", "C", "é", "a1"]),
]


@pytest.mark.parametrize(("schema", "values"), KINDS)
@pytest.mark.parametrize("keyed", [True, False])
def test_exactly_what_lies_at_or_behind_the_cursor_comes(
    database: Database, schema: dict[str, Any], values: list[str], *, keyed: bool
) -> None:
    """Mixed offsets, day first, several formats, numbers in texts: nothing is missed, nothing comes twice."""
    connection, run = database
    by = order(schema)
    values = values[1::2] + values[::2]
    filled(run, "text", *(f"'{value}'" for value in values), "NULL")
    options = {} if keyed else {"table": "", "query": "SELECT * FROM t"}
    for since in values:
        wanted = {n for n, value in enumerate(values, 1) if by.read(value) >= by.read(since)}
        found = pages(connection, asked(by, since), page_size=2, **options)
        assert sorted(ids(found)) == sorted(wanted), since
        for page, done in zip(found, range(1, len(found) + 1), strict=True) if keyed else ():
            rest = pages(connection, asked(by, since, position=page.position), page_size=2)
            assert ids(rest) == ids(found[done:])
        for limit in (1, 2):
            some = ids(pages(connection, asked(by, since, limit=limit), page_size=1, **options))
            assert len(some) == min(limit, len(wanted)) and set(some) <= wanted


@pytest.mark.parametrize(("schema", "values"), KINDS)
def test_the_largest_value_is_one_that_a_row_has_and_the_dataset_places_highest(
    database: Database, schema: dict[str, Any], values: list[str]
) -> None:
    """Not the largest text, not a rounded number, not a word."""
    connection, run = database
    by = order(schema)
    words = [] if by.kind == "text" else ["'zzz'", "'không rõ'"]
    filled(run, "text", *(f"'{value}'" for value in values), *words, "NULL")
    (stand,) = {page.stand for page in pages(connection, asked(by)) if page.stand}
    assert stand.high == max(values, key=by.read)


def test_a_text_without_a_place_is_handed_on_to_be_set_aside(database: Database) -> None:
    """It is said, and does not vanish; a row without any cursor comes in a full read only."""
    connection, run = database
    filled(run, "text", "'02/01/2025'", "'hôm qua'", "NULL", "'01/01/2025'")
    by = order(dated("dd/MM/yyyy"))
    assert sorted(ids(pages(connection, asked(by, "02/01/2025")))) == [1, 2]


def test_the_settings_own_overlap_reaches_back_in_the_datasets_order(database: Database) -> None:
    connection, run = database
    filled(run, "text", "'2025-01-01T08:00:00+07:00'", "'2025-01-01T00:57:00Z'", "'2025-01-01T00:50:00Z'")
    by = order({"type": "string", "format": "date-time"})
    assert sorted(ids(pages(connection, asked(by, "2025-01-01T01:00:00Z"), overlap=300))) == [1, 2]
    filled(run, "text", "'9'", "'10'", "'8'")
    by = order({"type": "string", "x-lienthong": {"order": "number"}})
    assert sorted(ids(pages(connection, asked(by, "10"), overlap=1))) == [1, 2]


def test_a_column_of_sqlite_that_holds_numbers_and_texts_is_read_as_numbers(lite: Database) -> None:
    """Each row has a type of its own there: 5, '7', 10 and '12' are one order, page by page."""
    connection, run = lite
    filled(run, "", "5", "'7'", "10", "'12'", "'6'")
    by = order({"type": ["string", "integer"]})
    assert ids(pages(connection, asked(by, "7"))) == [2, 3, 4]
    assert pages(connection, asked(by, "5"))[0].stand.high == "12"  # type: ignore[union-attr]


def test_texts_of_sqlite_that_compare_without_case_are_read_by_code_points(lite: Database) -> None:
    connection, run = lite
    filled(run, "text collate nocase", "'B'", "'a'", "'C'")
    by = order({"type": "string", "x-lienthong": {"order": "text"}})
    assert ids(pages(connection, asked(by, "B"))) == [1, 3, 2]


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("text", ("'2025-01-01T00:00:00Z'", "'2025-01-01T08:00:00+07:00'"), "from a day before"),
        ("text", ("'31/12/2024'",), "whole table"),
        ("text", ("'9'", "'10'"), "casts every row"),
        ("text", (), None),
        ("integer", ("9",), "the database orders"),
    ],
)
def test_a_check_says_what_a_cursor_of_texts_costs(
    database: Database, kind: str, values: tuple[str, ...], said: str | None
) -> None:
    """In both languages, as a finding that holds, without a value."""
    connection, run = database
    filled(run, kind, *values)
    opened = SqlSource("t", cursor="c").open_source(connection, Context())
    found = {one.check: one for one in opened.check()}["cursor"]
    opened.close()
    assert found.ok and found.vi and "2024" not in found.detail
    assert said is None or said in found.detail
