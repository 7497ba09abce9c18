"""Targets that answer 202: the job is kept, asked about, and every record gets what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lienthong.connector import Answer, Batch
from lienthong.errors import (
    Forbidden,
    InvalidExchange,
    LienThongError,
    OutcomeUnknown,
    ProtocolViolation,
    RequestRejected,
)
from lienthong_connectors.rest import Accepted, CreateThenUpdate, Envelope, RestTarget, Results, StatusLookup

ROWS = [{"id": f"HS-{n}", "ten": "Nguyễn Văn Bình"} for n in range(4)]
JOB = Accepted(
    state_path="state",
    done=("DONE",),
    refused=("FAILED",),
    pending=("QUEUED", "RUNNING"),
    results=Results(path="results", match="index", transient_codes=("BUSY",)),
    interval=7.0,
)
TARGET = RestTarget(path="x", accepted=JOB)


def accepted(agency: Any, location: str = "/api/jobs/1", **more: str) -> bytes:
    return bytes(agency.response(raw=b"", status=202, headers={"Location": location, **more}))


def asked_again(batch: Batch, answer: Answer) -> Batch:
    """Return the batch as push asks about it: with the receipts of the answer."""
    return replace(batch, receipts=(*batch.receipts, *answer.receipts))


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 7.0), ({"Retry-After": "30"}, 30.0), ({"Retry-After": "soon"}, 7.0)]
)
def test_an_acceptance_is_unknown_at_work_and_keeps_the_jobs_address(
    agency: Any, headers: dict[str, str], seconds: float
) -> None:
    agency.default = accepted(agency, **headers)
    answer = agency.target(TARGET).deliver(agency.batch(*ROWS))
    assert (answer.acknowledged, answer.unknown) == (0, frozenset(range(4)))
    assert answer.ask_after == seconds
    (receipt,) = answer.receipts
    assert (receipt.status, receipt.reference, receipt.lines) == ("202", "/api/jobs/1", ())


def test_a_job_is_asked_until_it_ends(agency: Any) -> None:
    """Pending states and a plain 202 mean: not yet; Retry-After of an answer is the next wait."""
    agency.steps = [
        accepted(agency),
        agency.response({"state": "QUEUED"}, headers={"Retry-After": "2"}),
        agency.response(raw=b"", status=202),
        agency.response({"state": "DONE", "results": [{"index": n, "code": "OK"} for n in range(4)]}),
    ]
    target, batch = agency.target(TARGET), agency.batch(*ROWS)
    batch = asked_again(batch, target.deliver(batch))
    waits = []
    for _ in range(2):
        found = target.lookup(batch)
        assert (found.unknown, found.receipts) == (frozenset(range(4)), ())
        waits.append(found.ask_after)
    found = target.lookup(batch)
    assert waits == [2.0, 7.0]
    assert (found.acknowledged, found.ask_after, found.receipts[0].status) == (4, None, "DONE")
    assert [(a.method, a.target) for a in agency.asked] == [("POST", "/api/x"), *[("GET", "/api/jobs/1")] * 3]


def test_per_record_results_of_a_job(agency: Any) -> None:
    """Taken, refused in the agency's words, absent for now, and unmentioned."""
    results = [
        {"index": 0, "code": "OK"},
        {"index": 1, "code": "BAD", "message": "Sai mã thủ tục"},
        {"index": 2, "code": "BUSY"},
    ]
    agency.steps = [accepted(agency), agency.response({"state": "DONE", "results": results})]
    target, batch = agency.target(TARGET), agency.batch(*ROWS)
    found = target.lookup(asked_again(batch, target.deliver(batch)))
    assert (found.acknowledged, found.absent, found.unknown) == (1, frozenset({2}), frozenset({3}))
    assert found.refused[1].vi == "Sai mã thủ tục"


def test_a_job_that_failed_refuses_its_records_in_the_agencys_words(agency: Any) -> None:
    agency.steps = [accepted(agency), agency.response({"state": "FAILED", "code": "E7", "message": "Sai lô"})]
    target, batch = agency.target(TARGET), agency.batch(*ROWS)
    found = target.lookup(asked_again(batch, target.deliver(batch)))
    assert {(reason.rule, reason.vi) for reason in found.refused.values()} == {("target.E7", "Sai lô")}
    assert len(found.refused) == 4


@pytest.mark.parametrize("status", [404, 410])
def test_a_job_that_the_target_has_lost_cannot_be_told(agency: Any, status: int) -> None:
    """Unknown and not at work; absent only where the settings say that the status means that."""
    agency.steps = [accepted(agency), *[agency.response({}, status=status)] * 2]
    target, batch = agency.target(TARGET), agency.batch(*ROWS)
    batch = asked_again(batch, target.deliver(batch))
    found = target.lookup(batch)
    assert (found.unknown, found.absent, found.ask_after) == (frozenset(range(4)), frozenset(), None)
    sure = agency.target(replace(TARGET, accepted=replace(JOB, absent_statuses=(404, 410))))
    assert sure.lookup(batch).absent == frozenset(range(4))


