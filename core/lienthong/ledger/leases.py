"""Leases: who works on which step of which run, until when, and with which fencing token.

A lease is taken before a step begins and renewed while it lasts. Two runs of one exchange exclude each
other, and so do two processes at the same step and part of one run; parts of a run go on side by side.
Times are the database's own clock, so that no two machines need to agree. Each lease gets a token that
is higher than any before it of the same exchange: what is written under an older one is refused
(`require`), however late a stopped process wakes up. A lease whose process is known to be dead is free.
"""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, literal_column, select, update

from lienthong.errors import Held, LeaseLost
from lienthong.ledger.db import Database
from lienthong.ledger.store import upsert
from lienthong.ledger.tables import DELIVERIES, FENCES, LEASES

_L, _D = LEASES.c, DELIVERIES.c


NOW: Final[dict[str, Any]] = {
    "postgresql": func.extract("epoch", func.clock_timestamp()),
    "sqlite": literal_column("(julianday('now') - 2440587.5) * 86400.0"),
}
"""The present time in seconds since 1970 by the database's clock, by dialect."""


def _held_statement(clock: Any) -> Select[Any]:
    named = (_L.exchange, _L.run, _L.step, _L.part, _L.token)
    return select(_L.expires_at, clock.label("now")).where(
        *(column == bindparam(f"the_{column.name}") for column in named)
    )


# Built once: building a statement costs more than running it.
_CLOCK: Final = {dialect: select(clock) for dialect, clock in NOW.items()}
_HELD: Final = {dialect: _held_statement(clock) for dialect, clock in NOW.items()}


@dataclass(frozen=True, slots=True)
class Lease:
    """A step of a part of a run, held by one process. ``seconds``: how long without a renewal."""

    exchange: str
    run: str
    step: str
    part: int
    holder: str
    token: int
    seconds: float


class Leases:
    """The leases in a ledger's database; safe among processes and machines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, exchange: str, run: str, step: str, part: int, *, seconds: float) -> Lease:
        """Take a lease, or raise `Held`, which says who is at work and until when at the latest."""
        with self._database.write(lock=lock_of(f"lease|{exchange}")) as connection:
            now = database_time(connection)
            rows = connection.execute(select(LEASES).where(_L.exchange == exchange)).all()
            for row in rows:
                if row.expires_at <= now or _is_dead(row.holder):
                    _bury(connection, row, min(row.expires_at, now))
                elif row.run != run or (row.step, row.part) == (step, part):
                    raise _held(row, now)
            lease = Lease(exchange, run, step, part, holder(), next_token(connection, exchange), seconds)
            values = {
                "exchange": exchange,
                "run": run,
                "step": step,
                "part": part,
                "holder": lease.holder,
                "token": lease.token,
                "taken_at": now,
                "expires_at": now + seconds,
            }
            fresh = ("holder", "token", "taken_at", "expires_at")
            connection.execute(upsert(connection, LEASES, [values], replace=fresh))
        return lease

    def renew(self, lease: Lease) -> None:
        """Hold a lease for its time from now on; raise `LeaseLost` where another process has it."""
        with self._database.write() as connection:
            until = database_time(connection) + lease.seconds
            changed = connection.execute(
                update(LEASES).where(*_same(lease)).values(expires_at=until).returning(_L.token)
            )
            if changed.one_or_none() is None:
                raise lost(lease)

    def release(self, lease: Lease) -> None:
        """Give a lease back. What it sent is no longer under way, so others need not wait to ask."""
        sent = (DELIVERIES.c.exchange == lease.exchange, DELIVERIES.c.fence == lease.token)
        with self._database.write() as connection:
            connection.execute(delete(LEASES).where(*_same(lease)))
            connection.execute(
                update(DELIVERIES).where(*sent, DELIVERIES.c.state == "sent").values(free_at=0)
            )

    def held(self, exchange: str) -> list[str]:
        """Return a sentence for each lease of an exchange that is alive."""
        with self._database.read() as connection:
            now = database_time(connection)
            rows = connection.execute(select(LEASES).where(_L.exchange == exchange)).all()
        return [_said(row) for row in rows if row.expires_at > now and not _is_dead(row.holder)]


def _bury(connection: Connection, row: Row[Any], end: float) -> None:
    """Remove the lease of a lost process; what it sent may be under way until its deadline has passed."""
    mine = (_L.exchange == row.exchange, _L.token == row.token)
    connection.execute(delete(LEASES).where(*mine))
    connection.execute(
        update(DELIVERIES)
        .where(_D.exchange == row.exchange, _D.fence == row.token, _D.state == "sent")
        .values(free_at=end + _D.deadline, handovers=_D.handovers + 1)
    )


def require(connection: Connection, lease: Lease) -> float:
    """Raise `LeaseLost` unless a lease is still held; part of the transaction that it guards.

    Returns the time by the database's clock.
    """
    given = {
        "the_exchange": lease.exchange,
        "the_run": lease.run,
        "the_step": lease.step,
        "the_part": lease.part,
        "the_token": lease.token,
    }
    row = connection.execute(_HELD[connection.dialect.name], given).one_or_none()
    if row is None or row.expires_at <= float(row.now):
        raise lost(lease)
    return float(row.now)


def check_free(connection: Connection, exchange: str, token: int) -> None:
    """Raise `Held` where the lease with a token is alive."""
    row = connection.execute(select(LEASES).where(_L.exchange == exchange, _L.token == token)).one_or_none()
    if row is not None:
        now = database_time(connection)
        if row.expires_at > now and not _is_dead(row.holder):
            raise _held(row, now)


def lost(lease: Lease) -> LeaseLost:
    """Return the error for a process that no longer holds what it is at."""
    return LeaseLost(
        "this process was stopped for too long: another one may be at work in its place",
        where=f"exchange {lease.exchange!r}, run {lease.run!r}, step {lease.step}, part {lease.part + 1}",
        hint="nothing more was sent by it; the next try goes on where the other one stands",
    )


def database_time(connection: Connection) -> float:
    """Return the time in seconds since 1970 by the database's clock."""
    return float(connection.execute(_CLOCK[connection.dialect.name]).scalar_one())


