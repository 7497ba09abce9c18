"""Pull: read a source into sealed segments, resumable at the last sealed one."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lienthong.connector import Malformed, Page, ReadRequest, RecordSource
from lienthong.errors import Permanent, ProtocolViolation, Reason
from lienthong.pipeline.attest import Work, attest, now
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.calm import calm
from lienthong.pipeline.parts import Part, RunRequest, grouped
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.refusals import Refusal, keep_refusals
from lienthong.records import Record, canonical
from lienthong.segment import Segment

_UNREADABLE = Reason(
    "",
    "record.not-json",
    "Bản ghi chứa giá trị mà JSON không biểu diễn chính xác được (số quá lớn, ký tự hỏng)",
    "The record holds a value that JSON cannot carry exactly (number too large, broken character)",
)


@dataclass
class _Progress:
    """What has been sealed so far; one checkpoint is written per sealing."""

    segments: list[Segment] = field(default_factory=list)
    malformed: list[Segment] = field(default_factory=list)
    position: Any = None
    cursor: str | int | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    validators: dict[str, Any] = field(default_factory=dict)
    sealings: int = 0
    complete: bool = False

    @property
    def pulled(self) -> int:
        return sum(item.count for item in self.segments) + sum(item.count for item in self.malformed)

    def take(self, saved: Mapping[str, Any]) -> None:
        """Add one checkpoint."""
        self.segments += [Segment.from_dict(item) for item in saved["segments"]]
        self.malformed += [Segment.from_dict(item) for item in saved["malformed"]]
        self.position, self.cursor = saved["position"], saved["cursor"]
        self.notes, self.validators = dict(saved["notes"]), dict(saved["validators"])
        self.complete = saved["complete"]
        self.sealings += 1


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull step found, as `settle` needs it."""

    count: int
    malformed: int
    cursor: str | None
    validators: Mapping[str, Any]
    notes: Mapping[str, Any]


@calm
def pull(bus: Bus, plan: Plan, request: RunRequest, source: RecordSource | None = None) -> list[Part]:
    """Read what is new and return the run's parts; an empty list where nothing is new.

    A second call goes on at the last sealed segment; a call after completion reads nothing.
    ``source`` replaces the exchange's own (a replay from quarantine does that).
    """
    exchange, started = plan.exchange, now()
    state = bus.journal.open_run(
        exchange.id,
        request.run,
        digest=plan.digest,
        dry_run=request.dry_run,
        since=request.since,
        limit=request.limit,
    )
    progress = load_progress(bus, plan, request)
    if state.settled and not progress.sealings:
        raise Permanent(
            "the run settled long ago, and housekeeping removed its checkpoints",
            where=f"exchange {exchange.id!r}, run {request.run}",
            hint="start a new run",
        )
    if progress.sealings and not progress.complete:
        bus.audit("pull", f"resuming after {progress.sealings} sealings, {progress.pulled} records")
    if not progress.complete:
        opened = source or exchange.source.connector.open_source(
            bus.connections(exchange.source.connection), bus.context(plan, request.run)
        )
        try:
            ask = ReadRequest(
                state.since, progress.position, _left(request, progress), dict(state.validators)
            )
            _read(bus, plan, request, progress, opened.read(ask))
        finally:
            opened.close()
    evidence = _attest(bus, plan, request, progress, started)
    if not progress.pulled:
        bus.audit("pull", f"nothing new since {state.since or 'the beginning'}")
    return grouped(progress.segments, exchange.delivery.parallel, evidence)


def _left(request: RunRequest, progress: _Progress) -> int | None:
    return None if request.limit is None else max(request.limit - progress.pulled, 0)


def _read(bus: Bus, plan: Plan, request: RunRequest, progress: _Progress, pages: Iterator[Page]) -> None:
    batch = plan.exchange.delivery.batch
    buffer: list[bytes] = []
    broken: list[Refusal] = []
    for page in pages:
        _take_page(plan, progress, page, buffer, broken)
        progress.position = page.position
        if len(buffer) >= batch:
            _seal(bus, plan, request, progress, buffer, broken)
        bus.progress("pull", progress.pulled + len(buffer), None)
    progress.complete = True
    _seal(bus, plan, request, progress, buffer, broken)


