"""Settle: count, check the conservation law, seal the run, move the cursor."""

from __future__ import annotations

from lienthong.errors import Permanent, Unbalanced
from lienthong.ledger.documents import (
    DELIVERIES,
    QUARANTINE,
    deliveries_document,
    quarantine_document,
)
from lienthong.pipeline.attest import Work, attest, now
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.parts import Part, RunRequest, Settled, grouped
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.pull import Pulled, load_progress, pulled
from lienthong.records import sha256


def settle(bus: Bus, plan: Plan, request: RunRequest) -> Settled:
    """Close a run whose parts have all been pushed.

    Raises `Unbalanced` where pulled differs from acknowledged + quarantined + refused + pending.
    The cursor moves only here, and never in a trial (dry run, limit) or a replay.
    """
    started = now()
    found = pulled(bus, plan, request)
    counts = _counts(found, _pushed_parts(bus, plan, request))
    _check_balance(plan, request, counts)
    documents = _documents(bus, plan, request)
    nothing_new = found.count == 0
    notes = {"nothing_new": nothing_new, "dry_run": request.dry_run, "replay": request.replay}
    work = Work("settle", started, counts, documents=documents, notes=notes)
    evidence = attest(bus, plan, request, work)
    cursor = found.cursor if request.advances else None
    known = bus.journal.run(plan.exchange.id, request.run).validators
    bus.journal.settle(
        plan.exchange.id,
        request.run,
        cursor=cursor,
        validators={**known, **found.validators},
        counts=counts,
        advance=request.advances,
    )
    bus.audit("settle", ", ".join(f"{name} {count}" for name, count in counts.items()))
    return Settled(plan.exchange.id, request.run, counts, evidence, cursor, nothing_new)


def _pushed_parts(bus: Bus, plan: Plan, request: RunRequest) -> list[Part]:
    """Return every part as the push step left it."""
    progress = load_progress(bus, plan, request)
    parts: list[Part] = []
    for part in grouped(progress.segments, plan.exchange.delivery.parallel, {}):
        saved = bus.journal.step(plan.exchange.id, request.run, "push", part.index)
        if saved is None:
            raise Permanent(
                f"part {part.index + 1} of {part.of} has not been pushed",
                where=f"run {request.run}",
                hint="retry the push task",
            )
        parts.append(Part.from_dict(saved))
    return parts


def _counts(found: Pulled, parts: list[Part]) -> dict[str, int]:
    def total(name: str) -> int:
        return sum(part.counts.get(name, 0) for part in parts)

    return {
        "pulled": found.count,
        "acknowledged": total("acknowledged"),
        "quarantined": found.malformed + total("quarantined"),
        "refused": total("refused"),
        "pending": total("pending"),
    }


def _check_balance(plan: Plan, request: RunRequest, counts: dict[str, int]) -> None:
    accounted = counts["acknowledged"] + counts["quarantined"] + counts["refused"] + counts["pending"]
    if counts["pulled"] != accounted:
        raise Unbalanced(
            f"{counts['pulled']} records were pulled but {accounted} are accounted for ({counts})",
            where=f"exchange {plan.exchange.id!r}, run {request.run}",
            hint="keep the staging store and the ledger, and report this as a defect of the bus",
        )


def _documents(bus: Bus, plan: Plan, request: RunRequest) -> dict[str, str]:
    """Keep the agreement and contracts as they are now; return the digest of every document."""
    documents = plan.documents()
    for data in documents.values():
        bus.ledger.keep(data)
    states = bus.journal.deliveries(exchange=plan.exchange.id, run=request.run)
    documents[DELIVERIES] = deliveries_document(states)
    documents[QUARANTINE] = quarantine_document(bus.quarantine.refused_in(plan.exchange.id, request.run))
    return {name: sha256(data) for name, data in documents.items()}
