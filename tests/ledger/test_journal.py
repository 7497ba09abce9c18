"""The journal: runs and cursors that survive repeats, races and restarts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lienthong.errors import Misconfigured, Permanent, UnknownName
from lienthong.ledger import Cursor, Database, Journal, RunState

DIGEST = "d" * 64


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


def opened(journal: Journal, run: str = "r1", exchange: str = "x", **more: Any) -> RunState:
    return journal.open_run(exchange, run, **{"digest": DIGEST, **more})


def settle(journal: Journal, run: str = "r1", cursor: str | None = "10", **more: Any) -> bool:
    given = {"validators": {"etag": run}, "counts": {"pulled": 1}, **more}
    return journal.settle("x", run, cursor=cursor, **given)


def test_first_opening_fixes_the_run(journal: Journal) -> None:
    """Later openings return what the first fixed, whatever they ask for and whatever settled since."""
    opened(journal, "r0")
    settle(journal, "r0", "10")
    first = opened(journal, "r1")
    assert (first.since, first.explicit_since, first.settled) == ("10", False, False)
    assert dict(first.validators) == {"etag": "r0"}
    other = opened(journal, "r2")
    settle(journal, "r2", "20")
    assert opened(journal, "r1", since="5", limit=3, dry_run=True) == first
    assert other.epoch == first.epoch != ""


def test_explicit_since(journal: Journal) -> None:
    """An explicit since takes precedence over cursor and validators, lest something answers 304."""
    opened(journal, "r0")
    settle(journal, "r0", "10")
    state = opened(journal, "r1", since="5", limit=7)
    assert (state.since, state.explicit_since, state.limit, dict(state.validators)) == ("5", True, 7, {})


def test_agreement_must_not_change_within_a_run(journal: Journal) -> None:
    """A retry under another agreement is refused and told to start a new run."""
    opened(journal)
    with pytest.raises(Misconfigured, match="start a new run"):
        opened(journal, digest="e" * 64)


def test_settling_moves_cursor_and_run_together(journal: Journal) -> None:
    """Settling is idempotent; the second call changes nothing."""
    assert journal.cursor("x") == Cursor()
    opened(journal)
    assert settle(journal) is True
    assert settle(journal, cursor="99") is False
    at = journal.cursor("x")
    assert (at.value, dict(at.validators), at.run) == ("10", {"etag": "r1"}, "r1")
    state = journal.run("x", "r1")
    assert (state.settled, state.cursor, dict(state.counts)) == (True, "10", {"pulled": 1})
    assert opened(journal).settled


def test_epoch_names_the_settled_runs(journal: Journal) -> None:
    """The epoch is empty before any settled run, the same for runs in between, new after each."""
    epochs = []
    for run in ("r1", "r2", "r3"):
        epochs.append(opened(journal, run).epoch)
        settle(journal, run)
    assert epochs[0] == ""
    assert len({*epochs, journal.cursor("x").epoch}) == 4


@pytest.mark.parametrize(
    ("old", "new", "kept"), [("9", "10", "10"), ("10", "9", "10"), ("9", "9.0", "9.0"), ("9", None, "9")]
)
def test_cursor_never_moves_backwards(journal: Journal, old: str, new: str | None, kept: str) -> None:
    """The caller's order decides which of two cursors is the later one; an earlier one is not taken."""

    def later(new: str, old: str | None) -> bool:
        return old is None or float(new) >= float(old)

    for run, value in (("r1", old), ("r2", new)):
        opened(journal, run)
        settle(journal, run, value, later=later)
    assert journal.cursor("x").value == kept


def test_a_cursor_is_set_only_where_it_stood_as_expected(journal: Journal) -> None:
    """Setting compares first; it changes the epoch, so a run under way cannot settle over it unnoticed."""
    assert journal.set_cursor("x", "5", expected=None).value == "5"
    opened(journal, "r1")
    with pytest.raises(Permanent, match="has moved"):
        journal.set_cursor("x", "7", expected="4")
    at = journal.set_cursor("x", "3", expected="5")
    assert journal.cursor("x") == at and at.value == "3" and dict(at.validators) == {}
    with pytest.raises(Permanent, match="while this run was under way"):
        settle(journal, "r1", "9")
    opened(journal, "r2")
    assert settle(journal, "r2", "9")


