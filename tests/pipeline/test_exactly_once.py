"""Exactly-once effect: every way a delivery can go wrong leaves each record delivered once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from memory_bus import unit

from lienthong import Delivery
from lienthong.connector import TargetCapabilities
from lienthong.errors import OutcomeUnknown, Reason, RequestRejected, SignatureInvalid, Unavailable
from lienthong.ledger import export, verify_bundle
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.delivering import delivery_id
from lienthong.segment import Segment

if TYPE_CHECKING:
    from memory_bus import Bench


def no_sleep(_seconds: float) -> None:
    """Do not wait between tries."""


def once(bench: Bench, count: int) -> None:
    """Assert that exactly so many records had an effect, each exactly one."""
    assert len(bench.target.effects) == count
    assert set(bench.target.effects.values()) == {1}


def test_an_answer_lost_after_the_target_took_the_batch(bench: Bench) -> None:
    """The target is asked, says it has all of it, and nothing is sent again."""
    bench.source.offers = [unit(n) for n in range(1, 16)]
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=no_sleep)
    assert settled.counts["acknowledged"] == 15
    once(bench, 15)


def test_an_answer_lost_before_the_target_took_the_batch(bench: Bench) -> None:
    """The target is asked, says it has none of it, and the batch is sent again under the same key."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=no_sleep)
    once(bench, 5)
    assert len({batch.id for batch in bench.target.batches}) == 1


def test_an_answer_that_was_tampered_with_says_nothing(bench: Bench) -> None:
    """A forged answer stops the run; the next try asks the target instead of sending again."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    bench.target.answer_with = [SignatureInvalid("forged", taken=True)]
    with pytest.raises(SignatureInvalid):
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    assert [item.state for item in bench.bus.journal.deliveries(exchange="units")] == ["unknown"]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    once(bench, 5)


def test_a_process_that_died_while_waiting(bench: Bench) -> None:
    """An error that is none of ours (a killed process) leaves the delivery `sent`; the retry asks."""
    bench.source.offers = [unit(n) for n in range(1, 6)]

    class Killed(BaseException):
        details = {"taken": True}

    bench.target.answer_with = [Killed()]  # type: ignore[list-item]
    with pytest.raises(Killed):
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    (state,) = bench.bus.journal.deliveries(exchange="units")
    assert state.state == "sent"
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    once(bench, 5)


def test_the_run_after_one_that_died_does_not_deliver_again(bench: Bench) -> None:
    """Even when the source has grown and segments are cut differently."""
    bench.source.offers = [unit(n) for n in range(1, 19)]
    bench.target.answer_with = [None, OutcomeUnknown("cut", taken=True), OutcomeUnknown("cut", taken=True)]
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, bench.plan(delivery=Delivery(batch=7, attempts=1)), RunRequest("r1"))
    bench.source.offers.insert(3, unit(50, NgayCapNhat="2026-01-01T00:00:03+07:00"))
    bench.target.answer_with = []
    settled = run_exchange(bench.bus, bench.plan(delivery=Delivery(batch=10)), RunRequest("r2"))
    assert settled.counts["acknowledged"] == 19
    once(bench, 19)


def test_a_value_that_changes_and_changes_back_is_delivered_three_times(bench: Bench) -> None:
    """Content alone is no reason to hold a delivery back once the run before has settled."""
    for run, name in enumerate(("Xã A", "Xã B", "Xã A")):
        bench.source.offers = [unit(1, TenDonVi=name)]
        run_exchange(bench.bus, bench.plan(), RunRequest(f"r{run}", since="2020-01-01T00:00:00+07:00"))
    assert [batch.objects()[0]["TenDonVi"] for batch in bench.target.batches] == ["Xã A", "Xã B", "Xã A"]
    assert len({batch.id for batch in bench.target.batches}) == 3


def test_a_repeatable_target_gets_the_same_key_again(bench: Bench) -> None:
    """Without look-up but with safe repeats the same id is sent again."""
    bench.target.can = TargetCapabilities(repeatable=True, lookup=False)
    bench.source.offers = [unit(n) for n in range(1, 4)]
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=no_sleep)
    assert len(bench.target.batches) == 2
    assert len({batch.id for batch in bench.target.batches}) == 1


def test_a_target_that_can_be_neither_asked_nor_repeated_is_left_alone(bench: Bench) -> None:
    """The delivery stays unknown, the run fails, nothing is repeated; a person resolves it."""
    bench.target.can = TargetCapabilities()
    bench.source.offers = [unit(n) for n in range(1, 4)]
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    with pytest.raises(OutcomeUnknown, match="neither be asked"):
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=no_sleep)
    assert len(bench.target.batches) == 1
    (state,) = bench.bus.journal.deliveries(exchange="units")
    bench.bus.journal.answered(state.id, "acknowledged", total=3)
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    assert settled.counts["acknowledged"] == 3
    once(bench, 3)


@pytest.mark.parametrize("error", [Unavailable("503"), RequestRejected("400")])
def test_what_was_surely_not_taken_may_be_sent_again(bench: Bench, error: Exception) -> None:
    """A refused request withdraws the delivery: the retry sends it without asking."""
    bench.target.can = TargetCapabilities()
    bench.source.offers = [unit(n) for n in range(1, 4)]
    bench.target.answer_with = [error]  # type: ignore[list-item]
    with pytest.raises(type(error)):
        run_exchange(bench.bus, bench.plan(delivery=Delivery(batch=10, attempts=1)), RunRequest("r1"))
    run_exchange(bench.bus, bench.plan(delivery=Delivery(batch=10, attempts=1)), RunRequest("r1"))
    once(bench, 3)


def test_an_answer_lost_for_the_rest_puts_only_the_rest_in_doubt(bench: Bench) -> None:
    """Records refused or taken before stay so, and the rest is sent again under the rest's own key."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    bench.target.refuse = lambda record: record["MaDonVi"] == "00001"
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1))
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, plan, RunRequest("r1"))
    (state,) = bench.bus.journal.deliveries(exchange="units")
    reason = Reason("", "target.99", "Bị từ chối", "Refused")
    bench.bus.journal.answered(state.id, "unknown", total=5, refused={0: reason}, unknown=[2, 3])
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, plan, RunRequest("r1"))
    (state,) = bench.bus.journal.deliveries(exchange="units")
    assert (state.unknown, list(state.refused), state.acknowledged) == ((2, 3), [0], 2)
    settled = run_exchange(bench.bus, plan, RunRequest("r1"))
    assert (settled.counts["acknowledged"], settled.counts["refused"]) == (4, 1)
    first, second, third = bench.target.batches
    assert second.id == third.id != first.id
    assert [len(batch.records) for batch in (first, second, third)] == [5, 2, 2]
    assert second.rest_of == first.id


