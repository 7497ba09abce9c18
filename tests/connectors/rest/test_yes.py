"""What a REST target takes for a yes, what settings add, and lists that are absent, short or of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from lienthong.connector import Question
from lienthong.errors import (
    InvalidExchange,
    LienThongError,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    RequestRejected,
    Unavailable,
)
from lienthong_connectors.rest import (
    Accepted,
    Envelope,
    RestLookup,
    RestTarget,
    Results,
    StatusLookup,
    Success,
)
from lienthong_connectors.rest.yes import failing

ROWS = [{"id": f"HS-{n}", "v": n} for n in range(3)]
HTML = "<!DOCTYPE html><html><form>Đăng nhập</form></html>".encode()


def told(
    agency: Any, body: Any, *, media: str = "application/json", status: int = 200, **headers: str
) -> None:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    agency.default = agency.response(raw=raw, status=status, headers={"Content-Type": media, **headers})


def yes(agency: Any, settings: RestTarget) -> bool:
    try:
        answer = agency.target(settings).deliver(agency.batch(*ROWS))
    except OutcomeUnknown:
        return False
    assert answer.acknowledged == 3
    return True


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, True),
        ({"message": "Đã nhận", "code": 0}, True),
        ({"message": "Đã nhận", "code": "00", "data": {"ids": [1, 2, 3]}}, True),
        ({"status": "OK", "errors": [], "error": None, "failed": 0}, True),
        ({"status": "PENDING"}, True),
        ({"code": 4711}, False),
        ([{"id": 1}, {"id": 2}, {"id": 3}], True),
        (True, True),
        (None, True),
        ("Success.", True),
        ({"error": "x"}, False),
        ({"Errors": [{"row": 1}]}, False),
        ({"error_code": "99"}, False),
        ({"errorCode": 7}, False),
        ({"ok": False}, False),
        ({"isSuccess": "false"}, False),
        ({"state": "FAILED"}, False),
        ({"result": -1}, False),
        ({"statusCode": 500}, False),
        ({"code": 1, "msg": "Lỗi"}, False),
        ({"resultCode": "Thất bại"}, False),
        ({"data": {"items": [{"id": 1, "error": "x"}]}}, False),
        ({"rejected": 2}, False),
        ({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}, False),
        ({"type": "about:blank", "title": "Bad", "code": 422}, False),
        ([], False),
        ([{"id": 1}], False),
        (False, False),
        (-1, False),
        (4711, False),
        ("Không tìm thấy", False),
    ],
)
def test_json_is_a_yes_where_nothing_in_it_says_no(agency: Any, body: Any, wanted: bool) -> None:
    """Before: every one of them was one."""
    told(agency, body)
    assert yes(agency, RestTarget(path="x")) is wanted


def test_an_answer_may_repeat_what_the_records_say(agency: Any) -> None:
    """A dossier that was rejected is no delivery that was: its own members are not read as the answer's."""
    rows = [{"id": n, "state": "rejected", "errors": ["thiếu giấy tờ"]} for n in range(3)]
    told(agency, rows)
    target = agency.target(RestTarget(path="x"))
    assert target.deliver(agency.batch(*rows)).acknowledged == 3
    with pytest.raises(OutcomeUnknown, match="state"):
        target.deliver(agency.batch(*ROWS))


@pytest.mark.parametrize("status", [202, 203, 205, 206, 207, 208, 226])
def test_other_successes_are_for_the_settings_to_declare(agency: Any, status: int) -> None:
    told(agency, {}, status=status)
    with pytest.raises(OutcomeUnknown, match=f"{status}, which the settings do not declare"):
        agency.target(RestTarget(path="x")).deliver(agency.batch(*ROWS))
    assert yes(agency, RestTarget(path="x", success=Success(statuses=(200, status))))
    assert yes(agency, RestTarget(path="x", statuses={status: "taken"}))


