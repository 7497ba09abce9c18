"""The documents of a bundle: bound by digest, consistent with the statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lienthong.errors import LienThongError
from lienthong.ledger.container import Reader
from lienthong.ledger.documents import AGREEMENT, DELIVERIES, MAPPING, QUARANTINE, dataset_document
from lienthong.ledger.report import Problem
from lienthong.ledger.states import QuarantineItem
from lienthong.ledger.verify_flow import in_order, named
from lienthong.ledger.view import Payload, RunView
from lienthong.records import canonical, parse, sha256

_FATES: Final = ("acknowledged", "refused", "pending")
_BAD: Final = (KeyError, TypeError, ValueError, AttributeError, LienThongError)


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
        yield from _content_problems(_document(reader, AGREEMENT), settled)
    except _BAD:
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


def delivery_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield deliveries that contradict themselves or what the push statements signed."""
    if DELIVERIES not in view.documents():
        return
    try:
        found = _document(reader, DELIVERIES)["deliveries"]
        by_place = {(item["part"], item["order"]): item for item in found}
        if len({item["id"] for item in found}) != len(found) or len(by_place) != len(found):
            yield Problem(f"documents/{DELIVERIES}", "a delivery is listed twice", "giao nhận bị lặp")
        for item in found:
            yield from _delivery_problems(item)
        for payload in view.steps["push"]:
            yield from _push_problems(payload, by_place)
        yield from _stray_problems(view, found)
    except _BAD:
        yield Problem(f"documents/{DELIVERIES}", "it cannot be read", "không đọc được tài liệu giao nhận")


def _delivery_problems(item: Mapping[str, Any]) -> Iterator[Problem]:
    """Check one delivery in itself."""
    subject, count = f"delivery {item['id']}", item["segment"]["count"]
    refused, unknown = [int(line) for line in item["refused"]], item["unknown"]
    lines = [*refused, *unknown]
    answered = item["state"] in ("acknowledged", "refused", "unknown")
    total = count if answered else 0
    if len(set(lines)) != len(lines) or not all(0 <= line < count for line in lines):
        yield Problem(subject, "a line is named twice or does not exist", "dòng bị lặp hoặc không tồn tại")
    if answered and (item["total"], item["acknowledged"]) != (total, total - len(lines)):
        yield Problem(subject, "its counts do not add up", "số lượng không khớp")
    state = "unknown" if unknown else "refused" if refused and len(refused) == count else "acknowledged"
    if answered and item["state"] != state:
        yield Problem(subject, f"it is {state}, not {item['state']}", "trạng thái không khớp")
    times = [item[name] for name in ("intended_at", "sent_at", "answered_at") if item[name]]
    if not in_order(*times):
        yield Problem(subject, "its times go backwards", "thời gian đi lùi")


def _push_problems(payload: Payload, by_place: Mapping[tuple[int, int], Any]) -> Iterator[Problem]:
    """Check a push statement's counts and receipts against the deliveries of its segments."""
    sums = dict.fromkeys(_FATES, 0)
    used: dict[str, Any] = {}
    for order, segment in enumerate(payload["inputs"]["segments"]):
        item = by_place.get((payload["part"]["index"], order))
        if item and item["segment"]["root"] != segment["root"]:
            yield Problem(f"delivery {item['id']}", "it is of other records", "giao nhận của bản ghi khác")
        taken = item["acknowledged"] if item else 0
        refused = len(item["refused"]) if item else 0
        for name, count in zip(_FATES, (taken, refused, segment["count"] - taken - refused), strict=True):
            sums[name] += count
        if item:
            used[item["id"]] = item
    for name in _FATES:
        if payload["counts"].get(name, 0) != sums[name]:
            yield Problem(
                f"count {name!r} of {named(payload)}",
                f"{payload['counts'].get(name, 0)} is written, the deliveries give {sums[name]}",
                f"ghi {payload['counts'].get(name, 0)}, giao nhận cho {sums[name]}",
            )
    signed = {receipt["delivery"]: receipt for receipt in payload["receipts"]}
    for name in sorted(set(signed) ^ set(used)):
        yield Problem(
            f"delivery {name}", f"{named(payload)} and the deliveries differ in it", "giao nhận không khớp"
        )
    for name in sorted(set(signed) & set(used)):
        yield from _receipt_problems(signed[name], used[name])


def _receipt_problems(signed: Mapping[str, Any], item: Mapping[str, Any]) -> Iterator[Problem]:
    wanted = {
        "segment": item["segment"]["digest"],
        "state": item["state"],
        "acknowledged": item["acknowledged"],
        "refused": len(item["refused"]),
        "receipts": item["receipts"],
    }
    for name, value in wanted.items():
        if signed.get(name) != value:
            yield Problem(
                f"delivery {item['id']}",
                f"its {name} is not what push signed",
                f"{name} khác bản đã ký ở bước push",
            )


def _stray_problems(view: RunView, found: list[Mapping[str, Any]]) -> Iterator[Problem]:
    pushed = {
        item["root"]
        for payload in view.payloads
        if payload["step"] == "push"
        for item in payload["inputs"]["segments"]
    }
    for item in found:
        if item["segment"]["root"] not in pushed:
            yield Problem(
                f"delivery {item['id']}", "no push statement covers it", "không thuộc bước push nào"
            )


def quarantine_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield quarantined records without an entry with reasons, and entries without a record."""
    if QUARANTINE not in view.documents() or view.settled is None:
        return
    try:
        items = _document(reader, QUARANTINE)["quarantined"]
        found = Counter((item["step"], item["segment"], item["line"]) for item in items)
        for item in items:
            if not item["reasons"] or item["id"] != _quarantine_id(item, view.settled):
                yield Problem(
                    f"quarantine {item['id']}", "it has no reason or another id", "thiếu lý do hoặc sai mã"
                )
        most = len(items) + 1
        wanted, allowed = _quarantined(view.in_force, most), _quarantined(view.payloads, most)
        deliveries = _document(reader, DELIVERIES)["deliveries"]
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
    except _BAD:
        yield Problem(f"documents/{QUARANTINE}", "it cannot be read", "không đọc được tài liệu cách ly")


def _quarantined(payloads: Sequence[Payload], most: int) -> set[tuple[str, str, int]]:
    """Return the places of quarantined records: step, segment and line, at most so many a segment."""
    return {
        (payload["step"], item["digest"], line)
        for payload in payloads
        for item in payload["quarantined"]["segments"]
        for line in range(min(item["count"], most))
    }


def _quarantine_id(item: Mapping[str, Any], settled: Payload) -> str:
    place = (settled["exchange"], settled["run"], item["step"], item["segment"], item["line"])
    return QuarantineItem(*place, key_hash="", reasons=(), dataset="").id


def _document(reader: Reader, name: str) -> dict[str, Any]:
    """Return a document's content; `ValueError` where its bytes are not canonical JSON."""
    data = reader.read(f"documents/{name}")
    content = parse(data)
    if canonical(content) != data:
        raise ValueError(name)
    return content


def _other(name: str, who: str = "the settle statement") -> Problem:
    return Problem(f"documents/{name}", f"{who} names another version", "tuyên bố ghi phiên bản khác")
