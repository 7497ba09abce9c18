"""The gate before a connection: nobody passes outside its service hours, or while its breaker is open.

Who may not pass gets `Closed` with the seconds to wait, and waits by the one schedule of waits
(`lienthong.pipeline.retry`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from lienthong.connector import Connection, Finding
from lienthong.connector.hours import breaker_settings, service_hours
from lienthong.errors import Closed, Held, LeaseLost, LienThongError, TimedOut, Unavailable
from lienthong.pipeline.breaker import Breaker, said
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.retry import schedule


class Gate:
    """The gate before one connection."""

    def __init__(self, bus: Bus, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        """Raise `Misconfigured` where the connection's hours or breaker cannot be read."""
        self._connection, self._clock = connection, clock
        self._where = f"connection {connection.id!r}"
        self._hours, self._settings = service_hours(connection), breaker_settings(connection)
        self._breaker = Breaker(bus.config.home, connection.id, clock)

    def check(self) -> None:
        """Raise `Closed` where the other side does not serve now."""
        wait = self._hours.wait(datetime.fromtimestamp(self._clock(), UTC)) if self._hours else 0.0
        if wait > 0:
            until = round(self._clock() + wait)
            self._breaker.closed(until)
            raise Closed(
                f"outside the system's service hours, which begin again at {said(until)}",
                where=self._where,
                hint="the run goes on by itself then; the connection's fields hours and holidays say when",
                retry_after=wait,
                until=until,
            )

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let what speaks with the system pass, and learn by it whether the system answers.

        Raises `Closed` where nobody may pass. Of what is raised inside, failures to reach this very
        connection count; whatever else it says, it answers.
        """
        self.check()
        wait, trial = self._breaker.admit(self._settings, schedule().scale)
        if wait > 0:
            raise Closed(
                f"the system failed {self._breaker.standing().failures} times one after another: "
                "it is left alone for a while",
                where=self._where,
                hint="the run goes on by itself; see: lienthong connector check",
                retry_after=wait,
            )
        try:
            yield
        except LienThongError as error:
            if self._failed(error):
                self._breaker.failed(self._settings, error.code)
            elif trial and isinstance(error, (Closed, Held, LeaseLost, Unavailable, TimedOut)):
                self._breaker.held()
            elif not isinstance(error, (Closed, Held, LeaseLost, Unavailable, TimedOut)):
                self._breaker.served()
            raise
        except BaseException:
            if trial:
                self._breaker.held()
            raise
        self._breaker.served()

    def findings(self) -> list[Finding]:
        """Return how the connection stands, for a check; nothing without hours and failures."""
        found: list[Finding] = []
        now, standing = self._clock(), self._breaker.standing()
        if self._hours:
            wait = self._hours.wait(datetime.fromtimestamp(now, UTC))
            en, vi = ("within the service hours", "trong giờ phục vụ")
            if wait > 0:
                at = said(now + wait)
                en, vi = (
                    f"outside the service hours: runs wait until {at}",
                    f"ngoài giờ phục vụ: chờ đến {at}",
                )
            found.append(Finding("hours", True, en, vi=vi))
        if self._settings.failures and standing.failures >= self._settings.failures:
            at = said(max(standing.open_until, now))
            en = f"{standing.failures} failures one after another: left alone until {at}, then tried by one"
            vi = f"{standing.failures} lần lỗi liên tiếp: tạm ngừng gọi đến {at}, rồi một lượt chạy thử lại"
            hint = "the system did not answer runs; they go on by themselves once it does"
            found.append(Finding("breaker", False, en, hint, vi=vi))
        return found

    def _failed(self, error: LienThongError) -> bool:
        """Tell whether an error means that this connection's system could not be reached."""
        ours = not error.where or f"connection {self._connection.id!r}" in error.where
        return ours and type(error) in (Unavailable, TimedOut)