def test_created_with_a_location_is_a_yes(agency: Any) -> None:
    told(agency, b"", media="", status=201, Location="/x/1")
    assert yes(agency, RestTarget(path="x"))


XML = b"<r><ketQua>1</ketQua></r>"


@pytest.mark.parametrize(
    ("success", "body", "media", "wanted"),
    [
        (Success(), XML, "application/xml", False),
        (Success(content_types=("application/xml",)), XML, "application/xml; charset=utf-8", True),
        (Success(content_types=("application/xml",), contains="<ketQua>1<"), XML, "application/xml", True),
        (Success(content_types=("application/xml",), contains="<ketQua>0<"), XML, "application/xml", False),
        (Success(content_types=("application/xml",)), HTML, "text/html", False),
        (Success(body="any"), HTML, "text/html", True),
        (Success(body="any", contains="OK"), HTML, "text/html", False),
        (Success(body="empty"), b"", "", True),
        (Success(body="empty"), b"{}", "application/json", False),
        (Success(body="object"), b'{"a": 1}', "application/json", True),
        (Success(body="object"), b'{"error": 1}', "application/json", False),
        (Success(body="object"), b"[1, 2, 3]", "application/json", False),
        (Success(body="object"), b"", "application/json", False),
        (Success(body="object"), b"OK", "text/plain", False),
        (Success(body="list"), b"[1, 2, 3]", "application/json", True),
        (Success(members=("data.id",)), b'{"data": {"id": 7}}', "application/json", True),
        (Success(members=("data.id",)), b'{"data": {"id": ""}}', "application/json", False),
        (Success(members=("data.id",)), b'{"data": {}}', "application/json", False),
        (Success(texts=("Đã nhận",)), "đã nhận.".encode(), "text/plain; charset=utf-8", True),
        (Success(texts=("Đã nhận",)), b"OK", "text/plain", False),
        (Success(texts=("Đã nhận",)), '"Đã nhận"'.encode(), "application/json", True),
        (Success(), b"OK", "", True),
        (Success(), HTML, "", False),
        (Success(), HTML, "text/plain", False),
        (Success(), b"OK\xff", "text/plain", False),
    ],
)
def test_settings_say_how_a_service_says_yes(
    agency: Any, success: Success, body: bytes, media: str, wanted: bool
) -> None:
    told(agency, body, media=media)
    assert yes(agency, RestTarget(path="x", success=success)) is wanted


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"statuses": (302,)}, "statuses"),
        ({"statuses": ()}, "statuses"),
        ({"body": "html"}, "body"),
        ({"body": "any", "members": ("a",)}, "members"),
        ({"body": "empty", "contains": "a"}, "contains"),
    ],
)
def test_a_success_that_contradicts_itself_is_named(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidExchange, match=f"success.{field}"):
        Success(**given)


@pytest.mark.parametrize(
    ("settings", "body", "wanted"),
    [
        (RestTarget(path="x", reference="so"), {"so": 7}, True),
        (RestTarget(path="x", reference="so"), {"so": None}, False),
        (RestTarget(path="x", reference="so"), {}, False),
        (RestTarget(path="x", reference="so"), {"so": 7, "error": "x"}, False),
        (RestTarget(path="x", envelope=Envelope(optional=True)), {"data": 1}, True),
        (RestTarget(path="x", envelope=Envelope(optional=True)), {"fault": {"code": 1}}, False),
        (RestTarget(path="x", envelope=Envelope()), {"error_code": 0, "errors": ["text"]}, True),
        (RestTarget(path="x", envelope=Envelope(codes="dvcqg")), {"error_code": "7788"}, False),
        (RestTarget(path="x", envelope=Envelope(also={"s": ("OK",)})), {"error_code": 0}, False),
        (
            RestTarget(path="x", envelope=Envelope(also={"s": ("", "no")})),
            {"error_code": 0, "s": "yes"},
            False,
        ),
        (RestTarget(path="x", envelope=Envelope(), reference="so"), {"error_code": 0}, True),
        (RestTarget(path="x", results=Results()), {"results": []}, False),
    ],
)
def test_what_is_promised_is_there(agency: Any, settings: RestTarget, body: Any, wanted: bool) -> None:
    """Before: a reference that is not there was passed over; two contrary words were a refusal."""
    told(agency, body)
    assert yes(agency, settings) is wanted


