"""Values of databases as they are: what Python cannot hold, other code pages, what looks like a parameter."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sql_cursor import Run

from lienthong.connector import Batch, Connection, Context, Page, ReadRequest
from lienthong.errors import Misconfigured, ProtocolViolation
from lienthong.records import canonical, sha256
from lienthong_connectors.sql import SqlSource, SqlTarget
from lienthong_connectors.sql._errors import translate
from lienthong_connectors.sql._values import plain


def pages(connection: Connection, **options: Any) -> list[Page]:
    source = SqlSource(**options).open_source(connection, Context(log=lambda _: None))
    try:
        return list(source.read(ReadRequest()))
    finally:
        source.close()


def values(connection: Connection, name: str, **options: Any) -> list[Any]:
    return [record[name] for page in pages(connection, **options) for record in page.records]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (timedelta(hours=3, minutes=4, seconds=5, microseconds=678901), "PT11045.678901S"),
        (timedelta(days=32, hours=3, minutes=4, seconds=5, microseconds=600000), "PT2775845.6S"),
        (timedelta(hours=838, minutes=59, seconds=59), "PT3020399S"),
        (timedelta.max, "PT86399999999999.999999S"),
        (timedelta(microseconds=-1), "-PT0.000001S"),
        (timedelta(days=-1, hours=1), "-PT82800S"),
        (timedelta(0), "PT0S"),
    ],
)
def test_a_length_of_time_keeps_all_its_digits(value: timedelta, written: str) -> None:
    """ISO 8601 without an exponent: six digits of it were kept, ``PT2.77585e+06S``."""
    assert plain(value) == written


TYPES = {
    "date": ("'2026-01-01'", "'infinity'", "'0044-03-15 BC'", "'12026-01-01'"),
    "timestamp": ("'2026-01-01 00:00'", "'-infinity'", "'12026-01-01 00:00'"),
    "time": ("'23:59:59.999999'", "'24:00'"),
    "timetz": ("'23:59+07'", "'24:00+07'"),
    "daterange": ("'[2026-01-01,2026-02-01)'", "'[2026-01-01,infinity)'", "'[0044-01-01 BC,)'"),
    "tstzrange": ("'[2026-01-01 00:00Z,infinity)'",),
    "date[]": ("'{2026-01-01}'", "'{infinity,2026-01-01}'"),
    "datemultirange": ("'{[2026-01-01,infinity)}'",),
    "interval": ("'1 day'", "'178000000 years'"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_what_python_cannot_hold_comes_as_the_databases_text(full: tuple[Connection, Run], kind: str) -> None:
    """No such value stops a read, alone, in an array or as the end of a range, in pages or streamed."""
    connection, run = full
    run(f"CREATE TABLE t (id int PRIMARY KEY, c {kind})")
    for number, value in enumerate(TYPES[kind], 1):
        run(f"INSERT INTO t VALUES ({number}, {value})")  # noqa: S608 - the test's own
    paged = values(connection, "c", table="t", page_size=2)
    streamed = values(connection, "c", query="SELECT * FROM t ORDER BY id")
    assert len(paged) == len(TYPES[kind]) and paged == streamed
    odd = "".join(map(str, paged))
    expected = [
        word for word in ("infinity", "BC", "12026", "24:00", "178000000") if word in str(TYPES[kind])
    ]
    assert all(word in odd for word in expected), paged


def test_a_drivers_own_refusal_is_no_trouble_of_the_network() -> None:
    """The database was reached: nobody should look at the firewall, and nothing is tried again."""
    assert isinstance(translate(psycopg.DataError("date too large"), "table 't'"), ProtocolViolation)


BROKEN = b"c\xe9 \xd0\xfd"


@pytest.fixture
def other_code_page(tmp_path: Path) -> Connection:
    file = tmp_path / "cp.sqlite"
    link = sqlite3.connect(file, isolation_level=None)
    link.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, code TEXT, more JSON)")
    rows = [(1, b"a", b"k1", b"{}"), (2, BROKEN, b"k2", b"{}"), (3, b"c", b"k3" + BROKEN, b"{}")]
    rows += [(4, b"d", b"k4", b'{"a": "' + BROKEN + b'"}'), (5, "đ".encode(), b"k5", b"{}")]
    statement = "INSERT INTO t VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))"
    link.executemany(statement, rows)
    link.close()
    return Connection("lite", "lienthong_sql", extra={"url": f"sqlite:///{file}"})


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("key", [("id",), ("code",), ()])
def test_a_row_in_another_code_page_is_set_aside_alone(
    other_code_page: Connection, key: tuple[str, ...], size: int
) -> None:
    """It stopped the read as a refused statement; also where the key itself is such a text."""
    found = pages(other_code_page, query="SELECT * FROM t", key=key, page_size=size)
    assert [record["id"] for page in found for record in page.records] == [1, 5]
    odd = [one for page in found for one in page.malformed]
    assert [b"c\xe9 \xd0\xfd" in one.data for one in odd] == [True] * 3
    assert {one.reason.rule for one in odd} == {"sql.not-encoded"}
    table = pages(other_code_page, table="t", page_size=size)
    assert [record["id"] for page in table for record in page.records] == [1, 5]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("' :HH24:MI'", " :HH24:MI"),
        ("'{\"a\":1}'", '{"a":1}'),
        ("':x'", ":x"),
        ("'a\\:b'", "a\\:b"),
        ("'100 % ?'", "100 % ?"),
        ("'%(x)s'", "%(x)s"),
    ],
)
def test_a_query_is_sent_as_it_stands(database: tuple[Connection, Run], literal: str, value: str) -> None:
    """Nothing in it is a parameter: a colon in a literal was one, and the statement was refused unasked."""
    connection, run = database
    run("CREATE TABLE t (id int PRIMARY KEY)")
    run("INSERT INTO t VALUES (1)")
    query = f"SELECT id, {literal} AS c FROM t WHERE {literal} <> ':y'"  # noqa: S608 - the test's own
    for key in ((), ("id",)):
        assert values(connection, "c", query=query, key=key) == [value]


def test_columns_may_be_a_list_of_names(lite: tuple[Connection, Run]) -> None:
    """Each is read under its own name; before, two-letter names were taken apart into letters."""
    connection, run = lite
    run("CREATE TABLE t (id int PRIMARY KEY, at text, i text, d text)")
    run("INSERT INTO t VALUES (1, 'x', 'y', 'z')")
    for columns in (("id", "at"), ["id", "at"], {"id": "id", "at": "at"}):
        (page,) = pages(connection, table="t", columns=columns)
        assert page.records == [{"id": 1, "at": "x"}]
    assert SqlTarget("t", columns=("id", "at")).by_path == {"id": "id", "at": "at"}


@pytest.mark.parametrize("columns", ["id", ["id", "id"], ["id", 1], {"a": 1}, 3])
def test_columns_that_say_nothing_are_refused_as_the_file_is_parsed(columns: Any) -> None:
    with pytest.raises(Misconfigured, match="columns"):
        SqlSource("t", columns=columns)


LONG = "12345678901234567.89"
OFFERED = {1: "1.5", 2: LONG, 3: "1.234", 4: 1.234, 5: 7, 6: None, 7: "9007199254740993", 8: "-1.50", 9: 0.1}
REFUSED = {
    ("lite", "numeric"): {2},
    ("lite", "numeric(12,2)"): {2},
    ("lite", "double precision"): {2, 7},
    ("lite", "text"): set(),
    ("full", "numeric"): set(),
    ("full", "numeric(22,2)"): {3, 4},
    ("full", "double precision"): {2, 7},
    ("full", "text"): set(),
}


@pytest.mark.parametrize(("which", "kind"), REFUSED)
def test_no_column_rounds_a_number(which: str, kind: str, request: pytest.FixtureRequest) -> None:
    """A row whose number has more digits than the column keeps is refused alone; the others are exact."""
    connection, run = request.getfixturevalue(which)
    run(f"CREATE TABLE t (id integer PRIMARY KEY, c {kind})")
    data = [canonical({"id": number, "c": value}) for number, value in OFFERED.items()]
    if kind == "text":
        data = [canonical({"id": number, "c": str(value)}) for number, value in OFFERED.items()]
    opened = SqlTarget("t").open_target(connection, Context())
    try:
        answer = opened.deliver(Batch(sha256(b"".join(data)), data, ("id",), "test/1"))
    finally:
        opened.close()
    refused = {line + 1: reason for line, reason in answer.refused.items()}
    assert set(refused) == REFUSED[which, kind]
    assert {(reason.rule, reason.path) for reason in refused.values()} <= {("target.digits", "/c")}
    found = [record for page in pages(connection, table="t") for record in page.records]
    assert {record["id"] for record in found} == set(OFFERED) - set(refused)
    if kind != "text":
        for record in found:
            offered = OFFERED[record["id"]]
            same = (
                offered is None if record["c"] is None else Decimal(str(record["c"])) == Decimal(str(offered))
            )
            assert same, record
