"""Every record of a delivery gets the outcome that the target gave it, or none at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lienthong.errors import (
    Forbidden,
    LienThongError,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.rest import (
    CreateThenUpdate,
    Envelope,
    PagePaging,
    RestSource,
    RestTarget,
    Results,
    StatusLookup,
)

ROWS = [{"id": f"HS-{n}", "ten": "Nguyễn Văn Bình", "v": n} for n in range(5)]
BY_KEY = Results(
    path="result", match="key", field="id", code_path="error_code", ok_codes=("00",), transient_codes=("99",)
)
PORTAL = RestTarget(
    path="p",
    wrap={"service": "DongBo", "isUpdating": "False", "data": "$records"},
    envelope=Envelope(unknown_codes=("-1",)),
    results=BY_KEY,
    upsert=CreateThenUpdate(exists_codes=("04",)),
    status=StatusLookup(
        method="POST",
        path="g",
        body={"service": "TraCuu", "mahoso": "$record.id"},
        envelope=Envelope(),
        found="result",
    ),
)


class FakePortal:
    """Keeps records by id; refuses to create twice and to update what is not there."""

    def __init__(self, agency: Any) -> None:
        self.agency, self.kept, self.refuse = agency, {}, {}
        self.writes: list[tuple[str, str]] = []
        agency.default = self.answer

    def answer(self, asked: Any) -> bytes:
        body = asked.json()
        if asked.path.endswith("/g"):
            found = self.kept.get(body["mahoso"])
            return bytes(self.agency.response({"error_code": "00", "result": [found] if found else []}))
        result = [self.take(item, body["isUpdating"]) for item in body["data"]]
        return bytes(self.agency.response({"error_code": "00", "result": result}))

    def take(self, item: dict[str, Any], updating: str) -> dict[str, Any]:
        key = item["id"]
        code, text = self.refuse.get(key, ("00", "Thành công"))
        if code == "00" and (key in self.kept) != (updating == "True"):
            code, text = ("04", f"Hồ sơ {key} đã tồn tại") if key in self.kept else ("05", "chưa có")
        if code == "00":
            self.kept[key] = item
            self.writes.append((updating, key))
        return {"id": key, "error_code": code, "message": text}


def test_a_batch_is_one_array_under_its_idempotency_key(agency: Any) -> None:
    """The canonical bytes of the records travel as they are."""
    agency.default = agency.response({"ok": True})
    batch = agency.batch(*ROWS)
    answer = agency.target(RestTarget(path="x")).deliver(batch)
    (asked,) = agency.asked
    assert asked.body == b"[" + b",".join(batch.records) + b"]"
    assert asked.headers["idempotency-key"] == asked.headers["x-request-id"] == batch.id
    assert (answer.total, answer.acknowledged) == (5, 5)
    (receipt,) = answer.receipts
    assert receipt.status == "200"
    assert len(receipt.digest) == 64
    assert receipt.at.endswith("Z")


def test_the_idempotency_key_is_the_same_on_every_try(agency: Any) -> None:
    agency.steps = [agency.response({}, status=500), agency.response({}, status=503)]
    agency.default = agency.response({})
    target = agency.target(RestTarget(path="x"))
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            target.deliver(agency.batch(*ROWS))
    target.deliver(agency.batch(*ROWS))
    assert len({a.headers["idempotency-key"] for a in agency.asked}) == 1


def test_a_batch_travels_as_lines_where_the_target_reads_ndjson(agency: Any) -> None:
    agency.default = agency.response({})
    batch = agency.batch(*ROWS)
    agency.target(RestTarget(path="x", mode="ndjson")).deliver(batch)
    assert agency.asked[0].body == b"\n".join(batch.records) + b"\n"
    assert agency.asked[0].headers["content-type"] == "application/x-ndjson"


def test_a_wrap_is_filled_with_records_key_and_connection_fields(agency: Any) -> None:
    agency.default = agency.response({})
    wrap = {"requestId": "$id", "head": {"donVi": "$connection.madonvi", "n": [1, "$$5"]}, "data": "$records"}
    batch = agency.batch(*ROWS)
    agency.target(RestTarget(path="x", wrap=wrap, key_header=""), madonvi="H21").deliver(batch)
    (asked,) = agency.asked
    assert asked.json() == {
        "requestId": batch.id,
        "head": {"donVi": "H21", "n": [1, "$5"]},
        "data": ROWS,
    }
    assert "idempotency-key" not in asked.headers


@pytest.mark.parametrize("mode", ["batch", "single", "ndjson"])
def test_decimals_are_written_as_numbers_with_all_their_digits(agency: Any, mode: Any) -> None:
    """Where the settings name them, wherever they stand; what is no number stays a text."""
    rows = [
        {"id": "1", "fee": "12345678901234567.89", "code": "12", "lines": [{"fee": "-0.50"}, {"fee": None}]},
        {"id": "2", "fee": "1_000", "lines": [{"fee": "01"}, {"fee": 7}, {}, 3]},
    ]
    agency.default = agency.response({})
    settings = RestTarget(path="p", mode=mode, numbers=("fee", "lines[].fee", "none.there"))
    agency.target(settings).deliver(agency.batch(*rows))
    sent = b"".join(asked.body for asked in agency.asked)
    assert b'"fee":12345678901234567.89' in sent and b'"code":"12"' in sent
    assert b'"lines":[{"fee":-0.50},{"fee":null}]' in sent
    assert b'"fee":"1_000"' in sent and b'"lines":[{"fee":"01"},{"fee":7},{},3]' in sent


def test_templates_never_get_at_secrets(agency: Any) -> None:
    """A password cannot be written into a body, whatever the settings say."""
    wrap = {"pw": "$connection.password", "data": "$records"}
    agency.default = agency.response({})
    with pytest.raises(LienThongError, match="not there"):
        agency.target(RestTarget(path="x", wrap=wrap), password="s").deliver(agency.batch(*ROWS))
    assert agency.asked == []


def test_of_500_records_498_are_taken_and_two_are_refused_in_the_targets_words(agency: Any) -> None:
    portal = FakePortal(agency)
    rows = [{"id": f"HS-{n}", "cccd": "064123456789", "ten": "Nguyễn Văn Bình"} for n in range(500)]
    portal.refuse = {
        "HS-7": ("03", "Mã thủ tục không tồn tại"),
        "HS-9": ("02", "Ông Nguyễn Văn Bình (064123456789) sai"),
    }
    answer = agency.target(PORTAL).deliver(agency.batch(*rows))
    assert (answer.acknowledged, sorted(answer.refused)) == (498, [7, 9])
    assert answer.refused[7].rule == "target.03"
    assert answer.refused[7].vi == "Mã thủ tục không tồn tại"
    assert answer.refused[9].vi == "Ông … (…) sai", "a reason names the rule, never the value"
    assert answer.receipts[0].status == "00"


def test_results_by_index_and_by_order(agency: Any) -> None:
    items = [{"index": 1, "code": "BAD", "message": "m"}, {"index": 0, "code": "OK"}]
    agency.default = agency.response(items)
    by_index = agency.target(RestTarget(path="x", results=Results(match="index"))).deliver(
        agency.batch(*ROWS[:2])
    )
    assert list(by_index.refused) == [1]
    by_order = agency.target(RestTarget(path="x", results=Results())).deliver(agency.batch(*ROWS[:2]))
    assert list(by_order.refused) == [0]


@pytest.mark.parametrize("match", ["order", "index", "key"])
def test_records_that_the_answer_does_not_mention_are_unknown_not_taken(agency: Any, match: Any) -> None:
    agency.default = agency.response([{"index": 0, "id": "HS-0", "code": "OK"}, {"index": 77, "id": "no"}, 5])
    results = Results(match=match, field="id" if match == "key" else "index")
    answer = agency.target(RestTarget(path="x", results=results)).deliver(agency.batch(*ROWS))
    assert answer.unknown == (frozenset(range(5)) if match == "order" else frozenset({1, 2, 3, 4}))


def test_a_record_that_is_named_without_a_verdict_is_unknown_not_refused(agency: Any) -> None:
    agency.default = agency.response([{"index": 0}, {"index": 1, "code": None}, {"index": 2, "code": "BAD"}])
    settings = RestTarget(path="x", results=Results(match="index"))
    answer = agency.target(settings).deliver(agency.batch(*ROWS[:3]))
    assert (answer.unknown, list(answer.refused)) == (frozenset({0, 1}), [2])


def test_results_that_contradict_each_other_are_unknown(agency: Any) -> None:
    agency.default = agency.response([{"index": 0, "code": "OK"}, {"index": 0, "code": "BAD"}])
    settings = RestTarget(path="x", results=Results(match="index"))
    answer = agency.target(settings).deliver(agency.batch(ROWS[0]))
    assert (answer.unknown, answer.refused) == (frozenset({0}), {})


def test_a_list_of_refused_records_alone_means_that_the_others_were_taken(agency: Any) -> None:
    agency.steps = [
        agency.response({"errors": [{"row": 2, "code": "X", "message": "m"}]}),
        agency.response({"errors": None}),
    ]
    results = Results(path="errors", match="index", field="row", first_index=1, only_refused=True)
    target = agency.target(RestTarget(path="x", results=results))
    assert list(target.deliver(agency.batch(*ROWS)).refused) == [1]
    assert target.deliver(agency.batch(*ROWS)).acknowledged == 5


def test_records_with_equal_keys_take_their_results_in_turn(agency: Any) -> None:
    agency.default = agency.response(
        {
            "error_code": 0,
            "result": [{"id": "A", "error_code": "00"}, {"id": "A", "error_code": "02", "message": "m"}],
        }
    )
    settings = RestTarget(path="x", results=BY_KEY)
    answer = agency.target(settings).deliver(agency.batch({"id": "A", "v": 1}, {"id": "A", "v": 2}))
    assert list(answer.refused) == [1]


def test_what_exists_already_is_sent_again_as_an_update(agency: Any) -> None:
    """Under a key of its own, because its content is another one."""
    portal = FakePortal(agency)
    portal.kept = {"HS-1": {"id": "HS-1"}, "HS-3": {"id": "HS-3"}}
    answer = agency.target(PORTAL).deliver(agency.batch(*ROWS))
    assert answer.acknowledged == 5
    assert portal.writes == [
        ("False", "HS-0"),
        ("False", "HS-2"),
        ("False", "HS-4"),
        ("True", "HS-1"),
        ("True", "HS-3"),
    ]
    keys = [a.headers["idempotency-key"] for a in agency.asked]
    assert len(set(keys)) == 2
    assert len(answer.receipts) == 2


@pytest.mark.parametrize("how", ["cut", "busy", "denied"])
def test_a_failed_update_leaves_only_its_own_records_unknown(agency: Any, how: str) -> None:
    portal = FakePortal(agency)
    portal.kept = {"HS-1": {"id": "HS-1"}}

    def cut(asked: Any, connection: Any) -> None:
        connection.close()

    second = {
        "cut": cut,
        "busy": agency.response({}, status=429),
        "denied": agency.response({}, status=403),
    }[how]
    agency.steps = [portal.answer, second]
    answer = agency.target(PORTAL).deliver(agency.batch(*ROWS))
    assert (answer.unknown, answer.acknowledged) == (frozenset({1}), 4)


def test_lookup_tells_taken_from_absent_and_from_older_content(agency: Any) -> None:
    portal = FakePortal(agency)
    portal.kept = {
        "HS-0": {**ROWS[0], "v": "0", "extra": "of the portal's own"},
        "HS-1": {**ROWS[1], "ten": "an older name"},
    }
    answer = agency.target(PORTAL).lookup(agency.batch(*ROWS[:3]))
    assert (answer.acknowledged, answer.absent) == (1, frozenset({1, 2}))
    assert len(answer.receipts) == 1


@pytest.mark.parametrize(
    ("theirs", "taken"), [("9", False), ("10", True), ("11", True), ("", False), (None, False)]
)
def test_a_version_field_decides_where_there_is_one(agency: Any, theirs: Any, taken: bool) -> None:
    agency.default = agency.response({"found": {"id": "A", "ver": theirs}})
    status = StatusLookup(path="one/{key}", found="found", version="ver")
    target = agency.target(RestTarget(path="x", status=status))
    answer = target.lookup(agency.batch({"id": "A/B", "ver": 10}))
    assert answer.acknowledged == int(taken)
    assert agency.asked[0].target == "/api/one/A%2FB"


def test_lookup_by_the_batchs_key(agency: Any) -> None:
    """404 means that nothing was taken; per-record results are read as after a delivery."""
    results = Results(path="Results", match="index", transient_codes=("BUSY",))
    settings = RestTarget(path="x", status=StatusLookup(path="x/{id}", per="batch", results=results))
    batch = agency.batch(*ROWS[:3])
    agency.steps = [
        agency.response({}, status=404),
        agency.response(
            {
                "Results": [
                    {"index": 0, "code": "OK"},
                    {"index": 1, "code": "BUSY"},
                    {"index": 2, "code": "NO"},
                ]
            }
        ),
        agency.response({}, status=500),
    ]
    target = agency.target(settings)
    assert target.lookup(batch).absent == frozenset({0, 1, 2})
    answer = target.lookup(batch)
    assert (answer.acknowledged, answer.absent, list(answer.refused)) == (1, frozenset({1}), [2])
    with pytest.raises(Unavailable):
        target.lookup(batch)
    assert agency.asked[0].target == f"/api/x/{batch.id}"


def test_a_record_that_may_be_taken_later_is_unknown_until_it_is_asked_about(agency: Any) -> None:
    portal = FakePortal(agency)
    portal.refuse = {"HS-1": ("99", "bận")}
    target = agency.target(PORTAL)
    batch = agency.batch(*ROWS[:2])
    assert target.deliver(batch).unknown == frozenset({1})
    assert target.lookup(batch).absent == frozenset({1})


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (400, {}, RequestRejected),
        (401, {}, Unauthenticated),
        (403, {}, Forbidden),
        (409, {}, RequestRejected),
        (422, {}, RequestRejected),
        (429, {}, RateLimited),
        (503, {"Retry-After": "9"}, OutcomeUnknown),
        (503, {}, OutcomeUnknown),
        (500, {}, OutcomeUnknown),
        (502, {}, OutcomeUnknown),
        (504, {}, OutcomeUnknown),
        (304, {}, OutcomeUnknown),
    ],
)
def test_statuses_of_deliveries(
    agency: Any, status: int, headers: dict[str, str], kind: type[LienThongError]
) -> None:
    agency.default = agency.response({"code": "E1", "message": "sai"}, status=status, headers=headers)
    with pytest.raises(kind) as caught:
        agency.target(RestTarget(path="x")).deliver(agency.batch(*ROWS))
    if kind is RequestRejected:
        assert caught.value.details == {"status": status, "agency_code": "E1"}
        assert "sai" in caught.value.message


def test_an_error_of_a_transactional_target_means_that_nothing_was_taken(agency: Any) -> None:
    agency.default = agency.response({}, status=500)
    with pytest.raises(Unavailable):
        agency.target(RestTarget(path="x", transactional=True)).deliver(agency.batch(*ROWS))


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [("rejected", RequestRejected), ("unavailable", Unavailable), ("unknown", OutcomeUnknown)],
)
def test_settings_say_what_a_status_means(agency: Any, outcome: Any, kind: type[LienThongError]) -> None:
    agency.default = agency.response({"code": "E1", "message": "m"}, status=409)
    with pytest.raises(kind):
        agency.target(RestTarget(path="x", statuses={409: outcome})).deliver(agency.batch(*ROWS))
    taken = agency.target(RestTarget(path="x", statuses={409: "taken"})).deliver(agency.batch(*ROWS))
    assert taken.acknowledged == 5
    refused = agency.target(RestTarget(path="x", statuses={409: "refused"})).deliver(agency.batch(*ROWS))
    assert {r.rule for r in refused.refused.values()} == {"target.E1"}


@pytest.mark.parametrize(
    "body", [b"[{", b"<html/>", b"{}", b'{"error_code":"00"}', b'{"error_code":"00","result":5}']
)
def test_a_success_that_cannot_be_read_is_an_unknown_outcome(agency: Any, body: bytes) -> None:
    """The target may have taken everything: failing for good would lose that."""
    agency.default = agency.response(raw=body)
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        agency.target(PORTAL).deliver(agency.batch(*ROWS))


def test_an_envelope_error_of_a_delivery_keeps_the_agencys_code(agency: Any) -> None:
    agency.steps = [
        agency.response({"error_code": "404", "message": "Dịch vụ không được hỗ trợ"}),
        agency.response({"error_code": "-1", "message": "Lỗi hệ thống"}),
    ]
    target = agency.target(PORTAL)
    with pytest.raises(RequestRejected, match="không được hỗ trợ") as caught:
        target.deliver(agency.batch(*ROWS))
    assert caught.value.details["agency_code"] == "404"
    with pytest.raises(OutcomeUnknown):
        target.deliver(agency.batch(*ROWS))


def test_single_mode_refuses_single_records(agency: Any) -> None:
    """Each record has a key of its own, the same on every try."""
    agency.steps = [
        agency.response({}),
        agency.response({"code": "TRUNG", "message": "Trùng"}, status=409),
        agency.response({}, status=422),
    ]
    agency.default = agency.response({}, status=204, raw=b"")
    target = agency.target(RestTarget(path="items/{key}", method="PUT", mode="single"))
    batch = agency.batch(*ROWS)
    answer = target.deliver(batch)
    assert answer.acknowledged == 3
    assert {i: r.rule for i, r in answer.refused.items()} == {1: "target.TRUNG", 2: "target.422"}
    assert [a.path for a in agency.asked] == [f"/api/items/HS-{n}" for n in range(5)]
    first = [a.headers["idempotency-key"] for a in agency.asked]
    agency.asked.clear()
    target.deliver(batch)
    assert [a.headers["idempotency-key"] for a in agency.asked] == first
    assert len(set(first)) == 5


def test_a_record_keeps_its_key_when_only_the_rest_is_sent_again(agency: Any) -> None:
    """A target that saw the first try knows the second for the same."""
    agency.default = agency.response({})
    target = agency.target(RestTarget(path="x", mode="single"))
    whole, rest = agency.batch(*ROWS), agency.batch(ROWS[3])
    target.deliver(whole)
    target.deliver(replace(rest, rest_of=whole.id))
    keys = [asked.headers["idempotency-key"] for asked in agency.asked]
    assert rest.id != whole.id
    assert keys[5] == keys[3]


def test_the_targets_own_key_field_stands_in_the_body(agency: Any) -> None:
    """Batch: the idempotency key where the target wants it; single: the record's key, too."""
    agency.default = agency.response({})
    batch = agency.batch(*ROWS[:1])
    agency.target(RestTarget(path="x", wrap={"maGoiTin": "$id", "d": "$records"}, key_header="")).deliver(
        batch
    )
    single = RestTarget(
        path="x/{key}", mode="single", wrap={"maHoSo": "$key", "soGoi": "$id", "d": "$record"}
    )
    agency.target(single).deliver(batch)
    first, second = agency.asked
    assert first.json()["maGoiTin"] == batch.id
    assert "idempotency-key" not in first.headers
    assert second.json()["maHoSo"] == ROWS[0]["id"]
    assert second.json()["soGoi"] == second.headers["idempotency-key"]


