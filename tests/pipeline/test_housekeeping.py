"""Housekeeping removes what nothing needs, and nothing else; it may stop anywhere and go on beside runs."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from memory_bus import unit
from sqlalchemy import text

from lienthong import Delivery
from lienthong.connector import TargetCapabilities
from lienthong.errors import Misconfigured, OutcomeUnknown, Permanent, SegmentTampered, Unavailable
from lienthong.keyindex import KeyHasher
from lienthong.ledger import export, verify_bundle
from lienthong.ledger.acts import acts
from lienthong.ledger.holds import Holds, new_hold
from lienthong.pipeline import RunRequest, housekeeping, pull, run_exchange
from lienthong.pipeline.housekeeping import LEAST, Outlook, look, tidy
from lienthong.pipeline.replay import repair, replay
from lienthong.staging import BlobStore, SegmentStore
from lienthong.staging.shelf import Shelf

if TYPE_CHECKING:
    from memory_bus import Bench

pytestmark = pytest.mark.usefixtures("operator")
AGE = timedelta(days=90)
SAID = {"who": "Trần Thị Hoa", "why": "Quy chế lưu trữ, điều 5"}


def later(days: float = 100) -> datetime:
    """A moment from which today's runs are old."""
    return datetime.now(UTC) + timedelta(days=days)


def settled(bench: Bench, run: str = "r1", first: int = 1, **more: Any) -> None:
    bench.source.offers = [unit(n) for n in range(first, first + 9)] + more.pop("extra", [])
    plan = bench.plan(delivery=Delivery(batch=10, parallel=2, attempts=1, quarantine_above=1.0), **more)
    run_exchange(bench.bus, plan, RunRequest(run, since="2026-01-01T00:00:00+07:00"))


def segments(bench: Bench) -> set[str]:
    return {file.digest for file in Shelf.open(bench.bus.config.staging).listed("segments")}


def tidied(bench: Bench, **more: Any) -> Outlook:
    return tidy(bench.bus, AGE, **SAID, **({"at": later()} | more))


def bundle(bench: Bench, run: str, out: Path, *, records: bool = False) -> bool:
    bus = bench.bus
    export(
        bus.ledger, bus.journal, bus.quarantine, exchange="units", run=run, read_segment=bus.store.data,
        read_leaves=bus.store.leaves, documents={}, out=out, records=records,
    )  # fmt: skip
    return verify_bundle(out, trust=bus.trust).ok


def test_an_old_settled_run_goes_and_can_still_be_proved(bench: Bench, tmp_path: Path) -> None:
    """Records and checkpoints go; statements, documents and leaf hashes stay, and the bundle verifies."""
    settled(bench)
    held = segments(bench)
    said = look(bench.bus, AGE, at=later())
    assert (said.segments, said.runs, said.kept) == (len(held), 1, {})
    assert said.checkpoints > 0
    assert segments(bench) == held, "looking removes nothing"
    assert bench.bus.ledger.head().sequence == look_sequence(bench)
    done = tidied(bench)
    assert (done.segments, done.segment_bytes, done.checkpoints) == (
        said.segments, said.segment_bytes, said.checkpoints,
    )  # fmt: skip
    assert segments(bench) == set()
    assert bundle(bench, "r1", tmp_path / "b.zip")
    with pytest.raises(SegmentTampered, match="not in the staging store") as caught:
        bundle(bench, "r1", tmp_path / "c.zip", records=True)
    assert "housekeeping" in caught.value.hint
    assert bench.bus.ledger.check(bench.bus.trust) == []
    assert len(bench.bus.journal.deliveries(exchange="units")) == 1


def look_sequence(bench: Bench) -> int:
    """The log's last sequence by its table."""
    with bench.bus.database.read() as one:
        return int(one.execute(text("SELECT max(sequence) FROM lt_statement")).scalar_one())


def test_the_act_names_what_went(bench: Bench) -> None:
    """Who, why, since when, how much, and the list of all that was removed, kept under its digest."""
    settled(bench)
    held = segments(bench)
    tidied(bench)
    (found,) = acts(bench.bus.ledger)
    assert (found.name, found.who, found.why) == ("housekeeping", SAID["who"], SAID["why"])
    listed = json.loads(bench.bus.ledger.document(found.subject["list"]) or b"")
    assert set(listed["segments"]) == held
    assert listed["checkpoints"] == [["units", "r1"]]
    tidied(bench)
    assert len(acts(bench.bus.ledger)) == 1, "where nothing is to go nothing is signed"


