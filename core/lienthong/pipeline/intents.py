"""What a part is going to send, under which idempotency keys: on disk before anything leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count

from lienthong.errors import OutcomeUnknown
from lienthong.keyindex import KEY
from lienthong.ledger import DeliveryState, Intent
from lienthong.ledger.ranges import joined
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.delivering import Delivering, delivery_id
from lienthong.pipeline.parts import Part, RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.segment import Segment

_FINAL = ("acknowledged", "refused")
_IN_DOUBT = ("sent", "unknown")


def intend(bus: Bus, plan: Plan, request: RunRequest, part: Part, work: Delivering) -> list[DeliveryState]:
    """Persist the part's deliveries and return them as they stand, in the order of its segments.

    A run that was tried before finds its own deliveries again. One that follows a run which died shares that
    one's deliveries of the same records, as long as what they brought is still what the target has; else
    the same records get a key of their own, so that a value which changed and changed back arrives.
    """
    exchange, target = plan.exchange, plan.exchange.target.connection
    planned = {
        item.order: item.id
        for item in bus.journal.deliveries(run=request.run, exchange=exchange.id)
        if item.part == part.index
    }
    epoch = bus.journal.run(exchange.id, request.run).epoch
    seen = Counter(segment.root for segment in _segments_before(bus, plan, request, part))
    firsts: list[str] = []
    copies: list[int] = []
    for segment in part.segments:
        copies.append(seen[segment.root])
        firsts.append(delivery_id(exchange.id, target, epoch, segment, copies[-1]))
        seen[segment.root] += 1
    known = bus.journal.existing(firsts)
    if known:
        work.versions.look()
    settled = _orderly(part, [known.get(key) for key in firsts], work)
    intents: list[Intent] = []
    for order, segment in enumerate(part.segments):
        key = planned.get(order) or _key(
            bus, plan, epoch, segment, copies[order], work, known, settled.get(order)
        )
        intents.append(Intent(key, segment, part.index, order, work.versions.place.scope))
    states = bus.journal.intend(exchange.id, request.run, target, intents)
    bus.audit("push", f"intended {len(states)} deliveries of {part.records} records to {target}")
    return states


def _key(
    bus: Bus,
    plan: Plan,
    epoch: str,
    segment: Segment,
    copy: int,
    work: Delivering,
    known: dict[str, DeliveryState],
    there: bool | None,
) -> str:
    """Return the first idempotency key that is new, in doubt, or stands for what the target still has.

    ``there`` says it of the first one where that has been found out already. A delivery that another run
    intended and never sent is shared only where its records have the same version numbers.
    """
    for again in count():
        key = delivery_id(plan.exchange.id, plan.exchange.target.connection, epoch, segment, copy, again)
        held = known.get(key) if not again else bus.journal.existing([key]).get(key)
        if held is None or (held.state in _IN_DOUBT and there is not False):
            return key
        if held.state == "intended":
            if held.segment.index == segment.index:
                return key
        elif held.state in _FINAL and (_still_there(held, work) if there is None else there and not again):
            return key
    raise AssertionError("unreachable")  # pragma: no cover


def _still_there(held: DeliveryState, work: Delivering, later: frozenset[int] = frozenset()) -> bool:
    """Tell whether a delivery of a run that never settled brought what the target has to this day.

    What it did not send is judged anew. Of ``later`` lines another delivery brought a later version.
    """
    if work.versions.request.resend or not held.segment.index:
        return not held.segment.index and not work.versions.request.resend
    if held.unsent:
        return False
    try:
        fates = work.versions.fates(held.segment, frozenset(), frozenset())
    except OutcomeUnknown:
        return False  # what is in doubt is found out first, and then the records are compared
    brought = frozenset(range(held.segment.count)) - held.refused.keys() - later
    return brought <= joined(fates["inherited"])


def _orderly(part: Part, held: Sequence[DeliveryState | None], work: Delivering) -> dict[int, bool]:
    """Tell of the segments with several versions of a key whether an earlier run's deliveries stand for them.

    They do from the first one on, as far as that run came, or not at all: else an older version that is
    sent again would go over a newer one that is not.
    """
    chain = [order for order in range(len(part.segments)) if work.repeats.of(order)[1]]
    begun: list[tuple[int, DeliveryState]] = []
    for order in chain:
        state = held[order]
        if state is None or state.state not in _FINAL:
            break
        begun.append((order, state))
    seen: set[bytes] = set()
    there = True
    for _, state in reversed(begun):
        rows = work.versions.index(state).by_line() if state.segment.index else ()
        later = frozenset(line for line, row in enumerate(rows) if row[:KEY] in seen)
        there = there and _still_there(state, work, later)
        seen.update(row[:KEY] for row in rows)
    if not there:
        return dict.fromkeys(chain, False)
    # of what comes next only the first may be a doubt of that run's: a later one would be in its way
    rest = chain[len(begun) :]
    next_ = {order for order in rest[:1] if (one := held[order]) is None or one.state not in _FINAL}
    return {order: order in dict(begun) for order in chain if order not in next_}


def _segments_before(bus: Bus, plan: Plan, request: RunRequest, part: Part) -> Sequence[Segment]:
    """Return the segments of the parts before this one."""
    saved = (
        bus.journal.step(plan.exchange.id, request.run, "transform", index) for index in range(part.index)
    )
    return [segment for item in saved if item for segment in Part.from_dict(item).segments]
