"""Runs that never settled: which they are, what each of them blocks, and how a person closes one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from lienthong.errors import Permanent, UnknownName
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.tables import DELIVERIES, PLANNED, RUNS

_R, _D, _P = RUNS.c, DELIVERIES.c, PLANNED.c
_IN_DOUBT: Final = ("sent", "unknown")
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class RunStand:
    """Where a run stands, and what it blocks.

    ``kind``: run, replay or staging. ``doubts`` are the ids of its deliveries whose outcome is not known:
    no newer version of their records is sent meanwhile. ``intended`` counts those that were not begun.
    """

    exchange: str
    run: str
    number: int
    kind: str
    opened_at: str
    settled_at: str | None
    closed_at: str | None
    closed_by: str | None
    closed_why: str | None
    doubts: tuple[str, ...] = ()
    intended: int = 0

    @property
    def state(self) -> str:
        """``settled``, ``closed`` (by a person) or ``open``."""
        return "settled" if self.settled_at else "closed" if self.closed_at else "open"


class RunsAdmin:
    """The part of the journal by which people list and close runs."""

    _database: Database

    def stands(
        self, exchange: str | None = None, *, only_open: bool = False, limit: int | None = None
    ) -> list[RunStand]:
        """Return where runs stand, the latest opened first; ``only_open`` leaves out settled and closed."""
        wanted = select(RUNS).order_by(_R.opened_at.desc(), _R.number.desc(), _R.run.desc()).limit(limit)
        if exchange is not None:
            wanted = wanted.where(_R.exchange == exchange)
        if only_open:
            wanted = wanted.where(_R.settled_at.is_(None), _R.closed_at.is_(None))
        with self._database.read() as connection:
            return _stands(connection, connection.execute(wanted).all())

    def stand(self, exchange: str, run: str) -> RunStand:
        """Return where a run stands; raise `UnknownName` where it was never opened."""
        wanted = select(RUNS).where(_R.exchange == exchange, _R.run == run)
        with self._database.read() as connection:
            (found,) = _stands(connection, [_found(connection.execute(wanted).one_or_none(), exchange, run)])
        return found

    def close_run(self, exchange: str, run: str, by: str, why: str) -> RunStand:
        """Close a run that will never settle: from now on it sends nothing; the same again changes nothing.

        What it pulled and did not deliver is pulled again by the next run, because the cursor stayed. Raises
        `Permanent` where it has settled, or has deliveries in doubt, which are named: first find out what
        became of them (`lienthong delivery resolve`), or let the run settle them by asking.
        """
        with self._database.write() as connection:
            # deliveries first: whoever is about to send one waits here, and then sees that the run is closed
            planned = connection.execute(
                select(DELIVERIES)
                .join(PLANNED, _P.delivery == _D.id)
                .where(_P.exchange == exchange, _P.run == run)
                .order_by(_D.id)
                .with_for_update(of=DELIVERIES)
            ).all()
            wanted = select(RUNS).where(_R.exchange == exchange, _R.run == run)
            row = _found(connection.execute(wanted.with_for_update()).one_or_none(), exchange, run)
            if row.closed_at is None:
                _check_closable(row, [one.id for one in planned if one.state in _IN_DOUBT])
                connection.execute(
                    update(RUNS)
                    .where(_R.exchange == exchange, _R.run == run)
                    .values(closed_at=now(), closed_by=by, closed_why=why)
                )
            (found,) = _stands(connection, [connection.execute(wanted).one()])
        return found

    def check_closable(self, exchange: str, run: str) -> RunStand:
        """Return where a run stands; raise as `close_run` would, before an act about it is signed."""
        stand = self.stand(exchange, run)
        _check_closable(stand, list(stand.doubts))
        return stand


def _check_closable(run: Any, doubts: list[str]) -> None:
    where = f"exchange {run.exchange!r}, run {run.run!r}"
    if run.settled_at is not None:
        raise Permanent(f"the run settled at {run.settled_at}", where=where, hint="there is nothing to close")
    if doubts:
        named = ", ".join(doubts[:_SHOWN]) + (f" and {len(doubts) - _SHOWN} more" if doubts[_SHOWN:] else "")
        raise Permanent(
            f"{len(doubts)} deliveries of the run are in doubt: {named}",
            where=where,
            hint="ask the agency, then: lienthong delivery resolve ID --taken or --not-taken",
        )


def _stands(connection: Connection, rows: Any) -> list[RunStand]:
    doubts: dict[tuple[str, str], list[str]] = defaultdict(list)
    intended: dict[tuple[str, str], int] = defaultdict(int)
    open_ = {(row.exchange, row.run) for row in rows if row.settled_at is None and row.closed_at is None}
    if open_:
        found = connection.execute(
            select(_P.exchange, _P.run, _D.id, _D.state)
            .join(DELIVERIES, _P.delivery == _D.id)
            .where(_D.state.in_((*_IN_DOUBT, "intended")))
            .order_by(_P.part, _P.position)
        )
        for row in found:
            if row.state in _IN_DOUBT:
                doubts[row.exchange, row.run].append(row.id)
            else:
                intended[row.exchange, row.run] += 1
    return [
        RunStand(
            exchange=row.exchange,
            run=row.run,
            number=row.number,
            kind=row.kind,
            opened_at=row.opened_at,
            settled_at=row.settled_at,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            closed_why=row.closed_why,
            doubts=tuple(doubts[row.exchange, row.run]) if (row.exchange, row.run) in open_ else (),
            intended=intended[row.exchange, row.run] if (row.exchange, row.run) in open_ else 0,
        )
        for row in rows
    ]


def _found(row: Row[Any] | None, exchange: str, run: str) -> Row[Any]:
    if row is None:
        raise UnknownName(
            "no such run", where=f"exchange {exchange!r}, run {run!r}", hint="see: lienthong runs list"
        )
    return row
