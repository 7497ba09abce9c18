"""Transform: ask what has to be asked, map what has to be mapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lienthong.connector import Question, RecordLookup
from lienthong.datasets.discretion import Discretion
from lienthong.errors import ProtocolViolation, Reason, Refused
from lienthong.exchange import Lookup
from lienthong.keyindex import Sidecar
from lienthong.pipeline.attest import Work, attest, now
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.calm import calm
from lienthong.pipeline.cutting import write_cut
from lienthong.pipeline.gate import Gate
from lienthong.pipeline.hold import held
from lienthong.pipeline.keys import Numbers, index_of, keep_lines, key_texts, write_keyed
from lienthong.pipeline.odd import RECORD_BYTES, TOO_LARGE
from lienthong.pipeline.parts import Part, RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.pull import pulled
from lienthong.pipeline.refusals import Refusal, check_share, keep_refusals
from lienthong.records import Record, canonical, key_of, parse, sha256
from lienthong.segment import Segment

_NOT_ANSWERED = Reason(
    "", "lookup.refused", "Cơ quan được tra cứu từ chối bản ghi này", "The agency asked refused this record"
)
_NOT_EXACT = Reason(
    "",
    "lookup.not-json",
    "Câu trả lời tra cứu chứa giá trị mà JSON không biểu diễn chính xác được",
    "The look-up's answer holds a value that JSON cannot carry exactly",
)


@calm
@held("transform")
def transform(bus: Bus, plan: Plan, request: RunRequest, part: Part) -> Part:
    """Turn a part's records into the dataset that is delivered; unchanged where nothing is to do."""
    started = now()
    found = pulled(bus, plan, request)
    check_share(plan, found.malformed + earlier(bus, plan, request, "validate", part.of), found.count)
    outputs: list[Segment] = []
    refusals: list[Refusal] = []
    asked = 0
    if plan.mapping is None and plan.exchange.lookup is None:
        outputs = list(part.segments)
    else:
        outputs, refusals, asked = _transform_all(bus, plan, request, part)
    quarantined = keep_refusals(bus, plan, request, "transform", plan.dataset, refusals)
    counts = {"transformed": part.records - len(refusals), "quarantined": len(refusals)}
    if asked:
        counts["looked_up"] = asked
    work = Work("transform", started, counts, part.index, part.of, part.segments, outputs, quarantined)
    bus.audit("transform", _sentence(plan, counts))
    evidence = attest(bus, plan, request, work)
    moved = part.moved(outputs, evidence, quarantined=len(refusals))
    bus.checkpoint(plan, request, "transform", part.index, moved.as_dict())
    return moved


def earlier(bus: Bus, plan: Plan, request: RunRequest, step: str, of: int) -> int:
    """Return how many records are quarantined over all parts up to and with a step."""
    saved = (bus.journal.step(plan.exchange.id, request.run, step, index) for index in range(of))
    return sum(item["counts"].get("quarantined", 0) for item in saved if item)


def _sentence(plan: Plan, counts: dict[str, int]) -> str:
    how = f"by mapping {plan.exchange.mapping}" if plan.mapping else "unchanged"
    looked = f", {counts['looked_up']} looked up" if "looked_up" in counts else ""
    return f"{counts['transformed']} records {how}{looked}, {counts['quarantined']} quarantined"


def _transform_all(
    bus: Bus, plan: Plan, request: RunRequest, part: Part
) -> tuple[list[Segment], list[Refusal], int]:
    if plan.exchange.lookup is None:
        return _transform_segments(bus, plan, request, part)
    with Gate(bus, bus.connections(plan.exchange.lookup.connection)).passing():
        return _transform_segments(bus, plan, request, part)


def _transform_segments(
    bus: Bus, plan: Plan, request: RunRequest, part: Part
) -> tuple[list[Segment], list[Refusal], int]:
    outputs: list[Segment] = []
    refusals: list[Refusal] = []
    asked = done = 0
    numbers = Numbers(bus, plan.exchange.id, request.run)
    service = _open_lookup(bus, plan, request)
    try:
        for segment in part.segments:
            sidecar = index_of(bus, segment, plan.dataset, numbers)
            versions = sidecar.numbers()
            records: Sequence[bytes] = bus.store.read(segment)
            lines: Sequence[int] = range(len(records))
            if service is not None:
                records, refused, count = _ask_segment(bus, plan, request, service, segment, records)
                lines = [line for line in lines if line not in refused]
                refusals += [replace(one, number=versions[line]) for line, one in refused.items()]
                asked += count
            mapped, failed = _map(bus, plan, sidecar, records, lines)
            refusals += [
                Refusal(_source_of(plan, records[at]), reasons, versions[lines[at]]) for at, reasons in failed
            ]
            outputs += mapped
            done += segment.count
            bus.progress(part.label("transform"), done, part.records)
    finally:
        if service is not None:
            service.close()
    return outputs, refusals, asked


