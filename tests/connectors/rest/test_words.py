"""What is said where a service answers oddly: what happened, and what to do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lienthong.errors import LienThongError, OutcomeUnknown, ProtocolViolation, RateLimited, RequestRejected
from lienthong_connectors.http.redirects import Redirects
from lienthong_connectors.rest import RestSource, RestTarget

MANY = {f"X-Header-{number}": "x" for number in range(120)}
ISSUE = {"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "diagnostics": "sai tham số"}]}

SAID: list[tuple[dict[str, Any], type[LienThongError], str]] = [
    ({"value": [], "headers": {"X-Long": "x" * 70_000}}, ProtocolViolation, "a header over 64 KiB"),
    ({"value": [], "headers": MANY}, ProtocolViolation, "more than 100 headers"),
    ({"raw": b"", "status": 302}, ProtocolViolation, r"redirects \(302\) without saying where"),
    ({"raw": b""}, ProtocolViolation, r"the answer is empty \(200\)"),
    ({"raw": b"", "status": 204, "headers": {"Content-Length": ""}}, ProtocolViolation, r"is empty \(204\)"),
    ({"value": ISSUE}, RequestRejected, "OperationOutcome 'invalid': sai tham số"),
    ({"value": ISSUE, "status": 400}, RequestRejected, "answered 400: sai tham số"),
]


@pytest.mark.parametrize(("answer", "kind", "said"), SAID)
def test_the_error_says_what_was_answered(
    agency: Any, answer: dict[str, Any], kind: type[LienThongError], said: str
) -> None:
    """These were "cut", "not JSON", "nothing at 'entry'", or asked again and again; once is enough."""
    agency.default = agency.response(**answer)
    with pytest.raises(kind, match=said):
        agency.read(RestSource(path="list", records="entry"))
    assert len(agency.asked) == 1


@pytest.mark.parametrize("headers", [{"X-Long": "x" * 70_000}, MANY])
def test_a_head_that_nobody_reads_leaves_a_delivery_unknown(agency: Any, headers: dict[str, str]) -> None:
    """What was answered cannot be read: the record may have been taken."""
    agency.default = agency.response({"ok": True}, headers=headers)
    with pytest.raises(OutcomeUnknown, match="header"):
        agency.target(RestTarget(path="items")).deliver(agency.batch({"id": 1}))


@pytest.mark.parametrize(
    ("base", "location", "said", "hint"),
    [
        ("http://a.gov.vn/x", "https://a.gov.vn/x", "to https of its own host", "give https://"),
        ("http://a.gov.vn/x", "http://a.gov.vn:8080/x", "another port", "that port"),
        ("https://a.gov.vn/x", "http://a.gov.vn/x", "away from TLS", "tell the agency"),
        ("http://a.gov.vn/x", "http://b.gov.vn/x", "to another host", "list it"),
    ],
)
def test_a_redirect_to_the_same_name_says_what_differs(
    base: str, location: str, said: str, hint: str
) -> None:
    """From http to https of one name is no other host."""
    with pytest.raises(ProtocolViolation, match=said) as caught:
        Redirects().target(base, base, location, where="connection 'c'")
    assert hint in caught.value.hint


def test_a_service_that_says_to_ask_again_at_once_is_not_stormed(agency: Any) -> None:
    """``Retry-After: 0`` brought fifteen requests in 0.3 seconds: each waits, and then our schedule does."""
    agency.default = agency.response({}, status=429, headers={"Retry-After": "0"})
    began = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        agency.read(RestSource(path="list"))
    assert time.monotonic() - began >= 0.7
    assert len(agency.asked) == 3
    assert caught.value.retry_after is None
