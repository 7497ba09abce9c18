"""A clock that is wrong within a run, or was: nothing is signed that would not verify, and a way on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from memory_bus import Bench, unit
from moved_clock import moved_clock

from lienthong.errors import LienThongError, Misconfigured, Permanent
from lienthong.ledger import export, verify_bundle
from lienthong.ledger.acts import acts
from lienthong.ledger.ahead import ahead
from lienthong.pipeline import RunRequest, pull, push, run_exchange, settle, transform, validate
from lienthong.pipeline.acts import act
from lienthong.pipeline.clock_back import put_back
from lienthong.signing import Signer

SAID = {"who": "Trần Thị Hoa", "why": "pin CMOS hỏng"}
YEARS = timedelta(days=365 * 60)
DAYS = timedelta(days=20)


@pytest.fixture
def clock() -> Iterator[Callable[[timedelta | None], None]]:
    """Let this machine's clock be ahead by some time, or right again."""
    with moved_clock() as be_ahead:
        yield be_ahead


def holds(bench: Bench, run: str, folder: Path) -> bool:
    """Export a run's evidence and verify it."""
    file = folder / f"{run}.zip"
    bus = bench.bus
    export(
        bus.ledger, bus.journal, bus.quarantine, exchange="units", run=run, read_segment=bus.store.data,
        read_index=bus.index_rows, documents={}, out=file,
    )  # fmt: skip
    report = verify_bundle(file, trust=bus.trust)
    assert report.ok, report.failures
    return True


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_clock_that_jumps_within_a_run_signs_nothing(
    bench: Bench, clock: Callable[..., None], tmp_path: Path, steps: int
) -> None:
    """Whichever step comes first after it; with the clock put right the same run settles and verifies."""
    bench.source.offers = [unit(1), unit(2)]
    plan, request = bench.plan(), RunRequest("r1")
    (part,) = pull(bench.bus, plan, request)
    work: list[Callable[[], Any]] = [
        lambda step=step: step(bench.bus, plan, request, part)  # type: ignore[misc]  # bound now
        for step in (validate, transform, push)
    ]
    work.append(lambda: settle(bench.bus, plan, request))
    for step in work[: steps - 1]:
        part = step()
    head = bench.bus.ledger.head()
    clock(YEARS)
    with pytest.raises(Misconfigured, match="would not verify") as caught:
        work[steps - 1]()
    assert "check the clock" in caught.value.hint or steps == 3, "push finds out before it sends"
    assert bench.bus.ledger.head() == head
    assert bench.target.batches == [] or steps > 3
    clock(None)
    for step in work[steps - 1 :]:
        part = step() or part
    assert holds(bench, "r1", tmp_path)


def test_acts_are_held_to_the_same(bench: Bench, clock: Callable[..., None], operator: Signer) -> None:
    """An operator's certificate that has expired by this clock signs no act."""
    clock(YEARS)
    with pytest.raises(Misconfigured):
        act(bench.bus, name="run.close", **SAID)
    assert bench.bus.ledger.head() is None


@pytest.fixture
def after(bench: Bench, clock: Callable[..., None], operator: Signer) -> Bench:
    """A clock was ahead for a while: one run settled meanwhile, one is open; now it is right again."""
    bench.source.offers = [unit(1), unit(2)]
    clock(DAYS)
    run_exchange(bench.bus, bench.plan(), RunRequest("settled"))
    bench.source.offers.append(unit(3))
    pull(bench.bus, bench.plan(), RunRequest("open"))
    act(bench.bus, name="hold.place", **SAID, exchange="units")
    clock(None)
    return bench


def test_nothing_goes_on_before_somebody_says_that_the_clock_was_ahead(after: Bench) -> None:
    """Neither runs nor acts; the error names the way."""
    with pytest.raises(Misconfigured) as caught:
        run_exchange(after.bus, after.plan(), RunRequest("next"))
    assert "lienthong clock back" in caught.value.hint
    for run in ("", "settled"):
        with pytest.raises(Misconfigured) as caught:
            act(after.bus, name="hold.lift", **SAID, exchange="units", run=run)
        assert "lienthong clock back" in caught.value.hint


def test_after_a_clock_was_put_back_everything_goes_on_and_verifies(after: Bench, tmp_path: Path) -> None:
    """What was signed stays and verifies; what people do about it is entered; new runs are as ever."""
    bus, plan = after.bus, after.plan()
    told = put_back(bus, **SAID)
    assert told.chains == (("units", "settled"), ("units", "open"), ("units", ""))
    with pytest.raises(Misconfigured, match="before an earlier step of this run") as caught:
        run_exchange(bus, plan, RunRequest("open"))
    assert "runs close" in caught.value.hint
    act(bus, name="run.close", **SAID, exchange="units", run="open")
    bus.journal.close_run("units", "open", SAID["who"], SAID["why"])
    settled = run_exchange(bus, plan, RunRequest("next"))
    assert settled.counts["acknowledged"] == 1
    act(bus, name="hold.place", **SAID, exchange="units", run="settled")
    assert bus.ledger.check(bus.trust) == []
    assert all(holds(after, run, tmp_path) for run in ("settled", "next"))
    assert [one.name for one in acts(bus.ledger, run="settled")] == ["clock.back", "hold.place"]


def test_putting_back_is_done_once(after: Bench, bench: Bench) -> None:
    """Where nothing lies ahead, or all of it was put back, it is refused and nothing is written."""
    put_back(after.bus, **SAID)
    head = after.bus.ledger.head()
    with pytest.raises(Misconfigured, match="later than now"):
        put_back(after.bus, **SAID)
    assert after.bus.ledger.head() == head


def test_putting_back_goes_on_where_it_was_stopped(after: Bench) -> None:
    real, left = act, [1]

    def stops(*args: Any, **kwargs: Any) -> Any:
        if not left:
            raise Permanent("stopped")
        left.pop()
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lienthong.pipeline.clock_back.act", stops)
        with pytest.raises(Permanent):
            put_back(after.bus, **SAID)
    put_back(after.bus, **SAID)
    names = [(one.exchange, one.run) for one in acts(after.bus.ledger) if one.name == "clock.back"]
    assert names == [("units", "settled"), ("units", "open"), ("units", ""), ("", "")]


def test_a_ledger_without_entries_ahead_has_nothing_to_put_back(bench: Bench, operator: Signer) -> None:
    assert ahead(bench.bus.database) is None
    with pytest.raises(LienThongError, match="later than now"):
        put_back(bench.bus, **SAID)
    assert bench.bus.ledger.head() is None
