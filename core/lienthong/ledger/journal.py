"""The journal: what is going on, as opposed to what is proved: runs, cursors, step checkpoints.

Every method is one transaction and idempotent, because a task may be killed and repeated at any
point. Deliveries are in `lienthong.ledger.deliveries`; the `Journal` offers both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update

from lienthong.errors import Misconfigured, Permanent, StaleRun, UnknownName
from lienthong.ledger.clock import now
from lienthong.ledger.deliveries import Deliveries
from lienthong.ledger.fencing import stale
from lienthong.ledger.leases import Lease, lock_of, require
from lienthong.ledger.runs_admin import RunsAdmin
from lienthong.ledger.store import dump, load, upsert
from lienthong.ledger.tables import CURSORS, RUNS, STEPS
from lienthong.ledger.terms import COUNTS
from lienthong.records import digest as digest_of

_NOTHING: Final = dump({"pulled": 0})
# The counts of a run that found nothing: all others are 0, too.


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next run of an exchange begins, and what its source asked to be remembered.

    ``run`` is the last settled run, ``epoch`` the hash that names it and all settled before it.
    """

    value: str | None = None
    validators: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class RunState:
    """One execution of an exchange.

    ``digest`` is the agreement's; ``epoch`` names the run that had settled before this one was
    opened ("" for none, and once a run has settled that found nothing) and goes into idempotency keys;
    ``since`` is where the pull begins, ``explicit_since`` whether somebody asked for it. ``counts`` and
    ``cursor`` are set by `settle`. ``number`` orders the openings of all runs, ``reached`` is the highest
    number that its reads were given since: what was read under a higher number is newer. ``kind`` is run,
    replay or staging; ``closed_at`` is set where a person closed a run that never settled.
    """

    exchange: str
    run: str
    digest: str
    epoch: str
    since: str | None
    explicit_since: bool
    limit: int | None
    dry_run: bool
    validators: Mapping[str, Any]
    settled: bool
    opened_at: str
    settled_at: str | None = None
    cursor: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    number: int = 0
    reached: int = 0
    kind: str = "run"
    closed_at: str | None = None

    @property
    def idle(self) -> bool:
        """Whether the run settled and had found nothing."""
        return self.settled and self.counts.get("pulled") == 0


