"""What happened at one place of a target: answers in their order, and what is in doubt."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import and_, exists, false, func, or_, select, update

from lienthong.ledger.db import Database
from lienthong.ledger.delivery_rows import select_deliveries, state_of
from lienthong.ledger.fencing import MAY_ANSWER, fence_of, joined
from lienthong.ledger.leases import lock_of, next_token
from lienthong.ledger.states import DeliveryState
from lienthong.ledger.tables import DELIVERIES, PLANNED, RUNS

_D = DELIVERIES.c


class Scopes:
    """Deliveries by scope, whichever exchange and run they are of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def taken(self, after: Mapping[str, int]) -> list[DeliveryState]:
        """Return deliveries that took something after an answer (by number and scope), in order."""
        since = or_(*(and_(_D.scope == scope, _D.taken > number) for scope, number in after.items()))
        wanted = select_deliveries(by_run=False).where(since)
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

    def joined(self, place: str) -> int:
        """Return how often a connection came to a place for the first time."""
        with self._database.read() as connection:
            return joined(connection, place)

    def join(self, place: str) -> None:
        """Note that a connection comes to a place for the first time: whoever looked before looks again."""
        with self._database.write(lock=lock_of(f"scope|{place}")) as connection:
            next_token(connection, fence_of(place))

    def targets(self) -> list[str]:
        """Return the names of all connections by which something was delivered into a scope."""
        wanted = select(_D.target).where(_D.scope != "").distinct().order_by(_D.target)
        with self._database.read() as connection:
            return list(connection.execute(wanted).scalars())

    def begun(self, scope: str) -> bool:
        """Tell whether anything was ever sent into a scope."""
        wanted = select(_D.id).where(_D.scope == scope, _D.state != "intended").limit(1)
        with self._database.read() as connection:
            return connection.execute(wanted).first() is not None

    def known(self, scopes: Collection[str]) -> frozenset[str]:
        """Return those of some scopes for which there are deliveries."""
        wanted = select(_D.scope).where(_D.scope.in_(sorted(scopes))).distinct()
        with self._database.read() as connection:
            return frozenset(connection.execute(wanted).scalars()) if scopes else frozenset()

    def last_to_land(
        self, scopes: Collection[str], exchange: str, run: str, *, but_replays: bool = False
    ) -> bool:
        """Tell whether nothing came to scopes beside or after a run, neither an answer nor a later run.

        ``but_replays``: what the exchange's own replays brought does not count.
        """
        mine, here = (_D.exchange == exchange) & (_D.run == run), _D.scope.in_(sorted(scopes))
        first = select(func.min(_D.taken)).where(here, mine).scalar_subquery()
        number = select(RUNS.c.number).where(RUNS.c.exchange == exchange, RUNS.c.run == run).scalar_subquery()
        replays = select(RUNS.c.run).where(RUNS.c.exchange == exchange, RUNS.c.kind == "replay")
        ours = (_D.exchange == exchange) & _D.run.in_(replays) if but_replays else false()
        beside = select(_D.id).where(here, _D.taken > first, ~mine, ~ours)
        p = PLANNED.c
        planned = (p.exchange == RUNS.c.exchange) & (p.run == RUNS.c.run) & (p.delivery == _D.id)
        later = select(RUNS.c.run).where(RUNS.c.number > number, exists().where(planned, here))
        if but_replays:
            later = later.where(~((RUNS.c.exchange == exchange) & (RUNS.c.kind == "replay")))
        with self._database.read() as connection:
            return all(connection.execute(one.limit(1)).first() is None for one in (beside, later))

    def in_doubt(self, scopes: Collection[str]) -> list[DeliveryState]:
        """Return the deliveries into scopes that were sent and have no final answer."""
        here = _D.scope.in_(sorted(scopes))
        wanted = select_deliveries(by_run=False).where(here, _D.state.in_(MAY_ANSWER))
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
