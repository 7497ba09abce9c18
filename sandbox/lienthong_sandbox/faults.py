"""The ways real systems misbehave, as switches.

A fault lies in wait at one system, lets ``after`` matching requests pass, then strikes ``times``
requests. The gate acts on most names for every system alike; the names in :data:`INNER` are left
to the system, which knows its own shapes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

NAMES = frozenset(
    {
        "unavailable",
        "rate_limited",
        "slow",
        "slow_answer",
        "cut_after_taken",
        "cut_before",
        "duplicate_page",
        "expired_token",
        "malformed_record",
        "malformed_body",
        "partial_acceptance",
        "error_in_200",
        "job_pending",
        "job_lost",
        "job_failed",
        "hop_error",
        "wrong_echo",
    }
)
"""Every fault there is."""

OF_HOPS = frozenset({"hop_error", "wrong_echo"})
"""Faults of what stands between a caller and a service."""

INNER = OF_HOPS | {
    "duplicate_page",
    "malformed_record",
    "partial_acceptance",
    "job_pending",
    "job_lost",
    "job_failed",
}
"""Faults that only the system itself can act out."""


@dataclass(slots=True)
class Fault:
    """One fault in wait.

    ``operation`` limits it to one operation (``None`` = any but token requests), ``times`` of
    ``None`` means until cleared, ``seconds`` is the delay of ``slow`` and ``slow_answer`` or the
    Retry-After value, ``code`` the error that a ``hop_error`` answers with.
    """

    name: str
    times: int | None = 1
    after: int = 0
    operation: str | None = None
    seconds: float = 1.0
    code: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that no system acts on."""
        if self.name not in NAMES:
            raise ValueError(f"no fault is called {self.name!r}; there are: {', '.join(sorted(NAMES))}")

    def matches(self, operation: str) -> bool:
        """Tell whether the fault concerns an operation."""
        return operation != "token" if self.operation is None else self.operation == operation


@dataclass(slots=True)
class Board:
    """The faults in wait at one system. Safe to call from any thread."""

    waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        """Put a fault in wait; those added first strike first."""
        with self._lock:
            self.waiting.append(fault)

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self.waiting.clear()

    def strike(self, operation: str) -> Fault | None:
        """Return the fault that hits this request and use it up by one, or ``None``."""
        with self._lock:
            for fault in self.waiting:
                if not fault.matches(operation):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    return None
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                return fault
        return None
