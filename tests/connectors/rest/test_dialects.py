"""The Vietnamese dialects byte by byte at a fixed moment."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import ReadRequest
from lienthong.errors import Forbidden, Misconfigured, RateLimited, Unauthenticated
from lienthong.signing import KeyRing
from lienthong.signing.keys import create_development_keys
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.transport import Limits, Streamed
from lienthong_connectors.rest import HttpSignature, RestSource, RestTarget

ROWS = [{"id": 1}]
SOURCE = RestSource(path="rows")
NOW = 1_763_947_815_123_456_789  # 2025-11-24T08:30:15.123+07:00
LGSP = {
    "login": "ak-1",
    "password": "sk=2",
    "app_name": "LIEN THONG",
    "partner_code": "000.00.01.H29",
    "partner_code_cus": "000.01.01.H29",
}
IDENTITY = base64.b64encode(
    b'{"AccessKey":"ak-1","SecretKey":"sk=2","AppName":"LIEN THONG",'
    b'"PartnerCode":"000.00.01.H29","PartnerCodeCus":"000.01.01.H29"}'
).decode()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still at NOW."""
    monkeypatch.setattr(time, "time_ns", lambda: NOW)


def sent(agency: Any, call: Call, **extra: Any) -> Any:
    """Send one call and return the last request that arrived."""
    if agency.default is None:
        agency.default = agency.response(ROWS)
    client = Client(agency.connection(**extra), agency.context(), Limits())
    agency.opened.append(client)
    client.call(call)
    return agency.asked[-1]


@pytest.mark.parametrize(
    ("way", "authorization", "body"),
    [
        ("basic", "Basic YXBwOmtob2E=", b"grant_type=client_credentials&scope=a+b"),
        (
            "post",
            None,
            b"grant_type=client_credentials&scope=a+b&client_id=app&client_secret=khoa",
        ),
        (
            "json",
            None,
            b'{"grant_type":"client_credentials","scope":"a b","client_id":"app","client_secret":"khoa"}',
        ),
    ],
)
def test_a_asks_for_a_token_in_the_way_that_the_gateway_reads(
    agency: Any, way: str, authorization: str | None, body: bytes
) -> None:
    """The token request byte by byte, and the bearer token that follows."""
    agency.default = agency.response({"access_token": "T", "expires_in": 3600, "scope": "b a"})
    who = {"login": "app", "password": "khoa", "token_url": "/token", "scope": "a b"}
    asked = sent(agency, Call("GET", "rows"), auth="oauth2", token_credentials=way, **who)
    token = agency.asked[0]
    assert (token.method, token.headers.get("authorization"), token.body) == ("POST", authorization, body)
    assert asked.headers["authorization"] == "Bearer T"


def test_d_puts_the_session_at_the_front_of_the_body(agency: Any) -> None:
    """Login and call byte by byte."""
    agency.default = agency.response({"session": "S", "error_code": 0})
    who = {"login": "u", "password": "p", "token_url": "/login", "dstcode": "VN:GOV:x", "madonvi": "H21"}
    body = '{"service":"TraCuuHoSo","mahoso":"Hồ sơ"}'.encode()
    asked = sent(agency, Call("POST", "mapi/g", body=body), auth="dvcqg-session", **who)
    assert agency.asked[0].body == b'{"username":"u","password":"p"}'
    assert asked.body == b'{"session":"S","madonvi":"H21",' + body[1:]
    for one in agency.asked:
        assert (one.headers["charset"], one.headers["dstcode"]) == ("utf-8", "VN:GOV:x")
        assert one.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("extra", "headers"),
    [
        ({}, {"lgspaccesstoken": IDENTITY}),
        ({"lgsp_header": "Authorization"}, {"authorization": IDENTITY}),
        ({"token": "T"}, {"lgspaccesstoken": IDENTITY, "authorization": "Bearer T"}),
        (
            {"token": "T", "token_header": "X-Authentication-Token"},
            {"lgspaccesstoken": IDENTITY, "x-authentication-token": "T"},
        ),
        (
            {"token": "T", "token_header": "X-Authentication-Token", "lgsp_header": "Authorization"},
            {"authorization": IDENTITY, "x-authentication-token": "T"},
        ),
    ],
)
def test_b_puts_identity_and_second_token_where_the_platform_reads_them(
    agency: Any, extra: dict[str, str], headers: dict[str, str]
) -> None:
    asked = sent(agency, Call("GET", "rows"), auth="lgsp", **LGSP, **extra)
    names = ("lgspaccesstoken", "authorization", "x-authentication-token")
    assert {name: asked.headers[name] for name in names if name in asked.headers} == headers


