"""Targets that accept now and work later: everything is sent once, then asked about, in bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from memory_bus import unit

from lienthong import Delivery
from lienthong.connector import Answer, Receipt, TargetCapabilities
from lienthong.errors import OutcomeUnknown
from lienthong.pipeline import RunRequest, pull, push, run_exchange, transform, validate
from lienthong.pipeline.waiting import Waiting

if TYPE_CHECKING:
    from memory_bus import Bench

CAN = TargetCapabilities(lookup=True, patience=60.0)
ONCE = Delivery(batch=5, parallel=1, attempts=1)


@pytest.fixture(autouse=True)
def works(bench: Bench) -> None:
    """The target works for two questions; the source has three batches."""
    bench.target.can, bench.target.works = CAN, 2
    bench.source.offers = [unit(n) for n in range(1, 16)]


def taken(bench: Bench) -> list[int]:
    return [bench.target.effects.get(key, 0) for key in bench.target.effects]


def test_everything_is_sent_before_anything_is_asked(bench: Bench) -> None:
    """Three batches, three requests, each with one effect; waits follow what the target asks for."""
    waits: list[float] = []
    settled = run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"), sleep=waits.append)
    assert {name: count for name, count in settled.counts.items() if count} == {
        "pulled": 15, "acknowledged": 15,
    }  # fmt: skip
    assert len(bench.target.batches) == 3
    assert taken(bench) == [1] * 15
    assert waits == [7.0, 3.0], "the first as the 202 said, the next as the last question's answer did"


def test_a_question_carries_the_reference_that_the_target_gave(bench: Bench) -> None:
    run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"), sleep=lambda _: None)
    assert {tuple(names) for names in bench.target.asked_for} == {("job-1",), ("job-2",), ("job-3",)}


def test_while_the_target_works_the_journal_says_unknown(bench: Bench) -> None:
    """Never acknowledged before the target said so; the reference is in the receipts."""
    seen: list[set[str]] = []

    def look(_seconds: float) -> None:
        found = bench.bus.journal.deliveries(exchange="units")
        seen.append({state.state for state in found})
        assert all(state.receipts[0]["reference"].startswith("job-") for state in found)

    run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"), sleep=look)
    assert seen == [{"unknown"}, {"unknown", "acknowledged"}]


@pytest.mark.parametrize(
    ("can", "questions"),
    [
        (TargetCapabilities(lookup=True, patience=60.0, questions=2), 2),
        (TargetCapabilities(lookup=True, patience=0.0), 0),
    ],
)
def test_patience_ends_in_an_unknown_outcome_and_the_next_try_asks(
    bench: Bench, can: TargetCapabilities, questions: int
) -> None:
    """Nothing is sent again; what was sent is found done by the next try."""
    bench.target.can, bench.target.works = can, 1000
    waits: list[float] = []
    with pytest.raises(OutcomeUnknown, match="still at work on 15 records in 3") as caught:
        run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"), sleep=waits.append)
    assert caught.value.retry_after == (3.0 if questions else 7.0)
    assert len(waits) == questions
    bench.target.works = 0
    run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"), sleep=waits.append)
    assert len(bench.target.batches) == 3
    assert taken(bench) == [1] * 15


def test_patience_counts_from_the_first_wait_of_the_try(bench: Bench) -> None:
    """Seconds that went by in an earlier process of the same try count."""
    plan, request = bench.plan(delivery=ONCE), RunRequest("r1")
    (part,) = pull(bench.bus, plan, request, None)
    part = transform(bench.bus, plan, request, validate(bench.bus, plan, request, part))
    with pytest.raises(OutcomeUnknown, match="still at work"):
        push(bench.bus, plan, request, part, waited=Waiting(since=0.0, asked=4))


def test_a_process_that_was_killed_while_waiting_asks_and_sends_nothing(bench: Bench) -> None:
    class Killed(BaseException):
        pass

    def die(_seconds: float) -> None:
        raise Killed

    with pytest.raises(Killed):
        run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"), sleep=die)
    settled = run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"), sleep=lambda _: None)
    assert settled.counts["acknowledged"] == 15
    assert len(bench.target.batches) == 3
    assert taken(bench) == [1] * 15


def test_a_later_run_waits_for_what_an_earlier_one_sent_under_other_keys(bench: Bench) -> None:
    """The source has grown and segments are cut differently: no record is sent a second time."""
    bench.target.works = 1000
    bench.target.can = TargetCapabilities(lookup=True, patience=0.0)
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"))
    bench.source.offers.insert(0, unit(50, NgayCapNhat="2026-01-01T00:00:00+07:00"))
    bench.target.can, bench.target.works = CAN, 5
    settled = run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r2"), sleep=lambda _: None)
    assert settled.counts["acknowledged"] == 16
    assert taken(bench) == [1] * 16


def test_parts_that_settle_the_same_earlier_delivery_do_not_stand_in_each_others_way(bench: Bench) -> None:
    """Four parts side by side ask about what one earlier run left; whoever is second accepts the first."""
    bench.target.works, bench.target.can = 1000, TargetCapabilities(lookup=True, patience=0.0)
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"))
    bench.source.offers += [unit(n) for n in range(60, 90)]
    bench.target.can, bench.target.works = CAN, 9
    plan = bench.plan(delivery=Delivery(batch=4, parallel=4, attempts=1))
    settled = run_exchange(bench.bus, plan, RunRequest("r2"), sleep=lambda _: None)
    assert settled.counts["acknowledged"] == 45
    assert taken(bench) == [1] * 45


def test_a_later_run_does_not_send_what_an_earlier_one_left_in_doubt(bench: Bench) -> None:
    """A target that cannot be asked may have it: nothing is sent until a person says what became of it."""
    bench.target.works, bench.target.can = None, TargetCapabilities()
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"))
    bench.source.offers.insert(0, unit(50, NgayCapNhat="2026-01-01T00:00:00+07:00"))
    with pytest.raises(OutcomeUnknown, match="neither be asked"):
        run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r2"), sleep=lambda _: None)
    assert len(bench.target.batches) == 1


def test_an_acceptance_that_was_lost_is_repeated_under_its_key_where_that_is_safe(bench: Bench) -> None:
    """Without a reference there is nothing to ask by; a repeatable target gets the same id again."""
    bench.target.can = TargetCapabilities(lookup=True, repeatable=True)
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    plan = bench.plan(delivery=Delivery(batch=15, parallel=1, attempts=2))
    run_exchange(bench.bus, plan, RunRequest("r1"), sleep=lambda _: None)
    assert len({batch.id for batch in bench.target.batches}) == 1
    assert len(bench.target.batches) == 2
    assert taken(bench) == [1] * 15


def test_what_an_earlier_run_delivered_stays_delivered_while_the_rest_is_worked_on(bench: Bench) -> None:
    """The second run's segment holds a batch that the first delivered, and more: only the rest is sent."""
    bench.target.works = 0
    bench.source.offers = [unit(n) for n in range(1, 4)]
    bench.target.answer_with = [None, OutcomeUnknown("cut", taken=False)]
    plan = bench.plan(delivery=Delivery(batch=2, parallel=1, attempts=1))
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, plan, RunRequest("r1"), sleep=lambda _: None)
    (state,) = [item for item in bench.bus.journal.deliveries(exchange="units") if len(item.receipts) == 0]
    bench.bus.journal.not_taken(state.id)
    bench.target.works = 2
    bench.source.offers.insert(0, unit(50, NgayCapNhat="2026-01-01T00:00:00+07:00"))
    more = bench.plan(delivery=Delivery(batch=9, parallel=1, attempts=1))
    settled = run_exchange(bench.bus, more, RunRequest("r2"), sleep=lambda _: None)
    assert settled.counts["acknowledged"] == 4
    assert taken(bench) == [1] * 4
    assert [len(batch.records) for batch in bench.target.batches] == [2, 1, 2]


def test_receipts_keep_their_lines_and_survive_the_journal() -> None:
    """A receipt for some lines of a segment speaks of those, however deep it was nested."""
    receipt = Receipt("202", "d" * 64, "2026-01-01T00:00:00Z", "job", lines=(1,))
    assert receipt.within([4, 9]).lines == (9,)
    assert Receipt("202", "d" * 64, "2026-01-01T00:00:00Z").within([4, 9]).lines == (4, 9)
    assert Receipt.from_dict(receipt.as_dict()) == receipt
    assert Answer(1).ask_after is None