class Journal(Deliveries, RunsAdmin):
    """Runs, cursors, step checkpoints and deliveries in the ledger's database."""

    def open_run(
        self,
        exchange: str,
        run: str,
        *,
        digest: str,
        dry_run: bool = False,
        since: str | None = None,
        limit: int | None = None,
        kind: str = "run",
    ) -> RunState:
        """Open a run, or return it as its first opening fixed it.

        An explicit ``since`` takes precedence over the exchange's cursor and leaves the source's
        validators out, so that a conditional request cannot answer "nothing new". Raises
        `Misconfigured` where the agreement has changed since the run was opened.
        """
        with self._database.write(lock=lock_of("runs")) as connection:
            row = _run(connection, exchange, run)
            if row is None:
                at, number = _cursor(connection, exchange), _last_number(connection) + 1
                values = {
                    "exchange": exchange,
                    "run": run,
                    "digest": digest,
                    "epoch": at.epoch,
                    "dry_run": dry_run,
                    "explicit_since": since is not None,
                    "since": since if since is not None else at.value,
                    "record_limit": limit,
                    "validators": dump({} if since is not None else dict(at.validators)),
                    "counts": dump({}),
                    "opened_at": now(),
                    "number": number,
                    "reached": number,
                    "kind": kind,
                }
                # Two tasks of one run may open it at the same moment: the first one counts.
                connection.execute(upsert(connection, RUNS, [values]))
                row = _run(connection, exchange, run)
        assert row is not None  # noqa: S101 - it was there or has just been inserted
        if row.digest != digest:
            raise Misconfigured(
                "the agreement has changed since this run was opened",
                where=f"exchange {exchange!r}, run {run!r}",
                hint="start a new run; this one cannot go on under another agreement",
            )
        return _run_state(row)

    def next_number(self, exchange: str, run: str) -> int:
        """Return a number for what a run reads from now on: no read before has a higher one.

        It is the run's own last one as long as no other run has been given one since.
        """
        mine = (RUNS.c.exchange == exchange, RUNS.c.run == run)
        last = select(func.max(RUNS.c.reached)).scalar_subquery().label("last")
        with self._database.read() as connection:
            row = connection.execute(select(RUNS.c.reached, last).where(*mine)).one_or_none()
        if row is not None and row.reached == row.last:
            return int(row.last)
        with self._database.write(lock=lock_of("runs")) as connection:
            number = _last_number(connection) + 1
            connection.execute(update(RUNS).where(*mine).values(reached=number))
        return number

    def run(self, exchange: str, run: str) -> RunState:
        """Return a run; raise `UnknownName` where it was never opened."""
        with self._database.read() as connection:
            row = _run(connection, exchange, run)
        return _run_state(_found(row, exchange, run))

    def runs(self, exchange: str | None = None, limit: int = 100) -> list[RunState]:
        """Return the runs of one or all exchanges, the latest first."""
        wanted = select(RUNS).order_by(RUNS.c.opened_at.desc(), RUNS.c.run.desc()).limit(limit)
        if exchange is not None:
            wanted = wanted.where(RUNS.c.exchange == exchange)
        with self._database.read() as connection:
            return [_run_state(row) for row in connection.execute(wanted)]

    def cursor(self, exchange: str) -> Cursor:
        """Return where the next run of an exchange begins; an empty cursor where none has settled."""
        with self._database.read() as connection:
            return _cursor(connection, exchange)

    def cursors(self, exchange: str | None = None) -> dict[str, Cursor]:
        """Return the cursors of one or all exchanges by id, where there is one."""
        wanted = select(CURSORS).order_by(CURSORS.c.exchange)
        if exchange is not None:
            wanted = wanted.where(CURSORS.c.exchange == exchange)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return {row.exchange: Cursor(row.value, load(row.validators), row.run, row.epoch) for row in rows}

    def set_cursor(self, exchange: str, value: str, *, expected: str | None) -> Cursor:
        """Set a cursor that still has the ``expected`` value, and return it.

        Its epoch changes, so that a run under way cannot settle over it, and the source's validators
        are forgotten. Raises `Permanent` where the cursor has moved meanwhile.
        """
        with self._database.write() as connection:
            at = _cursor(connection, exchange, lock=True)
            epoch = digest_of({"exchange": exchange, "cursor": value, "previous": at.epoch})
            fresh = {"value": value, "validators": dump({}), "run": at.run, "epoch": epoch}
            if at.value != expected or not _replace_cursor(connection, exchange, at.epoch, fresh):
                raise Permanent(
                    "the cursor has moved since it was looked at",
                    where=f"exchange {exchange!r}",
                    hint="look again: lienthong cursor show",
                )
        return Cursor(value, {}, at.run, epoch)

    def settle(  # noqa: PLR0913 - one transaction is one call; all but two are named
        self,
        exchange: str,
        run: str,
        *,
        cursor: str | None,
        validators: Mapping[str, Any],
        counts: Mapping[str, int],
        advance: bool = True,
        lease: Lease | None = None,
        later: Callable[[str, str | None], bool] | None = None,
        keep: Collection[str] = (),
    ) -> bool:
        """Mark a run settled and move the exchange's cursor, both or neither.

        Returns False where the run has settled before. ``cursor`` None leaves the cursor where it
        is; it never moves backwards unless the run was given an explicit ``since``: ``later`` tells
        whether the new one is at or after the old one, without it the new one counts. Without
        ``advance`` (a trial, a replay) the exchange stands where it stood, epoch included; a dry run
        never advances. Raises `StaleRun` where another run settled since this one was opened, or a person
        closed this one, and `LeaseLost` where the ``lease`` given is no longer held. Of a run that pulled
        nothing only the checkpoints of the steps in ``keep`` stay, until the next one settles.
        """
        with self._database.write() as connection:
            row = _found(_run(connection, exchange, run, lock=True), exchange, run)
            if row.settled_at is not None:
                return False
            if lease is not None:
                require(connection, lease)
            if row.closed_at is not None:
                raise StaleRun(
                    "this run was closed by a person",
                    where=f"exchange {exchange!r}, run {run!r}",
                    hint="start a new run",
                )
            if advance and not row.dry_run:
                _forget_idle(connection, exchange, _cursor(connection, exchange).run)
                _move_cursor(connection, row, cursor, validators, later)
            _close(connection, row, cursor, counts, keep)
        return True

    def save_step(
        self,
        exchange: str,
        run: str,
        step: str,
        part: int,
        data: Mapping[str, Any],
        *,
        lease: Lease | None = None,
    ) -> None:
        """Keep a small JSON checkpoint of a step, replacing the former one.

        With a ``lease`` it must still be held (`LeaseLost`): a process that slept through its lease
        writes nothing over the work of the one that took it over.
        """
        values = {
            "exchange": exchange,
            "run": run,
            "step": step,
            "part": part,
            "data": dump(dict(data)),
            "saved_at": now(),
        }
        with self._database.write() as connection:
            if lease is not None:
                require(connection, lease)
            connection.execute(upsert(connection, STEPS, [values], replace=("data", "saved_at")))

    def step(self, exchange: str, run: str, step: str, part: int) -> dict[str, Any] | None:
        """Return the checkpoint of a step, None where none was kept."""
        c = STEPS.c
        with self._database.read() as connection:
            found = connection.execute(
                select(c.data).where(c.exchange == exchange, c.run == run, c.step == step, c.part == part)
            ).scalar_one_or_none()
        return None if found is None else load(found)


