"""Statements: what one step of a run did, in the form that is signed and chained.

A statement's payload is canonical JSON (RFC 8785) inside a compact JWS (RFC 7515). The ledger puts
the entry's place into the payload before it is signed, so that the order itself is under
signature; see docs/evidence.md for every field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from lienthong.errors import EvidenceTampered, LienThongError, Misconfigured
from lienthong.ledger.clock import parse_time
from lienthong.merkle import leaf_hash
from lienthong.records import canonical, digest, parse
from lienthong.segment import Segment, root_of

STEPS: Final = ("pull", "validate", "transform", "push", "settle")
"""The steps of a run, in order."""

TYP: Final = "lienthong-statement+jws"
"""The ``typ`` header of a statement's token."""

ALGORITHMS: Final = frozenset({"ES256", "PS256"})
"""The signature algorithms accepted for statements (JOSE names)."""

FORMAT: Final = "lienthong-statement/1"
_HEX = re.compile(r"[0-9a-f]{64}")
_PLACE: Final = {
    "format": str,
    "sequence": int,
    "previous": str,
    "run_sequence": int,
    "run_previous": str,
    "supersedes": int,
    "recorded": str,
}


def flow(segments: Sequence[Segment]) -> dict[str, Any]:
    """Return ``{"root", "count", "segments"}``: what went into or came out of a step.

    ``root`` is `lienthong.segment.root_of`, ``count`` the number of records.
    """
    return {
        "root": root_of(segments),
        "count": sum(segment.count for segment in segments),
        "segments": [segment.as_dict() for segment in segments],
    }


_NOTHING: Final = flow(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one step did to one part of a run.

    ``part`` is ``{"index", "of"}``, counted from 0; ``started`` and ``ended`` are RFC 3339 in UTC
    with microseconds. ``datasets`` and ``mapping`` give SHA-256 (hex) by versioned name, ``code`` is
    ``{"lienthong": version, "digest": SHA-256}``. ``inputs``, ``outputs`` and ``quarantined`` are
    `flow` objects. ``documents`` binds files of the bundle by SHA-256 (hex).

    Raises `Misconfigured`, naming the field, for a statement that no verifier would accept.
    """

    exchange: str
    exchange_digest: str
    run: str
    step: str
    agency: str
    started: str
    ended: str
    part: Mapping[str, int] = field(default_factory=lambda: {"index": 0, "of": 1})
    datasets: Mapping[str, str] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=lambda: dict(_NOTHING))
    outputs: Mapping[str, Any] = field(default_factory=lambda: dict(_NOTHING))
    counts: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, Any] = field(default_factory=lambda: dict(_NOTHING))
    receipts: Sequence[Mapping[str, Any]] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = problem_in(self.as_dict())
        if wrong:
            raise Misconfigured(
                f"a statement's field {wrong!r} is missing or malformed",
                where=f"run {self.run!r}, step {self.step!r}",
                hint="see docs/evidence.md for the fields of a statement",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the statement as a JSON-ready object, without its place in the log."""
        found: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Mapping):
                value = dict(value)
            elif isinstance(value, Sequence) and not isinstance(value, str):
                value = [dict(one) for one in value]
            found[item.name] = value
        return found

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the statement, by which a repeated append is recognised."""
        return digest(self.as_dict())


def problem_in(payload: Mapping[str, Any], *, placed: bool = False) -> str:
    """Return the first field that is missing, unknown or malformed, empty text where none is.

    ``placed`` asks for the fields that the ledger adds (``sequence``, ``previous``, ...) as well.
    """
    names = {item.name for item in fields(Statement)} | (set(_PLACE) if placed else set())
    for name in sorted(set(payload) ^ names):
        return str(name)
    for name, holds in _RULES.items():
        if not holds(payload[name]):
            return name
    if not payload["part"]["index"] < payload["part"]["of"]:
        return "part"
    return _problem_in_place(payload) if placed else ""


def _problem_in_place(payload: Mapping[str, Any]) -> str:
    for name, kind in _PLACE.items():
        if type(payload[name]) is not kind:
            return name
    for name in ("previous", "run_previous"):
        if payload[name] and not _is_digest(payload[name]):
            return name
    if payload["format"] != FORMAT:
        return "format"
    numbers = payload["sequence"] >= 1 and payload["run_sequence"] >= 0
    if not numbers or not 0 <= payload["supersedes"] < payload["sequence"]:
        return "sequence"
    return "" if _is_time(payload["recorded"]) else "recorded"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1000


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
    return isinstance(value, dict) and all(_is_text(k) and _is_digest(v) for k, v in value.items())


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(_is_text(k) and isinstance(v, str) for k, v in value.items())


def _are_counts(value: object) -> bool:
    return isinstance(value, dict) and all(_is_text(k) and _is_count(v) for k, v in value.items())


def _is_part(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"index", "of"} and _are_counts(value)


def _is_flow(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"root", "count", "segments"}:
        return False
    segments = value["segments"]
    return (
        _is_digest(value["root"])
        and _is_count(value["count"])
        and isinstance(segments, list)
        and all(_is_segment(item) for item in segments)
    )


def _is_segment(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"digest", "root", "count", "size"}:
        return False
    digests = all(map(_is_digest, (value["digest"], value["root"])))
    return digests and _is_count(value["count"]) and _is_count(value["size"])


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_RULES: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("exchange", "run", "agency"), _is_text),
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


def payload_of(data: bytes) -> dict[str, Any]:
    """Return the payload that signed bytes stand for, every field checked.

    Raises `EvidenceTampered` for bytes that are not one canonical statement (a field twice, a
    field missing, another spelling of the same value).
    """
    try:
        payload = parse(data)
        wrong = "format" if not isinstance(payload, dict) else problem_in(payload, placed=True)
        same = canonical(payload) == data
    except (ValueError, LienThongError):
        raise EvidenceTampered("a statement's payload is not canonical JSON", where="statement") from None
    if wrong:
        raise EvidenceTampered(f"a statement's field {wrong!r} is malformed", where="statement")
    if not same:
        raise EvidenceTampered("a statement is not in canonical form", where="statement")
    return payload


def entry_hash(token: str) -> str:
    """Return an entry's hash (hex): the RFC 9162 leaf hash, SHA-256(0x00 || token)."""
    return leaf_hash(token.encode()).hex()