@pytest.mark.parametrize("header", ["Authorization", "X-Authentication-Token"])
def test_b_asks_for_its_second_token_with_the_identity_and_renews_it_once(agency: Any, header: str) -> None:
    granted = []

    def answer(asked: Any) -> bytes:
        if asked.path.endswith("/token"):
            granted.append(asked)
            return bytes(agency.response({"access_token": f"t{len(granted)}", "expires_in": 3600}))
        given = asked.headers[header.lower()].removeprefix("Bearer ")
        return bytes(agency.response(ROWS) if given == "t2" else agency.response({}, status=401))

    agency.default = answer
    sent(agency, Call("GET", "rows"), auth="lgsp", token_url="/token", token_header=header, **LGSP)
    assert [a.body for a in granted] == [b"grant_type=client_credentials"] * 2
    for asked in agency.asked:
        assert asked.headers["lgspaccesstoken"] == IDENTITY
    assert "authorization" not in granted[0].headers


def test_b_cannot_put_two_things_into_one_header(agency: Any) -> None:
    for second in ({"token": "T"}, {"token_url": "/token"}):
        with pytest.raises(Misconfigured, match="X-Authentication-Token"):
            agency.source(SOURCE, auth="lgsp", lgsp_header="Authorization", **LGSP, **second)


def test_b_s_statuses_mean_what_the_platform_says(agency: Any) -> None:
    for status, kind in ((401, Unauthenticated), (403, Misconfigured), (429, RateLimited)):
        agency.default = agency.response({"Description": "hết hạn mức"}, status=status)
        with pytest.raises(kind):
            agency.read(SOURCE, auth="lgsp", **LGSP)


@pytest.mark.parametrize(
    ("unit", "stamp", "sv_url", "digest"),
    [
        (
            "ms",
            "1763947815123",
            "/dancu/tracuu",
            "3d7c09f696cd5d5b949c3deb668903602a74b187c240f5a0758f7856c94b0fba",
        ),
        (
            "s",
            "1763947815",
            "/dancu/tracuu",
            "cfeb25e75ad6d02cd00838c471acf012b5d87be0641bef8b6447edbfd84268b4",
        ),
        ("ms", "1763947815123", "", "92a498d5ab34b36a90363d64bd9fd4114c2c7c93a45a68ccd09e4fb4be6f7ed3"),
        ("s", "1763947815", "", "90513f120bd44b207b5965ae0c0aabdc31343c023a29f93559777a9792fe592f"),
    ],
)
def test_c_hashes_path_login_moment_and_secret(
    agency: Any, clock: None, unit: str, stamp: str, sv_url: str, digest: str
) -> None:
    """Digests that OpenSSL computed over the four texts in a row; without sv_url the host's path counts."""
    who = {"login": "so-tp", "password": "bí mật", "sv_url": sv_url, "timestamp_unit": unit}
    asked = sent(agency, Call("GET", "rows"), auth="dancu-hash", **who)
    given = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
    assert asked.headers["timestamp"] == stamp
    assert given.decode() == f"so-tp:{digest}"


