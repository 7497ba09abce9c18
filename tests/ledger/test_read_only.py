"""Reading never writes: no file, no folder, no table, and no right to write is needed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from lienthong.config import Config
from lienthong.errors import Misconfigured, Unavailable
from lienthong.ledger import Database, Journal
from lienthong.ledger.tables import HEAD, VERSION_TABLE
from lienthong.pipeline import Bus

STRANGER, GROUP = 65534, 64242  # an account and a group of the test machine that own nothing


def _runs(url: str) -> int:
    with Database.open(url, read_only=True) as database:
        return len(Journal(database).runs())


def _opened(url: str, *runs: str) -> Database:
    database = Database.open(url, group_read=True)
    for run in runs:
        Journal(database).open_run("units", run, digest="d" * 64)
    return database


def _as_reader(work: Callable[[], object]) -> str:
    """Do something in a process that may not write here; return what it said, or how it failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            if os.getuid() == 0:
                os.setgroups([GROUP])
                os.setgid(STRANGER)
                os.setuid(STRANGER)
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        os.write(writing, said.encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder as docs/operations.md has it: a group may read, only the owner may write."""
    folder = Path(tempfile.mkdtemp(prefix="lienthong-shared-"))
    if os.getuid() == 0:
        os.chown(folder, 0, GROUP)
    folder.chmod(0o2750)
    before = os.umask(0o027)
    yield folder
    os.umask(before)
    folder.chmod(0o2750)
    shutil.rmtree(folder)


def _lock(folder: Path) -> None:
    """Take the right to write from an ordinary account, which the tests may run under; root needs none."""
    if os.getuid() != 0:
        folder.chmod(0o550)


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    return {item.name: (item.stat().st_size, item.stat().st_mtime_ns) for item in folder.iterdir()}


def test_a_reader_of_the_group_reads_while_a_writer_lives(shared: Path) -> None:
    """What was committed a moment ago, still in the writer's log, is seen by an account that cannot write."""
    url = f"sqlite:///{shared / 'ledger.sqlite'}"
    writer = _opened(url, "r1")
    try:
        assert (shared / "ledger.sqlite-wal").stat().st_size > 0
        assert stat.S_IMODE((shared / "ledger.sqlite").stat().st_mode) == 0o640
        assert _as_reader(lambda: _runs(url)) == "1"
        Journal(writer).open_run("units", "r2", digest="d" * 64)
        assert _as_reader(lambda: _runs(url)) == "2"
        assert "Misconfigured" in _as_reader(lambda: _opened(url, "r3"))
        # the account really cannot write: else nothing is shown
        assert "Errno 13" in _as_reader((shared / "x").touch)
    finally:
        writer.close()


def test_a_reader_of_the_group_reads_where_nobody_has_it_open(shared: Path) -> None:
    """The last writer took its files away; the reader makes none, and the folder is as it was."""
    url = f"sqlite:///{shared / 'ledger.sqlite'}"
    _opened(url, "r1", "r2").close()
    _lock(shared)
    before = _state(shared)
    assert before.keys() == {"ledger.sqlite"}
    assert _as_reader(lambda: _runs(url)) == "2"
    assert _state(shared) == before


def test_the_owner_leaves_no_file_behind_either(shared: Path) -> None:
    """A reader that may write makes no -shm and no -wal, which would be its own and lock the writer out."""
    url = f"sqlite:///{shared / 'ledger.sqlite'}"
    _opened(url, "r1").close()
    assert _runs(url) == 1
    assert _state(shared).keys() == {"ledger.sqlite"}


def test_a_killed_writers_ledger_is_read_with_all_that_it_committed(shared: Path) -> None:
    """Its log is still there with the last commits, and nobody alive looks after it."""
    url = f"sqlite:///{shared / 'ledger.sqlite'}"
    script = (
        "import os, sys; from lienthong.ledger import Database, Journal\n"
        "j = Journal(Database.open(sys.argv[1], group_read=True))\n"
        "[j.open_run('units', f'r{n}', digest='d' * 64) for n in range(3)]\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script, url], env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, check=False
    )
    assert (shared / "ledger.sqlite-wal").stat().st_size > 0
    before = _state(shared)
    assert _as_reader(lambda: _runs(url)) == "3"
    assert _state(shared) == before


def test_a_reader_that_is_overtaken_says_so(tmp_path: Path) -> None:
    """What was read from the file as it lies while it was written is not handed out as if it were whole."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    _opened(url, "r1").close()
    with Database.open(url, read_only=True) as reader:
        with pytest.raises(Unavailable, match="written while it was read"), reader.read():
            _opened(url, "r2").close()
        assert len(Journal(reader).runs()) == 2


def test_readers_and_a_writer_at_once(tmp_path: Path) -> None:
    """Writers that come and go beside a reader: it sees whole states, or is told to read again."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    _opened(url).close()
    script = (
        "import sys; from lienthong.ledger import Database, Journal\n"
        "for n in range(25):\n"
        "    with Database.open(sys.argv[1], group_read=True) as d:\n"
        "        Journal(d).open_run('units', f'r{n}', digest='d' * 64)"
    )
    writer = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", script, url], env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    seen = [0]
    while writer.poll() is None:
        try:
            seen.append(_runs(url))
        except Unavailable:
            continue
    assert writer.returncode == 0
    assert seen == sorted(seen)
    assert _runs(url) == 25


def test_there_is_no_ledger_yet(tmp_path: Path) -> None:
    """It says so and makes nothing."""
    with pytest.raises(Misconfigured, match="there is no ledger yet"):
        Database.open(f"sqlite:///{tmp_path / 'home' / 'ledger.sqlite'}", read_only=True)
    config = Config(tmp_path / "h", f"sqlite:///{tmp_path / 'h' / 'l'}", str(tmp_path / "s"), tmp_path / "k")
    bus = Bus.open(connections=pytest.fail, config=config, read_only=True)
    with pytest.raises(Misconfigured, match="lienthong migrate"):
        bus.journal.runs()
    bus.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("version", "said"),
    [("0001", "is of version 0001, this program reads"), ("9999", "knows versions up to")],
)
def test_a_ledger_of_another_version_is_not_migrated(
    database: Database, url: str, version: str, said: str
) -> None:
    """An older one names the command that migrates, a newer one the program to upgrade."""
    with database.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{version}'"))  # noqa: S608
    with pytest.raises(Misconfigured, match=said):
        Database.open(url, read_only=True)
    assert database.revision() == version


