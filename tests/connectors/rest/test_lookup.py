"""The look-up held to the conformance suite, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest

from lienthong.connector import Connection, Question
from lienthong.errors import (
    InvalidExchange,
    LienThongError,
    Misconfigured,
    ProtocolViolation,
    Refused,
    RequestRejected,
    Unauthenticated,
    Unavailable,
)
from lienthong.records import Record
from lienthong.testing import LookupConformance, refused_port, silent_server
from lienthong_connectors.rest import Envelope, RestLookup

PURPOSE = "Xác thực người nộp hồ sơ một cửa"
PERSON = {"soDinhDanh": "064099000017", "hoTen": "Nguyễn Văn Mẫu", "tonTai": True}
WHO = {"X-Officer": "$officer", "X-Procedure": "$procedure", "X-Purpose": "$purpose"}
BY_PATH = RestLookup(path="people/{record.number}", headers=WHO)
BY_BODY = RestLookup(
    path="search",
    method="POST",
    body={
        "maYeuCau": "$question.id",
        "soDinhDanh": "$record.number",
        "canBo": "$officer",
        "thuTuc": "$procedure",
        "mucDich": "$purpose",
    },
    envelope=Envelope(code_path="maKetQua", message_path="ghiChu", codes="bhxh"),
    answer="ketQua",
)


def question(number: str = PERSON["soDinhDanh"]) -> Question:  # type: ignore[assignment]
    record = {"number": number, "name": "Nguyễn Văn Mẫu"}
    return Question("H21-YC-0001", record, "cb.hoaichau", "2.000815", PURPOSE)


class Register:
    """A service that knows one person, for who has the key; it remembers what it was asked."""

    KEY = "s3cret-key"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.break_with: int | None = None
        register = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status: int, value: Any) -> None:
                data = b"{" if register.break_with == 0 else json.dumps(value).encode()
                status = status if self.headers.get("X-API-Key") == Register.KEY else 401
                self.send_response(register.break_with or status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                headers = {name: unquote(text) for name, text in self.headers.items()}
                register.asked.append({"path": self.path, "headers": headers})
                known = self.path.endswith(str(PERSON["soDinhDanh"]))
                self.answer(200 if known else 404, PERSON if known else {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                register.asked.append(body)
                known = body["soDinhDanh"] == PERSON["soDinhDanh"]
                found = {"maKetQua": "000", "ketQua": [PERSON]} if known else {"maKetQua": "050"}
                self.answer(200, found)

            def do_OPTIONS(self) -> None:
                self.answer(405, {})

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def register() -> Iterator[Register]:
    found = Register()
    Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield found
    found.server.shutdown()
    found.server.server_close()


class TestLookupByPath(LookupConformance):
    """GET; the number stands in the path, who asks and why in headers, percent-encoded."""

    @pytest.fixture
    def settings(self, patience: float) -> RestLookup:
        return replace(BY_PATH, timeout=patience)

    @pytest.fixture
    def connection(self, register: Register) -> Connection:
        extra = {"auth": "api-key", "token": Register.KEY}
        host = f"http://127.0.0.1:{register.server.server_port}"
        return Connection("register", "lienthong_rest", host=host, extra=extra)

    @pytest.fixture
    def question(self) -> Question:
        return question()

    @pytest.fixture
    def answer(self) -> Record:
        return PERSON

    @pytest.fixture
    def stranger(self) -> Question:
        return question("001099000000")

    @pytest.fixture
    def log(self, register: Register) -> Callable[[], list[Any]]:
        return lambda: register.asked

    @pytest.fixture
    def faults(self, register: Register, connection: Connection) -> Mapping[str, Any]:
        def broken(status: int) -> Callable[[], Any]:
            @contextmanager
            def opened() -> Iterator[Connection]:
                register.break_with = status
                yield connection
                register.break_with = None

            return opened

        @contextmanager
        def silent() -> Iterator[Connection]:
            with silent_server() as port:
                yield replace(connection, host=f"http://127.0.0.1:{port}")

        return {
            "unreachable": replace(connection, host=f"http://127.0.0.1:{refused_port()}"),
            "unauthenticated": replace(connection, extra={**connection.extra, "token": "wr0ng-key"}),
            "forbidden": broken(403),
            "unresponsive": silent,
            "garbled": broken(0),
            "overloaded": broken(429),
            "failing": broken(503),
        }


class TestLookupByBody(TestLookupByPath):
    """POST; the answer stands in a list inside an envelope whose codes are a table's."""

    @pytest.fixture
    def settings(self, patience: float) -> RestLookup:
        return replace(BY_BODY, timeout=patience)


