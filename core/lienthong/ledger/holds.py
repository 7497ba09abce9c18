"""Legal holds: what an inspection or a court needs is not removed, whatever its age."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select, update

from lienthong.errors import Permanent, UnknownName
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.tables import HOLDS

_C: Final = HOLDS.c
_ALPHABET: Final = "23456789abcdefghjkmnpqrstvwxyz"
_LETTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold on an exchange, or on one of its runs (``run`` None: all of them).

    ``by`` and ``why`` are who placed it and the reason; ``lifted_at`` is None as long as it holds.
    """

    id: str
    exchange: str
    run: str | None
    by: str
    why: str
    placed_at: str
    lifted_at: str | None = None

    def covers(self, exchange: str, run: str) -> bool:
        """Tell whether a run is under this hold."""
        return self.lifted_at is None and self.exchange == exchange and self.run in {None, run}


class Holds:
    """The legal holds in the ledger's database; those that were lifted stay readable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def place(self, hold: Hold) -> Hold:
        """Enter a hold made by `new_hold`; the same again changes nothing."""
        with self._database.write() as connection:
            found = connection.execute(select(HOLDS).where(_C.id == hold.id)).one_or_none()
            if found is not None:
                return _hold(found)
            values = {name: getattr(hold, name) for name in ("id", "exchange", "run", "by", "why")}
            connection.execute(HOLDS.insert().values(**values, placed_at=hold.placed_at, lifted_at=None))
        return hold

    def lift(self, id: str) -> Hold:  # noqa: A002 - the hold's own word
        """End a hold; raise `UnknownName` where there is none, `Permanent` where it was lifted before."""
        with self._database.write() as connection:
            found = connection.execute(select(HOLDS).where(_C.id == id)).one_or_none()
            _check_active(id, found)
            connection.execute(update(HOLDS).where(_C.id == id).values(lifted_at=now()))
            return _hold(connection.execute(select(HOLDS).where(_C.id == id)).one())

    def active(self, id: str) -> Hold:  # noqa: A002 - the hold's own word
        """Return a hold that holds; raises as `lift` does."""
        with self._database.read() as connection:
            found = connection.execute(select(HOLDS).where(_C.id == id)).one_or_none()
        return _hold(_check_active(id, found))

    def list(self, exchange: str | None = None, *, lifted: bool = False) -> list[Hold]:
        """Return the holds that hold, of one or all exchanges, oldest first; ``lifted`` adds the others."""
        wanted = select(HOLDS).order_by(_C.placed_at, _C.id)
        if exchange is not None:
            wanted = wanted.where(_C.exchange == exchange)
        if not lifted:
            wanted = wanted.where(_C.lifted_at.is_(None))
        with self._database.read() as connection:
            return [_hold(row) for row in connection.execute(wanted)]


def new_hold(exchange: str, run: str | None, *, by: str, why: str) -> Hold:
    """Return a hold that is still to be placed, with an id that can be typed."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    return Hold(f"{letters[:4]}-{letters[4:]}", exchange, run, by, why, now())


def _check_active(id_: str, row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise UnknownName("no such hold", where=f"hold {id_[:40]}", hint="see: lienthong hold list")
    if row.lifted_at is not None:
        raise Permanent(f"the hold was lifted at {row.lifted_at}", where=f"hold {id_}")
    return row


def _hold(row: Row[Any]) -> Hold:
    return Hold(row.id, row.exchange, row.run, row.by, row.why, row.placed_at, row.lifted_at)