def test_an_empty_database_is_not_filled(url: str, tmp_path: Path) -> None:
    """A database without tables gets none."""
    if url.startswith("sqlite"):
        sqlite3.connect(tmp_path / "ledger.sqlite").execute("CREATE TABLE other (x)").connection.commit()
    with pytest.raises(Misconfigured, match="is of version none"):
        Database.open(url, read_only=True)


def test_writing_through_a_reader_is_refused(database: Database, url: str) -> None:
    """Whoever tries all the same is told which right is missing, not which SQL failed."""
    with Database.open(url, read_only=True) as reader:
        assert reader.revision() == HEAD
        with pytest.raises(Misconfigured) as caught:
            Journal(reader).open_run("units", "r1", digest="d" * 64)
    assert "INSERT" not in str(caught.value)
    assert "docs/operations.md" in caught.value.hint
    assert Journal(database).runs() == []


def test_a_role_with_select_only(postgres: str) -> None:
    """The SQL of docs/operations.md gives a role that reads everything, later tables too, and no more."""
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    sql = page.split("<!-- reader -->")[1].split("```sql")[1].split("```")[0]
    with psycopg.connect(postgres, autocommit=True) as connection:
        owner = connection.execute("SELECT current_user").fetchone()
        assert owner is not None
        connection.execute("DROP ROLE IF EXISTS ledger_reader")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        for statement in sql.split(";"):
            if statement.strip():
                connection.execute(
                    statement.replace("DATABASE ledger ", "DATABASE postgres ")  # type: ignore[arg-type]
                    .replace("ROLE ledger IN", f'ROLE "{owner[0]}" IN')
                    .replace("'…'", "'secret'")
                )
        database = Database.open(postgres)
        reader = postgres.replace(f"//{owner[0]}", "//ledger_reader").replace(":@", "@")
        Journal(database).open_run("units", "r1", digest="d" * 64)
        assert _runs(reader) == 1
        with pytest.raises(Misconfigured, match="may not do that"):
            Journal(Database.open(reader)).open_run("units", "r2", digest="d" * 64)
        connection.execute("DROP OWNED BY ledger_reader")
        connection.execute("DROP ROLE ledger_reader")
    assert len(Journal(database).runs()) == 1
    database.close()
