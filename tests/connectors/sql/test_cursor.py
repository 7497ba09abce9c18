"""The cursor is bound as what its column is, and the database says where it stood: SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sql_cursor import Run, filled, ids, pages

from lienthong.connector import Connection, ReadRequest
from lienthong.errors import Misconfigured

HANOI = timezone(timedelta(hours=7))
NUMBERS: list[tuple[str, tuple[str, ...], str, Any]] = [
    ("text", ("'8'", "'9'", "'10'", "'100'", "'zzz'"), "9", 9),
    ("bigint", ("8", "9", "10", "9007199254740993"), "9", 9),
    ("bigint", ("9007199254740992", "9007199254740993", "9007199254740994"), str(2**53 + 1), 2**53 + 1),
    ("numeric(20,4)", ("8.9", "9.5", "10.25", "100"), "9.5000", Decimal("9.5")),
    ("double precision", ("0.05", "0.1", "0.3"), "0.1", Decimal("0.1")),
]


@pytest.mark.parametrize(("kind", "values", "since", "value"), NUMBERS)
def test_numbers_are_read_in_the_order_of_numbers(
    database: tuple[Connection, Run], kind: str, values: tuple[str, ...], since: str, value: Any
) -> None:
    """Texts that hold numbers, too; what equals the cursor comes first, words have no place."""
    connection, run = database
    filled(run, kind, *values)
    count = len(values) - ("'zzz'" in values)
    found = pages(connection, ReadRequest(since=since, kind="number", value=value))
    assert ids(found) == list(range(2, count + 1))
    for page, behind in zip(found, range(3, count + 2), strict=True):
        rest = ReadRequest(since=since, position=page.position, kind="number", value=value)
        assert ids(pages(connection, rest)) == list(range(behind, count + 1))


TIMES: list[tuple[str, tuple[str, ...], str, Any]] = [
    (
        "timestamptz",
        ("'2026-01-03 00:59:59.9+07'", "'2026-01-02 18:00:00Z'", "'2026-01-03 01:00:00.000001+07'"),
        "2026-01-02T18:00:00+00:00",
        datetime(2026, 1, 2, 18, tzinfo=UTC),
    ),
    (
        "timestamp",
        ("'2026-01-03 00:59:59'", "'2026-01-03 01:00:00'", "'2026-01-03 01:00:00.5'"),
        "2026-01-03T01:00:00",
        datetime(2026, 1, 3, 1, tzinfo=HANOI),
    ),
    ("date", ("'2026-01-01'", "'2026-01-02'", "'2026-01-03'"), "2026-01-02", date(2026, 1, 2)),
    ("date", ("'2026-01-01'", "'2026-01-02'", "'2026-01-03'"), "02/01/2026", date(2026, 1, 2)),
]


@pytest.mark.parametrize(("kind", "values", "since", "value"), TIMES)
def test_times_are_bound_as_what_the_column_is(
    full: tuple[Connection, Run], kind: str, values: tuple[str, ...], since: str, value: Any
) -> None:
    """With a zone, without one (Vietnam's time), as a day: whatever the text of the cursor looks like."""
    connection, run = full
    filled(run, kind, *values)
    asked: Any = "day" if type(value) is date else "moment"
    found = pages(connection, ReadRequest(since=since, kind=asked, value=value))
    assert ids(found) == [2, 3]
    rest = ReadRequest(since=since, position=found[0].position, kind=asked, value=value)
    assert ids(pages(connection, rest)) == [3]


def test_an_overlap_reaches_back_in_the_columns_own_type(full: tuple[Connection, Run]) -> None:
    connection, run = full
    filled(run, "timestamptz", "'2026-01-01 00:00Z'", "'2026-01-01 00:04Z'", "'2026-01-01 00:10Z'")
    moment = datetime(2026, 1, 1, 0, 8, tzinfo=UTC)
    asked = ReadRequest(since="2026-01-01T07:08:00+07:00", kind="moment", value=moment)
    assert ids(pages(connection, asked, overlap=300)) == [2, 3]
    filled(run, "numeric(10,2)", "1", "2.5", "3")
    asked = ReadRequest(since="3.00", kind="number", value=Decimal(3))
    assert ids(pages(connection, asked, overlap=1)) == [2, 3]


def test_the_database_says_where_it_stood_before_the_first_row(database: tuple[Connection, Run]) -> None:
    """Its clock and its largest value, with the first page; a read that goes on says nothing."""
    connection, run = database
    filled(run, "text", "'9'", "'10'", "'zzz'")
    before = datetime.now(UTC) - timedelta(seconds=1)
    found = pages(connection, ReadRequest(kind="number"))
    stand = found[0].stand
    assert stand is not None and stand.clock is not None and str(stand.high) == "10"
    assert before <= stand.clock <= datetime.now(UTC) + timedelta(seconds=1)
    assert [page.stand for page in found[1:]] == [None, None]
    assert pages(connection, ReadRequest(position=found[0].position))[0].stand is None
    assert pages(connection, ReadRequest(), cursor=None)[0].stand is None


def test_values_that_python_does_not_know_come_as_text(full: tuple[Connection, Run]) -> None:
    """Infinity, years before Christ and beyond 9999: the schema sets these rows aside, no others."""
    connection, run = full
    values = ("'2026-01-01 00:00Z'", "'infinity'", "'0044-03-15 00:00Z BC'", "'12026-01-01 00:00Z'")
    filled(run, "timestamptz", *values)
    found = pages(connection, ReadRequest(kind="moment"), page_size=3)
    records = [record["c"] for page in found for record in page.records]
    assert records == [
        "2026-01-01T00:00:00+00:00",
        "infinity",
        "0044-03-15 00:00:00+00 BC",
        "12026-01-01 00:00:00+00",
    ]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    asked = ReadRequest(since=moment.isoformat(), kind="moment", value=moment)
    assert ids(pages(connection, asked)) == [1, 4, 2]
    assert ids(pages(connection, asked, key=(), query="SELECT * FROM t", table="", page_size=9)) == [1, 2, 4]


def test_texts_that_do_not_sort_as_their_times_are_refused_with_a_way_out(
    database: tuple[Connection, Run],
) -> None:
    connection, run = database
    filled(run, "text", "'31/01/2026'", "'01/02/2026'")
    asked = ReadRequest(since="31/01/2026", kind="day", value=date(2026, 1, 31))
    with pytest.raises(Misconfigured, match="do not sort"):
        pages(connection, asked)


def test_texts_are_ordered_by_code_points_whatever_the_database_thinks(full: tuple[Connection, Run]) -> None:
    connection, run = full
    filled(run, "text", "'B'", "'a'", "'C'", "'é'")
    assert ids(pages(connection, ReadRequest(since="B", kind="text", value="B"))) == [1, 3, 2, 4]
