"""Holding a step: its lease, renewed by a thread as long as the step lasts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from lienthong.errors import LeaseLost, LienThongError
from lienthong.ledger.leases import Lease, Leases, lost
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.parts import Part, RunRequest
from lienthong.pipeline.plan import Plan

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Hold:
    """A lease that is kept alive. `check` is the last act before anything is written to a target.

    It counts by a clock that only goes forward, from before the last renewal: a process that was stopped or
    starved for longer than the lease finds out here, whatever any other clock says.
    """

    def __init__(self, leases: Leases, lease: Lease) -> None:
        self.lease = lease
        self._leases, self._done, self._gone = leases, threading.Event(), False
        self._until = 0.0
        self._thread = threading.Thread(target=self._renew, name=f"lease {lease.step}", daemon=True)

    @classmethod
    def take(cls, leases: Leases, exchange: str, run: str, step: str, part: int, seconds: float) -> Hold:
        """Take a lease and begin to renew it; raise `Held` where another process is at work."""
        begun = time.monotonic()
        hold = cls(leases, leases.take(exchange, run, step, part, seconds=seconds))
        hold._until = begun + seconds
        hold._thread.start()
        return hold

    def check(self) -> None:
        """Raise `LeaseLost` where this process may no longer be the one at work."""
        if self._gone or time.monotonic() >= self._until:
            raise lost(self.lease)

    def left(self) -> float:
        """Return for how many seconds the lease certainly holds without a renewal."""
        return 0.0 if self._gone else max(self._until - time.monotonic(), 0.0)

    def close(self) -> None:
        """End the renewals and give the lease back."""
        self._done.set()
        self._thread.join()
        self._leases.release(self.lease)

    def _renew(self) -> None:
        while not self._done.wait(self.lease.seconds / 3):
            begun = time.monotonic()
            try:
                self._leases.renew(self.lease)
            except LeaseLost:
                self._gone = True
                return
            except LienThongError:
                continue  # the database is away: the lease runs out by itself unless it comes back
            self._until = begun + self.lease.seconds


def held(step: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Do a step, called with bus, plan and request first, under its lease; its bus then knows the hold."""

    def decorate(work: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(work)
        def holding(*given: _P.args, **kwargs: _P.kwargs) -> _R:
            bus, plan, request, *args = cast("tuple[Bus, Plan, RunRequest, Any]", given)
            part = next((item.index for item in args if isinstance(item, Part)), 0)
            seconds = bus.config.lease_seconds
            hold = Hold.take(bus.leases, plan.exchange.id, request.run, step, part, seconds)
            try:
                return cast("Callable[..., _R]", work)(bus.under(hold), plan, request, *args, **kwargs)
            finally:
                _close(bus, hold)

        return holding

    return decorate


def _close(bus: Bus, hold: Hold) -> None:
    """Give a lease back; if the database is away it runs out by itself, and the step's own error counts."""
    try:
        hold.close()
    except LienThongError as error:
        bus.audit(hold.lease.step, f"the lease could not be given back ({error.code}): it runs out by itself")


def lease_of(bus: Bus) -> Lease | None:
    """Return the lease under which a bus works, None where it works under none."""
    return bus.hold.lease if bus.hold is not None else None
