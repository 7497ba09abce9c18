"""Deliveries: ``intended -> sent -> acknowledged / refused / unknown``, each step committed.

The intent is on disk before the request leaves, and the fact that it left is on disk before the
answer is awaited; whoever finds a delivery ``sent`` or ``unknown`` after a crash asks the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, select, update

from lienthong.errors import Misconfigured, Permanent, ProtocolViolation, Reason, UnknownName
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.states import DeliveryState, Intent
from lienthong.ledger.store import dump, load, upsert
from lienthong.ledger.tables import DELIVERIES, PLANNED, RUNS
from lienthong.segment import Segment

ANSWERS: Final = ("acknowledged", "refused", "unknown")
"""The states that a target's answer leads to."""

_PORTION: Final = 1000
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
        rows = [_row(exchange, run, target, item) for item in deliveries]
        plans = [
            {"exchange": exchange, "run": run, "delivery": item.id, "part": item.part, "position": item.order}
            for item in deliveries
        ]
        with self._database.write() as connection:
            _insert(connection, DELIVERIES, rows)
            _insert(connection, PLANNED, plans, replace=("part", "position"))
            found = _planned(connection, exchange, run, [item.id for item in deliveries])
            for item in deliveries:
                _check_same(found[item.id], exchange, target, item)
        return [found[item.id] for item in deliveries]

    def sent(self, id: str) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Note that a request is about to leave, and count the attempt; committed on return.

        Raises `Permanent` for a delivery that has been answered already.
        """
        with self._database.write() as connection:
            row = _locked(connection, id)
            _allow(row, _MAY_SEND, "sent")
            connection.execute(
                update(DELIVERIES)
                .where(_D.id == id)
                .values(
                    state="sent",
                    before="intended" if row.state == "intended" else "unknown",
                    attempts=row.attempts + 1,
                    sent_at=now(),
                )
            )
            return _state(_locked(connection, id))

    def withdrawn(self, id: str) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Note that the request that left was certainly not taken (refused connection, 429, 503).

        The delivery goes back to ``intended``, or to ``unknown`` where an earlier request's outcome
        was still open. Raises `Permanent` for a delivery that is not ``sent``.
        """
        with self._database.write() as connection:
            row = _locked(connection, id)
            _allow(row, frozenset({"sent"}), "withdrawn")
            connection.execute(update(DELIVERIES).where(_D.id == id).values(state=row.before))
            return _state(_locked(connection, id))

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
            row = _locked(connection, id)
            _check_sums(row, state, total, lines, open_lines)
            fresh = {
                "state": state,
                "refused": dump({str(line): reason.as_dict() for line, reason in lines.items()}),
                "unknown": dump(open_lines),
                "receipts": dump(_joined(load(row.receipts), receipts)),
            }
            if all(getattr(row, name) == value for name, value in fresh.items()):
                return _state(row)
            _allow(row, _MAY_ANSWER | ({"intended"} if state == "acknowledged" else set()), state)
            connection.execute(update(DELIVERIES).where(_D.id == id).values(**fresh, answered_at=now()))
            return _state(_locked(connection, id))

    def delivery(self, id: str) -> DeliveryState:  # noqa: A002 - the delivery's own word
        """Return a delivery by its idempotency key; raise `UnknownName` where there is none."""
        with self._database.read() as connection:
            return _state(_locked(connection, id, lock=False))

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
        wanted = _select(by_run=run is not None)
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
            return [_state(row) for row in connection.execute(wanted)]


def _row(exchange: str, run: str, target: str, item: Intent) -> dict[str, Any]:
    return {
        "id": item.id,
        "exchange": exchange,
        "run": run,
        "target": target,
        "segment": item.segment.digest,
        "root": item.segment.root,
        "records": item.segment.count,
        "size": item.segment.size,
        "state": "intended",
        "before": "intended",
        "attempts": 0,
        "refused": "{}",
        "unknown": "[]",
        "receipts": "[]",
        "intended_at": now(),
    }


def _check_same(held: DeliveryState, exchange: str, target: str, item: Intent) -> None:
    if (held.exchange, held.target, held.segment.root) != (exchange, target, item.segment.root):
        raise Misconfigured(
            "a delivery id stands for other records or another target already",
            where=f"delivery {item.id}",
            hint="derive ids from exchange, segment digest, target and epoch",
        )


