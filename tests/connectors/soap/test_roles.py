"""Source, target and look-up: positions, paging, result codes, faults and doubt."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lienthong.connector import Batch, Context, End, Page, Question, ReadRequest
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    RequestRejected,
    Unauthenticated,
    Unavailable,
)
from lienthong.records import canonical
from lienthong_connectors.soap import (
    FaultTable,
    Paging,
    ResultCodes,
    SoapLookup,
    SoapSource,
    SoapTarget,
    StatusQuery,
)

XML = {"Content-Type": "text/xml"}
CODES = ResultCodes(
    path="code",
    detail="error",
    message="text",
    acknowledged=("00",),
    already=("01",),
    refused=("10",),
    transient=("20",),
    misconfigured=("30",),
)


def fault11(code: str, text: str, detail: str = "") -> str:
    inner = f"<faultcode>{code}</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail>"
    return f"<s:Fault>{inner}</s:Fault>"


def fault12(code: str, texts: str, sub: str = "", detail: str = "") -> str:
    sub = f"<s:Subcode><s:Value xmlns:x='urn:x'>x:{sub}</s:Value></s:Subcode>" if sub else ""
    return (
        f"<s:Fault><s:Code><s:Value>s:{code}</s:Value>{sub}</s:Code>"
        f"<s:Reason>{texts}</s:Reason><s:Detail>{detail}</s:Detail></s:Fault>"
    )


def pages_server(
    told: Any,
    tools: Any,
    rows: list[int],
    *,
    repeat: set[int] = frozenset(),  # type: ignore[assignment]
    cap: int = 10**6,
    around: str = "",
    more: bool = False,
    fault: bool = False,
) -> None:
    """Answer page requests from rows; pages in ``repeat`` give the page before once more instead.

    ``cap`` is the most that a page holds, ``around`` stands beside the records, ``more`` says whether there
    are more pages, ``fault`` answers behind the last one.
    """
    asked: list[int] = []

    def act(handler: Any) -> None:
        body = told.requests[-1][2].decode()
        number, size = (int(re.findall(f"{name}>(\\d+)<", body)[0]) for name in ("page", "size"))
        given = number - 1 if number in repeat and number not in asked else number
        asked.append(number)
        size = min(size, cap)
        chosen = rows[(given - 1) * size : given * size]
        said = around + (f"<con>{str(given * size < len(rows)).lower()}</con>" if more else "")
        items = "".join(f"<item><id>{n}</id></item>" for n in chosen)
        past = fault and not chosen
        answer = tools.envelope(
            fault11("s:Client", "Hết", "<m>HET</m>") if past else f"<got>{items}{said}</got>"
        )
        handler.send_response(200)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    told.act = act


def paged(told: Any, **options: Any) -> Any:
    given = {"paging": Paging(size=10), "request": {"page": "$page", "size": "$size"}, "chunk": 4, **options}
    settings = SoapSource(operation="get", namespace="urn:t", record_element="item", **given)
    return settings.open_source(told.connection(), Context())


def ids(pages: list[Page]) -> list[int]:
    return [int(record["id"]) for page in pages for record in page.records]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
def test_pages_are_asked_for_until_an_empty_one(told: Any, tools: Any, count: int) -> None:
    """Every record comes once and in order, whatever the last page's length; then the keys are read again."""
    pages_server(told, tools, list(range(count)))
    pages = list(paged(told).read(ReadRequest()))
    assert ids(pages) == list(range(count))
    filled = -(-count // 10)
    assert pages[-1].end == End("said" if count < 10 else "again")
    assert len(told.requests) == filled + 1 + (filled if count >= 10 else 0)


@pytest.mark.parametrize("count", [0, 1, 9, 11, 35])
def test_a_short_page_is_the_last_where_the_settings_say_so(told: Any, tools: Any, count: int) -> None:
    pages_server(told, tools, list(range(count)))
    paging = Paging(size=10, until="short", again=False)
    pages = list(paged(told, paging=paging).read(ReadRequest(end="chỉ ghi thêm")))
    assert ids(pages) == list(range(count))
    assert pages[-1].end == End("said" if count < 10 else "declared")
    assert len(told.requests) == count // 10 + 1


@pytest.mark.parametrize("until", ["empty", "short"])
@pytest.mark.parametrize("cap", [10, 20, 25, 30])
def test_a_service_that_caps_its_pages_loses_nothing(told: Any, tools: Any, until: Any, cap: int) -> None:
    """Before, 250 of 589 came where 500 were asked for, and the run was green."""
    pages_server(told, tools, list(range(89)), cap=cap)
    pages = list(paged(told, paging=Paging(size=50, until=until)).read(ReadRequest()))
    assert ids(pages) == list(range(89))
    assert pages[-1].end == End("again")


@pytest.mark.parametrize(("total", "by"), [(35, "total"), (137, "")])
def test_a_total_is_checked(told: Any, tools: Any, total: int, by: str) -> None:
    """An unmet one is no end, whatever anybody declares."""
    pages_server(told, tools, list(range(35)), around=f"<n><tong>{total}</tong></n>")
    pages = list(paged(told, total="n.tong").read(ReadRequest(end="vì thế")))
    assert (ids(pages), pages[-1].end and pages[-1].end.by) == (list(range(35)), by)
    assert len(told.requests) == (4 if by else 5)


def test_a_word_on_more_pages_ends_the_list(told: Any, tools: Any) -> None:
    pages_server(told, tools, list(range(20)), more=True)
    pages = list(paged(told, more="con", paging=Paging(size=10, again=False)).read(ReadRequest()))
    assert ids(pages) == list(range(20))
    assert len(told.requests) == 2
    for name in ("total", "more"):
        with pytest.raises(ProtocolViolation, match="nothere"):
            list(paged(told, **{name: "nothere"}).read(ReadRequest()))


@pytest.mark.parametrize(("count", "fails"), [(7, False), (17, False), (20, True)])
def test_a_refusal_behind_a_short_page_is_the_end(told: Any, tools: Any, count: int, fails: bool) -> None:
    """Services that know no empty page say so by a fault; behind a full page it is one."""
    pages_server(told, tools, list(range(count)), fault=True)
    source = paged(told, faults=FaultTable(refused=("HET",)))
    if fails:
        with pytest.raises(RequestRejected):
            list(source.read(ReadRequest()))
        return
    pages = list(source.read(ReadRequest()))
    assert (ids(pages), bool(pages[-1].end and pages[-1].end.by)) == (list(range(count)), True)


def test_a_list_that_slides_while_it_is_read_is_noticed(told: Any, tools: Any) -> None:
    rows = list(range(35))
    pages_server(told, tools, rows)
    source = paged(told).read(ReadRequest())
    first = [next(source) for _ in range(3)]
    rows.remove(3)
    rest = list(source)
    assert 10 not in ids([*first, *rest])
    assert rest[-1].end is not None and rest[-1].end.by == ""


@pytest.mark.parametrize(
    ("count", "total", "by"),
    [(7, "", "document"), (20, "", ""), (20, "20", "document"), (7, "589", "")],
)
def test_one_answer_is_the_whole_list_unless_it_looks_cut(
    told: Any, tools: Any, count: int, total: str, by: str
) -> None:
    """A round number, or a larger one that the answer shows, is that of a page."""
    around = f"<TongSo>{total}</TongSo>" if total else ""
    pages_server(told, tools, list(range(count)), around=around)
    request = {"page": "1", "size": "100"}
    pages = list(paged(told, paging=None, request=request).read(ReadRequest()))
    assert (len(ids(pages)), pages[-1].end and pages[-1].end.by) == (count, by)


@pytest.mark.parametrize("limit", [1, 4, 5, 10, 17, 99])
def test_a_limit_ends_the_read(told: Any, tools: Any, limit: int) -> None:
    """No more than the limit comes, and no page is asked for in vain."""
    pages_server(told, tools, list(range(35)))
    assert ids(list(paged(told).read(ReadRequest(limit=limit)))) == list(range(min(35, limit)))
    assert len(told.requests) <= limit // 10 + 1


def test_reading_goes_on_at_every_position(told: Any, tools: Any) -> None:
    """From each position exactly the rest follows, within a page and between pages."""
    pages_server(told, tools, list(range(35)))
    pages = list(paged(told).read(ReadRequest()))
    done = 0
    for page in pages:
        done += len(page.records)
        rest = list(paged(told).read(ReadRequest(position=page.position)))
        assert ids(rest) == list(range(done, 35))


def test_a_changed_answer_is_noticed(told: Any, tools: Any) -> None:
    """Going on in an answer whose order has changed would lose records, so it fails."""
    pages_server(told, tools, list(range(35)))
    position = next(paged(told).read(ReadRequest())).position
    for rows in ([9, *range(35)], list(range(2))):
        pages_server(told, tools, rows)
        with pytest.raises(ProtocolViolation, match="not the one that was read before"):
            list(paged(told).read(ReadRequest(position=position)))


def test_a_page_that_comes_twice_is_dropped_and_noted(told: Any, tools: Any) -> None:
    """A service that repeats a page once does not double records; the evidence says so."""
    pages_server(told, tools, list(range(35)), repeat={2})
    pages = list(paged(told).read(ReadRequest()))
    assert ids(pages) == list(range(35))
    assert next(page.notes for page in pages if page.notes) == {"repeated": True, "dropped": 10}


def test_a_service_that_never_turns_the_page_is_given_up(told: Any) -> None:
    """A page member that the service ignores would go on for ever."""
    told.envelope("<got>" + "".join(f"<item><id>{n}</id></item>" for n in range(10)) + "</got>")
    with pytest.raises(ProtocolViolation, match="same page"):
        list(paged(told).read(ReadRequest()))


def test_embedded_json_becomes_the_record(told: Any) -> None:
    """The incremental feed hides its record as JSON in CDATA; what cannot be read is set aside."""
    told.envelope(
        '<got><item><id>1</id><Body><![CDATA[{"a": {"b": 2}}]]></Body></item>'
        "<item><id>2</id><Body>{not json</Body></item><item><id>3</id></item></got>"
    )
    source = SoapSource(operation="get", namespace="urn:t", record_element="item", embedded="Body")
    page, last = source.open_source(told.connection(), Context()).read(ReadRequest())
    assert (last.records, last.end) == ([], End("document"))
    assert page.records == [{"id": "1", "a": {"b": 2}}]
    assert [bad.data for bad in page.malformed] == [b"{not json", b""]
    assert page.malformed[0].reason.rule == "source.embedded-json"


def test_a_fault_behind_records_ends_the_read(told: Any) -> None:
    """Held back until complete (bulk=False), an answer with a late bad code gives no record at all."""
    told.envelope("<got><item><id>1</id></item><code>20</code></got>")
    for bulk, before in ((True, 0), (False, 0)):
        settings = SoapSource(
            operation="get", namespace="urn:t", record_element="item", result=CODES, bulk=bulk, chunk=1
        )
        pages: list[Page] = []
        with pytest.raises(Unavailable):
            pages.extend(settings.open_source(told.connection(), Context()).read(ReadRequest()))
        assert len(pages) == (1 if bulk else before)


def test_since_and_until_reach_the_service(told: Any) -> None:
    """The cursor, or the beginning of time, is asked for; an interrupted read keeps its end."""
    told.envelope("<got/>")
    settings = SoapSource(
        operation="get",
        namespace="urn:t",
        record_element="item",
        request={"from": "$since|epoch-ms", "to": "$until", "id": "$request.id"},
        incremental=True,
    )
    source = settings.open_source(told.connection(), Context())
    assert source.capabilities.incremental
    list(source.read(ReadRequest()))
    list(
        source.read(
            ReadRequest(since="2026-01-31T00:00:00+07:00", position={"until": "2026-02-01T00:00:00Z"})
        )
    )
    first, second = (body.decode() for _, _, body in told.requests)
    assert "from>0<" in first
    assert "from>1769792400000<" in second
    assert "to>2026-02-01T00:00:00Z<" in second


# --- targets


def target(told: Any, **options: Any) -> Any:
    given = {
        "request": {"rid": "$request.id", "key": "$key", "name": "$record.name"},
        "result": CODES,
        **options,
    }
    settings = SoapTarget(operation="put", namespace="urn:t", **given)
    return settings.open_target(told.connection(), Context(log=lambda _: None))


def batch(count: int = 3) -> Batch:
    records = [canonical({"id": str(n), "name": f"Nguyễn Văn {n}"}) for n in range(count)]
    return Batch("cd" * 32, records, ("id",), "t/1")


def answers(told: Any, tools: Any, *codes: str) -> None:
    told.answers = [
        (200, XML, tools.envelope(code if code[:1] == "<" else f"<r><code>{code}</code><text>lỗi</text></r>"))
        for code in codes
    ]


STATUS = StatusQuery(
    operation="ask",
    request={"key": "$key"},
    result=ResultCodes(path="code", acknowledged=("1",), absent=("0",), pending=("5",), refused=("9",)),
)


def test_records_are_acknowledged_or_refused_one_by_one(told: Any, tools: Any) -> None:
    """Taken, taken before and refused are told apart; the agency's words are the reason."""
    answers(told, tools, "00", "01", "10")
    answer = target(told, repeatable=True).deliver(batch())
    assert answer.acknowledged == 2
    assert set(answer.refused) == {2}
    assert answer.refused[2].rule == "target.10"
    assert answer.refused[2].vi == "lỗi"
    (receipt,) = answer.receipts
    assert receipt.status == "00,01,10"
    assert re.fullmatch("[0-9a-f]{64}", receipt.digest)


def test_request_ids_depend_on_content_alone(told: Any, tools: Any) -> None:
    """The same record in the same batch has the same number on every try, others have others."""
    for _ in range(2):
        answers(told, tools, "00", "00", "00")
        target(told, repeatable=True).deliver(batch())
    numbers = [re.search(b"rid>([0-9a-f]{32})<", body).group(1) for _, _, body in told.requests]  # type: ignore[union-attr]
    assert numbers[:3] == numbers[3:]
    assert len(set(numbers)) == 3


def test_a_service_without_questions_gets_single_records(told: Any) -> None:
    """Where doubt could never be resolved, a batch is one record, so that doubt stays small."""
    assert target(told).capabilities.max_batch == 1
    assert target(told, repeatable=True).capabilities.max_batch == 0
    assert target(told, status=STATUS).capabilities.lookup


def test_a_delivery_that_breaks_off_leaves_the_rest_in_doubt(told: Any, tools: Any) -> None:
    """What was taken before a failure is acknowledged, never repeated; the rest is to be asked for."""
    answers(told, tools, "00", "20", "00")
    answer = target(told, status=STATUS).deliver(batch())
    assert answer.acknowledged == 1
    assert answer.unknown == {1, 2}
    assert len(told.requests) == 2


@pytest.mark.parametrize(
    ("code", "error"),
    [("20", Unavailable), ("30", Misconfigured), ("77", OutcomeUnknown), ("<r><other/></r>", OutcomeUnknown)],
)
def test_a_failure_of_the_first_record_is_raised(
    told: Any, tools: Any, code: str, error: type[LienThongError]
) -> None:
    """A code that is not listed says nothing, so the delivery is in doubt."""
    answers(told, tools, code)
    with pytest.raises(error):
        target(told, status=STATUS).deliver(batch())


SERVER_FAULTS = [
    fault11("s:Server", "Sai"),
    fault11("s:Server", "Sai", "<MaLoi>HT99</MaLoi>"),
    fault11("", ""),
    fault12("Receiver", "<s:Text xml:lang='vi'>Sai</s:Text>"),
]


def forgetful(told: Any, tools: Any, fault: str, status: int) -> list[str]:
    """Serve a register that keeps each record it is given and then fails; return what it keeps."""
    kept: list[str] = []
    version = tools.SOAP12 if "s:Code>" in fault else tools.SOAP11

    def act(handler: Any) -> None:
        body = told.requests[-1][2].decode()
        key, asked = re.findall("key>(.*?)<", body)[0], "ask" in body
        if not asked:
            kept.append(key)
        inner = f"<r><code>{int(key in kept)}</code></r>" if asked else fault
        answer = tools.envelope(inner, version)
        handler.send_response(200 if asked else status)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    told.act = act
    return kept


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("fault", SERVER_FAULTS)
def test_a_service_that_failed_may_have_taken_the_record(
    told: Any, tools: Any, fault: str, status: int
) -> None:
    """A service that keeps a record and then fails leaves doubt, and asking it finds the one effect."""
    kept = forgetful(told, tools, fault, status)
    opened = target(told, status=STATUS)
    with pytest.raises(OutcomeUnknown, match="fault") as caught:
        opened.deliver(batch(1))
    assert "ask the target" in caught.value.hint
    assert "Sai" not in str(caught.value)
    answer = opened.lookup(batch(1))
    assert (answer.acknowledged, answer.absent) == (1, frozenset())
    assert len(kept) == 1


def test_a_failed_list_is_in_doubt_as_a_whole(told: Any, tools: Any) -> None:
    """A list that the service failed on may have been taken in part, so nothing of it is repeated unasked."""
    answers(told, tools, fault11("s:Server", "Sai"))
    request = {"items": {"item": {"$each": {"name": "$record.name"}}}}
    with pytest.raises(OutcomeUnknown):
        target(told, request=request).deliver(batch())


def test_a_failure_in_mid_batch_leaves_the_rest_in_doubt(told: Any, tools: Any) -> None:
    """What was taken before a fault stays acknowledged; the record it answered is in doubt, too."""
    answers(told, tools, "00", fault11("s:Server", "Sai"), "00")
    answer = target(told, status=STATUS).deliver(batch())
    assert (answer.acknowledged, answer.unknown) == (1, {1, 2})
    assert len(told.requests) == 2


@pytest.mark.parametrize("code", ["HT01", "Server"])
def test_a_listed_fault_surely_took_nothing(told: Any, tools: Any, code: str) -> None:
    """A fault that the agency's table calls transient is sent again without asking."""
    answers(told, tools, fault11("s:Server", "Sai", "<MaLoi>HT01</MaLoi>"))
    with pytest.raises(Unavailable) as caught:
        target(told, faults=FaultTable(transient=(code,))).deliver(batch(1))
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_status_query_that_failed_may_be_asked_again(told: Any, tools: Any) -> None:
    """Asking has no effect, so the same fault is an ordinary failure there."""
    answers(told, tools, fault11("s:Server", "Sai"))
    with pytest.raises(Unavailable):
        target(told, status=STATUS).lookup(batch(1))


def test_the_status_query_settles_doubt(told: Any, tools: Any) -> None:
    """Taken, never taken, not yet known and refused are told apart by asking."""
    answers(told, tools, "1", "0", "5", "9")
    answer = target(told, status=STATUS).lookup(batch(4))
    assert answer.acknowledged == 1
    assert answer.absent == {1}
    assert answer.unknown == {2}
    assert set(answer.refused) == {3}


def test_a_list_is_one_delivery(told: Any, tools: Any) -> None:
    """With $each the whole batch travels in one request, under the batch's own number."""
    answers(told, tools, "00")
    request = {"rid": "$request.id", "items": {"item": {"$each": {"name": "$record.name", "no": "$key"}}}}
    answer = target(told, request=request).deliver(batch())
    assert answer.acknowledged == 3
    body = told.requests[0][2].decode()
    assert body.count("<item>") == 3
    assert f"rid>{'cd' * 16}<" in body
    answers(told, tools, "10")
    with pytest.raises(RequestRejected):
        target(told, request=request).deliver(batch())
    answers(told, tools, "10")
    assert set(target(told, request=request).deliver(batch(1)).refused) == {0}


def test_a_record_without_a_request_is_refused_alone(told: Any, tools: Any, wsdl_folder: Any) -> None:
    """A record that lacks what the schema requires is refused; nothing is sent for it."""
    codes = ResultCodes(path="status", acknowledged=("1",))
    settings = SoapTarget(
        operation="dangKyHoTich",
        wsdl=str(wsdl_folder / "hotich.wsdl"),
        request={
            "maDonVi": "1",
            "module": "KS",
            "maHoSo": "$record.id",
            "ngayTiepNhan": "2026-01-01",
            "data": "$record.data",
        },
        result=codes,
        repeatable=True,
    )
    opened = settings.open_target(told.connection(), Context())
    told.headers = {"Content-Type": "application/soap+xml"}
    told.envelope(
        "<dangKyHoTichResponse xmlns='urn:lienthong:sandbox:hotich'><status>1</status>"
        "</dangKyHoTichResponse>",
        tools.SOAP12,
    )
    records = [
        canonical({"id": "1"}),
        canonical({"id": "2", "data": "x"}),
        canonical({"id": "3", "data": "a\x01b"}),
    ]
    answer = opened.deliver(Batch("ab" * 32, records, ("id",)))
    assert set(answer.refused) == {0, 2}
    assert {reason.rule for reason in answer.refused.values()} == {"target.request"}
    assert len(told.requests) == 1


FAULTS = [
    (fault11("s:Client", "Sai"), FaultTable(), Refused, "Client"),
    (fault11("s:Server", "Sai"), FaultTable(), Unavailable, "Server"),
    (fault11("s:MustUnderstand", "Sai"), FaultTable(), Misconfigured, "MustUnderstand"),
    (fault11("s:Server", "Sai", "<MaLoi>TT01</MaLoi>"), FaultTable(refused=("TT01",)), Refused, "TT01"),
    (fault11("s:Client", "Sai", "<MaLoi>HT01</MaLoi>"), FaultTable(transient=("HT01",)), Unavailable, "HT01"),
    (fault11("s:Client.Auth", "Sai"), FaultTable(unauthenticated=("Auth",)), Unauthenticated, "Auth"),
    (fault11("s:Client", "Sai"), FaultTable(permanent=("Client",)), RequestRejected, "Client"),
    (fault11("", ""), FaultTable(), Unavailable, "Fault"),
]


@pytest.mark.parametrize(("fault", "table", "error", "code"), FAULTS)
@pytest.mark.parametrize("status", [200, 500])
def test_faults_of_soap_11(
    told: Any, fault: str, table: FaultTable, error: type[LienThongError], code: str, status: int
) -> None:
    """The agency's table goes before the fault code, whether HTTP calls it a success or not."""
    told.envelope(fault)
    told.status = status
    settings = SoapLookup(operation="get", namespace="urn:t", request={"id": "$record.id"}, faults=table)
    with pytest.raises(error) as caught:
        settings.open_lookup(told.connection(), Context()).ask(QUESTION)
    assert caught.value.details["agency_code"] == code
    assert "Sai" not in str(caught.value)


QUESTION = Question("q1", {"id": "079000000001", "name": "Nguyễn Thị Bình"}, "cb.01", "1.000001", "cấp giấy")
TEXTS = "<s:Text xml:lang='en'>Wrong officer</s:Text><s:Text xml:lang='vi-VN'>Sai cán bộ</s:Text>"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (fault12("Sender", TEXTS, "E17"), Refused),
        (fault12("Receiver", TEXTS), Unavailable),
        (fault12("DataEncodingUnknown", TEXTS), Refused),
        (fault12("VersionMismatch", TEXTS), Misconfigured),
    ],
)
def test_faults_of_soap_12(told: Any, tools: Any, fault: str, error: type[LienThongError]) -> None:
    """Codes with subcodes and texts in two languages are read."""
    told.envelope(fault, tools.SOAP12)
    told.status, told.headers = 400, {"Content-Type": "application/soap+xml"}
    settings = SoapLookup(operation="get", namespace="urn:t", soap_version="1.2")
    with pytest.raises(error) as caught:
        settings.open_lookup(told.connection(), Context()).ask(QUESTION)
    if isinstance(caught.value, Refused) and "E17" in fault:
        (reason,) = caught.value.reasons
        assert (reason.rule, reason.vi, reason.en) == ("target.E17", "Sai cán bộ", "Wrong officer")


