"""Two processes at one exchange, real ones, that are stopped, go on and are killed: each record once."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_bus import effects, end, open_bus, outcome, start, wait_until_stopped
from memory_bus import unit
from postgres import emptied, postgres_server

from lienthong.signing.keys import create_development_keys

RECORDS = 12


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server for this module."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return emptied(request.getfixturevalue("server"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with keys and a source of twelve records."""
    create_development_keys(tmp_path, "G22")
    offer(tmp_path)
    return tmp_path


def offer(home: Path, **changes: str) -> None:
    records = [unit(number, **changes) for number in range(1, RECORDS + 1)]
    (home / "source.ndjson").write_text("".join(json.dumps(one) + "\n" for one in records))


def once(home: Path) -> None:
    found = effects(home)
    assert (len(found), set(found.values())) == (RECORDS, {1})


def go_on(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGCONT)
    return outcome(process)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stopped_sender_wakes_up_after_another_took_over(home: Path, ledger: str, when: str) -> None:
    """Stopped before its last look at the lease it sends nothing any more, afterwards it is asked about.

    What the sleeper then notes is refused.
    """
    (home / f"stop-{when}").touch()
    sleeper = start(home, ledger, "r1")
    try:
        wait_until_stopped(sleeper)
        other = start(home, ledger, "r1")
        assert json.loads(outcome(other)) == {"pulled": RECORDS, "acknowledged": RECORDS}
        once(home)
        said = go_on(sleeper)
    finally:
        end(sleeper)
    assert json.loads(said)["pulled"] == RECORDS, "its next try finds that all is done"
    once(home)
    bus = open_bus(home, ledger)
    (state, *_) = bus.journal.deliveries(exchange="files", run="r1")
    assert state.handovers == 1, "the lost request is remembered, so that settle asks once more"
    bus.database.close()


def test_a_newer_run_takes_over_and_the_stopped_one_is_stale(home: Path, ledger: str) -> None:
    """A run that sleeps while a newer one delivers newer versions and settles never sends its old ones."""
    (home / "stop-before").touch()
    sleeper = start(home, ledger, "r1")
    try:
        wait_until_stopped(sleeper)
        offer(home, TenDonVi="mới", NgayCapNhat="2026-02-01T00:00:00+07:00")
        assert json.loads(outcome(start(home, ledger, "r2")))["acknowledged"] == RECORDS
        said = go_on(sleeper)
    finally:
        end(sleeper)
    assert said in ("permanent.stale-run", "transient.lease-lost"), said
    found = effects(home)
    assert all("mới" in json.loads(line)["TenDonVi"] for line in found)
    once(home)


def test_two_processes_begin_at_the_same_moment(home: Path, ledger: str) -> None:
    """Whichever is first, the other waits or goes on where the first one stands."""
    both = [start(home, ledger, run) for run in ("r1", "r1")]
    said = [outcome(process) for process in both]
    assert any(one.startswith("{") for one in said), said
    once(home)


def test_a_killed_process_leaves_its_work_free(home: Path, ledger: str) -> None:
    """The lease of a process that is known to be dead is no obstacle; its request is asked about."""
    (home / "stop-after").touch()
    victim = start(home, ledger, "r1")
    wait_until_stopped(victim)
    end(victim)
    assert json.loads(outcome(start(home, ledger, "r1"))) == {"pulled": RECORDS, "acknowledged": RECORDS}
    once(home)


def test_a_target_that_cannot_be_asked_is_left_to_a_person(home: Path, tmp_path: Path) -> None:
    """Neither asked nor repeatable: the outcome stays unknown, and nothing is sent twice."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    (home / "stop-after").touch()
    victim = start(home, url, "r1", "unaskable")
    wait_until_stopped(victim)
    end(victim)
    assert outcome(start(home, url, "r1", "unaskable")) == "transient.outcome-unknown"
    assert set(effects(home).values()) == {1}
