"""What the journal and the quarantine hand out: deliveries and quarantined records.

Kept apart from the database code, so that documents and bundles are made and checked without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lienthong.errors import Reason
from lienthong.ledger.ranges import Ranges, count_of, joined
from lienthong.segment import Segment

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_ID_LETTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Intent:
    """A delivery that a run needs: its idempotency key, its segment, and its place in the run.

    ``scope`` names the place at the target where versions of keys are compared.
    """

    id: str
    segment: Segment
    part: int = 0
    order: int = 0
    scope: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """The life of one segment towards one target so far.

    ``run`` is the run that intended it first (a run that repeats an unsettled one shares its
    deliveries). ``state``: intended, sent, acknowledged, refused or unknown. ``refused`` gives the
    reason by line of the segment, ``unknown`` the lines whose fate is not known, both counted from
    0; ``total`` and ``acknowledged`` count records and are 0 before an answer. Times are RFC 3339.

    Not sent are ``unchanged`` lines (the target has exactly this version), ``superseded`` ones (there is a
    newer version, in this run or at the target) and ``inherited`` ones (delivered by an earlier run that
    never settled; they count as acknowledged). ``sent_count`` counts the records that were sent,
    ``taken_count`` those of them that the target acknowledged. ``owner`` is the run under which the last
    request left, ``fence`` its lease's token, ``free_at`` when it is certainly no longer under way (seconds
    since 1970 by the database's clock); ``handovers`` counts how often another process took it over.
    ``taken`` orders final answers within a ``scope``.
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
    unchanged: Ranges = ()
    superseded: Ranges = ()
    inherited: Ranges = ()
    sent_count: int = 0
    taken_count: int = 0
    handovers: int = 0
    scope: str = ""
    owner: str = ""
    fence: int = 0
    free_at: float = 0.0
    taken: int | None = None

    @property
    def skipped(self) -> int:
        """How many records need not be sent: the target has them, or there is something newer."""
        return count_of(self.unchanged) + count_of(self.superseded)

    @property
    def unsent(self) -> frozenset[int]:
        """The lines that were not sent."""
        return joined(self.unchanged, self.superseded, self.inherited)

    @property
    def not_there(self) -> frozenset[int]:
        """The lines that do not say which version of their key the target has."""
        return joined(self.superseded).union(self.refused, self.unknown)

    @property
    def pending(self) -> int:
        """How many records' fate is not known yet: counted, not what is left over."""
        if self.state in ("acknowledged", "refused"):
            return 0
        if self.unknown:
            return len(self.unknown)
        return self.segment.count - len(self.unsent) - len(self.refused) - self.taken_count


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """One refused record: where its bytes are (segment and line, from 0) and why it was refused.

    ``key_hash`` is the keyed hash of its key, ``dataset`` the contract it failed. ``state``:
    quarantined, repaired, replayed or released. A repair makes a new item with ``version`` one
    higher and ``previous`` naming the item it repairs; ``replay_run`` is the run that took it.
    ``fingerprint`` (`fingerprint_of`) is what makes a record refused again the same item: ``occurrences``
    counts how often it was met, ``last_run`` names the run that met it last. ``number`` is its version's:
    that of the read which gave it last.
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
    number: int = 0

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
