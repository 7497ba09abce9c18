"""Replay: repaired records go through validation to delivery, in a run of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lienthong.connector import Finding, Page, ReadRequest, SourceCapabilities
from lienthong.datasets import Catalogue
from lienthong.errors import Misconfigured, Reason, SegmentTampered
from lienthong.ledger import QuarantineItem
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.parts import RunRequest, Settled
from lienthong.pipeline.plan import Plan, compile_plan
from lienthong.pipeline.runner import run_exchange
from lienthong.records import Record, canonical, parse
from lienthong.segment import unpack


class ReplaySource:
    """A source whose records are the repaired ones of a quarantine."""

    capabilities = SourceCapabilities(incremental=False, resumable=True)

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = list(records)

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield the records as one page, nothing where a former try has read them."""
        if request.position is None:
            yield Page(self._records[: request.limit], position="read")

    def check(self) -> list[Finding]:
        """Return nothing: there is no other side."""
        return []

    def close(self) -> None:
        """Release nothing."""


def record_of(bus: Bus, item_id: str) -> bytes:
    """Return the bytes of a quarantined record. They may be personal data."""
    item = bus.quarantine.get(item_id)
    records = unpack(bus.store.data(item.segment), item.segment)
    if not 0 <= item.line < len(records):
        raise SegmentTampered(
            f"the segment has no line {item.line}", where=f"quarantine {item.id}, segment {item.segment}"
        )
    return records[item.line]


def repair(bus: Bus, item_id: str, record: Record) -> tuple[QuarantineItem, tuple[Reason, ...]]:
    """Enter a repaired record as a new version.

    Returns the new version and the reasons for which its dataset would refuse it again, none where
    it is sound: a replay validates in any case.
    """
    item = bus.quarantine.get(item_id)
    segment = bus.store.write([canonical(record)])
    repaired = bus.quarantine.repaired(item_id, segment.digest, 0)
    catalogue = Catalogue.load()
    return repaired, catalogue.dataset(item.dataset).validator(catalogue).reasons(record)


def replay(bus: Bus, plan: Plan) -> list[Settled]:
    """Run an exchange's repaired records, those refused by the target apart from those we refused."""
    waiting = bus.quarantine.list(exchange=plan.exchange.id, state="repaired")
    before = [item for item in waiting if item.step != "push"]
    after = [item for item in waiting if item.step == "push"]
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%fZ")
    done: list[Settled] = []
    for name, items, way in (("source", before, plan), ("target", after, _delivery_only(plan))):
        if items:
            done.append(_replay(bus, way, f"replay_{name}__{stamp}", items))
    return done


def _delivery_only(plan: Plan) -> Plan:
    """Return the plan for records that were mapped before the target refused them."""
    if plan.mapping is None:
        return plan
    source = replace(plan.exchange.source, cursor=None)
    exchange = replace(
        plan.exchange, source=source, dataset=plan.produces.ref, mapping=None, produces=None, lookup=None
    )
    return compile_plan(exchange, plan.catalogue)


def _replay(bus: Bus, plan: Plan, run: str, items: Sequence[QuarantineItem]) -> Settled:
    records: list[Any] = [parse(record_of(bus, item.id)) for item in items]
    broken = [item.id for item, record in zip(items, records, strict=True) if "$malformed" in record]
    if broken:
        raise Misconfigured(
            f"{len(broken)} repaired records are still no records", where=f"quarantine {broken[0]}"
        )
    request = RunRequest(run, replay=True)
    settled = run_exchange(bus, plan, request, source=ReplaySource(records))
    for item in items:
        bus.quarantine.replayed(item.id, run)
    return settled
