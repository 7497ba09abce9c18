"""What the conformance suite does not ask of the SQL connector on PostgreSQL."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.errors import Forbidden, Misconfigured, TimedOut, Transient
from lienthong.records import canonical, sha256
from lienthong_connectors.sql import SqlSource, SqlTarget


def batch(*records: dict[str, Any], key: tuple[str, ...] = ("id",)) -> Batch:
    data = [canonical(record) for record in records]
    return Batch(sha256(b"\n".join(data)), data, key, "test/1")


class Database:
    def __init__(self, postgres: Any) -> None:
        self.postgres = postgres
        self.connection: Connection = postgres.connection(postgres.database())

    def run(self, statement: str, *values: Any, user: str = "clerk") -> list[Any]:
        with psycopg.connect(
            host=self.postgres.folder, user=user, password="s3cret-clerk", dbname="onestop", autocommit=True
        ) as link:
            cursor = link.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def deliver(self, target: SqlTarget, *batches: Batch) -> list[Any]:
        opened = target.open_target(self.connection, Context())
        try:
            return [opened.deliver(item) for item in batches]
        finally:
            opened.close()

    def read(self, source: SqlSource, request: ReadRequest | None = None) -> list[dict[str, Any]]:
        opened = source.open_source(self.connection, Context())
        try:
            return [dict(item) for page in opened.read(request or ReadRequest()) for item in page.records]
        finally:
            opened.close()


@pytest.fixture
def database(postgres: Any) -> Database:
    return Database(postgres)


def test_every_column_type_takes_its_json_form_and_gives_it_back(database: Database) -> None:
    database.run(
        "CREATE TABLE t (id uuid PRIMARY KEY, b bytea, n numeric(12,2), big bigint, d date, ts timestamptz,"
        " yes boolean, tags text[], grid integer[], j jsonb, f double precision, t text)"
    )
    record = {
        "id": "3f0c1e9a-52a0-4b53-9e4b-6f4f9a3d2a11",
        "b": base64.b64encode(b"\x00\\\xff").decode(),
        "n": "12.50",
        "big": 2**53 - 1,
        "d": "2026-02-28",
        "ts": "2026-03-01T01:30:00+00:00",
        "yes": False,
        "tags": ['a"b', "c\\d", "NULL", "x,y", "{z}", "dòng\nmới"],
        "grid": [[1, 2], [3, 4]],
        "j": {"lớp": ["\\", '"', "\n"], "số": 1.5},
        "f": 0.25,
        "t": "\\.",
    }
    empty = dict.fromkeys(record) | {"id": "3f0c1e9a-52a0-4b53-9e4b-6f4f9a3d2a12"}
    (answer,) = database.deliver(SqlTarget("t"), batch(record, empty))
    assert answer.acknowledged == 2
    assert database.read(SqlSource("t")) == [record, empty]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\x00"))), min_size=1
    )
)
def test_any_text_survives_copy(texts: list[str | None], database: Database) -> None:
    database.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id integer PRIMARY KEY, v text)")
    records = [{"id": number, "v": text} for number, text in enumerate(texts)]
    database.deliver(SqlTarget("t", journal=False), batch(*records))
    assert [row[0] for row in database.run("SELECT v FROM t ORDER BY id")] == texts


def test_a_default_applies_where_the_member_is_missing_and_null_where_it_is_null(database: Database) -> None:
    database.run(
        "CREATE TABLE t (id text PRIMARY KEY, state text DEFAULT 'mới', row_id serial NOT NULL,"
        " twice integer GENERATED ALWAYS AS (1 + 1) STORED)"
    )
    database.deliver(
        SqlTarget("t"), batch({"id": "a"}, {"id": "b", "state": None}, {"id": "c", "state": "x"})
    )
    assert database.run("SELECT id, state FROM t ORDER BY id") == [("a", "mới"), ("b", None), ("c", "x")]
    database.deliver(SqlTarget("t"), batch({"id": "c"}))
    assert database.run("SELECT state FROM t WHERE id = 'c'") == [("x",)]


def test_nested_members_reach_flat_columns_by_name_or_by_mapping(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY, home_ward text, home_lines jsonb)")
    record = {"id": "1", "home": {"ward": "Phú Tài", "lines": ["a", "b"]}}
    database.deliver(SqlTarget("t"), batch(record))
    assert database.run("SELECT * FROM t") == [("1", "Phú Tài", ["a", "b"])]
    database.run("CREATE TABLE u (no text PRIMARY KEY, place text)")
    mapped = {"id": "no", "home.ward": "place"}
    database.deliver(SqlTarget("u", columns=mapped, journal=False), batch(record))
    assert database.run("SELECT * FROM u") == [("1", "Phú Tài")]
    assert database.read(SqlSource("u", columns=mapped)) == [{"id": "1", "home": {"ward": "Phú Tài"}}]


def test_repeated_keys_are_found_in_rows_that_are_there_already(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY, v integer)")
    first = [{"id": str(number), "v": 0} for number in range(400)]
    again = [{"id": str(number % 300), "v": number} for number in range(700)]
    database.deliver(SqlTarget("t"), batch(*first), batch(*again), batch({"id": "7", "v": -1}))
    rows = dict(database.run("SELECT id, v FROM t"))
    assert rows["7"] == -1
    assert [rows[str(number)] for number in (0, 99, 100, 299, 300, 399)] == [600, 699, 400, 599, 0, 0]


def test_insert_refuses_what_is_there_and_insert_ignore_leaves_it(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY, v integer); INSERT INTO t VALUES ('a', 1)")
    records = ({"id": "a", "v": 2}, {"id": "b", "v": 2})
    (answer,) = database.deliver(SqlTarget("t", mode="insert"), batch(*records))
    assert answer.refused[0].rule == "target.unique"
    assert database.run("SELECT * FROM t ORDER BY id") == [("a", 1), ("b", 2)]
    (answer,) = database.deliver(
        SqlTarget("t", mode="insert-ignore"), batch({"id": "a", "v": 3}, {"id": "c"})
    )
    assert answer.acknowledged == 2
    assert database.run("SELECT * FROM t ORDER BY id") == [("a", 1), ("b", 2), ("c", None)]


def test_each_constraint_has_its_rule_and_its_path(database: Database) -> None:
    database.run(
        "CREATE TABLE ward (code text PRIMARY KEY); INSERT INTO ward VALUES ('24');"
        "CREATE TABLE t (id text PRIMARY KEY, ward text REFERENCES ward DEFERRABLE INITIALLY DEFERRED,"
        " fee integer CHECK (fee >= 0), name varchar(5) NOT NULL, code text UNIQUE)"
    )
    good = {"id": "0", "ward": "24", "fee": 1, "name": "n", "code": "c0"}
    bad = [
        good | {"id": "1", "code": "c1", "ward": "99"},
        good | {"id": "2", "code": "c2", "fee": -1},
        good | {"id": "3", "code": "c3", "name": None},
        good | {"id": "4", "code": "c4", "name": "quá dài rồi"},
        good | {"id": "5", "code": "c0"},
        good | {"id": "6", "code": "c6", "fee": 2**40},
        good | {"id": None, "code": "c7"},
    ]
    (answer,) = database.deliver(SqlTarget("t"), batch(good, *bad, good | {"id": "8", "code": "c8"}))
    rules = {number: (reason.rule, reason.path) for number, reason in answer.refused.items()}
    assert rules == {
        1: ("target.foreign-key", ""),
        2: ("target.check", ""),
        3: ("target.not-null", "/name"),
        4: ("target.too-long", "/name"),
        5: ("target.unique", ""),
        6: ("target.out-of-range", "/fee"),
        7: ("target.key-missing", "/id"),
    }
    assert database.run("SELECT id FROM t ORDER BY id") == [("0",), ("8",)]


def test_a_child_before_its_parent_is_taken_although_another_row_is_refused(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY, parent text REFERENCES t, n integer NOT NULL)")
    records = [{"id": "child", "parent": "p", "n": 1}, {"id": "x", "n": None}, {"id": "p", "n": 1}]
    (answer,) = database.deliver(SqlTarget("t"), batch(*records))
    assert set(answer.refused) == {1}


def test_two_workers_with_one_batch_have_one_effect(database: Database) -> None:
    """Whoever comes second waits for the journal, and is told to try again or that it is taken."""
    database.run("CREATE TABLE t (v integer)")
    item = batch(*({"v": number} for number in range(2000)), key=())
    outcomes: list[Any] = []

    def work() -> None:
        try:
            outcomes.extend(database.deliver(SqlTarget("t", mode="insert"), item))
        except Transient as error:
            outcomes.append(error)

    database.deliver(SqlTarget("t", mode="insert"), batch({"v": -1}, key=()))
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert database.run("SELECT count(*) FROM t WHERE v >= 0") == [(2000,)]


def test_without_leave_to_create_the_journal_only_repeating_is_promised(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY)", user="postgres")
    database.run(
        "GRANT ALL ON t TO clerk; REVOKE CREATE ON SCHEMA public FROM clerk, PUBLIC", user="postgres"
    )
    database.run(
        "ALTER SCHEMA public OWNER TO postgres; GRANT USAGE ON SCHEMA public TO clerk", user="postgres"
    )
    opened = SqlTarget("t").open_target(database.connection, Context())
    opened.deliver(batch({"id": "a"}))
    assert (opened.capabilities.repeatable, opened.capabilities.lookup) == (True, False)
    assert opened.lookup(batch({"id": "a"})).absent == {0}
    opened.close()
    opened = SqlTarget("t", mode="insert").open_target(database.connection, Context())
    opened.deliver(batch({"id": "b"}))
    assert (opened.capabilities.repeatable, opened.capabilities.lookup) == (False, False)
    assert opened.lookup(batch({"id": "b"})).unknown == {0}
    opened.close()


def test_a_table_without_write_permission_is_forbidden(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY)", user="postgres")
    database.run("GRANT SELECT ON t TO clerk", user="postgres")
    with pytest.raises(Forbidden):
        database.deliver(SqlTarget("t"), batch({"id": "a"}))
    assert database.run("SELECT count(*) FROM lienthong_delivery") == [(0,)]


def test_a_lock_held_too_long_is_a_timeout_and_nothing_is_written(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY)")
    slow = replace(database.connection, extra={**database.connection.extra, "timeout": 1})
    with psycopg.connect(
        host=database.postgres.folder, user="clerk", password="s3cret-clerk", dbname="onestop"
    ) as link:
        link.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        opened = SqlTarget("t").open_target(slow, Context())
        with pytest.raises(TimedOut):
            opened.deliver(batch({"id": "a"}))
    assert opened.deliver(batch({"id": "a"})).acknowledged == 1
    opened.close()


def test_a_backend_that_is_killed_is_unavailable_and_the_next_try_connects_anew(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY)")
    opened = SqlTarget("t").open_target(database.connection, Context())
    opened.deliver(batch({"id": "a"}))
    database.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'lienthong'",
        user="postgres",
    )
    with pytest.raises(Transient):
        opened.deliver(batch({"id": "b"}))
    assert opened.deliver(batch({"id": "b"})).acknowledged == 1
    opened.close()


@pytest.mark.parametrize(
    ("target", "word"),
    [
        (SqlTarget("dosier"), "dossier"),
        (SqlTarget("dossier", columns={"id": "idd"}), "idd"),
        (SqlTarget("dossier", columns={"id": "id"}), "name"),
        (SqlTarget("dossier", key=("name",)), "unique"),
        (SqlTarget("dossier", key=("other",)), "other"),
    ],
)
def test_what_does_not_fit_is_named(target: SqlTarget, word: str, database: Database) -> None:
    database.run("CREATE TABLE dossier (id text PRIMARY KEY, name text NOT NULL)")
    with pytest.raises(Misconfigured, match=word):
        database.deliver(target, batch({"id": "a", "name": "b"}))


def test_create_makes_the_table_from_the_records(database: Database) -> None:
    records = [{"id": "a", "n": None, "ok": True, "x": {"y": 1}}, {"id": "b", "n": 3, "ok": False, "x": []}]
    database.deliver(SqlTarget("made", create=True), batch(*records))
    assert database.read(SqlSource("made")) == records


def test_workers_that_create_the_table_at_the_same_time_all_deliver(database: Database) -> None:
    """Mapped tasks meet a missing table together: one makes it, the others find it."""
    start = threading.Barrier(6)

    def work(number: int) -> None:
        start.wait()
        database.deliver(SqlTarget("made_together", create=True), batch({"id": f"r{number}", "v": number}))

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, number) for number in range(6)]:
            done.result()
    assert len(database.read(SqlSource("made_together"))) == 6


def test_a_read_sees_one_state_while_others_write(database: Database) -> None:
    database.run("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 98, 2)")
    opened = SqlSource("t", page_size=10).open_source(database.connection, Context())
    pages = opened.read(ReadRequest())
    ids = [record["id"] for record in next(pages).records]
    database.run("INSERT INTO t VALUES (51); DELETE FROM t WHERE id = 98")
    ids += [record["id"] for page in pages for record in page.records]
    opened.close()
    assert ids == list(range(0, 100, 2))


def test_a_query_is_read_along_its_key_and_a_missing_key_is_refused(database: Database) -> None:
    database.run(
        "CREATE TABLE t (a integer, b text, n numeric);"
        " INSERT INTO t SELECT i % 5, 'b' || i, i FROM generate_series(1, 23) i"
    )
    query = "SELECT a, b, n FROM t WHERE n > 3"
    source = SqlSource(query=query, key=("a", "b"), page_size=4)
    records = database.read(source)
    assert len(records) == 20
    assert records == sorted(records, key=lambda record: (record["a"], record["b"]))
    assert len(database.read(SqlSource(query=query, page_size=4))) == 20
    database.run("INSERT INTO t VALUES (NULL, 'x', 9)")
    with pytest.raises(Misconfigured, match="no key"):
        database.read(source)


def test_overlap_reaches_back_behind_the_cursor(database: Database) -> None:
    database.run("CREATE TABLE t (id integer PRIMARY KEY, at timestamptz)")
    database.run(
        "INSERT INTO t SELECT i, '2026-03-01 00:00:00Z'::timestamptz + i * interval '1 min'"
        " FROM generate_series(0, 9) i"
    )
    since = "2026-03-01T00:05:00+00:00"
    ids = [record["id"] for record in database.read(SqlSource("t", cursor="at"), ReadRequest(since=since))]
    assert ids == [5, 6, 7, 8, 9]
    source = SqlSource("t", cursor="at", overlap=120)
    assert [record["id"] for record in database.read(source, ReadRequest(since=since))] == [
        3,
        4,
        5,
        6,
        7,
        8,
        9,
    ]


def test_what_no_column_takes_is_said_once_by_name(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY)")
    lines: list[str] = []
    opened = SqlTarget("t").open_target(database.connection, Context(log=lines.append))
    opened.deliver(batch({"id": "a", "secret_note": "không được ghi"}))
    opened.deliver(batch({"id": "b", "secret_note": "không được ghi"}))
    opened.close()
    assert len(lines) == 1
    assert "secret_note" in lines[0]
    assert "không" not in lines[0]
