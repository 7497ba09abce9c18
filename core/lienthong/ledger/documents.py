"""Documents of a run whose digests its last statement binds: canonical bytes, no personal values.

They come in the format of the settle statement that binds them; a run that settled under format 1
gets the very bytes of then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from lienthong.ledger.fields import FORMAT, FORMAT_1
from lienthong.ledger.states import DeliveryState, Occurrence
from lienthong.ledger.tally import fates, sent_of, taken_of
from lienthong.records import canonical

DELIVERIES: Final = "deliveries.json"
QUARANTINE: Final = "quarantine.json"
AGREEMENT: Final = "agreement.json"
MAPPING: Final = "mapping.json"

DELIVERIES_FORMAT: Final = "lienthong-deliveries/2"
QUARANTINE_FORMAT: Final = "lienthong-quarantine/2"
"""What a document of format 2 says that it is; those of format 1 say nothing."""


def dataset_document(ref: str) -> str:
    """Return the name of a dataset version's document: ``datasets/<name>.<version>.json``."""
    return f"datasets/{ref.replace('/', '.')}.json"


def deliveries_document(deliveries: Iterable[DeliveryState], *, format_: str = FORMAT) -> bytes:
    """Return the canonical bytes of a run's deliveries, in the order of their parts.

    The pipeline binds the SHA-256 of these bytes in the settle statement, whose format is ``format_``;
    what happens to a pending delivery later is the matter of a later run's statements.
    """
    ordered = sorted(deliveries, key=lambda item: (item.part, item.order, item.id))
    if format_ == FORMAT_1:
        return canonical({"deliveries": [_delivery(item) for item in ordered]})
    return canonical({"deliveries": [_delivery_2(item) for item in ordered], "format": DELIVERIES_FORMAT})


def quarantine_document(found: Iterable[Occurrence], *, format_: str = FORMAT) -> bytes:
    """Return the canonical bytes of what a run put into quarantine, in the format of its settle statement.

    Repairs and replays are left out: they happen after the run and are evidence of their own.
    """
    ordered = sorted(
        (one for one in found if one.item.version == 1), key=lambda one: (one.step, one.segment, one.line)
    )
    if format_ == FORMAT_1:
        return canonical({"quarantined": [_refused(one) for one in ordered]})
    return canonical(
        {
            "quarantined": [_refused(one) | {"first": _first(one)} for one in ordered],
            "format": QUARANTINE_FORMAT,
        }
    )


def _delivery(item: DeliveryState) -> dict[str, Any]:
    segment = item.segment
    return {
        "id": item.id,
        "target": item.target,
        "segment": {
            "digest": segment.digest, "root": segment.root, "count": segment.count, "size": segment.size,
        },
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
    }  # fmt: skip


def _delivery_2(item: DeliveryState) -> dict[str, Any]:
    return {
        **_delivery(item),
        "segment": item.segment.as_dict(),
        "run": item.run,
        "scope": item.scope,
        "acknowledged": fates(item)["acknowledged"],
        "unchanged": [list(ends) for ends in item.unchanged],
        "superseded": [list(ends) for ends in item.superseded],
        "inherited": [list(ends) for ends in item.inherited],
        "sent_count": sent_of(item),
        "taken_count": taken_of(item),
        "handovers": item.handovers,
    }


def _refused(one: Occurrence) -> dict[str, Any]:
    return {
        "id": one.item.id,
        "step": one.step,
        "segment": one.segment,
        "line": one.line,
        "dataset": one.item.dataset,
        "key_hash": one.item.key_hash,
        "reasons": [reason.as_dict() for reason in one.item.reasons],
    }


def _first(one: Occurrence) -> dict[str, Any]:
    item = one.item
    return {"run": item.run, "step": item.step, "segment": item.segment, "line": item.line}