def test_personal_values_are_taken_out_of_the_agency_s_words(told: Any) -> None:
    """A fault that quotes the citizen reaches the steward without name and number."""
    told.envelope(fault11("s:Client", "Công dân Nguyễn Thị Bình số 079000000001 không khớp"))
    settings = SoapLookup(operation="get", namespace="urn:t")
    with pytest.raises(Refused) as caught:
        settings.open_lookup(told.connection(), Context()).ask(QUESTION)
    assert caught.value.reasons[0].vi == "Công dân … số … không khớp"


@pytest.mark.parametrize(("code", "error"), [("Client", RequestRejected), ("Server", Unavailable)])
def test_a_fault_on_a_read(told: Any, code: str, error: type[LienThongError]) -> None:
    """A source has no record to refuse, and a read that the service failed on is simply repeated."""
    told.envelope(fault11(f"s:{code}", "Sai"))
    settings = SoapSource(operation="get", namespace="urn:t", record_element="item")
    with pytest.raises(error):
        list(settings.open_source(told.connection(), Context()).read(ReadRequest()))


# --- look-ups


def test_who_asks_and_why_is_part_of_the_question(told: Any) -> None:
    """Officer, procedure, purpose and the question's number reach the service."""
    told.envelope("<r><a><b>1</b></a></r>")
    settings = SoapLookup(
        operation="get",
        namespace="urn:t",
        request={
            "q": "$question.id",
            "o": "$officer",
            "p": "$procedure",
            "w": "$purpose",
            "n": "$record.name|upper",
        },
        answer_element="a",
    )
    assert settings.open_lookup(told.connection(), Context()).ask(QUESTION) == {"b": "1"}
    body = told.requests[0][2].decode()
    for text in ("q>q1<", "o>cb.01<", "p>1.000001<", "w>cấp giấy<", "n>NGUYỄN THỊ BÌNH<"):
        assert text in body


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<r><a><b>1</b></a></r>", {"b": "1"}),
        ("<r><a>yes</a></r>", {"value": "yes"}),
        ("<r/>", "not-found"),
        ("<r><a/></r>", "not-found"),
        ("<r><a><b>1</b></a><a><b>2</b></a></r>", "ambiguous"),
    ],
)
def test_one_answer_or_a_reason(told: Any, inner: str, expected: Any) -> None:
    """Nothing found, or more than one, refuses the record: nobody is mistaken for somebody."""
    told.envelope(inner)
    settings = SoapLookup(operation="get", namespace="urn:t", answer_element="a")
    opened = settings.open_lookup(told.connection(), Context())
    if isinstance(expected, dict):
        assert opened.ask(QUESTION) == expected
        return
    with pytest.raises(Refused) as caught:
        opened.ask(QUESTION)
    assert caught.value.reasons[0].rule == f"target.{expected}"


def test_an_empty_answer_may_be_an_answer(told: Any) -> None:
    """With required=False a look-up that finds nothing gives an empty object."""
    told.envelope("<r/>")
    settings = SoapLookup(operation="get", namespace="urn:t", answer_element="a", required=False)
    assert settings.open_lookup(told.connection(), Context()).ask(QUESTION) == {}


def test_result_codes_of_a_look_up(told: Any) -> None:
    """A code inside the answer refuses the record or fails the run, as listed."""
    for code, error in (
        ("10", Refused),
        ("20", Unavailable),
        ("30", Misconfigured),
        ("88", ProtocolViolation),
    ):
        told.envelope(f"<r><code>{code}</code></r>")
        settings = SoapLookup(operation="get", namespace="urn:t", result=CODES)
        with pytest.raises(error):
            settings.open_lookup(told.connection(), Context()).ask(QUESTION)
