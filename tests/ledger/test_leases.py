"""Leases: who may work on what, by the database's clock, and what an older token may no longer write."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import update

from lienthong.errors import Held, LeaseLost, Permanent, StaleRun
from lienthong.ledger import Database, Intent, Journal
from lienthong.ledger.fencing import Moved, Seen
from lienthong.ledger.leases import Leases, database_time, holder
from lienthong.ledger.tables import LEASES
from lienthong.segment import Segment

X, LONG = "dossiers", 60.0


@pytest.fixture
def leases(database: Database) -> Leases:
    """The leases of an empty database."""
    return Leases(database)


@pytest.fixture
def journal(database: Database) -> Journal:
    """A journal with two open runs."""
    found = Journal(database)
    for run in ("r1", "r2"):
        found.open_run(X, run, digest="d" * 64)
    return found


def expire(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(LEASES).values(expires_at=database_time(connection) - 0.001))


def intended(journal: Journal, number: int = 1, *, run: str = "r1", scope: str = "s") -> str:
    segment = Segment(f"{number:064}", f"{number:064}", 3, 30)
    (state,) = journal.intend(X, run, "t", [Intent(f"{number + 500:064}", segment, scope=scope)])
    return state.id


def test_two_runs_and_two_processes_exclude_each_other(leases: Leases) -> None:
    """Parts of one run go on side by side; the loser learns who is at work and until when."""
    first = leases.take(X, "r1", "push", 0, seconds=LONG)
    second = leases.take(X, "r1", "push", 1, seconds=LONG)
    assert second.token > first.token
    for run, part in (("r1", 0), ("r2", 5)):
        who = r"run 'r1', step push, part 1, by process \d+ on .+, until 20"
        with pytest.raises(Held, match=who) as told:
            leases.take(X, run, "push", part, seconds=LONG)
        assert 0 < (told.value.retry_after or 0) <= LONG + 1
    leases.take("other", "r9", "push", 0, seconds=LONG)
    leases.release(first)
    leases.release(second)
    assert leases.take(X, "r2", "push", 0, seconds=LONG).token > second.token


def test_a_lease_that_ran_out_is_lost_for_good(leases: Leases, database: Database) -> None:
    """Whoever takes it over has it; renewing and writing under the old one is refused."""
    old = leases.take(X, "r1", "pull", 0, seconds=LONG)
    expire(database)
    fresh = leases.take(X, "r1", "pull", 0, seconds=LONG)
    with pytest.raises(LeaseLost):
        leases.renew(old)
    with pytest.raises(LeaseLost):
        Journal(database).save_step(X, "r1", "pull.sealed", 0, {}, lease=old)
    leases.renew(fresh)
    leases.release(old)
    assert leases.held(X), "giving back an old lease leaves the new one alone"


def test_the_lease_of_a_dead_process_is_free(leases: Leases, database: Database) -> None:
    """Only of one of this machine that is surely gone: another machine's is waited for."""
    leases.take(X, "r1", "pull", 0, seconds=LONG)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    *machine, _, start = holder().split("/")
    with database.write() as connection:
        connection.execute(update(LEASES).values(holder="/".join([*machine, str(gone.pid), start])))
    leases.take(X, "r2", "pull", 0, seconds=LONG)
    with database.write() as connection:
        connection.execute(update(LEASES).values(holder=f"elsewhere/{'/'.join(machine[1:])}/1/1"))
    with pytest.raises(Held):
        leases.take(X, "r3", "pull", 0, seconds=LONG)


