"""Envelopes that gateways share: an error inside a success is an error, in the agency's own words."""

from __future__ import annotations

from typing import Any

import pytest

from lienthong.errors import LienThongError, OutcomeUnknown, ProtocolViolation, RequestRejected, Unavailable
from lienthong_connectors.presets import GATEWAY_ANSWER, LGSP_ANSWER, PORTAL_ANSWER
from lienthong_connectors.rest import Envelope, RestSource, RestTarget

ROWS = [{"id": "HS-1"}, {"id": "HS-2"}]
GATEWAY = {"code": 200, "status": "success", "correlationId": "c-1", "response": {"data": ROWS}}
LGSP = {
    "StatusCode": 200,
    "Status": "SUCCESS",
    "Description": "Mô tả của trục",
    "ThrowException": False,
    "ResultObject": ROWS,
}
PORTAL = {"error_code": "00", "message": "Lời của cổng", "result": ROWS}
SUCCESSES = [
    (GATEWAY_ANSWER, GATEWAY, "response.data"),
    (LGSP_ANSWER, LGSP, "ResultObject"),
    (LGSP_ANSWER, {k: v for k, v in LGSP.items() if k != "ThrowException"}, "ResultObject"),
    (PORTAL_ANSWER, PORTAL, "result"),
    (PORTAL_ANSWER, PORTAL | {"error_code": 0}, "result"),
]
FAILURES = [
    (GATEWAY_ANSWER, GATEWAY | {"code": 500, "status": "Lỗi hệ thống"}, RequestRejected, "Lỗi hệ thống"),
    (LGSP_ANSWER, LGSP | {"StatusCode": 500}, RequestRejected, "Mô tả của trục"),
    (LGSP_ANSWER, LGSP | {"Status": "FAIL"}, RequestRejected, "Status 'FAIL': Mô tả của trục"),
    (LGSP_ANSWER, LGSP | {"ThrowException": True}, RequestRejected, "ThrowException 'true'"),
    (LGSP_ANSWER, {k: v for k, v in LGSP.items() if k != "Status"}, RequestRejected, "Mô tả của trục"),
    (LGSP_ANSWER, {"Status": "SUCCESS"}, ProtocolViolation, "StatusCode"),
    (PORTAL_ANSWER, PORTAL | {"error_code": "99"}, Unavailable, "busy, send again later: Lời của cổng"),
]


@pytest.mark.parametrize(("envelope", "answer", "path"), SUCCESSES)
def test_a_success_gives_its_records_and_takes_ours(
    agency: Any, envelope: Envelope, answer: Any, path: str
) -> None:
    agency.default = agency.response(answer)
    pages = agency.read(RestSource(path="x", records=path, envelope=envelope))
    assert agency.ids(pages) == ["HS-1", "HS-2"]
    target = agency.target(RestTarget(path="x", envelope=envelope, reference="correlationId"))
    delivered = target.deliver(agency.batch(*ROWS))
    assert delivered.acknowledged == 2
    assert delivered.receipts[0].reference == answer.get("correlationId", "")


@pytest.mark.parametrize(("envelope", "answer", "kind", "words"), FAILURES)
def test_a_failure_inside_a_success_is_a_failure(
    agency: Any, envelope: Envelope, answer: Any, kind: type[LienThongError], words: str
) -> None:
    """A success that cannot be read, or says two things, leaves a delivery's outcome unknown."""
    agency.default = agency.response(answer)
    with pytest.raises(kind, match=words):
        agency.read(RestSource(path="x", envelope=envelope))
    doubtful = kind is ProtocolViolation or answer.get("ThrowException") is True or "Status" not in answer
    wanted = OutcomeUnknown if doubtful and "error_code" not in answer and "code" not in answer else kind
    with pytest.raises(wanted, match=words):
        agency.target(RestTarget(path="x", envelope=envelope)).deliver(agency.batch(*ROWS))
