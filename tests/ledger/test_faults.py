"""A ledger that is full, damaged, of another kind or closed to us: no SQL, no password, a next step."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from lienthong.errors import (
    EvidenceTampered,
    LienThongError,
    Misconfigured,
    Permanent,
    Unauthenticated,
    Unavailable,
)
from lienthong.ledger import Database, Journal
from lienthong.ledger.db_faults import translate


def _without_sql(error: LienThongError) -> None:
    said = str(error)
    assert not any(word in said for word in ("SELECT", "INSERT", "UPDATE", "[SQL", "sqlalche.me"))
    assert error.hint
    assert error.where


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Text in the ledger's place is a wrong setting, whoever opens it."""
    file = tmp_path / "x"
    file.write_text("no database at all, just text " * 50)
    for read_only in (False, True):
        with pytest.raises(Misconfigured, match="not a database") as caught:
            Database.open(f"sqlite:///{file}", read_only=read_only)
        _without_sql(caught.value)
    assert file.read_text().startswith("no database")


def test_damaged_pages(tmp_path: Path) -> None:
    """Pages that were overwritten are an alarm, not a crash."""
    file = tmp_path / "ledger.sqlite"
    with Database.open(f"sqlite:///{file}") as database:
        for number in range(50):
            Journal(database).open_run("units", f"r{number}", digest="d" * 64)
    data = bytearray(file.read_bytes())
    data[4096 * 3 : 4096 * 40] = b"\xff" * 4096 * 37
    file.write_bytes(bytes(data))
    with pytest.raises(EvidenceTampered, match="damaged") as caught:
        Journal(Database.open(f"sqlite:///{file}")).open_run("units", "new", digest="d" * 64)
    _without_sql(caught.value)


def test_a_full_disk(tmp_path: Path) -> None:
    """No room for the ledger is transient: with room again the same goes on."""
    with Database.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as database:

        def bound(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")

        event.listen(database._engine, "connect", bound)
        database.close()

        def fill() -> None:
            for number in range(2000):
                Journal(database).open_run("units", f"r{number}", digest="d" * 64)

        with pytest.raises(Unavailable, match="full") as caught:
            fill()
        _without_sql(caught.value)


@pytest.mark.parametrize("place", ["/proc/none/ledger.sqlite", "/dev/null/x/ledger.sqlite"])
def test_no_such_folder(place: str) -> None:
    """A folder that cannot be made is named, not a stack of the driver."""
    with pytest.raises(Misconfigured) as caught:
        Database.open(f"sqlite:///{place}")
    _without_sql(caught.value)


def test_a_folder_in_the_files_place(tmp_path: Path) -> None:
    """SQLite's `unable to open database file` is a wrong path here, not a busy server."""
    with pytest.raises(Misconfigured):
        Database.open(f"sqlite:///{tmp_path}")


def test_tables_of_somebody_else(database: Database) -> None:
    """A statement that fails because the tables are not ours says that, and shows no statement."""
    with pytest.raises(Misconfigured, match="not a ledger of this version") as caught, database.read() as one:
        one.execute(text("SELECT x FROM lt_none"))
    _without_sql(caught.value)


def test_what_a_constraint_refuses(database: Database) -> None:
    """A row without its run is a defect: permanent, without the values that were refused."""
    values = ", ".join(["'geheim'"] * 3)
    with pytest.raises(Permanent) as caught, database.write() as one:
        one.execute(text(f"INSERT INTO lt_document (digest, data) VALUES ('a', NULL) -- {values}"))  # noqa: S608
    _without_sql(caught.value)
    assert "geheim" not in str(caught.value)


def test_postgresql_says_who_may_not_sign_in(postgres: str) -> None:
    """A database that is not there is a setting; neither is called a server that does not answer."""
    with psycopg.connect(postgres) as connection:
        assert connection.info.dbname == "postgres"
    with pytest.raises(Misconfigured, match="no such database"):
        Database.open(postgres.replace("/postgres?", "/nowhere?"))


class _Told(Exception):
    """An exception of a driver with a state and a text."""

    def __init__(self, state: str | None, said: str) -> None:
        super().__init__(said)
        self.sqlstate = state


@pytest.mark.parametrize(
    ("state", "said", "kind"),
    [
        ("53100", "could not extend file: No space left on device", Unavailable),
        ("57P01", "terminating connection due to administrator command", Unavailable),
        ("53300", "too many connections", Unavailable),
        ("40P01", "deadlock detected", Unavailable),
        (None, "connection refused", Unavailable),
        ("28P01", "password authentication failed for user x", Unauthenticated),
        (None, 'FATAL: password authentication failed for user "x"', Unauthenticated),
        ("42501", "permission denied for table lt_run", Misconfigured),
        ("25006", "cannot execute INSERT in a read-only transaction", Misconfigured),
        ("XX001", "invalid page in block 3", EvidenceTampered),
        ("22P02", 'invalid input syntax for type json: "Nguyễn Văn A"', Permanent),
    ],
)
def test_postgresqls_states(state: str | None, said: str, kind: type[LienThongError]) -> None:
    """Each class of SQLSTATE leads to what the caller must do; values of rows are not repeated."""
    error: DBAPIError = OperationalError("INSERT INTO x VALUES ('geheim')", {}, _Told(state, said))
    found = translate(error, make_url("postgresql+psycopg://u:geheim@host/ledger"))
    assert type(found) is kind
    _without_sql(found)
    assert "geheim" not in str(found)
    assert "Nguyễn" not in str(found)


def test_our_own_mistakes_stay_as_they_are(database: Database) -> None:
    """What is no database's fault is not made one."""

    def fail() -> None:
        with database.read():
            raise ZeroDivisionError

    call: Callable[[], None] = fail
    with pytest.raises(ZeroDivisionError):
        call()
