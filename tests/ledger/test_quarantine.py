"""The quarantine's index: stable names, repairs that keep the story, no personal values."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import text

from lienthong.errors import Permanent, UnknownName
from lienthong.ledger import Database, Quarantine, QuarantineItem


@pytest.fixture
def quarantine(database: Database, items: list[QuarantineItem]) -> Quarantine:
    quarantine = Quarantine(database)
    quarantine.add(items)
    return quarantine


def test_items_are_entered_once(quarantine: Quarantine, items: list[QuarantineItem]) -> None:
    """Adding the same records again, as a retry does, changes nothing."""
    before = quarantine.list()
    quarantine.add(items)
    quarantine.add([])
    assert quarantine.list() == before
    assert [item.line for item in before] == [0, 1, 2, 3, 4]
    assert {item.state for item in before} == {"quarantined"}
    assert before[0].reasons == items[0].reasons


def test_ids_are_short_stable_and_typable(quarantine: Quarantine, items: list[QuarantineItem]) -> None:
    """An id follows from the record's place, and is found however a person types it."""
    assert len({item.id for item in items}) == 5
    for item in items:
        assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){2}", item.id)
        typed = f" {item.id.upper().replace('-', ' ').replace('0', 'O').replace('1', 'l')} "
        assert quarantine.get(typed).line == item.line
    assert replace(items[0], reasons=(), key_hash="").id == items[0].id
    assert items[0].id == "wanted" or replace(items[0], run="other").id != items[0].id
    with pytest.raises(UnknownName):
        quarantine.get("0000-0000-0000")


def test_listing(quarantine: Quarantine, item: QuarantineItem) -> None:
    """Items are found by exchange, run, state and by the keyed hash of a person's identifier."""
    quarantine.add([replace(item, run="other", key_hash="c" * 64)])
    assert len(quarantine.list(run=item.run)) == 5
    assert len(quarantine.list(exchange=item.exchange)) == 6
    assert len(quarantine.list(key_hash="c" * 64)) == 1
    assert len(quarantine.list(limit=2)) == 2
    assert quarantine.list(state="repaired") == []
    assert quarantine.list(exchange="other") == []


def test_repair_makes_a_new_version(quarantine: Quarantine, items: list[QuarantineItem]) -> None:
    """A repaired record is a new item that names the old one; the old one stays in the history."""
    old = items[0]
    new = quarantine.repaired(old.id, "e" * 64, 3)
    assert (new.version, new.previous, new.state, new.segment, new.line) == (
        2,
        old.id,
        "repaired",
        "e" * 64,
        3,
    )
    assert new.reasons == old.reasons
    assert quarantine.repaired(old.id, "e" * 64, 3) == new
    assert [item.id for item in quarantine.list(state="repaired")] == [new.id]
    assert len(quarantine.list()) == 5
    assert len(quarantine.list(history=True)) == 6
    assert [item.version for item in quarantine.versions(new.id)] == [2, 1]
    third = quarantine.repaired(new.id, "f" * 64, 0)
    assert [item.version for item in quarantine.versions(third.id)] == [3, 2, 1]


def test_an_item_is_repaired_one_way(quarantine: Quarantine, items: list[QuarantineItem]) -> None:
    """Two people who repair the same item differently: the second is told to use the later version."""
    quarantine.repaired(items[0].id, "e" * 64, 3)
    with pytest.raises(Permanent):
        quarantine.repaired(items[0].id, "f" * 64, 3)
    with pytest.raises(Permanent):
        quarantine.repaired(items[1].id, items[1].segment, items[1].line)


def test_replay(quarantine: Quarantine, items: list[QuarantineItem]) -> None:
    """Only the latest, repaired version is replayed; once, by one run."""
    with pytest.raises(Permanent, match="is quarantined cannot become replayed"):
        quarantine.replayed(items[0].id, "r2")
    new = quarantine.repaired(items[0].id, "e" * 64, 3)
    with pytest.raises(Permanent, match=f"use its later version {new.id}"):
        quarantine.replayed(items[0].id, "r2")
    done = quarantine.replayed(new.id, "r2")
    assert (done.state, done.replay_run) == ("replayed", "r2")
    assert quarantine.replayed(new.id, "r2") == done
    with pytest.raises(Permanent):
        quarantine.replayed(new.id, "r3")
    with pytest.raises(Permanent):
        quarantine.repaired(new.id, "f" * 64, 0)


def test_release(quarantine: Quarantine, items: list[QuarantineItem]) -> None:
    """A person may close an item, repaired or not; then it stays closed."""
    assert quarantine.released(items[0].id).state == "released"
    new = quarantine.repaired(items[1].id, "e" * 64, 3)
    assert quarantine.released(new.id, "r2").replay_run == "r2"
    with pytest.raises(Permanent):
        quarantine.repaired(items[0].id, "e" * 64, 9)


