"""What must hold in the transaction that lets a delivery go on: the fences around ``sent``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, or_, select

from lienthong.errors import Permanent, ProtocolViolation, Reason, StaleRun
from lienthong.ledger.delivery_rows import ANSWERS, state_of
from lienthong.ledger.leases import NOW, Lease, lost
from lienthong.ledger.tables import CURSORS, DELIVERIES, FENCES, LEASES, RUNS

MAY_SEND: Final = frozenset({"intended", "sent", "unknown"})
MAY_ANSWER: Final = frozenset({"sent", "unknown"})
_D, _L = DELIVERIES.c, LEASES.c


class Moved(Exception):
    """Something happened to the keys of a scope since they were looked at: look again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Up to where a run has looked at what others delivered in a scope.

    ``taken``: the last final answer that it knows; ``open``: the deliveries in doubt of other runs whose keys
    it has compared with its own, and which hold none of them. ``others`` are scopes of the same place, by
    other connections; ``place`` names the place where there may be such ("" where not), and ``joined`` says
    how often a connection had come to it for the first time (`joined`).
    """

    scope: str
    run: str
    taken: int
    open: frozenset[str]
    others: tuple[str, ...] = ()
    place: str = ""
    joined: int = 0


def joined(connection: Connection, place: str) -> int:
    """Return how often a connection came to a place for the first time."""
    wanted = select(FENCES.c.token).where(FENCES.c.exchange == fence_of(place))
    return int(connection.execute(wanted).scalar() or 0)


def fence_of(place: str) -> str:
    """Return the name under which a place's number stands among the exchanges' tokens; no exchange has it."""
    return f"place|{place}"


def allow(row: Mapping[str, Any], states: AbstractSet[str], wanted: str) -> None:
    """Raise `Permanent` unless a delivery is in one of some states."""
    if row["state"] not in states:
        raise Permanent(
            f"a delivery that is {row['state']} cannot become {wanted}",
            where=f"delivery {row['id']}",
            hint="read the delivery's state first; never repeat what has been answered",
        )


def check_owner(row: Mapping[str, Any], lease: Lease | None) -> None:
    """Raise `LeaseLost` where a delivery's last request left, or was asked about, under another lease."""
    if lease is not None and row["state"] != "intended" and row["fence"] not in (lease.token, 0):
        raise lost(lease)


# Built once: building a statement costs more than running it.
def _standing(clock: Any) -> Select[Any]:
    """Everything about a run and its lease that must hold before something of it is sent."""
    lease = and_(
        *(_L[name] == RUNS.c[name] for name in ("exchange", "run")),
        *(_L[name] == bindparam(f"the_{name}") for name in ("step", "part", "token")),
    )
    columns = [RUNS.c[name] for name in ("epoch", "kind", "settled_at", "closed_at")]
    newest = (CURSORS.c.run.label("newest_run"), CURSORS.c.epoch.label("newest_epoch"))
    return (
        select(*columns, *newest, _L.expires_at, clock.label("now"))
        .select_from(RUNS)
        .outerjoin(CURSORS, CURSORS.c.exchange == RUNS.c.exchange)
        .outerjoin(LEASES, lease)
        .where(RUNS.c.exchange == bindparam("the_exchange"), RUNS.c.run == bindparam("the_run"))
    )


_STANDING: Final = {dialect: _standing(clock) for dialect, clock in NOW.items()}
_OTHERS: Final = select(_D.id, _D.state).where(
    _D.scope.in_(bindparam("the_scopes", expanding=True)),
    _D.id != bindparam("own"),
    _D.owner != bindparam("the_run"),
    or_(_D.state.in_(sorted(MAY_ANSWER)), and_(_D.taken.is_not(None), _D.taken > bindparam("after"))),
)


def check_sending(connection: Connection, lease: Lease) -> float:
    """Check that a run may send something under a lease; return the time by the database's clock.

    Raises `LeaseLost` where the lease is no longer held, `StaleRun` where the run must not send any more:
    a person has closed it, or a newer one has settled.
    """
    row = connection.execute(
        _STANDING[connection.dialect.name],
        {
            "the_exchange": lease.exchange,
            "the_run": lease.run,
            "the_step": lease.step,
            "the_part": lease.part,
            "the_token": lease.token,
        },
    ).one_or_none()
    if row is None or row.expires_at is None or row.expires_at <= float(row.now):
        raise lost(lease)
    where = f"exchange {lease.exchange!r}, run {lease.run!r}"
    if row.closed_at is not None:
        raise StaleRun("this run was closed by a person", where=where, hint="start a new run")
    overtaken = row.newest_epoch is not None and row.newest_epoch != row.epoch
    if overtaken and row.kind == "run" and row.settled_at is None:
        raise stale(where, row.newest_run)
    return float(row.now)


def stale(where: str, newer: str) -> StaleRun:
    """Return the error for a run that a newer one has overtaken."""
    return StaleRun(
        f"run {newer!r} of this exchange settled while this run was under way: this one sends nothing more",
        where=where,
        hint="nothing is lost: what was left is in the newer run; close this one (lienthong runs close)",
    )


def check_scope(connection: Connection, seen: Seen, own: str) -> None:
    """Raise `Moved` where another run delivered, or has something in doubt, that was not looked at yet."""
    if seen.place and joined(connection, seen.place) != seen.joined:
        raise Moved
    given = {"the_scopes": [seen.scope, *seen.others], "own": own, "the_run": seen.run, "after": seen.taken}
    others = connection.execute(_OTHERS, given).all()
    if others and any(row.state not in MAY_ANSWER or row.id not in seen.open for row in others):
        raise Moved


def check_sums(
    row: Mapping[str, Any], state: str, total: int, refused: Mapping[int, Reason], unknown: Sequence[int]
) -> None:
    """Raise `ProtocolViolation` unless an answer gives each record that was sent exactly one verdict."""
    lines = [*refused, *unknown]
    left_out = state_of(row).unsent
    problem = ""
    if state not in ANSWERS:
        problem = f"an answer leads to one of {', '.join(ANSWERS)}"
    elif total != row["records"]:
        problem = f"the target counted {total} records, {row['records']} were sent"
    elif len(set(lines)) != len(lines) or any(not 0 <= line < total for line in lines):
        problem = "a line is named twice or does not exist"
    elif left_out.intersection(lines):
        problem = "a line is judged that was not sent"
    elif state != _state_of(total - len(left_out), refused, unknown):
        problem = f"{len(refused)} refused and {len(unknown)} unknown of {total} is not {state!r}"
    if problem:
        raise ProtocolViolation(problem, where=f"delivery {row['id']}", hint="check the target's connector")


def _state_of(sent: int, refused: Mapping[int, Reason], unknown: Sequence[int]) -> str:
    if unknown:
        return "unknown"
    return "refused" if refused and len(refused) == sent else "acknowledged"
