"""What the ledger still needs of staging: which runs, and which bytes they refer to."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, delete, func, select

from lienthong.ledger.db import Database
from lienthong.ledger.holds import Hold
from lienthong.ledger.tables import DELIVERIES, PLANNED, QUARANTINE, RUNS, SIGHTINGS, STATEMENTS, STEPS

RunName: TypeAlias = tuple[str, str]
"""An exchange and a run."""

OPEN: Final = "an open run"
DOUBT: Final = "a delivery in doubt"
HOLD: Final = "a legal hold"
RECENT: Final = "a run that is not old enough"
QUARANTINED: Final = "a quarantined record that is not done with"

_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")
_INDEXED: Final = re.compile(rb'"digest":"([0-9a-f]{64})","index":"([0-9a-f]{64})"')
_IN_DOUBT: Final = ("sent", "unknown")
_OPEN_ITEMS: Final = ("quarantined", "repaired")
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs by what is to become of what they pulled: ``kept`` with the reason, and ``expired``."""

    kept: Mapping[RunName, str]
    expired: frozenset[RunName]


class Retention:
    """Reads what is still needed, and removes what a run that is done with left behind."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self, before: str, holds: Sequence[Hold]) -> Runs:
        """Sort all runs: kept are open ones, later ones, those in doubt and those under a hold."""
        doubtful = (
            select(PLANNED.c.exchange, PLANNED.c.run)
            .join(DELIVERIES, PLANNED.c.delivery == DELIVERIES.c.id)
            .where(DELIVERIES.c.state.in_(_IN_DOUBT))
        )
        kept: dict[RunName, str] = {}
        expired: set[RunName] = set()
        with self._database.read() as connection:
            doubts = {(row.exchange, row.run) for row in connection.execute(doubtful)}
            columns = select(RUNS.c.exchange, RUNS.c.run, RUNS.c.settled_at, RUNS.c.closed_at)
            for row in connection.execute(columns):
                name, ended = (row.exchange, row.run), row.settled_at or row.closed_at
                reason = OPEN if ended is None else DOUBT if name in doubts else ""
                if not reason and any(hold.covers(*name) for hold in holds):
                    reason = HOLD
                if not reason and ended >= before:
                    reason = RECENT
                if reason:
                    kept[name] = reason
                else:
                    expired.add(name)
        return Runs(kept, frozenset(expired))

    def needed(self, runs: Runs, before: str, old: frozenset[str]) -> dict[str, str]:
        """Return which of the ``old`` files' digests are needed, each with the reason.

        ``old`` are the digests that are asked about; only they take memory.
        """
        found: dict[str, str] = {}

        def note(text: bytes, reason: str) -> None:
            for match in _DIGEST.finditer(text):
                digest = match[0].decode()
                if digest in old:
                    found.setdefault(digest, reason)

        for reason, text in self._texts(runs, before):
            note(text, reason)
        with self._database.read() as connection:
            for digest in _in_doubt(connection):
                note(digest.encode(), DOUBT)
            for digest in _in_quarantine(connection):
                note(digest.encode(), QUARANTINED)
        return found

    def indexed(self, runs: Iterable[RunName]) -> dict[str, str]:
        """Return the root of the key index of each segment that runs name, where it has one."""
        found: dict[str, str] = {}
        for name in runs:
            for text in self._texts_of(name):
                found |= {one.decode(): other.decode() for one, other in _INDEXED.findall(text)}
        return found

    def with_checkpoints(self, runs: frozenset[RunName]) -> dict[RunName, int]:
        """Return the runs, of those given, that still have step checkpoints, with their number."""
        wanted = select(STEPS.c.exchange, STEPS.c.run, func.count().label("n"))
        with self._database.read() as connection:
            rows = connection.execute(wanted.group_by(STEPS.c.exchange, STEPS.c.run)).all()
        return {(row.exchange, row.run): row.n for row in rows if (row.exchange, row.run) in runs}

    def forget_checkpoints(self, runs: Iterable[RunName]) -> int:
        """Remove the step checkpoints of runs that are done with; return how many there were."""
        gone = 0
        for exchange, run in runs:
            with self._database.write() as connection:
                mine = (STEPS.c.exchange == exchange, STEPS.c.run == run)
                ended = select(RUNS.c.run).where(
                    RUNS.c.exchange == exchange,
                    RUNS.c.run == run,
                    RUNS.c.settled_at.is_not(None) | RUNS.c.closed_at.is_not(None),
                )
                gone += connection.execute(delete(STEPS).where(*mine, ended.exists())).rowcount
        return gone

    def _texts(self, runs: Runs, before: str) -> Iterator[tuple[str, bytes]]:
        """Yield what kept runs wrote down, each text with the reason for which the run is kept."""
        for name, reason in runs.kept.items():
            if reason != RECENT:
                for text in self._texts_of(name):
                    yield reason, text
        last = self._last_before(before)
        for row in self._pages(STATEMENTS, STATEMENTS.c.sequence, last):
            if runs.kept.get((row.exchange, row.run)) == RECENT:
                yield RECENT, _payload(row.token)
        with self._database.read() as connection:
            for row in connection.execute(select(STEPS.c.exchange, STEPS.c.run, STEPS.c.data)):
                if runs.kept.get((row.exchange, row.run)) == RECENT:
                    yield RECENT, row.data.encode()
            planned = select(PLANNED.c.exchange, PLANNED.c.run, DELIVERIES.c.segment).join(
                DELIVERIES, PLANNED.c.delivery == DELIVERIES.c.id
            )
            for row in connection.execute(planned):
                if runs.kept.get((row.exchange, row.run)) == RECENT:
                    yield RECENT, row.segment.encode()

    def _texts_of(self, name: RunName) -> Iterator[bytes]:
        """Yield all that one run wrote down: checkpoints, statements, deliveries, quarantine."""
        exchange, run = name
        with self._database.read() as connection:
            for row in connection.execute(
                select(STEPS.c.data).where(STEPS.c.exchange == exchange, STEPS.c.run == run)
            ):
                yield row.data.encode()
            for row in connection.execute(
                select(STATEMENTS.c.token).where(STATEMENTS.c.exchange == exchange, STATEMENTS.c.run == run)
            ):
                yield _payload(row.token)
            of_run = select(DELIVERIES.c.segment).join(PLANNED, PLANNED.c.delivery == DELIVERIES.c.id)
            for row in connection.execute(of_run.where(PLANNED.c.exchange == exchange, PLANNED.c.run == run)):
                yield row.segment.encode()
            for table in (QUARANTINE, SIGHTINGS):
                met = select(table.c.segment).where(table.c.exchange == exchange, table.c.run == run)
                for row in connection.execute(met):
                    yield row.segment.encode()

    def _pages(self, table: Any, key: Any, after: int) -> Iterator[Any]:
        """Yield a table's rows in the order of a key, a page in memory at a time."""
        while True:
            with self._database.read() as connection:
                rows = connection.execute(select(table).where(key > after).order_by(key).limit(_PAGE)).all()
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1].sequence

    def _last_before(self, moment: str) -> int:
        """Return the last sequence of the log that was recorded before a moment (it grows with time)."""
        c = STATEMENTS.c
        with self._database.read() as connection:
            low, high = 0, connection.execute(select(func.max(c.sequence))).scalar() or 0
            while low < high:
                middle = (low + high + 1) // 2
                found = select(c.recorded).where(c.sequence >= middle).order_by(c.sequence).limit(1)
                if (connection.execute(found).scalar() or moment) < moment:
                    low = middle
                else:
                    high = middle - 1
        return low


def _payload(token: str) -> bytes:
    """Return a token's payload as bytes; of a damaged one as much as can be read, so that more is kept."""
    body = [*token.split("."), "", ""][1]
    try:
        return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except ValueError:
        return b""


def _in_doubt(connection: Connection) -> list[str]:
    states = DELIVERIES.c.state.in_(_IN_DOUBT)
    return list(connection.execute(select(DELIVERIES.c.segment).where(states)).scalars())


def _in_quarantine(connection: Connection) -> list[str]:
    """Return the segments of all versions of items that are neither replayed nor released."""
    c = QUARANTINE.c
    rows = connection.execute(select(c.id, c.previous, c.segment, c.state)).all()
    later = {row.previous: row for row in rows if row.previous is not None}
    before = {row.id: row for row in rows}
    found: list[str] = []
    for row in rows:
        if row.id not in later and row.state in _OPEN_ITEMS:
            one: Any = row
            while one is not None:
                found.append(one.segment)
                one = before.get(one.previous)
    return found
