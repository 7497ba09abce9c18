"""Pull: read a source into sealed segments, resumable at the last sealed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lienthong.connector import Page, RecordSource
from lienthong.errors import Permanent, ProtocolViolation
from lienthong.ledger import RunState
from lienthong.pipeline.again import ReadAgain, read_again
from lienthong.pipeline.attest import Work, attest, now
from lienthong.pipeline.beginning import Begun, begin, begins_as_before, next_begins, stand
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.calm import calm
from lienthong.pipeline.cutting import SEGMENT_BYTES
from lienthong.pipeline.ended import concluded, confirmed, end_line, told
from lienthong.pipeline.gate import Gate
from lienthong.pipeline.health import check_health, clock_notices, heed
from lienthong.pipeline.hold import held
from lienthong.pipeline.keys import key_texts, of_one_number, write_by_key, write_keyed
from lienthong.pipeline.odd import RECORD_BYTES, too_large, unreadable, wrapped
from lienthong.pipeline.parts import Part, RunRequest, grouped
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.reads import Reads
from lienthong.pipeline.refusals import Refusal, keep_refusals
from lienthong.records import canonical
from lienthong.segment import Segment


@dataclass
class _Progress:
    """What has been sealed so far; one checkpoint is written per sealing."""

    segments: list[Segment] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)
    malformed: list[Segment] = field(default_factory=list)
    position: Any = None
    cursor: str | None = None
    seen: str | None = None
    begins: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    validators: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    sealings: int = 0
    complete: bool = False
    again: bool = False

    @property
    def pulled(self) -> int:
        return sum(item.count for item in self.segments) + sum(item.count for item in self.malformed)

    def take(self, saved: Mapping[str, Any]) -> None:
        """Add one checkpoint."""
        self.segments += [Segment.from_dict(item) for item in saved["segments"]]
        self.buckets += saved.get("buckets", ())
        self.malformed += [Segment.from_dict(item) for item in saved["malformed"]]
        cursor = saved["cursor"]
        self.position, self.cursor = saved["position"], None if cursor is None else str(cursor)
        self.seen = saved.get("seen")
        self.notes, self.validators = dict(saved["notes"]), dict(saved["validators"])
        self.end, self.complete = dict(saved.get("end") or {}), saved["complete"]
        self.again = bool(saved.get("again") or saved.get("begins"))
        self.sealings += 1


@dataclass
class _Buffer:
    """What has been read and not been sealed: records with keys and numbers, and what is set aside."""

    reads: Reads
    records: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    broken: list[Refusal] = field(default_factory=list)
    size: int = 0
    again: ReadAgain | None = None

    def full(self, batch: int) -> bool:
        """Tell whether there is enough for a segment."""
        return len(self.records) >= batch or self.size >= SEGMENT_BYTES

    def clear(self) -> None:
        """Forget what has been sealed."""
        self.records.clear()
        self.keys.clear()
        self.numbers.clear()
        self.broken.clear()
        self.size = 0


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull step found, as `settle` needs it.

    ``cursor`` is the largest value that counts, None where none does. ``again`` tells whether its checkpoint
    names records that came again, or another beginning, which the next run's pull looks for. ``end`` is how
    the end of the list is known (`lienthong.pipeline.ended`), empty for what was not read from a source.
    """

    count: int
    malformed: int
    cursor: str | None
    validators: Mapping[str, Any]
    notes: Mapping[str, Any]
    again: bool = False
    end: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passes(self) -> bool:
        """Whether the cursor may pass: the list was read to its end."""
        return confirmed(self.end)


@calm
@held("pull")
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
        kind=request.kind,
    )
    progress = load_progress(bus, plan, request)
    if state.settled and not progress.sealings and not state.idle:
        raise Permanent(
            "the run settled long ago, and housekeeping removed its checkpoints",
            where=f"exchange {exchange.id!r}, run {request.run}",
            hint="start a new run",
        )
    if progress.sealings and not progress.complete:
        bus.audit("pull", f"resuming after {progress.sealings} sealings, {progress.pulled} records")
    if not progress.complete and not state.settled:
        reads = Reads(bus.journal, state, fresh=request.kind == "run")
        if source is None:
            _read_source(bus, plan, request, progress, state, reads)
        else:
            try:
                heed(progress.notes, check_health(bus, plan, request, role="", opened=None))
                _read(bus, plan, request, progress, state, source, reads)
            finally:
                source.close()
    if not progress.pulled:  # the settle statement alone says so
        bus.audit("pull", f"nothing new since {state.since or 'the beginning'}")
        return []
    evidence = _attest(bus, plan, request, progress, started)
    return grouped(progress.segments, exchange.delivery.parallel, evidence, progress.buckets)


