"""The fields of a statement, format by format: which there are, and what each may hold.

Format 1 is what release 0.1 wrote; its rules never change. Format 2 adds key indexes of
segments, and acts: what people do, signed by an operator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from lienthong.ledger.clock import parse_time
from lienthong.merkle import EMPTY_ROOT

STEPS: Final = ("pull", "validate", "transform", "push", "settle")
"""The steps of a run, in order."""

FORMAT_1: Final = "lienthong-statement/1"
FORMAT: Final = "lienthong-statement/2"
"""The format of new statements."""

ACT: Final = "act"
"""The kind, and the step, of a statement about what a person did."""

CLOCK_BACK: Final = "clock.back"
"""The act by which a person says that entries were signed by a clock that was ahead."""

ACTS: Final = (
    "quarantine.repair",
    "quarantine.release",
    "quarantine.replay",
    "delivery.resolve",
    "cursor.set",
    "cursor.rewind",
    "run.close",
    "run.marked",
    "run.resend",
    "run.since",
    "housekeeping",
    "hold.place",
    "hold.lift",
    CLOCK_BACK,
)
"""The acts that leave a statement; an operator's certificate or the trust says which it may sign."""

Rule = Callable[[Any], bool]

_HEX = re.compile(r"[0-9a-f]{64}")
_MOST_IN_SUBJECT: Final = 1000
_PLACE: Final = {
    "format": str,
    "sequence": int,
    "previous": str,
    "run_sequence": int,
    "run_previous": str,
    "supersedes": int,
    "recorded": str,
}
_ADDED: Final = frozenset({"kind", "act", "operator"})  # by format 2


def is_text(value: object) -> bool:
    """Tell whether a value is a text of 1 to 1000 characters."""
    return isinstance(value, str) and 0 < len(value) <= 1000


def _is_name(value: object) -> bool:
    return value == "" or is_text(value)


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and bool(_HEX.fullmatch(value))


def _is_time(value: object) -> bool:
    try:
        parse_time(value)  # type: ignore[arg-type]  # other kinds raise ValueError
    except ValueError:
        return False
    return True


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _are_digests(value: object) -> bool:
    return isinstance(value, dict) and all(is_text(k) and _is_digest(v) for k, v in value.items())


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(is_text(k) and isinstance(v, str) for k, v in value.items())


def _are_counts(value: object) -> bool:
    return isinstance(value, dict) and all(is_text(k) and _is_count(v) for k, v in value.items())


def _is_part(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"index", "of"} and _are_counts(value)


def _is_flow(value: object) -> bool:
    return _flow_of(value, _is_segment)


def _is_indexed_flow(value: object) -> bool:
    return _flow_of(value, _is_indexed_segment)


def _flow_of(value: object, rule: Rule) -> bool:
    if not isinstance(value, dict) or set(value) != {"root", "count", "segments"}:
        return False
    segments = value["segments"]
    return (
        _is_digest(value["root"])
        and _is_count(value["count"])
        and isinstance(segments, list)
        and all(rule(item) for item in segments)
    )


def _is_segment(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"digest", "root", "count", "size"}:
        return False
    digests = all(map(_is_digest, (value["digest"], value["root"])))
    return digests and _is_count(value["count"]) and _is_count(value["size"])


def _is_indexed_segment(value: object) -> bool:
    if not isinstance(value, dict) or "index" not in value:
        return _is_segment(value)
    return _is_digest(value["index"]) and _is_segment({k: v for k, v in value.items() if k != "index"})


def _is_empty_flow(value: object) -> bool:
    return _is_flow(value) and value == {"root": EMPTY_ROOT, "count": 0, "segments": []}


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_act(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"name", "who", "why", "subject"}:
        return False
    said = all(is_text(value[name]) and value[name].strip() for name in ("who", "why"))
    return said and value["name"] in ACTS and _is_subject(value["subject"])


