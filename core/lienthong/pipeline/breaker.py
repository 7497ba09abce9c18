"""Whether a connection's system is left alone: after failures one after another, or outside its hours.

One small file a connection, under ``cache/service`` of the home, is shared by all processes of a deployment
that share it, and read by the auditors' pages. After so many failures the breaker is open for some seconds;
then one process tries, and the others go on waiting. If that fails too, it is open for twice as long, for an
hour at most; if it does not, all go on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from lienthong.connector.hours import BreakerSettings
from lienthong.faults import file_faults

#: Seconds after which a trial counts as lost: its process was killed.
TRIAL: Final = 600.0
_LONGEST: Final = 3600.0
_ZONE: Final = 7 * 3600
_SOON: Final = 1.0
_FOLDER: Final = "the folder cache of LIENTHONG_HOME must be one that may be written to"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connection stands: consecutive ``failures``, and until when (seconds since 1970) it is not asked.

    ``open_until`` is the breaker's, ``closed_until`` that of the service hours; 0 for neither.
    """

    connection: str
    failures: int = 0
    open_until: float = 0.0
    closed_until: float = 0.0

    @property
    def until(self) -> float:
        """Until when it is not asked, whatever the reason; a moment that has passed where it is."""
        return max(self.open_until, self.closed_until)

    @property
    def moment(self) -> str:
        """The same as people read it, in Vietnam's time."""
        return said(self.until)


def said(moment: float) -> str:
    """Return a moment (seconds since 1970) in Vietnam's time."""
    return f"{datetime.fromtimestamp(moment + _ZONE, UTC):%Y-%m-%d %H:%M} (+07:00)"


class Breaker:
    """The breaker of one connection. Safe among processes and threads."""

    def __init__(self, home: Path, connection: str, clock: Callable[[], float] = time.time) -> None:
        self._connection, self._clock = connection, clock
        self._file = _file(home, connection)

    def standing(self) -> Standing:
        """Return how the connection stands."""
        return _standing(self._connection, _read(self._file))

    def admit(self, settings: BreakerSettings, scale: float = 1.0) -> tuple[float, bool]:
        """Return the seconds to wait, 0 to go on, and whether this is the one trial of an open breaker.

        ``scale`` stretches the waits: 0 lets no time pass.
        """
        if not settings.failures or not self._file.exists():
            return 0.0, False
        with self._state() as state:
            now = self._clock()
            until, trial = state.get("until", 0.0), state.get("trial", 0.0)
            if state.get("failures", 0) < settings.failures or not scale:
                return 0.0, False
            if now < until <= now + _LONGEST:
                return max(_SOON, until - now), False
            if now < trial <= now + TRIAL:
                return max(_SOON, min(settings.seconds, trial - now)), False
            state["trial"] = now + TRIAL
            return 0.0, True

    def failed(self, settings: BreakerSettings, code: str) -> None:
        """Count a failure; the breaker opens with the last that is allowed, and again with a failed trial."""
        if not settings.failures:
            return
        with self._state() as state:
            count = state["failures"] = int(state.get("failures", 0)) + 1
            state.update(connection=self._connection, code=code, trial=0.0)
            over = count - settings.failures
            if over >= 0:
                state["until"] = self._clock() + min(settings.seconds * (1 << min(over, 12)), _LONGEST)

    def held(self) -> None:
        """Give a trial back that told nothing."""
        with self._state() as state:
            state["trial"] = 0.0

    def served(self) -> None:
        """Forget all failures: the other side answers."""
        if _read(self._file):
            with self._state() as state:
                state.clear()

    def closed(self, until: float) -> None:
        """Note until when the service hours let nobody ask, for whoever looks."""
        if _read(self._file).get("closed") != until:
            with self._state() as state:
                state.update(connection=self._connection, closed=until)

    @contextmanager
    def _state(self) -> Iterator[dict[str, Any]]:
        what = "whether a system is left alone cannot be shared with other tasks"
        with file_faults(what, self._file, hint=_FOLDER):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                state = _parsed(os.pread(handle, 1 << 16, 0))
                yield state
                os.ftruncate(handle, 0)
                os.pwrite(handle, orjson.dumps(state) if state else b"", 0)
            finally:
                os.close(handle)


def standing_of(home: Path, connection: str) -> Standing:
    """Return how a connection stands by what processes that share the home have noted."""
    return _standing(connection, _read(_file(home, connection)))


def _file(home: Path, connection: str) -> Path:
    return home / "cache" / "service" / f"{hashlib.sha256(connection.encode()).hexdigest()[:32]}.json"


def _standing(connection: str, state: dict[str, Any]) -> Standing:
    return Standing(
        connection,
        int(state.get("failures", 0)),
        float(state.get("until", 0.0)),
        float(state.get("closed", 0.0)),
    )


def _read(file: Path) -> dict[str, Any]:
    with suppress(OSError):
        return _parsed(file.read_bytes())
    return {}


def _parsed(data: bytes) -> dict[str, Any]:
    """Return what a file holds; one that cannot be read counts as new."""
    try:
        state = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    numbers = ("failures", "until", "trial", "closed")
    sound = isinstance(state, dict) and all(isinstance(state.get(n, 0), (int, float)) for n in numbers)
    return state if sound else {}
