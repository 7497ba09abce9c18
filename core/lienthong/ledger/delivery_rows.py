"""The rows of deliveries: how the journal reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, select, update

from lienthong.errors import Reason, UnknownName
from lienthong.ledger.clock import now
from lienthong.ledger.ranges import Ranges, count_of
from lienthong.ledger.states import DeliveryState, Intent
from lienthong.ledger.store import load, upsert
from lienthong.ledger.tables import DELIVERIES, PLANNED
from lienthong.segment import Segment

ANSWERS: Final = ("acknowledged", "refused", "unknown")
"""The states that a target's answer leads to."""

NOT_SENT: Final = ("unchanged", "superseded", "inherited")
"""The columns that name the lines that were not sent."""

_PLAIN: Final = (
    "sent_count", "taken_count", "handovers", "scope", "owner", "fence", "free_at", "taken",
)  # fmt: skip
_PORTION: Final = 1000


def new_row(exchange: str, run: str, target: str, item: Intent) -> dict[str, Any]:
    """Return the row of a delivery that is only intended yet."""
    return {
        "id": item.id,
        "exchange": exchange,
        "run": run,
        "target": target,
        "segment": item.segment.digest,
        "root": item.segment.root,
        "records": item.segment.count,
        "size": item.segment.size,
        "state": "intended",
        "before": "intended",
        "attempts": 0,
        "refused": "{}",
        "unknown": "[]",
        "receipts": "[]",
        "intended_at": now(),
        "scope": item.scope,
        "index_root": item.segment.index,
    }


def insert_rows(
    connection: Connection, table: Any, rows: list[dict[str, Any]], *, replace: Sequence[str] = ()
) -> None:
    """Insert rows that are not there yet, replacing the named columns of those that are."""
    # One order for everybody, or two runs that plan the same deliveries could wait for each other.
    ordered = sorted(rows, key=lambda row: str(row.get("id", row.get("delivery"))))
    connection.execute(upsert(connection, table, ordered, replace=replace), ordered)


def select_deliveries(*, by_run: bool) -> Select[Any]:
    """Deliveries with their place: in a run that needs them, or in the run that intended them first."""
    place = PLANNED.c.delivery == DELIVERIES.c.id
    if not by_run:
        place = and_(place, PLANNED.c.run == DELIVERIES.c.run, PLANNED.c.exchange == DELIVERIES.c.exchange)
    return select(DELIVERIES, PLANNED.c.part, PLANNED.c.position).join(PLANNED, place)


def planned(connection: Connection, exchange: str, run: str, ids: Sequence[str]) -> dict[str, DeliveryState]:
    """Return deliveries that a run has planned, by id; asked for in portions that any database takes."""
    of_run = select_deliveries(by_run=True).where(PLANNED.c.exchange == exchange, PLANNED.c.run == run)
    found: dict[str, DeliveryState] = {}
    for start in range(0, len(ids), _PORTION):
        some = ids[start : start + _PORTION]
        for row in connection.execute(of_run.where(PLANNED.c.delivery.in_(some))):
            found[row.id] = state_of(row._asdict())
    return found


def existing(connection: Connection, ids: Sequence[str]) -> dict[str, DeliveryState]:
    """Return those of some deliveries that are there, by id."""
    found: dict[str, DeliveryState] = {}
    for start in range(0, len(ids), _PORTION):
        wanted = select_deliveries(by_run=False).where(DELIVERIES.c.id.in_(ids[start : start + _PORTION]))
        for row in connection.execute(wanted):
            found[row.id] = state_of(row._asdict())
    return found


# Built once: building a statement costs more than running it.
_ONE: Final = select_deliveries(by_run=False).where(DELIVERIES.c.id == bindparam("the_id"))
_ONE_LOCKED: Final = _ONE.with_for_update(of=DELIVERIES)
_CHANGE: Final = update(DELIVERIES).where(DELIVERIES.c.id == bindparam("the_id"))


def find(connection: Connection, id_: str, *, lock: bool = False) -> dict[str, Any]:
    """Return a delivery's row, locked until the transaction ends; raise `UnknownName` where it is not."""
    row = connection.execute(_ONE_LOCKED if lock else _ONE, {"the_id": id_}).one_or_none()
    if row is None:
        raise UnknownName("no such delivery", where=f"delivery {id_}", hint="see: lienthong delivery list")
    return row._asdict()


def change(connection: Connection, row: Mapping[str, Any], **values: Any) -> DeliveryState:
    """Set columns of a locked row and return the delivery as it then is."""
    connection.execute(_CHANGE, {"the_id": row["id"], **values})
    return state_of({**row, **values})


#: Stands for every reason where only their number counts.
_A_REASON: Final = Reason("", "target", "", "")


def state_of(row: Mapping[str, Any], *, reasons: bool = True) -> DeliveryState:
    """Return the delivery that a row with its place stands for; without ``reasons`` these are left out."""
    segment = Segment(row["segment"], row["root"], row["records"], row["size"], row["index_root"])
    refused = {
        int(line): Reason(**reason) if reasons else _A_REASON for line, reason in load(row["refused"]).items()
    }
    unknown = tuple(load(row["unknown"]))
    total = segment.count if row["state"] in ANSWERS else 0
    unchanged, superseded, inherited = (_ranges(row[name]) for name in NOT_SENT)
    skipped = count_of(unchanged) + count_of(superseded)
    return DeliveryState(
        id=row["id"],
        exchange=row["exchange"],
        run=row["run"],
        target=row["target"],
        segment=segment,
        state=row["state"],
        attempts=row["attempts"],
        total=total,
        acknowledged=total - len(refused) - len(unknown) - skipped if total else 0,
        refused=refused,
        unknown=unknown,
        receipts=load(row["receipts"]),
        intended_at=row["intended_at"],
        sent_at=row["sent_at"],
        answered_at=row["answered_at"],
        part=row["part"],
        order=row["position"],
        unchanged=unchanged,
        superseded=superseded,
        inherited=inherited,
        **{name: row[name] for name in _PLAIN},
    )


def _ranges(text: str) -> Ranges:
    return tuple((first, last) for first, last in load(text))
