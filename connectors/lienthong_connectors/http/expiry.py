"""What of an HTTP connection ends on a day: our certificate, the authorities' file, a fixed token."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from lienthong.connector import Connection, Expiry
from lienthong.connector.expiry import certificate_expiries
from lienthong.exchange import Text
from lienthong_connectors.http.tls import Tls


def http_expiries(connection: Connection, tls: Tls, *, encrypted: bool) -> list[Expiry]:
    """Return what ends; certificates only where the connection is ``encrypted``."""
    found = certificate_expiries(tls.own_until(), tls.ca_file) if encrypted else []
    until = (
        _token_until(str(connection.option("token", ""))) if connection.option("auth") == "bearer" else None
    )
    if until is not None:
        found.append(Expiry(Text("mã truy cập", "the access token"), until, "ask the agency for a new token"))
    return found


def _token_until(token: str) -> datetime | None:
    """Return until when a JSON Web Token says that it is good, None for any other token."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        return None
