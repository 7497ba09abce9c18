"""Whether an answer that HTTP calls a success says yes.

A service that nobody described in settings may answer a failure with 200. What its JSON says is read by the
names that services use for it: where one of them says that something went wrong, or nothing can be read,
nobody knows what was taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lienthong.errors import ProtocolViolation
from lienthong_connectors.rest.decode import decode, decode_reply
from lienthong_connectors.rest.paths import MISSING, at

if TYPE_CHECKING:
    from lienthong_connectors.http.transport import Reply
    from lienthong_connectors.rest.success import Success

_FAILING = frozenset(
    {
        *(
            "error",
            "errors",
            "err",
            "errmsg",
            "errormsg",
            "errormessage",
            "errormessages",
            "errordescription",
        ),
        *("errordetail", "errordetails", "fault", "faults", "exception", "exceptions", "throwexception"),
        *("haserror", "haserrors", "iserror", "failed", "failure", "failures", "rejected", "refused"),
    }
)
"""Members that say, by having something, that something went wrong; names without case, ``_`` and ``-``."""

_SUCCEEDING = frozenset({"success", "succeeded", "successful", "issuccess", "issuccessful", "ok", "isok"})
"""Members that say so by being false."""

_ERROR_CODES = frozenset({"errorcode", "errcode", "errorno", "errno"})
_CODES = frozenset(
    {"code", "status", "statuscode", "state", "result", "resultcode", "responsecode", "returncode", "retcode"}
)
_TEXTS = frozenset({"message", "messages", "msg", "description", "detail", "title", "reason"})
_NOTHING: tuple[Any, ...] = (None, False, "", 0, [], {})
_NOTHING_SAID = frozenset({"0", "00", "000", "200", "false", "no", "none", "null", "ok", "success"})
_FINE = frozenset({"0", "00", "000", "200", "201", "202", "204"})
_BAD = re.compile(
    r"\b(?:err(?:or)?s?|fail\w*|reject\w*|refus\w*|denied|invalid|exception|unauthori[sz]ed|forbidden"
    r"|thất bại|lỗi|từ chối|không hợp lệ)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"-?\d{1,6}\Z")
_DEEPEST = 4


def doubt(reply: Reply, success: Success, json_types: tuple[str, ...], sent: int, own: frozenset[str]) -> str:
    """Return why an answer of a success's status is no yes, empty where it is one.

    ``sent`` is how many records it answers; ``own`` are names of members that the records themselves have,
    which an answer may repeat.
    """
    body = reply.body.strip()
    if success.contains and success.contains.encode() not in body:
        return "its body does not hold the text of a success"
    if success.body == "any":
        return ""
    if success.body == "empty" or not body:
        return "it has a body" if body else "" if success.body in {"clear", "empty"} else "it has no body"
    kind = reply.header("Content-Type").partition(";")[0].strip().lower()
    if kind in success.content_types and kind not in json_types:
        return ""
    if kind == "text/plain" and success.body == "clear":
        return _text_doubt(reply.body, success)
    if "problem+" in kind:
        return "it is a description of a problem (RFC 9457)"
    try:
        value = decode(reply.body).value if not kind else decode_reply(reply, json_types, where="").value
    except ProtocolViolation as error:
        return _text_doubt(reply.body, success) if not kind and success.body == "clear" else error.message
    return json_doubt(value, success, sent, own)


def json_doubt(value: Any, success: Success, sent: int, own: frozenset[str]) -> str:
    """Return why JSON is no yes, empty where it is one; see `doubt`."""
    if absent := [path for path in success.members if at(value, path) in (MISSING, None, "")]:
        return f"it has nothing at {absent[0]!r}"
    if success.body in {"object", "list"} and not isinstance(
        value, dict if success.body == "object" else list
    ):
        return f"it is no {success.body}"
    if isinstance(value, str):
        return "" if _says_yes(value, success) else "its text is none that says yes"
    if isinstance(value, list) and len(value) != sent:
        return f"it lists {len(value)} of {sent} records"
    if not isinstance(value, (dict, list)):
        return "" if value is True or value is None else "its value says neither yes nor no"
    said = failing(value, own)
    return f"{said!r} in it says that something went wrong" if said else ""


def failing(value: Any, own: Iterable[str] = ()) -> str:
    """Return the name of the first member that says that something went wrong, empty where none does."""
    return _failing(value, frozenset(own), 0)


def _failing(value: Any, own: frozenset[str], depth: int) -> str:
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        return next((said for item in value if (said := _failing(item, own, depth + 1))), "")
    if not isinstance(value, Mapping):
        return ""
    names = {name: re.sub(r"[-_\s]", "", name).lower() for name in value}
    coded = bool(_TEXTS.intersection(names.values()))
    for name, plain in names.items():
        item = value[name]
        if name in own:
            continue
        if _says_no(plain, item, coded=coded):
            return str(name)
        if isinstance(item, (dict, list)) and (said := _failing(item, own, depth + 1)):
            return said
    return "issue" if _outcome(value) else ""


def _says_no(name: str, value: Any, *, coded: bool) -> bool:
    """Tell whether a member says that something went wrong; ``coded``: a text for people stands beside it."""
    if name in _FAILING:
        return value not in _NOTHING and str(value).strip().lower() not in _NOTHING_SAID
    if name in _SUCCEEDING:
        return value in _NOTHING or str(value).strip().lower() in {"false", "no", "0"}
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    text = str(value).strip()
    if name in _ERROR_CODES:
        return bool(text) and text not in _FINE
    if name not in _CODES:
        return False
    if _DIGITS.match(text):
        number = int(text)
        return number < 0 or number >= 300 or (coded and text not in _FINE and not 200 <= number < 300)
    return bool(_BAD.search(text))


def _outcome(value: Mapping[str, Any]) -> bool:
    """Tell whether this is FHIR's word for a failure (R4, OperationOutcome)."""
    issues = value.get("issue")
    if value.get("resourceType") != "OperationOutcome" or not isinstance(issues, list):
        return False
    return any(isinstance(one, Mapping) and one.get("severity") in {"error", "fatal"} for one in issues)


def _text_doubt(body: bytes, success: Success) -> str:
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return "its text is not UTF-8"
    if success.contains or _says_yes(text, success):
        return ""
    return "it is a page of markup" if text.startswith("<") else "its text is none that says yes"


def _says_yes(text: str, success: Success) -> bool:
    """Compare a text with those of the settings, without case, blanks around and a full stop."""
    return text.strip().strip("\"'").rstrip(".! ").casefold() in {one.casefold() for one in success.texts}


def refuse_page(reply: Reply, content_types: tuple[str, ...], *, where: str) -> None:
    """Raise `ProtocolViolation` for a page for people where a service says that something is not there.

    A gateway, or a server whose application is away, answers so for everything.
    """
    kind = reply.header("Content-Type").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"} and kind not in content_types:
        raise ProtocolViolation(
            f"the answer {reply.status} is a page for people, which says nothing of what was asked about",
            where=where,
            hint="check the path; if the service itself answers so, name text/html in content_types",
        )
