"""Waiting for a target that accepted records and works on them: bounded, and told to people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lienthong.connector import TargetCapabilities
from lienthong.pipeline.bus import Bus

#: Seconds between two questions at least, whatever the target says.
SHORTEST = 0.2


@dataclass(frozen=True, slots=True)
class Waiting:
    """How one try of push has waited so far, and what it waits for next.

    ``since``: when waiting began (seconds since 1970); ``asked``: how many questions followed a
    wait; ``seconds``: how long until the next; ``records``: how many have no outcome yet.
    """

    since: float
    asked: int = 0
    seconds: float = 0.0
    records: int = 0


#: Lets time pass until the next question: it sleeps, or raises in order to be called again later.
Pause = Callable[[Waiting], None]


def pause_here(sleep: Callable[[float], None]) -> Pause:
    """Return a pause that keeps this process waiting."""
    return lambda waiting: sleep(waiting.seconds)


class Patience:
    """The waits of one try of push; ``waited`` is where an earlier process of the same try left off."""

    def __init__(self, bus: Bus, pause: Pause, waited: Waiting | None = None) -> None:
        self._bus, self._pause = bus, pause
        self._waiting = waited

    def wait(self, can: TargetCapabilities, seconds: float, records: int) -> bool:
        """Wait before the next question; return False, at once, where this try has waited enough."""
        now = time.time()
        waiting = self._waiting or Waiting(since=now)
        left = waiting.since + can.patience - now
        if left <= 0 or (can.questions and waiting.asked >= can.questions):
            return False
        seconds = min(max(seconds, SHORTEST), left)
        self._waiting = replace(waiting, asked=waiting.asked + 1, seconds=seconds, records=records)
        self._bus.audit(
            "push",
            f"the target is at work on {records} records: asked again in {seconds:.0f} s "
            f"(question {waiting.asked + 1}, at most {left:.0f} s more)",
        )
        self._pause(self._waiting)
        return True
