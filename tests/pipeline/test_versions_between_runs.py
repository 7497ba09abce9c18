"""What runs that died, trials and replays leave behind never puts an old version over a newer one.

Nor does it make the newest one pass for delivered.
"""

from __future__ import annotations

from typing import Any

import pytest
from memory_bus import SYSTEMS, Bench, MemoryTarget, OpenMemory, System, unit

from lienthong import Delivery, Target
from lienthong.connector import Answer, Batch
from lienthong.errors import LienThongError, OutcomeUnknown, Unavailable
from lienthong.pipeline import Plan, RunRequest, pull, push, run_exchange, settle, transform, validate
from lienthong.pipeline.replay import repair, replay_items
from lienthong.pipeline.staging_run import run_from_staging
from lienthong.records import canonical, parse

_AT = "2026-01-01T00:00:00+07:00"


def named(*names: str, **changes: Any) -> list[Any]:
    """Return one version of key 1, 2 … each, all of one moment."""
    return [unit(key, TenDonVi=name, NgayCapNhat=_AT, **changes) for key, name in enumerate(names, 1)]


def versions(*names: str) -> list[Any]:
    """Return several versions of one key."""
    return [unit(1, TenDonVi=name, NgayCapNhat=_AT) for name in names]


def _half(opened: OpenMemory, batch: Batch) -> Answer:
    """Take the first record of a batch, then be cut off."""
    opened.system.effects[batch.records[0]] = 1
    raise OutcomeUnknown("cut")


def run(bench: Bench, plan: Plan, name: str, **how: Any) -> dict[str, int]:
    """Run an exchange to its end; return the counts that are not 0."""
    settled = run_exchange(bench.bus, plan, RunRequest(name, **how), sleep=lambda _: None)
    return {name: count for name, count in settled.counts.items() if count}


def die_after_push(bench: Bench, plan: Plan, name: str, *, settled: bool = False) -> None:
    """Push a run, which then dies."""
    request = RunRequest(name)
    parts = pull(bench.bus, plan, request)
    for step in (validate, transform, push):
        parts = [step(bench.bus, plan, request, part) for part in parts]
    if settled:
        settle(bench.bus, plan, request)


def landed(system: System) -> list[str]:
    """Return the names that were sent, in order."""
    return [record["TenDonVi"] for batch in system.batches for record in batch.objects()]


def holds(system: System) -> dict[str, str]:
    """Return what a target that replaces by key has, where it took all that was sent."""
    return {record["MaDonVi"]: record["TenDonVi"] for batch in system.batches for record in batch.objects()}


def test_there_and_back_after_a_trial_that_found_nothing_to_send(bench: Bench) -> None:
    """A trial passed A over; then B was delivered; then A comes back, and is sent."""
    plan = bench.plan()
    for name, value, how in (
        ("first", "A", {}),
        ("trial", "A", {"limit": 5}),
        ("other", "B", {"limit": 5}),
        ("back", "A", {}),
    ):
        bench.source.offers = versions(value)
        run(bench, plan, name, **how)
    assert landed(bench.target) == ["A", "B", "A"]


def test_there_and_back_after_a_run_that_sent_nothing(bench: Bench) -> None:
    """What a failed run intended is not shared by a newer run of the same records: its numbers are old."""
    plan = bench.plan()
    bench.source.offers = versions("A")
    bench.target.answer_with = [Unavailable("down"), Unavailable("down")]
    with pytest.raises(Unavailable):
        run(bench, plan, "failed")
    bench.target.batches.clear()
    bench.source.offers = versions("B")
    run(bench, plan, "trial", limit=5)
    bench.source.offers = versions("A")
    run(bench, plan, "back")
    assert landed(bench.target) == ["B", "A"]


def test_a_key_of_several_versions_in_the_window_is_compared_at_the_target(bench: Bench) -> None:
    """A run read A and then B of one key; if the source then gives A alone, the target gets A."""
    plan = bench.plan()
    for number, (given, sent) in enumerate(
        ((["A"], ["A"]), (["A", "B"], ["A", "B"]), (["A"], ["A", "B", "A"]), (["A"], ["A", "B", "A"]))
    ):
        bench.source.offers = versions(*given)
        run(bench, plan, f"r{number}")
        assert landed(bench.target) == sent, number


