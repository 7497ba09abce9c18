"""What an HTTP status means for the caller, in the bus's own errors."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson

from lienthong.errors import (
    Forbidden,
    LienThongError,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.http.clock import clock_hint
from lienthong_connectors.http.privacy import spoken

if TYPE_CHECKING:
    from lienthong_connectors.http.transport import Reply

_LONGEST = 365 * 86_400.0
_TEXTS = (
    "message",
    "Message",
    "MSG",
    "description",
    "Description",
    "error_description",
    "detail",
    "title",
    "error",
)
_CODES = ("code", "error_code", "ErrorCode", "Status", "error")
_NO_RIGHT = "ask the agency for the right to this service"
_NOT_TAKEN = frozenset({408, 425, 429})


def retry_after(reply: Reply) -> float | None:
    """Return the seconds of ``Retry-After`` (RFC 9110 section 10.2.3: seconds or an HTTP date).

    At most a year; None where the header is absent or unreadable, or names no time to wait: our own
    schedule decides then. A date is counted from the answer's own ``Date``, so that a clock that is off
    does no harm.
    """
    return seconds_of(reply.header("Retry-After"), reply.header("Date")) or None


def seconds_of(value: str, date: str = "") -> float | None:
    """Return the seconds of a ``Retry-After`` in an answer with this ``Date``, 0 for a moment in the past."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST)
    moment = _moment(value)
    if moment is None:
        return None
    now = _moment(date)
    return min(max(0.0, moment - (time.time() if now is None else now)), _LONGEST)


def _moment(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def failure(reply: Reply, *, where: str, safe: bool, transactional: bool = False) -> LienThongError | None:
    """Return the error that a status stands for, None for a success (2xx) and 304.

    ``safe``: the request had no effect. For any other request a 5xx without more leaves the
    outcome unknown, unless the target is ``transactional``: then an error means that it rolled
    back.
    """
    status = reply.status
    if 200 <= status < 300 or status == 304:
        return None
    wait = retry_after(reply)
    if status == 429:
        return RateLimited("the other side asks us to slow down (429)", where=where, retry_after=wait)
    if status in _NOT_TAKEN:
        return TimedOut(
            f"the other side did not wait for the request ({status})", where=where, retry_after=wait
        )
    if status >= 500 and status not in {501, 505}:
        said = f"the other side answered {status}{_suffix(reply)}"
        if safe or transactional or (status == 503 and seconds_of(reply.header("Retry-After")) is not None):
            return Unavailable(said, where=where, retry_after=wait)
        return OutcomeUnknown(said, where=where, hint="ask the target before repeating", retry_after=wait)
    return _permanent(reply, where)


def _permanent(reply: Reply, where: str) -> LienThongError:
    status = reply.status
    if status == 401:
        hint = "check the connection's credentials and auth"
        return Unauthenticated(
            f"the other side does not accept who we are{_suffix(reply)}", where=where, hint=hint
        )
    if status == 403:
        hint = "; ".join(filter(None, (_NO_RIGHT, clock_hint(reply.headers))))
        return Forbidden(f"the other side knows us and refuses{_suffix(reply)}", where=where, hint=hint)
    if status < 400:
        hint = "give the address that it redirects to as the connection's host"
        return ProtocolViolation(f"the other side redirects ({status})", where=where, hint=hint)
    code, text = agency_words(reply.body)
    hint = "check the path of the settings" if status in {404, 405, 410} else "see the agency's own text"
    return RequestRejected(
        f"the other side answered {status}{f': {text}' if text else ''}",
        where=where,
        hint=hint,
        status=status,
        agency_code=code,
    )


def agency_words(body: bytes) -> tuple[str, str]:
    """Return the agency's own error code and text from a JSON error body, empty where there is none."""
    if not body or len(body) > 65_536:
        return "", ""
    try:
        answer: Any = orjson.loads(body)
    except ValueError:
        return "", ""
    if isinstance(answer, dict) and isinstance(answer.get("fault"), dict):
        answer = answer["fault"]
    if not isinstance(answer, dict):
        return "", ""
    if issue := outcome_issue(answer):
        return issue
    return _first(answer, _CODES), _first(answer, _TEXTS)


def outcome_issue(answer: Any) -> tuple[str, str] | None:
    """Return code and text of a FHIR OperationOutcome (R4), None for anything else."""
    if not isinstance(answer, dict) or answer.get("resourceType") != "OperationOutcome":
        return None
    issues = answer.get("issue")
    issue = issues[0] if isinstance(issues, list) and issues and isinstance(issues[0], dict) else {}
    details = issue.get("details")
    text = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else "")
    return spoken(str(issue.get("code") or "")), spoken(str(text or ""))


def _first(answer: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = answer.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return spoken(str(value))
    return ""


def _suffix(reply: Reply) -> str:
    text = agency_words(reply.body)[1]
    return f": {text}" if text else ""