def test_explicit_since_may_move_the_cursor_back(journal: Journal) -> None:
    """A run that was told where to begin decides where the next one begins."""
    opened(journal, "r1")
    settle(journal, "r1", "10")
    opened(journal, "r2", since="1")
    settle(journal, "r2", "5")
    assert journal.cursor("x").value == "5"


def test_dry_run_does_not_move_the_cursor(journal: Journal) -> None:
    """A dry run settles without touching cursor or epoch."""
    opened(journal, dry_run=True)
    assert settle(journal)
    assert journal.cursor("x") == Cursor()
    assert journal.run("x", "r1").settled


def test_run_that_does_not_advance(journal: Journal) -> None:
    """A trial or a replay settles while the exchange stands where it stood, epoch included."""
    opened(journal, "r1")
    settle(journal, "r1")
    before = journal.cursor("x")
    opened(journal, "r2")
    opened(journal, "replay")
    assert settle(journal, "replay", "99", advance=False)
    assert journal.cursor("x") == before
    assert settle(journal, "r2", "20")


@pytest.mark.parametrize("before", [False, True])
def test_of_two_runs_at_once_one_settles(journal: Journal, before: bool) -> None:
    """Two runs of one exchange opened side by side: the second to settle is refused, once and for all."""
    if before:
        opened(journal, "r0")
        settle(journal, "r0")
    opened(journal, "r1")
    opened(journal, "r2")
    assert settle(journal, "r2")
    for _ in range(2):
        with pytest.raises(Permanent, match="'r2' of this exchange settled"):
            settle(journal, "r1")
    assert journal.cursor("x").run == "r2"
    assert not journal.run("x", "r1").settled


@pytest.mark.parametrize("before", [False, True])
def test_race_of_many_settlements(journal: Journal, before: bool) -> None:
    """Of eight runs that settle in the same moment exactly one succeeds."""
    if before:
        opened(journal, "r0")
        settle(journal, "r0")
    runs = [f"r{number}" for number in range(1, 9)]
    for run in runs:
        opened(journal, run)

    def attempt(run: str) -> bool:
        try:
            return settle(journal, run)
        except Permanent:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, runs)) == 1


def test_race_of_many_openings(journal: Journal) -> None:
    """Eight tasks that open one run in the same moment all get the same state."""
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda number: opened(journal, since=str(number)), range(8)))
    assert len({(state.since, state.opened_at) for state in states}) == 1


def test_runs_are_listed_latest_first(journal: Journal) -> None:
    """Runs are found by exchange; a run id belongs to an exchange, not to all of them."""
    for exchange, run in (("x", "r1"), ("y", "r1"), ("x", "r2")):
        opened(journal, run, exchange)
    assert [(state.exchange, state.run) for state in journal.runs()] == [
        ("x", "r2"),
        ("y", "r1"),
        ("x", "r1"),
    ]
    assert [state.run for state in journal.runs("x", limit=1)] == ["r2"]
    with pytest.raises(UnknownName):
        journal.run("z", "r1")
    with pytest.raises(UnknownName):
        journal.settle("z", "r1", cursor=None, validators={}, counts={})


def test_checkpoints(journal: Journal) -> None:
    """A step's checkpoint is replaced, and belongs to one exchange, run, step and part."""
    assert journal.step("x", "r1", "pull", 0) is None
    journal.save_step("x", "r1", "pull", 0, {"position": 1})
    journal.save_step("x", "r1", "pull", 0, {"position": {"page": 2}, "tên": "đã niêm phong"})
    journal.save_step("y", "r1", "pull", 0, {})
    assert journal.step("x", "r1", "pull", 0) == {"position": {"page": 2}, "tên": "đã niêm phong"}
    assert journal.step("y", "r1", "pull", 0) == {}
    assert journal.step("x", "r1", "pull", 1) is None
