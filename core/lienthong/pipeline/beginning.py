"""Where a run's pull begins, and beyond which its cursor must not go: kept from the run's first try on.

Times are bounded by the source's clock, numbers and texts by the largest value that the source tells before
it gives the first record. Where a source tells none, the cursor goes as far as the run saw, and the next run
begins before it: at the largest value that was seen before this run began. Whatever changes while this run
reads, in front of the reading position or behind it, has a larger one, and is read then. The price is that
each run reads what the last one read once more, and recognises it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lienthong.connector import ReadRequest, Stand
from lienthong.datasets.cursor import Comparable, CursorOrder
from lienthong.ledger import RunState
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.plan import Plan

#: How far a source's clock may be from ours where it does not tell its own.
TOLERANCE: Final = timedelta(minutes=5)
#: A kept cursor this far ahead of our clock is none: no record can have come from there.
_ABSURD: Final = timedelta(days=1)
_STEP: Final = "pull.begun"


@dataclass(frozen=True, slots=True)
class Begun:
    """How a run's first try began.

    ``since``: the text that the source is asked with, ``clock``: the source's clock then, or ours less
    the tolerance; ``high``: the largest value that the source held; ``stood``: whether the source told
    it. ``now`` is our clock. ``seen``: the largest number or text that was seen before this run began.
    ``notes`` say what was wrong with the cursor that was kept, ``told`` what the
    source said of ``high``.
    """

    since: str | None
    now: str
    clock: str
    high: Any = None
    stood: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)
    seen: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)

    def bound(self, order: CursorOrder, *, counted: bool = False) -> Comparable | None:
        """Return the value beyond which the run's cursor does not go, None for no bound.

        ``counted``: the values are numbers, in an order that also knows times.
        """
        clock, high = order.clock(datetime.fromisoformat(self.clock)), order.read(self.high)
        marks = (high,) if counted else (clock, high)
        return min((mark for mark in marks if mark is not None), default=None)

    def believed(self, order: CursorOrder, seen: str | None) -> bool:
        """Tell whether what a complete read saw reaches the largest value that the source told.

        The record that had it has it still, or a larger one by now; if no record comes near, it was a count,
        or a value of something else, and bounds nothing.
        """
        high, at = order.read(self.high), order.read(seen)
        return not order.counts(high) or (at is not None and bool(at >= high))

    def told_none(self, order: CursorOrder) -> bool:
        """Tell whether the source told no largest value that could bound numbers and texts."""
        return not order.counts(order.read(self.high))

    def future(self, order: CursorOrder) -> Comparable | None:
        """Return the value beyond which a time lies in the future, None for an order without times."""
        latest = max(datetime.fromisoformat(self.now), datetime.fromisoformat(self.clock))
        return order.clock(latest + TOLERANCE)

    def asks(self, plan: Plan, state: RunState, position: Any, limit: int | None) -> ReadRequest:
        """Return what the source is asked."""
        order = plan.order
        typed = order.typed(self.since) if order is not None and self.since is not None else None
        kind, value = typed or (order.kind if order is not None and not order.guessed else "", None)
        validators = {} if self.notes else dict(state.validators)
        declared = plan.exchange.source.end
        return ReadRequest(
            self.since, position, limit, validators, kind, value, order, plan.dataset.key, declared
        )


def begin(bus: Bus, plan: Plan, state: RunState, *, inclusive: bool) -> Begun:
    """Return how the run's first try began; this one is the first where none is kept.

    ``inclusive``: the source gives what equals ``since``, too.
    """
    saved = bus.journal.step(state.exchange, state.run, _STEP, 0)
    if saved is not None:
        return Begun(**saved)
    at = datetime.now(UTC)
    since, notes = _since(bus, plan, state, at, inclusive=inclusive)
    seen = _seen(bus, plan, state)
    begun = Begun(since, at.isoformat(), (at - TOLERANCE).isoformat(), notes=notes, seen=seen)
    _save(bus, state, begun)
    for name in notes:
        bus.audit("pull", f"{name}: the kept cursor is no cursor of this field; everything is read again")
    return begun


def begun_at(bus: Bus, state: RunState) -> str | None:
    """Return when the run's first try began (RFC 3339, UTC, microseconds), None where that is not known."""
    saved = bus.journal.step(state.exchange, state.run, _STEP, 0)
    if saved is None:
        return None
    at = datetime.fromisoformat(Begun(**saved).now).astimezone(UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def stand(bus: Bus, plan: Plan, state: RunState, begun: Begun, told: Stand | None) -> Begun:
    """Return the beginning with what the source says of itself; its first word counts, for the whole run."""
    if told is None or begun.stood:
        return begun
    clock = told.clock.astimezone(UTC).isoformat() if told.clock is not None else begun.clock
    order, high = plan.order, told.high
    high = high if isinstance(high, (str, int, float)) and not isinstance(high, bool) else None
    notes: dict[str, Any] = {}
    if order is not None and high is not None:
        high = order.text(high)  # a JSON number may not hold it
        notes = _judged(order, state, high)
    told_of = replace(begun, clock=clock, high=high, stood=True, told=notes)
    _save(bus, state, told_of)
    return told_of


def _judged(order: CursorOrder, state: RunState, high: str) -> dict[str, Any]:
    """Return the notes on what a source calls its largest value."""
    at, before = order.read(high), None if state.since is None else order.read(state.since)
    if at is None:
        return {"high_unplaced": True}
    behind = before is not None and not state.explicit_since and at < before
    told = {} if order.personal or not order.counts(at) else {"high_water": high}
    return told | ({"high_behind": True} if behind else {})


def _seen(bus: Bus, plan: Plan, state: RunState) -> str | None:
    """Return the largest number or text that is known to have existed before this run's first try."""
    order, number = plan.order, 0
    if order is None or order.least() is None:
        return None
    kept = None if state.explicit_since else state.since
    seen = kept if order.counts(order.read(kept)) else None
    last = bus.journal.cursor(state.exchange).run
    while last and (saved := bus.journal.step(state.exchange, last, "pull.sealed", number)):
        seen, number = order.largest((seen, saved.get("seen"))), number + 1
    return seen


def next_begins(plan: Plan, state: RunState, begun: Begun, cursor: str | None) -> dict[str, Any]:
    """Return where the next run begins if it is not at the cursor: ``at`` (None: with everything).

    ``cursor`` is what this run found; ``for`` is where the exchange's cursor will stand by it, unless a
    person sets another.
    """
    order = plan.order
    assert order is not None  # noqa: S101 - only a run with a cursor sees values of it
    forward = cursor is not None and (state.explicit_since or order.later(cursor, state.since))
    return {"at": begun.seen, "for": cursor if forward else state.since}


def begins_as_before(bus: Bus, state: RunState) -> dict[str, Any]:
    """Return what the last settled run said of where this one begins, for the next one; empty for nothing."""
    begins = _said_last(bus, state)
    return begins if begins and begins["for"] == bus.journal.cursor(state.exchange).value else {}


def _said_last(bus: Bus, state: RunState) -> dict[str, Any]:
    """Return where the last settled run said that the next one begins."""
    last, number = bus.journal.cursor(state.exchange).run, 0
    begins: dict[str, Any] = {}
    while last and (saved := bus.journal.step(state.exchange, last, "pull.sealed", number)):
        begins, number = saved.get("begins") or {}, number + 1
    return begins


def _before(bus: Bus, state: RunState, since: str) -> str | None:
    """Return the place before the cursor at which the last settled run said that this one begins."""
    begins = _said_last(bus, state)
    if not begins or begins["for"] != since:
        return since
    bus.audit("pull", "the source told no largest value last time: what was read then is read once more")
    at = begins["at"]
    return None if at is None else str(at)


def _save(bus: Bus, state: RunState, begun: Begun) -> None:
    plain = {name: getattr(begun, name) for name in Begun.__slots__}
    bus.journal.save_step(state.exchange, state.run, _STEP, 0, plain)


def _since(
    bus: Bus, plan: Plan, state: RunState, at: datetime, *, inclusive: bool
) -> tuple[str | None, dict[str, Any]]:
    """Return the text to ask with, and notes on a kept cursor that cannot be one.

    What somebody asked for by name is taken as it is.
    """
    order, since = plan.order, state.since
    if since is None or order is None or state.explicit_since:
        return since, {}
    value = order.read(since)
    since = _before(bus, state, since)
    if value is None:
        return None, {"cursor_unreadable": True}
    absurd = order.clock(at + _ABSURD)
    if absurd is not None and value > absurd:
        return None, {"cursor_in_future": True}
    overlap = plan.exchange.source.overlap
    if since is None:
        return None, {}
    if overlap is not None:
        since = order.back(since, overlap)
    return (since if inclusive else order.back(since)), {}