def _insert(
    connection: Connection, table: Any, rows: list[dict[str, Any]], *, replace: Sequence[str] = ()
) -> None:
    # One order for everybody, or two runs that plan the same deliveries could wait for each other.
    ordered = sorted(rows, key=lambda row: str(row.get("id", row.get("delivery"))))
    connection.execute(upsert(connection, table, ordered, replace=replace), ordered)


def _select(*, by_run: bool) -> Select[Any]:
    """Deliveries with their place: in a run that needs them, or in the run that intended them first."""
    place = _P.delivery == _D.id
    if not by_run:
        place = and_(place, _P.run == _D.run, _P.exchange == _D.exchange)
    return select(DELIVERIES, _P.part, _P.position).join(PLANNED, place)


def _planned(connection: Connection, exchange: str, run: str, ids: Sequence[str]) -> dict[str, DeliveryState]:
    """Return deliveries that a run has planned, by id; asked for in portions that any database takes."""
    of_run = _select(by_run=True).where(_P.exchange == exchange, _P.run == run)
    found: dict[str, DeliveryState] = {}
    for start in range(0, len(ids), _PORTION):
        some = ids[start : start + _PORTION]
        found |= {row.id: _state(row) for row in connection.execute(of_run.where(_P.delivery.in_(some)))}
    return found


def _locked(connection: Connection, id_: str, *, lock: bool = True) -> Row[Any]:
    wanted = _select(by_run=False).where(_D.id == id_)
    row = connection.execute(wanted.with_for_update(of=DELIVERIES) if lock else wanted).one_or_none()
    if row is None:
        raise UnknownName("no such delivery", where=f"delivery {id_}", hint="see: lienthong delivery list")
    return row


def _allow(row: Row[Any], states: AbstractSet[str], wanted: str) -> None:
    if row.state not in states:
        raise Permanent(
            f"a delivery that is {row.state} cannot become {wanted}",
            where=f"delivery {row.id}",
            hint="read the delivery's state first; never repeat what has been answered",
        )


def _check_sums(
    row: Row[Any], state: str, total: int, refused: Mapping[int, Reason], unknown: Sequence[int]
) -> None:
    lines = [*refused, *unknown]
    problem = ""
    if state not in ANSWERS:
        problem = f"an answer leads to one of {', '.join(ANSWERS)}"
    elif total != row.records:
        problem = f"the target counted {total} records, {row.records} were sent"
    elif len(set(lines)) != len(lines) or any(not 0 <= line < total for line in lines):
        problem = "a line is named twice or does not exist"
    elif state != _state_of(total, refused, unknown):
        problem = f"{len(refused)} refused and {len(unknown)} unknown of {total} is not {state!r}"
    if problem:
        raise ProtocolViolation(problem, where=f"delivery {row.id}", hint="check the target's connector")


def _state_of(total: int, refused: Mapping[int, Reason], unknown: Sequence[int]) -> str:
    if unknown:
        return "unknown"
    return "refused" if refused and len(refused) == total else "acknowledged"


def _joined(known: list[Any], receipts: Sequence[Mapping[str, Any]]) -> list[Any]:
    return known + [dict(one) for one in receipts if dict(one) not in known]


def _state(row: Row[Any]) -> DeliveryState:
    segment = Segment(row.segment, row.root, row.records, row.size)
    refused = {int(line): Reason(**reason) for line, reason in load(row.refused).items()}
    unknown = tuple(load(row.unknown))
    total = segment.count if row.state in ANSWERS else 0
    return DeliveryState(
        id=row.id,
        exchange=row.exchange,
        run=row.run,
        target=row.target,
        segment=segment,
        state=row.state,
        attempts=row.attempts,
        total=total,
        acknowledged=total - len(refused) - len(unknown) if total else 0,
        refused=refused,
        unknown=unknown,
        receipts=load(row.receipts),
        intended_at=row.intended_at,
        sent_at=row.sent_at,
        answered_at=row.answered_at,
        part=row.part,
        order=row.position,
    )