def test_the_key_depends_on_content_target_and_epoch_only() -> None:
    """Compression does not matter, everything else does."""
    one, other = Segment("a" * 64, "c" * 64, 1, 1), Segment("b" * 64, "c" * 64, 1, 1)
    key = delivery_id("x", "t", "", one)
    assert key == delivery_id("x", "t", "", other)
    assert (
        len(
            {
                key,
                delivery_id("y", "t", "", one),
                delivery_id("x", "u", "", one),
                delivery_id("x", "t", "e", one),
                delivery_id("x", "t", "", Segment("a" * 64, "d" * 64, 1, 1)),
            }
        )
        == 5
    )


def test_a_person_may_say_that_the_target_has_nothing(bench: Bench) -> None:
    """After `not_taken` the retry sends the batch; before, it would not."""
    bench.target.can = TargetCapabilities()
    bench.source.offers = [unit(n) for n in range(1, 4)]
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=no_sleep)
    (state,) = bench.bus.journal.deliveries(exchange="units")
    assert bench.bus.journal.not_taken(state.id).state == "intended"
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    once(bench, 3)


def test_the_same_records_twice_in_one_run_are_two_deliveries(bench: Bench, tmp_path: Path) -> None:
    """Where all versions are wanted, segments with identical records are each accounted for and verify."""
    twice = [unit(n) for n in range(1, 11)]
    bench.source.offers = twice * 4
    plan = bench.plan(delivery=Delivery(batch=10, parallel=2, versions="all"))
    settled = run_exchange(bench.bus, plan, RunRequest("r1"))
    assert settled.counts["acknowledged"] == 40
    assert len({batch.id for batch in bench.target.batches}) == 8, "four versions of each key, in two parts"
    bus = bench.bus
    export(
        bus.ledger, bus.journal, bus.quarantine, exchange="units", run="r1",
        read_segment=bus.store.data, documents={}, out=tmp_path / "run.zip",
    )  # fmt: skip
    report = verify_bundle(tmp_path / "run.zip", trust=bus.trust)
    assert report.ok, report.failures
