"""Whole runs over the pure engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from memory_bus import MemorySource, MemoryTarget, unit

from lienthong import Source, Target
from lienthong.errors import (
    InvalidExchange,
    SegmentTampered,
    TooManyQuarantined,
    Unavailable,
    Unbalanced,
    UnknownName,
)
from lienthong.ledger import export, verify_bundle
from lienthong.pipeline import RunRequest, pull, push, run_exchange, settle, transform, validate
from lienthong.records import canonical

if TYPE_CHECKING:
    from memory_bus import Bench


def no_sleep(_seconds: float) -> None:
    """Do not wait between tries."""


def test_every_record_is_accounted_for(bench: Bench) -> None:
    """Pulled = acknowledged + quarantined + refused + pending, with bad and refused records in the input."""
    bench.source.offers = [unit(n) for n in range(1, 58)] + [
        unit(99, MaDonVi="1234"),
        unit(98, TenDonVi=None),
    ]
    bench.target.refuse = lambda record: record["MaDonVi"] == "00007"
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    assert {name: count for name, count in settled.counts.items() if count} == {
        "pulled": 59, "acknowledged": 56, "quarantined": 2, "refused": 1,
    }  # fmt: skip
    kept = bench.bus.quarantine.list(exchange="units")
    assert sorted((item.step, item.reasons[0].rule) for item in kept) == [
        ("push", "target.99"),
        ("validate", "schema.pattern"),
        ("validate", "schema.type"),
    ]
    assert bench.source.closed == 1 and bench.target.closed == 2  # one per part


def test_the_evidence_of_a_run_verifies_offline(bench: Bench, tmp_path: Path) -> None:
    """The exported bundle holds together under the authority's certificate alone."""
    bench.source.offers = [unit(n) for n in range(1, 40)] + [unit(99, MaDonVi="1234")]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    out = tmp_path / "run.zip"
    bus = bench.bus
    export(
        bus.ledger,
        bus.journal,
        bus.quarantine,
        exchange="units",
        run="r1",
        read_segment=bus.store.data,
        documents={},
        out=out,
    )
    report = verify_bundle(out, trust=bus.trust)
    assert report.ok, report.failures
    assert report.counts["pulled"] == 40


