"""How fast a connection may be asked, as an author of exchanges writes it."""

from __future__ import annotations

from dataclasses import dataclass

from lienthong.connector import option
from lienthong.errors import InvalidExchange


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most ``requests`` in ``per_seconds``; ``RateLimit(requests=5000, per_seconds=86400, burst=5000)``.

    The time is cut into windows in each of which ``burst`` requests may leave: with 1 they leave
    evenly spread, with ``burst`` equal to ``requests`` it is a quota. In no ``per_seconds`` do more
    than ``requests + burst`` leave.
    """

    requests: int = option(doc="how many requests")
    per_seconds: float = option(1.0, doc="in how many seconds: 60 a minute's, 86400 a day's")
    burst: int = option(1, doc="how many of them at once; as many as requests: a quota")

    def __post_init__(self) -> None:
        if not (0 < self.per_seconds <= 31 * 86_400 and 1 <= self.burst <= self.requests):
            raise InvalidExchange(
                "field 'rates' is malformed",
                hint="requests of at least 1, per_seconds up to 31 days, burst from 1 to requests",
            )

    @property
    def window(self) -> float:
        """Seconds in which ``burst`` requests may leave."""
        return self.per_seconds * self.burst / self.requests

    @property
    def name(self) -> str:
        """What the limit is kept under: connections share limits that are alike."""
        return f"{self.requests}/{self.per_seconds:g}/{self.burst}"