def _close(
    connection: Connection,
    row: Row[Any],
    cursor: str | None,
    counts: Mapping[str, int],
    keep: Collection[str],
) -> None:
    """Note that a run settled; one that found nothing leaves next to nothing behind."""
    fresh = {"settled_at": now(), "cursor": cursor, "counts": dump(dict(counts))}
    if counts.get("pulled") == 0:
        fresh |= {"counts": _NOTHING, "epoch": ""}
        c = STEPS.c
        mine = (c.exchange == row.exchange, c.run == row.run, c.step.not_in(keep))
        connection.execute(delete(STEPS).where(*mine))
    same = (RUNS.c.exchange == row.exchange, RUNS.c.run == row.run)
    connection.execute(update(RUNS).where(*same).values(fresh))


def _forget_idle(connection: Connection, exchange: str, run: str) -> None:
    """Remove what is left of the checkpoints of the last settled run, if it found nothing."""
    c = RUNS.c
    idle = select(c.run).where(
        c.exchange == exchange, c.run == run, c.settled_at.is_not(None), c.counts == _NOTHING
    )
    mine = (STEPS.c.exchange == exchange, STEPS.c.run == run)
    connection.execute(delete(STEPS).where(*mine, idle.exists()))


def _last_number(connection: Connection) -> int:
    """Return the highest number that any read was given."""
    return int(connection.execute(select(func.coalesce(func.max(RUNS.c.reached), 0))).scalar_one())


def _run(connection: Connection, exchange: str, run: str, *, lock: bool = False) -> Row[Any] | None:
    wanted = select(RUNS).where(RUNS.c.exchange == exchange, RUNS.c.run == run)
    return connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()


def _found(row: Row[Any] | None, exchange: str, run: str) -> Row[Any]:
    if row is None:
        raise UnknownName(
            "no such run", where=f"exchange {exchange!r}, run {run!r}", hint="see: lienthong evidence runs"
        )
    return row


def _cursor(connection: Connection, exchange: str, *, lock: bool = False) -> Cursor:
    wanted = select(CURSORS).where(CURSORS.c.exchange == exchange)
    row = connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return Cursor() if row is None else Cursor(row.value, load(row.validators), row.run, row.epoch)


def _move_cursor(
    connection: Connection,
    row: Row[Any],
    value: str | None,
    validators: Mapping[str, Any],
    later: Callable[[str, str | None], bool] | None,
) -> None:
    at = _cursor(connection, row.exchange, lock=True)
    forward = row.explicit_since or later is None or (value is not None and later(value, at.value))
    fresh = {
        "value": value if value is not None and forward else at.value,
        "validators": dump(dict(validators)),
        "run": row.run,
        "epoch": digest_of({"exchange": row.exchange, "run": row.run, "previous": row.epoch}),
    }
    if at.epoch != row.epoch or not _replace_cursor(connection, row.exchange, at.epoch, fresh):
        raise stale(f"exchange {row.exchange!r}, run {row.run!r}", at.run)


def _replace_cursor(connection: Connection, exchange: str, epoch: str, fresh: Mapping[str, Any]) -> bool:
    """Set a cursor that still stands at an epoch ("" for one that is not there yet)."""
    if epoch:
        same = (CURSORS.c.exchange == exchange) & (CURSORS.c.epoch == epoch)
        changed = connection.execute(update(CURSORS).where(same).values(fresh).returning(CURSORS.c.exchange))
    else:
        row = {"exchange": exchange, **fresh}
        changed = connection.execute(upsert(connection, CURSORS, [row]).returning(CURSORS.c.exchange))
    return changed.one_or_none() is not None


def _run_state(row: Row[Any]) -> RunState:
    counts = load(row.counts)
    if row.counts == _NOTHING:
        counts = dict.fromkeys(COUNTS, 0)
    return RunState(
        exchange=row.exchange,
        run=row.run,
        digest=row.digest,
        epoch=row.epoch,
        since=row.since,
        explicit_since=row.explicit_since,
        limit=row.record_limit,
        dry_run=row.dry_run,
        validators=load(row.validators),
        settled=row.settled_at is not None,
        opened_at=row.opened_at,
        settled_at=row.settled_at,
        cursor=row.cursor,
        counts=counts,
        number=row.number,
        reached=row.reached,
        kind=row.kind,
        closed_at=row.closed_at,
    )