def test_no_personal_column(database: Database, quarantine: Quarantine) -> None:
    """The table holds places, hashes and reasons; there is no column for a record's values."""
    with database.read() as connection:
        columns = set(connection.execute(text("SELECT * FROM lt_quarantine")).keys())
    assert columns == {
        "id", "exchange", "run", "step", "segment", "line", "key_hash", "reasons", "dataset", "state",
        "version", "previous", "replay_run", "added_at", "changed_at", "fingerprint", "occurrences",
        "last_run", "number",
    }  # fmt: skip


def _again(item: QuarantineItem, run: str, line: int = 0) -> QuarantineItem:
    """The same refusal as another run meets it: in a segment of its own."""
    return replace(item, run=run, segment="9" * 64, line=line)


@pytest.fixture
def known(quarantine: Quarantine, items: list[QuarantineItem]) -> QuarantineItem:
    """An item with a fingerprint, entered by run r1."""
    made = replace(items[0], run="r1", segment="1" * 64, fingerprint="f" * 64)
    quarantine.add([made])
    return quarantine.get(made.id)


def test_the_same_bytes_again_are_one_item_that_counts(quarantine: Quarantine, known: QuarantineItem) -> None:
    """Five runs that meet one bad record leave one item; a retried step counts nothing twice."""
    for run in ("r2", "r3", "r4", "r5"):
        for _ in range(2):
            quarantine.add([_again(known, run)])
    (found,) = quarantine.list(run="r4")
    assert (found.id, found.occurrences, found.run, found.last_run) == (known.id, 5, "r1", "r5")
    assert len(quarantine.list(exchange=known.exchange)) == 6
    (third,), (first,) = quarantine.met(known.exchange, "r3"), quarantine.met(known.exchange, "r1")
    assert (third.item.id, third.step, third.segment, third.line) == (known.id, known.step, "9" * 64, 0)
    assert (first.item.id, first.step, first.segment, first.line) == (known.id, known.step, "1" * 64, 0)
    assert quarantine.list(run="r6") == []


def test_other_reasons_or_no_fingerprint_are_other_items(
    quarantine: Quarantine, known: QuarantineItem
) -> None:
    """Only what is the very same refusal counts; items from before there were fingerprints stay alone."""
    quarantine.add([replace(_again(known, "r2"), fingerprint="e" * 64)])
    quarantine.add([replace(_again(known, "r3"), fingerprint="")])
    quarantine.add([replace(_again(known, "r4"), fingerprint="")])
    assert [len(quarantine.list(run=run)) for run in ("r1", "r2", "r3", "r4")] == [1, 1, 1, 1]
    assert quarantine.get(known.id).occurrences == 1


def test_twice_in_one_run_are_two_places_of_one_item(quarantine: Quarantine, known: QuarantineItem) -> None:
    """A source that gives a record twice: the run's own list still names both places."""
    twin = [replace(known, fingerprint="d" * 64, segment="2" * 64, run="r2", line=line) for line in (0, 1)]
    quarantine.add(twin)
    quarantine.add(twin)
    (found,) = quarantine.list(run="r2")
    assert found.occurrences == 2
    assert [one.line for one in quarantine.met(known.exchange, "r2")] == [0, 1]
    assert [item.id for item in quarantine.refused_in(known.exchange, "r2")] == [item.id for item in twin]


def test_what_becomes_of_an_item_that_is_met_again(quarantine: Quarantine, known: QuarantineItem) -> None:
    """Released stays released and counts; repaired counts until it was replayed; then it is a new item."""
    repaired = quarantine.repaired(known.id, "e" * 64, 3)
    quarantine.add([_again(known, "r2")])
    (found,) = quarantine.list(run="r2")
    assert (found.id, found.state, found.occurrences, found.last_run) == (repaired.id, "repaired", 2, "r2")
    assert [item.occurrences for item in quarantine.versions(repaired.id)] == [2, 2]
    quarantine.replayed(repaired.id, "r3")
    quarantine.add([_again(known, "r4")])
    (fresh,) = quarantine.list(run="r4")
    assert (fresh.state, fresh.occurrences, fresh.version) == ("quarantined", 1, 1)
    quarantine.released(fresh.id)
    quarantine.add([_again(known, "r5")])
    (found,) = quarantine.list(run="r5")
    assert (found.id, found.state, found.occurrences) == (fresh.id, "released", 2)
    assert [one.item.id for one in quarantine.met(known.exchange, "r2")] == [known.id]