def test_the_rest_of_a_delivery_in_doubt_is_compared_before_it_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a batch arrived, a newer run brought the other half's new version: the old one stays."""
    deliver, plan = OpenMemory.deliver, bench.plan()

    bench.source.offers = named("old", "old")
    monkeypatch.setattr(OpenMemory, "deliver", _half)
    with pytest.raises(OutcomeUnknown):
        die_after_push(bench, plan, "died")
    monkeypatch.setattr(OpenMemory, "deliver", deliver)
    bench.source.offers = named("new", "new")
    run(bench, plan, "trial", limit=5)
    bench.source.offers = named("old", "old")
    assert run(bench, plan, "died") == {"pulled": 2, "acknowledged": 1, "superseded": 1}
    assert landed(bench.target) == ["new", "new"]
    bench.source.offers = named("old", "new")  # what came before "new" counts as older, though answered later
    run(bench, plan, "back")
    assert holds(bench.target) == {"00001": "old", "00002": "new"}


def test_what_was_left_out_of_a_delivery_in_doubt_is_not_taken_for_delivered(bench: Bench) -> None:
    """A key twice in a batch that never arrived: the older line was not sent, so it has not arrived."""
    plan = bench.plan(delivery=Delivery(batch=2, attempts=1))
    bench.source.offers = versions("A", "A")
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    with pytest.raises(OutcomeUnknown):
        run(bench, plan, "died")
    bench.source.offers = named("A", "B")
    run(bench, plan, "next")
    assert {parse(data)["MaDonVi"] for data in bench.target.effects} == {"00001", "00002"}


@pytest.mark.parametrize("names", ["ABC", "ABA"])
def test_all_versions_after_a_run_that_died(bench: Bench, names: str) -> None:
    """An earlier run brought every version in order: none goes again, least of all an older one."""
    plan = bench.plan(delivery=Delivery(batch=10, parallel=1, attempts=2, versions="all"))
    bench.source.offers = versions(*names)
    die_after_push(bench, plan, "died")
    assert run(bench, plan, "next") == {"pulled": 3, "acknowledged": 3}
    assert landed(bench.target) == list(names)


def test_all_versions_again_after_something_else(bench: Bench) -> None:
    """Where the last version is gone from the target, the whole order goes again."""
    plan = bench.plan(delivery=Delivery(batch=10, parallel=1, attempts=2, versions="all"))
    for name, values in (("one", "ABC"), ("two", "D")):
        bench.source.offers = versions(*values)
        die_after_push(bench, plan, name)
    bench.source.offers = versions(*"ABC")
    run(bench, plan, "next")
    assert landed(bench.target) == list("ABCDABC")


def test_a_pull_that_goes_on_later_reads_newer_versions(bench: Bench) -> None:
    """A run opened first reads last: what it reads counts as the newest."""
    plan = bench.plan()
    bench.source.offers = versions("old")
    bench.source.break_reading = {0: Unavailable("down")}
    with pytest.raises(LienThongError):
        pull(bench.bus, plan, RunRequest("slow"))
    bench.source.break_reading.clear()
    run(bench, plan, "trial", limit=5)
    bench.source.offers = [unit(1, TenDonVi="new", NgayCapNhat="2026-01-02T00:00:00+07:00")]
    assert run(bench, plan, "slow") == {"pulled": 1, "acknowledged": 1}


@pytest.mark.parametrize("settled", [True, False])
def test_what_was_delivered_elsewhere_is_not_there(bench: Bench, settled: bool) -> None:
    """A trial, or a run that died, into another table of the connection leaves nothing out of this one."""
    SYSTEMS["other"] = System()
    bench.source.offers = named("A", "A", "A")
    trial = bench.plan(target=Target("target", MemoryTarget("other")))
    if settled:
        run(bench, trial, "trial", limit=2)
    else:
        die_after_push(bench, trial, "died")
    run(bench, bench.plan(), "real")
    assert set(bench.target.effects) == set(map(canonical, bench.source.offers))


def test_a_repaired_record_does_not_go_over_one_met_again_since(bench: Bench) -> None:
    """A delivered, B set aside, A met again: B, repaired, is older than what the target has."""
    plan = bench.plan(delivery=Delivery(batch=10, attempts=2, quarantine_above=1.0))
    for name, record in (("one", named("A")), ("two", named("B", CapDonVi="?")), ("three", named("A"))):
        bench.source.offers = record
        run(bench, plan, name)
    (item,) = bench.bus.quarantine.list(exchange="units")
    repair(bench.bus, item.id, named("B")[0])
    done = replay_items(bench.bus, plan)
    assert (len(done.settled), len(done.older)) == (0, 1)
    assert landed(bench.target) == ["A"]


