"""Validate: keep what follows the dataset's contract, quarantine the rest."""

from __future__ import annotations

from collections.abc import Container, Sequence

from lienthong.keyindex import Sidecar
from lienthong.pipeline.attest import Work, attest, now
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.calm import calm
from lienthong.pipeline.hold import held
from lienthong.pipeline.keys import Numbers, index_of, keep_lines
from lienthong.pipeline.parts import Part, RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.refusals import Refusal, keep_refusals
from lienthong.segment import Segment


@calm
@held("validate")
def validate(bus: Bus, plan: Plan, request: RunRequest, part: Part) -> Part:
    """Check every record of a part; a segment without refusals passes on as it is."""
    started, validator = now(), plan.validator
    kept: list[Segment] = []
    refusals: list[Refusal] = []
    done = 0
    for segment in part.segments:
        records = bus.store.read(segment)
        refused = dict(validator.validate(records))
        if refused:
            sidecar = index_of(bus, segment, plan.dataset, Numbers(bus, plan.exchange.id, request.run))
            numbers = sidecar.numbers()
            refusals += [Refusal(records[line], reasons, numbers[line]) for line, reasons in refused.items()]
            kept += _without(bus, sidecar, records, refused)
        else:
            kept.append(segment)
        done += segment.count
        bus.progress(part.label("validate"), done, part.records)
    kept = [segment for segment in kept if segment.count]
    quarantined = keep_refusals(bus, plan, request, "validate", plan.dataset, refusals)
    counts = {"valid": part.records - len(refusals), "quarantined": len(refusals)}
    work = Work("validate", started, counts, part.index, part.of, part.segments, kept, quarantined)
    bus.audit("validate", f"{counts['valid']} valid, {len(refusals)} quarantined against {plan.dataset.ref}")
    evidence = attest(bus, plan, request, work)
    moved = part.moved(kept, evidence, quarantined=len(refusals))
    bus.checkpoint(plan, request, "validate", part.index, moved.as_dict())
    return moved


def _without(bus: Bus, sidecar: Sidecar, records: Sequence[bytes], refused: Container[int]) -> list[Segment]:
    lines = [line for line in range(len(records)) if line not in refused]
    return keep_lines(bus, sidecar, [records[line] for line in lines], lines)
