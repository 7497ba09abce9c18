"""Every authentication dialect, and what happens when a credential runs out."""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import Any
from urllib.parse import parse_qs

import pytest

from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.http.auth import Credential
from lienthong_connectors.rest import PagePaging, RestSource, RestTarget

ROWS = [{"id": 1}]
SOURCE = RestSource(path="rows")
TARGET = RestTarget(path="rows", wrap={"data": "$records"})
OAUTH = {"auth": "oauth2", "token_url": "/token", "login": "app", "password": "kh:óa"}
PORTAL = {
    "auth": "dvcqg-session",
    "token_url": "/login",
    "dstcode": "VN:GOV:x",
    "madonvi": "H21",
    "login": "u",
    "password": "p",
}


class Gateway:
    """Grants tokens t1, t2, ...; only the newest is good."""

    def __init__(self, agency: Any, *, life: Any = 3600) -> None:
        self.agency, self.life, self.granted = agency, life, 0
        agency.default = self.answer

    def answer(self, asked: Any) -> bytes:
        if asked.path.endswith("/token"):
            self.granted += 1
            return bytes(self.agency.response({"access_token": f"t{self.granted}", "expires_in": self.life}))
        if asked.headers.get("authorization") == f"Bearer t{self.granted}":
            return bytes(self.agency.response(ROWS))
        return bytes(self.agency.response({"fault": {"code": 900901}}, status=401))


@pytest.mark.parametrize(
    ("extra", "header", "value"),
    [
        ({"auth": "bearer", "token": "T"}, "authorization", "Bearer T"),
        ({"auth": "api-key", "token": "T"}, "x-api-key", "T"),
        ({"auth": "api-key", "token": "T", "api_key_header": "ApiKey"}, "apikey", "T"),
        (
            {"auth": "basic", "login": "Huế", "password": "p:q"},
            "authorization",
            "Basic " + base64.b64encode("Huế:p:q".encode()).decode(),
        ),
    ],
)
def test_fixed_credentials_travel_in_their_header(
    agency: Any, extra: dict[str, str], header: str, value: str
) -> None:
    agency.default = agency.response(ROWS)
    agency.read(SOURCE, **extra)
    assert agency.asked[0].headers[header] == value


def test_a_key_in_the_query_takes_the_place_of_one_that_a_link_brought(agency: Any) -> None:
    """The service knows no other place for it; what else the address says stays, and no error shows it."""
    agency.default = agency.response(ROWS)
    settings = RestSource(path="rows", params={"q": "a b", "key": "old"})
    agency.read(settings, auth="api-key", api_key_query="key", token="s3cret/=")
    assert agency.asked[0].query == {"q": "a b", "key": "s3cret/="}
    assert "x-api-key" not in agency.asked[0].headers
    agency.default = agency.response({"message": "no"}, status=403)
    with pytest.raises(Forbidden) as caught:
        agency.read(settings, auth="api-key", api_key_query="key", token="s3cret/=")
    assert "s3cret" not in str(caught.value)


def test_without_auth_no_credential_travels(agency: Any) -> None:
    """Not even one from a .netrc file or the environment."""
    agency.default = agency.response(ROWS)
    agency.read(SOURCE)
    assert "authorization" not in agency.asked[0].headers
    assert "cookie" not in agency.asked[0].headers


def test_the_lgsp_header_holds_five_names_in_their_order(agency: Any) -> None:
    agency.default = agency.response(ROWS)
    fields = {"login": "ak", "password": "sk", "app_name": "app", "partner_code": "000.00.01.H29"}
    agency.read(SOURCE, auth="lgsp", **fields)
    text = base64.b64decode(agency.asked[0].headers["lgspaccesstoken"]).decode()
    assert list(json.loads(text)) == ["AccessKey", "SecretKey", "AppName", "PartnerCode", "PartnerCodeCus"]
    assert " " not in text


def test_lgsp_with_a_token_url_sends_both_tokens(agency: Any) -> None:
    gateway = Gateway(agency)
    fields = {"login": "ak", "password": "sk", "app_name": "a", "partner_code": "p", "token_url": "/token"}
    agency.read(SOURCE, auth="lgsp", **fields)
    assert gateway.granted == 1
    for asked in agency.asked:
        assert "lgspaccesstoken" in asked.headers
    assert agency.asked[0].body == b"grant_type=client_credentials"
    assert agency.asked[1].headers["authorization"] == "Bearer t1"


def test_client_credentials_travel_in_the_header(agency: Any) -> None:
    """Form-encoded before they are joined (RFC 6749 section 2.3.1): a colon in a secret is no end."""
    Gateway(agency)
    agency.read(SOURCE, **OAUTH, scope="hoso xacthuc")
    asked = agency.asked[0]
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"app:kh%3A%C3%B3a").decode()
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["hoso xacthuc"],
    }


