"""Deliveries: ``intended -> sent -> acknowledged / refused / unknown``, each step committed.

The intent is on disk before the request leaves, and the fact that it left is on disk before the
answer is awaited; whoever finds a delivery ``sent`` or ``unknown`` after a crash asks the target. Each
step is a compare-and-set under the lease of whoever takes it (`lienthong.ledger.fencing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, func, select

from lienthong.errors import Misconfigured, Reason
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.delivery_rows import (
    change,
    existing,
    find,
    insert_rows,
    new_row,
    planned,
    select_deliveries,
    state_of,
)
from lienthong.ledger.fencing import (
    MAY_ANSWER,
    MAY_SEND,
    Seen,
    allow,
    check_owner,
    check_scope,
    check_sending,
    check_sums,
)
from lienthong.ledger.leases import Lease, check_free, database_time, lock_of, lost
from lienthong.ledger.ranges import Ranges, count_of
from lienthong.ledger.states import DeliveryState, Intent
from lienthong.ledger.store import dump, load
from lienthong.ledger.tables import DELIVERIES, PLANNED, RUNS

_FINAL: Final = ("acknowledged", "refused")
_D, _P = DELIVERIES.c, PLANNED.c
_LAST_TAKEN: Final = select(func.coalesce(func.max(_D.taken), 0))


class Deliveries:
    """The delivery side of the journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(
        self, exchange: str, run: str, target: str, deliveries: Sequence[Intent]
    ) -> list[DeliveryState]:
        """Persist what is going to be sent, and return each delivery as it stands, in the given order.

        A delivery that an earlier try (or an earlier run that never settled) has intended or even
        finished is returned with its state. Raises `Misconfigured` where the run is not open or an
        id already stands for other bytes or another target.
        """
        if not deliveries:
            return []
        rows = [new_row(exchange, run, target, item) for item in deliveries]
        plans = [
            {"exchange": exchange, "run": run, "delivery": item.id, "part": item.part, "position": item.order}
            for item in deliveries
        ]
        with self._database.write() as connection:
            insert_rows(connection, DELIVERIES, rows)
            insert_rows(connection, PLANNED, plans, replace=("part", "position"))
            found = planned(connection, exchange, run, [item.id for item in deliveries])
            for item in deliveries:
                _check_same(found[item.id], exchange, target, item)
        return [found[item.id] for item in deliveries]

    def sent(
        self,
        id: str,  # noqa: A002 - the delivery's own word
        *,
        lease: Lease | None = None,
        seen: Seen | None = None,
        not_sent: Mapping[str, Ranges] | None = None,
        deadline: float = 0.0,
    ) -> DeliveryState:
        """Note that a request is about to leave, and count the attempt; committed on return.

        This is a compare-and-set: in one transaction the delivery must be open, the lease still held, the
        run the newest one, and nothing may have happened to the keys since they were ``seen``.
        ``not_sent`` gives the lines that are left out, by kind (`NOT_SENT`); ``deadline`` is how many seconds
        the request may be under way. Raises `Permanent` for a delivery that has been answered already,
        `LeaseLost`, `StaleRun`, and `Moved` where keys must be looked at again.
        """
        with self._database.write(lock=_lock(seen)) as connection:
            row = find(connection, id, lock=True)
            at = database_time(connection) if lease is None else check_sending(connection, lease)
            check_owner(row, lease)
            allow(row, MAY_SEND, "sent")
            if seen is not None:
                check_scope(connection, seen, id)
            values: dict[str, Any] = {} if not_sent is None else _left_out(row, not_sent)
            return change(
                connection,
                row,
                **values,
                state="sent",
                before="intended" if row["state"] == "intended" else "unknown",
                attempts=row["attempts"] + 1,
                sent_at=now(),
                fence=lease.token if lease else 0,
                owner=lease.run if lease else row["run"],
                deadline=deadline,
                free_at=at + (lease.seconds if lease else 0.0) + deadline,
            )

    def check_sending(self, lease: Lease) -> None:
        """Raise `StaleRun` or `LeaseLost` where a run may neither send nor settle any more."""
        with self._database.read() as connection:
            check_sending(connection, lease)

    def adopt(self, id: str, lease: Lease) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Take over a delivery in doubt, so that whoever sent it can note nothing about it any more.

        Raises `Held` where the one who has it is alive: another part of the same run, say.
        """
        with self._database.write() as connection:
            row = find(connection, id, lock=True)
            check_sending(connection, lease)
            if row["state"] not in MAY_ANSWER or row["fence"] == lease.token:
                return state_of(row)
            check_free(connection, lease.exchange, row["fence"])
            return change(connection, row, fence=lease.token)

    def withdrawn(self, id: str, *, lease: Lease | None = None) -> DeliveryState:  # noqa: A002
        """Note that the request that left was certainly not taken (refused connection, 429).

        The delivery goes back to ``intended``, or to ``unknown`` where an earlier request's outcome
        was still open. Raises `Permanent` for a delivery that is not ``sent``, `LeaseLost` where another
        process has taken it over.
        """
        with self._database.write() as connection:
            row = find(connection, id, lock=True)
            if lease is not None and row["fence"] != lease.token:
                raise lost(lease)
            allow(row, frozenset({"sent"}), "withdrawn")
            return change(connection, row, state=row["before"], free_at=0)

    def not_taken(
        self,
        id: str,  # noqa: A002 - the delivery's own word
        receipts: Sequence[Mapping[str, Any]] = (),
        *,
        lease: Lease | None = None,
    ) -> DeliveryState:
        """Note that somebody found out that the target has none of it: it may be sent again.

        ``receipts`` say who found out where it was a person. Raises `Permanent` for a delivery whose outcome
        is not in doubt, `LeaseLost` where another process has taken it over.
        """
        with self._database.write() as connection:
            row = find(connection, id, lock=True)
            check_owner(row, lease)
            allow(row, MAY_ANSWER, "intended")
            known = dump(_joined(load(row["receipts"]), receipts))
            fresh: dict[str, Any] = {"state": "intended", "before": "intended", "unknown": "[]"}
            fresh |= {"fence": 0, "free_at": 0, "sent_count": 0, "taken_count": 0, "taken": None}
            return change(connection, row, **fresh, receipts=known)

    def passed(
        self,
        id: str,  # noqa: A002 - the delivery's own word
        not_sent: Mapping[str, Ranges],
        *,
        lease: Lease | None = None,
        seen: Seen | None = None,
    ) -> DeliveryState:
        """Note that nothing of a delivery needs to be sent: ``not_sent`` names every line, by kind."""
        with self._database.write(lock=_lock(seen)) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(lock_of("taken"))))
            row = find(connection, id, lock=True)
            if lease is not None:
                check_sending(connection, lease)
            allow(row, frozenset({"intended"}), "acknowledged")
            if seen is not None:
                check_scope(connection, seen, id)
            values = _left_out(row, not_sent)
            if values["sent_count"]:
                raise Misconfigured("lines are left that must be sent", where=f"delivery {id}")
            if not_sent.get("unchanged") or not_sent.get("inherited"):
                values["taken"] = _next_taken(connection)
            owner = lease.run if lease else row["run"]
            return change(connection, row, **values, state="acknowledged", owner=owner, answered_at=now())

    def left_out(
        self,
        id: str,  # noqa: A002 - the delivery's own word
        not_sent: Mapping[str, Ranges],
        *,
        lease: Lease,
        seen: Seen,
    ) -> DeliveryState:
        """Note that lines of a delivery in doubt, which the target does not have, need not be sent any more.

        ``not_sent`` names all lines that are left out, by kind. Raises `Moved` as `sent` does.
        """
        with self._database.write(lock=_lock(seen)) as connection:
            row = find(connection, id, lock=True)
            check_sending(connection, lease)
            check_owner(row, lease)
            allow(row, MAY_ANSWER, "left out")
            check_scope(connection, seen, id)
            return change(connection, row, **_left_out(row, not_sent))

    def answered(
        self,
        id: str,  # noqa: A002 - the delivery's own word
        state: str,
        *,
        total: int,
        refused: Mapping[int, Reason] | None = None,
        unknown: Iterable[int] = (),
        receipts: Sequence[Mapping[str, Any]] = (),
        lease: Lease | None = None,
    ) -> DeliveryState:
        """Note what the target answered about a delivery that was sent.

        ``state`` is unknown while any record's fate is, refused where all that were sent are refused, else
        acknowledged. Receipts are added to those of former answers. The same answer again changes
        nothing. Raises `Permanent` for an answer to something that was not sent or that contradicts a final
        one, `ProtocolViolation` where it does not add up, `LeaseLost` where another process took it over.
        """
        lines = {int(line): reason for line, reason in (refused or {}).items()}
        open_lines = sorted(set(unknown))
        with self._database.write(lock=lock_of("taken")) as connection:
            row = find(connection, id, lock=True)
            left_out = state_of(row).unsent
            if state == "unknown" and not open_lines:
                open_lines = [line for line in range(total) if line not in lines and line not in left_out]
            check_sums(row, state, total, lines, open_lines)
            fresh: dict[str, Any] = {
                "state": state,
                "refused": dump({str(line): reason.as_dict() for line, reason in lines.items()}),
                "unknown": dump(open_lines),
                "receipts": dump(_joined(load(row["receipts"]), receipts)),
            }
            if all(row[name] == value for name, value in fresh.items()):
                return state_of(row)
            check_owner(row, lease)
            allow(row, MAY_ANSWER, state)
            taken = total - len(left_out) - len(lines) - len(open_lines)
            fresh |= {"taken_count": taken, "free_at": 0}
            # from the first record on: what other runs deliver while the rest is in doubt comes later
            if row["taken"] is None and (taken or load(row["unchanged"]) or load(row["inherited"])):
                fresh["taken"] = _next_taken(connection)
            return change(connection, row, **fresh, answered_at=now())

    def delivery(self, id: str) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Return a delivery by its idempotency key; raise `UnknownName` where there is none."""
        with self._database.read() as connection:
            return state_of(find(connection, id))

    def existing(self, ids: Sequence[str]) -> dict[str, DeliveryState]:
        """Return those of some deliveries that are there, by id."""
        with self._database.read() as connection:
            return existing(connection, ids)

    def still_under_way(self, id: str) -> float:  # noqa: A002 - the delivery's own word
        """Return how many seconds the last request may still be on its way, 0 where it is not."""
        with self._database.read() as connection:
            return max(float(find(connection, id)["free_at"]) - database_time(connection), 0.0)

    def deliveries(
        self,
        run: str | None = None,
        exchange: str | None = None,
        state: str | None = None,
        *,
        epoch: str | None = None,
        limit: int | None = None,
        reasons: bool = True,
    ) -> list[DeliveryState]:
        """Return deliveries in order: all that a run needs, of an exchange, in a state.

        ``epoch`` gives those of the runs that were opened at one epoch, that is, after the same
        settled run ("" for those before any). Without ``reasons`` it can only be told how many records
        were refused: there may be very many.
        """
        wanted = select_deliveries(by_run=run is not None)
        if epoch is not None:
            first = and_(RUNS.c.exchange == _D.exchange, RUNS.c.run == _D.run)
            wanted = wanted.join(RUNS, first).where(RUNS.c.epoch == epoch)
        if run is not None:
            wanted = wanted.where(_P.run == run)
        if exchange is not None:
            wanted = wanted.where(_D.exchange == exchange)
        if state is not None:
            wanted = wanted.where(_D.state == state)
        wanted = wanted.order_by(_D.exchange, _P.run, _P.part, _P.position, _D.id).limit(limit)
        with self._database.read() as connection:
            return [state_of(row._asdict(), reasons=reasons) for row in connection.execute(wanted)]

    def count_planned(self, exchange: str, run: str) -> int:
        """Return how many deliveries a run needs."""
        wanted = select(func.count()).select_from(PLANNED).where(_P.exchange == exchange, _P.run == run)
        with self._database.read() as connection:
            return int(connection.execute(wanted).scalar_one())


