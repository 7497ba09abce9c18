"""Nothing old over something newer: runs, parts, replays and exchanges that share a table."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from memory_bus import SYSTEMS, MemoryTarget, OpenMemory, System, unit

from lienthong import Delivery, Target
from lienthong.connector import TargetCapabilities
from lienthong.errors import InvalidExchange, OutcomeUnknown, SegmentTampered, StaleRun, Unavailable
from lienthong.ledger.key_levels import KeyLevels
from lienthong.pipeline import RunRequest, pull, push, run_exchange, settle, transform, validate
from lienthong.pipeline.compacting import maintain
from lienthong.pipeline.places import scope_in
from lienthong.pipeline.replay import repair, replay, replay_items
from lienthong.pipeline.staging_run import run_from_staging

if TYPE_CHECKING:
    from memory_bus import Bench

    from lienthong.connector import Answer, Batch

BAD = {"CapDonVi": "nonsense"}
LAX = Delivery(batch=10, parallel=2, attempts=1, quarantine_above=1.0)


def no_sleep(_seconds: float) -> None:
    """Do not wait between tries."""


def held(bench: Bench, system: System | None = None) -> dict[str, str]:
    """Return what a table with the key as primary key would hold after all batches."""
    table: dict[str, str] = {}
    for batch in (system or bench.target).batches:
        table |= {record["MaDonVi"]: record["TenDonVi"] for record in batch.objects()}
    return table


def names_sent(bench: Bench) -> list[str]:
    return [record["TenDonVi"] for batch in bench.target.batches for record in batch.objects()]


def counted(counts: Any) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def day(number: int) -> str:
    return f"2026-01-{number:02}T00:00:00+07:00"


def offer(bench: Bench, name: str, at: int, **more: Any) -> None:
    bench.source.offers = [unit(1, TenDonVi=name, NgayCapNhat=day(at), **more)]


def go(bench: Bench, run: str, **more: Any) -> dict[str, int]:
    plan = more.pop("plan", None) or bench.plan(delivery=LAX)
    return counted(run_exchange(bench.bus, plan, RunRequest(run, **more), sleep=no_sleep).counts)


def test_a_stale_run_that_is_tried_again_sends_nothing(bench: Bench) -> None:
    """Run 1 fails, run 2 settles with something newer: run 1 ends before it sends, not after."""
    offer(bench, "old", 1)
    bench.target.answer_with = [Unavailable("down")]
    with pytest.raises(Unavailable):
        go(bench, "r1")
    offer(bench, "new", 2)
    go(bench, "r2")
    with pytest.raises(StaleRun, match="'r2' of this exchange settled"):
        go(bench, "r1")
    assert held(bench) == {"00001": "new"}
    assert not bench.bus.journal.run("units", "r1").settled


def test_a_run_that_a_limited_run_overtook_leaves_newer_keys_alone(bench: Bench) -> None:
    """A limited run moves no cursor, so the older run may go on; its old version is superseded."""
    offer(bench, "old", 1)
    bench.target.answer_with = [Unavailable("down")]
    with pytest.raises(Unavailable):
        go(bench, "r1")
    offer(bench, "new", 2)
    go(bench, "few", limit=1)
    assert go(bench, "r1") == {"pulled": 1, "superseded": 1}
    assert held(bench) == {"00001": "new"}


def test_a_value_that_changes_and_changes_back_in_limited_runs(bench: Bench) -> None:
    """A, B, A are three deliveries, and the same once more is none."""
    for number, name in enumerate("ABA"):
        offer(bench, name, 1)
        assert go(bench, f"r{number}", limit=5) == {"pulled": 1, "acknowledged": 1}
    assert go(bench, "all") == {"pulled": 1, "unchanged": 1}
    assert names_sent(bench) == ["A", "B", "A"]


def test_a_value_that_changes_and_changes_back_in_runs_that_died_after_push(bench: Bench) -> None:
    """What an unsettled run delivered counts only while nothing newer was delivered for the key."""
    plan = bench.plan(delivery=LAX)
    for number, name in enumerate("ABA"):
        offer(bench, name, 1)
        request = RunRequest(f"r{number}")
        parts = pull(bench.bus, plan, request)
        for step in (validate, transform, push):
            parts = [step(bench.bus, plan, request, part) for part in parts]
    assert go(bench, "last") == {"pulled": 1, "acknowledged": 1}
    assert names_sent(bench) == ["A", "B", "A"]


def test_one_key_twice_in_one_pull_ends_with_the_last_version(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the part of the first version is refused for a while, and parts go side by side."""
    bench.source.offers = [
        unit(1, TenDonVi="v1"), *(unit(n) for n in range(2, 20)), unit(1, TenDonVi="v2", NgayCapNhat=day(2)),
    ]  # fmt: skip
    first, failed = OpenMemory.deliver, []

    def deliver(self: OpenMemory, batch: Batch) -> Answer:
        if any(record["MaDonVi"] == "00002" for record in batch.objects()) and not failed:
            failed.append(batch.id)
            raise Unavailable("503")
        return first(self, batch)

    monkeypatch.setattr(OpenMemory, "deliver", deliver)
    plan = bench.plan(delivery=Delivery(batch=10, parallel=2, attempts=3))
    settled = run_exchange(bench.bus, plan, RunRequest("r1"), sleep=lambda _: time.sleep(0.2))
    assert counted(settled.counts) == {"pulled": 20, "acknowledged": 19, "superseded": 1}
    assert held(bench)["00001"] == "v2"
    assert "v1" not in names_sent(bench)


