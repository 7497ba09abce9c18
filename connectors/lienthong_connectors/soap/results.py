"""The result code inside an answer, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from lienthong.connector.codes import Code
from lienthong.credentials import hide
from lienthong.errors import ProtocolViolation, RequestRejected, Transient
from lienthong.paths import names
from lienthong_connectors.codes import error_kind, told
from lienthong_connectors.http.privacy import spoken
from lienthong_connectors.soap.faults import refusal
from lienthong_connectors.soap.settings import ResultCodes
from lienthong_connectors.soap.template import reach
from lienthong_connectors.xml.shape import TEXT_MEMBER

_LONGEST: Final = 10_000
_LISTS: Final = ("misconfigured", "transient", "refused", "absent", "pending", "already", "acknowledged")


#: The list that a meaning of a table of codes stands for; all others keep their name.
_AS_LIST: Final = {"ok": "acknowledged", "exists": "refused"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``meaning`` is the list that the code stands in, or its meaning by the table of codes.

    ``message`` is the agency's text, ``entry`` the table's, ``reference`` the target's own number where the
    pattern finds one.
    """

    meaning: str
    code: str
    message: str
    entry: Code | None = None
    reference: str = ""


def judge(body: Any, codes: ResultCodes, *, where: str) -> Verdict:
    """Read the result code of a Body's first element.

    The more exact code decides where it stands in a list. Raises `ProtocolViolation` where there is
    no code, or one that is in no list.
    """
    parts = _taken_apart(_text(body, codes.path), codes)
    message = _text(body, codes.message) if codes.message else parts.get("message", "")
    given = [_text(body, codes.detail) if codes.detail else "", parts.get("code", "")]
    for code in filter(None, given):
        entry = codes.entry(code)
        listed = next((name for name in _LISTS if code in getattr(codes, name)), "")
        meaning = listed or (_AS_LIST.get(entry.meaning, entry.meaning) if entry else "")
        if meaning:
            return Verdict(meaning, hide(code), message, entry, hide(parts.get("reference", ""))[:200])
    said = ", ".join(spoken(code)[:40] for code in given if code)
    raise ProtocolViolation(
        f"the answer has result code {said}, which is not listed"
        if said
        else f"the answer has no result code{' that the pattern finds' if codes.pattern else ''}",
        where=where,
        hint=f"list it under result; {codes.path!r} is where it should stand",
    )


def fail(verdict: Verdict, *, where: str, record: Any = None, delivery: bool = False) -> NoReturn:
    """Raise the error of a verdict that is neither acknowledged nor pending."""
    text = f": {verdict.entry.text.en}" if verdict.entry else ""
    said = f"the service answered with code {verdict.code[:40]}{text}"
    kind = error_kind(verdict.meaning, delivery=delivery)
    if kind is RequestRejected and record is not None and verdict.meaning != "rejected":
        told_ = told(verdict.entry, verdict.message)
        raise refusal(verdict.code, told_.vi, told_.en, where=where, record=record)
    hint = "" if issubclass(kind, Transient) else "see the agency's description of the code"
    raise kind(said, where=where, hint=hint, agency_code=verdict.code[:40])


def _taken_apart(text: str, codes: ResultCodes) -> dict[str, str]:
    """Return what the pattern finds in a result; without one it is the code."""
    if not codes.pattern:
        return {"code": text}
    found = re.fullmatch(codes.pattern, text[:_LONGEST], re.DOTALL)
    return {name: (part or "").strip() for name, part in found.groupdict().items()} if found else {}


def _text(body: Any, path: str) -> str:
    plain = path == TEXT_MEMBER and not isinstance(body, dict)
    value = body if plain else reach(body, names(path))
    if isinstance(value, dict):
        value = value.get(TEXT_MEMBER)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value).strip()