def _left_out(row: Mapping[str, Any], not_sent: Mapping[str, Ranges]) -> dict[str, Any]:
    """Return the columns that say which lines are not sent and how many are."""
    values: dict[str, Any] = {
        name: dump([list(pair) for pair in ranges]) for name, ranges in not_sent.items()
    }
    return values | {"sent_count": row["records"] - sum(map(count_of, not_sent.values()))}


def _lock(seen: Seen | None) -> int | None:
    """Return the lock under which all that happens in a scope is seen in one order."""
    return None if seen is None else lock_of(f"scope|{seen.place or seen.scope}")


def _next_taken(connection: Connection) -> int:
    """Return the next number in the order of final answers."""
    return int(connection.execute(_LAST_TAKEN).scalar_one()) + 1


def _check_same(held: DeliveryState, exchange: str, target: str, item: Intent) -> None:
    if (held.exchange, held.target, held.segment.root) != (exchange, target, item.segment.root):
        raise Misconfigured(
            "a delivery id stands for other records or another target already",
            where=f"delivery {item.id}",
            hint="derive ids from exchange, segment digest, target and epoch",
        )


def _joined(known: list[Any], receipts: Sequence[Mapping[str, Any]]) -> list[Any]:
    return known + [dict(one) for one in receipts if dict(one) not in known]
