"""The database: migrations, versions, and many processes that open it at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from lienthong.errors import Misconfigured, Unavailable
from lienthong.ledger import Database, upgrade
from lienthong.ledger.db import _MIGRATIONS
from lienthong.ledger.tables import HEAD, METADATA, VERSION_TABLE


def test_migrations_make_exactly_the_tables(database: Database) -> None:
    """After all migrations nothing is left to migrate, on both kinds of database."""
    with database.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []


def test_head_is_the_last_migration() -> None:
    """The revision that the code expects is the last one in the package."""
    assert ScriptDirectory(str(_MIGRATIONS)).get_current_head() == HEAD


def test_upgrade_may_be_repeated(url: str) -> None:
    """Opening and upgrading again changes nothing."""
    upgrade(url)
    upgrade(url)
    assert Database.open(url).revision() == HEAD


def test_database_of_a_newer_version(database: Database, url: str) -> None:
    """A database that a newer program has made is refused with a sentence that says so."""
    with database.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 - nothing here comes from outside
    with pytest.raises(Misconfigured, match="is of version 9999, this program knows versions up to"):
        Database.open(url)


def test_four_processes_create_one_database(url: str) -> None:
    """Four processes that open an empty database at once all succeed, and it is migrated once."""
    script = "import sys; from lienthong.ledger import Database; print(Database.open(sys.argv[1]).revision())"
    started = [
        subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-c", script, url],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in started:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out.strip()) == (0, HEAD.encode()), err


def test_works_after_a_fork(database: Database) -> None:
    """A forked child opens connections of its own and leaves the parent's alone."""
    assert database.revision() == HEAD
    child = os.fork()
    if child == 0:
        os._exit(0 if database.revision() == HEAD else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert database.revision() == HEAD


@pytest.mark.parametrize("address", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_databases_that_cannot_hold_a_ledger(address: str) -> None:
    """Other databases, and one in memory, are refused."""
    with pytest.raises(Misconfigured):
        Database.open(address)


def test_password_stays_out_of_messages() -> None:
    """A database that does not answer is a transient error that does not tell the password."""
    with pytest.raises(Unavailable) as caught:
        Database.open("postgresql://user:geheim@127.0.0.1:1/ledger")
    assert "geheim" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_failed_transaction_leaves_nothing(database: Database) -> None:
    """An error inside a writing transaction rolls everything back."""

    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO lt_cursor VALUES ('e', '1', '{}', 'r', '')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM lt_cursor")).scalar() == 0


def test_folder_is_made(tmp_path: Path) -> None:
    """A SQLite file may name a folder that does not exist yet."""
    assert Database.open(f"sqlite:///{tmp_path / 'new' / 'ledger.sqlite'}").revision() == HEAD