def test_single_mode_accounts_for_what_was_sent_before_a_failure(agency: Any) -> None:
    agency.steps = [agency.response({}), agency.response({}), agency.response({}, status=429)]
    target = agency.target(RestTarget(path="x", mode="single"))
    answer = target.deliver(agency.batch(*ROWS))
    assert (answer.acknowledged, answer.unknown) == (2, frozenset({2, 3, 4}))
    agency.steps = [agency.response({}, status=429)]
    with pytest.raises(RateLimited):
        target.deliver(agency.batch(*ROWS))


def test_an_envelope_error_in_single_mode_refuses_the_record(agency: Any) -> None:
    agency.default = agency.response({"error_code": "02", "message": "Sai định dạng"})
    settings = RestTarget(path="x", mode="single", wrap={"d": "$record"}, envelope=Envelope())
    answer = agency.target(settings).deliver(agency.batch(*ROWS[:2]))
    assert {r.rule for r in answer.refused.values()} == {"target.02"}
    assert agency.asked[1].json() == {"d": ROWS[1]}


def test_the_targets_own_number_goes_into_the_receipt(agency: Any) -> None:
    agency.default = agency.response({"maGiaoDich": 4711})
    answer = agency.target(RestTarget(path="x", reference="maGiaoDich")).deliver(agency.batch(*ROWS))
    assert answer.receipts[0].reference == "4711"


