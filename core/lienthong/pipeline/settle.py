"""Settle: count, check the conservation law, seal the run, move the cursor."""

from __future__ import annotations

from typing import Any

from lienthong.errors import EvidenceTampered, Permanent, Unbalanced
from lienthong.ledger import RunState
from lienthong.ledger.documents import (
    DELIVERIES,
    QUARANTINE,
    deliveries_document,
    quarantine_document,
)
from lienthong.ledger.terms import FATES, missing
from lienthong.pipeline.accounting import ask_again, check_journal
from lienthong.pipeline.attest import Work, attest, now
from lienthong.pipeline.beginning import begun_at
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.compacting import compact_quietly
from lienthong.pipeline.hold import held, lease_of
from lienthong.pipeline.moved import moved_cursor
from lienthong.pipeline.parts import Part, RunRequest, Settled, grouped
from lienthong.pipeline.places import scope_in
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.pull import Pulled, load_progress, pulled
from lienthong.records import sha256


@held("settle")
def settle(bus: Bus, plan: Plan, request: RunRequest) -> Settled:
    """Close a run whose parts have all been pushed.

    Raises `Unbalanced` where pulled differs from the sum of its terms (`lienthong.ledger.terms`), or where
    what was sent, what was answered and the journal do not agree. The cursor moves only here, and never in
    a trial (dry run, limit) or a replay.
    """
    started, lease = now(), lease_of(bus)
    state = bus.journal.run(plan.exchange.id, request.run)
    if state.idle:
        return _settled_before(bus, state)
    if request.advances and lease is not None:
        bus.journal.check_sending(lease)  # before anything is signed
    found = pulled(bus, plan, request)
    counts = _checked(bus, plan, request, found)
    moved = moved_cursor(plan, state, found, advances=request.advances and found.passes)
    if not found.count:  # its only statement tells when the source was asked
        started = begun_at(bus, state) or started
    documents, notes = _documents(bus, plan, request), _notes(request, found) | moved.noted(plan)
    work = Work("settle", started, counts, documents=documents, notes=notes)
    evidence = attest(bus, plan, request, work)
    bus.journal.settle(
        plan.exchange.id,
        request.run,
        cursor=moved.to,
        validators={**state.validators, **(found.validators if found.passes else {})},
        counts=counts,
        advance=request.advances,
        lease=lease,
        later=plan.order.later if plan.order is not None else None,
        keep=("pull.sealed",) if found.again and request.advances else (),
    )
    compact_quietly(bus, lambda: scope_in(bus, plan))
    bus.audit("settle", ", ".join(f"{name} {count}" for name, count in counts.items()))
    for line in moved.lines():
        bus.audit("settle", line)
    return Settled(
        plan.exchange.id,
        request.run,
        counts,
        evidence,
        moved.to,
        not found.count,
        moved.since,
        moved.odd,
        found.notes.get("notices", ()),
        found.end,
    )


def _notes(request: RunRequest, found: Pulled) -> dict[str, Any]:
    """Return what settle says beside its figures; where nothing was pulled, for pull as well."""
    said: dict[str, Any] = {
        "nothing_new": not found.count,
        "dry_run": request.dry_run,
        "replay": request.replay,
    }
    if request.since is not None:
        said["explicit_since"] = True
    if found.end:
        said["end"] = dict(found.end)
    return said if found.count else {**found.notes, **said}


def _settled_before(bus: Bus, state: RunState) -> Settled:
    """Return the result of a run that settled and had found nothing; no checkpoint of it is left."""
    *_, entry = [None, *bus.ledger.entries(state.run, state.exchange, step="settle")]
    if entry is None:
        raise EvidenceTampered(
            "the run has settled, and its statement is not in the ledger",
            where=f"exchange {state.exchange!r}, run {state.run!r}",
            hint="keep the database for investigation; see: lienthong evidence check-ledger",
        )
    evidence = {"sequence": entry.sequence, "hash": entry.hash}
    end = entry.payload["notes"].get("end") or {}
    return Settled(state.exchange, state.run, state.counts, evidence, None, True, state.since, end=end)


def _checked(bus: Bus, plan: Plan, request: RunRequest, found: Pulled) -> dict[str, int]:
    """Return the run's counts, which must add up, and agree with the journal's."""
    counts = _counts(found, _pushed_parts(bus, plan, request))
    _check_balance(plan, request, counts)
    if not request.dry_run:
        states = bus.journal.deliveries(exchange=plan.exchange.id, run=request.run)
        check_journal(plan, request, counts, states)
        ask_again(bus, plan, request, states)
    return counts


def _pushed_parts(bus: Bus, plan: Plan, request: RunRequest) -> list[Part]:
    """Return every part as the push step left it."""
    progress = load_progress(bus, plan, request)
    parts: list[Part] = []
    for part in grouped(progress.segments, plan.exchange.delivery.parallel, {}, progress.buckets):
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
        **{name: total(name) for name in FATES[1:]},
    }


def _check_balance(plan: Plan, request: RunRequest, counts: dict[str, int]) -> None:
    lost = missing(counts)
    if lost:
        kept = counts["pulled"] - lost
        raise Unbalanced(
            f"{counts['pulled']} records were pulled but {kept} are accounted for ({counts})",
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
    if any(state.state not in ("acknowledged", "refused") for state in states):
        bus.ledger.keep(documents[DELIVERIES])  # what is open now ends otherwise: it cannot be made again
    documents[QUARANTINE] = quarantine_document(bus.quarantine.met(plan.exchange.id, request.run))
    return {name: sha256(data) for name, data in documents.items()}