def test_many_statuses_with_a_result_for_each_are_read(agency: Any) -> None:
    """207 (RFC 4918 section 13) says that outcomes differ, and results say how."""
    told(agency, [{"code": "OK"}, {"code": "BAD"}, {"code": "OK"}], status=207)
    answer = agency.target(RestTarget(path="x", results=Results())).deliver(agency.batch(*ROWS))
    assert (answer.acknowledged, list(answer.refused)) == (2, [1])


# --- lists

BY_ROW = Results(path="errors", match="index", field="row", first_index=1, only_refused=True)
BY_KEY = Results(path="errors", match="key", field="id", only_refused=True)


@pytest.mark.parametrize(
    ("results", "body", "refused", "unknown"),
    [
        (BY_ROW, {"errors": []}, [], []),
        (BY_ROW, {"errors": None}, [], []),
        (BY_ROW, {"errors": [{"row": 2, "code": "X"}]}, [1], []),
        (BY_ROW, {"errors": [{"row": 9, "code": "X"}]}, [], [0, 1, 2]),
        (BY_ROW, {"errors": [{"row": 2, "code": "X"}, {"code": "X"}]}, [1], [0, 2]),
        (BY_KEY, {"errors": [{"id": "HS-1", "code": "X"}]}, [1], []),
        (BY_KEY, {"errors": [{"id": "hs-1", "code": "X"}]}, [], [0, 1, 2]),
        (BY_KEY, {"errors": ["HS-1"]}, [], [0, 1, 2]),
    ],
)
def test_a_list_of_refused_records_that_names_others_leaves_the_rest_unknown(
    agency: Any, results: Results, body: Any, refused: list[int], unknown: list[int]
) -> None:
    """Before: what it did not name was acknowledged, although the refused one was among it."""
    told(agency, body)
    answer = agency.target(RestTarget(path="x", results=results)).deliver(agency.batch(*ROWS))
    assert (sorted(answer.refused), sorted(answer.unknown)) == (refused, unknown)


@pytest.mark.parametrize("body", [{"ok": True}, {"message": "x"}, {"errors": {"row": 1}}, {"errors": "none"}])
def test_a_list_of_refused_records_that_is_absent_is_no_list(agency: Any, body: Any) -> None:
    """Before: it was taken for an empty one."""
    told(agency, body)
    assert not yes(agency, RestTarget(path="x", results=BY_ROW))


def test_results_that_count_from_another_number_give_nobodys_verdict_to_the_next(agency: Any) -> None:
    """Before: record 2 was refused for what record 1 had done."""
    told(agency, [{"index": 1, "code": "OK"}, {"index": 2, "code": "BAD"}, {"index": 3, "code": "OK"}])
    answer = agency.target(RestTarget(path="x", results=Results(match="index"))).deliver(agency.batch(*ROWS))
    assert (dict(answer.refused), answer.unknown) == ({}, frozenset(range(3)))


# --- asking


@pytest.mark.parametrize(
    ("status", "body", "unknown", "absent"),
    [
        (StatusLookup(path="x/{id}", per="batch"), {"taken": True}, 0, 0),
        (StatusLookup(path="x/{id}", per="batch"), {"error": "db"}, 3, 0),
        (StatusLookup(path="x/{key}", found="data", parallel=1), {"data": None}, 0, 3),
        (StatusLookup(path="x/{key}", found="data", parallel=1), {"error": "db"}, 3, 0),
        (StatusLookup(path="x/{key}", compare=(), parallel=1), {"error": "db"}, 3, 0),
    ],
)
def test_an_answer_that_says_something_went_wrong_tells_nothing_of_the_records(
    agency: Any, status: StatusLookup, body: Any, unknown: int, absent: int
) -> None:
    """Before: an error object with 200 meant taken, or absent, and then the record was sent again."""
    told(agency, body)
    answer = agency.target(RestTarget(path="x", status=status)).lookup(agency.batch(*ROWS))
    assert (len(answer.unknown), len(answer.absent)) == (unknown, absent)