def test_without_a_name_or_a_reason_nothing_goes(bench: Bench) -> None:
    """Nor where the age is below a day."""
    settled(bench)
    for said in ({"who": " ", "why": "x"}, {"who": "x", "why": ""}):
        with pytest.raises(Misconfigured):
            tidy(bench.bus, AGE, at=later(), **said)
    with pytest.raises(Misconfigured):
        look(bench.bus, LEAST - timedelta(seconds=1))
    assert segments(bench)


def test_what_is_young_stays(bench: Bench) -> None:
    """A run counts from when it settled, a file from when it was stored last."""
    settled(bench)
    assert tidy(bench.bus, AGE, **SAID).segments == 0
    held = segments(bench)
    for file in Path(bench.bus.config.staging).rglob("*.zst"):
        os.utime(file, (0, 0))
    assert look(bench.bus, AGE).kept == {"a run that is not old enough": len(held)}


def test_a_file_that_is_stored_again_is_young_again(bench: Bench) -> None:
    """A new run that pulls the very same bytes finds the old file: it must not go before its checkpoint."""
    store = bench.bus.store
    segment = store.write([b'{"a":1}'])
    reference = bench.bus.blobs.write([b"abc"])
    for file in Path(bench.bus.config.staging).rglob("*"):
        if file.is_file():
            os.utime(file, (0, 0))
    assert (look(bench.bus, AGE).segments, look(bench.bus, AGE).blobs) == (1, 1)
    store.write([b'{"a":1}'])
    bench.bus.blobs.write([b"abc"])
    assert tidy(bench.bus, AGE, **SAID).segments == 0
    assert store.read(segment) == [b'{"a":1}']
    assert b"".join(bench.bus.blobs.open(reference)) == b"abc"


def test_open_runs_keep_what_they_pulled(bench: Bench) -> None:
    """A run that was interrupted can go on after years; closed by a person, it goes like a settled one."""
    bench.source.offers = [unit(n) for n in range(1, 10)]
    pull(bench.bus, bench.plan(), RunRequest("r1"))
    assert tidied(bench).kept == {"an open run": 1}
    assert run_exchange(bench.bus, bench.plan(), RunRequest("r1")).counts["acknowledged"] == 9
    bench.source.offers = [unit(n) for n in range(20, 25)]
    pull(bench.bus, bench.plan(), RunRequest("r2"))
    bench.bus.journal.close_run("units", "r2", "Hoa", "nguồn đã ngừng")
    assert tidied(bench).kept == {}
    assert segments(bench) == set()


def test_a_delivery_in_doubt_keeps_its_segment(bench: Bench) -> None:
    """Whoever finds out what became of it needs the records; resolved and closed, they may go."""
    bench.target.can = TargetCapabilities()
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    bench.source.offers = [unit(1)]
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, bench.plan(delivery=Delivery(batch=10, attempts=1)), RunRequest("r1"))
    with bench.bus.database.write() as one:  # as if it had been closed in spite of the doubt
        one.execute(text("UPDATE lt_run SET closed_at = '2026-01-01T00:00:00.000000Z'"))
    assert tidied(bench).kept == {"a delivery in doubt": 1}
    (state,) = bench.bus.journal.deliveries(exchange="units")
    bench.bus.journal.answered(state.id, "acknowledged", total=1)
    assert tidied(bench).segments == 1


def test_quarantine_keeps_what_is_not_done_with(bench: Bench) -> None:
    """Refused bytes and their repair stay until the item was replayed or released."""
    settled(bench, extra=[unit(50, CapDonVi="nonsense"), unit(51, CapDonVi="nonsense")])
    first, second = bench.bus.quarantine.list(exchange="units")
    fixed, _ = repair(bench.bus, first.id, unit(50))
    done = tidied(bench)
    assert segments(bench) == {first.segment, second.segment, fixed.segment}
    assert done.kept == {"a quarantined record that is not done with": len(segments(bench))}
    bench.bus.quarantine.released(second.id)
    assert tidied(bench).segments == (first.segment != second.segment)
    replay(bench.bus, bench.plan())
    assert tidied(bench, at=later(300)).kept == {}
    assert segments(bench) == set()


