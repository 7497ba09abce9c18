"""SOAP connections say who they are in the same dialects as REST ones."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from lienthong.connector import Context, Question
from lienthong.errors import Misconfigured, Unauthenticated
from lienthong_connectors.http import clock
from lienthong_connectors.soap import SoapLookup

LOOKUP = SoapLookup(operation="get", namespace="urn:t", request={"id": "$record.id"})
LGSP = {"login": "ak", "password": "sk", "app_name": "a", "partner_code": "p"}


def ask(told: Any, **extra: Any) -> dict[str, str]:
    """Ask one question; return the headers of the last request."""
    told.envelope("<got><id>1</id></got>")
    opened = LOOKUP.open_lookup(told.connection(**extra), Context(log=lambda _: None))
    try:
        opened.ask(Question("q1", {"id": "1"}, "cb", "tt", "md"))
    finally:
        opened.close()
    return dict(told.requests[-1][1])


def test_an_api_key_and_an_lgsp_identity_travel_in_headers(told: Any) -> None:
    assert ask(told, auth="api-key", token="T", api_key_header="ApiKey")["apikey"] == "T"
    headers = ask(told, auth="lgsp", token="T", token_header="X-Authentication-Token", **LGSP)
    assert headers["x-authentication-token"] == "T"
    assert headers["lgspaccesstoken"]


def test_the_bus_s_hmac_covers_the_soap_action_and_fixed_headers(told: Any) -> None:
    """Envelopes can be sent with dialect E; the action is renamed like any header of the call."""
    headers = ask(told, auth="vxp-hmac", login="s", password="p", headers={"ApiKey": "k"})
    text = headers["xroadvnpt-sign-header"]
    listed = json.loads(text)
    assert listed["XroadVnpt-ApiKey"] == "k"
    assert listed["XroadVnpt-systemid"] == "s"
    assert headers["xroadvnpt-hash-header"] == hmac.new(b"p", text.encode(), hashlib.sha256).hexdigest()
    for name, value in listed.items():
        assert headers[name.lower()] == value


def test_a_session_of_the_portal_is_for_json_bodies_only(told: Any) -> None:
    with pytest.raises(Misconfigured, match="JSON"):
        ask(told, auth="dvcqg-session", login="u", password="p", token_url="/t", dstcode="d", madonvi="m")
    assert told.requests == []


def test_a_refused_hash_says_how_far_our_clock_is_off(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the error of a question, and in the finding of a check."""
    told.status, now = 401, time.time

    class Moved:
        time = staticmethod(lambda: now() + 400)

    monkeypatch.setattr(clock, "time", Moved)
    who = {"auth": "dancu-hash", "login": "u", "password": "p"}
    with pytest.raises(Unauthenticated, match="ahead of the other side's"):
        ask(told, **who)
    opened = LOOKUP.open_lookup(told.connection(**who), Context(log=lambda _: None))
    last = opened.check()[-1]
    opened.close()
    assert not last.ok
    assert "sv_url" in last.hint and "ahead of the other side's" in last.hint
