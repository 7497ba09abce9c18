"""Push: deliver a part's segments, each exactly once in effect."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from lienthong.connector import RecordTarget
from lienthong.datasets.discretion import Discretion
from lienthong.errors import Misconfigured, OutcomeUnknown
from lienthong.ledger import DeliveryState
from lienthong.ledger.scopes import Scopes
from lienthong.ledger.tally import fates, tally
from lienthong.ledger.terms import FATES
from lienthong.pipeline.attest import Work, attest, now
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.calm import calm
from lienthong.pipeline.delivering import Delivering
from lienthong.pipeline.gate import Gate
from lienthong.pipeline.health import check_health
from lienthong.pipeline.hold import held
from lienthong.pipeline.intents import intend
from lienthong.pipeline.keys import Numbers, index_of
from lienthong.pipeline.parts import Part, RunRequest
from lienthong.pipeline.places import Place, place_of, scope_of
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.pull import pulled
from lienthong.pipeline.refusals import Refusal, check_share, index_refusals
from lienthong.pipeline.repeats import repeats_in
from lienthong.pipeline.transform import earlier
from lienthong.pipeline.versions import Versions
from lienthong.pipeline.waiting import Patience, Pause, Waiting, pause_here

_HERE = pause_here(time.sleep)


@calm
@held("push")
def push(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    part: Part,
    *,
    pause: Pause = _HERE,
    waited: Waiting | None = None,
) -> Part:
    """Deliver a part; a second call delivers only what the first did not.

    Where the target accepts now and works later, everything is sent first; then ``pause`` is called
    before each question. It may raise in order to wait elsewhere: the next call, given how long it
    ``waited``, goes on with a question. Raises `TooManyQuarantined` before anything is sent,
    `OutcomeUnknown` where the target cannot tell (in time) what became of a request.
    """
    started = now()
    found = pulled(bus, plan, request)
    check_share(plan, found.malformed + earlier(bus, plan, request, "transform", part.of), found.count)
    patience = Patience(bus, pause, waited)
    states = [] if request.dry_run else _deliver(bus, plan, request, part, patience)
    counts = tally(states, part.records)
    work = Work(
        "push", started, counts, part.index, part.of, part.segments, part.segments, receipts=_receipts(states)
    )
    bus.audit("push", _sentence(request, counts))
    evidence = attest(bus, plan, request, work)
    moved = part.moved(part.segments, evidence, **{name: counts[name] for name in FATES})
    bus.checkpoint(plan, request, "push", part.index, moved.as_dict())
    return moved


def _sentence(request: RunRequest, counts: Mapping[str, int]) -> str:
    dry = "dry run, nothing sent: " if request.dry_run else ""
    return dry + ", ".join(f"{counts[name]} {name}" for name in FATES)


def _deliver(
    bus: Bus, plan: Plan, request: RunRequest, part: Part, patience: Patience
) -> list[DeliveryState]:
    if not part.segments:
        return []
    exchange = plan.exchange
    connection = bus.connections(exchange.target.connection)
    gate = Gate(bus, connection)
    with gate.passing():
        target = exchange.target.connector.open_target(connection, bus.context(plan, request.run))
        return _deliver_to(bus, plan, request, part, patience, target, gate)


def _deliver_to(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    part: Part,
    patience: Patience,
    target: RecordTarget,
    gate: Gate,
) -> list[DeliveryState]:
    try:
        check_health(bus, plan, request, role="target", opened=target)
        _check_batch(plan, target, part)
        place = place_of(bus, plan)
        versions = Versions(bus, plan, request, place)
        repeats = repeats_in(bus, plan, request, part)
        work = Delivering(
            bus,
            target,
            plan.produces.key,
            plan.produces.ref,
            versions,
            repeats,
            Discretion(plan.produces),
        )
        states = intend(bus, plan, request, part, work)
        if place.new:
            versions.join()
        while True:
            states = _deliver_all(bus, plan, request, part, work, states, gate)
            if not work.doubts:
                return states
            _wait(bus, plan, part, work, patience)
    finally:
        target.close()


def _wait(bus: Bus, plan: Plan, part: Part, work: Delivering, patience: Patience) -> None:
    """Wait where the target is at work on all that is in doubt; else, or at last, raise `OutcomeUnknown`."""
    waits = [seconds for seconds in work.doubts.values() if seconds is not None]
    records = sum(len(work.journal.delivery(key).unknown) for key in work.doubts)
    at_work = len(waits) == len(work.doubts)
    bus.progress(f"{part.label('push')}, target at work", part.records - records, part.records)
    if at_work and patience.wait(work.target.capabilities, min(waits), records):
        return
    said = "the target is still at work on" if at_work else "the target gave no clear answer about"
    raise OutcomeUnknown(
        f"{said} {records} records in {len(work.doubts)} deliveries",
        where=f"exchange {plan.exchange.id!r}, target {plan.exchange.target.connection!r}",
        hint="the next try asks the target again",
        retry_after=min(waits, default=None),
    )


def _deliver_all(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    part: Part,
    work: Delivering,
    states: Sequence[DeliveryState],
    gate: Gate,
) -> list[DeliveryState]:
    """Bring every delivery as far as it goes now; what stays in doubt is in ``work.doubts``."""
    work.doubts.clear()
    _settle_earlier(bus, plan, request, work, {state.id for state in states})
    if work.doubts:
        return list(states)  # what an earlier run sent may be the very same records
    work.versions.look()
    ended: list[DeliveryState] = []
    done = 0
    for state in states:
        gate.check()
        ended.append(work.deliver(state))
        _quarantine_refused(bus, plan, request, ended[-1])
        done += state.segment.count - len(ended[-1].unknown)
        bus.progress(part.label("push"), done, part.records)
    return ended


def _check_batch(plan: Plan, target: RecordTarget, part: Part) -> None:
    limit = target.capabilities.max_batch
    largest = max(segment.count for segment in part.segments)
    if limit and largest > limit:
        raise Misconfigured(
            f"the target takes at most {limit} records at once, a segment holds {largest}",
            where=f"exchange {plan.exchange.id!r}",
            hint=f"set delivery.batch to {limit} or less and start a new run",
        )


def _settle_earlier(bus: Bus, plan: Plan, request: RunRequest, work: Delivering, ours: set[str]) -> None:
    """Settle what earlier runs of the exchange left in doubt under other keys.

    What unsettled runs delivered before there were key indexes, or under another name of the target, is
    remembered too.
    """
    found = {item.id: item for state in ("sent", "unknown") for item in _others(bus, plan, request, state)}
    epoch = bus.journal.run(plan.exchange.id, request.run).epoch
    unsettled = Scopes(bus.database).unsettled(plan.exchange.id, request.run)
    for item in bus.journal.deliveries(exchange=plan.exchange.id, epoch=epoch, state="acknowledged"):
        if item.run != request.run and _same_place(plan, item, work.versions.place, unsettled):
            found[item.id] = item
    for item in found.values():
        if item.id not in ours:
            work.settle_outstanding(item)


def _same_place(plan: Plan, item: DeliveryState, place: Place, unsettled: frozenset[str]) -> bool:
    """Tell whether a delivery that no key index knows here may have gone to the very same place.

    It did before there were scopes, or where only the connection has another name since. Another
    destination is another place, and what a settled trial delivered elsewhere says nothing of this one.
    """
    if not item.scope:
        return True
    if item.scope in place.scopes or item.owner not in unsettled:
        return False
    return item.scope == scope_of(plan.exchange, plan.produces.name, item.target)


def _others(bus: Bus, plan: Plan, request: RunRequest, state: str) -> list[DeliveryState]:
    """Return the deliveries in a state that this run did not intend, also those that it tried to settle."""
    found = bus.journal.deliveries(exchange=plan.exchange.id, state=state)
    return [item for item in found if item.run != request.run]


def _quarantine_refused(bus: Bus, plan: Plan, request: RunRequest, state: DeliveryState) -> None:
    if not state.refused:
        return
    records = bus.store.read(state.segment)
    sidecar = index_of(bus, state.segment, plan.produces, Numbers(bus, state.exchange, state.run))
    numbers = sidecar.numbers()
    refusals = [(line, Refusal(records[line], (why,), numbers[line])) for line, why in state.refused.items()]
    index_refusals(bus, plan, request, "push", plan.produces, state.segment, refusals)


def _receipts(states: Sequence[DeliveryState]) -> list[dict[str, Any]]:
    return [
        {
            "delivery": state.id,
            "segment": state.segment.digest,
            "state": state.state,
            "acknowledged": fates(state)["acknowledged"],
            "refused": len(state.refused),
            "receipts": list(state.receipts),
        }
        for state in states
    ]
