"""What the journal and the quarantine hand out: deliveries and quarantined records.

Kept apart from the database code, so that documents and bundles are made and checked without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lienthong.errors import Reason
from lienthong.segment import Segment

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_ID_LETTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Intent:
    """A delivery that a run needs: its idempotency key, its segment, and its place in the run."""

    id: str
    segment: Segment
    part: int = 0
    order: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """The life of one segment towards one target so far.

    ``run`` is the run that intended it first (a run that repeats an unsettled one shares its
    deliveries). ``state``: intended, sent, acknowledged, refused or unknown. ``refused`` gives the
    reason by line of the segment, ``unknown`` the lines whose fate is not known, both counted from
    0; ``total`` and ``acknowledged`` count records and are 0 before an answer. Times are RFC 3339.
    """

    id: str
    exchange: str
    run: str
    target: str
    segment: Segment
    state: str
    attempts: int = 0
    total: int = 0
    acknowledged: int = 0
    refused: Mapping[int, Reason] = field(default_factory=dict)
    unknown: tuple[int, ...] = ()
    receipts: Sequence[Mapping[str, Any]] = ()
    intended_at: str = ""
    sent_at: str | None = None
    answered_at: str | None = None
    part: int = 0
    order: int = 0

    @property
    def pending(self) -> int:
        """How many records' fate is not known yet."""
        return self.segment.count - self.acknowledged - len(self.refused)


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """One refused record: where its bytes are (segment and line, from 0) and why it was refused.

    ``key_hash`` is the keyed hash of its key, ``dataset`` the contract it failed. ``state``:
    quarantined, repaired, replayed or released. A repair makes a new item with ``version`` one
    higher and ``previous`` naming the item it repairs; ``replay_run`` is the run that took it.
    ``fingerprint`` (`fingerprint_of`) is what makes a record refused again the same item: ``occurrences``
    counts how often it was met, ``last_run`` names the run that met it last.
    """

    exchange: str
    run: str
    step: str
    segment: str
    line: int
    key_hash: str
    reasons: tuple[Reason, ...]
    dataset: str
    state: str = "quarantined"
    version: int = 1
    previous: str | None = None
    replay_run: str | None = None
    added_at: str = ""
    changed_at: str = ""
    fingerprint: str = ""
    occurrences: int = 1
    last_run: str = ""

    @property
    def id(self) -> str:
        """A short name that is stable and can be typed: three groups of four letters or digits."""
        return quarantine_id(self.exchange, self.run, self.step, self.segment, self.line)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where a run met a refused record: step, segment and line in that run.

    ``item`` is the record in quarantine, which an earlier run may have met first.
    """

    item: QuarantineItem
    step: str
    segment: str
    line: int

    @classmethod
    def first(cls, item: QuarantineItem) -> Occurrence:
        """Return the occurrence by which an item came into quarantine."""
        return cls(item, item.step, item.segment, item.line)


def quarantine_id(exchange: str, run: str, step: str, segment: str, line: int) -> str:
    """Return the id of the record that was first refused at this place."""
    place = "\0".join((exchange, run, step, segment, str(line)))
    number = int.from_bytes(hashlib.sha256(place.encode()).digest(), "big")
    letters = "".join(_ALPHABET[number >> 5 * index & 31] for index in range(_ID_LETTERS))
    return "-".join(letters[start : start + 4] for start in range(0, _ID_LETTERS, 4))


def fingerprint_of(exchange: str, step: str, dataset: str, leaf: bytes, reasons: Iterable[Reason]) -> str:
    """Return what the same refusal of the same bytes has in common (SHA-256 in hex).

    ``leaf`` is the record's leaf hash, ``dataset`` the contract that it failed; of the reasons the rules
    count, because texts may be worded anew and an answer of the target may hold a changing reference.
    """
    rules = sorted({reason.rule for reason in reasons})
    return hashlib.sha256("\0".join((exchange, step, dataset, leaf.hex(), *rules)).encode()).hexdigest()


def normal_id(text: str) -> str:
    """Return an item's id as typed by a person: case, spaces, dashes, ``o`` and ``l`` do not matter."""
    letters = "".join(text.lower().split()).replace("-", "").translate(str.maketrans("oil", "011"))
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))
