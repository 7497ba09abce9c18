"""What ``check()`` finds out about credentials by calling an operation that no service has."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from lienthong.connector import Context, Finding
from lienthong_connectors.soap import FaultTable, SoapLookup

XML = {"Content-Type": "text/xml"}
UNKNOWN = (
    "<s:Fault><faultcode>s:Client</faultcode><faultstring>?</faultstring>"
    "<detail><c>DL02</c></detail></s:Fault>"
)
WHO = UNKNOWN.replace("DL02", "XT01")


def checked(told: Any, *answers: tuple[int, dict[str, str], bytes], **options: Any) -> list[Finding]:
    """Check a look-up with credentials against a service that gives these answers in turn."""
    told.answers = list(answers)
    extra = options.pop("extra", {"auth": "dancu-hash"})
    connection = told.connection(login="user", password="very-secret", **extra)
    lines: list[str] = []
    service = SoapLookup(operation="get", namespace="urn:t", **options).open_lookup(
        connection, Context(log=lines.append)
    )
    found = service.check()
    service.close()
    assert "very-secret" not in f"{found} {lines}"
    return found


def said(inner: str, tools: Any, status: int = 500) -> tuple[int, dict[str, str], bytes]:
    return status, XML, tools.envelope(inner)


def test_nothing_is_called(told: Any, tools: Any) -> None:
    """The Body holds one empty element of our own namespace, its SOAPAction is no operation's either."""
    checked(told, said(UNKNOWN, tools), (401, {}, b""))
    (_, first, body), (_, second, bare) = told.requests
    (call,) = etree.fromstring(body)[0]
    assert call.tag == "{urn:lienthong:check}lienthong-no-operation"
    assert not len(call)
    assert not call.attrib
    assert first["soapaction"] == second["soapaction"] == '"urn:lienthong:check:no-operation"'
    assert "authorization" in first
    assert "timestamp" in first
    assert not {"authorization", "timestamp"} & set(second)
    assert etree.fromstring(bare)[0][0].tag == call.tag


@pytest.mark.parametrize("status", [200, 400, 500])
def test_accepted_is_said_where_strangers_are_turned_away(told: Any, tools: Any, status: int) -> None:
    """A service that answers us and refuses an envelope without credentials has accepted ours."""
    (*_, last) = checked(told, said(UNKNOWN, tools, status), (401, {}, b""))
    assert last.ok
    assert "fault DL02; credentials accepted" in last.detail


@pytest.mark.parametrize(
    "answer", [(200, {}, b"hello"), (404, {}, b""), (500, {}, b"oops"), (405, XML, b"<a/>"), None]
)
def test_not_contradicted_is_said_where_strangers_get_the_same(told: Any, tools: Any, answer: Any) -> None:
    """A service that never looks at credentials proves nothing, and the finding claims nothing."""
    given = answer or said(UNKNOWN, tools)
    (*_, last) = checked(told, given, given)
    assert last.ok
    assert "not contradicted" in last.detail
    assert "accepted" not in last.detail
    assert last.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_who_we_are_is_found(told: Any, status: int) -> None:
    """A wrong secret fails the check with a hint, and nobody is asked a second time."""
    (*before, last) = checked(told, (status, {}, b""))
    assert all(finding.ok for finding in before)
    assert not last.ok
    assert "clock" in last.hint
    assert len(told.requests) == 1


@pytest.mark.parametrize("status", [200, 500])
def test_a_listed_fault_is_a_refusal_of_who_we_are(told: Any, tools: Any, status: int) -> None:
    """A service that says by a fault that it does not know us is understood, whatever the status."""
    (*_, last) = checked(told, said(WHO, tools, status), faults=FaultTable(unauthenticated=("XT01",)))
    assert not last.ok


@pytest.mark.parametrize("status", [302, 429, 502, 503, 504])
def test_a_service_that_cannot_answer_is_found(told: Any, status: int) -> None:
    """A service that is overloaded, down or elsewhere says nothing about anybody."""
    assert not checked(told, (status, {"Location": "/login"}, b""))[-1].ok


def test_an_api_key_in_a_header_is_a_credential(told: Any, tools: Any) -> None:
    """What the connection adds as headers is left out when we come as a stranger; settings' headers stay."""
    extra = {"headers": {"ApiKey": "k-123"}}
    (*_, last) = checked(told, said(UNKNOWN, tools), (403, {}, b""), extra=extra, headers={"X-Route": "r"})
    assert "credentials accepted" in last.detail
    (_, first, _), (_, second, _) = told.requests
    assert first["apikey"] == "k-123"
    assert "apikey" not in second
    assert first["x-route"] == second["x-route"] == "r"


def test_without_credentials_a_get_is_enough(told: Any) -> None:
    """Where there is nothing to prove, no envelope is sent."""
    told.status = 405
    (*_, last) = checked(told, extra={})
    assert last.ok
    assert last.detail == "answers a GET with 405"
    assert [body for _, _, body in told.requests] == [b""]
