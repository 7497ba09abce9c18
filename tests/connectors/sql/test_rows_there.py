"""Rows in are rows there: what a database swallows, merges or refuses is told for the one row in question."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from postgres import CITEXT

from lienthong.connector import Answer, Batch, Connection, Context
from lienthong.errors import Misconfigured
from lienthong.records import canonical, sha256
from lienthong_connectors.sql import SqlTarget
from lienthong_connectors.sql import _target as target_module
from lienthong_connectors.sql._reasons import refusal
from lienthong_connectors.sql._rules import raised, shown
from lienthong_connectors.sql._store import CoreStore

Rows = list[tuple[Any, ...]]


def batch(*records: dict[str, Any], key: tuple[str, ...] = ("id",)) -> Batch:
    data = [canonical(record) for record in records]
    return Batch(sha256(b"\n".join(data)), data, key, "test/1")


class Place:
    """A database that can be told things, and what a target delivers into it."""

    def __init__(self, connection: Connection, tell: Callable[[str], Rows]) -> None:
        self.connection, self.tell = connection, tell

    def deliver(self, settings: SqlTarget, *batches: Batch) -> list[Answer]:
        opened = settings.open_target(self.connection, Context(log=lambda _: None))
        try:
            return [opened.deliver(item) for item in batches]
        finally:
            opened.close()

    def rows(self, what: str = "id, name") -> Rows:
        return sorted(self.tell(f"SELECT {what} FROM people"))  # noqa: S608 - ours


@pytest.fixture
def pg(postgres: Any) -> Place:
    connection = postgres.connection(postgres.database())

    def tell(statement: str) -> Rows:
        with psycopg.connect(
            host=postgres.folder, user="clerk", password="s3cret-clerk", dbname="onestop", autocommit=True
        ) as link:
            cursor = link.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    return Place(connection, tell)


@pytest.fixture
def lite(tmp_path: Path) -> Place:
    file = tmp_path / "x.db"

    def tell(statement: str) -> Rows:
        link = sqlite3.connect(file, isolation_level=None)
        try:
            return link.execute(statement).fetchall()
        finally:
            link.close()

    return Place(Connection("lite", "lienthong_sql", extra={"url": f"sqlite:///{file}"}), tell)


@pytest.fixture
def core(lite: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same file by the way of all other databases: row by row through SQLAlchemy."""
    monkeypatch.setattr(target_module, "_store_for", lambda engine, _: CoreStore(engine))
    return lite


