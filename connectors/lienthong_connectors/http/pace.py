"""The pace at which one connection is asked: our own limits, and what the other side says of its own.

A pace is shared by all threads of a process, and through a small file by the processes of a
deployment where the settings give limits and the context lends a folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson

from lienthong.errors import Misconfigured, RateLimited, Unavailable
from lienthong.faults import file_faults
from lienthong_connectors.http.rate import RateLimit
from lienthong_connectors.http.status import seconds_of

SHORT: Final = 3.0
"""Seconds that the other side may ask for and that are waited in place, for one call in all."""

_PATIENCE: Final = 60.0
_FEW: Final = 8
_DAY: Final = 86_400.0
_EPOCH: Final = 1e9
_CURRENT: Final = re.compile(r"(?:^|;)\s*(r|t)\s*=\s*(\d{1,15})")
_OLDER: Final = re.compile(r"(?:^|,)\s*(r|t)(?:emaining|)\s*=\s*(\d{1,15})")
_NAMES: Final = (
    ("RateLimit-Remaining", "RateLimit-Reset"),
    ("X-RateLimit-Remaining", "X-RateLimit-Reset"),
    ("X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"),
)
State = dict[str, Any]

_FOLDER = "the folder cache of LIENTHONG_HOME must be one that may be written to"


class Pace:
    """When the next request may leave. ``file`` is shared with other processes, None without one."""

    def __init__(self, where: str, file: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._where, self._file, self._clock = where, file, clock
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._kept: State = {}

    def wait(self, limits: tuple[RateLimit, ...], stop: threading.Event) -> None:
        """Wait until a request may leave, and count it.

        Raises `RateLimited` with the seconds to wait where they are many, so that the task can be
        tried again later, and `Unavailable` where ``stop`` is set meanwhile.
        """
        with self._turn:
            seconds = self._reserve(limits)
            if seconds > 0 and stop.wait(seconds):
                raise Unavailable("closed while waiting for its turn", where=self._where)

    def heard(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Take note of what an answer says of the other side's limits.

        Return the seconds after which the other side wants to be asked again (429, 503), None
        where it does not say.
        """
        asked = None
        if status in {429, 503}:
            asked = seconds_of(headers.get("Retry-After", ""), headers.get("Date", ""))
        refused = asked if asked is not None and status == 429 else 0.0
        hold = max(refused, _slower(headers, self._clock()))
        if hold > 0:
            # the answer is there: what cannot be written down must not make a delivery look as if it failed
            with suppress(Unavailable, Misconfigured), self._lock, self._state() as state:
                state["hold"] = max(float(state.get("hold", 0.0)), self._clock() + min(hold, _DAY))
        return asked

    def _reserve(self, limits: tuple[RateLimit, ...]) -> float:
        """Count a request and return the seconds after which it may leave."""
        with self._lock, self._state() as state:
            now = self._clock()
            hold = float(state.get("hold", 0.0))
            held = hold - now if hold - now <= _DAY else 0.0  # else the clock was set back
            start = max([now, now + held, *(self._opening(state, limit, now) for limit in limits)])
            patience = SHORT if now + held >= start else _PATIENCE
            if start - now > patience:
                raise RateLimited(
                    "no request may leave yet",
                    where=self._where,
                    hint="the limit is the other side's, or rates of the settings",
                    retry_after=round(start - now, 3),
                )
            for limit in limits:
                begin, count = self._window(state, limit, start)
                state[limit.name] = [begin, count + 1]
            return start - now

    def _opening(self, state: State, limit: RateLimit, now: float) -> float:
        """Return when a limit lets the next request leave."""
        begin, count = self._window(state, limit, now)
        return max(now, begin) if count < limit.burst else begin + limit.window

    @staticmethod
    def _window(state: State, limit: RateLimit, moment: float) -> tuple[float, int]:
        """Return a limit's window at a moment: where it begins, and how many have left in it."""
        begin, count = state.get(limit.name, (moment, 0))
        set_back = begin > moment + _PATIENCE + limit.window
        if moment >= begin + limit.window or set_back:
            return moment, 0
        return begin, count

    @contextmanager
    def _state(self) -> Iterator[State]:
        """Lend what is known, to be changed; where there is a file, no other process has it meanwhile."""
        if self._file is None:
            yield self._kept
            return
        said = "the count of requests cannot be shared with other tasks"
        with file_faults(said, self._file, hint=_FOLDER), _locked(self._file) as descriptor:
            state = _read(descriptor)
            yield state
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, orjson.dumps(state), 0)


_paces: dict[tuple[str, str], Pace] = {}
_paces_lock = threading.Lock()


def pace_of(connection: str, base: str, limits: tuple[RateLimit, ...], folder: Path | None) -> Pace:
    """Return the pace that all users of a connection in this process share."""
    file = None
    if limits and folder is not None:
        name = hashlib.sha256(f"{connection}\n{base}".encode()).hexdigest()[:32]
        file = folder / "pace" / f"{name}.json"
    with _paces_lock:
        key = (f"{connection}\n{base}", str(file or ""))
        return _paces.setdefault(key, Pace(f"connection {connection!r}", file))


def _slower(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds until the next request that an answer's RateLimit fields suggest.

    They are those of draft-ietf-httpapi-ratelimit-headers in its present form (``RateLimit:
    "default";r=50;t=30``) and its earlier ones, and the ``X-`` fields that came before it, whose
    reset may be a moment instead of seconds. While many requests remain nothing is waited, the
    last few are spread over the time that remains, with none left all of it is waited.
    """
    waits = [0.0]
    for remaining, reset in _announced(headers):
        left = reset - now if reset > _EPOCH else reset
        if left <= 0 or remaining > _FEW:
            continue
        waits.append(left if remaining == 0 else min(left / (remaining + 1), SHORT))
    return max(waits)


def _announced(headers: Mapping[str, str]) -> Iterator[tuple[int, float]]:
    """Yield (requests that remain, seconds or moment of the reset) for every limit that is announced."""
    field = headers.get("RateLimit", "")[:1000]
    older = dict(_OLDER.findall(field.replace("reset", "t")))
    for item in [dict(_CURRENT.findall(item)) for item in field.split(",")] + [older]:
        if item.keys() >= {"r", "t"}:
            yield int(item["r"]), float(item["t"])
    for remaining, reset in _NAMES:
        left, until = headers.get(remaining, "").strip(), headers.get(reset, "").strip()
        if left.isascii() and left.isdigit() and until.isascii() and until.isdigit() and len(until) < 16:
            yield int(left), float(until)


@contextmanager
def _locked(file: Path) -> Iterator[int]:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> State:
    """Return what a file holds; one that cannot be read counts as new."""
    try:
        state = orjson.loads(os.pread(descriptor, 1 << 16, 0))
    except orjson.JSONDecodeError:
        return {}
    return state if isinstance(state, dict) else {}
