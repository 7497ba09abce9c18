"""The result code inside an answer, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn

from lienthong.errors import Misconfigured, ProtocolViolation, RequestRejected, Unavailable
from lienthong_connectors.soap.faults import refusal
from lienthong_connectors.soap.settings import ResultCodes
from lienthong_connectors.soap.template import reach
from lienthong_connectors.xml.shape import TEXT_MEMBER

_LISTS: Final = ("misconfigured", "transient", "refused", "absent", "pending", "already", "acknowledged")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``meaning`` is the name of the list that the code stands in, ``message`` the agency's text."""

    meaning: str
    code: str
    message: str


def judge(body: Any, codes: ResultCodes, *, where: str) -> Verdict:
    """Read the result code of a Body's first element.

    The more exact code decides where it stands in a list. Raises `ProtocolViolation` where there is
    no code, or one that is in no list.
    """
    message = _text(body, codes.message) if codes.message else ""
    given = [_text(body, path) for path in (codes.detail, codes.path) if path]
    for code in given:
        for name in _LISTS:
            if code and code in getattr(codes, name):
                return Verdict(name, code, message)
    raise ProtocolViolation(
        "the answer has no result code, or one that is not listed",
        where=where,
        hint=f"list it under result; {codes.path!r} is where it should stand",
    )


def fail(verdict: Verdict, *, where: str, record: Any = None) -> NoReturn:
    """Raise the error of a verdict that is neither acknowledged nor pending."""
    said = f"the service answered with code {verdict.code[:40]}"
    if verdict.meaning == "transient":
        raise Unavailable(said, where=where)
    if verdict.meaning == "misconfigured":
        raise Misconfigured(said, where=where, hint="see the agency's description of the code")
    if record is None:
        raise RequestRejected(said, where=where, hint="see the agency's description of the code")
    raise refusal(verdict.code, verdict.message, where=where, record=record)


def _text(body: Any, path: str) -> str:
    value = reach(body, path.split("."))
    if isinstance(value, dict):
        value = value.get(TEXT_MEMBER)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value).strip()