def opened(agency: Any, settings: RestLookup, **extra: Any) -> Any:
    found = settings.open_lookup(agency.connection(**extra), agency.context())
    agency.opened.append(found)
    return found


def test_a_get_carries_its_question_in_path_parameters_and_headers(agency: Any) -> None:
    agency.default = agency.response({"a": 1})
    settings = RestLookup(
        path="p/{record.number}/{procedure}",
        params={"lyDo": "$purpose", "maYeuCau": "$question.id", "donVi": "$connection.madonvi"},
        headers={"X-Officer": "$officer"},
    )
    assert opened(agency, settings, madonvi="H21").ask(question("a/b ?")) == {"a": 1}
    (asked,) = agency.asked
    assert asked.path == "/api/p/a%2Fb%20%3F/2.000815"
    assert asked.query == {"lyDo": PURPOSE, "maYeuCau": "H21-YC-0001", "donVi": "H21"}
    assert asked.headers["x-officer"] == "cb.hoaichau"
    assert asked.headers["x-request-id"] == "H21-YC-0001"
    assert not any("a/b" in line or PURPOSE in line for line in agency.lines)


def test_a_header_never_breaks_out(agency: Any) -> None:
    """What is not printable ASCII is percent-encoded as UTF-8."""
    agency.default = agency.response({"a": 1})
    asked = replace(question(), purpose="tra cứu\r\nX-Evil: 1")
    opened(agency, replace(BY_PATH)).ask(asked)
    assert agency.asked[0].headers["x-purpose"] == "tra c%E1%BB%A9u%0D%0AX-Evil: 1"
    assert "x-evil" not in agency.asked[0].headers


@pytest.mark.parametrize("answer", [None, [], {}, "", {"status": 404}, {"other": 1}])
def test_nothing_found_refuses_the_record_or_gives_nothing(agency: Any, answer: Any) -> None:
    status = 404 if answer == {"status": 404} else 200
    agency.default = agency.response({"data": answer} if answer != {"other": 1} else answer, status=status)
    settings = replace(BY_PATH, answer="data")
    with pytest.raises(Refused) as caught:
        opened(agency, settings).ask(question())
    (reason,) = caught.value.reasons
    assert (reason.rule, reason.vi) == ("target.not-found", "Hệ thống không tìm thấy")
    assert opened(agency, replace(settings, required=False)).ask(question()) == {}


def test_more_than_one_answer_is_none(agency: Any) -> None:
    agency.default = agency.response([PERSON, PERSON])
    with pytest.raises(Refused) as caught:
        opened(agency, BY_PATH).ask(question())
    assert caught.value.reasons[0].rule == "target.ambiguous"


def test_a_plain_value_becomes_a_record(agency: Any) -> None:
    agency.default = agency.response({"tonTai": True})
    assert opened(agency, replace(BY_PATH, answer="tonTai")).ask(question()) == {"value": True}


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_question_that_is_refused_refuses_the_record_in_the_agencys_words(agency: Any, status: int) -> None:
    said = {"code": "E7", "message": "Ông Nguyễn Văn Mẫu (064099000017) sai"}
    agency.default = agency.response(said, status=status)
    with pytest.raises(Refused) as caught:
        opened(agency, BY_PATH).ask(question())
    (reason,) = caught.value.reasons
    assert (reason.rule, reason.vi) == ("target.E7", "Ông … (…) sai")