def test_all_versions_arrive_in_their_order(bench: Bench) -> None:
    """With ``versions="all"`` parts are cut by key, and no batch holds a key twice."""
    bench.source.offers = [
        unit(n, TenDonVi=f"{n}-v{version}", NgayCapNhat=day(version))
        for version in range(1, 4)
        for n in range(1, 9)
    ]
    bench.source.page = 24
    plan = bench.plan(delivery=Delivery(batch=100, parallel=3, versions="all"))
    assert go(bench, "r1", plan=plan) == {"pulled": 24, "acknowledged": 24}
    sent = names_sent(bench)
    for n in range(1, 9):
        mine = [name for name in sent if name.startswith(f"{n}-")]
        assert mine == [f"{n}-v1", f"{n}-v2", f"{n}-v3"]
    for batch in bench.target.batches:
        keys = [record["MaDonVi"] for record in batch.objects()]
        assert len(set(keys)) == len(keys)


def test_versions_is_one_of_two_words(bench: Bench) -> None:
    """Anything else is refused where the exchange is written."""
    with pytest.raises(InvalidExchange, match=r"delivery\.versions"):
        bench.plan(delivery=Delivery(versions="some"))


def test_an_agreement_without_a_choice_keeps_its_digest(bench: Bench) -> None:
    """What existing agreements are named by does not change with the new setting."""
    assert "versions" not in bench.plan().exchange.as_dict()["delivery"]
    every = bench.plan(delivery=Delivery(versions="all")).exchange
    assert every.as_dict()["delivery"]["versions"] == "all"


def test_a_repaired_old_record_does_not_go_over_a_newer_one(bench: Bench) -> None:
    """It stays repaired and is told; only `back` lets it go back."""
    offer(bench, "v1", 1, **BAD)
    go(bench, "r1")
    offer(bench, "v2", 2)
    go(bench, "r2")
    (item,) = bench.bus.quarantine.list(exchange="units")
    new, _ = repair(bench.bus, item.id, unit(1, TenDonVi="v1", NgayCapNhat=day(1)))
    plan = bench.plan(delivery=LAX)
    found = replay_items(bench.bus, plan)
    assert (found.settled, [one.id for one in found.older]) == ((), [new.id])
    assert held(bench) == {"00001": "v2"}
    assert bench.bus.quarantine.get(new.id).state == "repaired"
    (settled,) = replay(bench.bus, plan, back=True)
    assert (settled.counts["acknowledged"], held(bench)) == (1, {"00001": "v1"})