def test_c_travels_with_the_headers_of_x_road_and_of_an_esb(agency: Any) -> None:
    """Fixed headers of the connection, from an object or its text, go with REST requests too."""
    fixed = {"X-Road-Client": "VN/GOV/H21/LGSP", "ApiKey": "k:1", "ESB_SOURCE_TYPE": "1"}
    for given in (fixed, json.dumps(fixed)):
        asked = sent(agency, Call("GET", "rows"), auth="dancu-hash", login="u", password="p", headers=given)
        assert {name: asked.headers[name.lower()] for name in fixed} == fixed


@pytest.mark.parametrize(
    "body", [b"<soap>\xc3\xa0</soap>", Streamed(lambda: iter((b"<soap>", b"\xc3\xa0</soap>")))]
)
def test_c_behind_b_becomes_a_field_of_a_json_object(agency: Any, body: Any) -> None:
    """The request's text, both tokens and the officer's key are in the body, nothing in headers."""

    def answer(asked: Any) -> bytes:
        token = {"access_token": "t1", "expires_in": 60}
        return bytes(agency.response(token if asked.path.endswith("/token") else ROWS))

    agency.default = answer
    who = {**LGSP, "token_url": "/token", "officer_key_name": "cb.an", "officer_key_pass": "kín:2"}
    call = Call("POST", "dancu", body=body, headers={"Content-Type": "text/xml"})
    asked = sent(agency, call, auth="lgsp-dancu", **who)
    assert agency.asked[0].headers["lgspaccesstoken"] == IDENTITY
    assert asked.json() == {
        "accessToken": "Bearer t1",
        "lgspAccessToken": IDENTITY,
        "AuthHash": base64.b64encode("cb.an:kín:2".encode()).decode(),
        "data": "<soap>à</soap>",
    }
    assert asked.headers["content-type"].startswith("application/json")
    assert not {"authorization", "lgspaccesstoken", "transfer-encoding"} & asked.headers.keys()


def test_e_renames_lists_and_signs_the_service_s_headers(agency: Any, clock: None) -> None:
    """Names, order, text and HMAC (by OpenSSL) at a fixed moment; what steers HTTP stays as it is."""
    call = Call("GET", "getEdoc", headers={"servicetype": "eDoc", "docId": "42"}, correlation="c1")
    asked = sent(agency, call, auth="vxp-hmac", login="000.00.01.H21", password="bí mật")
    text = (
        '{"XroadVnpt-timestamp":"24112025T083015+0123","XroadVnpt-systemid":"000.00.01.H21",'
        '"XroadVnpt-servicetype":"eDoc","XroadVnpt-docId":"42"}'
    )
    expected = {
        "xroadvnpt-timestamp": "24112025T083015+0123",
        "xroadvnpt-systemid": "000.00.01.H21",
        "xroadvnpt-servicetype": "eDoc",
        "xroadvnpt-docid": "42",
        "xroadvnpt-sign-header-key": "timestamp;systemid;servicetype;docId",
        "xroadvnpt-sign-header": text,
        "xroadvnpt-hash-header": "e66b0f64d5f100b4192020faba1b5cb39398df873582386115493a75921ebb36",
        "xroadvnpt-version": "3.0.201608",
        "user-agent": "JAVASDKAgent/1.0.0 XRoad/VPCP",
    }
    plain = {"host", "accept", "accept-encoding", "x-request-id", "connection"}
    assert {name: text for name, text in asked.headers.items() if name not in plain} == expected


