"""What the model of versions found (tests/field), each as the few acts that show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from memory_bus import Bench, unit

from lienthong import Delivery
from lienthong.connector import TargetCapabilities
from lienthong.errors import OutcomeUnknown, Unavailable
from lienthong.ledger import export, verify_bundle
from lienthong.pipeline import RunRequest, pull, run_exchange, validate
from lienthong.pipeline.compacting import maintain
from lienthong.pipeline.replay import repair, replay_items


def test_a_task_of_a_settled_run_that_is_done_again_alone(bench: Bench, tmp_path: Path) -> None:
    """Somebody clears a task of a settled run without what follows it: the run's evidence stays whole."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    plan, request, bus = bench.plan(), RunRequest("r1"), bench.bus
    run_exchange(bus, plan, request)
    for part in pull(bus, plan, request):
        validate(bus, plan, request, part)
    bundle = tmp_path / "run.zip"
    export(
        bus.ledger, bus.journal, bus.quarantine, exchange="units", run="r1", read_segment=bus.store.data,
        documents={}, out=bundle,
    )  # fmt: skip
    assert verify_bundle(bundle, trust=bus.trust).ok
    assert bus.ledger.check(bus.trust) == []


def test_an_index_that_was_lost_after_the_hash_key_changed(bench: Bench) -> None:
    """It is made again under the former secret, under which it was made: nothing is sent twice."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    file = bench.bus.config.hash_key_file
    file.write_text("f" * 64 + "\n" + file.read_text())
    bench.bus.__dict__.pop("hash_keys")
    for index in (bench.bus.config.home / "staging" / "indexes").rglob("*.kix"):
        index.unlink()
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r2", since="2020-01-01T00:00:00+07:00"))
    assert settled.counts["unchanged"] == 5
    assert set(bench.target.effects.values()) == {1}


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("first", ["refused", "sound"])
def test_a_repaired_record_and_another_version_of_its_pull(bench: Bench, first: str, batch: int) -> None:
    """One pull brings two versions of a key, one is refused: repaired, it goes if it was the later one."""
    versions = {"refused": unit(1, CapDonVi="nonsense"), "sound": unit(1, TenDonVi="sound")}
    bench.source.offers = [versions.pop(first), *versions.values()]
    plan = bench.plan(delivery=Delivery(batch=batch, attempts=1, quarantine_above=1.0))
    run_exchange(bench.bus, plan, RunRequest("r1"))
    (item,) = bench.bus.quarantine.list(exchange="units")
    repair(bench.bus, item.id, unit(1))
    found = replay_items(bench.bus, plan)
    assert (len(found.settled), len(found.older)) == ((0, 1) if first == "refused" else (1, 0))


def test_housekeeping_goes_on_where_a_key_index_is_lost(bench: Bench) -> None:
    """It merges what it can; the next run makes the index again, and nothing is sent twice."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    for index in (bench.bus.config.home / "staging" / "indexes").rglob("*.kix"):
        index.unlink()
    assert maintain(bench.bus, 0.0) == (0, 0)
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r2", since="2020-01-01T00:00:00+07:00"))
    assert settled.counts["unchanged"] == 5
    assert maintain(bench.bus, 0.0) == (1, 0)


def test_a_run_that_was_begun_before_the_hash_key_changed(bench: Bench) -> None:
    """Its keys are hashed under the former secret; it sees what others delivered under the new one."""
    late = bench.plan(delivery=Delivery(batch=10, attempts=1))
    bench.source.offers = [unit(n) for n in range(1, 6)]
    bench.target.answer_with = [Unavailable("down")]
    with pytest.raises(Unavailable):
        run_exchange(bench.bus, late, RunRequest("r1"))
    file = bench.bus.config.hash_key_file
    file.write_text("f" * 64 + "\n" + file.read_text())
    bench.bus.__dict__.pop("hash_keys")
    run_exchange(bench.bus, bench.plan(id="others"), RunRequest("r2"))
    assert run_exchange(bench.bus, late, RunRequest("r1")).counts["unchanged"] == 5
    assert set(bench.target.effects.values()) == {1}


def test_a_log_that_is_read_again_does_not_take_a_repaired_record_back(bench: Bench) -> None:
    """A pull brings A and then B, which is refused, repaired and replayed: A, read again, is older than B."""
    bench.source.offers = [unit(1, TenDonVi="A"), unit(1, TenDonVi="B", CapDonVi="nonsense")]
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1, quarantine_above=1.0))
    run_exchange(bench.bus, plan, RunRequest("r1"))
    (item,) = bench.bus.quarantine.list(exchange="units")
    repair(bench.bus, item.id, unit(1, TenDonVi="B"))
    replay_items(bench.bus, plan)
    run_exchange(bench.bus, plan, RunRequest("r2", since="2020-01-01T00:00:00+07:00"))
    assert [record["TenDonVi"] for batch in bench.target.batches for record in batch.objects()] == ["A", "B"]


