"""Every code of every table ends in the error that the table says, through real connectors and a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.connector.codes import MEANINGS, Code, CodeTable
from lienthong.errors import (
    Forbidden,
    InvalidExchange,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    RequestRejected,
    Unauthenticated,
    Unavailable,
    UnknownName,
)
from lienthong.exchange import _plain
from lienthong.records import canonical, sha256
from lienthong_connectors.codes import PACKAGE, code_tables, table
from lienthong_connectors.rest import CreateThenUpdate, Envelope, RestSource, RestTarget, Results
from lienthong_connectors.soap import FaultTable, ResultCodes, SoapLookup, SoapTarget, StatusQuery

NAMES = code_tables(PACKAGE)
EVERY = [(table(name), code) for name in NAMES for code in table(name).codes.values()]
WHOLE: dict[str, type[LienThongError]] = {
    "transient": Unavailable,
    "misconfigured": Misconfigured,
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "rejected": RequestRejected,
    "refused": RequestRejected,
    "absent": RequestRejected,
    "exists": RequestRejected,
}
READ = WHOLE | {"unknown": Unavailable, "pending": Unavailable}
DELIVERED = WHOLE | {"unknown": OutcomeUnknown, "pending": OutcomeUnknown}
ASKED = DELIVERED | {"refused": Refused, "absent": Refused, "exists": Refused}
ROWS = [{"id": "a", "ten": "Nguyễn Văn Bình"}, {"id": "b", "ten": "Trần Thị Cúc"}]

every_code = pytest.mark.parametrize(
    ("codes", "code"), EVERY, ids=[f"{codes.name}-{code.code}" for codes, code in EVERY]
)


class Service:
    """A service that answers what it is told, and its connection."""

    def __init__(self, port: int) -> None:
        self.answer, self.media = b"", "application/json"
        self.host = f"http://127.0.0.1:{port}"

    def says(self, value: Any) -> None:
        self.answer, self.media = json.dumps(value, ensure_ascii=False).encode(), "application/json"

    def says_xml(self, inner: str) -> None:
        space = "http://schemas.xmlsoap.org/soap/envelope/"
        text = f'<s:Envelope xmlns:s="{space}"><s:Body>{inner}</s:Body></s:Envelope>'
        self.answer, self.media = text.encode(), "text/xml"

    def opened(self, settings: Any, role: str) -> Any:
        connection = Connection("service", settings.kind, host=self.host)
        return getattr(settings, f"open_{role}")(connection, Context())


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(200)
            self.send_header("Content-Type", found.media)
            self.send_header("Content-Length", str(len(found.answer)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(found.answer)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Service(server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def batch(*rows: dict[str, Any]) -> Batch:
    lines = [canonical(row) for row in rows]
    return Batch(sha256(b"".join(lines)), lines, ("id",), "test/1")


def ends_in(kind: type[LienThongError], code: Code, act: Any) -> LienThongError:
    """Assert that something ends in an error of exactly this group, with the table's English text."""
    with pytest.raises(kind) as caught:
        act()
    assert type(caught.value) is kind
    return caught.value


@every_code
def test_a_read_ends_in_the_codes_error(service: Service, codes: CodeTable, code: Code) -> None:
    service.says({"ma": code.code, "noiDung": "lời của cơ quan", "rows": ROWS})
    envelope = Envelope(code_path="ma", message_path="noiDung", codes=codes.name)
    source = service.opened(RestSource(path="x", records="rows", envelope=envelope), "source")
    if code.meaning == "ok":
        assert sum(len(page.records) for page in source.read(ReadRequest())) == 2
        return
    error = ends_in(READ[code.meaning], code, lambda: list(source.read(ReadRequest())))
    assert f"code '{code.code}': {code.text.en}: lời của cơ quan" in error.message


@every_code
def test_a_batch_ends_in_the_codes_error(service: Service, codes: CodeTable, code: Code) -> None:
    service.says({"ma": code.code})
    settings = RestTarget(path="x", envelope=Envelope(code_path="ma", codes=codes.name))
    target = service.opened(settings, "target")
    if code.meaning == "ok":
        assert target.deliver(batch(*ROWS)).acknowledged == 2
        return
    error = ends_in(DELIVERED[code.meaning], code, lambda: target.deliver(batch(*ROWS)))
    assert code.text.en in error.message


@every_code
def test_a_record_of_its_own_request_gets_the_codes_reason(
    service: Service, codes: CodeTable, code: Code
) -> None:
    """Where the code is about the record it is refused, in both languages; else the delivery stops."""
    service.says({"ma": code.code})
    settings = RestTarget(path="x", mode="single", envelope=Envelope(code_path="ma", codes=codes.name))
    target = service.opened(settings, "target")
    kind = DELIVERED.get(code.meaning)
    if kind is not None and kind is not RequestRejected:
        ends_in(kind, code, lambda: target.deliver(batch(*ROWS)))
        return
    answer = target.deliver(batch(*ROWS))
    assert answer.acknowledged == (2 if code.meaning == "ok" else 0)
    for reason in answer.refused.values():
        assert (reason.vi, reason.en) == (code.text.vi, code.text.en)
        assert reason.rule.startswith("target.")


