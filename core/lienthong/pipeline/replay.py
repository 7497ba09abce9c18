"""Replay: repaired records go through validation to delivery, in runs of their own.

A replay knows which version of each key the target has. A record that is older than that is left where it
is, unless a person says by name, and why, that it shall go back. What is replayed together is delivered in
the order of its versions, not of its repairs. A replay's name follows from its items, so that one which was
killed goes on when it is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from lienthong.connector import Finding, Page, ReadRequest, SourceCapabilities
from lienthong.datasets import Catalogue
from lienthong.datasets.arriving import arriving
from lienthong.errors import (
    InvalidExchange,
    LienThongError,
    Misconfigured,
    Reason,
    Refused,
    SegmentTampered,
    UnknownName,
)
from lienthong.keyindex import KEY
from lienthong.keyindex.levels import SHORT
from lienthong.ledger import QuarantineItem
from lienthong.merkle import leaf_hash
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.keys import Numbers, index_of
from lienthong.pipeline.parts import RunRequest, Settled
from lienthong.pipeline.places import place_of
from lienthong.pipeline.plan import Plan, compile_plan
from lienthong.pipeline.pull import load_progress
from lienthong.pipeline.runner import run_exchange
from lienthong.pipeline.versions import Version, Versions
from lienthong.records import Record, canonical, key_of, parse, sha256
from lienthong.segment import unpack


@dataclass(frozen=True)
class NumberedPage(Page):
    """A page whose records were pulled by earlier runs; ``numbers`` are those that they had then."""

    numbers: Sequence[int] = ()


class ReplaySource:
    """A source whose records were pulled before: the repaired ones of a quarantine, or a run's."""

    capabilities = SourceCapabilities(incremental=False, resumable=True)

    def __init__(self, records: Sequence[Record], numbers: Sequence[int]) -> None:
        self._records, self._numbers = list(records), list(numbers)

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield the records as one page, nothing where a former try has read them."""
        if request.position is None:
            some = slice(None, request.limit)
            yield NumberedPage(self._records[some], position="read", numbers=self._numbers[some])

    def check(self) -> list[Finding]:
        """Return nothing: there is no other side."""
        return []

    def close(self) -> None:
        """Release nothing."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the repaired records: runs that settled, and items that are older than what is there."""

    settled: tuple[Settled, ...]
    older: tuple[QuarantineItem, ...]


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
    item, catalogue = bus.quarantine.get(item_id), Catalogue.load()
    dataset = catalogue.dataset(item.dataset)
    made = arriving(dataset)
    record = record if made is None else made(record)
    segment = bus.store.write([canonical(record)])
    repaired = bus.quarantine.repaired(item_id, segment.digest, 0)
    return repaired, dataset.validator(catalogue).reasons(record)


def replay(bus: Bus, plan: Plan, *, back: bool = False) -> list[Settled]:
    """Run an exchange's repaired records; see `replay_items`."""
    return list(replay_items(bus, plan, back=back).settled)


def replay_items(bus: Bus, plan: Plan, *, back: bool = False) -> Replayed:
    """Run an exchange's repaired records, those refused by the target apart from those we refused.

    Each is validated against the dataset version that its item names. Records that are older than what the
    target has of their key are not sent and stay repaired, unless ``back`` says that old ones shall go over
    newer ones.
    """
    waiting = bus.quarantine.list(exchange=plan.exchange.id, state="repaired")
    settled: list[Settled] = []
    older: list[QuarantineItem] = []
    for (delivered, dataset), items in sorted(_grouped(waiting).items()):
        way = _way(plan, dataset, delivered=delivered)
        fresh, stale = (items, []) if back else _split(bus, way, items)
        older += stale
        if fresh:
            settled.append(_replay(bus, way, "target" if delivered else "source", fresh, back=back))
    return Replayed(tuple(settled), tuple(older))


def _grouped(items: Sequence[QuarantineItem]) -> dict[tuple[bool, str], list[QuarantineItem]]:
    """Group items by whether the target refused them, and by the dataset version that they follow."""
    found: dict[tuple[bool, str], list[QuarantineItem]] = {}
    for item in items:
        found.setdefault((item.step == "push", item.dataset), []).append(item)
    return found


