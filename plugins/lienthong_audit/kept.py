"""Reports on large runs: made when a reader asks, and kept for a while by what the ledger has of the run."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lienthong.ledger import Report
from lienthong_audit.evidence import RunEvidence

#: Seconds after which a reader who asks gets a fresh report: staging may have changed meanwhile.
FRESH: Final = 600.0
_MOST: Final = 32


@dataclass(frozen=True, slots=True)
class Made:
    """A report, when it was made (RFC 3339, UTC), and until when it is handed out (monotonic)."""

    report: Report
    at: str
    until: float


class Reports:
    """Reports of this process. Safe among threads: one is made at a time, the others wait for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str], Made] = OrderedDict()
        self._making = threading.Lock()

    def get(self, run: RunEvidence) -> Made | None:
        """Return the report of a run as the ledger has it now, None where none is kept."""
        found = self._kept.get(_name(run))
        return found if found is not None and time.monotonic() < found.until else None

    def made(self, run: RunEvidence, verify: Callable[[RunEvidence], Report]) -> Made:
        """Return the report of a run, making it where none is kept."""
        with self._making:
            found = self.get(run)
            if found is None:
                report = verify(run)
                at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
                found = self._kept[_name(run)] = Made(report, at, time.monotonic() + FRESH)
                while len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return found


def _name(run: RunEvidence) -> tuple[str, str, str]:
    return run.exchange, run.run, run.state
