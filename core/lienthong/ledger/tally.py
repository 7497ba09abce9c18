"""What became of the records that push was given: each counted on its own, none as what is left over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lienthong.ledger.ranges import count_of
from lienthong.ledger.states import DeliveryState
from lienthong.ledger.terms import FATES

PUSHED: Final = (*FATES, "sent", "answered", "inherited")
"""The counts of a push statement: the fates, and three counts that must agree with them.

``sent``: records that a request took along, each once however often it was repeated; ``answered``:
those for which the target gave a word; ``inherited``: those that count as acknowledged although this
delivery did not send them, because an earlier run that never settled had delivered them.
"""

_FINAL: Final = ("acknowledged", "refused")
_ANSWERS: Final = (*_FINAL, "unknown")


def tally(deliveries: Iterable[DeliveryState], records: int) -> dict[str, int]:
    """Return the counts of a part of ``records`` records whose deliveries stand like this.

    Records without a delivery (a dry run has none) are pending.
    """
    sums = dict.fromkeys(PUSHED, 0)
    covered = 0
    for item in deliveries:
        covered += item.segment.count
        for name, count in fates(item).items():
            sums[name] += count
    sums["pending"] += records - covered
    return sums


def fates(item: DeliveryState) -> dict[str, int]:
    """Return how many records of a delivery met which fate, and how many were sent and answered."""
    refused, unknown = len(item.refused), len(item.unknown)
    taken, inherited = taken_of(item), count_of(item.inherited)
    open_ = item.segment.count - unsent(item) - refused - taken
    return {
        "acknowledged": taken + inherited,
        "refused": refused,
        "pending": unknown or (0 if item.state in _FINAL else open_),
        "superseded": count_of(item.superseded),
        "unchanged": count_of(item.unchanged),
        "sent": sent_of(item),
        "answered": taken + refused + (unknown if item.state in _ANSWERS else 0),
        "inherited": inherited,
    }


def sent_of(item: DeliveryState) -> int:
    """Return how many records were sent; a request that certainly was not taken counts as none."""
    if item.state == "intended":
        return 0
    return item.segment.count - unsent(item) if _is_former(item) else item.sent_count


def taken_of(item: DeliveryState) -> int:
    """Return how many of the records that were sent the target has acknowledged."""
    if not _is_former(item):
        return item.taken_count
    answered = item.state in _ANSWERS or item.unknown
    return item.segment.count - unsent(item) - len(item.refused) - len(item.unknown) if answered else 0


def unsent(item: DeliveryState) -> int:
    """Return how many records there was no need to send."""
    return sum(map(count_of, (item.unchanged, item.superseded, item.inherited)))


def _is_former(item: DeliveryState) -> bool:
    """Tell whether a delivery was sent by a release that did not count what it sent."""
    return item.state != "intended" and not item.sent_count and item.segment.count > unsent(item)