def _way(plan: Plan, dataset: str, *, delivered: bool) -> Plan:
    """Return the plan for records of a dataset version, mapped already where the target refused them."""
    if (delivered and plan.mapping is None and dataset == plan.produces.ref) or (
        not delivered and dataset == plan.dataset.ref
    ):
        return plan
    source = replace(plan.exchange.source, cursor=None)
    fields: dict[str, Any] = {"source": source, "dataset": dataset}
    if delivered or plan.mapping is None:
        fields |= {"mapping": None, "produces": None, "lookup": None}
    try:
        return compile_plan(replace(plan.exchange, **fields), plan.catalogue)
    except InvalidExchange as error:
        raise Misconfigured(
            f"records of {dataset} are in quarantine, and this exchange cannot take them any more",
            where=f"exchange {plan.exchange.id!r}",
            hint=f"{error.message}; release them, or keep a mapping from that version",
        ) from None


def _numbers(items: Sequence[QuarantineItem]) -> list[int]:
    """Return the numbers under which some records were read."""
    return [item.number for item in items]


def _split(
    bus: Bus, plan: Plan, items: Sequence[QuarantineItem]
) -> tuple[list[QuarantineItem], list[QuarantineItem]]:
    """Part items into those that may go and those that are older than what the target has."""
    versions = Versions(bus, plan, RunRequest("", replay=True), place_of(bus, plan))
    versions.look()
    fresh: list[QuarantineItem] = []
    older: list[QuarantineItem] = []
    for item, number in zip(items, _numbers(items), strict=True):
        record = _as_delivered(plan, parse(record_of(bus, item.id)))
        key = key_of(record, plan.produces.key) if record is not None else ""
        version = next(iter(versions.newest(versions.names_of([key])).values()), None)
        same = version is not None and version.leaf == leaf_hash(canonical(record))[:SHORT]
        newer = version is not None and version.number > number
        if version is not None and version.number == number and not same:
            newer = _overtaken(bus, plan, item, version)
        (older if newer and not same else fresh).append(item)
    return fresh, older


def _overtaken(bus: Bus, plan: Plan, item: QuarantineItem, version: Version) -> bool:
    """Tell whether the run that pulled a record pulled, behind it, the version that the target has."""
    mine, run = leaf_hash(record_of(bus, bus.quarantine.versions(item.id)[-1].id)), item.last_run or item.run
    numbers = Numbers(bus, item.exchange, run)
    key, overtaken = b"", False
    for segment in load_progress(bus, plan, RunRequest(run)).segments:
        for row in index_of(bus, segment, plan.dataset, numbers).by_line():
            if row[-len(mine) :] == mine:
                key, overtaken = row[:KEY], False
            elif row[:KEY] == key and (plan.mapping or row[-len(mine) :].startswith(version.leaf)):
                overtaken = True
    return overtaken


def _as_delivered(plan: Plan, record: Record) -> Record | None:
    """Return what the mapping makes of a record, None where that cannot be said here."""
    if plan.mapping is None:
        return record
    try:
        return plan.mapping.apply(record)
    except (Refused, LienThongError):
        return None


def _replay(bus: Bus, plan: Plan, name: str, items: Sequence[QuarantineItem], *, back: bool) -> Settled:
    numbered = sorted(zip(_numbers(items), items, strict=True), key=lambda pair: _place(bus, *pair))
    records: list[Any] = [parse(record_of(bus, item.id)) for _, item in numbered]
    broken = [item.id for (_, item), record in zip(numbered, records, strict=True) if "$malformed" in record]
    if broken:
        raise Misconfigured(
            f"{len(broken)} repaired records are still no records", where=f"quarantine {broken[0]}"
        )
    # under another agreement it is another run: the former one cannot go on
    ids = "\n".join([*sorted(item.id for _, item in numbered), plan.digest])
    run = f"replay_{name}__{sha256(ids.encode())[:24]}{'_back' if back else ''}"
    run = open_name(bus, plan.exchange.id, run)
    source = ReplaySource(records, [number for number, _ in numbered])
    settled = run_exchange(bus, plan, RunRequest(run, replay=True, back=back), source=source)
    for _, item in numbered:
        bus.quarantine.replayed(item.id, run)
    return settled


def open_name(bus: Bus, exchange: str, name: str, *, settled: bool = True) -> str:
    """Return a run's name, with a number where the run of that name was closed by a person.

    ``settled``: whether one that has settled is the run that is meant, too.
    """
    for again in count(1):
        found = f"{name}_{again}" if again > 1 else name
        try:
            state = bus.journal.run(exchange, found)
        except UnknownName:
            return found
        if state.closed_at is None and (settled or not state.settled):
            return found
    raise AssertionError("unreachable")  # pragma: no cover


def _place(bus: Bus, number: int, item: QuarantineItem) -> tuple[int, str, int]:
    """Order versions as they were pulled, whenever they were repaired."""
    first = bus.quarantine.versions(item.id)[-1]
    return number, first.added_at, first.line
