"""The evidence of real runs in which every fate is met: it verifies, and shows what it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memory_bus import Bench, unit

from lienthong.ledger import Report, export, verify_bundle
from lienthong.ledger.container import Reader
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.records import parse


def evidence(bench: Bench, run: str, out: Path, *, indexes: bool = True) -> Report:
    """Export a run and verify the bundle, which must hold."""
    bus = bench.bus
    export(
        bus.ledger, bus.journal, bus.quarantine, exchange="units", run=run, read_segment=bus.store.data,
        read_index=bus.index_rows if indexes else None, documents={}, out=out,
    )  # fmt: skip
    report = verify_bundle(out, trust=bus.trust)
    assert report.ok, report.failures
    return report


def deliveries(out: Path) -> list[dict[str, Any]]:
    with Reader(out) as reader:
        found: list[dict[str, Any]] = parse(reader.read("documents/deliveries.json"))["deliveries"]
    return found


def test_a_newer_version_in_the_run_is_shown(bench: Bench, tmp_path: Path) -> None:
    """A key twice in one pull: the older version is superseded, and the key indexes show by what."""
    bench.source.offers = [unit(1), unit(2), unit(1, TenDonVi="Xã mới"), unit(3)]
    bench.target.refuse = lambda record: record["MaDonVi"] == "00003"
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    assert settled.counts == {
        "pulled": 4, "acknowledged": 2, "quarantined": 0, "refused": 1, "pending": 0,
        "superseded": 1, "unchanged": 0,
    }  # fmt: skip
    out = tmp_path / "run.zip"
    report = evidence(bench, "r1", out)
    assert dict(report.counts) == settled.counts
    assert {check.name for check in report.checks} >= {"indexes"}
    assert "superseded" not in {item.name for item in report.not_checked}
    (delivery,) = deliveries(out)
    assert (delivery["superseded"], delivery["sent_count"], delivery["taken_count"]) == ([[0, 0]], 3, 2)
    assert delivery["segment"]["index"]
    told = {item.name: item.detail_en for item in evidence(bench, "r1", out, indexes=False).not_checked}
    assert told["superseded"].startswith("Of 1 superseded records a newer version of 0")
    assert "key indexes are not there" in told["key-indexes"]


def test_what_the_target_has_is_unchanged(bench: Bench, tmp_path: Path) -> None:
    """Read again from the beginning: what the target took is not sent again, and counts as unchanged."""
    bench.source.offers = [unit(number) for number in range(1, 6)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    bench.source.offers = [*bench.source.offers, unit(9)]
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r2", since="2025-01-01T00:00:00+07:00"))
    assert (settled.counts["unchanged"], settled.counts["acknowledged"]) == (5, 1)
    out = tmp_path / "run.zip"
    told = {item.name: item.detail_en for item in evidence(bench, "r2", out).not_checked}
    assert told["unchanged"].startswith("5 records were not sent")
    assert sum(item["sent_count"] for item in deliveries(out)) == 1


def test_torn_index_does_not_stop_the_evidence(bench: Bench, tmp_path: Path) -> None:
    """A key index that a power failure tore is left out of the bundle, which says so."""
    bench.source.offers = [unit(1)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    for file in (bench.bus.config.home / "staging").rglob("*.kix"):
        file.write_bytes(b"")
    del bench.bus.store
    told = {item.name for item in evidence(bench, "r1", tmp_path / "run.zip").not_checked}
    assert "key-indexes" in told