def _is_subject(value: object) -> bool:
    """Texts, whole numbers, yes and no, nothing, and lists of texts: never a record."""
    if not isinstance(value, dict) or len(value) > _MOST_IN_SUBJECT:
        return False
    return all(is_text(name) and _is_detail(item) for name, item in value.items())


def _is_detail(value: object) -> bool:
    if isinstance(value, list):
        return all(is_text(item) for item in value)
    return value is None or type(value) in (int, bool) or _is_name(value)


def _is(wanted: object) -> Rule:
    return lambda value: type(value) is type(wanted) and value == wanted


_STEP_1: Final[dict[str, Rule]] = {
    **dict.fromkeys(("exchange", "run", "agency"), is_text),
    "step": STEPS.__contains__,
    "exchange_digest": _is_digest,
    **dict.fromkeys(("started", "ended"), _is_time),
    "part": _is_part,
    **dict.fromkeys(("datasets", "mapping", "documents"), _are_digests),
    "code": _are_texts,
    **dict.fromkeys(("inputs", "outputs", "quarantined"), _is_flow),
    "counts": _are_counts,
    "receipts": _are_objects,
    "notes": lambda value: isinstance(value, dict),
}
_STEP_2: Final[dict[str, Rule]] = {
    **_STEP_1,
    **dict.fromkeys(("inputs", "outputs", "quarantined"), _is_indexed_flow),
    "kind": _is("step"),
    "act": _is({}),
    "operator": _is(""),
}
_ACT_2: Final[dict[str, Rule]] = {
    **dict.fromkeys(("exchange", "run"), _is_name),
    "step": _is(ACT),
    "exchange_digest": _is(""),
    "agency": _is(""),
    **dict.fromkeys(("started", "ended"), _is_time),
    "part": lambda value: _is_part(value) and value == {"index": 0, "of": 1},
    "code": _are_texts,
    **dict.fromkeys(("datasets", "mapping", "documents", "counts", "notes"), _is({})),
    "receipts": _is([]),
    **dict.fromkeys(("inputs", "outputs", "quarantined"), _is_empty_flow),
    "kind": _is(ACT),
    "act": _is_act,
    "operator": is_text,
}
# An act says who did what and why, and nothing else: nothing of a run can hide in it.


def problem_in(payload: Mapping[str, Any], format_: str | None = None) -> str:
    """Return the first field that is missing, unknown or malformed, empty text where none is.

    ``format_`` is the format of a statement without its place in the ledger; a payload with its place
    (``sequence``, ``previous``, ...) names its own.
    """
    placed = format_ is None
    is_second = (payload.get("format") if placed else format_) == FORMAT
    rules = _STEP_1 if not is_second else _ACT_2 if payload.get("kind") == ACT else _STEP_2
    for name in sorted(set(payload) ^ (set(rules) | (set(_PLACE) if placed else set()))):
        return str(name)
    for name, holds in rules.items():
        if not holds(payload[name]):
            return name
    if not payload["part"]["index"] < payload["part"]["of"]:
        return "part"
    if payload["run"] and not payload["exchange"]:
        return "exchange"
    return _problem_in_place(payload) if placed else ""


def fields_of(format_: str, names: frozenset[str]) -> frozenset[str]:
    """Return those of a statement's field names that its format has."""
    return names - {"format"} - (_ADDED if format_ == FORMAT_1 else frozenset())


def _problem_in_place(payload: Mapping[str, Any]) -> str:
    for name, kind in _PLACE.items():
        if type(payload[name]) is not kind:
            return name
    for name in ("previous", "run_previous"):
        if payload[name] and not _is_digest(payload[name]):
            return name
    if payload["format"] not in (FORMAT_1, FORMAT):
        return "format"
    numbers = payload["sequence"] >= 1 and payload["run_sequence"] >= 0
    if not numbers or not 0 <= payload["supersedes"] < payload["sequence"]:
        return "sequence"
    if payload["supersedes"] and payload["step"] == ACT:
        return "supersedes"
    return "" if _is_time(payload["recorded"]) else "recorded"
