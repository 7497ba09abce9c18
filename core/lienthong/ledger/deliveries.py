"""Deliveries: ``intended -> sent -> acknowledged / refused / unknown``, each step committed.

The intent is on disk before the request leaves, and the fact that it left is on disk before the
answer is awaited; whoever finds a delivery ``sent`` or ``unknown`` after a crash asks the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from sqlalchemy import and_

from lienthong.errors import Misconfigured, Permanent, ProtocolViolation, Reason
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.delivery_rows import (
    ANSWERS,
    change,
    find,
    insert_rows,
    new_row,
    planned,
    select_deliveries,
    state_of,
)
from lienthong.ledger.states import DeliveryState, Intent
from lienthong.ledger.store import dump, load
from lienthong.ledger.tables import DELIVERIES, PLANNED, RUNS

_MAY_SEND: Final = frozenset({"intended", "sent", "unknown"})
_MAY_ANSWER: Final = frozenset({"sent", "unknown"})
_D, _P = DELIVERIES.c, PLANNED.c


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

    def sent(self, id: str) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Note that a request is about to leave, and count the attempt; committed on return.

        Raises `Permanent` for a delivery that has been answered already.
        """
        with self._database.write() as connection:
            row = find(connection, id, lock=True)
            _allow(row, _MAY_SEND, "sent")
            return change(
                connection,
                row,
                state="sent",
                before="intended" if row["state"] == "intended" else "unknown",
                attempts=row["attempts"] + 1,
                sent_at=now(),
            )

    def withdrawn(self, id: str) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Note that the request that left was certainly not taken (refused connection, 429, 503).

        The delivery goes back to ``intended``, or to ``unknown`` where an earlier request's outcome
        was still open. Raises `Permanent` for a delivery that is not ``sent``.
        """
        with self._database.write() as connection:
            row = find(connection, id, lock=True)
            _allow(row, frozenset({"sent"}), "withdrawn")
            return change(connection, row, state=row["before"])

    def not_taken(
        self,
        id: str,  # noqa: A002 - the delivery's own word
        receipts: Sequence[Mapping[str, Any]] = (),
    ) -> DeliveryState:
        """Note that a person found out that the target has none of it: it may be sent again.

        ``receipts`` say who found out. Raises `Permanent` for a delivery whose outcome is not in doubt.
        """
        with self._database.write() as connection:
            row = find(connection, id, lock=True)
            _allow(row, _MAY_ANSWER, "intended")
            known = dump(_joined(load(row["receipts"]), receipts))
            return change(connection, row, state="intended", before="intended", unknown="[]", receipts=known)

    def answered(
        self,
        id: str,  # noqa: A002 - the delivery's own word
        state: str,
        *,
        total: int,
        refused: Mapping[int, Reason] | None = None,
        unknown: Iterable[int] = (),
        receipts: Sequence[Mapping[str, Any]] = (),
    ) -> DeliveryState:
        """Note what the target answered about a delivery that was sent.

        ``state`` is unknown while any record's fate is, refused where all are refused, else
        acknowledged. Receipts are added to those of former answers. The same answer again changes
        nothing. A delivery that was only intended may be acknowledged where all its records were
        taken from an earlier run under another key. Raises `Permanent` for an answer to something
        that was not sent or that contradicts a final one, `ProtocolViolation` where it does not add up.
        """
        lines = {int(line): reason for line, reason in (refused or {}).items()}
        open_lines = sorted(set(unknown))
        if state == "unknown" and not open_lines:
            open_lines = [line for line in range(total) if line not in lines]
        with self._database.write() as connection:
            row = find(connection, id, lock=True)
            _check_sums(row, state, total, lines, open_lines)
            fresh = {
                "state": state,
                "refused": dump({str(line): reason.as_dict() for line, reason in lines.items()}),
                "unknown": dump(open_lines),
                "receipts": dump(_joined(load(row["receipts"]), receipts)),
            }
            if all(row[name] == value for name, value in fresh.items()):
                return state_of(row)
            _allow(row, _MAY_ANSWER | ({"intended"} if state == "acknowledged" else set()), state)
            return change(connection, row, **fresh, answered_at=now())

    def delivery(self, id: str) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Return a delivery by its idempotency key; raise `UnknownName` where there is none."""
        with self._database.read() as connection:
            return state_of(find(connection, id))

    def deliveries(
        self,
        run: str | None = None,
        exchange: str | None = None,
        state: str | None = None,
        *,
        epoch: str | None = None,
        limit: int | None = None,
    ) -> list[DeliveryState]:
        """Return deliveries in order: all that a run needs, of an exchange, in a state.

        ``epoch`` gives those of the runs that were opened at one epoch, that is, after the same
        settled run ("" for those before any).
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
            return [state_of(row._asdict()) for row in connection.execute(wanted)]


def _check_same(held: DeliveryState, exchange: str, target: str, item: Intent) -> None:
    if (held.exchange, held.target, held.segment.root) != (exchange, target, item.segment.root):
        raise Misconfigured(
            "a delivery id stands for other records or another target already",
            where=f"delivery {item.id}",
            hint="derive ids from exchange, segment digest, target and epoch",
        )


def _allow(row: Mapping[str, Any], states: AbstractSet[str], wanted: str) -> None:
    if row["state"] not in states:
        raise Permanent(
            f"a delivery that is {row['state']} cannot become {wanted}",
            where=f"delivery {row['id']}",
            hint="read the delivery's state first; never repeat what has been answered",
        )


def _check_sums(
    row: Mapping[str, Any], state: str, total: int, refused: Mapping[int, Reason], unknown: Sequence[int]
) -> None:
    lines = [*refused, *unknown]
    problem = ""
    if state not in ANSWERS:
        problem = f"an answer leads to one of {', '.join(ANSWERS)}"
    elif total != row["records"]:
        problem = f"the target counted {total} records, {row['records']} were sent"
    elif len(set(lines)) != len(lines) or any(not 0 <= line < total for line in lines):
        problem = "a line is named twice or does not exist"
    elif state != _state_of(total, refused, unknown):
        problem = f"{len(refused)} refused and {len(unknown)} unknown of {total} is not {state!r}"
    if problem:
        raise ProtocolViolation(problem, where=f"delivery {row['id']}", hint="check the target's connector")


def _state_of(total: int, refused: Mapping[int, Reason], unknown: Sequence[int]) -> str:
    if unknown:
        return "unknown"
    return "refused" if refused and len(refused) == total else "acknowledged"


def _joined(known: list[Any], receipts: Sequence[Mapping[str, Any]]) -> list[Any]:
    return known + [dict(one) for one in receipts if dict(one) not in known]
