"""Receipts, and the idempotency keys that they answer."""

from __future__ import annotations

from datetime import UTC, datetime

from lienthong.connector import Batch, Receipt
from lienthong.records import sha256
from lienthong_connectors.http.client import Answered


def record_id(batch: Batch, record: bytes) -> str:
    """Return the idempotency key of one record of a batch: 64 hexadecimal digits, the same on every try."""
    return sha256(f"{batch.root}:".encode() + record)


def update_id(batch: Batch, indices: list[int]) -> str:
    """Return the idempotency key of an update of some records: derived from content, unlike the batch's."""
    return sha256(b"\n".join((f"{batch.id}:update".encode(), *(batch.records[i] for i in indices))))


def receipt(answered: Answered, status: str, reference: str = "", *, lines: tuple[int, ...] = ()) -> Receipt:
    """Return the receipt for an answer; ``status`` is the protocol's own."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Receipt(status, sha256(answered.reply.body), now, reference, answered.signed_by, lines)