def test_two_repaired_versions_of_a_key_go_in_the_order_of_their_pulls(bench: Bench) -> None:
    """Not of their repairs: the newer one is what the target holds."""
    for number in (1, 2):
        offer(bench, f"v{number}", number, **BAD)
        go(bench, f"r{number}")
    items = bench.bus.quarantine.list(exchange="units")
    for item, number in reversed(list(zip(items, (1, 2), strict=True))):
        repair(bench.bus, item.id, unit(1, TenDonVi=f"v{number}", NgayCapNhat=day(number)))
    (settled,) = replay(bench.bus, bench.plan(delivery=LAX))
    assert counted(settled.counts) == {"pulled": 2, "acknowledged": 1, "superseded": 1}
    assert held(bench) == {"00001": "v2"}


@pytest.mark.parametrize("between", [False, True])
def test_a_replay_that_was_killed_before_the_marking_delivers_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, between: bool
) -> None:
    """Asked for again it finds its own run; after a newer delivery it sends nothing."""
    offer(bench, "v1", 1, **BAD)
    go(bench, "r1")
    (item,) = bench.bus.quarantine.list(exchange="units")
    repair(bench.bus, item.id, unit(1, TenDonVi="v1", NgayCapNhat=day(1)))
    plan = bench.plan(delivery=LAX)
    with monkeypatch.context() as patch:
        patch.setattr(bench.bus.quarantine, "replayed", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            replay(bench.bus, plan)
    if between:
        offer(bench, "v2", 2)
        go(bench, "r2")
    replay(bench.bus, plan)
    assert names_sent(bench) == (["v1", "v2"] if between else ["v1"])


def test_the_same_repaired_bytes_twice_are_delivered_once(bench: Bench) -> None:
    """Two items, one record: one of them is superseded by the other."""
    for number in (1, 2):
        offer(bench, f"v{number}", number, **BAD)
        go(bench, f"r{number}")
    for item in bench.bus.quarantine.list(exchange="units"):
        repair(bench.bus, item.id, unit(1))
    replay(bench.bus, bench.plan(delivery=LAX))
    assert list(bench.target.effects.values()) == [1]


def test_two_exchanges_into_one_table_see_each_other(bench: Bench) -> None:
    """X delivers A, Y delivers B: X's A, pulled anew, is no repetition. A second table is another place."""
    mine, other = bench.plan(delivery=LAX), bench.plan(id="others", delivery=LAX)
    elsewhere = bench.plan(id="else", delivery=LAX, target=Target("target", MemoryTarget("second")))
    SYSTEMS["second"] = System()
    for number, (plan, name) in enumerate(((mine, "A"), (other, "B"), (mine, "A"), (elsewhere, "A")), 1):
        offer(bench, name, number)
        assert go(bench, f"r{number}", plan=plan) == {"pulled": 1, "acknowledged": 1}
    assert names_sent(bench) == ["A", "B", "A"]
    assert held(bench, SYSTEMS["second"]) == {"00001": "A"}


def test_while_a_key_is_in_doubt_nothing_newer_of_it_is_sent(bench: Bench) -> None:
    """Also of another exchange into the same table; keys that are not in doubt go on."""
    mine, other = bench.plan(delivery=LAX), bench.plan(id="others", delivery=LAX)
    bench.target.can = TargetCapabilities()
    offer(bench, "A", 1)
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    with pytest.raises(OutcomeUnknown):
        go(bench, "r1", plan=mine)
    offer(bench, "B", 2)
    with pytest.raises(OutcomeUnknown, match="holds some of these keys"):
        go(bench, "r2", plan=other)
    bench.source.offers = [unit(2, NgayCapNhat=day(3))]
    assert go(bench, "r3", plan=bench.plan(id="third", delivery=LAX)) == {"pulled": 1, "acknowledged": 1}
    (state,) = bench.bus.journal.deliveries(exchange="units")
    bench.bus.journal.answered(state.id, "acknowledged", total=1)
    offer(bench, "B", 2)
    assert go(bench, "r2", plan=other) == {"pulled": 1, "acknowledged": 1}
    assert held(bench)["00001"] == "B"


def test_what_is_read_again_is_unchanged_and_resend_sends_it(bench: Bench) -> None:
    """A full read again delivers only what changed; a target that was restored gets everything once more."""
    bench.source.offers = [unit(n) for n in range(1, 21)]
    go(bench, "r1")
    bench.source.offers[4] = unit(5, TenDonVi="mới")
    again = "2020-01-01T00:00:00+07:00"
    assert go(bench, "r2", since=again) == {"pulled": 20, "acknowledged": 1, "unchanged": 19}
    assert go(bench, "r3", since=again, resend=True) == {"pulled": 20, "acknowledged": 20}
    assert held(bench)["00005"] == "mới"


def test_versions_are_found_through_compacted_levels_and_lost_indexes(bench: Bench) -> None:
    """Twenty runs are compacted; every key's last version is known, also where an index file was lost."""
    plan = bench.plan(delivery=LAX)
    for run in range(20):
        bench.source.offers = [unit(n, TenDonVi=f"v{run}") for n in range(run, run + 4)]
        go(bench, f"r{run}", since="2020-01-01T00:00:00+07:00")
    scope = scope_in(bench.bus, plan)
    assert KeyLevels(bench.bus.database).levels(scope)
    for file in (bench.bus.config.home / "staging" / "indexes").rglob("*.kix"):
        file.unlink()
    bench.source.offers = [unit(n, TenDonVi=f"v{min(n, 19)}") for n in range(23)]
    sent = len(bench.target.batches)
    assert go(bench, "last", since="2020-01-01T00:00:00+07:00") == {"pulled": 23, "unchanged": 23}
    assert len(bench.target.batches) == sent


def test_a_rotated_hash_key_still_finds_what_was_delivered_before(bench: Bench) -> None:
    """The former secret stays as second line: nothing is delivered twice for it."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    go(bench, "r1")
    file = bench.bus.config.hash_key_file
    file.write_text("f" * 64 + "\n" + file.read_text())
    bench.bus.__dict__.pop("hash_keys")
    assert go(bench, "r2", since="2020-01-01T00:00:00+07:00") == {"pulled": 5, "unchanged": 5}


def test_a_mapping_that_was_wrong_is_applied_again_without_a_pull(bench: Bench) -> None:
    """What a settled run pulled is delivered once more; keys with a newer version are left alone."""
    bench.source.offers = [unit(n, TenDonVi="first") for n in range(1, 4)]
    go(bench, "r1")
    bench.source.offers = [unit(3, TenDonVi="newer", NgayCapNhat=day(3))]
    go(bench, "r2")
    asked = len(bench.source.asked)
    for batch in list(bench.target.batches):
        bench.target.batches.remove(batch)
    settled = run_from_staging(bench.bus, bench.plan(delivery=LAX), "r1")
    assert counted(settled.counts) == {"pulled": 3, "unchanged": 2, "superseded": 1}
    assert len(bench.source.asked) == asked, "nothing is pulled"


def test_a_settled_run_pushed_again_sends_nothing(bench: Bench) -> None:
    """Clear of a settled run repeats its steps without an effect, also after a newer one."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    plan = bench.plan(delivery=LAX)
    go(bench, "r1")
    offer(bench, "mới", 5)
    go(bench, "r2")
    sent = len(bench.target.batches)
    request = RunRequest("r1")
    parts = pull(bench.bus, plan, request)
    for step in (validate, transform, push):
        parts = [step(bench.bus, plan, request, part) for part in parts]
    settle(bench.bus, plan, request)
    assert len(bench.target.batches) == sent


def test_lost_indexes_stop_a_run_until_a_person_gives_them_up(bench: Bench) -> None:
    """Staging is gone for ever: the run says so, and with `resend` it forgets and sends."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    go(bench, "r1")
    shutil.rmtree(bench.bus.config.home / "staging")
    bench.source.offers = [unit(n, TenDonVi="mới") for n in range(1, 6)]
    again = "2020-01-01T00:00:00+07:00"
    with pytest.raises(SegmentTampered, match="no longer known"):
        go(bench, "r2", since=again)
    assert go(bench, "r3", since=again, resend=True) == {"pulled": 5, "acknowledged": 5}
    assert go(bench, "r4", since=again) == {"pulled": 5, "unchanged": 5}


def test_maintenance_compacts_to_one_level(bench: Bench) -> None:
    """Afterwards one file says what the target has, and files that nothing needs are gone."""
    for run in range(12):
        bench.source.offers = [unit(n, TenDonVi=f"v{run}") for n in range(run, run + 3)]
        go(bench, f"r{run}", since="2020-01-01T00:00:00+07:00")
    merges, removed = maintain(bench.bus, time.time() + 60)
    scope = scope_in(bench.bus, bench.plan())
    assert merges >= 1 and len(KeyLevels(bench.bus.database).levels(scope)) == 1
    assert len(list((bench.bus.config.home / "staging" / "levels").glob("*.kxl"))) == 1
    bench.source.offers = [unit(n, TenDonVi=f"v{min(n, 11)}") for n in range(14)]
    assert go(bench, "last", since="2020-01-01T00:00:00+07:00") == {"pulled": 14, "unchanged": 14}
    assert removed >= 0


def test_the_window_is_read_again_and_nothing_of_it_moves(bench: Bench) -> None:
    """What equals the cursor, or lies in the overlap, is neither delivered nor quarantined twice."""
    source = replace(bench.plan().exchange.source, overlap=timedelta(days=30))
    plan = bench.plan(delivery=LAX, source=source)
    bench.source.offers = [unit(n, NgayCapNhat=day(n)) for n in range(1, 9)] + [
        unit(9, NgayCapNhat=day(9), **BAD)
    ]
    assert go(bench, "r1", plan=plan) == {"pulled": 9, "acknowledged": 8, "quarantined": 1}
    for run in ("r2", "r3"):
        assert go(bench, run, plan=plan) == {}
        assert bench.source.asked[-1].since < day(1), "the window was asked for"
    bench.source.offers += [unit(20, NgayCapNhat=day(2))]  # committed late, with an earlier stamp
    assert go(bench, "r4", plan=plan) == {"pulled": 1, "acknowledged": 1}
    assert go(bench, "r5", plan=plan) == {}
    bench.source.offers[2] = unit(3, NgayCapNhat=day(3), TenDonVi="mới")
    assert go(bench, "r6", plan=plan) == {"pulled": 1, "acknowledged": 1}
    assert len(bench.bus.quarantine.list(exchange="units")) == 1
    assert set(bench.target.effects.values()) == {1}


def test_a_resumed_pull_still_knows_what_came_again(bench: Bench) -> None:
    """The pull dies behind the first page of the window: nothing of it is delivered twice."""
    source = replace(bench.plan().exchange.source, overlap=timedelta(days=30))
    plan = bench.plan(delivery=LAX, source=source)
    bench.source.offers = [unit(n, NgayCapNhat=day(n)) for n in range(1, 21)]
    go(bench, "r1", plan=plan)
    bench.source.offers += [unit(40, NgayCapNhat=day(21))]
    bench.source.break_reading = {10: Unavailable("gone")}
    with pytest.raises(Unavailable):
        go(bench, "r2", plan=plan)
    assert go(bench, "r2", plan=plan)["acknowledged"] == 1
    go(bench, "r3", plan=plan)
    assert set(bench.target.effects.values()) == {1}