def test_an_empty_batch_sends_nothing(agency: Any) -> None:
    assert agency.target(RestTarget(path="x")).deliver(agency.batch()).total == 0
    assert agency.target(PORTAL).lookup(agency.batch()).total == 0
    assert agency.asked == []


def test_capabilities_come_from_the_settings(agency: Any) -> None:
    target = agency.target(RestTarget(path="x", repeatable=True, max_batch=500))
    assert (target.capabilities.repeatable, target.capabilities.lookup) == (True, False)
    assert target.capabilities.max_batch == 500
    assert agency.target(PORTAL).capabilities.lookup
    source = agency.source(RestSource(path="x", paging=PagePaging(), since_param="s"))
    assert source.capabilities.incremental


def test_bodies_never_reach_log_lines(agency: Any) -> None:
    portal = FakePortal(agency)
    portal.refuse = {"HS-1": ("02", "Nguyễn Văn Bình sai")}
    target = agency.target(PORTAL)
    target.deliver(agency.batch(*ROWS))
    target.lookup(agency.batch(*ROWS))
    text = "\n".join(agency.lines)
    assert text
    for value in ("Nguyễn", "HS-", "service", json.dumps(ROWS[0])):
        assert value not in text


def test_results_and_questions_know_names_that_hold_dots(agency: Any) -> None:
    """Keys, results and what is compared afterwards; in templates as well."""
    rows = [{"@iot.id": n, "a.b": {"c[0]": n}, "odd[": "x"} for n in range(3)]
    results = Results(
        path="['@odata.results']",
        match="key",
        field="['@iot.id']",
        code_path="['e.code']",
        message_path="['e.text']",
        ok_codes=("0",),
    )
    settings = RestTarget(
        path="things",
        results=results,
        reference="['@odata.context'].id",
        status=StatusLookup(
            method="POST", path="ask", body={"id": "$record['@iot.id']", "n": "$record['a.b']['c[0]']"}
        ),
    )
    agency.steps = [
        agency.response(
            {
                "@odata.context": {"id": "R1"},
                "@odata.results": [
                    {"@iot.id": n, "e.code": "9" if n == 1 else "0", "e.text": "trùng mã"} for n in range(3)
                ],
            }
        )
    ]
    batch = agency.batch(*rows, key=("['@iot.id']",))
    opened = agency.target(settings)
    answer = opened.deliver(batch)
    assert {line: (reason.rule, reason.vi) for line, reason in answer.refused.items()} == {
        1: ("target.9", "trùng mã")
    }
    assert [one.reference for one in answer.receipts] == ["R1"]

    def kept(asked: Any) -> bytes:
        found = dict(rows[asked.json()["id"]])
        assert asked.json()["n"] == found["@iot.id"]
        return bytes(agency.response(found if found["@iot.id"] != 2 else {**found, "a.b": {"c[0]": "old"}}))

    agency.default = kept
    assert opened.lookup(batch).absent == {2}