@pytest.fixture(params=["lite", "core"])
def file(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def people(*ids: str) -> list[dict[str, Any]]:
    return [{"id": one, "name": f"tên {number}"} for number, one in enumerate(ids)]


def rules(answer: Answer) -> dict[int, str]:
    return {line: reason.rule for line, reason in answer.refused.items()}


# --- triggers that swallow

SWALLOW = """
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.id = 'b' THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER swallow BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION swallow()
"""


@pytest.mark.parametrize("mode", ["upsert", "insert", "insert-ignore"])
def test_a_row_that_a_trigger_swallows_is_refused_alone(pg: Place, mode: Any) -> None:
    """Before: 3 acknowledged, 2 rows stored."""
    pg.tell("CREATE TABLE people (id text PRIMARY KEY, name text)")
    pg.tell(SWALLOW)
    first, second = pg.deliver(
        SqlTarget("people", mode=mode), batch(*people("a", "b", "c")), batch(*people("d", "b", "e"))
    )
    assert rules(first) == rules(second) == {1: "target.not-stored"}
    assert [row[0] for row in pg.rows()] == ["a", "c", "d", "e"]
    assert "trigger" in first.refused[1].vi and "trigger" in first.refused[1].en


def test_an_update_that_a_trigger_swallows_is_refused_unless_the_row_is_as_sent(pg: Place) -> None:
    """PostgreSQL's own suppress_redundant_updates_trigger drops updates that change nothing."""
    pg.tell("CREATE TABLE people (id text PRIMARY KEY, name text)")
    pg.tell("INSERT INTO people VALUES ('a', 'tên 0'), ('b', 'old')")
    pg.tell(
        "CREATE TRIGGER z BEFORE UPDATE ON people FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    (answer,) = pg.deliver(SqlTarget("people"), batch(*people("a", "b", "c")))
    assert (answer.acknowledged, pg.rows()) == (3, [("a", "tên 0"), ("b", "tên 1"), ("c", "tên 2")])
    pg.tell(SWALLOW)
    (answer,) = pg.deliver(SqlTarget("people"), batch({"id": "b", "name": "new"}, {"id": "c", "name": "new"}))
    assert rules(answer) == {0: "target.not-stored"}
    assert pg.rows() == [("a", "tên 0"), ("b", "tên 1"), ("c", "new")]


@pytest.mark.parametrize("mode", ["upsert", "insert"])
def test_rows_that_a_trigger_puts_elsewhere_are_there(pg: Place, mode: Any) -> None:
    """Partitions by inheritance: the trigger returns NULL, and the table shows the row all the same."""
    pg.tell("CREATE TABLE people (id text PRIMARY KEY, name text)")
    pg.tell("CREATE TABLE people_2026 () INHERITS (people)")
    pg.tell(
        "CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN INSERT INTO people_2026 VALUES (NEW.*); RETURN NULL; END $$;"
        "CREATE TRIGGER route BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION route()"
    )
    (answer,) = pg.deliver(SqlTarget("people", mode=mode), batch(*people("a", "b", "c")))
    assert (answer.acknowledged, len(pg.rows())) == (3, 3)


@pytest.mark.parametrize("mode", ["upsert", "insert", "insert-ignore"])
def test_a_file_that_ignores_a_row_refuses_it_alone(file: Place, mode: Any) -> None:
    """RAISE(IGNORE), and constraints that say IGNORE or REPLACE. Before: acknowledged."""
    file.tell("CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT)")
    file.tell("CREATE TRIGGER t BEFORE INSERT ON people WHEN NEW.id = 'b' BEGIN SELECT RAISE(IGNORE); END")
    (answer,) = file.deliver(SqlTarget("people", mode=mode), batch(*people("a", "b", "c")))
    assert rules(answer) == {1: "target.not-stored"}
    assert [row[0] for row in file.rows()] == ["a", "c"]


@pytest.mark.parametrize("clause", ["IGNORE", "REPLACE"])
def test_a_constraint_does_not_make_rows_vanish(lite: Place, clause: str) -> None:
    """Before: two acknowledged, one row there."""
    lite.tell(f"CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT UNIQUE ON CONFLICT {clause})")
    (answer,) = lite.deliver(SqlTarget("people"), batch({"id": "a", "name": "x"}, {"id": "b", "name": "x"}))
    assert (rules(answer), lite.rows()) == ({1: "target.unique"}, [("a", "x")])


def test_what_exists_is_ignored_and_what_another_key_holds_is_not(pg: Place, lite: Place) -> None:
    """insert-ignore leaves rows of the key; one that another unique column keeps out is not there."""
    for place in (pg, lite):
        place.tell("CREATE TABLE people (id text PRIMARY KEY, name text UNIQUE)")
        place.tell("INSERT INTO people VALUES ('a', 'old'), ('z', 'tên 1')")
        (answer,) = place.deliver(SqlTarget("people", mode="insert-ignore"), batch(*people("a", "b", "c")))
        assert rules(answer) == {1: "target.not-stored"}
        assert place.rows() == [("a", "old"), ("c", "tên 2"), ("z", "tên 1")]


# --- keys that are one key to the table


def test_a_collation_does_not_merge_keys_of_postgres(pg: Place, postgres: Any) -> None:
    """Before: all acknowledged, and the id of one record stood beside the value of another."""
    postgres.run(CITEXT, database="onestop")
    pg.tell("CREATE TABLE people (id citext PRIMARY KEY, name text)")
    first, second = pg.deliver(
        SqlTarget("people"), batch(*people("Ho", "ho", "b", "Ho")), batch({"id": "HO", "name": "later"})
    )
    assert rules(first) == {1: "target.key-merged"}
    assert rules(second) == {0: "target.key-merged"}
    assert pg.rows() == [("Ho", "tên 3"), ("b", "tên 2")], "the last of equal keys, as ever"
    (again,) = pg.deliver(SqlTarget("people"), batch({"id": "Ho", "name": "newer"}))
    assert (again.acknowledged, pg.rows()[0]) == (1, ("Ho", "newer"))


@pytest.mark.parametrize("mode", ["upsert", "insert-ignore"])
def test_a_collation_does_not_merge_keys_of_a_file(file: Place, mode: Any) -> None:
    file.tell("CREATE TABLE people (id TEXT COLLATE NOCASE PRIMARY KEY, name TEXT)")
    settings = SqlTarget("people", mode=mode)
    first, second = file.deliver(settings, batch(*people("Ho", "ho", "b")), batch(*people("HO", "c", "Ho")))
    assert rules(first) == {1: "target.key-merged"}
    assert rules(second) == {0: "target.key-merged"}
    kept = "tên 2" if mode == "upsert" else "tên 0"
    assert file.rows() == [("Ho", kept), ("b", "tên 2"), ("c", "tên 1")]


@pytest.mark.parametrize("where", ["pg", "lite", "core"])
def test_a_type_does_not_merge_keys_of_one_batch(where: str, request: pytest.FixtureRequest) -> None:
    """01 and 1 are two keys in the records and one number in the table."""
    place: Place = request.getfixturevalue(where)
    records = [{"id": "01", "name": "x"}, {"id": "1", "name": "y"}, {"id": "2", "name": "z"}]
    place.tell("CREATE TABLE people (id integer PRIMARY KEY, name text)")
    place.tell("INSERT INTO people VALUES (2, 'old')")
    (answer,) = place.deliver(SqlTarget("people"), batch(*records))
    assert rules(answer) == {1: "target.key-merged"}
    assert place.rows() == [(1, "x"), (2, "z")]
    (again,) = place.deliver(SqlTarget("people"), batch({"id": "01", "name": "newer"}))
    assert (again.acknowledged, place.rows()[0]) == (1, (1, "newer"))


def test_blanks_that_a_column_drops_do_not_merge_keys_of_one_batch(pg: Place) -> None:
    """char(n) takes "x" and "x " for one; the row of either is its own when it comes again."""
    pg.tell("CREATE TABLE people (id char(4) PRIMARY KEY, name text)")
    (answer,) = pg.deliver(SqlTarget("people"), batch(*people("x", "x ", "y")))
    assert rules(answer) == {1: "target.key-merged"}
    (again,) = pg.deliver(SqlTarget("people"), batch({"id": "x ", "name": "newer"}))
    assert (again.acknowledged, len(pg.rows())) == (1, 2)


# --- business rules

RULE = """
CREATE FUNCTION rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.id = 'b' THEN RAISE EXCEPTION
  'Không cho phép % (số %), xem "%"', NEW.name, '079123456789', 'Trần Thị Khác'{}; END IF; RETURN NEW; END $$;
"""
BEFORE = "CREATE TRIGGER r BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION rule()"
DEFERRED = (
    "CREATE CONSTRAINT TRIGGER r AFTER INSERT ON people DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION rule()"
)


@pytest.mark.parametrize("trigger", [BEFORE, DEFERRED])
@pytest.mark.parametrize("code", ["", " USING ERRCODE = 'LT042'", " USING ERRCODE = '45000'"])
def test_a_rule_of_a_trigger_refuses_its_row_alone(pg: Place, trigger: str, code: str) -> None:
    """Before: P0001, and every SQLSTATE of an agency's own, refused the whole run for good."""
    pg.tell("CREATE TABLE people (id text PRIMARY KEY, name text)")
    pg.tell(RULE.format(code))
    pg.tell(trigger)
    (answer,) = pg.deliver(SqlTarget("people"), batch(*people("a", "b", "c")))
    assert (answer.acknowledged, rules(answer)) == (2, {1: "target.rule"})
    reason = answer.refused[1]
    assert reason.vi == "quy tắc của bảng đích từ chối: Không cho phép … (số …), xem …".replace("(số …)", "…")
    assert "tên 1" not in str(reason) and "079" not in str(reason) and "Khác" not in str(reason)
    assert [row[0] for row in pg.rows()] == ["a", "c"]


def test_open_data_shows_the_rules_own_words(pg: Place) -> None:
    pg.tell("CREATE TABLE people (id text PRIMARY KEY, name text)")
    pg.tell(RULE.format(""))
    pg.tell(BEFORE)
    (answer,) = pg.deliver(SqlTarget("people", open_data=True), batch(*people("b")))
    assert answer.refused[0].en.endswith('Không cho phép tên 0 (số 079123456789), xem "Trần Thị Khác"')


def test_a_rule_of_a_file_is_told(file: Place) -> None:
    file.tell("CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT)")
    file.tell(
        "CREATE TRIGGER t BEFORE INSERT ON people WHEN NEW.id = 'b'"
        " BEGIN SELECT RAISE(ABORT, 'hồ sơ đã khóa'); END"
    )
    (answer,) = file.deliver(SqlTarget("people"), batch(*people("a", "b", "c")))
    assert rules(answer) == {1: "target.rule"}
    assert answer.refused[1].vi.endswith(": hồ sơ đã khóa")


ODBC = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"


class Fake(Exception):
    sqlstate: str | None = None


@pytest.mark.parametrize(
    ("arguments", "state", "wanted"),
    [
        ((1644, "Hồ sơ đã khóa"), None, "Hồ sơ đã khóa"),
        (("ORA-20001: Hồ sơ đã khóa\nORA-06512: at line 1",), None, "Hồ sơ đã khóa"),
        (("42000", f"[42000] {ODBC}Đã khóa (50001) (SQLExecDirectW)"), None, "Đã khóa"),
        (("42000", f"[42000] {ODBC}Bad syntax (102)"), None, None),
        ((1213, "Deadlock found"), None, None),
        (("ORA-00942: table or view does not exist",), None, None),
        (("x",), "45000", ""),
        (("x",), "UE999", ""),
        (("x",), "P0001", ""),
        (("x",), "P0002", None),
        (("x",), "42501", None),
        (("x",), "40P01", None),
        (("x",), "57014", None),
        (("x",), "HY000", None),
    ],
)  # fmt: skip
def test_rules_of_other_databases_are_known_by_their_codes(
    arguments: tuple[Any, ...], state: str | None, wanted: str | None
) -> None:
    """As PyMySQL, oracledb, pyodbc and PostgreSQL's drivers give them; trouble of the database is none."""
    error = Fake(*arguments)
    error.sqlstate = state
    assert raised(error) == wanted
    wrapped = sa.exc.OperationalError("INSERT", {}, error)
    assert (refusal(wrapped, {}) is not None) is (wanted is not None)


def test_words_of_a_rule_hold_no_value_of_a_record() -> None:
    record = {"id": "7741", "name": "Hồ", "more": {"fee": 12.5, "yes": True, "tags": ["đỏ"]}}
    said = "7741: Hồ has 12.5 of đỏ ('x y'), Hồng stays; call 0912345678 or a@b.vn"
    assert shown(said, record, public=False) == "…: … has … of … …, Hồng stays; call … or …"
    assert shown(said, record, public=True) == said


# --- names that are cut

LONG = "ngày_tháng_năm_cấp_giấy_chứng_nhận_quyền_sử_dụng_đất"


def test_a_name_that_postgres_cuts_is_named_before_anything_is_lost(pg: Place) -> None:
    """Before: the table was made under the cut name, and the value became NULL."""
    assert len(LONG) < 63 < len(LONG.encode())
    record = {"id": "a", LONG: "2026-01-01"}
    with pytest.raises(Misconfigured, match="63 bytes"):
        pg.deliver(SqlTarget("people", create=True), batch(record))
    pg.tell(f'CREATE TABLE people (id text PRIMARY KEY, "{LONG}" text)')
    with pytest.raises(Misconfigured, match="63 bytes"):
        pg.deliver(SqlTarget("people"), batch(record))
    (cut,) = pg.tell("SELECT column_name FROM information_schema.columns WHERE column_name LIKE 'ng%'")[0]
    columns = {"id": "id", LONG: cut}
    (answer,) = pg.deliver(SqlTarget("people", columns=columns), batch(record))
    assert (answer.acknowledged, pg.rows("*")) == (1, [("a", "2026-01-01")])
    (answer,) = pg.deliver(SqlTarget("people"), batch({"id": "b", "other": 1}))
    assert answer.acknowledged == 1, "records without such a member are written"


def test_nested_names_are_cut_like_others(pg: Place) -> None:
    outer, inner = LONG[:30], LONG[30:]
    pg.tell(f'CREATE TABLE people (id text PRIMARY KEY, "{outer}_{inner}" text)')
    with pytest.raises(Misconfigured, match="63 bytes"):
        pg.deliver(SqlTarget("people"), batch({"id": "a", outer: {inner: "x"}}))


def test_rows_that_are_all_new_are_copied_once(pg: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count comes with the COPY itself: the way through a temporary table is for rows that exist."""
    from lienthong_connectors.sql._postgres import PostgresStore

    copies: list[int] = []
    inner = PostgresStore._copy

    def counted(*given: Any) -> int:
        copies.append(inner(*given))
        return copies[-1]

    monkeypatch.setattr(PostgresStore, "_copy", counted)
    pg.tell("CREATE TABLE people (id text PRIMARY KEY, name text)")
    (answer,) = pg.deliver(SqlTarget("people"), batch(*people("a", "b", "c")))
    assert (answer.acknowledged, copies) == (3, [3])