def test_a_second_run_with_nothing_new_moves_nothing_and_says_so(bench: Bench) -> None:
    """The second run begins one step before the cursor of the first; where that is empty it says so."""
    bench.source.offers = [unit(n) for n in range(1, 15)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    batches = len(bench.target.batches)
    bench.source.offers.pop()
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r2"))
    assert settled.nothing_new and settled.counts["pulled"] == 0
    assert bench.source.asked[-1].since == unit(13)["NgayCapNhat"]
    assert len(bench.target.batches) == batches
    bench.source.offers.append(unit(20))
    assert run_exchange(bench.bus, bench.plan(), RunRequest("r3")).counts["acknowledged"] == 1


def test_a_pull_that_dies_goes_on_at_the_last_sealed_segment(bench: Bench) -> None:
    """After a failure at record 30 the source is asked from position 30 on; nothing is lost."""
    bench.source.offers = [unit(n) for n in range(1, 56)]
    bench.source.break_reading = {30: Unavailable("gone")}
    plan, request = bench.plan(), RunRequest("r1")
    with pytest.raises(Unavailable):
        pull(bench.bus, plan, request)
    parts = pull(bench.bus, plan, request)
    assert [ask.position for ask in bench.source.asked] == [None, 30]
    records = [data for part in parts for segment in part.segments for data in bench.bus.store.read(segment)]
    assert records == [canonical(item) for item in bench.source.offers]
    again = pull(bench.bus, plan, request)
    assert [part.segments for part in again] == [part.segments for part in parts]
    assert len(bench.source.asked) == 2, "a complete pull must not read again"


def test_trials_move_nothing(bench: Bench) -> None:
    """Neither a dry run nor a limited run moves the cursor; a dry run delivers nothing."""
    bench.source.offers = [unit(n) for n in range(1, 25)]
    dry = run_exchange(bench.bus, bench.plan(), RunRequest("dry", dry_run=True))
    assert (dry.counts["pending"], bench.target.batches) == (24, [])
    few = run_exchange(bench.bus, bench.plan(), RunRequest("few", limit=3))
    assert few.counts["acknowledged"] == 3
    assert bench.bus.journal.cursor("units").value is None
    everything = run_exchange(bench.bus, bench.plan(), RunRequest("all"))
    assert (everything.counts["acknowledged"], everything.counts["unchanged"]) == (21, 3)
    assert max(bench.target.effects.values()) == 1, "the trial's records are not delivered again"


def test_above_the_share_nothing_is_pushed(bench: Bench) -> None:
    """One bad record more than allowed, in either part, fails the run before the first delivery."""
    bench.source.offers = [unit(n) for n in range(1, 16)] + [unit(n, MaDonVi="x") for n in range(16, 21)]
    with pytest.raises(TooManyQuarantined, match="5 of 20"):
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    assert bench.target.batches == []
    assert bench.bus.journal.cursor("units").value is None


def test_a_changed_byte_in_staging_stops_the_run(bench: Bench) -> None:
    """A segment whose bytes do not match its name is never read as records."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    plan, request = bench.plan(), RunRequest("r1")
    (part,) = pull(bench.bus, plan, request)
    path = next(Path(bench.bus.config.staging).rglob("*.ndjson.zst"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(SegmentTampered):
        validate(bench.bus, plan, request, part)


def test_settle_refuses_a_run_that_lost_a_record(bench: Bench) -> None:
    """A count that does not add up fails loudly; the cursor stays."""
    bench.source.offers = [unit(n) for n in range(1, 6)]
    plan, request = bench.plan(), RunRequest("r1")
    for part in pull(bench.bus, plan, request):
        push(
            bench.bus,
            plan,
            request,
            transform(bench.bus, plan, request, validate(bench.bus, plan, request, part)),
        )
    saved = bench.bus.journal.step("units", "r1", "push", 0)
    assert saved is not None
    saved["counts"]["acknowledged"] -= 1
    bench.bus.journal.save_step("units", "r1", "push", 0, saved)
    with pytest.raises(Unbalanced, match="5 records were pulled but 4"):
        settle(bench.bus, plan, request)
    assert bench.bus.journal.cursor("units").value is None


def test_what_json_cannot_carry_goes_to_quarantine(bench: Bench) -> None:
    """A number that is not exact is kept aside with a readable reason, and counted."""
    bench.source.offers = [unit(1), unit(2, DanSo=2**60), *(unit(n) for n in range(3, 10))]
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    assert (settled.counts["quarantined"], settled.counts["acknowledged"]) == (1, 8)
    (item,) = bench.bus.quarantine.list(exchange="units")
    assert (item.step, item.reasons[0].rule) == ("pull", "record.not-json")


def test_transient_errors_are_retried_and_then_given_up(bench: Bench) -> None:
    """attempts=2: one failure is survived, two are not."""
    bench.source.offers = [unit(n) for n in range(1, 4)]
    bench.source.break_reading = {0: Unavailable("once")}
    waits: list[float] = []
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=waits.append)
    assert waits == [5.0]
    bench.source.offers.append(unit(9))
    bench.target.answer_with = [Unavailable("busy", retry_after=7.0), Unavailable("busy")]
    with pytest.raises(Unavailable):
        run_exchange(bench.bus, bench.plan(), RunRequest("r2"), sleep=waits.append)
    assert waits[1:] == [7.0], "the target's own Retry-After is honoured"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "catalogue.administrative-unit/9"}, "administrative-unit"),
        ({"mapping": "onestop-to-hotich/1"}, "field 'mapping'"),
        ({"mapping": "no-such/1"}, "no-such"),
        ({"source": Source("source", MemorySource(), cursor="NoSuchField")}, "no field 'NoSuchField'"),
        ({"source": Source("source", MemoryTarget())}, "field 'source.connector'"),
        ({"target": Target("target", MemorySource())}, "field 'target.connector'"),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    bench: Bench, changes: dict[str, object], words: str
) -> None:
    """An unknown version or a mapping that does not fit is an error when the plan is compiled."""
    with pytest.raises((InvalidExchange, UnknownName), match=words):
        bench.plan(**changes)