def test_client_credentials_travel_in_the_form_where_asked(agency: Any) -> None:
    Gateway(agency)
    agency.read(SOURCE, **OAUTH, token_credentials="post")
    form = parse_qs(agency.asked[0].body.decode())
    assert (form["client_id"], form["client_secret"]) == (["app"], ["kh:óa"])
    assert "authorization" not in agency.asked[0].headers


def test_a_token_serves_many_requests_of_many_threads(agency: Any) -> None:
    gateway = Gateway(agency)
    inner = agency.default

    def answer(asked: Any) -> bytes:
        if asked.query.get("page", "1") != "1":
            return bytes(agency.response([]))
        return bytes(inner(asked))

    agency.default = answer
    agency.read(RestSource(path="rows", paging=PagePaging(size=1)), **OAUTH)
    assert gateway.granted == 1


def test_a_refused_token_is_renewed_once_and_the_request_repeated(agency: Any) -> None:
    gateway = Gateway(agency)
    target = agency.target(TARGET, **OAUTH)
    target.deliver(agency.batch(*ROWS))
    gateway.granted += 1  # the old token is no longer good
    answer = target.deliver(agency.batch(*ROWS))
    assert answer.acknowledged == 1
    deliveries = [a for a in agency.asked if a.path.endswith("rows")]
    assert len(deliveries) == 3
    assert deliveries[1].headers["idempotency-key"] == deliveries[2].headers["idempotency-key"]


def test_a_second_refusal_is_final(agency: Any) -> None:
    gateway = Gateway(agency)
    inner = gateway.answer

    def never(asked: Any) -> bytes:
        return inner(asked) if asked.path.endswith("/token") else bytes(agency.response({}, status=401))

    agency.default = never
    with pytest.raises(Unauthenticated):
        agency.target(TARGET, **OAUTH).deliver(agency.batch(*ROWS))
    assert gateway.granted == 2
    assert sum(a.path.endswith("rows") for a in agency.asked) == 2


def test_a_fixed_credential_that_is_refused_is_not_sent_again(agency: Any) -> None:
    agency.default = agency.response({}, status=401)
    with pytest.raises(Unauthenticated):
        agency.read(SOURCE, auth="bearer", token="T")
    assert len(agency.asked) == 1


