"""The journal of deliveries, kept by the target in the transaction that writes the rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from lienthong.connector import Answer, Batch, Receipt
from lienthong.errors import Reason
from lienthong.records import canonical, sha256
from lienthong_connectors.sql._errors import DRIVER_ERRORS
from lienthong_connectors.sql._store import Store
from lienthong_connectors.sql._table import quoted_table

NAME = "lienthong_delivery"


class Journal:
    """Notes each delivery once; the primary key makes a second one of the same id impossible."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        self._place = quoted_table(engine.dialect, NAME, schema)

    def find(self, store: Store, batch: Batch) -> Answer | None:
        """Return what became of a batch, or None where it was never taken."""
        rows = store.run(
            f"SELECT records, at, refused FROM {self._place} WHERE id = ?",  # noqa: S608 - quoted name
            (batch.id,),
        )
        if not rows:
            return None
        total, at, refused = rows[0]
        reasons = {int(number): Reason(**item) for number, item in orjson.loads(refused or "{}").items()}
        return Answer(int(total), reasons, receipts=(receipt(batch, int(total), reasons, at),))

    def add(self, store: Store, batch: Batch, at: str) -> None:
        """Note a batch; a second transaction with the same id waits here, then fails."""
        store.run(
            f"INSERT INTO {self._place} (id, dataset, records, at) VALUES (?, ?, ?, ?)",  # noqa: S608 - quoted name
            (batch.id, batch.dataset, len(batch.records), at),
        )

    def refuse(self, store: Store, batch: Batch, refused: Mapping[int, Reason]) -> None:
        """Note which records of the batch were refused and why (rules, no values)."""
        text = orjson.dumps({str(number): reason.as_dict() for number, reason in refused.items()}).decode()
        store.run(f"UPDATE {self._place} SET refused = ? WHERE id = ?", (text, batch.id))  # noqa: S608 - quoted name


def exists(engine: Engine, schema: str | None) -> bool:
    """Tell whether the journal table is there."""
    return sa.inspect(engine).has_table(NAME, schema=schema)


def ensure(engine: Engine, schema: str | None) -> bool:
    """Create the journal table where it is missing; False where that is not allowed."""
    if exists(engine, schema):
        return True
    table = sa.Table(
        NAME,
        sa.MetaData(schema=schema),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("refused", sa.Text),
    )
    try:
        table.create(engine, checkfirst=False)
    except DRIVER_ERRORS:
        return exists(engine, schema)  # another worker may have been faster
    return True


def now() -> str:
    """Return the time as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def receipt(batch: Batch, total: int, refused: Mapping[int, Reason], at: str) -> Receipt:
    """Return the receipt of a committed batch: the digest binds id, counts and refusals."""
    entry: dict[str, Any] = {
        "at": at,
        "dataset": batch.dataset,
        "id": batch.id,
        "records": total,
        "refused": {str(number): reason.rule for number, reason in refused.items()},
    }
    return Receipt("committed", sha256(canonical(entry)), at, reference=batch.id)
