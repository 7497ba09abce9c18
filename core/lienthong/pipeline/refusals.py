"""Refused records on their way into quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lienthong.datasets import Dataset
from lienthong.datasets.discretion import Discretion
from lienthong.errors import Reason, TooManyQuarantined
from lienthong.ledger import QuarantineItem
from lienthong.ledger.states import fingerprint_of
from lienthong.merkle import leaf_hash
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.cutting import cut
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.records import key_of, parse
from lienthong.segment import Segment


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused record: its canonical bytes, why, and its version number."""

    data: bytes
    reasons: tuple[Reason, ...]
    number: int = 0


def keep_refusals(
    bus: Bus, plan: Plan, request: RunRequest, step: str, dataset: Dataset, refusals: Sequence[Refusal]
) -> list[Segment]:
    """Seal refused records into segments, enter them in the quarantine and return the segments."""
    segments: list[Segment] = []
    for piece in cut([item.data for item in refusals]):
        kept = refusals[piece]
        segment = bus.store.write([item.data for item in kept])
        index_refusals(bus, plan, request, step, dataset, segment, enumerate(kept))
        segments.append(segment)
    if refusals:
        rules = Counter(reason.rule for item in refusals for reason in item.reasons)
        named = ", ".join(f"{rule} x{count}" for rule, count in rules.most_common(5))
        into = " ".join(segment.digest for segment in segments)
        bus.audit(step, f"quarantined {len(refusals)} records in segment {into}: {named}")
    return segments


def index_refusals(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    step: str,
    dataset: Dataset,
    segment: Segment,
    refusals: Iterable[tuple[int, Refusal]],
) -> None:
    """Enter refused records, given by their line in a sealed segment, in the quarantine's index.

    The same bytes refused for the same rules by an earlier run are that run's item, met once more.
    Reasons are kept without what the dataset's classification does not let anybody see.
    """
    discretion = Discretion(dataset)
    bus.quarantine.add(
        [
            QuarantineItem(
                exchange=plan.exchange.id,
                run=request.run,
                step=step,
                segment=segment.digest,
                line=line,
                key_hash=bus.key_hash(dataset.name, _key(refusal.data, dataset)),
                reasons=discretion.reasons(refusal.reasons, refusal.data),
                dataset=dataset.ref,
                fingerprint=fingerprint_of(
                    plan.exchange.id, step, dataset.ref, leaf_hash(refusal.data), refusal.reasons
                ),
                number=refusal.number,
            )
            for line, refusal in refusals
        ]
    )


def _key(data: bytes, dataset: Dataset) -> str:
    record = parse(data)
    return key_of(record, dataset.key) if isinstance(record, dict) else ""


def check_share(plan: Plan, quarantined: int, pulled: int) -> None:
    """Raise `TooManyQuarantined` where the share of refused records is above the exchange's limit."""
    limit = plan.exchange.delivery.quarantine_above
    if pulled and quarantined / pulled > limit:
        raise TooManyQuarantined(
            f"{quarantined} of {pulled} records are in quarantine "
            f"({quarantined / pulled:.1%}, allowed {limit:.1%}); nothing was pushed",
            where=f"exchange {plan.exchange.id!r}",
            hint="see `lienthong quarantine list`; repair the source, or raise delivery.quarantine_above",
        )
