"""Which level files a scope's keys stand in: rows about files, never about records."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from lienthong.keyindex import Level
from lienthong.ledger.clock import now
from lienthong.ledger.db import Database
from lienthong.ledger.store import upsert
from lienthong.ledger.tables import KEY_LEVELS

_C = KEY_LEVELS.c


class KeyLevels:
    """The level files of all scopes; several processes may compact one scope at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def levels(self, scope: str) -> list[Level]:
        """Return a scope's level files, those with the oldest deliveries first."""
        with self._database.read() as connection:
            return _levels(connection, scope)

    def replace(self, scope: str, gone: Sequence[str], fresh: Level) -> bool:
        """Put a new level file in the place of others (by name), or behind them where none is named.

        False, and nothing is changed, where another process was faster: one of ``gone`` is not there
        any more, or another file stands for some of the same deliveries. The new file may then be the
        other's too (files are named by content), so remove it only where `names` does not list it.
        """
        with self._database.write() as connection:
            there = _levels(connection, scope, lock=True)
            rest = [level for level in there if level.name not in gone]
            if len(there) - len(rest) != len(set(gone)) or any(_overlap(level, fresh) for level in rest):
                return False
            if gone:
                connection.execute(delete(KEY_LEVELS).where(_C.scope == scope, _C.name.in_(gone)))
            row = {name: getattr(fresh, name) for name in _FIELDS} | {"scope": scope, "made_at": now()}
            entered = upsert(connection, KEY_LEVELS, [row]).returning(_C.name)
            return connection.execute(entered).first() is not None

    def forget(self, scope: str, name: str) -> None:
        """Forget a level file that is lost for ever."""
        with self._database.write() as connection:
            connection.execute(delete(KEY_LEVELS).where(_C.scope == scope, _C.name == name))

    def names(self) -> set[str]:
        """Return the names of all level files that some scope needs; housekeeping keeps only these."""
        with self._database.read() as connection:
            return set(connection.execute(select(_C.name)).scalars())


_FIELDS = ("name", "level", "first_taken", "last_taken", "entries", "key_id")


def _levels(connection: Connection, scope: str, *, lock: bool = False) -> list[Level]:
    wanted = select(*(_C[name] for name in _FIELDS)).where(_C.scope == scope).order_by(_C.first_taken)
    return [Level(*row) for row in connection.execute(wanted.with_for_update() if lock else wanted)]


def _overlap(one: Level, other: Level) -> bool:
    return one.first_taken <= other.last_taken and other.first_taken <= one.last_taken
