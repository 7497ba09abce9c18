"""Statements: what one step of a run did, or what a person did, in the form that is signed and chained.

A statement's payload is canonical JSON (RFC 8785) inside a compact JWS (RFC 7515). The ledger puts
the entry's place into the payload before it is signed, so that the order itself is under
signature; see docs/evidence.md for every field.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from lienthong.errors import EvidenceTampered, LienThongError, Misconfigured
from lienthong.ledger.fields import ACT, ACTS, FORMAT, FORMAT_1, STEPS, fields_of, problem_in
from lienthong.merkle import leaf_hash
from lienthong.records import canonical, digest, parse
from lienthong.segment import Segment, root_of

__all__ = [
    "ACT", "ACTS", "ACT_TYP", "ALGORITHMS", "FORMAT", "FORMAT_1", "STEPS", "TYP",
    "Statement", "claimed", "entry_hash", "flow", "payload_of", "typ_of",
]  # fmt: skip

TYP: Final = "lienthong-statement+jws"
"""The ``typ`` header of a step's token."""

ACT_TYP: Final = "lienthong-act+jws"
"""The ``typ`` header of an act's token, so that neither passes for the other."""

ALGORITHMS: Final = frozenset({"ES256", "PS256"})
"""The signature algorithms accepted for statements (JOSE names)."""


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
    """What one step did to one part of a run, or what a person did.

    ``part`` is ``{"index", "of"}``, counted from 0; ``started`` and ``ended`` are RFC 3339 in UTC
    with microseconds. ``datasets`` and ``mapping`` give SHA-256 (hex) by versioned name, ``code`` is
    ``{"lienthong": version, "digest": SHA-256}``. ``inputs``, ``outputs`` and ``quarantined`` are
    `flow` objects. ``documents`` binds files of the bundle by SHA-256 (hex).

    ``kind`` is "step", or "act" with ``step`` "act", the ``operator`` whose key signs and ``act``
    ``{"name", "who", "why", "subject"}``; an act has no agency, and no run or no exchange (empty
    texts) where it concerns none. ``format`` is the latest; `FORMAT_1` is what former releases wrote.

    Raises `Misconfigured`, naming the field, for a statement that no verifier would accept.
    """

    exchange: str
    exchange_digest: str
    run: str
    step: str
    agency: str = ""
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
    kind: str = "step"
    act: Mapping[str, Any] = field(default_factory=dict)
    operator: str = ""
    format: str = FORMAT

    def __post_init__(self) -> None:
        wrong = problem_in(self.as_dict(), self.format)
        if wrong:
            raise Misconfigured(
                f"a statement's field {wrong!r} is missing or malformed",
                where=f"run {self.run!r}, step {self.step!r}",
                hint="see docs/evidence.md for the fields of a statement",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the statement as a JSON-ready object, without its place in the log."""
        found: dict[str, Any] = {}
        for name in fields_of(self.format, frozenset(item.name for item in fields(self))):
            value = getattr(self, name)
            if isinstance(value, Mapping):
                value = dict(value)
            elif isinstance(value, Sequence) and not isinstance(value, str):
                value = [dict(one) for one in value]
            found[name] = value
        return found

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the statement, by which a repeated append is recognised."""
        return digest(self.as_dict())


def claimed(token: str) -> dict[str, Any]:
    """Return a token's payload unverified, an empty one where the token is damaged."""
    try:
        body = token.split(".")[1]
        found = parse(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def typ_of(payload: Mapping[str, Any]) -> str:
    """Return the ``typ`` header that the token of a payload must have."""
    return ACT_TYP if payload.get("kind") == ACT else TYP


def payload_of(data: bytes) -> dict[str, Any]:
    """Return the payload that signed bytes stand for, every field checked.

    Raises `EvidenceTampered` for bytes that are not one canonical statement (a field twice, a
    field missing, another spelling of the same value).
    """
    try:
        payload = parse(data)
        wrong = "format" if not isinstance(payload, dict) else problem_in(payload)
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
