"""What a part is going to send, under which idempotency keys: on disk before anything leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count

from lienthong.ledger import DeliveryState, Intent
from lienthong.ledger.ranges import joined
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.delivering import Delivering, delivery_id
from lienthong.pipeline.parts import Part, RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.segment import Segment

_FINAL = ("acknowledged", "refused")


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
    intents: list[Intent] = []
    for order, segment in enumerate(part.segments):
        key = planned.get(order) or _key(bus, plan, epoch, segment, copies[order], work, known)
        intents.append(Intent(key, segment, part.index, order, work.versions.scope))
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
) -> str:
    """Return the first idempotency key that is new, not final, or stands for what the target still has."""
    for again in count():
        key = delivery_id(plan.exchange.id, plan.exchange.target.connection, epoch, segment, copy, again)
        held = known.get(key) if not again else bus.journal.existing([key]).get(key)
        if held is None or held.state not in _FINAL or _still_there(held, work):
            return key
    raise AssertionError("unreachable")  # pragma: no cover


def _still_there(held: DeliveryState, work: Delivering) -> bool:
    """Tell whether a delivery of a run that never settled brought what the target has to this day."""
    if work.versions.request.resend or not held.segment.index:
        return not held.segment.index and not work.versions.request.resend
    fates = work.versions.fates(held.segment, frozenset(), frozenset())
    brought = frozenset(range(held.segment.count)) - held.unsent - held.refused.keys()
    return brought <= joined(fates["inherited"])


def _segments_before(bus: Bus, plan: Plan, request: RunRequest, part: Part) -> Sequence[Segment]:
    """Return the segments of the parts before this one."""
    saved = (
        bus.journal.step(plan.exchange.id, request.run, "transform", index) for index in range(part.index)
    )
    return [segment for item in saved if item for segment in Part.from_dict(item).segments]
