"""What of an endpoint ends on a day: certificates, tokens, accounts. Noticed before anything is delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from lienthong.connector.connection import Connection
from lienthong.connector.descriptor import ConnectionField
from lienthong.errors import Misconfigured
from lienthong.exchange import Text

EXPIRES: Final = ConnectionField(
    "expires",
    Text("Hết hạn ngày", "Expires on"),
    "last day (2027-06-30) or moment on which account, password or token is good; runs warn 30 days before",
)
"""The field of a connection form that says until when its credentials are good."""

_ACCOUNT: Final = Text("tài khoản", "the account")
_HINT: Final = "ask the agency for a new one, then set the connection's field 'expires'"


@dataclass(frozen=True, slots=True)
class Expiry:
    """Something of an endpoint that is good until a moment (aware); ``what`` names it, without a secret."""

    what: Text
    until: datetime
    hint: str = ""


@runtime_checkable
class Expiring(Protocol):
    """An open source, target or look-up that knows what of it ends, and when. Optional."""

    def expiries(self) -> list[Expiry]:
        """Return what ends, without asking the other side; `Misconfigured` where a file is not readable."""
        ...


@runtime_checkable
class Timed(Protocol):
    """An open source, target or look-up that hears the other side's clock. Optional."""

    def clock_ahead(self) -> float | None:
        """Return by how many seconds our clock is ahead of the other side's, None where nobody knows."""
        ...


def expiries_of(opened: object, connection: Connection) -> list[Expiry]:
    """Return what ends of an open connector and of the account that its connection names."""
    found = list(opened.expiries()) if isinstance(opened, Expiring) else []
    return [*found, *account_expiry(connection)]


def account_expiry(connection: Connection) -> list[Expiry]:
    """Return until when the connection's own field ``expires`` says that its account is good.

    A day counts to its end, in the time of Viet Nam. Raises `Misconfigured` for what is no date.
    """
    text = connection.option("expires")
    if text is None:
        return []
    try:
        return [Expiry(_ACCOUNT, _moment(str(text).strip()), _HINT)]
    except (ValueError, OverflowError):
        raise Misconfigured(
            "connection field 'expires' is no date",
            where=f"connection {connection.id!r}",
            hint="give a day such as 2027-06-30, or a moment with its offset",
        ) from None


def certificate_expiries(own: datetime | None, ca_file: str) -> list[Expiry]:
    """Return until when our certificate is good, and the last authority of a PEM file or folder of them."""
    found = []
    if own is not None:
        what = Text("chứng thư máy khách", "the client certificate")
        found.append(
            Expiry(what, own, "ask the authority for a new certificate; it goes into the connection")
        )
    until = _authorities_until(Path(ca_file)) if ca_file else None
    if until is not None:
        what = Text("tệp chứng thư CA", "the file of authorities")
        found.append(Expiry(what, until, "ask the agency for its authority's new certificate"))
    return found


def _authorities_until(path: Path) -> datetime | None:
    """Return until when the last of a file's or folder's PEM certificates is valid, None where there is none.

    Old ones beside new ones are how an authority is renewed.
    """
    from lienthong.signing.signers import read_certificates

    ends = []
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        try:
            ends += [one.not_valid_after_utc for one in read_certificates(file)]
        except Misconfigured:
            continue  # what cannot be read at all is told by whoever opens it
    return max(ends, default=None)


def _moment(text: str) -> datetime:
    if len(text) <= 10:
        day = date.fromisoformat(text) + timedelta(days=1)
        return datetime.combine(day, time(), UTC) - timedelta(hours=7)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment
