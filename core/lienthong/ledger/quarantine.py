"""The quarantine's index: which records were refused, why, and what became of them.

The bytes stay in the segment store; people are found by the keyed hash of their key. A repair
never changes an item: it makes a new one that names the old, so the whole story can be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select, update

from lienthong.errors import Permanent, Reason, UnknownName
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.states import Occurrence, QuarantineItem, normal_id
from lienthong.ledger.store import dump, load, upsert
from lienthong.ledger.tables import QUARANTINE, SIGHTINGS

_C = QUARANTINE.c
_NEWER = QUARANTINE.alias("newer")
_S = SIGHTINGS.c
_PLACE = ("step", "segment", "line")


class Quarantine:
    """Refused records in the ledger's database: quarantined -> repaired -> replayed, or released."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, items: Sequence[QuarantineItem]) -> None:
        """Enter refused records in one transaction; those that are there already stay as they are."""
        if not items:
            return
        rows = sorted((_row(item) for item in items), key=lambda row: str(row["id"]))
        with self._database.write() as connection:
            connection.execute(upsert(connection, QUARANTINE, rows), rows)

    def met(self, exchange: str, run: str) -> list[Occurrence]:
        """Return every place where a run met a refused record, also one that was in quarantine before.

        Repairs are left out. The order is that of `quarantine_document`.
        """
        own = select(QUARANTINE).where(_C.exchange == exchange, _C.run == run, _C.version == 1)
        again = (
            select(QUARANTINE, *(_S[name].label(f"met_{name}") for name in _PLACE))
            .join(SIGHTINGS, _S.item == _C.id)
            .where(_S.exchange == exchange, _S.run == run)
        )
        found: dict[tuple[str, str, int], Occurrence] = {}
        with self._database.read() as connection:
            for row in connection.execute(own):
                one = Occurrence.first(_item(row))
                found[one.step, one.segment, one.line] = one
            for row in connection.execute(again):
                place = (row.met_step, row.met_segment, row.met_line)
                found.setdefault(place, Occurrence(_item(row), *place))
        return [found[place] for place in sorted(found)]

    def list(
        self,
        exchange: str | None = None,
        run: str | None = None,
        state: str | None = None,
        *,
        key_hash: str | None = None,
        history: bool = False,
        limit: int | None = None,
    ) -> list[QuarantineItem]:
        """Return items by exchange, run, state or person (keyed hash), oldest first.

        Only the latest version of each; ``history`` adds the versions that were repaired.
        """
        wanted = select(QUARANTINE).order_by(_C.added_at, _C.step, _C.segment, _C.line).limit(limit)
        given = {"exchange": exchange, "run": run, "state": state, "key_hash": key_hash}
        for name, value in given.items():
            if value is not None:
                wanted = wanted.where(_C[name] == value)
        if not history:
            wanted = wanted.where(~select(_NEWER.c.id).where(_NEWER.c.previous == _C.id).exists())
        with self._database.read() as connection:
            return [_item(row) for row in connection.execute(wanted)]

    def get(self, id: str) -> QuarantineItem:  # noqa: A002 - the item's own word
        """Return an item by its id as a person types it; raise `UnknownName` where there is none."""
        with self._database.read() as connection:
            return _item(_find(connection, id))

    def versions(self, id: str) -> tuple[QuarantineItem, ...]:  # noqa: A002 - the item's own word
        """Return an item and the versions that it repairs, the given one first."""
        found = [self.get(id)]
        while found[-1].previous is not None:
            found.append(self.get(found[-1].previous))
        return tuple(found)

    def repaired(self, id: str, new_segment: str, line: int) -> QuarantineItem:  # noqa: A002
        """Note that a record was repaired into a line of a new segment; return the new version.

        The same repair again returns the same version. Raises `Permanent` where the item was
        repaired otherwise, replayed or released.
        """
        with self._database.write() as connection:
            row = _find(connection, id, lock=True)
            old = _item(row)
            fresh = replace(
                old,
                segment=new_segment,
                line=line,
                state="repaired",
                version=old.version + 1,
                previous=old.id,
                added_at=now(),
            )
            newer = connection.execute(select(_C.id).where(_C.previous == old.id)).scalar_one_or_none()
            if newer == fresh.id:
                return _item(_find(connection, newer))
            if newer is not None or old.state not in {"quarantined", "repaired"} or fresh.id == old.id:
                raise _illegal(old, "repaired")
            connection.execute(upsert(connection, QUARANTINE, [_row(fresh)]))
            _move(connection, old.id, "repaired")
            return _item(_find(connection, fresh.id))

    def replayed(self, id: str, run: str) -> QuarantineItem:  # noqa: A002 - the item's own word
        """Note that a run took the repaired record; the same run again changes nothing."""
        return self._end(id, "replayed", run)

    def released(self, id: str, run: str | None = None) -> QuarantineItem:  # noqa: A002
        """Note that a person closed the item without a replay, or released it as it is into a run."""
        return self._end(id, "released", run)

    def _end(self, id_: str, state: str, run: str | None) -> QuarantineItem:
        allowed = {"repaired"} if state == "replayed" else {"quarantined", "repaired"}
        with self._database.write() as connection:
            item = _item(_find(connection, id_, lock=True))
            if (item.state, item.replay_run) == (state, run):
                return item
            newer = connection.execute(select(_C.id).where(_C.previous == item.id)).scalar_one_or_none()
            if item.state not in allowed or newer is not None:
                raise _illegal(item, state, newer)
            _move(connection, item.id, state, run)
            return _item(_find(connection, item.id))


def _illegal(item: QuarantineItem, wanted: str, newer: str | None = None) -> Permanent:
    hint = f"use its later version {newer}" if newer else f"see: lienthong quarantine show {item.id}"
    return Permanent(
        f"a record that is {item.state} cannot become {wanted}", where=f"quarantine {item.id}", hint=hint
    )


def _find(connection: Connection, id_: str, *, lock: bool = False) -> Row[Any]:
    wanted = select(QUARANTINE).where(_C.id == normal_id(id_))
    row = connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    if row is None:
        raise UnknownName(
            "no such record in quarantine",
            where=f"quarantine {normal_id(id_)[:40]}",
            hint="see: lienthong quarantine list",
        )
    return row


def _move(connection: Connection, id_: str, state: str, run: str | None = None) -> None:
    connection.execute(
        update(QUARANTINE).where(_C.id == id_).values(state=state, replay_run=run, changed_at=now())
    )


def _row(item: QuarantineItem) -> dict[str, Any]:
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
    }


def _item(row: Row[Any]) -> QuarantineItem:
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
    )
