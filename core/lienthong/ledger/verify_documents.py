"""The documents of a bundle: bound by digest, consistent with the statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lienthong.errors import LienThongError
from lienthong.ledger.container import Reader
from lienthong.ledger.documents import (
    AGREEMENT,
    DELIVERIES,
    MAPPING,
    QUARANTINE,
    QUARANTINE_FORMAT,
    dataset_document,
)
from lienthong.ledger.fields import FORMAT_1
from lienthong.ledger.report import Problem
from lienthong.ledger.states import quarantine_id
from lienthong.ledger.verify_flow import named
from lienthong.ledger.view import Payload, RunView
from lienthong.records import canonical, parse, sha256

BAD: Final = (KeyError, TypeError, ValueError, AttributeError, LienThongError)


def document_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield documents that are missing, altered, or that no statement binds."""
    bound = view.documents()
    present = {name.removeprefix("documents/") for name in reader.names("documents")}
    for name, digests in bound.items():
        if name not in present:
            yield Problem(f"documents/{name}", "a statement binds it, it is missing", "thiếu tài liệu đã ký")
        elif digests != {sha256(reader.read(f"documents/{name}"))}:
            yield Problem(f"documents/{name}", "it is not the one that was signed", "khác bản đã ký")
    for name in sorted(present - set(bound)):
        yield Problem(f"documents/{name}", "no statement binds it", "không tuyên bố nào ràng buộc")
    needed = {AGREEMENT, DELIVERIES, QUARANTINE} if view.settled else set()
    for name in sorted(needed - set(bound)):
        yield Problem(
            f"documents/{name}", "the settle statement does not bind it", "bước settle không ràng buộc"
        )


def agreement_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield differences between the contracts in the bundle and those that the statements name."""
    settled = view.settled
    if settled is None:
        return
    bound = settled["documents"]
    if bound.get(AGREEMENT) != settled["exchange_digest"]:
        yield _other(AGREEMENT)
    for payload in view.in_force:
        for ref, digest in payload["datasets"].items():
            if bound.get(dataset_document(ref)) != digest:
                yield _other(dataset_document(ref), named(payload))
        for digest in payload["mapping"].values():
            if bound.get(MAPPING) != digest:
                yield _other(MAPPING, named(payload))
    try:
        yield from _content_problems(read_document(reader, AGREEMENT), settled)
    except BAD:
        yield Problem(
            f"documents/{AGREEMENT}", "it cannot be read as an agreement", "không đọc được thỏa thuận"
        )


def _content_problems(agreement: Mapping[str, Any], settled: Payload) -> Iterator[Problem]:
    signer = agreement["seal"] or agreement["provider"]
    wanted = {
        "id": (agreement["id"], settled["exchange"]),
        "seal": (signer, settled["agency"]),
        "dataset": (agreement["dataset"] in settled["datasets"], True),
        "mapping": ([agreement["mapping"]] if agreement["mapping"] else [], list(settled["mapping"])),
    }
    for name, (found, expected) in wanted.items():
        if found != expected:
            yield Problem(
                f"field {name!r} of documents/{AGREEMENT}",
                "the statements say otherwise",
                "khác với nội dung các tuyên bố",
            )


def quarantine_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield quarantined records without an entry with reasons, and entries without a record."""
    if QUARANTINE not in view.documents() or view.settled is None:
        return
    try:
        document = read_document(reader, QUARANTINE)
        items = document["quarantined"]
        second = view.format != FORMAT_1
        if document.get("format") != (QUARANTINE_FORMAT if second else None):
            yield Problem(f"documents/{QUARANTINE}", "it is of another format", "khác định dạng")
        found = Counter((item["step"], item["segment"], item["line"]) for item in items)
        for item in items:
            if not item["reasons"] or item["id"] != _quarantine_id(item, view.settled, second=second):
                yield Problem(
                    f"quarantine {item['id']}", "it has no reason or another id", "thiếu lý do hoặc sai mã"
                )
            if second and not _met_before(item, view.settled, found):
                yield Problem(
                    f"quarantine {item['id']}",
                    "it was first met in this run at a place that is not listed",
                    "lần gặp đầu trong lượt chạy này không có trong danh sách",
                )
        most = len(items) + 1
        wanted, allowed = _quarantined(view.in_force, most), _quarantined(view.payloads, most)
        deliveries = read_document(reader, DELIVERIES)["deliveries"]
        refused = {
            ("push", item["segment"]["digest"], int(line)) for item in deliveries for line in item["refused"]
        }
        for step, segment, line in sorted((wanted | refused) - set(found)):
            yield Problem(
                f"record {line} of segment {segment}",
                f"{step} refused it without an entry",
                "thiếu trong cách ly",
            )
        extra = set(found) - allowed - refused
        for step, segment, line in sorted(extra | {place for place, count in found.items() if count > 1}):
            yield Problem(
                f"record {line} of segment {segment}",
                f"it is listed, {step} did not refuse it",
                "thừa trong cách ly",
            )
    except BAD:
        yield Problem(f"documents/{QUARANTINE}", "it cannot be read", "không đọc được tài liệu cách ly")


def _quarantined(payloads: Sequence[Payload], most: int) -> set[tuple[str, str, int]]:
    """Return the places of quarantined records: step, segment and line, at most so many a segment."""
    return {
        (payload["step"], item["digest"], line)
        for payload in payloads
        for item in payload["quarantined"]["segments"]
        for line in range(min(item["count"], most))
    }


def _quarantine_id(item: Mapping[str, Any], settled: Payload, *, second: bool) -> str:
    """Return the id that follows from where a record was first met; in format 1 that is this run."""
    first = item["first"] if second else {**item, "run": settled["run"]}
    return quarantine_id(settled["exchange"], first["run"], first["step"], first["segment"], first["line"])


def _met_before(item: Mapping[str, Any], settled: Payload, found: Mapping[tuple[str, str, int], int]) -> bool:
    """Tell whether a record was first met by an earlier run, or at a listed place of this one."""
    first = item["first"]
    return first["run"] != settled["run"] or (first["step"], first["segment"], first["line"]) in found


def read_document(reader: Reader, name: str) -> dict[str, Any]:
    """Return a document's content; `ValueError` where its bytes are not canonical JSON."""
    data = reader.read(f"documents/{name}")
    content = parse(data)
    if canonical(content) != data:
        raise ValueError(name)
    return content


def _other(name: str, who: str = "the settle statement") -> Problem:
    return Problem(f"documents/{name}", f"{who} names another version", "tuyên bố ghi phiên bản khác")