@pytest.mark.parametrize("body", [b"<edXML/>", Streamed(lambda: iter((b"<edX", b"ML/>")), 8)])
def test_e_names_the_hash_of_a_file_in_the_signed_headers(agency: Any, clock: None, body: Any) -> None:
    call = Call("POST", "sendEdoc", body=body, headers={"Content-Type": "application/octet-stream"})
    asked = sent(agency, call, auth="vxp-hmac", login="s", password="p")
    digest = hashlib.sha256(b"<edXML/>").hexdigest()
    assert asked.headers["xroadvnpt-hash-file"] == digest
    assert json.loads(asked.headers["xroadvnpt-sign-header"])["XroadVnpt-hash-file"] == digest
    assert asked.headers["xroadvnpt-sign-header-key"] == "timestamp;systemid;hash-file"
    assert asked.body == b"<edXML/>"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (412, "this machine's clock is 412 s ahead of the other side's"),
        (-90, "this machine's clock is 90 s behind the other side's"),
        (3, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("auth", ["dancu-hash", "vxp-hmac"])
def test_a_refused_moment_says_how_far_our_clock_is_off(
    agency: Any, monkeypatch: pytest.MonkeyPatch, auth: str, seconds: int | None, said: str | None
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW / 1e9)
    headers = {"Date": "garbage" if seconds is None else formatdate(NOW // 10**9 - seconds, usegmt=True)}
    agency.default = agency.response({}, status=401, headers=headers)
    with pytest.raises(Unauthenticated) as caught:
        agency.read(SOURCE, auth=auth, login="u", password="p")
    assert ("clock" in caught.value.hint) == (said is not None)
    assert said is None or said in str(caught.value)


def test_a_403_says_so_too(agency: Any) -> None:
    """Some systems call an old moment forbidden; a clock that is right goes without a word."""
    for date, said in ((formatdate(0, usegmt=True), True), (formatdate(usegmt=True), False)):
        agency.default = agency.response({}, status=403, headers={"Date": date})
        with pytest.raises(Forbidden) as caught:
            agency.read(SOURCE, auth="vxp-hmac", login="u", password="p")
        assert ("ahead of the other side's" in caught.value.hint) == said


def test_a_refused_signature_says_so_as_well(agency: Any, tmp_path: Path) -> None:
    """Signed requests carry the moment of signing, whatever the connection's own credential."""
    create_development_keys(tmp_path, "H21")
    signer = KeyRing.for_home(tmp_path).signer("H21")
    agency.default = agency.response({}, status=401, headers={"Date": formatdate(0, usegmt=True)})
    settings = RestSource(path="rows", signature=HttpSignature(sign=True))
    opened = settings.open_source(agency.connection(), agency.context(signer=signer))
    agency.opened.append(opened)
    with pytest.raises(Unauthenticated, match="ahead of the other side's"):
        list(opened.read(ReadRequest()))


def test_a_credential_without_a_moment_says_nothing_of_clocks(agency: Any) -> None:
    agency.default = agency.response({}, status=401, headers={"Date": formatdate(0, usegmt=True)})
    with pytest.raises(Unauthenticated) as caught:
        agency.read(SOURCE, auth="bearer", token="T")
    assert "clock" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[1]", "JSON object"),
        ("{", "JSON object"),
        ({"Host": "x"}, "Host"),
        ({"content-length": "1"}, "content-length"),
        ({"a b": "1"}, "a b"),
        ({"ApiKey": "secret\r\nX: y"}, "ApiKey"),
        ({"ApiKey": {"secret": 1}}, "ApiKey"),
    ],
)
def test_fixed_headers_that_cannot_be_sent_are_named_without_their_values(
    agency: Any, given: Any, said: str
) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        agency.source(SOURCE, headers=given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"auth": "vxp-hmac", "login": "s"}, "password"),
        ({"auth": "dancu-hash", "login": "s"}, "password"),
        ({"auth": "dancu-hash", "login": "s", "password": "p", "timestamp_unit": "m"}, "timestamp_unit"),
        ({"auth": "lgsp", **LGSP, "lgsp_header": "Cookie"}, "lgsp_header"),
        ({"auth": "lgsp", **LGSP, "token": "T", "token_header": "Cookie"}, "token_header"),
        ({"auth": "lgsp-dancu", **LGSP, "token_url": "/t"}, "officer_key_name"),
        (
            {"auth": "lgsp-dancu", **LGSP, "officer_key_name": "a", "officer_key_pass": "b"},
            "token_url",
        ),
    ],
)
def test_a_dialect_s_missing_or_wrong_field_is_named(agency: Any, extra: dict[str, str], named: str) -> None:
    with pytest.raises(Misconfigured, match=named):
        agency.target(RestTarget(path="rows"), **extra)
