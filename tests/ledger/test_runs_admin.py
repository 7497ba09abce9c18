"""Runs that never settled: listed with what they block, and closed by a person."""

from __future__ import annotations

import threading

import pytest

from lienthong.errors import Permanent, UnknownName
from lienthong.ledger import Database, Intent, Journal
from lienthong.segment import Segment


@pytest.fixture
def journal(database: Database) -> Journal:
    """Three runs: one settled, one with deliveries in every state, one with none."""
    journal = Journal(database)
    for run in ("r1", "r2", "r3"):
        journal.open_run("units", run, digest="d" * 64)
    journal.settle("units", "r1", cursor=None, validators={}, counts={})
    segments = [Segment(f"{number:064}", f"{number:064}", 2, 20) for number in range(4)]
    intents = [Intent(f"id{number}", one, 0, number) for number, one in enumerate(segments)]
    journal.intend("units", "r2", "target", intents)
    for id_ in ("id0", "id1", "id2"):
        journal.sent(id_)
    journal.answered("id0", "acknowledged", total=2)
    journal.answered("id1", "unknown", total=2)
    return journal


def test_open_runs_say_what_they_block(journal: Journal) -> None:
    """Deliveries in doubt by id, those that were not begun by number; what settled blocks nothing."""
    assert [(one.run, one.state) for one in journal.stands()] == [
        ("r3", "open"),
        ("r2", "open"),
        ("r1", "settled"),
    ]
    by_name = {one.run: one for one in journal.stands("units", only_open=True)}
    assert by_name.keys() == {"r2", "r3"}
    assert (by_name["r2"].doubts, by_name["r2"].intended) == (("id1", "id2"), 1)
    assert (by_name["r3"].doubts, by_name["r3"].intended) == ((), 0)
    assert journal.stands("other") == []
    assert [one.run for one in journal.stands(limit=1)] == ["r3"]


def test_closing_a_run(journal: Journal) -> None:
    """Who and why stand on it; the same again changes nothing; it is no longer among the open ones."""
    first = journal.close_run("units", "r3", "Hoa", "nguồn đã ngừng")
    assert (first.state, first.closed_by, first.closed_why) == ("closed", "Hoa", "nguồn đã ngừng")
    assert journal.close_run("units", "r3", "Nam", "khác") == first
    assert [one.run for one in journal.stands(only_open=True)] == ["r2"]


def test_what_cannot_be_closed(journal: Journal) -> None:
    """A settled run, one with deliveries in doubt (which are named), and one that is not there."""
    with pytest.raises(Permanent, match="settled at"):
        journal.close_run("units", "r1", "Hoa", "x")
    for call in (journal.check_closable, lambda e, r: journal.close_run(e, r, "Hoa", "x")):
        with pytest.raises(Permanent, match="2 deliveries of the run are in doubt: id1, id2") as caught:
            call("units", "r2")
        assert "delivery resolve" in caught.value.hint
        with pytest.raises(UnknownName):
            call("units", "nothing")
    journal.answered("id1", "acknowledged", total=2)
    journal.not_taken("id2")
    assert journal.close_run("units", "r2", "Hoa", "x").state == "closed"


def test_a_delivery_that_leaves_just_now_is_not_closed_over(database: Database, journal: Journal) -> None:
    """Closing waits for whoever is about to note that a request leaves, and then sees the doubt."""
    del database
    results: list[str] = []

    def close() -> None:
        try:
            journal.close_run("units", "r3", "Hoa", "x")
            results.append("closed")
        except Permanent:
            results.append("refused")

    journal.intend("units", "r3", "target", [Intent("late", Segment("9" * 64, "9" * 64, 1, 9))])
    threads = [threading.Thread(target=close), threading.Thread(target=journal.sent, args=("late",))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    state = journal.delivery("late").state
    assert results == (["refused"] if journal.stand("units", "r3").closed_at is None else ["closed"])
    assert state == "sent"
