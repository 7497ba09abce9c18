"""What would spoil a run, noticed before anything is delivered: what has expired, and clocks that differ.

`check_health` raises where something has expired or where evidence signed now would not verify, and
returns a notice where it will within 30 days. What stands in the way of evidence is found at the signer's
whole path to the deployment's own trust, at the ledger's last entry (a clock that ran backwards) and at
the database's clock, by which leases are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lienthong.connector import Expiry, Finding, account_expiry, expiries_of
from lienthong.connector.expiry import Timed
from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.ledger.clock import check_not_behind
from lienthong.pipeline.bus import Bus

if TYPE_CHECKING:
    from cryptography import x509

    from lienthong.connector import Connection
    from lienthong.exchange import Exchange
    from lienthong.pipeline.parts import RunRequest
    from lienthong.pipeline.plan import Plan
    from lienthong.signing import Signer, TrustStore
    from lienthong.signing.trust import CertificatePath

SOON: Final = timedelta(days=30)
"""How long before the end a run begins to say so."""

_ROLES: Final = ("source", "lookup", "target")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to see to before it stops a run.

    ``code`` is stable, ``en`` and ``vi`` are sentences without a person's name, ``until`` is the
    moment in question (RFC 3339), empty where there is none.
    """

    code: str
    en: str
    vi: str
    until: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the notice as a JSON-ready object."""
        return {"code": self.code, "en": self.en, "vi": self.vi, "until": self.until}


def check_health(
    bus: Bus, plan: Plan, request: RunRequest, *, role: str = "", opened: object = None
) -> list[Notice]:
    """Check what a run depends on, and return what will need somebody's hand within 30 days.

    Called at the beginning of pull and of push. ``role`` names the end that is ``opened`` (source,
    lookup or target), whose connection is checked with its certificates; without it only what the
    connections of all ends say of their accounts. Writes an audit line for each notice. Raises
    `Misconfigured` where something has expired, where evidence signed now would not verify, and
    where this machine's clock is behind the ledger or apart from the database's.
    """
    check_clock(bus)
    now = datetime.now(UTC)
    path = _signing_path(bus, plan)
    notices = [*_signer(bus, plan, path, now), *_trusted(bus.trust, path, now)]
    for one in (role,) if role else _ROLES:
        connection = _connection(bus, plan.exchange, one)
        if connection is not None:
            found = account_expiry(connection) if opened is None else expiries_of(opened, connection)
            notices += _expiries(connection, found, now)
    for notice in notices:
        bus.audit("health", f"run {request.run}: {notice.en} [{notice.code}]")
    return notices


def heed(notes: dict[str, Any], notices: Iterable[Notice]) -> None:
    """Add notices to the notes of a run, each once: they stand in its statement and in its result."""
    known: list[dict[str, str]] = notes.get("notices", [])
    fresh = [one.as_dict() for one in notices if one.as_dict() not in known]
    if fresh:
        notes["notices"] = [*known, *fresh]


def check_clock(bus: Bus) -> None:
    """Raise `Misconfigured` where this machine's clock would spoil evidence or leases.

    That is where the ledger's last entry is later than now, and where the database's clock differs,
    by more than the tolerance.
    """
    check_not_behind(bus.ledger.recorded(), bus.config.clock_tolerance)
    before = datetime.now(UTC)
    theirs = bus.database.clock()
    if theirs is None:
        return
    after = datetime.now(UTC)
    off = max((before - theirs).total_seconds(), (theirs - after).total_seconds())
    if off > bus.config.clock_tolerance:
        raise Misconfigured(
            f"this machine's clock says {_text(after)}, the ledger database's {_text(theirs)}",
            where="clock",
            hint="synchronise both with a time server (NTP), then run again",
        )


def check_act(bus: Bus, signer: Signer, act: str) -> None:
    """Raise `Misconfigured` where an act signed now by this operator's key would not verify.

    That is where the certificate does not hold, or certificate and trust do not both let it sign the act.
    """
    path = _believed(bus, signer, f"act {act!r}")
    role = bus.trust.role_on(path)
    if not role.may_sign_act(act):
        may = ", ".join(role.acts) or "none"
        raise Misconfigured(
            f"{signer.agency} may not sign the act {act!r}",
            where=f"act {act!r}",
            hint=f"acts of this key: {may}; see certificate, [operators] and [trust] (docs/operations.md)",
        )


def clock_notices(bus: Bus, plan: Plan, role: str, opened: object) -> list[Notice]:
    """Return that a counterpart's clock differs from ours, as far as its answers said so by now.

    Called when an end was used, before it is closed. It is no error: where a signature or token
    depends on the clock, the counterpart refuses it and the error says how far the clock is off.
    """
    ahead = opened.clock_ahead() if isinstance(opened, Timed) else None
    if ahead is None or abs(ahead) <= bus.config.clock_tolerance:
        return []
    name = getattr(plan.exchange, role).connection
    way_en, way_vi = ("ahead of", "nhanh hơn") if ahead > 0 else ("behind", "chậm hơn")
    notice = Notice(
        "clock.counterpart",
        f"this machine's clock is {abs(ahead):.0f} s {way_en} that of connection {name!r}",
        f"đồng hồ máy này {way_vi} đồng hồ của kết nối {name!r} {abs(ahead):.0f} giây",
    )
    bus.audit("health", f"{notice.en} [{notice.code}]")
    return [notice]


def expiry_findings(opened: object, connection: Connection) -> list[Finding]:
    """Return until when certificates and account of an open end are good, as findings of a check."""
    return [_finding(one, datetime.now(UTC)) for one in expiries_of(opened, connection)]


def _finding(one: Expiry, now: datetime) -> Finding:
    days, ok = (one.until - now).days, one.until > now
    en = f"good for {days} days, until {one.until:%Y-%m-%d}" if ok else f"expired on {one.until:%Y-%m-%d}"
    vi = f"còn {days} ngày, đến {one.until:%d/%m/%Y}" if ok else f"đã hết hạn ngày {one.until:%d/%m/%Y}"
    soon = "; renew it now" if ok and one.until <= now + SOON else ""
    return Finding("expiry", ok, f"{one.what.en}: {en}{soon}", one.hint, vi=f"{one.what.vi}: {vi}")


def _signing_path(bus: Bus, plan: Plan) -> CertificatePath:
    """Return the path by which evidence signed now verifies."""
    agency = plan.exchange.signer
    signer = bus.signer(plan)
    path = _believed(bus, signer, f"keys.{agency}")
    if bus.trust.agency_of(signer.certificate) != agency:
        raise Misconfigured(
            f"evidence signed now would not verify: the certificate is not that of agency {agency!r}",
            where=f"keys.{agency}",
            hint="configure the certificate that was issued to this agency",
        )
    return path


def _believed(bus: Bus, signer: Signer, where: str) -> CertificatePath:
    """Return the path by which a signer's certificate is believed now; `Misconfigured` where it is not."""
    try:
        return bus.trust.path(signer.certificate, signer.chain)
    except SignatureInvalid as error:
        raise Misconfigured(
            f"evidence signed now would not verify: {error.message}",
            where=where,
            hint="renew the certificate, or put the authority that issued it among the trusted ones",
            reason=str(error.details.get("reason", "")),
        ) from None