def _read_source(
    bus: Bus, plan: Plan, request: RunRequest, progress: _Progress, state: RunState, reads: Reads
) -> None:
    """Read the exchange's own source, while it serves."""
    connection = bus.connections(plan.exchange.source.connection)
    gate = Gate(bus, connection)
    with gate.passing():
        opened = plan.exchange.source.connector.open_source(
            connection, bus.context(plan, request.run, reads.next)
        )
        try:
            heed(progress.notes, check_health(bus, plan, request, role="source", opened=opened))
            _read(bus, plan, request, progress, state, opened, reads, gate)
        finally:
            opened.close()


def _left(request: RunRequest, progress: _Progress) -> int | None:
    return None if request.limit is None else max(request.limit - progress.pulled, 0)


def _read(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    progress: _Progress,
    state: RunState,
    opened: RecordSource,
    reads: Reads,
    gate: Gate | None = None,
) -> None:
    begun = begin(bus, plan, state, inclusive=getattr(opened.capabilities, "inclusive", False))
    progress.notes.update(begun.notes)
    batch, buffer = plan.exchange.delivery.batch, _Buffer(reads, again=read_again(bus, plan, request, state))
    for came in opened.read(begun.asks(plan, state, progress.position, _left(request, progress))):
        page = came
        if plan.arriving is not None:
            page = replace(came, records=[*map(plan.arriving, came.records)])
        if page.stand is not None:
            begun = stand(bus, plan, state, begun, page.stand)
            progress.notes.update(begun.told)
        _take_page(plan, progress, page, buffer)
        if request.kind == "run":
            _move_cursor(plan, progress, page, begun)
        progress.position, progress.end = page.position, told(page.end)
        if buffer.full(batch):
            _seal(bus, plan, request, progress, buffer)
        bus.progress("pull", progress.pulled + len(buffer.records), None)
        if gate is not None:
            gate.check()
    if request.kind == "run":
        heed(progress.notes, clock_notices(bus, plan, "source", opened))
        _end(bus, plan, request, progress, len(buffer.records) + len(buffer.broken))
    if buffer.again is not None and buffer.again.met:
        progress.notes["read_again"] = len(buffer.again.met)
        bus.audit("pull", f"{len(buffer.again.met)} records came again as the last run had read them")
    if request.advances:
        _doubt(bus, plan, progress, state, begun)
    progress.complete = True
    _seal(bus, plan, request, progress, buffer)


def _end(bus: Bus, plan: Plan, request: RunRequest, progress: _Progress, held: int) -> None:
    """Conclude how the end of the list is known; ``held`` records were read and not sealed."""
    cut = request.limit is not None and progress.pulled + held >= request.limit
    end = concluded(progress.end, plan.exchange.source.end, cut=cut)
    progress.notes["end"] = end
    bus.audit("pull", end_line(end))


def _doubt(bus: Bus, plan: Plan, progress: _Progress, state: RunState, begun: Begun) -> None:
    """Let the next run begin before the cursor where nothing told which values there were at first.

    Where the end of the list is not confirmed it begins where this one began.
    """
    order = plan.order
    if not confirmed(progress.notes["end"]):
        progress.begins = {} if order is None else begins_as_before(bus, state)
        return
    if order is None or progress.seen is None:
        return
    believed = begun.believed(order, progress.seen)
    if not believed:  # no record has the value that was told: it was a count, or one of something else
        progress.cursor, progress.notes["high_unseen"] = progress.seen, True
    if not believed or begun.told_none(order):
        progress.begins = next_begins(plan, state, begun, progress.cursor)


