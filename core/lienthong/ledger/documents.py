"""Documents of a run whose digests its last statement binds: canonical bytes, no personal values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from lienthong.ledger.states import DeliveryState, QuarantineItem
from lienthong.records import canonical

DELIVERIES: Final = "deliveries.json"
QUARANTINE: Final = "quarantine.json"
AGREEMENT: Final = "agreement.json"
MAPPING: Final = "mapping.json"


def dataset_document(ref: str) -> str:
    """Return the name of a dataset version's document: ``datasets/<name>.<version>.json``."""
    return f"datasets/{ref.replace('/', '.')}.json"


def deliveries_document(deliveries: Iterable[DeliveryState]) -> bytes:
    """Return the canonical bytes of a run's deliveries, in the order of their parts.

    The pipeline binds the SHA-256 of these bytes in the settle statement; what happens to a
    pending delivery later is the matter of a later run's statements.
    """
    ordered = sorted(deliveries, key=lambda item: (item.part, item.order, item.id))
    return canonical({"deliveries": [_delivery(item) for item in ordered]})


def quarantine_document(items: Iterable[QuarantineItem]) -> bytes:
    """Return the canonical bytes of what a run put into quarantine.

    Repairs and replays are left out: they happen after the run and are evidence of their own.
    """
    first = sorted(
        (item for item in items if item.version == 1), key=lambda item: (item.step, item.segment, item.line)
    )
    return canonical({"quarantined": [_item(item) for item in first]})


def _delivery(item: DeliveryState) -> dict[str, Any]:
    return {
        "id": item.id,
        "target": item.target,
        "segment": item.segment.as_dict(),
        "part": item.part,
        "order": item.order,
        "state": item.state,
        "attempts": item.attempts,
        "total": item.total,
        "acknowledged": item.acknowledged,
        "refused": {str(line): item.refused[line].as_dict() for line in sorted(item.refused)},
        "unknown": list(item.unknown),
        "receipts": [dict(receipt) for receipt in item.receipts],
        "intended_at": item.intended_at,
        "sent_at": item.sent_at,
        "answered_at": item.answered_at,
    }


def _item(item: QuarantineItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "step": item.step,
        "segment": item.segment,
        "line": item.line,
        "dataset": item.dataset,
        "key_hash": item.key_hash,
        "reasons": [reason.as_dict() for reason in item.reasons],
    }