def _take_page(
    plan: Plan, progress: _Progress, page: Page, buffer: list[bytes], broken: list[Refusal]
) -> None:
    cursor = plan.exchange.source.cursor
    for record in page.records:
        try:
            buffer.append(canonical(record))
        except ProtocolViolation:
            broken.append(_wrapped(Malformed(repr(record).encode("utf-8", "backslashreplace"), _UNREADABLE)))
    if cursor is not None:
        progress.cursor = _largest(progress.cursor, page.records, cursor)
    broken += map(_wrapped, page.malformed)
    for name, value in page.notes.items():
        counted = isinstance(value, bool) and value
        progress.notes[name] = progress.notes.get(name, 0) + 1 if counted else value
    progress.validators.update(page.validators)


def _largest(known: Any, records: Sequence[Record], path: str) -> Any:
    parts = path.split(".")
    for record in records:
        value: Any = record
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, (str, int)) and value != "":
            try:
                known = value if known is None or value > known else known
            except TypeError:
                continue  # a malformed cursor value; validation will refuse the record
    return known


def _wrapped(piece: Malformed) -> Refusal:
    """Keep bytes that are no record inside one, so that quarantine can hold them."""
    data = canonical({"$malformed": base64.b64encode(piece.data).decode()})
    return Refusal(data, (piece.reason,))


def _seal(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    progress: _Progress,
    buffer: list[bytes],
    broken: list[Refusal],
) -> None:
    """Write the buffered records as segments and the checkpoint that names them."""
    batch = plan.exchange.delivery.batch
    fresh = [bus.store.write(buffer[start : start + batch]) for start in range(0, len(buffer), batch)]
    refused = keep_refusals(bus, plan, request, "pull", plan.dataset, broken)
    saved = {
        "segments": [item.as_dict() for item in fresh],
        "malformed": [item.as_dict() for item in refused],
        "position": progress.position,
        "cursor": progress.cursor,
        "notes": progress.notes,
        "validators": progress.validators,
        "complete": progress.complete,
    }
    bus.journal.save_step(plan.exchange.id, request.run, "pull.sealed", progress.sealings, saved)
    for segment in fresh:
        bus.audit("pull", f"sealed segment {segment.digest}: {segment.count} records, root {segment.root}")
    progress.take(saved)
    buffer.clear()
    broken.clear()


def load_progress(bus: Bus, plan: Plan, request: RunRequest) -> _Progress:
    """Return what the pull of a run has sealed so far."""
    progress = _Progress()
    while saved := bus.journal.step(plan.exchange.id, request.run, "pull.sealed", progress.sealings):
        progress.take(saved)
    return progress


def _attest(bus: Bus, plan: Plan, request: RunRequest, progress: _Progress, started: str) -> dict[str, Any]:
    malformed = sum(item.count for item in progress.malformed)
    work = Work(
        "pull",
        started,
        {"pulled": progress.pulled, "quarantined": malformed},
        outputs=progress.segments,
        quarantined=progress.malformed,
        notes=progress.notes,
    )
    bus.audit("pull", f"pulled {progress.pulled} records in {len(progress.segments)} segments")
    return attest(bus, plan, request, work)


def pulled(bus: Bus, plan: Plan, request: RunRequest) -> Pulled:
    """Return the completed pull of a run; `Permanent` where it is not complete."""
    progress = load_progress(bus, plan, request)
    if not progress.complete:
        raise Permanent(
            "the pull of this run is not complete", where=f"run {request.run}", hint="retry the pull task"
        )
    malformed = sum(item.count for item in progress.malformed)
    cursor = None if progress.cursor is None else str(progress.cursor)
    return Pulled(progress.pulled, malformed, cursor, progress.validators, progress.notes)
