"""The deliveries document of a bundle: each record that push took has exactly one fate.

In format 2 sent, taken and left out are counted apart and must agree (docs/evidence.md, "Counts").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lienthong.ledger.clock import in_order
from lienthong.ledger.container import Reader
from lienthong.ledger.documents import DELIVERIES, DELIVERIES_FORMAT
from lienthong.ledger.fields import FORMAT_1
from lienthong.ledger.ranges import count_of
from lienthong.ledger.report import Problem
from lienthong.ledger.tally import PUSHED
from lienthong.ledger.verify_documents import BAD, read_document
from lienthong.ledger.verify_flow import named
from lienthong.ledger.view import Payload, RunView

_FATES_1: Final = ("acknowledged", "refused", "pending")
_FINAL: Final = ("acknowledged", "refused")
_ANSWERS: Final = (*_FINAL, "unknown")
_UNSENT: Final = ("unchanged", "superseded", "inherited")


def delivery_problems(reader: Reader, view: RunView) -> Iterator[Problem]:
    """Yield deliveries that contradict themselves or what the push statements signed."""
    if DELIVERIES not in view.documents():
        return
    try:
        document = read_document(reader, DELIVERIES)
        found, second = document["deliveries"], view.format != FORMAT_1
        if document.get("format") != (DELIVERIES_FORMAT if second else None):
            yield Problem(f"documents/{DELIVERIES}", "it is of another format", "khác định dạng")
        by_place = {(item["part"], item["order"]): item for item in found}
        if len({item["id"] for item in found}) != len(found) or len(by_place) != len(found):
            yield Problem(f"documents/{DELIVERIES}", "a delivery is listed twice", "giao nhận bị lặp")
        for item in found:
            yield from _delivery_problems_2(item) if second else _delivery_problems(item)
        for payload in view.steps["push"]:
            yield from _push_problems(payload, by_place, second=second)
        yield from _stray_problems(view, found)
    except BAD:
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


def _delivery_problems_2(item: Mapping[str, Any]) -> Iterator[Problem]:
    """Check one delivery of format 2 in itself: no line has two fates, and the counts agree."""
    subject, count = f"delivery {item['id']}", int(item["segment"]["count"])
    refused, unknown = [int(line) for line in item["refused"]], item["unknown"]
    ranges = [ends for name in _UNSENT for ends in item[name]]
    lines = sorted([*([line, line] for line in (*refused, *unknown)), *ranges])
    ends = [-1, *(end for pair in lines for end in pair), count]
    whole = all(len(pair) == 2 and type(pair[0]) is type(pair[1]) is int for pair in lines)
    if not whole or any(first > last for first, last in lines) or not _apart(ends):
        yield Problem(subject, "a line is named twice or does not exist", "dòng bị lặp hoặc không tồn tại")
    found = fates_of(item)
    sent = 0 if item["state"] == "intended" else count - count_of(ranges)
    agree = (
        found["acknowledged"] == item["taken_count"] + found["inherited"]
        and item["sent_count"] == sent
        and found["pending"] >= 0
        and count == sum(found[name] for name in ("acknowledged", "refused", "pending", *_UNSENT[:2]))
        and item["total"] == (count if item["state"] in _ANSWERS else 0)
    )
    if not agree:
        yield Problem(subject, "its counts do not add up", "số lượng không khớp")
    state = "unknown" if unknown else "refused" if refused and len(refused) == sent else "acknowledged"
    if item["state"] in _ANSWERS and item["state"] != state:
        yield Problem(subject, f"it is {state}, not {item['state']}", "trạng thái không khớp")
    times = [item[name] for name in ("intended_at", "sent_at", "answered_at") if item[name]]
    if not in_order(*times):
        yield Problem(subject, "its times go backwards", "thời gian đi lùi")


def _apart(ends: Iterable[int]) -> bool:
    """Tell whether sorted ranges, given end by end between two bounds, share no line."""
    known = list(ends)
    starts = zip(known[::2], known[1::2], strict=True)  # the end of one range and the start of the next
    return all(before < after for before, after in starts)


def fates_of(item: Mapping[str, Any]) -> dict[str, int]:
    """Return how many records of a delivery in a document of format 2 met which fate."""
    refused, unknown, taken = len(item["refused"]), len(item["unknown"]), int(item["taken_count"])
    unchanged, superseded, inherited = (count_of(item[name]) for name in _UNSENT)
    open_ = int(item["segment"]["count"]) - unchanged - superseded - inherited - refused - taken
    return {
        "acknowledged": int(item["acknowledged"]),
        "refused": refused,
        "pending": unknown or (0 if item["state"] in _FINAL else open_),
        "superseded": superseded,
        "unchanged": unchanged,
        "sent": int(item["sent_count"]),
        "answered": taken + refused + (unknown if item["state"] in _ANSWERS else 0),
        "inherited": inherited,
    }


def _fates_1(item: Mapping[str, Any], count: int) -> dict[str, int]:
    taken, refused = int(item["acknowledged"]), len(item["refused"])
    return {"acknowledged": taken, "refused": refused, "pending": count - taken - refused}


def _push_problems(
    payload: Payload, by_place: Mapping[tuple[int, int], Any], *, second: bool
) -> Iterator[Problem]:
    """Check a push statement's counts and receipts against the deliveries of its segments."""
    names = _FATES_1 if payload["format"] == FORMAT_1 else PUSHED
    sums = dict.fromkeys(names, 0)
    used: dict[str, Any] = {}
    for order, segment in enumerate(payload["inputs"]["segments"]):
        item = by_place.get((payload["part"]["index"], order))
        if item and item["segment"]["root"] != segment["root"]:
            yield Problem(f"delivery {item['id']}", "it is of other records", "giao nhận của bản ghi khác")
        if item is None:
            met = {"pending": segment["count"]}
        else:
            met = fates_of(item) if second else _fates_1(item, segment["count"])
            used[item["id"]] = item
        for name in names:
            sums[name] += met.get(name, 0)
    for name in names:
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
