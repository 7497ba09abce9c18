"""What happened at one place of a target: answers in their order, and what is in doubt."""

from __future__ import annotations

from sqlalchemy import exists, func, select, update

from lienthong.ledger.db import Database
from lienthong.ledger.delivery_rows import select_deliveries, state_of
from lienthong.ledger.fencing import MAY_ANSWER
from lienthong.ledger.states import DeliveryState
from lienthong.ledger.tables import DELIVERIES, PLANNED, RUNS

_D = DELIVERIES.c


class Scopes:
    """Deliveries by scope, whichever exchange and run they are of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def taken(self, scope: str, after: int) -> list[DeliveryState]:
        """Return the deliveries that took something after an answer (by number), in their order."""
        wanted = select_deliveries(by_run=False).where(_D.scope == scope, _D.taken > after)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(_D.taken, _D.id)).all()
        return [state_of(row._asdict()) for row in rows]

    def names(self) -> list[str]:
        """Return all scopes into which something was delivered."""
        wanted = select(_D.scope).where(_D.scope != "", _D.taken.is_not(None)).distinct().order_by(_D.scope)
        with self._database.read() as connection:
            return list(connection.execute(wanted).scalars())

    def forget(self, id_: str) -> None:
        """Forget what a delivery brought to its scope: its key index is lost for ever."""
        with self._database.write() as connection:
            connection.execute(update(DELIVERIES).where(_D.id == id_).values(taken=None))

    def last_to_land(self, scope: str, exchange: str, run: str) -> bool:
        """Tell whether nothing came to a scope beside or after a run, neither an answer nor a later run."""
        mine = (_D.exchange == exchange) & (_D.run == run)
        first = select(func.min(_D.taken)).where(_D.scope == scope, mine).scalar_subquery()
        number = select(RUNS.c.number).where(RUNS.c.exchange == exchange, RUNS.c.run == run).scalar_subquery()
        beside = select(_D.id).where(_D.scope == scope, _D.taken > first, ~mine)
        p = PLANNED.c
        planned = (p.exchange == RUNS.c.exchange) & (p.run == RUNS.c.run) & (p.delivery == _D.id)
        later = select(RUNS.c.run).where(RUNS.c.number > number, exists().where(planned, _D.scope == scope))
        with self._database.read() as connection:
            return all(connection.execute(one.limit(1)).first() is None for one in (beside, later))

    def in_doubt(self, scope: str) -> list[DeliveryState]:
        """Return the deliveries that were sent and have no final answer."""
        wanted = select_deliveries(by_run=False).where(_D.scope == scope, _D.state.in_(MAY_ANSWER))
        with self._database.read() as connection:
            return [state_of(row._asdict()) for row in connection.execute(wanted.order_by(_D.id))]

    def unsettled(self, exchange: str, run: str) -> frozenset[str]:
        """Return the runs of an exchange opened at the same epoch as a run that never settled."""
        mine = select(RUNS.c.epoch).where(RUNS.c.exchange == exchange, RUNS.c.run == run).scalar_subquery()
        wanted = select(RUNS.c.run).where(
            RUNS.c.exchange == exchange,
            RUNS.c.epoch == mine,
            RUNS.c.settled_at.is_(None),
            RUNS.c.closed_at.is_(None),
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(wanted).scalars())