@pytest.mark.parametrize("others", [False, True], ids=["alone", "two exchanges"])
def test_a_log_that_is_read_again_and_again(bench: Bench, *, others: bool) -> None:
    """However often it is read, and whoever reads it, too: what it gives for ever grows no newer by that."""
    bench.source.offers = [unit(1, TenDonVi="A"), unit(1, TenDonVi="B", CapDonVi="nonsense")]
    delivery, again = Delivery(batch=10, attempts=1, quarantine_above=1.0), "2020-01-01T00:00:00+07:00"
    plans = [bench.plan(id=name, delivery=delivery) for name in ("units", "more")[: 1 + others]]
    for plan in plans:
        run_exchange(bench.bus, plan, RunRequest("r1"))
        for item in bench.bus.quarantine.list(exchange=plan.exchange.id):
            repair(bench.bus, item.id, unit(1, TenDonVi="B"))
    for plan in plans:
        replay_items(bench.bus, plan)
    for name in ("r2", "r3", "r4"):
        for plan in plans:
            run_exchange(bench.bus, plan, RunRequest(name, since=again))
    landed = [record["TenDonVi"] for batch in bench.target.batches for record in batch.objects()]
    assert landed[landed.index("B") :] == ["B"]


def test_a_table_that_changes_after_a_replay_is_read_as_it_is(bench: Bench) -> None:
    """Only what comes again exactly keeps its number: what changed since goes over the repaired record."""
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1, quarantine_above=1.0))
    bench.source.offers = [unit(1, CapDonVi="nonsense"), unit(2, TenDonVi="B")]
    run_exchange(bench.bus, plan, RunRequest("r1"))
    (item,) = bench.bus.quarantine.list(exchange="units")
    repair(bench.bus, item.id, unit(1, TenDonVi="repaired"))
    replay_items(bench.bus, plan)
    bench.source.offers = [unit(1, TenDonVi="new"), unit(2, TenDonVi="B")]
    settled = run_exchange(bench.bus, plan, RunRequest("r2", since="2020-01-01T00:00:00+07:00"))
    assert (settled.counts["acknowledged"], settled.counts["unchanged"]) == (1, 1)
    assert [record["TenDonVi"] for batch in bench.target.batches for record in batch.objects()] == [
        "B", "repaired", "new",
    ]  # fmt: skip


def test_what_a_person_says_was_not_taken_is_sent_by_the_next_run(bench: Bench) -> None:
    """One record of a delivery is unchanged, the other in doubt and then not taken: it is not there."""
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1))
    bench.source.offers = [unit(1), unit(2, TenDonVi="C")]
    again = "2020-01-01T00:00:00+07:00"
    run_exchange(bench.bus, plan, RunRequest("r1"))
    bench.source.offers = [unit(1), unit(2, TenDonVi="B")]
    bench.target.can = TargetCapabilities(repeatable=False, lookup=False)
    bench.target.answer_with = [OutcomeUnknown("cut")]
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, plan, RunRequest("r2", since=again), sleep=lambda _: None)
    (doubt,) = [item for item in bench.bus.journal.deliveries(run="r2") if item.state == "unknown"]
    bench.bus.journal.not_taken(doubt.id)
    bench.bus.journal.close_run("units", "r2", by="Lan", why="test")
    settled = run_exchange(bench.bus, plan, RunRequest("r3", since=again))
    assert (settled.counts["acknowledged"], settled.counts["unchanged"]) == (1, 1)
    assert bench.target.batches[-1].objects()[-1]["TenDonVi"] == "B"


def test_a_doubt_that_a_run_could_not_settle_stays_in_its_way(bench: Bench) -> None:
    """A run sends an earlier one's delivery again, is cut and tried again: first the old, then its own.

    Having asked about it, the run took it for its own, and sent the newer version past it.
    """
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1))
    bench.target.can = TargetCapabilities(repeatable=True, lookup=False)
    for run, value in (("r1", "old"), ("r2", "new")):
        bench.source.offers = [unit(1, TenDonVi=value)]
        bench.target.answer_with = [OutcomeUnknown("cut")]
        with pytest.raises(OutcomeUnknown):
            run_exchange(bench.bus, plan, RunRequest(run), sleep=lambda _: None)
    sent = len(bench.target.batches)
    run_exchange(bench.bus, plan, RunRequest("r2"))
    later = [record["TenDonVi"] for batch in bench.target.batches[sent:] for record in batch.objects()]
    assert later == ["old", "new"]
