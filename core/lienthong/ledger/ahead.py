"""What was written by a clock that was ahead, once it has been put right: entries, leases, waits.

Statements stay as they were signed. Nothing is signed after them by an earlier clock, until a person says
that theirs was wrong; what that person needs to know, and waits that would last as long, are here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import and_, func, select, update

from lienthong.ledger.clock import SKEW
from lienthong.ledger.db import Database
from lienthong.ledger.leases import database_time
from lienthong.ledger.tables import DELIVERIES, LEASES, STATEMENTS

#: The longest lease that a deployment can ask for, in seconds: what ends later was written by a clock ahead.
LONGEST_LEASE: Final = 3600.0
_C, _D, _L = STATEMENTS.c, DELIVERIES.c, LEASES.c


@dataclass(frozen=True, slots=True)
class Ahead:
    """Entries that were recorded later than now: how many, until when, and in which chains.

    ``chains`` are pairs of exchange and run, empty where an entry concerns none.
    """

    entries: int
    latest: str
    chains: tuple[tuple[str, str], ...]


def ahead(database: Database) -> Ahead | None:
    """Return what was recorded later than now by more than clocks may differ, None where nothing was.

    A chain whose last entry says already that the clock was put back is not among ``chains``.
    """
    limit = (datetime.now(UTC) + SKEW).isoformat(timespec="microseconds").replace("+00:00", "Z")
    last = select(func.max(_C.sequence).label("last")).group_by(_C.exchange, _C.run).subquery()
    open_ends = (
        select(_C.exchange, _C.run)
        .join(last, last.c.last == _C.sequence)
        .where(_C.recorded > limit)
        .order_by(_C.sequence)
    )
    with database.read() as connection:
        entries, latest = connection.execute(
            select(func.count(), func.max(_C.recorded)).where(_C.recorded > limit)
        ).one()
        chains = tuple((row.exchange, row.run) for row in connection.execute(open_ends))
    return Ahead(entries, latest, chains) if entries else None


def shorten_waits(database: Database) -> int:
    """End leases and waits that end later than any can that began by now; return how many there were.

    A lease is free then: a process that still had it finds it lost and sends nothing. What was sent may be
    under way until its deadline has passed, counted from now.
    """
    with database.write() as connection:
        now = database_time(connection)
        leases = connection.execute(
            update(LEASES).where(_L.expires_at > now + LONGEST_LEASE).values(expires_at=now)
        )
        late = and_(_D.state == "sent", _D.free_at > now + LONGEST_LEASE + _D.deadline)
        waits = connection.execute(update(DELIVERIES).where(late).values(free_at=now + _D.deadline))
        return int(leases.rowcount) + int(waits.rowcount)
