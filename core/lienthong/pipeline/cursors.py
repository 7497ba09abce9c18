"""What people do to a cursor: set it, or take it back. Each is checked, signed, then done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lienthong.datasets.cursor import CursorOrder, Overlap
from lienthong.errors import Misconfigured
from lienthong.ledger import Cursor
from lienthong.pipeline.acts import act
from lienthong.pipeline.beginning import TOLERANCE
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.plan import Plan


def set_cursor(bus: Bus, plan: Plan, value: str, *, who: str, why: str, name: str = "cursor.set") -> Cursor:
    """Set where the next run of an exchange begins, and return the cursor.

    Raises `Misconfigured` for an exchange without a cursor and for a value that is none of its field or
    lies in the future, `Permanent` where the cursor has moved meanwhile. A run under way cannot settle
    over it. The signed statement stands before the change.
    """
    order = _order(plan)
    at = order.read(value)
    future = order.clock(datetime.now(UTC) + TOLERANCE)
    if at is None or (future is not None and at > future):
        what = "has no place in its order" if at is None else "lies in the future"
        raise Misconfigured(
            f"this value cannot be the cursor of {order.path!r}: it {what}",
            where=f"exchange {plan.exchange.id!r}",
            hint=f"give a {order.kind} as the source writes it; see: lienthong cursor show",
        )
    exchange, before = plan.exchange.id, bus.journal.cursor(plan.exchange.id).value
    _signed(bus, name=name, who=who, why=why, exchange=exchange, subject=_ends(order, before, value))
    return bus.journal.set_cursor(exchange, value, expected=before)


def rewind(
    bus: Bus, plan: Plan, *, who: str, why: str, back: Overlap | None = None, run: str | None = None
) -> Cursor:
    """Take a cursor back by a length of time or an amount, or to where a settled run left it.

    Raises as `set_cursor`, and `Misconfigured` where there is nothing to go back from or to.
    """
    order, exchange = _order(plan), plan.exchange.id
    before = bus.journal.cursor(exchange).value
    if before is None:
        raise Misconfigured(
            "there is no cursor yet: the next run reads everything", where=f"exchange {exchange!r}"
        )
    value = _left_by(bus, plan, run) if run is not None else order.back(before, back or timedelta())
    if order.later(value, before) and value != before:
        raise Misconfigured(
            "that is not back but ahead", where=f"exchange {exchange!r}", hint="use: lienthong cursor set"
        )
    return set_cursor(bus, plan, value, who=who, why=why, name="cursor.rewind")


def _left_by(bus: Bus, plan: Plan, run: str) -> str:
    """Return the cursor that a settled run left behind."""
    state = bus.journal.run(plan.exchange.id, run)
    value = state.cursor or state.since
    if not state.settled or value is None:
        raise Misconfigured(
            "this run has not settled" if not state.settled else "this run left no cursor behind",
            where=f"exchange {plan.exchange.id!r}, run {run!r}",
            hint="see: lienthong evidence runs",
        )
    return value


def _order(plan: Plan) -> CursorOrder:
    if plan.order is None:
        raise Misconfigured(
            "this exchange has no cursor: every run reads everything",
            where=f"exchange {plan.exchange.id!r}",
            hint="name a field in source.cursor",
        )
    return plan.order


def _ends(order: CursorOrder, before: str | None, after: str) -> dict[str, str]:
    """Return what a statement says of both ends; nothing where a value tells of a person."""
    return {} if order.personal else {"from": before or "", "to": after}


def _signed(bus: Bus, **told: Any) -> None:
    """Enter into the ledger what a person is about to do."""
    act(bus, run="", **told)
