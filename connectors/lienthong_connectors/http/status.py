"""What an HTTP status means for the caller, in the bus's own errors."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson

from lienthong.connector import status_error
from lienthong.errors import (
    Forbidden,
    LienThongError,
    OutcomeUnknown,
    ProtocolViolation,
    RequestRejected,
    Transient,
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
_JSON = frozenset({"application/json", "text/json"})


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
    """Return the error that a status stands for, None where the answer itself is to be judged.

    The table is `lienthong.connector.statuses`. ``safe``: the request had no effect. ``transactional``: by a
    500 the target says that it rolled back, which tells nothing of what stands before it (502, 503, 504).
    """
    status = reply.status
    kind = status_error(status, delivery=not safe, refuses=refuses(reply), busy=reply.busy)
    if kind is OutcomeUnknown and transactional and status == 500:
        kind = Unavailable
    if kind is None:
        return None
    if issubclass(kind, Transient):
        hint = "ask the target before repeating" if kind is OutcomeUnknown else ""
        return kind(_passing(reply), where=where, hint=hint, retry_after=retry_after(reply))
    return _permanent(reply, kind, where)


def refuses(reply: Reply) -> bool:
    """Tell whether an answer's body is whole and says something: JSON, declared as such, with members.

    A page of HTML or a plain text may be anybody's who stands before the system.
    """
    kind = reply.header("Content-Type").partition(";")[0].strip().lower()
    if not (kind in _JSON or kind.endswith("+json")):
        return False
    try:
        return isinstance(orjson.loads(reply.body), (dict, list))
    except ValueError:
        return False


def _passing(reply: Reply) -> str:
    if reply.status == 429:
        return "the other side asks us to slow down (429)"
    if reply.status in {408, 425}:
        return f"the other side did not wait for the request ({reply.status})"
    if 300 <= reply.status < 400:
        return f"the other side redirects ({reply.status})"
    return f"the other side answered {reply.status}{_suffix(reply)}"


def _permanent(reply: Reply, kind: type[LienThongError], where: str) -> LienThongError:
    status = reply.status
    if kind is Unauthenticated:
        hint = "check the connection's credentials and auth"
        return Unauthenticated(
            f"the other side does not accept who we are{_suffix(reply)}", where=where, hint=hint
        )
    if kind is Forbidden:
        hint = "; ".join(filter(None, (_NO_RIGHT, clock_hint(reply.headers))))
        return Forbidden(f"the other side knows us and refuses{_suffix(reply)}", where=where, hint=hint)
    if kind is ProtocolViolation:
        hint = "give the address that it redirects to as the connection's host"
        return ProtocolViolation(f"the other side redirects ({status})", where=where, hint=hint)
    code, text = agency_words(reply.body)
    hint = "check the path of the settings" if status in {404, 405, 410} else "see the agency's own text"
    if status == 407:
        hint = "the proxy wants to know who we are: check the connection's proxy"
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
