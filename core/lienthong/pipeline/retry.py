"""When a failed step is tried again: one schedule for `lienthong run`, Airflow and replays.

A step that failed with `Transient` waits `Schedule.first` seconds, twice as long after each further
try, at most `Schedule.longest`. Where the other side said how long (``retry_after``) it is waited for
at least that long, up to `Schedule.longest_asked`; whoever asks for more makes the step fail with the
moment from which a new try makes sense. `Closed` (a system outside its service hours, or left alone after
failures) is waited for as long as that takes, and is no try. All other errors fail at once.

Tests let no time pass: ``with no_waits(): ...`` (`lienthong.testing`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lienthong.errors import Closed, LienThongError, Transient

#: Moments further away than this are not worked out: a date has no more digits.
_FAR = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows a failure: ``wait`` seconds until the next try, None for none, and the reason."""

    wait: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """The waits between tries, in seconds.

    ``scale`` stretches every wait that is slept: 0 lets no time pass, and decides the same.
    """

    first: float = 5.0
    longest: float = 600.0
    longest_asked: float = 3600.0
    scale: float = 1.0

    @classmethod
    def instant(cls) -> Schedule:
        """Return the schedule of tests: the same decisions, no time passes."""
        return cls(scale=0.0)

    def wait(self, tried: int, asked: float | None = None) -> float:
        """Return how long to wait after a try (counted from 1), where the other side asked for so much."""
        doublings = min(max(tried - 1, 0), 30)
        own = min(self.first * (1 << doublings), self.longest)
        return max(own, min(_seconds(asked), self.longest_asked)) * self.scale

    def until_open(self, asked: float | None) -> float:
        """Return how long to wait for a system that is not asked now."""
        return min(max(_seconds(asked), 1.0), _FAR) * self.scale

    def too_long(self, asked: float | None) -> bool:
        """Tell whether the other side asks for more patience than this schedule has."""
        return _seconds(asked) > self.longest_asked

    def verdict(self, error: BaseException, tried: int, *, more: bool) -> Verdict:
        """Return what follows a failed try (counted from 1); ``more``: whether tries are left."""
        code = error.code if isinstance(error, LienThongError) else type(error).__name__
        if not isinstance(error, Transient):
            return Verdict(None, f"{code}: a retry would end the same way")
        if isinstance(error, Closed) and (more or self.scale):
            return Verdict(
                self.until_open(error.retry_after),
                f"{code}: not asked for {spoken(_seconds(error.retry_after))}",
            )
        if self.too_long(error.retry_after):
            return Verdict(None, f"{code}: {self.later(error.retry_after)}")
        if not more:
            return Verdict(None, f"{code}: no tries are left")
        wait = self.wait(tried, error.retry_after)
        return Verdict(wait, f"{code}: next try in {wait:.0f} s")

    def later(self, asked: float | None) -> str:
        """Return the sentence that says when to try again; its moment is in UTC."""
        seconds = _seconds(asked)
        moment = datetime.now(UTC) + timedelta(seconds=min(seconds, _FAR))
        return (
            f"the other side asks for {spoken(seconds)} of patience, more than {spoken(self.longest_asked)} "
            f"is not waited for: try again after {moment:%Y-%m-%dT%H:%MZ}"
        )


#: The schedule of this process; tests change it with `using`.
_current = Schedule()


def schedule() -> Schedule:
    """Return the schedule in force."""
    return _current


@contextmanager
def using(other: Schedule) -> Iterator[Schedule]:
    """Put another schedule in force for this process, all its threads included."""
    global _current  # noqa: PLW0603 - threads of a run must see it, which context variables would hide
    before, _current = _current, other
    try:
        yield other
    finally:
        _current = before


def given_up(error: Transient, said: str) -> Transient:
    """Return the error with one more next step: when to try again."""
    hint = f"{error.hint}; {said}" if error.hint else said
    return type(error)(error.message, where=error.where, hint=hint, **error.details)


def _seconds(asked: float | None) -> float:
    """Return seconds that can be compared: nothing, less than nothing and no number ask for nothing."""
    return asked if asked is not None and not math.isnan(asked) and asked > 0 else 0.0


def spoken(seconds: float) -> str:
    """Return a duration as people say it: 90 s, 15 min, 3 h 20 min, 5 d."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(min(seconds, _FAR) / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"