def test_legal_holds(bench: Bench) -> None:
    """A run under a hold keeps everything, checkpoints included; lifted, it goes."""
    settled(bench, "r1")
    settled(bench, "r2", first=20)
    before = segments(bench)
    holds = Holds(bench.bus.database)
    hold = holds.place(new_hold("units", "r1", by="Hoa", why="thanh tra"))
    done = tidied(bench)
    assert done.runs == 1
    assert done.kept == {"a legal hold": len(segments(bench))}
    assert segments(bench) < before
    assert bench.bus.journal.step("units", "r1", "pull.sealed", 0) is not None
    whole = holds.place(new_hold("units", None, by="Hoa", why="toà án"))
    holds.lift(hold.id)
    assert tidied(bench).kept == {"a legal hold": len(segments(bench))}
    holds.lift(whole.id)
    assert tidied(bench).kept == {}
    with pytest.raises(Permanent, match="was lifted"):
        holds.lift(whole.id)
    assert [item.why for item in holds.list(lifted=True)] == ["thanh tra", "toà án"]


def test_a_hold_placed_after_the_checkpoints_went(bench: Bench, tmp_path: Path) -> None:
    """Then the statements tell what belongs to the run."""
    settled(bench, extra=[unit(50, CapDonVi="nonsense")])
    bench.bus.quarantine.released(bench.bus.quarantine.list()[0].id)
    held = segments(bench)
    with bench.bus.database.write() as one:
        one.execute(text("DELETE FROM lt_step"))
    Holds(bench.bus.database).place(new_hold("units", "r1", by="Hoa", why="thanh tra"))
    assert tidied(bench).kept == {"a legal hold": len(held)}
    assert bundle(bench, "r1", tmp_path / "b.zip", records=True)


def test_a_hold_placed_meanwhile_stops_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the removal somebody places a hold: nothing goes."""
    settled(bench)
    held = segments(bench)
    keep = bench.bus.store.keep_leaves

    def slowly(digest: str) -> None:
        if not Holds(bench.bus.database).list():
            Holds(bench.bus.database).place(new_hold("units", None, by="Hoa", why="thanh tra"))
        keep(digest)

    monkeypatch.setattr(bench.bus.store, "keep_leaves", slowly)
    with pytest.raises(Unavailable, match="hold"):
        tidied(bench)
    assert segments(bench) == held


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("stop_at", range(1, 12, 2))
def test_a_crash_anywhere_is_harmless(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    """Killed before any of its changes, it goes on the next time, and the run can be proved at any moment."""
    settled(bench, extra=[unit(50, CapDonVi="nonsense")])
    bench.bus.quarantine.released(bench.bus.quarantine.list()[0].id)
    count = iter(range(1, 1000))

    def dying(call: Any) -> Any:
        def work(*args: Any, **kwargs: Any) -> Any:
            if next(count) == stop_at:
                raise Killed
            return call(*args, **kwargs)

        return work

    monkeypatch.setattr(Shelf, "remove", dying(Shelf.remove))
    monkeypatch.setattr(SegmentStore, "keep_leaves", dying(SegmentStore.keep_leaves))
    for name in ("act", "Retention"):
        monkeypatch.setattr(housekeeping, name, dying(getattr(housekeeping, name)))
    try:
        tidied(bench)
    except Killed:
        assert bundle(bench, "r1", tmp_path / "a.zip")
    monkeypatch.undo()
    tidy_signer(bench, monkeypatch)
    tidied(bench)
    assert segments(bench) == set()
    assert bundle(bench, "r1", tmp_path / "b.zip")
    assert bench.bus.ledger.check(bench.bus.trust) == []


def tidy_signer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the operator's key back after `undo`."""
    from operators import operator_signer

    from lienthong.signing import KeyRing

    signer = operator_signer(bench.bus.config.home)
    monkeypatch.setattr(KeyRing, "operator", lambda ring, name=None: signer, raising=False)


def test_a_settled_run_that_was_tidied_is_not_run_again(bench: Bench) -> None:
    """Airflow's Clear on a run of last year pulls nothing again under its old name."""
    settled(bench)
    tidied(bench)
    asked = len(bench.source.asked)
    plan = bench.plan(delivery=Delivery(batch=10, parallel=2, attempts=1, quarantine_above=1.0))
    with pytest.raises(Permanent, match="housekeeping removed its checkpoints"):
        run_exchange(bench.bus, plan, RunRequest("r1", since="2026-01-01T00:00:00+07:00"))
    assert len(bench.source.asked) == asked


