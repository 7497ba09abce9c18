"""Records one by one whose values travel in headers, or are the whole body."""

from __future__ import annotations

from typing import Any

import pytest

from lienthong.errors import InvalidExchange
from lienthong_connectors.rest import RestTarget

UPDATE = RestTarget(
    path="updateStatus",
    mode="single",
    text="",
    headers={"docId": "$record.doc.id", "key": "$key", "status": "done", "unit": "$connection.madonvi"},
    key_header="",
)
UPLOAD = RestTarget(path="sendEdoc", mode="single", text="edxml", headers={"from": "$record.from"})


def test_values_of_a_record_travel_in_headers_and_nothing_in_the_body(agency: Any) -> None:
    agency.default = agency.response({})
    target = agency.target(UPDATE, madonvi="H21")
    answer = target.deliver(agency.batch({"id": 1, "doc": {"id": "42"}}, {"id": 2, "doc": {"id": 43}}))
    assert answer.acknowledged == 2
    sent = [[asked.headers[name] for name in ("docid", "key", "status", "unit")] for asked in agency.asked]
    assert sent == [["42", "1", "done", "H21"], ["43", "2", "done", "H21"]]
    for asked in agency.asked:
        assert asked.body == b""
        assert not {"content-type", "idempotency-key"} & asked.headers.keys()


def test_a_text_of_a_record_is_the_whole_body(agency: Any) -> None:
    agency.default = agency.response({})
    record = {"id": 1, "from": "000.00.01.H21", "edxml": "<edXML>Thử</edXML>"}
    assert agency.target(UPLOAD).deliver(agency.batch(record)).acknowledged == 1
    (asked,) = agency.asked
    assert asked.body.decode() == "<edXML>Thử</edXML>"
    assert asked.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "changed",
    [{"from": "Đà Lạt"}, {"from": "a\r\nX: b"}, {"from": ""}, {"from": None}, {"edxml": 5}, {"edxml": ""}],
)
def test_a_record_that_cannot_be_sent_is_refused_alone_and_unseen(
    agency: Any, changed: dict[str, Any]
) -> None:
    """The records around it are delivered; the reason shows no value."""
    agency.default = agency.response({})
    good = {"from": "000.00.01.H21", "edxml": "<edXML/>"}
    bad = good | {"id": 2} | changed
    answer = agency.target(UPLOAD).deliver(agency.batch(good | {"id": 1}, bad, good | {"id": 3}))
    assert (answer.acknowledged, list(answer.refused)) == (2, [1])
    assert len(agency.asked) == 2
    assert "Đà Lạt" not in repr(answer.refused)


def test_a_record_without_the_field_is_refused_alone(agency: Any) -> None:
    agency.default = agency.response({})
    answer = agency.target(UPLOAD).deliver(agency.batch({"id": 1}, {"id": 2, "from": "x", "edxml": "<a/>"}))
    assert (answer.acknowledged, len(answer.refused)) == (1, 1)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"headers": {"docId": "$record.id"}}, "headers"),
        ({"mode": "single", "headers": {"docId": "$records"}}, "headers"),
        ({"text": "edxml"}, "text"),
        ({"mode": "single", "text": "edxml", "wrap": {"a": "$record"}}, "text"),
    ],
)
def test_headers_and_texts_of_records_need_single_mode(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidExchange, match=field):
        RestTarget(path="x", **settings)