def _take_page(plan: Plan, progress: _Progress, page: Page, buffer: _Buffer) -> None:
    odd: dict[int, Refusal] = {}
    made: list[bytes] = []
    for place, record in enumerate(page.records):
        try:
            made.append(canonical(record))
        except ProtocolViolation:
            made.append(b"")
            odd[place] = unreadable(record)
    sizes = list(map(len, made))
    if max(sizes, default=0) > RECORD_BYTES:
        odd |= {place: too_large(made[place]) for place, size in enumerate(sizes) if size > RECORD_BYTES}
    records, number = page.records, buffer.reads.number(page)
    numbers: Sequence[int] = getattr(page, "numbers", ()) or [number] * len(records)
    if odd:
        kept = [place for place in range(len(made)) if place not in odd]
        made, records = [made[place] for place in kept], [records[place] for place in kept]
        numbers = [numbers[place] for place in kept]
        buffer.broken += [replace(odd[place], number=number) for place in sorted(odd)]
    keys = key_texts(records, plan.dataset)
    known = set[int]()
    if buffer.again is not None:
        known = buffer.again.sift(records, made, keys)
        former = buffer.again.former(records, made, keys)
        numbers = [former.get(place, one) for place, one in enumerate(numbers)] if former else numbers
    if known:
        fresh = [place for place in range(len(made)) if place not in known]
        made, keys = [made[place] for place in fresh], [keys[place] for place in fresh]
        numbers = [numbers[place] for place in fresh]
    buffer.records += made
    buffer.keys += keys
    buffer.numbers += numbers
    buffer.size += sum(map(len, made))
    buffer.broken += [replace(wrapped(piece), number=number) for piece in page.malformed]
    for name, value in page.notes.items():
        counted = isinstance(value, bool) and value
        progress.notes[name] = progress.notes.get(name, 0) + 1 if counted else value
    progress.validators.update(page.validators)


def _move_cursor(plan: Plan, progress: _Progress, page: Page, begun: Begun) -> None:
    """Take a page's cursor values into account; what has no place is counted, to be said aloud."""
    survey = plan.survey
    if survey is None or not page.records:
        return
    order, future = survey.order, begun.future(survey.order)
    found = survey.page(page.records, progress.cursor, begun.bound(order), future, progress.seen)
    if order.guessed and found.largest is not None and order.counts(order.read(found.largest)):
        bound = begun.bound(order, counted=True)
        found = survey.page(page.records, progress.cursor, bound, future, progress.seen)
    progress.cursor, progress.seen = found.largest, found.seen or progress.seen
    for name, count in (("cursor_unplaced", found.unplaced), ("cursor_ahead", found.ahead)):
        if count:
            progress.notes[name] = progress.notes.get(name, 0) + count


def _seal(bus: Bus, plan: Plan, request: RunRequest, progress: _Progress, buffer: _Buffer) -> None:
    """Write the buffered records as segments and the checkpoint that names them."""
    fresh, buckets, numbers = _write(bus, plan, buffer)
    refused = keep_refusals(bus, plan, request, "pull", plan.dataset, buffer.broken)
    saved = {
        "segments": [item.as_dict() for item in fresh],
        "buckets": buckets,
        "numbers": numbers,
        "again": buffer.again.keep(bus) if buffer.again is not None and progress.complete else {},
        "malformed": [item.as_dict() for item in refused],
        "position": progress.position,
        "cursor": progress.cursor,
        "seen": progress.seen,
        "begins": progress.begins,
        "notes": progress.notes,
        "validators": progress.validators,
        "end": progress.end,
        "complete": progress.complete,
    }
    bus.checkpoint(plan, request, "pull.sealed", progress.sealings, saved)
    for segment in fresh:
        bus.audit("pull", f"sealed segment {segment.digest}: {segment.count} records, root {segment.root}")
    progress.take(saved)
    buffer.clear()


def _write(bus: Bus, plan: Plan, buffer: _Buffer) -> tuple[list[Segment], list[int], list[int]]:
    """Seal what is buffered, each segment of one number.

    Returns the segments, the part of each where parts are cut by key, and the number of each.
    """
    delivery, dataset = plan.exchange.delivery, plan.dataset
    segments: list[Segment] = []
    buckets: list[int] = []
    numbers: list[int] = []
    for some, number in of_one_number(buffer.numbers):
        records, keys = buffer.records[some], buffer.keys[some]
        if delivery.versions == "all":
            written, parts = write_by_key(bus, dataset, records, keys, number, delivery)
            buckets += parts
        else:
            written = write_keyed(bus, dataset, records, keys, number, delivery.batch)
        segments += written
        numbers += [number] * len(written)
    return segments, buckets, numbers


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
    return Pulled(
        progress.pulled,
        malformed,
        progress.cursor,
        progress.validators,
        progress.notes,
        progress.again,
        progress.notes.get("end") or {},
    )