@every_code
def test_a_result_of_one_record_among_others(service: Service, codes: CodeTable, code: Code) -> None:
    """One that is about us is no fault of the record: it stays unknown, and is sent again with others."""
    service.says([{"code": "FINE"}, {"code": code.code, "message": "lời của cơ quan"}])
    settings = RestTarget(path="x", results=Results(codes=codes.name, ok_codes=("FINE",)))
    answer = service.opened(settings, "target").deliver(batch(*ROWS))
    if code.meaning == "ok":
        assert answer.acknowledged == 2
    elif code.meaning in {"refused", "absent", "exists", "rejected"}:
        assert answer.refused[1].vi == f"{code.text.vi}: lời của cơ quan"
        assert answer.refused[1].en == f"{code.text.en}: lời của cơ quan"
    else:
        assert (answer.acknowledged, answer.unknown) == (1, frozenset({1}))


@every_code
def test_a_result_that_every_record_has(service: Service, codes: CodeTable, code: Code) -> None:
    """Where every record has a code that is about us, nothing was taken and repeating is vain."""
    service.says([{"code": code.code}] * 2)
    target = service.opened(RestTarget(path="x", results=Results(codes=codes.name)), "target")
    if code.meaning in {"misconfigured", "unauthenticated", "forbidden"}:
        error = ends_in(WHOLE[code.meaning], code, lambda: target.deliver(batch(*ROWS)))
        assert code.text.en in error.message
    else:
        assert target.deliver(batch(*ROWS)).total == 2


@every_code
def test_a_soap_delivery_ends_in_the_codes_error(service: Service, codes: CodeTable, code: Code) -> None:
    service.says_xml(f"<r><ma>{code.code}</ma><loi>lời của cơ quan</loi></r>")
    result = ResultCodes(path="ma", message="loi", codes=codes.name)
    settings = SoapTarget(operation="gui", request={"a": "$record.id"}, result=result)
    target = service.opened(settings, "target")
    kind = DELIVERED.get(code.meaning)
    if kind is not None and (kind is not RequestRejected or code.meaning == "rejected"):
        ends_in(kind, code, lambda: target.deliver(batch(ROWS[0])))
        return
    answer = target.deliver(batch(ROWS[0]))
    if code.meaning == "ok":
        assert answer.acknowledged == 1
        return
    assert answer.refused[0].vi == f"{code.text.vi}: lời của cơ quan"
    assert answer.refused[0].en == f"{code.text.en}: lời của cơ quan"


@every_code
def test_a_soap_status_query_reads_the_table_too(service: Service, codes: CodeTable, code: Code) -> None:
    """Absent means never taken there, and pending means not yet."""
    service.says_xml(f"<r><ma>{code.code}</ma></r>")
    result = ResultCodes(path="ma", codes=codes.name)
    status = StatusQuery(operation="hoi", request={"a": "$record.id"}, result=result)
    settings = SoapTarget(operation="gui", request={"a": "$record.id"}, result=result, status=status)
    target = service.opened(settings, "target")
    kind = READ.get(code.meaning)
    if kind is not None and (kind is not RequestRejected or code.meaning == "rejected"):
        ends_in(kind, code, lambda: target.lookup(batch(ROWS[0])))
        return
    answer = target.lookup(batch(ROWS[0]))
    assert answer.acknowledged == (code.meaning == "ok")
    assert bool(answer.absent) == (code.meaning == "absent")
    assert bool(answer.refused) == (code.meaning in {"refused", "exists"})


@every_code
def test_a_soap_fault_ends_in_the_codes_error(service: Service, codes: CodeTable, code: Code) -> None:
    """The code stands in the fault's detail; a fault is never a success, whatever its code."""
    service.says_xml(
        "<s:Fault><faultcode>s:Server</faultcode><faultstring>lời của cơ quan</faultstring>"
        f"<detail><MaLoi>{code.code}</MaLoi></detail></s:Fault>"
    )
    settings = SoapLookup(operation="hoi", request={"a": "$record.id"}, faults=FaultTable(codes=codes.name))
    lookup = service.opened(settings, "lookup")
    from lienthong.connector import Question

    kind = (ASKED | {"ok": Refused, "unknown": Unavailable})[code.meaning]
    error = ends_in(kind, code, lambda: lookup.ask(Question("1", ROWS[0], "cb", "1", "x")))
    if isinstance(error, Refused):
        assert error.reasons[0].vi == f"{code.text.vi}: lời của cơ quan"
    else:
        assert code.text.en in error.message


