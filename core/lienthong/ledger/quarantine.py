"""The quarantine's index: which records were refused, why, and what became of them.

The bytes stay in the segment store; people are found by the keyed hash of their key. A repair
never changes an item: it makes a new one that names the old, so the whole story can be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select

from lienthong.errors import Permanent
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.quarantine_rows import enter, find, item_of, met_by, move, row_of, seen_by
from lienthong.ledger.states import Occurrence, QuarantineItem
from lienthong.ledger.store import upsert
from lienthong.ledger.tables import QUARANTINE

_C = QUARANTINE.c
_NEWER = QUARANTINE.alias("newer")
_LOCK: Final = 0x4C54_0003  # PostgreSQL: two parts of a run that meet the same bytes make one item of them
_PORTION: Final = 500


class Quarantine:
    """Refused records in the ledger's database: quarantined -> repaired -> replayed, or released."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, items: Sequence[QuarantineItem]) -> None:
        """Enter refused records in one transaction; the same again, as a retry does, changes nothing.

        A record whose ``fingerprint`` is in quarantine already is the same item met once more: it counts
        on an item that waits or was repaired, and on one that a person released, which stays released.
        One that was replayed and is refused again is a new item.
        """
        if not items:
            return
        with self._database.write(lock=_LOCK) as connection:
            for start in range(0, len(items), _PORTION):
                enter(connection, items[start : start + _PORTION])

    def met(self, exchange: str, run: str) -> list[Occurrence]:
        """Return every record that a run refused, by place, with the item (its first version) it is.

        What a run met does not change when an item is repaired, released or met again later.
        """
        with self._database.read() as connection:
            return met_by(connection, exchange, run)

    def refused_in(self, exchange: str, run: str) -> list[QuarantineItem]:
        """Return what `met` returns as items of that run: each at the place where that run met it."""
        return [
            replace(one.item, run=run, step=one.step, segment=one.segment, line=one.line)
            for one in self.met(exchange, run)
        ]

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

        Those of a run are all that it met, whichever run met them first. Only the latest version of each;
        ``history`` adds the versions that were repaired.
        """
        given = {"exchange": exchange, "state": state, "key_hash": key_hash}
        wanted = select(QUARANTINE).where(*_conditions(run, given, history=history))
        wanted = wanted.order_by(_C.added_at, _C.step, _C.segment, _C.line).limit(limit)
        with self._database.read() as connection:
            return [item_of(row) for row in connection.execute(wanted)]

    def count(self, exchange: str | None = None, run: str | None = None, state: str | None = None) -> int:
        """Return how many items `list` gives, which reads none of them."""
        given = {"exchange": exchange, "state": state}
        wanted = select(func.count()).select_from(QUARANTINE).where(*_conditions(run, given))
        with self._database.read() as connection:
            return int(connection.execute(wanted).scalar_one())

    def get(self, id: str) -> QuarantineItem:  # noqa: A002 - the item's own word
        """Return an item by its id as a person types it; raise `UnknownName` where there is none."""
        with self._database.read() as connection:
            return item_of(find(connection, id))

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
            row = find(connection, id, lock=True)
            old = item_of(row)
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
                return item_of(find(connection, newer))
            if newer is not None or old.state not in {"quarantined", "repaired"} or fresh.id == old.id:
                raise _illegal(old, "repaired")
            connection.execute(upsert(connection, QUARANTINE, [row_of(fresh)]))
            move(connection, old.id, "repaired")
            return item_of(find(connection, fresh.id))

    def replayed(self, id: str, run: str) -> QuarantineItem:  # noqa: A002 - the item's own word
        """Note that a run took the repaired record; the same run again changes nothing."""
        return self._end(id, "replayed", run)

    def released(self, id: str, run: str | None = None) -> QuarantineItem:  # noqa: A002
        """Note that a person closed the item without a replay, or released it as it is into a run."""
        return self._end(id, "released", run)

    def _end(self, id_: str, state: str, run: str | None) -> QuarantineItem:
        allowed = {"repaired"} if state == "replayed" else {"quarantined", "repaired"}
        with self._database.write() as connection:
            item = item_of(find(connection, id_, lock=True))
            if (item.state, item.replay_run) == (state, run):
                return item
            newer = connection.execute(select(_C.id).where(_C.previous == item.id)).scalar_one_or_none()
            if item.state not in allowed or newer is not None:
                raise _illegal(item, state, newer)
            move(connection, item.id, state, run)
            return item_of(find(connection, item.id))


def _conditions(
    run: str | None, given: Mapping[str, str | None], *, history: bool = False
) -> list[ColumnElement[bool]]:
    """Return what items must be: of a run by whichever run met them first, and as ``given`` says."""
    found: list[ColumnElement[bool]] = []
    if run is not None:
        found.append(or_(_C.run == run, _C.id.in_(seen_by(run))))
    found += [_C[name] == value for name, value in given.items() if value is not None]
    if not history:
        found.append(~select(_NEWER.c.id).where(_NEWER.c.previous == _C.id).exists())
    return found


def _illegal(item: QuarantineItem, wanted: str, newer: str | None = None) -> Permanent:
    hint = f"use its later version {newer}" if newer else f"see: lienthong quarantine show {item.id}"
    return Permanent(
        f"a record that is {item.state} cannot become {wanted}", where=f"quarantine {item.id}", hint=hint
    )
