"""Three counts that must agree when a run settles: what was sent, what was answered, the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lienthong.errors import OutcomeUnknown, Unbalanced
from lienthong.ledger import DeliveryState
from lienthong.ledger.ranges import count_of
from lienthong.ledger.tally import tally
from lienthong.ledger.terms import FATES
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.delivering import denied
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.plan import Plan


def check_journal(
    plan: Plan, request: RunRequest, counts: Mapping[str, int], states: Sequence[DeliveryState]
) -> None:
    """Raise `Unbalanced` unless the deliveries of a run, counted one by one, give its counts.

    Each delivery must account for every record of its segment: sent ones by the target's answers, the
    others by why they were not sent.
    """
    for state in states:
        answered = state.taken_count + len(state.refused) + len(state.unknown)
        fates = answered + count_of(state.inherited) + state.skipped
        whole = fates + (state.pending - len(state.unknown))
        open_ = state.state in ("intended", "sent")
        if whole != state.segment.count or (state.scope and not open_ and answered != state.sent_count):
            raise _unbalanced(plan, request, f"delivery {state.id}: {whole} of {state.segment.count} records")
    found = tally(states, sum(state.segment.count for state in states))
    for name in FATES:
        if counts[name] != found[name]:
            said = f"{counts[name]} {name} by the steps, {found[name]} by the journal"
            raise _unbalanced(plan, request, said)


def _unbalanced(plan: Plan, request: RunRequest, what: str) -> Unbalanced:
    return Unbalanced(
        f"what was sent, what was answered and the journal do not agree: {what}",
        where=f"exchange {plan.exchange.id!r}, run {request.run}",
        hint="keep the staging store and the ledger, and report this as a defect of the bus",
    )


def ask_again(bus: Bus, plan: Plan, request: RunRequest, states: Sequence[DeliveryState]) -> None:
    """Ask the target once more about deliveries whose process was lost with a request under way.

    A request that arrived after the target had been asked shows here, unless the target knows batches by
    their id. Raises `OutcomeUnknown` where it denies records that count as acknowledged.
    """
    handed = [state for state in states if state.handovers and state.taken_count]
    if not handed:
        return
    exchange = plan.exchange
    target = exchange.target.connector.open_target(
        bus.connections(exchange.target.connection), bus.context(plan, request.run)
    )
    try:
        can = target.capabilities
        if can.keyed or not can.lookup:
            return
        for state in handed:
            records = denied(bus, target, plan.produces, state)
            bus.audit("settle", f"delivery {state.id}: asked again after a lost process, {records} denied")
            if records:
                raise OutcomeUnknown(
                    f"the target no longer has {records} records that it acknowledged",
                    where=f"exchange {exchange.id!r}, delivery {state.id}",
                    hint="ask the agency; then settle again, or close the run (lienthong runs close)",
                )
    finally:
        target.close()