def test_a_replay_that_died_goes_on_under_another_agreement(bench: Bench) -> None:
    """The agreement was what was wrong: mended, the same items are asked for again."""
    delivery = Delivery(batch=10, attempts=1, quarantine_above=1.0)
    bench.source.offers = named("A", CapDonVi="?")
    run(bench, bench.plan(delivery=delivery), "one")
    (item,) = bench.bus.quarantine.list(exchange="units")
    repair(bench.bus, item.id, named("A")[0])
    bench.target.answer_with = [Unavailable("down")]
    with pytest.raises(Unavailable):
        replay_items(bench.bus, bench.plan(delivery=delivery))
    bench.target.batches.clear()
    replay_items(bench.bus, bench.plan(delivery=Delivery(batch=9, attempts=1, quarantine_above=1.0)))
    assert landed(bench.target) == ["A"]


def test_a_replay_whose_run_was_closed(bench: Bench) -> None:
    """A person closed the run of a replay: the items can be asked for again."""
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1, quarantine_above=1.0))
    bench.source.offers = named("A", CapDonVi="?")
    run(bench, plan, "one")
    (item,) = bench.bus.quarantine.list(exchange="units")
    repair(bench.bus, item.id, named("A")[0])
    bench.target.answer_with = [Unavailable("down")]
    with pytest.raises(Unavailable):
        replay_items(bench.bus, plan)
    (died,) = [state.run for state in bench.bus.journal.runs("units") if state.kind == "replay"]
    bench.bus.journal.close_run("units", died, by="An", why="thử")
    (done,) = replay_items(bench.bus, plan).settled
    assert (done.run, done.counts["acknowledged"]) == (f"{died}_2", 1)


def test_from_staging_under_a_mapping_that_comes_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One mapping, another, and the first again: the third run is a run of its own, not the first one."""
    plan = bench.plan()
    bench.source.offers = versions("A")
    run(bench, plan, "one")
    names = []
    for mapping in ("1" * 8, "2" * 8, "1" * 8):
        monkeypatch.setattr("lienthong.pipeline.staging_run._contents", lambda _, found=mapping: found)
        names.append(run_from_staging(bench.bus, plan, "one").run)
    assert len(set(names)) == 3


def test_a_staged_run_of_a_staged_run_keeps_the_versions(bench: Bench) -> None:
    """Records keep the number of the run that pulled them, however often they are taken from staging."""
    plan = bench.plan()
    bench.source.offers = versions("old")
    run(bench, plan, "one")
    bench.source.offers = versions("new")
    run(bench, plan, "two")
    first = run_from_staging(bench.bus, plan, "one")
    second = run_from_staging(bench.bus, plan, first.run)
    assert (first.counts["superseded"], second.counts["superseded"]) == (1, 1)
    assert landed(bench.target) == ["old", "new"]


def test_a_delivery_in_doubt_that_is_shared_is_not_in_its_own_way(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a batch arrived; the next run has the very same batch, and sends the other half."""
    deliver, plan = OpenMemory.deliver, bench.plan()

    bench.source.offers = named("A", "A")
    monkeypatch.setattr(OpenMemory, "deliver", _half)
    with pytest.raises(OutcomeUnknown):
        die_after_push(bench, plan, "died")
    monkeypatch.setattr(OpenMemory, "deliver", deliver)
    assert run(bench, plan, "next") == {"pulled": 2, "acknowledged": 2}
    assert sorted(bench.target.effects.values()) == [1, 1]


def test_a_doubt_about_another_version_is_found_out_first(bench: Bench) -> None:
    """One run brought A, the next one's B is in doubt, and a third has A again: it asks, and goes on."""
    plan = bench.plan()
    bench.source.offers = versions("A")
    die_after_push(bench, plan, "one")
    bench.source.offers = versions("B")
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    with pytest.raises(OutcomeUnknown):
        die_after_push(bench, plan, "two")
    bench.source.offers = versions("A")
    run(bench, plan, "three")
    assert landed(bench.target) == ["A", "B", "A"]
