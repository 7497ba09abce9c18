"""What the statements of a run say together: steps, flow of segments, counts, times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from lienthong.ledger.clock import in_order
from lienthong.ledger.fields import ACT, CLOCK_BACK, FORMAT_1, STEPS
from lienthong.ledger.report import Problem
from lienthong.ledger.tally import PUSHED
from lienthong.ledger.terms import COUNTS, FATES, FORMER
from lienthong.ledger.view import Payload, RunView, segments_of
from lienthong.segment import root_of

_FLOWS: Final = ("inputs", "outputs", "quarantined")
_MOVING: Final = STEPS[:-1]


def named(payload: Payload) -> str:
    """Return how a statement is named in findings."""
    if payload["step"] == ACT:
        return f"act {payload['act']['name']}, entry {payload['sequence']}"
    part = payload["part"]
    return f"step {payload['step']}, part {part['index'] + 1} of {part['of']}, entry {payload['sequence']}"


def step_problems(view: RunView) -> Iterator[Problem]:
    """Yield steps and parts that are missing or out of order."""
    left, needed = 0, ("settle",) if view.idle else ("pull", "settle")
    for step in STEPS:
        present = view.steps[step]
        if not present and (step in needed or left):
            yield Problem(f"step {step}", "its statement is missing", "thiếu tuyên bố của bước này")
        found = [payload["part"]["index"] for payload in present]
        if present and found != list(range(present[0]["part"]["of"])):
            yield Problem(
                f"step {step}",
                f"parts {found} of {present[0]['part']['of']} are there (counted from 0)",
                "thiếu phần của bước này",
            )
        if present:
            left = sum(payload["outputs"]["count"] for payload in present)
    if len(view.steps["settle"]) > 1 or len(view.steps["pull"]) > 1:
        yield Problem("step settle", "pull and settle have one part", "bước pull và settle chỉ có một phần")
    yield from _order_problems(view)


def _order_problems(view: RunView) -> Iterator[Problem]:
    for before, after in _producers(view):
        if before["sequence"] > after["sequence"]:
            yield Problem(
                named(after),
                f"it was signed before what it builds on ({named(before)})",
                "được ký trước bước cung cấp đầu vào",
            )
    settled = view.settled
    for payload in view.payloads if settled else ():
        late = settled is not None and payload["sequence"] > settled["sequence"]
        if late and payload["step"] != ACT:  # people may act on a run that has settled
            yield Problem(named(payload), "it was signed after the run was settled", "ký sau khi đã chốt")


def _producers(view: RunView) -> Iterator[tuple[Payload, Payload]]:
    """Yield the pairs of statements in force where the second takes a segment that the first gave."""
    for before, after in pairwise(STEPS):
        givers: dict[str, list[Payload]] = {}
        for payload in view.steps[before]:
            for item in payload["outputs"]["segments"]:
                givers.setdefault(item["digest"], []).append(payload)
        for payload in view.steps[after]:
            wanted = {item["digest"] for item in payload["inputs"]["segments"]}
            seen = {giver["sequence"]: giver for digest in wanted for giver in givers.get(digest, ())}
            for giver in seen.values():
                yield giver, payload


def flow_problems(view: RunView) -> Iterator[Problem]:
    """Yield roots and counts that do not follow from segments, and steps that do not join."""
    known: dict[str, Any] = {}
    for payload in view.payloads:
        for name in _FLOWS:
            flow, segments = payload[name], segments_of(payload[name])
            if flow["root"] != root_of(segments) or flow["count"] != sum(item.count for item in segments):
                yield Problem(
                    named(payload),
                    f"root or count of its {name} does not follow from the segments",
                    f"gốc hoặc số lượng của {name} không khớp các phân đoạn",
                )
            for item in (replace(one, index="") for one in segments):
                if known.setdefault(item.digest, item) != item:
                    yield Problem(
                        f"segment {item.digest}",
                        "it is described in two ways",
                        "được mô tả hai cách khác nhau",
                    )
    yield from _join_problems(view)


def _join_problems(view: RunView) -> Iterator[Problem]:
    for payload in view.steps["pull"]:
        if payload["inputs"]["segments"]:
            yield Problem(named(payload), "a pull has no inputs", "bước pull không có đầu vào")
    for before, after in pairwise(_MOVING):
        given, taken = _segments(view, before, "outputs"), _segments(view, after, "inputs")
        for digest in sorted(given - taken):
            yield Problem(
                f"segment {digest}",
                f"{before} gave it, {after} did not take it",
                f"{after} không nhận phân đoạn",
            )
        for digest in sorted(taken - given):
            yield Problem(
                f"segment {digest}",
                f"{after} took it, {before} did not give it",
                f"{before} không cung cấp phân đoạn",
            )


def _segments(view: RunView, step: str, name: str) -> Counter[str]:
    return Counter(item["digest"] for payload in view.steps[step] for item in payload[name]["segments"])


def count_problems(view: RunView) -> Iterator[Problem]:
    """Yield counts that do not follow from the flow, and breaches of the conservation law."""
    for step in _MOVING:
        for payload in view.steps[step]:
            for name, wanted in _expected(step, payload).items():
                found = payload["counts"].get(name, wanted)
                if found != wanted:
                    yield _wrong_count(f"count {name!r} of {named(payload)}", found, wanted)
            if step == "push" and payload["format"] != FORMAT_1:
                yield from _pushed_problems(payload)
    settled = view.settled
    if settled is None:
        return
    counts, totals = settled["counts"], run_totals(view)
    terms = FORMER if settled["format"] == FORMAT_1 else COUNTS
    for name in terms:
        if counts.get(name) != totals[name]:
            yield _wrong_count(f"count {name!r} of {named(settled)}", counts.get(name), totals[name])
    accounted = sum(totals[name] for name in terms[1:])
    if totals["pulled"] != accounted:
        yield _wrong_count("records accounted for", accounted, totals["pulled"])


def _expected(step: str, payload: Payload) -> dict[str, int]:
    """Return what a statement's counts must be where it gives them."""
    taken, given = payload["inputs"]["count"], payload["outputs"]["count"]
    refused = payload["quarantined"]["count"]
    if step == "pull":
        return {"pulled": given + refused, "quarantined": refused}
    if step == "push":
        others = ("acknowledged", "refused") if payload["format"] == FORMAT_1 else set(FATES) - {"pending"}
        fates = [payload["counts"].get(name, 0) for name in others]
        return {"pending": taken - sum(fates), "quarantined": refused}
    kept = "valid" if step == "validate" else "transformed"
    return {kept: taken - refused, "quarantined": taken - given}