def lock_of(name: str) -> int:
    """Return the PostgreSQL advisory lock (64 bits, signed) that stands for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def holder() -> str:
    """Return who this process is: its host, kernel, process space, number and start."""
    return "/".join((*_machine(), str(os.getpid()), _start_of(os.getpid())))


@cache
def _machine() -> tuple[str, str, str]:
    boot = _text_of("/proc/sys/kernel/random/boot_id")[:8]
    try:
        space = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        space = ""
    return socket.gethostname().replace("/", "_"), boot, space


def _is_dead(name: str) -> bool:
    """Tell whether a holder is a process of this very machine that is there no more."""
    *machine, pid, start = name.split("/")
    if tuple(machine) != _machine() or not machine[1] or not machine[2] or not start:
        return False
    return _start_of(int(pid)) != start


def _start_of(pid: int) -> str:
    """Return when a process began (clock ticks since the kernel started), "" where there is none."""
    stat = _text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return stat[19] if len(stat) > 19 and stat[0] not in "ZX" else ""


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def next_token(connection: Connection, exchange: str) -> int:
    """Return a token above all that an exchange has given so far."""
    last = connection.execute(
        select(FENCES.c.token).where(FENCES.c.exchange == exchange)
    ).scalar_one_or_none()
    row = {"exchange": exchange, "token": (last or 0) + 1}
    connection.execute(upsert(connection, FENCES, [row], replace=("token",)))
    return row["token"]  # type: ignore[return-value]  # the dictionary holds a text and a number


def _same(lease: Lease) -> tuple[Any, ...]:
    return (
        _L.exchange == lease.exchange,
        _L.run == lease.run,
        _L.step == lease.step,
        _L.part == lease.part,
        _L.token == lease.token,
    )


def _held(row: Row[Any], now: float) -> Held:
    return Held(
        f"another process is at work: {_said(row)}",
        where=f"exchange {row.exchange!r}",
        hint="wait until it is done; if it died, the work is free after that time",
        retry_after=max(row.expires_at - now, 0.0) + 0.1,
    )


def _said(row: Row[Any]) -> str:
    until = datetime.fromtimestamp(row.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    host, *_, pid, _start = row.holder.split("/")
    return f"run {row.run!r}, step {row.step}, part {row.part + 1}, by process {pid} on {host}, until {until}"
