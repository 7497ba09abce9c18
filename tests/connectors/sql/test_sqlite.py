"""What the conformance suite does not ask of the SQL connector on SQLite, and its settings."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from counted import fresh_calls

from lienthong.connector import Batch, Connection, ConnectorDescriptor, Context, ReadRequest
from lienthong.errors import Forbidden, Misconfigured, Transient
from lienthong.records import canonical, sha256
from lienthong_connectors import sql
from lienthong_connectors.sql import DESCRIPTOR, SqlSource, SqlTarget
from lienthong_connectors.sql._address import address
from lienthong_connectors.sql._errors import translated


def batch(*records: dict[str, Any]) -> Batch:
    data = [canonical(record) for record in records]
    return Batch(sha256(b"\n".join(data)), data, ("id",), "test/1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tệp có dấu #1?.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (id integer PRIMARY KEY, v, home_ward text)")
    database.close()
    return path


@pytest.fixture
def connection(file: Path) -> Connection:
    return Connection("lite", "lienthong_sql", host=str(file), extra={"dialect": "sqlite", "timeout": 1})


def rows(file: Path) -> list[Any]:
    with sqlite3.connect(file) as database:
        found = database.execute("SELECT * FROM t ORDER BY id").fetchall()
    database.close()
    return found


def deliver(settings: SqlTarget, connection: Connection, *batches: Batch) -> list[Any]:
    opened = settings.open_target(connection, Context())
    try:
        return [opened.deliver(item) for item in batches]
    finally:
        opened.close()


def test_workers_that_create_the_table_at_the_same_time_all_deliver(tmp_path: Path) -> None:
    """Mapped tasks meet a missing table together: one makes it, the others find it."""
    url = f"sqlite:///{tmp_path / 'made.sqlite'}"
    connection = Connection("lite", "lienthong_sql", extra={"url": url})
    start = threading.Barrier(4)

    def work(number: int) -> int:
        start.wait()
        (answer,) = deliver(SqlTarget("made", create=True), connection, batch({"id": number, "v": "x"}))
        return int(answer.acknowledged)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 4


def test_the_public_surface() -> None:
    assert sorted(sql.__all__) == ["DESCRIPTOR", "SqlSource", "SqlTarget"]
    assert isinstance(DESCRIPTOR, ConnectorDescriptor)
    assert DESCRIPTOR.kind == SqlSource.kind == SqlTarget.kind == "sql"
    for role in ("source", "target"):
        assert all(option.doc for option in DESCRIPTOR.options(role))


def test_importing_the_connector_costs_little() -> None:
    """A DAG file names it on every parse: 2,300 calls on top of the SPI, a few milliseconds."""
    spi = "import lienthong.connector, lienthong.exchange"
    assert fresh_calls("import lienthong_connectors.sql", before=spi) < 6_000


def test_nested_values_go_into_untyped_columns_as_json(connection: Connection, file: Path) -> None:
    deliver(SqlTarget("t"), connection, batch({"id": 1, "v": [1, {"a": "b"}], "home": {"ward": "x"}}))
    assert rows(file) == [(1, '[1,{"a":"b"}]', "x")]


def test_a_locked_file_is_transient_and_nothing_is_written(connection: Connection, file: Path) -> None:
    deliver(SqlTarget("t"), connection, batch({"id": 1}))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Transient):
        deliver(SqlTarget("t"), connection, batch({"id": 2}))
    other.execute("ROLLBACK")
    other.close()
    assert [row[0] for row in rows(file)] == [1]


def test_a_file_that_is_not_there_is_named_and_not_created(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    connection = Connection("lite", "lienthong_sql", host=str(missing), extra={"dialect": "sqlite"})
    with pytest.raises(Misconfigured, match="cannot be opened"):
        deliver(SqlTarget("t"), connection, batch({"id": 1}))
    assert not missing.exists()


def test_strict_tables_and_foreign_keys_refuse_single_rows(connection: Connection, file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("DROP TABLE t")
        database.execute("CREATE TABLE ward (code text PRIMARY KEY)")
        database.execute(
            "CREATE TABLE t (id integer PRIMARY KEY, n integer, ward text REFERENCES ward) STRICT"
        )
    database.close()
    records = [{"id": 1, "n": 1}, {"id": 2, "n": "hai"}, {"id": 3, "ward": "99"}, {"id": 4}]
    (answer,) = deliver(SqlTarget("t"), connection, batch(*records))
    assert {number: reason.rule for number, reason in answer.refused.items()} == {
        1: "target.type",
        2: "target.foreign-key",
    }


def test_numbers_beyond_json_come_as_text(connection: Connection, file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute(
            "INSERT INTO t VALUES (1, 9007199254740993, NULL), (2, 9e999, NULL), (3, x'00ff', NULL)"
        )
    database.close()
    opened = SqlSource("t").open_source(connection, Context())
    values = [record["v"] for page in opened.read(ReadRequest()) for record in page.records]
    opened.close()
    assert values == ["9007199254740993", "inf", "AP8="]


def test_a_password_in_the_url_is_refused_without_showing_it() -> None:
    connection = Connection("pg", "lienthong_sql", extra={"url": "postgresql://u:s3cret@db/x"})
    with pytest.raises(Misconfigured, match="password") as caught:
        deliver(SqlTarget("t"), connection, batch({"id": 1}))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/x?password=s3cret",
        "postgresql://db/x?user=u&PASSWORD=s3cret",
        "postgresql+psycopg://db/x?sslpassword=s3cret",
        "mssql://db/x?odbc_connect=Driver%3DX%3BPWD%3Ds3cret",
        "postgresql://db/x?options=-c%20app.token%3Ds3cret",
        "sqlite:///x.db?api_key=s3cret",
    ],
)
def test_a_secret_in_the_urls_query_is_refused_without_showing_it(url: str) -> None:
    """It was taken: only a password before the host was seen."""
    connection = Connection("pg", "lienthong_sql", extra={"url": url})
    with pytest.raises(Misconfigured, match="secret in its query") as caught:
        deliver(SqlTarget("t"), connection, batch({"id": 1}))
    assert "s3cret" not in f"{caught.value} {caught.value.details}"
    kept = Connection(
        "pg", "lienthong_sql", extra={"url": "postgresql://db/x?sslmode=verify-full&passfile=/p"}
    )
    assert address(kept).query == {"sslmode": "verify-full", "passfile": "/p"}


def test_a_source_cannot_write(connection: Connection) -> None:
    source = SqlSource("t").open_source(connection, Context())
    assert all(finding.ok for finding in source.check())
    with source.engine.connect() as link, pytest.raises(Forbidden), translated("test"):
        link.exec_driver_sql("INSERT INTO t VALUES (9, 9, 9)")
    source.close()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: SqlTarget(""), "table"),
        (lambda: SqlTarget("t", mode="replace"), "mode"),  # type: ignore[arg-type]
        (lambda: SqlTarget("t", columns={"a": "x", "b": "x"}), "columns"),
        (SqlSource, "table"),
        (lambda: SqlSource("t", query="SELECT 1"), "table"),
        (lambda: SqlSource("t", page_size=0), "page_size"),
        (lambda: SqlSource("t", overlap=-1), "overlap"),
    ],
)
def test_settings_that_contradict_themselves_name_the_option(make: Any, name: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        make()


def test_a_position_of_another_order_is_refused(connection: Connection) -> None:
    opened = SqlSource("t").open_source(connection, Context())
    with pytest.raises(Misconfigured, match="position"):
        list(opened.read(ReadRequest(position=["a", "b", "c"])))
    opened.close()


def read(connection: Connection, request: ReadRequest | None = None, **options: Any) -> list[Any]:
    opened = SqlSource(**options).open_source(connection, Context())
    try:
        return list(opened.read(request or ReadRequest()))
    finally:
        opened.close()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("source", [{"table": "names"}, {"query": "SELECT * FROM names"}])
def test_rows_that_share_a_key_are_not_lost_at_a_pages_edge(
    connection: Connection, file: Path, size: int, source: dict[str, str]
) -> None:
    """A view has no key of its own, and what is given by hand may not be unique: 2 of 3 rows came before."""
    with sqlite3.connect(file) as database:
        database.execute("CREATE VIEW names AS SELECT v AS name, id AS number, home_ward FROM t")
        rows = [(n, f"tên {n // 3}" if n < 9 else "tên 9", "x") for n in range(14)]
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    database.close()
    pages = read(connection, **source, key=("name",), page_size=size)
    assert sorted(record["number"] for page in pages for record in page.records) == list(range(14))
    assert [page.end.by for page in pages if page.end] == ["order"] and pages[-1].end
    for number, page in enumerate(pages[:-1], 1):
        rest = read(connection, ReadRequest(position=page.position), **source, key=("name",), page_size=size)
        came = [record["number"] for one in (*pages[:number], *rest) for record in one.records]
        assert sorted(came) == list(range(14))


def test_equal_keys_are_what_the_database_takes_for_equal(connection: Connection, file: Path) -> None:
    """A collation that knows no capitals puts them in one place."""
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE n (name text COLLATE NOCASE, number integer)")
        database.executemany("INSERT INTO n VALUES (?, ?)", [("an", 1), ("An", 2), ("AN", 3), ("Ba", 4)])
    database.close()
    for size in (1, 2, 3):
        pages = read(connection, table="n", key=("name",), page_size=size)
        assert sorted(record["number"] for page in pages for record in page.records) == [1, 2, 3, 4]


def test_too_many_rows_of_one_key_are_refused(
    connection: Connection, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(file) as database:
        database.executemany("INSERT INTO t VALUES (?, 'a', 'x')", [(n,) for n in range(9)])
    database.close()
    monkeypatch.setattr("lienthong_connectors.sql._source._MOST_ALIKE", 2)
    with pytest.raises(Misconfigured, match="share one key"):
        read(connection, table="t", key=("v",), page_size=2)
    assert len(read(connection, table="t", key=("v", "id"), page_size=2)) == 5


def test_a_key_is_known_to_be_unique_where_the_database_says_so(connection: Connection, file: Path) -> None:
    """A unique index over some rows only says nothing of the others."""
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE u (a integer UNIQUE NOT NULL, b integer NOT NULL, c integer)")
        database.execute("CREATE UNIQUE INDEX some ON u (b) WHERE c = 1")
    database.close()
    found = {}
    for key in ("a", "b"):
        opened: Any = SqlSource(table="u", key=(key,)).open_source(connection, Context())
        found[key] = (opened.shape().unique, next(f.detail for f in opened.check() if f.check == "key"))
        opened.close()
    assert found["a"] == (True, "a")
    assert found["b"][0] is False and "not known to be unique" in found["b"][1]


def test_rows_without_a_key_are_one_document(connection: Connection, file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("CREATE VIEW w AS SELECT v FROM t")
        database.executemany("INSERT INTO t VALUES (?, 'a', 'x')", [(n,) for n in range(3)])
    database.close()
    pages = read(connection, table="w")
    assert [page.end.by if page.end else "" for page in pages] == ["", "document"]
    assert not any(page.end for page in read(connection, ReadRequest(limit=2), table="w"))


def test_names_with_dots_are_columns_and_members_alike(tmp_path: Path) -> None:
    """A column ``a.b`` is the member ``a.b`` and not ``b`` of ``a``, both ways, also as the key."""
    url = f"sqlite:///{tmp_path / 'dots.sqlite'}"
    connection = Connection("lite", "lienthong_sql", extra={"url": url})
    record = {"@iot.id": 7, "a.b": "x", "home": {"w.d": "w"}}
    data = [canonical(record)]
    sent = Batch(sha256(data[0]), data, ("['@iot.id']",), "test/1")
    columns = {"['@iot.id']": "@iot.id", "['a.b']": "a.b", "home['w.d']": "ward"}
    settings = SqlTarget(table="t", columns=columns, create=True)
    assert [answer.acknowledged for answer in deliver(settings, connection, sent, sent)] == [1, 1]
    with sqlite3.connect(tmp_path / "dots.sqlite") as database:
        assert database.execute("SELECT * FROM t").fetchall() == [(7, "x", "w")]
    database.close()
    for source, wanted in (
        (SqlSource(table="t", key=("@iot.id",), columns=columns), record),
        (SqlSource(table="t", key=("@iot.id",)), {"@iot.id": 7, "a.b": "x", "ward": "w"}),
    ):
        opened = source.open_source(connection, Context())
        assert [one for page in opened.read(ReadRequest()) for one in page.records] == [wanted]
        opened.close()