def _signer(bus: Bus, plan: Plan, path: CertificatePath, now: datetime) -> Iterator[Notice]:
    """Yield until when evidence verifies, where nothing that holds longer stands beside it."""
    agency, signer = plan.exchange.signer, bus.signer(plan)
    until = min(one.not_valid_after_utc for one in path)
    if until > now + SOON:
        return
    try:
        bus.trust.path(signer.certificate, signer.chain, now + SOON)
    except SignatureInvalid:
        leaf = until == path[0].not_valid_after_utc
        yield _ends(
            "expires.signer" if leaf else "expires.authority",
            f"the signing certificate of {agency}" if leaf else f"the authority of {agency}'s certificate",
            f"chứng thư ký số của {agency}" if leaf else f"chứng thư của nơi cấp cho {agency}",
            until,
        )


def _trusted(trust: TrustStore, path: CertificatePath, now: datetime) -> Iterator[Notice]:
    """Yield the other trusted certificates that end soon and have no renewed one beside them.

    Those that have ended are kept for evidence of their time, and are no news.
    """
    for one in trust.certificates:
        until = one.not_valid_after_utc
        if now < until <= now + SOON and one not in path and not _renewed(trust, one):
            key = one.fingerprint(_sha256()).hex()[:16]
            yield _ends(
                "expires.trusted", f"the trusted certificate {key}", f"chứng thư tin cậy {key}", until
            )


def _renewed(trust: TrustStore, certificate: x509.Certificate) -> bool:
    later = certificate.not_valid_after_utc + timedelta(days=1)
    return any(
        one.subject == certificate.subject and one.not_valid_after_utc > later for one in trust.certificates
    )


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()


def _connection(bus: Bus, exchange: Exchange, role: str) -> Connection | None:
    end = getattr(exchange, role)
    return None if end is None else bus.connections(end.connection)


def _expiries(connection: Connection, found: list[Expiry], now: datetime) -> Iterator[Notice]:
    for one in found:
        if one.until <= now:
            raise Misconfigured(
                f"{one.what.en} expired on {_text(one.until)}",
                where=f"connection {connection.id!r}",
                hint=one.hint or "renew it, then run again",
                until=_text(one.until),
            )
        if one.until <= now + SOON:
            name = f"connection {connection.id!r}"
            yield _ends(
                "expires.connection",
                f"{one.what.en} of {name}",
                f"{one.what.vi} của kết nối {connection.id!r}",
                one.until,
            )


def _ends(code: str, en: str, vi: str, until: datetime) -> Notice:
    days = max((until - datetime.now(UTC)).days, 0)
    return Notice(
        code,
        f"{en} expires on {until:%Y-%m-%d}, in {days} days",
        f"{vi} hết hạn ngày {until:%d/%m/%Y}, còn {days} ngày",
        _text(until),
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