def test_a_job_that_was_lost_is_asked_about_by_the_batchs_key_where_that_is_possible(agency: Any) -> None:
    """The same holds for an acceptance that never arrived: there is no job to ask about."""
    status = StatusLookup(path="x/{id}", per="batch", results=Results(path="results", match="index"))
    both = replace(TARGET, status=status)
    done = agency.response({"results": [{"index": n, "code": "OK"} for n in range(4)]})
    agency.steps = [accepted(agency), agency.response({}, status=404), done, done]
    target, batch = agency.target(both), agency.batch(*ROWS)
    assert target.lookup(asked_again(batch, target.deliver(batch))).acknowledged == 4
    assert target.lookup(batch).acknowledged == 4
    assert [a.path for a in agency.asked[-2:]] == [f"/api/x/{batch.id}"] * 2


def test_without_any_receipt_there_is_nothing_to_ask_by(agency: Any) -> None:
    found = agency.target(TARGET).lookup(agency.batch(*ROWS))
    assert (found.unknown, found.ask_after, agency.asked) == (frozenset(range(4)), None, [])


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "5"}, 5.0), ({}, 7.0)])
@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_question_that_fails_for_now_is_asked_again_later(
    agency: Any, status: int, headers: dict[str, str], seconds: float
) -> None:
    agency.steps = [accepted(agency), agency.response({}, status=status, headers=headers)]
    target, batch = agency.target(TARGET), agency.batch(*ROWS)
    found = target.lookup(asked_again(batch, target.deliver(batch)))
    assert (len(found.unknown), found.ask_after) == (4, seconds)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status": 403}, Forbidden),
        ({"status": 400}, RequestRejected),
        ({"value": {"state": "ASLEEP"}}, ProtocolViolation),
        ({"value": {}}, ProtocolViolation),
        ({"raw": b"<html/>"}, ProtocolViolation),
        ({"value": {"state": "DONE"}}, ProtocolViolation),
    ],
)
def test_an_answer_about_a_job_that_makes_no_sense(
    agency: Any, answer: dict[str, Any], kind: type[LienThongError]
) -> None:
    """The question fails, naming the state; the delivery stays unknown."""
    agency.steps = [accepted(agency), agency.response(**answer)]
    target, batch = agency.target(TARGET), agency.batch(*ROWS)
    with pytest.raises(kind) as caught:
        target.lookup(asked_again(batch, target.deliver(batch)))
    if "ASLEEP" in str(answer):
        assert "ASLEEP" in caught.value.message


@pytest.mark.parametrize("location", ["", "https://elsewhere.example/jobs/1", "x" * 600])
def test_an_acceptance_that_does_not_say_how_to_ask_is_an_unknown_outcome(agency: Any, location: str) -> None:
    """Credentials are never sent to another host, so a job there cannot be asked about."""
    agency.default = accepted(agency, location)
    with pytest.raises(OutcomeUnknown, match="accepted the records but"):
        agency.target(TARGET).deliver(agency.batch(*ROWS))


@pytest.mark.parametrize(
    ("location", "target"),
    [("jobs/9?x=1", "/api/jobs/9?x=1"), ("/other/9", "/other/9"), ("{base}/api/jobs/9", "/api/jobs/9")],
)
def test_an_address_is_relative_to_the_request(agency: Any, location: str, target: str) -> None:
    """RFC 9110 section 10.2.2; the receipt keeps it without the host."""
    agency.steps = [
        accepted(agency, location.format(base=f"http://127.0.0.1:{agency.port}")),
        agency.response({"state": "RUNNING"}),
    ]
    opened, batch = agency.target(TARGET), agency.batch(*ROWS)
    answer = opened.deliver(batch)
    assert answer.receipts[0].reference == target
    opened.lookup(asked_again(batch, answer))
    assert agency.asked[-1].target == target


def test_a_number_in_the_body_and_a_question_by_post(agency: Any) -> None:
    """The portal's manner: everything is POST, outcomes are in the envelope, nothing in the headers."""
    later = Accepted(
        location="result.maGiaoDich",
        path="trangthai",
        method="POST",
        body={"service": "TrangThai", "maGiaoDich": "$reference", "donVi": "$connection.madonvi"},
        envelope=Envelope(),
        state_path="result.trangThai",
        done=("2",),
        pending=("1",),
    )
    agency.steps = [
        agency.response({"error_code": 0, "result": {"maGiaoDich": 4711}}, status=202),
        agency.response({"error_code": 0, "result": {"trangThai": 2}}),
        agency.response({"error_code": "44", "message": "Không có quyền"}),
    ]
    settings = RestTarget(path="x", accepted=later, envelope=Envelope())
    target, batch = agency.target(settings, madonvi="H21"), agency.batch(*ROWS)
    batch = asked_again(batch, target.deliver(batch))
    assert target.lookup(batch).acknowledged == 4
    assert agency.asked[-1].json() == {"service": "TrangThai", "maGiaoDich": "4711", "donVi": "H21"}
    with pytest.raises(RequestRejected, match="Không có quyền"):
        target.lookup(batch)