def test_a_page_with_404_does_not_mean_absent(agency: Any) -> None:
    """Before: every record was sent again while the application was away."""
    status = StatusLookup(path="x/{key}", parallel=1)
    told(agency, HTML, media="text/html", status=404)
    with pytest.raises(ProtocolViolation, match="page"):
        agency.target(RestTarget(path="x", status=status)).lookup(agency.batch(*ROWS))
    settings = RestTarget(path="x", status=status, content_types=("application/json", "text/html"))
    assert agency.target(settings).lookup(agency.batch(*ROWS)).absent == frozenset(range(3))
    told(agency, b"", media="", status=404)
    assert agency.target(RestTarget(path="x", status=status)).lookup(agency.batch(*ROWS)).absent


def test_a_job_that_a_page_denies_was_not_denied(agency: Any) -> None:
    job = Accepted(done=("DONE",), pending=("BUSY",), absent_statuses=(404,))
    target = agency.target(RestTarget(path="x", accepted=job))
    told(agency, b"", media="", status=202, Location="/api/jobs/1")
    batch = agency.batch(*ROWS)
    receipts = target.deliver(batch).receipts
    told(agency, HTML, media="text/html", status=404)
    with pytest.raises(ProtocolViolation, match="page"):
        target.lookup(replace(batch, receipts=receipts))


def test_a_lookup_does_not_find_nobody_where_something_went_wrong(agency: Any) -> None:
    """Before: an error object without the answer's member meant that nobody was found."""
    params = {"o": "$officer", "p": "$procedure", "m": "$purpose"}
    lookup = RestLookup(path="x", params=params, answer="data").open_lookup(
        agency.connection(), agency.context()
    )
    question = Question("1", {}, "officer", "procedure", "purpose")
    for body, kind in (({"error": "db"}, RequestRejected), ({"data": None}, Refused), ({}, Refused)):
        told(agency, body)
        with pytest.raises(kind):
            lookup.ask(question)
    told(agency, HTML, media="text/html", status=404)
    with pytest.raises(ProtocolViolation):
        lookup.ask(question)
    lookup.close()


# --- what is not of the target


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Unavailable), (502, OutcomeUnknown), (503, OutcomeUnknown)]
)
def test_a_transactional_target_vouches_for_itself_alone(
    agency: Any, status: int, kind: type[LienThongError]
) -> None:
    """Before: a gateway's 502 and 504 counted as rolled back, too."""
    told(agency, {}, status=status)
    with pytest.raises(kind):
        agency.target(RestTarget(path="x", transactional=True)).deliver(agency.batch(*ROWS))


def test_what_keeps_us_from_checking_a_signature_says_nothing_of_a_delivery(
    agency: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of revocations that cannot be fetched comes after the target took the records."""
    from lienthong_connectors.http import client

    class Broken:
        verifies = True

        def sign(self, request: Any) -> None:
            return

        def verify(self, *_: Any) -> str:
            raise Unavailable("a revocation list cannot be read")

    monkeypatch.setattr(client, "_signatures", lambda *_: Broken())
    told(agency, {})
    with pytest.raises(OutcomeUnknown, match="revocation"):
        agency.target(RestTarget(path="x")).deliver(agency.batch(*ROWS))
    assert len(agency.asked) == 1


def test_own_names_are_left_out_at_every_depth() -> None:
    assert failing({"data": [{"error": 1}]}) == "error"
    assert failing({"data": [{"error": 1}]}, {"error"}) == ""
    deep: Any = {"error": 1}
    for _ in range(2000):
        deep = {"a": deep}
    assert failing(deep) == ""