def _map(
    bus: Bus, plan: Plan, sidecar: Sidecar, records: Sequence[bytes], lines: Sequence[int]
) -> tuple[list[Segment], list[tuple[int, tuple[Reason, ...]]]]:
    """Map records, which are some lines of a segment, and seal them under the keys that they then have.

    Those that cannot be mapped, or that become too large by it, are returned by line with the reasons.
    """
    if plan.mapping is None:
        return keep_lines(bus, sidecar, records, lines), []
    mapped, decoded, failed = plan.mapping.apply_all(records)
    keys, numbers = key_texts(decoded, plan.produces), sidecar.numbers()
    lost = {line for line, _ in failed}
    places = [place for place in range(len(records)) if place not in lost]
    large = {at for at, size in enumerate(map(len, mapped)) if size > RECORD_BYTES}
    failed += [(places[at], (TOO_LARGE,)) for at in sorted(large)]
    kept = [at for at in range(len(mapped)) if at not in large]
    written = write_keyed(
        bus,
        plan.produces,
        [mapped[at] for at in kept],
        [keys[at] for at in kept],
        [numbers[lines[places[at]]] for at in kept],
    )
    return written, sorted(failed)


def _source_of(plan: Plan, data: bytes) -> bytes:
    """Return the pulled record again: what a look-up added is not part of what is quarantined."""
    if plan.exchange.lookup is None:
        return data
    record = parse(data)
    record.pop(plan.exchange.lookup.into, None)
    return canonical(record)


def _open_lookup(bus: Bus, plan: Plan, request: RunRequest) -> RecordLookup | None:
    lookup = plan.exchange.lookup
    if lookup is None:
        return None
    opened: RecordLookup = lookup.connector.open_lookup(
        bus.connections(lookup.connection), bus.context(plan, request.run)
    )
    return opened


def _ask_segment(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    service: RecordLookup,
    segment: Segment,
    records: Sequence[bytes],
) -> tuple[list[bytes], dict[int, Refusal], int]:
    """Ask for every record of a segment, or take the answers a former try has sealed."""
    step = f"lookup.{segment.digest}"
    saved = bus.journal.step(plan.exchange.id, request.run, step, 0)
    if saved is None:
        saved = _ask_all(bus, plan, request, service, records)
        bus.checkpoint(plan, request, step, 0, saved)
    pieces = saved["answered"] if isinstance(saved["answered"], list) else [saved["answered"]]
    answered = [data for piece in pieces for data in bus.store.read(Segment.from_dict(piece))]
    refused = {
        int(line): Refusal(records[int(line)], tuple(Reason(**reason) for reason in reasons))
        for line, reasons in saved["refused"].items()
    }
    return answered, refused, len(records)


def _ask_all(
    bus: Bus, plan: Plan, request: RunRequest, service: RecordLookup, records: Sequence[bytes]
) -> dict[str, Any]:
    lookup = plan.exchange.lookup
    assert lookup is not None  # noqa: S101 - the caller has a service only where there is a look-up
    discretion: Discretion | None = None
    answered: list[bytes] = []
    refused: dict[str, list[dict[str, str]]] = {}
    for line, data in enumerate(records):
        record = parse(data)
        try:
            answer = service.ask(_question(plan, request, lookup, record))
        except Refused as error:
            discretion = discretion or Discretion(plan.dataset)
            why = discretion.reasons(error.reasons or (_NOT_ANSWERED,), data)
            refused[str(line)] = [item.as_dict() for item in why]
            continue
        try:
            made = answer if plan.answering is None else plan.answering(answer)
            whole = canonical({**record, lookup.into: made})
        except ProtocolViolation:
            refused[str(line)] = [_NOT_EXACT.as_dict()]
            continue
        if len(whole) > RECORD_BYTES:
            refused[str(line)] = [TOO_LARGE.as_dict()]
        else:
            answered.append(whole)
    segments = write_cut(bus, answered)
    bus.audit("transform", f"looked up {len(records)} records for {_accountable(lookup)}")
    return {"answered": [segment.as_dict() for segment in segments], "refused": refused}


def _accountable(lookup: Lookup) -> str:
    return f"procedure {lookup.procedure}, purpose {lookup.purpose}"


def _question(plan: Plan, request: RunRequest, lookup: Lookup, record: Record) -> Question:
    key = key_of(record, plan.dataset.key)
    return Question(
        id=sha256(f"{plan.exchange.id}|{request.run}|{key}".encode())[:40],
        record=record,
        officer=_filled(lookup.officer, record),
        procedure=_filled(lookup.procedure, record),
        purpose=_filled(lookup.purpose, record),
    )


def _filled(template: str, record: Record) -> str:
    """Return a constant, or the record's field that a ``$field`` template names."""
    return key_of(record, (template[1:],)) if template.startswith("$") else template
