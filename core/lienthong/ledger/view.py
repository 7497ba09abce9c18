"""One run's statements seen together: which are in force and what they refer to.

A step that was repeated has several statements for one part: the latest is in force. A step that
was repeated with another number of parts counts with the number its latest statement names. Acts,
which tell what people did about the run, stand among the statements and are no steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lienthong.ledger.fields import ACT, STEPS
from lienthong.ledger.idle import is_idle
from lienthong.segment import Segment

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunView:
    """A run's payloads in order of sequence, acts among them, and the steps in force, in order of parts."""

    payloads: Sequence[Payload]
    steps: Mapping[str, Sequence[Payload]]

    @classmethod
    def of(cls, payloads: Iterable[Payload]) -> RunView:
        """Sort payloads (each passed `statements.payload_of`) into the view."""
        ordered = sorted(payloads, key=lambda payload: int(payload["sequence"]))
        return cls(ordered, {step: _in_force(ordered, step) for step in STEPS})

    @property
    def first(self) -> Payload:
        """The first statement of a step, which says whose run it is; the first act where there is none."""
        return next((payload for payload in self.payloads if payload["step"] != ACT), self.payloads[0])

    @property
    def acts(self) -> list[Payload]:
        """What people did about the run, in order."""
        return [payload for payload in self.payloads if payload["step"] == ACT]

    @property
    def format(self) -> str:
        """The format by which the run as a whole is judged: that of its settle statement, or its last."""
        return str((self.settled or self.payloads[-1])["format"])

    @property
    def in_force(self) -> list[Payload]:
        """All statements in force, step after step."""
        return [payload for step in STEPS for payload in self.steps[step]]

    @property
    def settled(self) -> Payload | None:
        """The settle statement in force, None where the run has none."""
        return self.steps["settle"][0] if self.steps["settle"] else None

    @property
    def idle(self) -> bool:
        """Whether the run found nothing and has no statement but those that settle it saying so."""
        steps = [payload for payload in self.payloads if payload["step"] != ACT]
        return bool(steps) and all(map(is_idle, steps))

    def segments(self) -> dict[str, Segment]:
        """Return every segment that statements in force refer to, by digest, sorted."""
        found: dict[str, Segment] = {}
        for payload in self.in_force:
            for name in ("inputs", "outputs", "quarantined"):
                found |= {item.digest: item for item in segments_of(payload[name])}
        return {digest: found[digest] for digest in sorted(found)}

    def indexes(self) -> dict[str, Segment]:
        """Return the segments whose key index a statement in force names, by its root, sorted."""
        found: dict[str, Segment] = {}
        for payload in self.in_force:
            for name in ("inputs", "outputs", "quarantined"):
                found |= {item.index: item for item in segments_of(payload[name]) if item.index}
        return {root: found[root] for root in sorted(found)}

    def documents(self) -> dict[str, set[str]]:
        """Return the SHA-256 digests that statements in force bind, by document name, sorted."""
        found: dict[str, set[str]] = {}
        for payload in self.in_force:
            for name, digest in payload["documents"].items():
                found.setdefault(name, set()).add(digest)
        return {name: found[name] for name in sorted(found)}


def segments_of(flow: Mapping[str, Any]) -> list[Segment]:
    """Return the segments of a statement's ``inputs``, ``outputs`` or ``quarantined``."""
    return [Segment.from_dict(item) for item in flow["segments"]]


def _in_force(ordered: Sequence[Payload], step: str) -> list[Payload]:
    mine = [payload for payload in ordered if payload["step"] == step]
    if not mine:
        return []
    of = mine[-1]["part"]["of"]
    latest = {payload["part"]["index"]: payload for payload in mine if payload["part"]["of"] == of}
    return [latest[index] for index in sorted(latest)]