def test_a_token_is_renewed_before_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """By half a minute, or by half its life where that is shorter; one without an end is kept."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for life, good, bad in ((3600.0, 3569.0, 3570.0), (40.0, 19.0, 20.0), (0.0, 1e9, None)):
        now = 0.0
        count = iter(range(100))
        credential = Credential(lambda life=life, count=count: (f"t{next(count)}", life))  # type: ignore[misc]
        assert credential.get() == "t0"
        now = good
        assert credential.get() == "t0"
        if bad is not None:
            now = bad
            assert credential.get() == "t1"


def test_threads_that_need_a_token_together_fetch_one() -> None:
    fetched = []

    def fetch() -> tuple[str, float]:
        time.sleep(0.05)
        fetched.append(1)
        return "t", 100.0

    credential = Credential(fetch)
    threads = [threading.Thread(target=credential.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1
    credential.forget("another")
    assert credential.get() == "t"
    assert len(fetched) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "invalid_client"}, Unauthenticated),
        (400, {}, Unauthenticated),
        (429, {}, RateLimited),
        (503, {}, Unavailable),
        (200, {}, ProtocolViolation),
        (200, [], ProtocolViolation),
        (200, {"access_token": ""}, ProtocolViolation),
        (200, {"access_token": "a\r\nX: y"}, ProtocolViolation),
    ],
)
def test_a_token_that_cannot_be_had_fails_before_anything_is_delivered(
    agency: Any, status: int, body: Any, kind: type[LienThongError]
) -> None:
    agency.default = agency.response(body, status=status)
    with pytest.raises(kind) as caught:
        agency.target(TARGET, **OAUTH).deliver(agency.batch(*ROWS))
    assert all(a.path.endswith("token") for a in agency.asked)
    assert "kh:óa" not in repr(caught.value) + str(caught.value)


def test_a_cut_token_answer_leaves_no_unknown_outcome(agency: Any) -> None:
    def cut(asked: Any, connection: Any) -> None:
        connection.close()

    agency.default = cut
    with pytest.raises(LienThongError) as caught:
        agency.target(TARGET, **OAUTH).deliver(agency.batch(*ROWS))
    assert not isinstance(caught.value, OutcomeUnknown)


class Portal:
    """Sessions s1, s2, ...; an old one is refused inside a success."""

    def __init__(self, agency: Any) -> None:
        self.agency, self.opened = agency, 0
        agency.default = self.answer

    def answer(self, asked: Any) -> bytes:
        body = asked.json()
        assert asked.headers["dstcode"] == "VN:GOV:x"
        assert asked.headers["charset"] == "utf-8"
        if asked.path.endswith("/login"):
            assert body == {"username": "u", "password": "p"}
            self.opened += 1
            return bytes(self.agency.response({"session": f"s{self.opened}", "error_code": 0}))
        if body["session"] != f"s{self.opened}":
            return bytes(self.agency.response({"error_code": "401", "message": "hết hạn"}))
        return bytes(self.agency.response({"error_code": "00", "result": ROWS}))


def test_a_portal_session_travels_in_every_body(agency: Any) -> None:
    Portal(agency)
    agency.target(TARGET, **PORTAL).deliver(agency.batch(*ROWS))
    assert agency.asked[1].json() == {"session": "s1", "madonvi": "H21", "data": ROWS}


def test_an_expired_session_is_opened_again_once(agency: Any) -> None:
    portal = Portal(agency)
    target = agency.target(TARGET, **PORTAL)
    target.deliver(agency.batch(*ROWS))
    portal.opened += 1
    assert target.deliver(agency.batch(*ROWS)).acknowledged == 1
    assert portal.opened == 3
    assert [a.path.endswith("login") for a in agency.asked] == [True, False, False, True, False]


def test_a_session_serves_a_source_without_a_body_too(agency: Any) -> None:
    Portal(agency)
    pages = agency.read(RestSource(path="g", method="POST", records="result"), **PORTAL)
    assert agency.ids(pages) == [1]
    assert agency.asked[1].json() == {"session": "s1", "madonvi": "H21"}


def test_a_refused_login_is_unauthenticated(agency: Any) -> None:
    agency.default = agency.response({"error_code": "403", "message": "sai"})
    with pytest.raises(Unauthenticated):
        agency.target(TARGET, **PORTAL).deliver(agency.batch(*ROWS))
    assert len(agency.asked) == 1


def test_a_session_needs_a_body_that_is_an_object(agency: Any) -> None:
    """Said when the target is opened, before anything leaves."""
    with pytest.raises(Misconfigured, match="object"):
        agency.target(RestTarget(path="rows"), **PORTAL)


@pytest.mark.parametrize(
    ("extra", "missing"),
    [
        ({"auth": "oauth2", "login": "a", "password": "b"}, "token_url"),
        ({"auth": "oauth2", "token_url": "/t", "password": "b"}, "login"),
        ({"auth": "bearer"}, "token"),
        ({"auth": "kerberos"}, "auth"),
        ({k: v for k, v in PORTAL.items() if k != "dstcode"}, "dstcode"),
        ({"auth": "lgsp", "login": "a", "password": "b"}, "app_name"),
    ],
)
def test_a_missing_connection_field_is_named(agency: Any, extra: dict[str, str], missing: str) -> None:
    with pytest.raises(Misconfigured, match=missing):
        agency.source(SOURCE, **extra)


def test_credentials_never_reach_log_lines_or_representations(agency: Any) -> None:
    Gateway(agency)
    source = agency.source(SOURCE, **OAUTH)
    list(source.read(_request()))
    shown = "\n".join([*agency.lines, repr(source), repr(vars(source))])
    for secret in ("kh:óa", "t1", base64.b64encode("app:kh:óa".encode()).decode()):
        assert secret not in shown
    assert any("(token)" in line for line in agency.lines)


def test_checks_say_how_far_a_connection_gets(agency: Any) -> None:
    Gateway(agency)
    findings = agency.source(SOURCE, **OAUTH).check()
    assert [(f.check, f.ok) for f in findings] == [
        (name, True) for name in ("transport", "name", "port", "credential", "path", "paging")
    ]
    agency.default = agency.response({"error": "invalid_client"}, status=401)
    last = agency.source(SOURCE, **OAUTH).check()[-1]
    assert (last.check, last.ok) == ("credential", False)
    assert last.hint


def test_a_target_is_checked_without_delivering(agency: Any) -> None:
    agency.default = agency.response({}, status=405)
    last = agency.target(TARGET).check()[-1]
    assert (last.check, last.ok, agency.asked[-1].method) == ("path", True, "OPTIONS")
    agency.default = agency.response({}, status=404)
    last = agency.target(TARGET).check()[-1]
    assert not last.ok
    assert "path" in last.hint


def test_plain_http_beyond_this_machine_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from lienthong.connector import Connection, Context

    opened = SOURCE.open_source(
        Connection("c", "k", "http://no-such-host.invalid"), Context(log=lambda _: None)
    )
    findings = {f.check: f for f in opened.check()}
    opened.close()
    assert not findings["transport"].ok
    assert not findings["name"].ok
    assert "path" not in findings


def _request() -> Any:
    from lienthong.connector import ReadRequest

    return ReadRequest()