def test_an_acceptance_that_carries_an_error_is_an_error(agency: Any) -> None:
    agency.default = agency.response(
        {"error_code": "02", "message": "Sai"}, status=202, headers={"Location": "/j"}
    )
    with pytest.raises(RequestRejected, match="Sai"):
        agency.target(replace(TARGET, envelope=Envelope())).deliver(agency.batch(*ROWS))


def test_an_answer_that_is_ready_at_once_is_read_as_ever(agency: Any) -> None:
    """A target may answer 200 to small batches: then there is no job."""
    agency.default = agency.response([{"index": n, "code": "OK"} for n in range(4)])
    settings = replace(TARGET, results=Results(match="index"))
    assert agency.target(settings).deliver(agency.batch(*ROWS)).acknowledged == 4


def test_records_that_travel_one_by_one_have_a_job_each(agency: Any) -> None:
    settings = RestTarget(
        path="x", mode="single", accepted=replace(JOB, results=None), status=StatusLookup(path="x/{key}")
    )
    agency.steps = [accepted(agency, f"/api/jobs/{n}") for n in range(2)]
    agency.steps += [agency.response({"state": "DONE"}), agency.response({"state": "RUNNING"})]
    target, batch = agency.target(settings), agency.batch(*ROWS[:2])
    answer = target.deliver(batch)
    assert [(r.reference, r.lines) for r in answer.receipts] == [("/api/jobs/0", (0,)), ("/api/jobs/1", (1,))]
    found = target.lookup(asked_again(batch, answer))
    assert (found.acknowledged, found.unknown, found.ask_after) == (1, frozenset({1}), 7.0)


def test_the_newest_job_of_a_record_is_the_one_that_counts(agency: Any) -> None:
    """Two records were sent again as a batch of their own: their job's results are read by its places."""
    first = [{"index": n, "code": "BUSY" if n in {1, 3} else "OK"} for n in range(4)]
    agency.steps = [accepted(agency, "/api/jobs/1"), accepted(agency, "/api/jobs/2")]
    target, batch = agency.target(TARGET), agency.batch(*ROWS)
    whole = target.deliver(batch)
    rest = target.deliver(agency.batch(ROWS[1], ROWS[3]))
    agency.default = lambda asked: agency.response(
        {"state": "DONE", "results": first}
        if asked.path.endswith("1")
        else {"state": "DONE", "results": [{"index": 0, "code": "OK"}, {"index": 1, "code": "NO"}]}
    )
    found = target.lookup(
        replace(batch, receipts=(*whole.receipts, *(one.within([1, 3]) for one in rest.receipts)))
    )
    assert (found.acknowledged, sorted(found.refused), found.absent) == (3, [3], frozenset())


def test_capabilities_say_how_long_to_wait(agency: Any) -> None:
    can = agency.target(replace(TARGET, accepted=replace(JOB, most_seconds=90.0, most_polls=4))).capabilities
    assert (can.lookup, can.patience, can.questions) == (True, 90.0, 4)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (Accepted, "done"),
        (lambda: Accepted(done=("x",), status=302), "status"),
        (lambda: Accepted(done=("x",), location="header:"), "location"),
        (lambda: Accepted(done=("x",), path="jobs"), "path"),
        (lambda: Accepted(done=("x",), path="j/{reference}", body={"a": 1}), "body"),
        (lambda: Accepted(done=("x",), method="POST", body={"a": "$record"}), "body"),
        (lambda: Accepted(done=("x",), interval=0), "interval"),
        (lambda: Accepted(done=("x",), most_seconds=0), "most_seconds"),
        (lambda: Accepted(done=("x",), most_polls=-1), "most_polls"),
        (lambda: RestTarget(path="x", mode="single", accepted=JOB), "accepted"),
        (
            lambda: RestTarget(
                path="x",
                accepted=JOB,
                wrap={"d": "$records"},
                results=Results(),
                upsert=CreateThenUpdate(exists_codes=("4",)),
            ),
            "accepted",
        ),
    ],
)
def test_settings_that_cannot_work_name_the_field(make: Callable[[], Any], field: str) -> None:
    with pytest.raises(InvalidExchange, match=field):
        make()