def test_attachments_go_with_the_last_record_that_names_them(bench: Bench) -> None:
    """One that an old, kept record still names stays; an unnamed one goes; unfinished files go."""
    store, blobs = bench.bus.store, bench.bus.blobs
    named, unnamed, shared = (blobs.write([word]) for word in (b"named", b"unnamed", b"shared"))
    for run, references in (("r1", (named, shared)), ("r2", (shared,))):
        bench.bus.journal.open_run("units", run, digest="d" * 64)
        records = [json.dumps({"file": one.as_dict()}).encode() for one in references]
        step = {"segments": [store.write(records).as_dict()]}
        bench.bus.journal.save_step("units", run, "pull.sealed", 0, step)
    bench.bus.journal.settle("units", "r1", cursor=None, validators={}, counts={})
    left = Path(bench.bus.config.staging) / "segments" / "ab" / ".sealing-x"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"half")
    done = tidied(bench)
    assert (done.segments, done.blobs, done.leftovers) == (1, 2, 1)
    names = {file.digest for file in Shelf.open(bench.bus.config.staging).listed("blobs")}
    assert names == {shared.digest}
    assert {named.digest, unnamed.digest}.isdisjoint(names)
    assert not left.exists()


def test_damaged_segments_and_key_indexes_stay_and_are_named(bench: Bench) -> None:
    """What is not what its name says is kept for investigation, and so is a segment whose index is torn."""
    store, root = bench.bus.store, Path(bench.bus.config.staging)
    hasher = KeyHasher(b"secret", "x")
    sound, torn = (
        store.write([word], keys=hasher.many([word.decode()]), numbers=1, key_id=hasher.key_id)
        for word in (b'{"a":1}', b'{"a":2}')
    )
    damaged = store.write([b'{"a":3}'])
    bench.bus.journal.open_run("units", "r1", digest="d" * 64)
    step = {"segments": [one.as_dict() for one in (sound, torn, damaged)]}
    bench.bus.journal.save_step("units", "r1", "pull.sealed", 0, step)
    bench.bus.journal.settle("units", "r1", cursor=None, validators={}, counts={})
    (root / f"indexes/{torn.index[:2]}/{torn.index}.kix").write_bytes(b"torn")
    (root / f"segments/{damaged.digest[:2]}/{damaged.digest}.ndjson.zst").write_bytes(b"other")
    done = tidied(bench)
    assert (done.segments, sorted(done.damaged)) == (1, sorted([torn.digest, damaged.digest]))
    assert segments(bench) == {torn.digest, damaged.digest}
    assert SegmentStore.open(str(root)).index(sound).rows


def test_beside_live_runs(bench: Bench) -> None:
    """Runs that pull, validate and deliver all the while lose nothing, though they meet old bytes again."""
    settled(bench)
    stop = threading.Event()
    faults: list[BaseException] = []

    def keep_house() -> None:
        while not stop.is_set():
            for file in Path(bench.bus.config.staging).rglob("*.zst"):
                try:
                    if time.time() - file.stat().st_mtime > 2:
                        os.utime(file, (0, 0))  # what was not needed for two seconds is old
                except OSError:
                    continue
            try:
                tidy(bench.bus, AGE, **SAID)
            except BaseException as error:
                faults.append(error)
                return

    thread = threading.Thread(target=keep_house)
    with bench.bus.database.write() as one:
        one.execute(text("UPDATE lt_run SET settled_at = '2026-01-01T00:00:00.000000Z'"))
    thread.start()
    try:
        for number in range(12):
            settled(bench, f"live{number}", first=1 + number % 3)  # partly the very same bytes again
    finally:
        stop.set()
        thread.join(120)
    assert faults == []
    for number in range(12):
        assert bench.bus.journal.run("units", f"live{number}").settled


@pytest.fixture
def cloud(bench: Bench) -> Iterator[str]:
    """An object store, in memory."""
    url = "memory://housekeeping"
    bench.bus.config = type(bench.bus.config)(
        **{name: getattr(bench.bus.config, name) for name in bench.bus.config.__slots__} | {"staging": url}
    )
    bench.bus.__dict__.pop("store", None)
    bench.bus.__dict__.pop("blobs", None)
    yield url
    fsspec.filesystem("memory").rm("/housekeeping", recursive=True)


def test_an_object_store(bench: Bench, cloud: str, tmp_path: Path) -> None:
    """The same through fsspec: old objects go, the run can be proved, one stored again is young."""
    settled(bench)
    assert BlobStore.open_at(cloud).write([b"abc"]).size == 3
    done = tidied(bench)
    assert done.segments > 0
    assert done.blobs == 1
    assert segments(bench) == set()
    assert bundle(bench, "r1", tmp_path / "b.zip")
