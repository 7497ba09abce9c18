"""What the model of versions found (tests/field), each as the few acts that show it."""

from __future__ import annotations

from pathlib import Path

from memory_bus import Bench, unit

from lienthong.ledger import export, verify_bundle
from lienthong.pipeline import RunRequest, pull, run_exchange, validate


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
