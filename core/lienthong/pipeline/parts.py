"""What passes between steps: references and counts, never records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lienthong.segment import Segment

#: The five steps, in order.
STEPS = ("pull", "validate", "transform", "push", "settle")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What one run is asked to do.

    ``run``: the DAG run's id. ``since``: begin here instead of at the exchange's cursor.
    ``dry_run``: everything but the delivery. ``limit``: pull at most so many records. ``replay``:
    the records come from the quarantine. Only a run with none of these three moves the cursor, and only
    one that does not take its records from ``staging`` (an earlier run's name). ``resend``: what the
    target has by our index is sent all the same (it was restored from a backup, say). ``back``: a person
    wants old versions to go over newer ones.
    """

    run: str
    since: str | None = None
    dry_run: bool = False
    limit: int | None = None
    replay: bool = False
    staging: str | None = None
    resend: bool = False
    back: bool = False

    @property
    def advances(self) -> bool:
        """Whether settling this run moves the exchange's cursor."""
        return self.kind == "run" and not self.dry_run and self.limit is None

    @property
    def kind(self) -> str:
        """Where the records come from: the source (run), quarantine (replay) or an earlier run (staging)."""
        return "replay" if self.replay else "staging" if self.staging else "run"


@dataclass(frozen=True, slots=True)
class Part:
    """A group of segments on its way through the steps (small and JSON-ready).

    ``counts`` holds what has been decided so far: quarantined, acknowledged, refused, pending,
    superseded, unchanged.
    ``evidence`` names the ledger entry of the last step: sequence and hash.
    """

    index: int
    of: int
    segments: tuple[Segment, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records are still on their way."""
        return sum(segment.count for segment in self.segments)

    def label(self, step: str) -> str:
        """Return the step's name for people, with the part's number where there are several."""
        return step if self.of == 1 else f"{step} {self.index + 1}/{self.of}"

    def moved(self, segments: Sequence[Segment], evidence: Mapping[str, Any], **counts: int) -> Part:
        """Return the part after a step: new segments, counts added, the step's evidence."""
        added = dict(self.counts)
        for name, count in counts.items():
            added[name] = added.get(name, 0) + count
        return replace(self, segments=tuple(segments), counts=added, evidence=dict(evidence))

    def as_dict(self) -> dict[str, Any]:
        """Return the part as a JSON-ready object."""
        return {
            "index": self.index,
            "of": self.of,
            "segments": [segment.as_dict() for segment in self.segments],
            "counts": dict(self.counts),
            "evidence": dict(self.evidence),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Part:
        """Return the part that `as_dict` described."""
        segments = tuple(Segment.from_dict(item) for item in value["segments"])
        return cls(value["index"], value["of"], segments, value["counts"], value["evidence"])


@dataclass(frozen=True, slots=True)
class Settled:
    """A settled run: its counts, its last ledger entry and where the next run begins.

    ``cursor`` is None where the run left it as it was; ``since`` is where it stood before. ``odd``
    counts what was wrong with cursor values (`lienthong.pipeline.moved.ODD`). ``notices`` are what will need
    somebody's hand soon (`lienthong.pipeline.health.Notice`). ``end`` says how the end of the list is known
    (`lienthong.pipeline.ended`): ``by`` is empty where it is not confirmed.
    """

    exchange: str
    run: str
    counts: Mapping[str, int]
    evidence: Mapping[str, Any]
    cursor: str | None
    nothing_new: bool
    since: str | None = None
    odd: Mapping[str, int] = field(default_factory=dict)
    notices: Sequence[Mapping[str, str]] = ()
    end: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-ready object."""
        return {
            "exchange": self.exchange,
            "run": self.run,
            "counts": dict(self.counts),
            "evidence": dict(self.evidence),
            "cursor": self.cursor,
            "nothing_new": self.nothing_new,
            "since": self.since,
            "odd": dict(self.odd),
            "notices": [dict(one) for one in self.notices],
            "end": dict(self.end),
        }


def grouped(
    segments: Sequence[Segment],
    parallel: int,
    evidence: Mapping[str, Any],
    buckets: Sequence[int] = (),
) -> list[Part]:
    """Split segments into at most ``parallel`` contiguous parts of like size."""
    if buckets:
        several = [
            [one for one, at in zip(segments, buckets, strict=True) if at == name]
            for name in sorted(set(buckets))
        ]
        return [
            Part(index, len(several), tuple(some), {}, dict(evidence)) for index, some in enumerate(several)
        ]
    of = min(parallel, len(segments))
    bounds = [len(segments) * index // of for index in range(of + 1)] if of else [0]
    return [
        Part(index, of, tuple(segments[bounds[index] : bounds[index + 1]]), {}, dict(evidence))
        for index in range(of)
    ]