def _pushed_problems(payload: Payload) -> Iterator[Problem]:
    """Check what a push says was sent and answered against what it says became of the records."""
    counts, subject = payload["counts"], named(payload)
    for name in PUSHED:
        if name not in counts:
            yield Problem(f"count {name!r} of {subject}", "it is missing", "thiếu số này")
            return
    here = counts["acknowledged"] - counts["inherited"]
    without_verdict = counts["answered"] - counts["refused"] - here
    if here < 0 or not 0 <= without_verdict <= counts["pending"]:
        yield Problem(
            f"count 'answered' of {subject}",
            "acknowledged - inherited + refused + unknown is another number, unknown being pending",
            "đã nhận - thừa hưởng + bị từ chối + chưa rõ ra số khác",
        )
    if not 0 <= counts["sent"] - counts["answered"] <= counts["pending"] - without_verdict:
        yield Problem(
            f"count 'sent' of {subject}",
            "it is not answered + what is under way, which is pending",
            "không bằng số đã trả lời cộng số đang gửi",
        )


def _wrong_count(subject: str, found: object, wanted: int) -> Problem:
    return Problem(
        subject,
        f"{found} is written, {wanted} follows from the evidence",
        f"ghi {found}, bằng chứng cho {wanted}",
    )


def run_totals(view: RunView) -> dict[str, int]:
    """Return what the last statement's counts must be, from the statements before it."""

    def total(step: str, name: str) -> int:
        return sum(int(payload[name]["count"]) for payload in view.steps[step])

    def pushed(name: str) -> int:
        return sum(int(payload["counts"].get(name, 0)) for payload in view.steps["push"])

    return {
        "pulled": total("pull", "outputs") + total("pull", "quarantined"),
        "acknowledged": pushed("acknowledged"),
        "quarantined": sum(total(step, "quarantined") for step in ("pull", "validate", "transform")),
        "refused": pushed("refused"),
        "pending": pushed("pending"),
        "superseded": pushed("superseded"),
        "unchanged": pushed("unchanged"),
    }


def time_problems(view: RunView) -> Iterator[Problem]:
    """Yield times that go backwards by more than clocks may differ."""
    for payload in view.payloads:
        if not in_order(payload["started"], payload["ended"], payload["recorded"]):
            yield Problem(
                named(payload), "it ended before it started or was signed before it ended", "thời gian đi lùi"
            )
    for before, after in pairwise(view.payloads):
        # a person said by name that the clock was ahead until then; steps do not go on behind that
        put_back = after["act"].get("name") == CLOCK_BACK if after["step"] == ACT else False
        if not put_back and not in_order(before["recorded"], after["recorded"]):
            yield Problem(
                named(after), "it was signed earlier than the entry before it", "ký trước mục đứng trước"
            )
    for before, after in _producers(view):
        if not in_order(before["ended"], after["ended"]):
            yield Problem(
                named(after), f"it ended before what it builds on ({named(before)})", "kết thúc trước đầu vào"
            )