@pytest.mark.parametrize(
    ("answer", "kind", "rule"),
    [
        ({"maKetQua": "050"}, Refused, "target.not-found"),
        ({"maKetQua": "060", "ghiChu": "sai tên"}, Refused, "target.060"),
        ({"maKetQua": "101"}, Unavailable, ""),
        ({"maKetQua": "205"}, Misconfigured, ""),
        ({"maKetQua": "401"}, Unauthenticated, ""),
        ({"maKetQua": "777"}, ProtocolViolation, ""),
        ({}, ProtocolViolation, ""),
    ],
)
def test_codes_of_the_table_end_in_their_errors(
    agency: Any, answer: Any, kind: type[LienThongError], rule: str
) -> None:
    agency.default = agency.response(answer)
    with pytest.raises(kind) as caught:
        opened(agency, BY_BODY).ask(question())
    if isinstance(caught.value, Refused):
        assert caught.value.reasons[0].rule == rule
    if rule == "target.060":
        assert caught.value.reasons[0].vi == "Họ tên không đúng: sai tên"  # type: ignore[attr-defined]
        assert caught.value.reasons[0].en == "The name does not match: sai tên"  # type: ignore[attr-defined]


def test_codes_listed_in_the_settings(agency: Any) -> None:
    """Without a table the settings say which codes are about the record; all others fail the step."""
    settings = replace(BY_BODY, envelope=Envelope(), absent_codes=("44",), refused_codes=("45",))
    agency.steps = [agency.response({"error_code": code, "message": "m"}) for code in ("44", "45", "46")]
    lookup = opened(agency, settings)
    rules = []
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            lookup.ask(question())
        rules.append(caught.value.reasons[0].rule)
    assert rules == ["target.not-found", "target.45"]
    with pytest.raises(RequestRejected):
        lookup.ask(question())


@pytest.mark.parametrize("settings", [BY_PATH, BY_BODY])
def test_a_record_that_lacks_the_question_is_refused_alone(agency: Any, settings: RestLookup) -> None:
    """Nothing is asked, and the reason names the field."""
    with pytest.raises(Refused) as caught:
        opened(agency, settings).ask(replace(question(), record={"name": "x"}))
    (reason,) = caught.value.reasons
    assert reason.rule == "target.request"
    assert "number" in reason.en
    assert agency.asked == []


@pytest.mark.parametrize("number", ["", ".", ".."])
def test_an_empty_number_does_not_ask_for_everybody(agency: Any, number: str) -> None:
    with pytest.raises(Refused):
        opened(agency, BY_PATH).ask(question(number))
    assert agency.asked == []


def test_a_connection_field_that_is_missing_is_misconfigured(agency: Any) -> None:
    settings = replace(BY_PATH, params={"donVi": "$connection.madonvi"})
    with pytest.raises(Misconfigured, match="madonvi"):
        opened(agency, settings).ask(question())


def test_a_session_needs_a_body(agency: Any) -> None:
    with pytest.raises(Misconfigured, match="session"):
        opened(agency, BY_PATH, auth="dvcqg-session", login="a", password="b", token_url="/login")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "PUT"}, "method"),
        ({"body": {"a": 1}}, "body"),
        ({"headers": {}}, "officer"),
        ({"headers": {"X-Officer": "$officer", "X-Procedure": "$procedure"}}, "purpose"),
        ({"headers": {**WHO, "Authorization": "x"}}, "headers"),
        ({"params": {"a": "$records"}}, "templates"),
        ({"path": "p/{recrod.x}"}, "templates"),
        ({"path": "p?x={record.x}"}, "path"),
    ],
)
def test_settings_that_cannot_work_name_the_field(changes: dict[str, Any], field: str) -> None:
    """Above all: nobody is asked about without officer, procedure and purpose."""
    with pytest.raises(InvalidExchange, match=field):
        replace(BY_PATH, **changes)