def test_a_code_that_the_table_does_not_know(service: Service) -> None:
    """A read fails, naming it; the outcome of a delivery is unknown, because nobody said no."""
    service.says({"ma": "777", "rows": []})
    envelope = Envelope(code_path="ma", codes="bhxh")
    source = service.opened(RestSource(path="x", records="rows", envelope=envelope), "source")
    with pytest.raises(ProtocolViolation, match="'777'"):
        list(source.read(ReadRequest()))
    with pytest.raises(OutcomeUnknown, match="'777'"):
        service.opened(RestTarget(path="x", envelope=envelope), "target").deliver(batch(*ROWS))
    service.says_xml("<r><ma>777</ma></r>")
    result = ResultCodes(path="ma", codes="bhxh")
    settings = SoapTarget(operation="gui", request={"a": "$record.id"}, result=result)
    with pytest.raises(OutcomeUnknown, match="777"):
        service.opened(settings, "target").deliver(batch(ROWS[0]))


def test_lists_of_the_settings_go_before_the_table(service: Service) -> None:
    """A place that means something else by a code says so."""
    service.says({"ma": "010"})
    mine = Envelope(code_path="ma", codes="bhxh", transient_codes=("010",))
    with pytest.raises(Unavailable):
        service.opened(RestTarget(path="x", envelope=mine), "target").deliver(batch(*ROWS))
    assert ResultCodes(path="ma", codes="bhxh", acknowledged=("010",)).entry("010") is not None
    assert Results(codes="bhxh", ok_codes=("010",)).meaning("010") == "ok"
    assert Results(codes="hotich").meaning("200") == "refused", "the usual successes are not the table's"


def test_what_exists_already_is_updated_by_the_tables_word(service: Service) -> None:
    """No list of codes is needed to create and then update."""
    service.says([{"code": "04"}])
    settings = RestTarget(
        path="x", wrap={"d": "$records"}, results=Results(codes="dvcqg"), upsert=CreateThenUpdate()
    )
    answer = service.opened(settings, "target").deliver(batch(ROWS[0]))
    assert list(answer.refused) == [0]
    assert len(answer.receipts) == 2, "sent as new, then as an update"


@pytest.mark.parametrize("name", NAMES)
def test_tables_follow_their_schema(name: str) -> None:
    folder = Path(__file__).parents[2] / "connectors/lienthong_connectors/codes"
    schema = json.loads((folder / "table.schema").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(content)
    assert content["name"] == name
    assert set(schema["properties"]["codes"]["additionalProperties"]["properties"]["meaning"]["enum"]) == set(
        MEANINGS
    )


def test_the_documentation_lists_every_code_as_the_tables_do() -> None:
    page = (Path(__file__).parents[2] / "docs/connectors/codes.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    meanings = [f"| `{name}` | {text.en} | {text.vi} |" for name, text in MEANINGS.items()]
    assert rows == meanings + [
        f"| `{code.code}` | {code.meaning} | {code.text.en} | {code.text.vi} |" for _, code in EVERY
    ]
    for name in NAMES:
        assert f"## {name}: {table(name).title.en} ({table(name).title.vi})" in page
        assert f"Source: {table(name).source}." in page


@pytest.mark.parametrize("make", [Envelope, Results, FaultTable, lambda codes: ResultCodes("x", codes=codes)])
def test_a_table_that_is_not_there_is_named_when_the_file_is_parsed(make: Any) -> None:
    with pytest.raises(InvalidExchange, match="no table 'bhyt'") as caught:
        make(codes="bhyt")
    assert "bhxh" in caught.value.hint
    with pytest.raises(UnknownName):
        table("bhyt")


def test_a_changed_table_changes_the_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings name the table, the agreement holds its digest."""
    from dataclasses import replace

    from lienthong_connectors import codes

    settings = RestTarget(path="x", envelope=Envelope(codes="bhxh"))
    before = _plain(settings)
    assert before["envelope"]["codes"] == {"name": "bhxh", "digest": table("bhxh").digest}
    changed = replace(table("bhxh"), digest="0" * 64)
    monkeypatch.setattr(codes, "table", lambda name: changed)
    assert _plain(settings) != before
    assert _plain(RestTarget(path="x", envelope=Envelope()))["envelope"]["codes"] == ""


def test_a_code_with_a_meaning_that_is_none_is_misconfigured() -> None:
    from lienthong.connector.codes import _table

    content = {
        "name": "x",
        "title": {"vi": "a", "en": "b"},
        "source": "s",
        "codes": {"1": {"meaning": "fine", "vi": "a", "en": "b"}},
    }
    with pytest.raises(Misconfigured, match="'fine'"):
        _table(content, "x.json")
