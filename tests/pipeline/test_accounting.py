"""The conservation law: every term counted on its own, and connectors that do not count right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from memory_bus import OpenMemory, unit
from sqlalchemy import update

from lienthong import Delivery
from lienthong.connector import Answer, Batch, TargetCapabilities
from lienthong.errors import OutcomeUnknown, ProtocolViolation, Reason, Unbalanced
from lienthong.ledger.tables import DELIVERIES
from lienthong.pipeline import RunRequest, pull, push, run_exchange, settle, transform, validate

if TYPE_CHECKING:
    from memory_bus import Bench

ONCE = Delivery(batch=10, parallel=1, attempts=1, quarantine_above=1.0)
REASON = Reason("", "target.99", "Bị từ chối", "Refused")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(0),
        Answer(7),
        Answer(14),
        Answer(10, refused={11: REASON}),
        Answer(10, refused={1: REASON}, unknown=frozenset({1})),
    ],
    ids=["none", "seven", "fourteen", "no such line", "a line twice"],
)
def test_a_connector_that_answers_for_other_records_fails_loudly(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """Nothing counts as acknowledged, the outcome is unknown, and the next try asks."""
    bench.source.offers = [unit(n) for n in range(1, 11)]
    with monkeypatch.context() as patch:
        patch.setattr(OpenMemory, "deliver", lambda *_: answer)
        with pytest.raises(ProtocolViolation, match="10 were sent"):
            run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"))
    (state,) = bench.bus.journal.deliveries(exchange="units")
    assert (state.state, state.acknowledged, state.pending) == ("unknown", 0, 10)
    assert run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1")).counts["acknowledged"] == 10


def test_an_answer_that_cannot_be_read_is_no_reason_to_send_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target took the records and answered what no protocol knows: it is asked, not sent to again."""
    bench.source.offers = [unit(n) for n in range(1, 4)]
    first = OpenMemory.deliver

    def odd(self: OpenMemory, batch: Batch) -> Answer:
        first(self, batch)
        raise ProtocolViolation("an answer without a result code")

    with monkeypatch.context() as patch:
        patch.setattr(OpenMemory, "deliver", odd)
        with pytest.raises(ProtocolViolation):
            run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"))
    assert run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1")).counts["acknowledged"] == 3
    assert list(bench.target.effects.values()) == [1, 1, 1]


def test_a_target_that_says_absent_of_what_was_just_sent_leaves_it_unknown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`absent` answers a question; as an answer to a delivery it is no verdict."""
    bench.source.offers = [unit(n) for n in range(1, 4)]
    monkeypatch.setattr(
        OpenMemory, "deliver", lambda self, batch: Answer(len(batch.records), absent=frozenset({1}))
    )
    bench.target.can = TargetCapabilities()
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("r1"))
    (state,) = bench.bus.journal.deliveries(exchange="units")
    assert (state.unknown, state.taken_count) == ((1,), 2)


@pytest.mark.parametrize("column", ["sent_count", "taken_count"])
def test_counts_that_do_not_agree_fail_the_run(bench: Bench, column: str) -> None:
    """What was sent, what was answered and the journal are three counts."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    plan, request = bench.plan(delivery=ONCE), RunRequest("r1")
    parts: Any = pull(bench.bus, plan, request)
    for step in (validate, transform, push):
        parts = [step(bench.bus, plan, request, part) for part in parts]
    with bench.bus.database.write() as connection:
        connection.execute(update(DELIVERIES).values({column: 4}))
    with pytest.raises(Unbalanced):
        settle(bench.bus, plan, request)


def test_after_a_lost_process_settle_asks_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that denies what it acknowledged is found out before the run settles."""
    bench.source.offers = [unit(n) for n in range(1, 4)]
    plan, request = bench.plan(delivery=ONCE), RunRequest("r1")
    parts: Any = pull(bench.bus, plan, request)
    for step in (validate, transform, push):
        parts = [step(bench.bus, plan, request, part) for part in parts]
    with bench.bus.database.write() as connection:
        connection.execute(update(DELIVERIES).values(handovers=1))

    def denies(self: OpenMemory, batch: Batch) -> Answer:
        return Answer(len(batch.records), absent=frozenset({0}))

    with monkeypatch.context() as patch:
        patch.setattr(OpenMemory, "lookup", denies)
        with pytest.raises(OutcomeUnknown, match="no longer has 1 records"):
            settle(bench.bus, plan, request)
    assert settle(bench.bus, plan, request).counts["acknowledged"] == 3


def test_a_dry_run_counts_what_it_holds_back(bench: Bench) -> None:
    """Pending is counted: nothing was sent, nothing is left over."""
    bench.source.offers = [unit(n) for n in range(1, 4)] + [unit(4, MaDonVi="x")]
    settled = run_exchange(bench.bus, bench.plan(delivery=ONCE), RunRequest("dry", dry_run=True))
    assert {name: count for name, count in settled.counts.items() if count} == {
        "pulled": 4, "quarantined": 1, "pending": 3,
    }  # fmt: skip
