"""Acts as they are read: who did what, when and why, from the ledger's entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lienthong.ledger.fields import ACT

if TYPE_CHECKING:
    from lienthong.ledger.log import Entry, Ledger


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did: its place in the ledger, who and why in their own words, and when.

    ``operator`` is whose key signed; ``exchange`` and ``run`` are what it concerns, empty where it
    concerns all. ``subject`` says what exactly.
    """

    sequence: int
    hash: str
    name: str
    who: str
    why: str
    when: str
    operator: str
    exchange: str = ""
    run: str = ""
    subject: Mapping[str, Any] = field(default_factory=dict)


def acts(ledger: Ledger, exchange: str | None = None, run: str | None = None) -> list[Act]:
    """Return the acts of the ledger, of an exchange or of a run, in order.

    Signatures are not verified here (`Ledger.check`). Raises `EvidenceTampered` for a damaged entry.
    """
    return [act_of(entry.intact()) for entry in ledger.entries(run=run, exchange=exchange, step=ACT)]


def act_of(entry: Entry) -> Act:
    """Return the act that an intact entry tells of."""
    payload = entry.payload
    said = payload["act"]
    return Act(
        entry.sequence,
        entry.hash,
        said["name"],
        said["who"],
        said["why"],
        payload["recorded"],
        payload["operator"],
        payload["exchange"],
        payload["run"],
        dict(said["subject"]),
    )
