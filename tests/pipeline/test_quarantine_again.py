"""The same bad record in run after run: one item, and every run's evidence whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from memory_bus import unit

from lienthong import Delivery
from lienthong.errors import TooManyQuarantined
from lienthong.ledger import export, verify_bundle
from lienthong.pipeline import RunRequest, run_exchange

if TYPE_CHECKING:
    from memory_bus import Bench


def test_a_run_that_always_fails_on_one_record_leaves_one_item(bench: Bench) -> None:
    """Every quarter of an hour the same refusal: not 96 items a day, but one that says how often."""
    bench.source.offers = [unit(1, CapDonVi="nonsense"), unit(2)]
    for number in range(5):
        with pytest.raises(TooManyQuarantined):
            run_exchange(bench.bus, bench.plan(), RunRequest(f"r{number}"))
    (item,) = bench.bus.quarantine.list(exchange="units")
    assert (item.occurrences, item.run, item.last_run) == (5, "r0", "r4")
    (met,) = bench.bus.quarantine.met("units", "r3")
    assert met.item.id == item.id


def test_the_evidence_of_the_second_run_still_proves_its_own_refusal(bench: Bench, tmp_path: Path) -> None:
    """Its counts, its segment and its document name what it refused, though the item is the first run's."""
    plan = bench.plan(delivery=Delivery(batch=10, quarantine_above=1.0), source=bench.plan().exchange.source)
    for run in ("r1", "r2"):
        bench.source.offers = [unit(1, CapDonVi="nonsense"), unit(2), unit(3)]
        done = run_exchange(bench.bus, plan, RunRequest(run, since="2026-01-01T00:00:00+07:00"))
        assert done.counts["quarantined"] == 1
    (item,) = bench.bus.quarantine.list(exchange="units")
    assert item.occurrences == 2
    for run in ("r1", "r2"):
        out = tmp_path / f"{run}.zip"
        bus = bench.bus
        export(
            bus.ledger, bus.journal, bus.quarantine, exchange="units", run=run,
            read_segment=bus.store.data, documents={}, out=out,
        )  # fmt: skip
        report = verify_bundle(out, trust=bus.trust)
        assert report.ok, report.failures
