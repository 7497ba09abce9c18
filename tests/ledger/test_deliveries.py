"""Deliveries: persisted before they happen, and never two stories about one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from counted import calls

from lienthong.errors import Misconfigured, Permanent, ProtocolViolation, Reason, UnknownName
from lienthong.ledger import Database, DeliveryState, Intent, Journal
from lienthong.segment import Segment

REASON = Reason("/code", "target.07", "bị từ chối", "refused")
RECEIPT = {"status": "200", "digest": "a" * 64, "at": "2026-07-01T00:00:00Z"}


def intents(count: int, start: int = 0) -> list[Intent]:
    return [
        Intent(f"{number:064x}", Segment(f"{number:064x}", f"{number + 1:064x}", 4, 99), 0, number)
        for number in range(start, start + count)
    ]


@pytest.fixture
def journal(database: Database) -> Journal:
    journal = Journal(database)
    journal.open_run("x", "r1", digest="d")
    return journal


@pytest.fixture
def one(journal: Journal) -> str:
    """The id of a delivery that was sent."""
    (state,) = journal.intend("x", "r1", "mic", intents(1))
    return journal.sent(state.id).id


def test_life_of_a_delivery(journal: Journal) -> None:
    """Steps: intended -> sent -> acknowledged, with attempts, times, counts and receipts."""
    (state,) = journal.intend("x", "r1", "mic", intents(1))
    assert (state.state, state.attempts, state.sent_at, state.total, state.pending) == (
        "intended",
        0,
        None,
        0,
        4,
    )
    state = journal.sent(state.id)
    assert (state.state, state.attempts, state.answered_at) == ("sent", 1, None)
    state = journal.answered(state.id, "acknowledged", total=4, refused={2: REASON}, receipts=[RECEIPT])
    assert (state.state, state.total, state.acknowledged, state.pending) == ("acknowledged", 4, 3, 0)
    assert dict(state.refused) == {2: REASON}
    assert state.receipts == [RECEIPT]
    assert state.intended_at <= (state.sent_at or "") <= (state.answered_at or "")
    assert journal.delivery(state.id) == state


def test_intending_again_returns_the_state(journal: Journal, one: str) -> None:
    """A retry finds what it had planned, as it stands, in the order it asks for."""
    states = journal.intend("x", "r1", "mic", intents(3)[::-1])
    assert [state.state for state in states] == ["intended", "intended", "sent"]
    assert [state.order for state in states] == [2, 1, 0]
    assert states[-1].id == one
    assert journal.intend("x", "r1", "mic", []) == []


def test_run_after_a_dead_one_finds_its_deliveries(journal: Journal, one: str) -> None:
    """A run of the same epoch shares deliveries by their keys: what was taken is not sent again."""
    journal.answered(one, "acknowledged", total=4)
    journal.open_run("x", "r2", digest="d")
    states = journal.intend("x", "r2", "mic", intents(2))
    assert [(state.state, state.run) for state in states] == [("acknowledged", "r1"), ("intended", "r2")]
    assert [state.id for state in journal.deliveries(run="r2", exchange="x")] == [
        state.id for state in states
    ]
    assert [state.id for state in journal.deliveries(run="r1")] == [one]
    assert len(journal.deliveries(exchange="x", epoch="")) == 2
    assert journal.deliveries(exchange="x", epoch="0" * 64) == []


def test_delivery_found_by_state(journal: Journal, one: str) -> None:
    """Deliveries without an answer are found by their state."""
    journal.intend("x", "r1", "mic", intents(3))
    assert [state.id for state in journal.deliveries(state="sent")] == [one]
    assert len(journal.deliveries(run="r1", state="intended")) == 2
    assert len(journal.deliveries(limit=1)) == 1
    assert journal.deliveries(run="r9") == []


def test_id_stands_for_one_thing(journal: Journal, one: str) -> None:
    """An id with other records, another target or another exchange is refused, and nothing is kept."""
    other = Intent(one, Segment("b" * 64, "c" * 64, 4, 99))
    with pytest.raises(Misconfigured, match="other records or another target"):
        journal.intend("x", "r1", "mic", [other])
    with pytest.raises(Misconfigured):
        journal.intend("x", "r1", "elsewhere", intents(2))
    assert len(journal.deliveries()) == 1


def test_same_segment_twice_in_a_run(journal: Journal) -> None:
    """Two segments with the same records are one delivery."""
    states = journal.intend("x", "r1", "mic", [*intents(1), *intents(1)])
    assert states[0] == states[1]
    assert len(journal.deliveries(run="r1")) == 1


def test_unknown_outcome_is_resolved(journal: Journal, one: str) -> None:
    """Steps: sent -> unknown -> acknowledged without sending again; receipts of both answers are kept."""
    state = journal.answered(one, "unknown", total=4, receipts=[{"status": "202"}])
    assert (state.state, state.unknown, state.acknowledged, state.pending) == ("unknown", (0, 1, 2, 3), 0, 4)
    state = journal.answered(one, "unknown", total=4, unknown=[3])
    assert (state.acknowledged, state.pending) == (3, 1)
    state = journal.answered(one, "acknowledged", total=4, receipts=[RECEIPT])
    assert (state.state, state.attempts, state.unknown) == ("acknowledged", 1, ())
    assert state.receipts == [{"status": "202"}, RECEIPT]


def test_refused_as_a_whole(journal: Journal, one: str) -> None:
    """All records refused is the state refused."""
    state = journal.answered(one, "refused", total=4, refused=dict.fromkeys(range(4), REASON))
    assert (state.state, state.acknowledged, len(state.refused)) == ("refused", 0, 4)


def test_same_answer_again(journal: Journal, one: str) -> None:
    """The same answer again changes nothing, not even the time; another one is refused."""
    first = journal.answered(one, "acknowledged", total=4, receipts=[RECEIPT])
    assert journal.answered(one, "acknowledged", total=4, receipts=[RECEIPT]) == first
    with pytest.raises(Permanent, match="acknowledged cannot become unknown"):
        journal.answered(one, "unknown", total=4)
    with pytest.raises(Permanent, match="acknowledged cannot become sent"):
        journal.sent(one)


def test_nothing_is_answered_that_was_not_sent(journal: Journal) -> None:
    """An intended delivery can be refused or unknown only after it was sent."""
    (state,) = journal.intend("x", "r1", "mic", intents(1))
    with pytest.raises(Permanent):
        journal.answered(state.id, "unknown", total=4)
    with pytest.raises(Permanent):
        journal.answered(state.id, "refused", total=4, refused=dict.fromkeys(range(4), REASON))


def test_taken_over_from_an_earlier_run(journal: Journal) -> None:
    """Records that an earlier run delivered under another key are acknowledged without an attempt."""
    (state,) = journal.intend("x", "r1", "mic", intents(1))
    state = journal.passed(state.id, {"inherited": ((0, 3),)})
    assert (state.state, state.attempts, state.sent_at) == ("acknowledged", 0, None)
    assert (state.acknowledged, state.taken_count, state.sent_count) == (4, 0, 0)
    with pytest.raises(Permanent, match="intended cannot become acknowledged"):
        journal.answered(journal.intend("x", "r1", "mic", intents(2))[1].id, "acknowledged", total=4)


def test_withdrawn_request(journal: Journal) -> None:
    """A request that certainly was not taken leads back to intended; the attempt stays counted."""
    (state,) = journal.intend("x", "r1", "mic", intents(1))
    journal.sent(state.id)
    state = journal.withdrawn(state.id)
    assert (state.state, state.attempts) == ("intended", 1)
    with pytest.raises(Permanent):
        journal.withdrawn(state.id)


def test_withdrawal_does_not_forget_an_open_outcome(journal: Journal, one: str) -> None:
    """After an unknown outcome, a later request that was not taken leads back to unknown."""
    journal.answered(one, "unknown", total=4, unknown=[3])
    journal.sent(one)
    state = journal.withdrawn(one)
    assert (state.state, state.unknown) == ("unknown", (3,))
    journal.sent(one)
    journal.sent(one)  # the process died after the request left
    assert journal.withdrawn(one).state == "unknown"


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ("acknowledged", {"total": 3}),
        ("acknowledged", {"total": 4, "unknown": [1]}),
        ("acknowledged", {"total": 4, "refused": {4: REASON}}),
        ("acknowledged", {"total": 4, "refused": dict.fromkeys(range(4), REASON)}),
        ("unknown", {"total": 4, "refused": {1: REASON}, "unknown": [1]}),
        ("refused", {"total": 4, "refused": {1: REASON}}),
        ("done", {"total": 4}),
    ],
)
def test_answers_that_do_not_add_up(journal: Journal, one: str, state: str, answer: dict[str, Any]) -> None:
    """A contradictory answer is a defect of the connector and changes nothing."""
    with pytest.raises(ProtocolViolation):
        journal.answered(one, state, **answer)
    assert journal.delivery(one).state == "sent"


def test_unknown_delivery(journal: Journal) -> None:
    """An id that nobody intended is an unknown name."""
    for ask in (journal.delivery, journal.sent):
        with pytest.raises(UnknownName):
            ask("0" * 64)


def test_two_hundred_are_planned_quickly(journal: Journal) -> None:
    """Planning 200 deliveries takes some calls for each, however many there are already."""
    made = []
    for attempt in range(5):
        planned = intents(200, 1000 * attempt)
        made.append(calls(partial(journal.intend, "x", "r1", "mic", planned)))
        assert len(journal.deliveries(run="r1")) == 200 * (attempt + 1)
    assert max(made) < 60_000, "some 100 to 180 calls for each"
    assert max(made[1:]) < 1.1 * min(made[1:]), "whatever is planned already"


def test_many_tasks_plan_the_same(journal: Journal) -> None:
    """Tasks that plan the same deliveries in any order at once neither block each other nor repeat."""
    planned = intents(40)
    orders = [planned if number % 2 else planned[::-1] for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda order: journal.intend("x", "r1", "mic", order), orders))
    assert all(len(states) == 40 for states in found)
    assert len(journal.deliveries(run="r1")) == 40


DYING = """
import os, signal, sys
from lienthong.ledger import Database, Intent, Journal
from lienthong.segment import Segment
journal = Journal(Database.open(sys.argv[1]))
journal.open_run("x", "r1", digest="d")
intent = Intent("e" * 64, Segment("a" * 64, "b" * 64, 4, 99))
journal.intend("x", "r1", "mic", [intent])
if sys.argv[2] != "intended":
    journal.sent(intent.id)
if sys.argv[2] == "unknown":
    journal.answered(intent.id, "unknown", total=4)
if sys.argv[2] == "halfway":
    with journal._database.write() as connection:
        from sqlalchemy import text
        connection.execute(text("UPDATE lt_delivery SET state = 'acknowledged'"))
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("when", "left"),
    [("intended", "intended"), ("sent", "sent"), ("unknown", "unknown"), ("halfway", "sent")],
)
def test_killed_process(database: Database, url: str, when: str, left: str) -> None:
    """After kill -9 the delivery stands exactly where the last committed call left it."""
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", DYING, url, when],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        check=False,
        timeout=300,
    )
    assert ended.returncode == -signal.SIGKILL
    state: DeliveryState = Journal(database).delivery("e" * 64)
    assert (state.state, state.attempts) == (left, 0 if left == "intended" else 1)
    assert Journal(database).sent(state.id).attempts == state.attempts + 1
