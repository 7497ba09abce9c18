"""A page is read exactly or not at all, and an error inside a success is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lienthong.connector import ReadRequest
from lienthong.errors import (
    Forbidden,
    LienThongError,
    ProtocolViolation,
    RequestRejected,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.rest import Envelope, PagePaging, RestSource
from lienthong_connectors.rest.decode import decode

ROWS = [{"id": n, "ten": "Nguyễn Văn A"} for n in range(4)]
BARE = RestSource(path="rows")
WRAPPED = RestSource(path="rows", records="response.data", envelope=Envelope(code_path="code"))


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id":1},',
        b"",
        b"[1] x",
    ],
)
def test_what_is_not_exact_json_is_a_violation(agency: Any, body: bytes) -> None:
    agency.default = agency.response(raw=body)
    with pytest.raises(ProtocolViolation, match="JSON"):
        agency.read(BARE)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"id":Infinity}',
        b'{"id":1e999}',
        b'{"a":{"id":1,"id":1}}',
        b'{"\\u0069d":1,"id":2}',
        b'{"a":"\\u0022\\u0022","b":1,"b":2}',
        b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_record_that_is_not_exact_json_is_set_aside_alone(agency: Any, odd: bytes, stream: bool) -> None:
    agency.default = agency.response(raw=b'[{"id":1}, ' + odd + b', {"id":2}]')
    pages = agency.read(RestSource(path="rows", stream=stream))
    assert [record["id"] for page in pages for record in page.records] == [1, 2]
    (piece,) = (piece for page in pages for piece in page.malformed)
    assert piece.data == odd and piece.reason.rule == "page.not-exact" and piece.reason.vi


@pytest.mark.parametrize(
    "text",
    [
        '[{"a":"x\\"y","b":"\\\\"}]',
        '[ { "a" : "\\u0022" , "b" : "\\u1ea1" } ]',
        '[{"a":9007199254740993,"b":123456789012345678901234567890}]',
        '[{"a":1.50,"b":-0.0,"c":1E3}]',
        '[{"so":"12345678901234567890123"}]',
        "[]",
        '{"a":{"b":[null,true,false,{}]}}',
        "[-9223372036854775808,-9223372036854775809,18446744073709551615,18446744073709551616]",
    ],
)
def test_exact_json_is_read_as_the_reference_parser_reads_it(text: str) -> None:
    """Integers keep all their digits, so that the pipeline can refuse those that are too large."""
    assert decode(text.encode()).value == json.loads(text)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("application/xml", b"[]"),
        ("nonsense", b"[]"),
        ("application/json; charset=windows-1258", '["ế"]'.encode()),
    ],
)
def test_another_content_type_or_charset_is_a_violation(agency: Any, kind: str, raw: bytes) -> None:
    agency.default = agency.response(raw=raw, headers={"Content-Type": kind})
    with pytest.raises(ProtocolViolation):
        agency.read(BARE)


@pytest.mark.parametrize(
    "kind", ["application/json;charset=UTF-8", "application/problem+json", "text/json; charset=latin1", ""]
)
def test_content_types_that_mean_json_are_taken(agency: Any, kind: str) -> None:
    """A wrong charset does no harm where the body is plain ASCII."""
    agency.default = agency.response(raw=b'[{"id":1}]', headers={"Content-Type": kind})
    assert agency.ids(agency.read(BARE)) == [1]


def test_elements_that_are_no_objects_are_malformed_and_the_others_are_read(agency: Any) -> None:
    agency.default = agency.response([ROWS[0], None, "x", 7, [1], ROWS[1]])
    (page,) = agency.read(BARE)
    assert list(page.records) == ROWS[:2]
    assert [piece.data for piece in page.malformed] == [b"null", b'"x"', b"7", b"[1]"]
    assert {piece.reason.rule for piece in page.malformed} == {"page.not-an-object"}


@pytest.mark.parametrize("body", [{"code": 200}, {"code": 200, "response": {"data": {}}}, []])
def test_an_answer_without_the_list_is_a_violation(agency: Any, body: Any) -> None:
    agency.default = agency.response(body)
    with pytest.raises(ProtocolViolation):
        agency.read(WRAPPED)


def test_null_in_place_of_the_list_is_an_empty_list(agency: Any) -> None:
    """Many services write an empty list so."""
    agency.default = agency.response({"code": 200, "response": {"data": None}})
    assert agency.ids(agency.read(WRAPPED)) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("99", RequestRejected),
        (-1, Unavailable),
        ("401", Unauthenticated),
        ("403", Forbidden),
        (None, ProtocolViolation),
    ],
)
def test_an_error_inside_a_success_is_an_error_with_the_agencys_own_text(
    agency: Any, code: Any, kind: type[LienThongError]
) -> None:
    agency.default = agency.response(
        {"error_code": code, "message": "Lỗi hệ thống, gọi 0912345678", "data": ROWS}
    )
    envelope = Envelope(
        transient_codes=("-1",), unauthenticated_codes=("401",), forbidden_codes=("403",), ok_values=("00",)
    )
    with pytest.raises(kind) as caught:
        agency.read(RestSource(path="rows", records="data", envelope=envelope))
    if code is not None:
        assert "Lỗi hệ thống, gọi …" in caught.value.message
        assert caught.value.details["agency_code"] == str(code)


@pytest.mark.parametrize("code", ["00", 0, "0", 200])
def test_codes_are_compared_as_text(agency: Any, code: Any) -> None:
    agency.default = agency.response({"error_code": code, "data": ROWS})
    assert len(agency.ids(agency.read(RestSource(path="r", records="data", envelope=Envelope())))) == 4


def test_a_list_that_did_not_change_is_not_sent_again(agency: Any) -> None:
    """304 gives no records, says so in the notes and keeps the validators for the run after."""

    def answer(asked: Any) -> bytes:
        if asked.headers.get("if-none-match") == '"v1"':
            return agency.response(status=304, raw=b"", headers={"Content-Length": ""})
        return agency.response(ROWS, headers={"ETag": '"v1"'})

    agency.default = answer
    (first,) = agency.read(BARE)
    validators = json.loads(json.dumps(first.validators))
    (again,) = agency.read(BARE, ReadRequest(validators=validators))
    assert (list(again.records), again.notes) == ([], {"not_modified": True})
    assert again.validators == first.validators


def test_of_many_pages_only_those_that_changed_are_sent_again(agency: Any) -> None:
    tags = {1: "a", 2: "b", 3: "c"}

    def answer(asked: Any) -> bytes:
        page = int(asked.query["page"])
        etag = f'"{tags.get(page, "none")}"'
        if asked.headers.get("if-none-match") == etag:
            return agency.response(status=304, raw=b"", headers={"Content-Length": ""})
        rows = [{"id": f"{tags[page]}{n}"} for n in range(2)] if page in tags else []
        return agency.response(rows, headers={"ETag": etag})

    agency.default = answer
    settings = RestSource(path="rows", paging=PagePaging(size=2))
    validators = {k: v for page in agency.read(settings) for k, v in page.validators.items()}
    tags[2] = "changed"
    assert agency.ids(agency.read(settings, ReadRequest(validators=validators))) == ["changed0", "changed1"]


def test_last_modified_serves_where_there_is_no_etag(agency: Any) -> None:
    moment = "Tue, 12 Aug 2025 00:30:00 GMT"
    agency.default = agency.response(ROWS, headers={"Last-Modified": moment})
    (page,) = agency.read(BARE)
    agency.read(BARE, ReadRequest(validators=page.validators))
    assert agency.asked[1].headers["if-modified-since"] == moment


def test_without_conditional_nothing_is_remembered(agency: Any) -> None:
    agency.default = agency.response(ROWS, headers={"ETag": '"v1"'})
    (page,) = agency.read(RestSource(path="rows", conditional=False))
    assert page.validators == {}


def test_not_modified_without_a_condition_is_a_violation(agency: Any) -> None:
    agency.default = agency.response(status=304, raw=b"")
    with pytest.raises(ProtocolViolation, match="304"):
        agency.read(BARE)


def test_validators_do_not_show_query_values(agency: Any) -> None:
    agency.default = agency.response(ROWS, headers={"ETag": '"v"'})
    (page,) = agency.read(RestSource(path="rows", params={"SoDinhDanh": "064123456789"}))
    assert page.validators
    assert "064123456789" not in json.dumps(page.validators)
