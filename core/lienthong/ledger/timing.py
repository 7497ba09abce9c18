"""The time under which a statement is signed: one that every verifier will accept, or none is signed.

A clock cannot tell by itself that it is wrong. What it is held against here: the entries before, the times
of the statement itself, the database's clock where that is another one, and the signer's certificates, which
are good for a time only. A clock that is ahead by less than those can tell is believed, and
`lienthong.ledger.ahead` is the way back. The monotonic clock is not asked: after a pause of a virtual machine
it has gone on less than the time, too, and that is no fault.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from lienthong.errors import EvidenceTampered, Misconfigured, SignatureInvalid
from lienthong.ledger.clock import SKEW, in_order, now, parse_time
from lienthong.ledger.fields import ACT, CLOCK_BACK
from lienthong.ledger.leases import database_time
from lienthong.ledger.statements import Statement
from lienthong.ledger.tables import STATEMENTS
from lienthong.signing import Signer, TrustStore

Trust = Callable[[], TrustStore]
_C = STATEMENTS.c


def time_of(connection: Connection, statement: Statement, head: Any, in_run: Any) -> str:
    """Return the present time for a statement that follows on ``head`` and, in its run, on ``in_run``.

    Raises `Misconfigured` where no verifier would accept it, `EvidenceTampered` for an entry without a time.
    """
    at = now()
    _check_database(connection)
    _check_order(at, {"the end of the step": statement.ended}, "")
    if statement.act.get("name") != CLOCK_BACK:
        _check_order(at, {"the last entry of the ledger": _recorded(head)}, _PUT_BACK)
        if statement.run:
            _check_order(at, {"the last entry of this run": _recorded(in_run)}, _PUT_BACK)
    if statement.kind != ACT:
        # an act may stand where the clock was put back; a step that builds on later ones may not
        latest = connection.execute(
            select(func.max(_C.recorded)).where(
                _C.exchange == statement.exchange, _C.run == statement.run, _C.step != ACT
            )
        ).scalar()
        _check_order(at, {"an earlier step of this run": latest or ""}, _CLOSE)
    if not in_order(statement.started, statement.ended):
        raise Misconfigured(
            f"this machine's clock ran back by more than {SKEW.seconds} s during the step",
            where=f"run {statement.run!r}, step {statement.step!r}",
            hint="set the clock (NTP) and try the step again; nothing was signed",
        )
    return at


_PUT_BACK = "set the clock (NTP) and try again; if it is right and was ahead then: lienthong clock back"
_CLOSE = "start a new run and close this one (lienthong runs close): it was begun by a clock that was ahead"


def check_signer(signer: Signer, at: str, trust: Trust | None) -> None:
    """Raise `Misconfigured` where what this signer signs at a time would not verify then.

    Without ``trust`` only the signer's own certificate is looked at.
    """
    own = signer.certificate
    store = trust() if trust is not None else TrustStore([own])
    try:
        store.check(own, signer.chain, at=parse_time(at))
    except SignatureInvalid as error:
        raise Misconfigured(
            f"evidence signed now would not verify: {error.message}; this machine's clock says {at}",
            where=f"the certificate of {signer.agency}",
            hint="check the clock first (NTP); if it is right, renew the certificate, or put the authority "
            "that issued it among the trusted ones; nothing was signed",
            reason=str(error.details.get("reason", "")),
        ) from None


def _check_database(connection: Connection) -> None:
    """Raise `Misconfigured` where the clock of the ledger's database, if it has one, is another time."""
    if connection.dialect.name != "postgresql":
        return
    before = datetime.now(UTC).timestamp()
    theirs = database_time(connection)
    off = max(before - theirs, theirs - datetime.now(UTC).timestamp())
    if off > SKEW.total_seconds():
        said = datetime.fromtimestamp(theirs, UTC)
        raise Misconfigured(
            f"this machine's clock says {now()}, that of the ledger's database {said:%Y-%m-%dT%H:%M:%SZ}",
            where="clock",
            hint="synchronise both with a time server (NTP) and try again; nothing was signed",
        )


def _recorded(row: Any) -> str:
    return "" if row is None else str(row.recorded)


def _check_order(at: str, earlier: dict[str, str], hint: str) -> None:
    for name, time in earlier.items():
        try:
            late = bool(time) and not in_order(time, at)
        except ValueError:
            raise EvidenceTampered(
                "the entry is damaged: it holds no time",
                where=name,
                hint="keep the database for investigation; see: lienthong evidence check-ledger",
            ) from None
        if late:
            raise Misconfigured(
                f"this machine's clock says {at}, which is before {name} ({time})",
                where="ledger",
                hint=hint or "set the clock (NTP) and try again; nothing was signed",
            )
