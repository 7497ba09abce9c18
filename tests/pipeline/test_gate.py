"""Runs wait while a system does not serve, and leave one alone that fails time and again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from memory_bus import unit

from lienthong import Delivery
from lienthong.connector import Connection
from lienthong.errors import Closed, LeaseLost, ProtocolViolation, Unavailable
from lienthong.pipeline import RunRequest, pull, run_exchange
from lienthong.pipeline.breaker import TRIAL, Breaker, standing_of
from lienthong.pipeline.gate import Gate
from lienthong.pipeline.retry import Schedule, using

if TYPE_CHECKING:
    from memory_bus import Bench

#: Friday, 17:00 in Viet Nam.
EVENING = datetime(2026, 11, 27, 10, 0, tzinfo=UTC).timestamp()
OFFICE = {"hours": "T2-T6 07:30-17:00"}


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = EVENING) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def gate(bench: Bench, clock: Clock, **extra: Any) -> Gate:
    return Gate(bench.bus, Connection("c", "memory", extra=extra), clock)


def fail(found: Gate, error: Exception | None = None) -> None:
    with pytest.raises(type(error or Unavailable(""))), found.passing():
        raise error or Unavailable("down", where="connection 'c'")


def passes(found: Gate) -> bool:
    try:
        with found.passing():
            return True
    except Closed:
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every gate, and waits that are decided as in production."""
    found = Clock()
    monkeypatch.setattr(Gate.__init__, "__defaults__", (found,))
    return found


def test_nobody_passes_outside_the_hours_and_the_error_says_until_when(bench: Bench) -> None:
    """The wait reaches to the opening, over the week-end; before it the gate is open."""
    clock = Clock(EVENING - 1)
    found = gate(bench, clock, **OFFICE)
    assert passes(found)
    clock.now = EVENING
    with pytest.raises(Closed, match=r"begin again at 2026-11-30 07:30 \(\+07:00\)") as caught:
        found.check()
    assert caught.value.retry_after == (2 * 24 + 14.5) * 3600
    assert standing_of(bench.bus.config.home, "c").until == EVENING + caught.value.retry_after
    assert "runs wait until 2026-11-30 07:30" in found.findings()[0].detail


def test_a_run_waits_for_the_opening_instead_of_failing_however_long_it_is(
    bench: Bench, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than any patience for a busy server, and no try is used up; the run then goes on by itself."""
    bench.source.offers = [unit(n) for n in range(1, 4)]
    monkeypatch.setattr(bench.bus, "connections", lambda name: Connection(name, "memory", extra=OFFICE))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds

    plan = bench.plan(delivery=Delivery(batch=10, attempts=1))
    with using(Schedule()):
        settled = run_exchange(bench.bus, plan, RunRequest("r1"), sleep=sleep)
    assert slept == [(2 * 24 + 14.5) * 3600]
    assert settled.counts["acknowledged"] == 3


def test_a_read_stops_where_the_hours_end_and_goes_on_at_the_last_sealed_segment(
    bench: Bench, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages: nothing that was sealed is read again."""
    bench.source.offers = [unit(n) for n in range(1, 51)]
    monkeypatch.setattr(bench.bus, "connections", lambda name: Connection(name, "memory", extra=OFFICE))
    clock.now = EVENING - 1
    plan, said = bench.plan(), bench.bus.progress

    def later(*args: Any) -> None:
        said(*args)
        clock.now = EVENING

    monkeypatch.setattr(bench.bus, "progress", later)
    with pytest.raises(Closed):
        pull(bench.bus, plan, RunRequest("r1"))
    monkeypatch.setattr(bench.bus, "progress", said)
    clock.now = EVENING + 3 * 86_400 - 60
    parts = pull(bench.bus, plan, RunRequest("r1"))
    assert sum(part.records for part in parts) == 50
    assert bench.source.closed == 2


def test_after_failures_one_after_another_the_system_is_left_alone_and_one_tries(bench: Bench) -> None:
    """Two gates stand for two processes: the second waits while the first tries."""
    clock = Clock()
    with using(Schedule()):
        one, other = (gate(bench, clock, breaker="3/60") for _ in range(2))
        fail(one)
        fail(other)
        assert passes(one), "an answer in between: the count begins again"
        for found in (one, other, one):
            fail(found)
        assert not passes(other)
        with pytest.raises(Closed, match="failed 3 times") as caught, other.passing():
            pass
        assert caught.value.retry_after == 60
        (finding,) = other.findings()
        assert (finding.check, finding.ok) == ("breaker", False) and "3 lần" in finding.vi
        clock.now += 60
        with one.passing():
            assert not passes(other), "one trial, by one process"
        assert passes(other) and other.findings() == []


def test_a_trial_that_fails_waits_longer_and_one_that_is_lost_is_given_up(bench: Bench) -> None:
    clock = Clock()
    with using(Schedule()):
        found = gate(bench, clock, breaker="1/60")
        fail(found)
        clock.now += 60
        fail(found)
        clock.now += 119
        assert not passes(found)
        clock.now += 1
        breaker = Breaker(bench.bus.config.home, "c", clock)
        assert breaker.admit(found._settings) == (0.0, True), "its process is killed now"
        assert not passes(found)
        clock.now += TRIAL
        assert passes(found)


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (Unavailable("down", where="connection 'c', table x"), True),
        (Unavailable("down"), True),
        (Unavailable("down", where="ledger database"), False),
        (LeaseLost("taken over"), False),
        (ProtocolViolation("odd"), False),
    ],
)
def test_only_what_this_system_failed_to_answer_counts(bench: Bench, error: Exception, counts: bool) -> None:
    """The ledger's own trouble, and leases, say nothing about it; whatever else it says, it answers."""
    with using(Schedule()):
        found = gate(bench, Clock(), breaker="1/60")
        fail(found, error)
        assert passes(found) is not counts


def test_a_breaker_that_is_off_or_a_file_that_is_torn_stops_nobody(bench: Bench) -> None:
    with using(Schedule()):
        found = gate(bench, Clock(), breaker="off")
        for _ in range(9):
            fail(found)
        assert passes(found)
        found = gate(bench, Clock(), breaker="1/60")
        fail(found)
        (file,) = Path(bench.bus.config.home, "cache", "service").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        for torn in (b"{", b"[]", json.dumps({"failures": "many"}).encode()):
            file.write_bytes(torn)
            assert passes(found)
        assert standing_of(bench.bus.config.home, "c").failures == 0
