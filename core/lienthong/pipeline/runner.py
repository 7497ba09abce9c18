"""A whole run in one process: the five steps in order, retried as Airflow would."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from lienthong.connector import RecordSource
from lienthong.errors import Closed, Transient
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.parts import Part, RunRequest, Settled
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.pull import pull
from lienthong.pipeline.push import push
from lienthong.pipeline.retry import given_up, schedule
from lienthong.pipeline.settle import settle
from lienthong.pipeline.transform import transform
from lienthong.pipeline.validate import validate
from lienthong.pipeline.waiting import pause_here

_T = TypeVar("_T")


def run_exchange(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    *,
    source: RecordSource | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Settled:
    """Run an exchange from pull to settle; `Transient` errors are retried ``delivery.attempts`` times.

    The waits are those of `lienthong.pipeline.retry.schedule`; ``sleep`` lets the time pass.
    """
    attempts, pause = plan.exchange.delivery.attempts, pause_here(sleep)

    def steadily(step: Callable[[], _T]) -> _T:
        return _retried(bus, step, attempts, sleep)

    parts = steadily(lambda: pull(bus, plan, request, source))
    for step in (validate, transform):
        parts = [steadily(partial(step, bus, plan, request, part)) for part in parts]
    _push_all(parts, lambda part: steadily(partial(push, bus, plan, request, part, pause=pause)))
    return settle(bus, plan, request)


def _push_all(parts: Sequence[Part], push_part: Callable[[Part], Part]) -> None:
    """Push the parts side by side, as Airflow's mapped tasks do: targets answer while others are served."""
    if not parts:
        return
    with ThreadPoolExecutor(len(parts), thread_name_prefix="push") as pool:
        for done in [pool.submit(push_part, part) for part in parts]:
            done.result()


def _retried(bus: Bus, step: Callable[[], _T], attempts: int, sleep: Callable[[float], None]) -> _T:
    """Do a step until it succeeds, as the schedule says; raise what the last try raised."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return step()
        except Transient as error:
            waits = schedule()
            found = waits.verdict(error, attempt, more=attempt < attempts)
            if found.wait is None:
                if waits.too_long(error.retry_after):
                    raise given_up(error, waits.later(error.retry_after)) from error
                raise
            bus.audit("retry", f"{found.reason}, attempt {attempt} of {attempts}")
            if isinstance(error, Closed) and found.wait > 0:
                attempt -= 1  # nothing was tried
            sleep(found.wait)
