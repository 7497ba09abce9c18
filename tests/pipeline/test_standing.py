"""Whether a run has settled, asked without waiting long and without failing in an unknown way."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from memory_bus import Bench, unit
from sqlalchemy import update

from lienthong.errors import LienThongError, Unavailable
from lienthong.ledger.tables import RUNS
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.pull import pull
from lienthong.pipeline.standing import Standing, standing


def test_a_run_is_unopened_open_settled_or_closed(bench: Bench) -> None:
    bench.source.offers = [unit(1)]
    config, request = bench.bus.config, RunRequest("r1")
    assert bench.bus.database.revision()
    assert standing("units", "r1", config=config) is Standing.UNOPENED
    pull(bench.bus, bench.plan(), request)
    assert standing("units", "r1", config=config) is Standing.OPEN
    run_exchange(bench.bus, bench.plan(), request)
    assert standing("units", "r1", config=config) is Standing.SETTLED
    pull(bench.bus, bench.plan(), RunRequest("r2"))
    with bench.bus.database.write() as connection:
        connection.execute(update(RUNS).where(RUNS.c.run == "r2").values(closed_at="2026-01-01T00:00:00Z"))
    assert standing("units", "r2", config=config) is Standing.CLOSED
    assert [item.done for item in Standing] == [True, True, False, False]


def test_a_dry_run_settles_too(bench: Bench) -> None:
    bench.source.offers = [unit(1)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1", dry_run=True))
    assert standing("units", "r1", config=bench.bus.config) is Standing.SETTLED


def test_a_ledger_that_keeps_silent_is_waited_for_shortly(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lienthong.pipeline import standing as module

    monkeypatch.setattr(module, "_standing", lambda *_: time.sleep(3) or Standing.SETTLED)
    assert bench.bus.database.revision()
    began = time.monotonic()
    with pytest.raises(Unavailable, match="no answer within"):
        standing("units", "r1", config=bench.bus.config, patience=0.2)
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("content", [b"no database at all, only words" * 99, None])
def test_a_ledger_that_cannot_be_read_is_an_error_of_ours(
    bench: Bench, tmp_path: Path, content: bytes | None
) -> None:
    """A damaged file, and a path below a file."""
    file = tmp_path / "ledger.sqlite"
    file.write_bytes(content or b"x")
    url = f"sqlite:///{file}" if content else f"sqlite:///{file}/below/ledger.sqlite"
    with pytest.raises(LienThongError):
        standing("units", "r1", config=replace(bench.bus.config, ledger=url))
