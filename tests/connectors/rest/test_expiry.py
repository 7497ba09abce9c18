"""What of an HTTP or SQL connection ends on a day, and how far the other side's clock is off."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from chains import node

from lienthong.connector import Connection, Context, ReadRequest, connector, expiries_of
from lienthong.errors import Misconfigured
from lienthong_connectors.rest import RestLookup, RestSource, RestTarget
from lienthong_connectors.soap import SoapSource
from lienthong_connectors.sql import SqlSource, SqlTarget


def described(opened: Any, connection: Connection) -> dict[str, datetime]:
    try:
        return {one.what.en: one.until for one in expiries_of(opened, connection)}
    finally:
        opened.close()


def test_certificates_token_and_account_of_a_rest_connection(tmp_path: Path) -> None:
    """Our certificate, the last of the authorities in ca_file, a token that says so, and the account."""
    authority = Authority(tmp_path, "ca")
    ours = authority.issue("ours", days=7)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    claims = base64.urlsafe_b64encode(json.dumps({"exp": until.timestamp()}).encode()).decode().rstrip("=")
    extra = {
        "ca_file": str(authority.file),
        "client_certificate": str(ours.certificate),
        "client_key": str(ours.key),
        "auth": "bearer",
        "expires": "2027-06-30",
    }
    extra["token"] = f"e30.{claims}.x"
    connection = Connection("c", "rest", host="https://127.0.0.1:1", extra=extra)
    for settings, role in ((RestSource(path="/a"), "source"), (RestTarget(path="/a"), "target")):
        found = described(getattr(settings, f"open_{role}")(connection, Context()), connection)
        assert found == {
            "the client certificate": ours.leaf.not_valid_after_utc,
            "the file of authorities": authority.root.not_valid_after_utc,
            "the access token": until,
            "the account": datetime(2027, 6, 30, 17, tzinfo=UTC),
        }


def test_a_file_of_authorities_ends_with_its_last_one(tmp_path: Path) -> None:
    """An old authority beside a new one is how they are renewed."""
    old, new = node("CN=CA", ca=True, days=-5), node("CN=CA", ca=True, days=100)
    both = tmp_path / "both.pem"
    both.write_bytes(old.pem(tmp_path / "o.pem").read_bytes() + new.pem(tmp_path / "n.pem").read_bytes())
    connection = Connection("c", "rest", host="https://127.0.0.1:1", extra={"ca_file": str(both)})
    found = described(RestSource(path="/a").open_source(connection, Context()), connection)
    assert found == {"the file of authorities": new.certificate.not_valid_after_utc}


def test_what_has_no_date_says_nothing() -> None:
    """Opaque tokens, the public authorities, and certificates that a plain connection never uses."""
    for extra in ({}, {"auth": "bearer", "token": "opaque"}, {"ca_file": "/nowhere"}):
        connection = Connection("c", "rest", host="http://127.0.0.1:1", extra=extra)
        assert described(RestSource(path="/a").open_source(connection, Context()), connection) == {}
        who = {"X-Officer": "$officer", "X-Procedure": "$procedure", "X-Purpose": "$purpose"}
        lookup = RestLookup(path="a/{record.id}", headers=who)
        assert described(lookup.open_lookup(connection, Context()), connection) == {}


def test_soap_and_sql_tell_as_well(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    ours = authority.issue("ours", days=7)
    extra = {"client_certificate": str(ours.certificate), "client_key": str(ours.key)}
    connection = Connection("c", "soap", host="https://127.0.0.1:1/s", extra=extra)
    settings = SoapSource(operation="List", record_element="item")
    found = described(settings.open_source(connection, Context()), connection)
    assert found == {"the client certificate": ours.leaf.not_valid_after_utc}
    url = f"postgresql://db/x?sslcert={ours.certificate}&sslrootcert={authority.file}"
    connection = Connection("c", "sql", extra={"url": url})
    found = {"the client certificate": ours.leaf.not_valid_after_utc}
    found["the file of authorities"] = authority.root.not_valid_after_utc
    assert described(SqlSource(table="t").open_source(connection, Context()), connection) == found
    assert described(SqlTarget(table="t").open_target(connection, Context()), connection) == found
    plain = Connection("c", "sql", extra={"url": f"sqlite:///{tmp_path}/x.db"})
    assert described(SqlSource(table="t").open_source(plain, Context()), plain) == {}
    missing = Connection("c", "sql", extra={"url": "postgresql://db/x?sslcert=/nowhere.pem"})
    opened = SqlSource(table="t").open_source(missing, Context())
    with pytest.raises(Misconfigured, match="cannot be read"):
        opened.expiries()


@pytest.mark.parametrize("kind", ["rest", "soap", "sql"])
def test_every_form_asks_for_the_day(kind: str) -> None:
    assert "expires" in {one.name for one in connector(kind).connection}


@pytest.mark.parametrize("seconds", [0, 300, -300])
def test_the_other_side_s_clock_is_heard(agency: Any, seconds: int) -> None:
    """By the answer that shows the least difference; nobody knows before any answer."""

    def dated(by: int) -> bytes:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=by), usegmt=True)
        return answer([{"a": 1}], date)

    agency.steps = [dated(seconds)]
    connection = Connection("c", "rest", host=f"http://127.0.0.1:{agency.port}")
    opened = RestSource(path="/a").open_source(connection, Context())
    try:
        assert opened.clock_ahead() is None
        list(opened.read(ReadRequest(None, None, None, {})))
        assert opened.clock_ahead() == pytest.approx(-seconds, abs=60)
    finally:
        opened.close()


def answer(value: Any, date: str) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nDate: {date}"
    return head.encode() + b"\r\n\r\n" + body