def test_a_request_leaves_only_under_a_lease_that_is_held(
    leases: Leases, journal: Journal, database: Database
) -> None:
    """Sent under a lost lease it is refused; what a lost process sent is remembered as handed over."""
    delivery = intended(journal)
    old = leases.take(X, "r1", "push", 0, seconds=LONG)
    journal.sent(delivery, lease=old, deadline=30.0)
    expire(database)
    fresh = leases.take(X, "r1", "push", 0, seconds=LONG)
    state = journal.delivery(delivery)
    assert (state.state, state.handovers) == ("sent", 1)
    assert 0 < journal.still_under_way(delivery) <= 30.0
    for write in (
        lambda: journal.sent(delivery, lease=old),
        lambda: journal.sent(delivery, lease=fresh),  # it has not been taken over yet
    ):
        with pytest.raises(LeaseLost):
            write()
    journal.adopt(delivery, fresh)
    with pytest.raises(LeaseLost):
        journal.answered(delivery, "acknowledged", total=3, lease=old)
    with pytest.raises(LeaseLost):
        journal.withdrawn(delivery, lease=old)
    assert journal.answered(delivery, "acknowledged", total=3, lease=fresh).taken_count == 3


def test_what_ended_in_order_is_not_waited_for(leases: Leases, journal: Journal) -> None:
    """A process that gave its lease back has nothing on its way any more."""
    delivery = intended(journal)
    lease = leases.take(X, "r1", "push", 0, seconds=LONG)
    journal.sent(delivery, lease=lease, deadline=30.0)
    leases.release(lease)
    assert journal.still_under_way(delivery) == 0
    assert journal.delivery(delivery).handovers == 0


def test_an_overtaken_or_closed_run_sends_nothing(leases: Leases, journal: Journal) -> None:
    """The epoch is looked at in the very transaction that lets a request leave."""
    delivery = intended(journal)
    lease = leases.take(X, "r1", "push", 0, seconds=LONG)
    journal.settle(X, "r2", cursor=None, validators={}, counts={})
    with pytest.raises(StaleRun, match="'r2'"):
        journal.sent(delivery, lease=lease)
    with pytest.raises(StaleRun):
        journal.passed(delivery, {"unchanged": ((0, 2),)}, lease=lease)
    journal.close_run(X, "r1", "Hoa", "biên bản")
    with pytest.raises(StaleRun, match="closed"):
        journal.sent(delivery, lease=lease)
    assert journal.delivery(delivery).state == "intended"


def test_a_request_waits_for_a_look_at_what_others_delivered(leases: Leases, journal: Journal) -> None:
    """A delivery of another run into the same scope is seen before anything goes over it."""
    other = intended(journal, 1, run="r2")
    mine = intended(journal, 2)
    journal.sent(other)
    lease = leases.take(X, "r1", "push", 0, seconds=LONG)
    blind = Seen("s", "r1", 0, frozenset())
    with pytest.raises(Moved):
        journal.sent(mine, lease=lease, seen=blind)
    journal.sent(mine, lease=lease, seen=Seen("s", "r1", 0, frozenset({other})))
    journal.withdrawn(mine, lease=lease)
    taken = journal.answered(other, "acknowledged", total=3).taken
    with pytest.raises(Moved):
        journal.sent(mine, lease=lease, seen=Seen("s", "r1", 0, frozenset({other})))
    assert taken is not None
    journal.sent(mine, lease=lease, seen=Seen("s", "r1", taken, frozenset()))


def test_an_answer_has_a_verdict_for_what_was_sent_and_for_nothing_else(journal: Journal) -> None:
    """Lines that were left out are judged by nobody; the counts are those of the lines that were sent."""
    delivery = intended(journal)
    journal.sent(delivery, not_sent={"unchanged": ((0, 0),), "superseded": (), "inherited": ()})
    with pytest.raises(Permanent, match="a line is judged that was not sent"):
        journal.answered(delivery, "unknown", total=3, unknown=[0, 1])
    state = journal.answered(delivery, "unknown", total=3, unknown=[2])
    assert (state.sent_count, state.taken_count, state.pending, state.acknowledged) == (2, 1, 1, 1)
    state = journal.answered(delivery, "acknowledged", total=3)
    assert (state.taken_count, state.skipped, state.pending) == (2, 1, 0)
