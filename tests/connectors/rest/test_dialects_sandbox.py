"""Each dialect towards the sandbox system that asks for it, through the real client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lienthong.connector import Batch, Connection, Context, Question
from lienthong.errors import Forbidden, LienThongError, RateLimited, Refused, Unauthenticated
from lienthong.records import canonical, sha256
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Limits, Streamed
from lienthong_connectors.presets import verify_citizen, vxp_send, vxp_status
from lienthong_sandbox import Province
from lienthong_sandbox.applicants import OFFICERS

EDXML = b'<edXML:edXML xmlns:edXML="http://www.e-doc.vn/Schema/"/>'


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    with Province(tmp_path_factory.mktemp("province"), population=500) as running:
        yield running


def connection(province: Province, name: str, **changed: Any) -> Connection:
    found = province.connections()[name]
    return Connection(
        changed.pop("id", name), found["conn_type"], found["host"], login=found["login"],
        password=changed.pop("password", found["password"]), extra=found["extra"] | changed,
    )  # fmt: skip


Ask = Callable[..., Any]


@pytest.fixture
def ask(province: Province) -> Iterator[Ask]:
    """``ask(connection id, call, **changed fields)`` returns the reply, or raises what it means."""
    clients = []

    def send(name: str, call: Call, **changed: Any) -> Any:
        client = Client(connection(province, name, **changed), Context(log=lambda _: None), Limits())
        clients.append(client)
        reply = client.call(call).reply
        if error := failure(reply, where=name, safe=call.safe):
            raise error
        return reply

    yield send
    for client in clients:
        client.close()


@pytest.mark.parametrize("way", ["basic", "post", "json"])
def test_a_is_let_in_whichever_way_the_client_says_who_it_is(ask: Ask, way: str) -> None:
    """Two scopes are granted; one that the client lacks is forbidden at the token step."""
    call = Call("GET", "api/hotich", params={"limit": "1"})
    assert b"Data" in ask("one_stop", call, token_credentials=way).body
    with pytest.raises(Forbidden, match="invalid_scope"):
        ask("one_stop", call, token_credentials=way, scope="hoso admin")
    with pytest.raises(Unauthenticated, match="invalid_client"):
        ask("one_stop", call, token_credentials=way, password="wrong")


def test_d_is_let_in_by_a_session(ask: Ask) -> None:
    call = Call("POST", "mapi/g", body=b'{"service":"LayDanhMucLinhVuc"}')
    assert b'"error_code":"00"' in ask("national_portal", call).body
    with pytest.raises(Unauthenticated):
        ask("national_portal", call, password="wrong")


LIST = Call("GET", "dmdc/donvihanhchinh", params={"trang": "1", "soBanGhi": "2"})


@pytest.mark.parametrize(
    "placement",
    [
        {},
        {"token_header": "X-Authentication-Token"},
        {"lgsp_header": "Authorization", "token_url": ""},
    ],
)
def test_b_is_let_in_at_every_placement(ask: Ask, placement: dict[str, str]) -> None:
    assert len(ask("lgsp", LIST, **placement).body) > 100


def test_b_is_told_apart_by_what_the_platform_refuses(ask: Ask, province: Province) -> None:
    """401 at the token step and at the service, 403 for a list without a right, 429 for quota."""
    cases: tuple[tuple[type[LienThongError], Call, dict[str, str]], ...] = (
        (Unauthenticated, LIST, {"password": "wrong"}),
        (Unauthenticated, LIST, {"token_url": "", "token": "never-granted"}),
        (Forbidden, Call("GET", "dmdc/madantoc"), {}),
    )
    for kind, call, changed in cases:
        with pytest.raises(kind):
            ask("lgsp", call, **changed)
    province.fault("lgsp", "rate_limited", operation="dmdc", seconds=40)
    with pytest.raises(RateLimited) as caught:
        ask("lgsp", LIST, id="lgsp_slow")  # a connection of its own: the wait is remembered
    assert caught.value.retry_after == pytest.approx(40, abs=1)


def test_b_renews_a_second_token_that_ran_out(ask: Ask, province: Province) -> None:
    def granted() -> int:
        return sum(line["count"] for line in province.log("lgsp") if line["operation"] == "token")

    before = granted()
    province.fault("lgsp", "expired_token", operation="dmdc")
    ask("lgsp", LIST)
    assert granted() == before + 2


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("population", {}),
        ("population", {"timestamp_unit": "s"}),
        ("population", {"headers": {"ESB_SOURCE_TYPE": "1", "ApiKey": "k"}}),
        ("lgsp_population", {}),
    ],
)
def test_c_asks_about_a_citizen_directly_and_behind_b(
    province: Province, name: str, changed: dict[str, Any]
) -> None:
    """The SOAP look-up reaches the population database under either dialect, its fault is read alike."""
    lookup = verify_citizen(number="number", name="name", born="born", agency="agency")
    opened = lookup.open_lookup(connection(province, name, **changed), Context(log=lambda _: None))
    record = {"number": "063000000001", "name": "Không Ai", "born": "01/01/1990", "agency": "H21.129"}
    try:
        answer = opened.ask(Question("q1", record, OFFICERS[0], "1.001193", "test"))
        assert answer["TonTai"] in {"false", False}
        with pytest.raises(Refused, match="CB01"):
            opened.ask(Question("q2", record, "nobody", "1.001193", "test"))
    finally:
        opened.close()


@pytest.mark.parametrize("name", ["population", "lgsp_population"])
def test_c_with_a_wrong_secret_is_turned_away(province: Province, name: str) -> None:
    wrong = {"password": "wrong"} if name == "population" else {"officer_key_pass": "wrong"}
    lookup = replace(verify_citizen(number="n", name="n", born="n", agency="n"), namespace="http://x")
    opened = lookup.open_lookup(connection(province, name, **wrong), Context(log=lambda _: None))
    try:
        with pytest.raises(Unauthenticated):
            opened.ask(Question("q1", {"n": "063000000001"}, "a", "b", "c"))
    finally:
        opened.close()


def test_e_runs_the_status_loop_and_sends_a_file(ask: Ask, province: Province) -> None:
    """List, get, update; a file sent as bytes and one written in pieces arrive with their hashes."""
    import orjson

    seen = len(province.audit("vxp"))
    headers = {"servicetype": "eDoc", "messagetype": "edoc"}
    first = orjson.loads(ask("vxp", Call("GET", "getReceivedEdocList", headers=headers)).body)["data"][0]
    assert b"edXMLHeader" in ask("vxp", Call("GET", "getEdoc", headers={"docId": first["docId"]})).body
    done = {"docId": first["docId"], "status": "done"}
    assert b'"OK"' in ask("vxp", Call("POST", "updateStatus", headers=done, body=b"")).body
    upload = {"Content-Type": "application/octet-stream", **headers}
    for body in (EDXML, Streamed(lambda: iter((EDXML[:9], EDXML[9:])), len(EDXML))):
        sent = ask("vxp", Call("POST", "sendEdoc", headers=upload, body=body, safe=False))
        assert orjson.loads(sent.body)["status"] == "OK"
    assert [line["operation"] for line in province.audit("vxp")[seen:]] == [
        "updateStatus",
        "sendEdoc",
        "sendEdoc",
    ]


def test_e_takes_records_as_files_and_is_told_what_was_received(province: Province) -> None:
    """The presets: one file is taken and numbered, one that is no edXML is refused by its record alone."""
    context = Context(log=lambda _: None)
    sender = vxp_send(sender="from", file="edxml").open_target(connection(province, "vxp"), context)
    told = vxp_status("fail").open_target(connection(province, "vxp"), context)
    records = [
        {"id": 1, "from": "000.00.01.H21", "edxml": EDXML.decode()},
        {"id": 2, "from": "x", "edxml": "<a/>"},
    ]
    try:
        answer = sender.deliver(batch(*records, key="id"))
        assert (answer.acknowledged, list(answer.refused)) == (1, [1])
        assert answer.receipts[0].reference.startswith("25000")
        known = told.deliver(batch({"docId": "240005"}, {"docId": "1"}, key="docId"))
        assert (known.acknowledged, list(known.refused)) == (1, [1])
    finally:
        sender.close()
        told.close()
    last = province.audit("vxp")[-1]
    assert (last["operation"], last["key"], last["status"]) == ("updateStatus", "240005", "fail")


def batch(*records: dict[str, Any], key: str) -> Batch:
    lines = [canonical(record) for record in records]
    return Batch(sha256(b"\n".join(lines)), lines, (key,))


def test_e_with_a_wrong_secret_is_turned_away(ask: Ask) -> None:
    with pytest.raises(Unauthenticated) as caught:
        ask("vxp", Call("GET", "countReceiveEdoc"), password="wrong")
    assert "clock" not in caught.value.hint


@pytest.mark.parametrize(("name", "ahead"), [("vxp", 400), ("population", -400)])
def test_a_clock_that_is_off_is_named_by_the_real_answer_s_date(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str, ahead: int
) -> None:
    """Our clock is moved for what we stamp only; the sandbox's own stays right."""
    now, precise = time.time, time.time_ns
    from lienthong_connectors.http import clock, dialects

    class Moved:
        time = staticmethod(lambda: now() + ahead)
        time_ns = staticmethod(lambda: precise() + ahead * 10**9)

    monkeypatch.setattr(clock, "time", Moved)
    monkeypatch.setattr(dialects, "time", Moved)
    call = Call("GET", "countReceiveEdoc") if name == "vxp" else Call("POST", "", body=b"<x/>")
    way = "ahead of" if ahead > 0 else "behind"
    with pytest.raises(Unauthenticated, match=rf"clock is (39|40)\d s {way} the other side's"):
        ask(name, call)
