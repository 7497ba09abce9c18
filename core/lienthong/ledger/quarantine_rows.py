"""The rows of the quarantine: items, their versions, and where later runs met the same again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update

from lienthong.errors import Reason, UnknownName
from lienthong.ledger.clock import now
from lienthong.ledger.states import Occurrence, QuarantineItem, normal_id
from lienthong.ledger.store import dump, load, upsert
from lienthong.ledger.tables import QUARANTINE, SIGHTINGS

_C, _S = QUARANTINE.c, SIGHTINGS.c
_COUNT = (
    update(QUARANTINE)
    .where(_C.id == bindparam("the_id"))
    .values(occurrences=bindparam("times"), last_run=bindparam("met_last"), number=bindparam("its_number"))
)


def enter(connection: Connection, items: Sequence[QuarantineItem]) -> None:
    """Enter refused records: new ones as items, those met before as sightings of their item."""
    here = _places(connection, items)
    unseen = [item for item in items if item.id not in here]
    carriers = _carriers(connection, {item.fingerprint for item in unseen} - {""})
    fresh: list[QuarantineItem] = []
    met: list[tuple[str, QuarantineItem]] = []
    for item in unseen:
        chain = carriers.get(item.fingerprint)
        if chain is None:
            fresh.append(item)
            carriers |= {item.fingerprint: [item.id]} if item.fingerprint else {}
        else:
            met.append((chain[0], item))
    if fresh:
        rows = sorted((row_of(item) for item in fresh), key=lambda row: str(row["id"]))
        connection.execute(upsert(connection, QUARANTINE, rows), rows)
    if met:
        rows = [_sighting(root, item) for root, item in met]
        connection.execute(upsert(connection, SIGHTINGS, rows), rows)
        _count(connection, {item.fingerprint: item for _, item in met}, carriers)


def _places(connection: Connection, items: Sequence[QuarantineItem]) -> set[str]:
    """Return the ids of those items whose place is known, as an item or as a sighting."""
    ids = [item.id for item in items]
    known = {row.id for row in connection.execute(select(_C.id).where(_C.id.in_(ids)))}
    segments = {item.segment for item in items}
    seen = connection.execute(select(SIGHTINGS).where(_S.segment.in_(segments)))
    places = {(row.exchange, row.run, row.step, row.segment, row.line) for row in seen}
    return known | {item.id for item in items if _place(item) in places}


def _carriers(connection: Connection, fingerprints: Iterable[str]) -> dict[str, list[str]]:
    """Return the item that a refusal with a fingerprint counts on, as its versions' ids, first one first.

    It is the latest item of that fingerprint, unless that was replayed: then what is refused now is
    something new.
    """
    rows = connection.execute(select(QUARANTINE).where(_C.fingerprint.in_(sorted(fingerprints)))).all()
    later = {row.previous: row for row in rows if row.previous is not None}
    roots = [row for row in rows if row.previous is None]
    found: dict[str, list[str]] = {}
    for row in sorted(roots, key=lambda row: (row.added_at, row.id)):
        chain = [row]
        while (newer := later.get(chain[-1].id)) is not None:
            chain.append(newer)
        found[row.fingerprint] = [] if chain[-1].state == "replayed" else [one.id for one in chain]
    return {fingerprint: chain for fingerprint, chain in found.items() if chain}


def _count(
    connection: Connection, last: Mapping[str, QuarantineItem], carriers: Mapping[str, Sequence[str]]
) -> None:
    roots = [carriers[fingerprint][0] for fingerprint in last]
    counted = select(_S.item, func.count().label("times")).where(_S.item.in_(roots)).group_by(_S.item)
    times = {row.item: row.times for row in connection.execute(counted)}
    changes = [
        {
            "the_id": id_,
            "times": 1 + times[carriers[fingerprint][0]],
            "met_last": item.run,
            "its_number": item.number,
        }
        for fingerprint, item in last.items()
        for id_ in carriers[fingerprint]
    ]
    connection.execute(_COUNT, changes)


def _place(item: QuarantineItem) -> tuple[str, str, str, str, int]:
    return item.exchange, item.run, item.step, item.segment, item.line


def _sighting(root: str, item: QuarantineItem) -> dict[str, Any]:
    names = ("exchange", "run", "step", "segment", "line")
    return dict(zip(names, _place(item), strict=True)) | {"item": root, "seen_at": now()}


def seen_by(run: str) -> Select[tuple[str]]:
    """Return a query for the ids of all versions of the items that a run met after their first time."""
    chain = select(_S.item.label("id")).where(_S.run == run).cte("chain", recursive=True)
    chain = chain.union(select(_C.id).join(chain, _C.previous == chain.c.id))
    return select(chain.c.id)


def met_by(connection: Connection, exchange: str, run: str) -> list[Occurrence]:
    """Return what a run refused, ordered by step, segment and line; the items as they came in."""
    first = select(QUARANTINE).where(_C.exchange == exchange, _C.run == run, _C.previous.is_(None))
    found = [Occurrence.first(item_of(row)) for row in connection.execute(first)]
    again = (
        select(QUARANTINE, _S.step.label("in_step"), _S.segment.label("in_segment"), _S.line.label("in_line"))
        .join(SIGHTINGS, _S.item == _C.id)
        .where(_S.exchange == exchange, _S.run == run)
    )
    found += [
        Occurrence(item_of(row), row.in_step, row.in_segment, row.in_line)
        for row in connection.execute(again)
    ]
    return sorted(found, key=lambda met: (met.step, met.segment, met.line))


def find(connection: Connection, id_: str, *, lock: bool = False) -> Row[Any]:
    """Return an item's row by its id as a person types it; raise `UnknownName` where there is none."""
    wanted = select(QUARANTINE).where(_C.id == normal_id(id_))
    row = connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    if row is None:
        raise UnknownName(
            "no such record in quarantine",
            where=f"quarantine {normal_id(id_)[:40]}",
            hint="see: lienthong quarantine list",
        )
    return row


def move(connection: Connection, id_: str, state: str, run: str | None = None) -> None:
    """Set the state of an item."""
    connection.execute(
        update(QUARANTINE).where(_C.id == id_).values(state=state, replay_run=run, changed_at=now())
    )


def row_of(item: QuarantineItem) -> dict[str, Any]:
    """Return the row that stands for an item."""
    at = now()
    return {
        "id": item.id,
        "exchange": item.exchange,
        "run": item.run,
        "step": item.step,
        "segment": item.segment,
        "line": item.line,
        "key_hash": item.key_hash,
        "reasons": dump([reason.as_dict() for reason in item.reasons]),
        "dataset": item.dataset,
        "state": item.state,
        "version": item.version,
        "previous": item.previous,
        "added_at": item.added_at or at,
        "changed_at": at,
        "fingerprint": item.fingerprint,
        "occurrences": item.occurrences,
        "last_run": item.last_run or item.run,
        "number": item.number,
    }


def item_of(row: Row[Any]) -> QuarantineItem:
    """Return the item that a row stands for."""
    return QuarantineItem(
        exchange=row.exchange,
        run=row.run,
        step=row.step,
        segment=row.segment,
        line=row.line,
        key_hash=row.key_hash,
        reasons=tuple(Reason(**reason) for reason in load(row.reasons)),
        dataset=row.dataset,
        state=row.state,
        version=row.version,
        previous=row.previous,
        replay_run=row.replay_run,
        added_at=row.added_at,
        changed_at=row.changed_at,
        fingerprint=row.fingerprint,
        occurrences=row.occurrences,
        last_run=row.last_run or row.run,
        number=row.number,
    )
