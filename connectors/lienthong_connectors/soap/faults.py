"""SOAP faults, and what they mean to the bus. A fault's text never enters a message or a log line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lienthong.connector.codes import Code
from lienthong.credentials import hide
from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    Reason,
    Refused,
    RequestRejected,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.codes import told
from lienthong_connectors.http.privacy import spoken
from lienthong_connectors.soap.settings import FaultTable
from lienthong_connectors.soap.wss_faults import CODES, security_code
from lienthong_connectors.xml.shape import TEXT_MEMBER

_CODE = re.compile(r"(?=.*\d)[A-Za-z0-9_.-]{2,8}\Z")
_CODE_NAME = re.compile(
    r"(?:(?:err(?:or)?|fault|result|status|return|reason|exception)?[_.-]?code|errno|m[aã](?:[_.-]?l[oỗ]i)?)\Z",
    re.IGNORECASE,
)
_NAMED_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
_SAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_SENDER = frozenset({"Client", "Sender", "DataEncodingUnknown"})
#: The list that a meaning of a table of codes stands for; all others keep their name.
_AS_LIST = {
    "ok": "refused", "exists": "refused", "absent": "refused",
    "rejected": "permanent", "unknown": "failed", "pending": "failed",
}  # fmt: skip
_DEPLOYMENT = frozenset({"MustUnderstand", "VersionMismatch"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of either version: codes from outside in (without prefixes), texts, detail texts.

    ``named`` is the detail's text whose member is called a code.
    """

    codes: tuple[str, ...]
    vi: str
    en: str
    details: tuple[str, ...]
    named: str = ""

    @property
    def agency_code(self) -> str:
        """The agency's own code in the detail: a short one or one that is named so; else the fault code."""
        own = self.named or next((text for text in self.details if _CODE.match(text)), "")
        return hide(own or (self.codes[-1] if self.codes else "Fault"))


def read_fault(fault: Any) -> Fault:
    """Read the Fault element of SOAP 1.1 or 1.2, as converted; anything missing is empty."""
    if not isinstance(fault, Mapping):
        return Fault((), "", "", ())
    codes: list[str] = []
    if "faultcode" in fault:
        codes = _plain(fault["faultcode"]).rpartition(":")[2].split(".")
        texts = {"": _plain(fault.get("faultstring"))}
    else:
        level = fault.get("Code")
        while isinstance(level, Mapping) and len(codes) < 8:
            codes.append(_plain(level.get("Value")).rpartition(":")[2])
            level = level.get("Subcode")
        reason = fault.get("Reason")
        texts = dict(_texts(reason.get("Text") if isinstance(reason, Mapping) else reason))
    any_text = next((text for text in texts.values() if text), "")
    detail = fault.get("detail", fault.get("Detail"))
    named = next((text for name, text in _leaves(detail) if _is_code(name, text)), "")
    details = tuple(text for _, text in _leaves(detail))
    vi, en = (texts.get(language) or any_text for language in ("vi", "en"))
    return Fault(tuple(c for c in codes if c), vi, en, details, named)


def fault_error(
    fault: Fault, table: FaultTable, *, where: str, record: Any = None, delivery: bool = False
) -> LienThongError:
    """Return the error a fault stands for: by the agency's table, else by the fault code.

    A code of WS-Security is about us (`wss_faults`): nothing was taken, and nothing is tried again.
    A service that failed (Server, Receiver) without an entry in the table may have failed before or
    after it took a ``delivery``, so that ends in `OutcomeUnknown`; anything else may be asked again,
    `Unavailable`. `Refused` carries the agency's text for the steward; every other error only the code.
    """
    meaning, entry, listed = _meaning(fault, table)
    own = listed if listed in fault.details else fault.agency_code
    code = _SAFE.sub("-", own)[:40] or "Fault"
    said = f"the service answered with fault {code}{f': {entry.text.en}' if entry else ''}"
    if meaning == "failed" and delivery:
        return OutcomeUnknown(said, where=where, hint="ask the target before repeating", agency_code=code)
    if meaning in ("transient", "failed"):
        return Unavailable(said, where=where, agency_code=code)
    about = CODES.get(security_code(fault.codes), ("", ""))[1]
    if meaning == "misconfigured":
        hint = about or "see the table of faults in the settings"
        return Misconfigured(said, where=where, hint=hint, agency_code=code)
    if meaning in ("unauthenticated", "forbidden"):
        kind = Unauthenticated if meaning == "unauthenticated" else Forbidden
        hint = about or "check the connection's credentials"
        return kind(said, where=where, hint=hint, agency_code=code)
    if meaning == "permanent":
        return RequestRejected(said, where=where, hint="ask the agency", agency_code=code)
    vi, en = told(entry, fault.vi).vi, told(entry, fault.en).en
    return refusal(code, vi, en, where=where, record=record)


def refusal(code: str, vi: str, en: str = "", *, where: str = "", record: Any = None) -> Refused:
    """Return the refusal of one record under ``target.<code>`` with the agency's own words.

    Personal values of the record, long numbers and addresses are taken out of the words.
    """
    code = hide(code)
    rule = f"target.{_SAFE.sub('-', code)[:40]}"
    vi, en = spoken(vi, record), spoken(en or vi, record)
    reason = Reason(
        "", rule, vi or f"hệ thống đích từ chối, mã {code}", en or f"refused by the target, code {code}"
    )
    return Refused(
        f"the service refused the record with code {code}", where=where, reasons=(reason,), agency_code=code
    )


def _meaning(fault: Fault, table: FaultTable) -> tuple[str, Code | None, str]:
    """Return the list that a fault stands in, the table's entry for its code, and the code that is listed."""
    said = (*fault.details, *fault.codes)
    known = next((code for code in said if table.entry(code)), "")
    entry = table.entry(known) if known else None
    for name in ("unauthenticated", "misconfigured", "transient", "refused", "permanent"):
        listed = next((code for code in said if code in getattr(table, name)), "")
        if listed:
            return name, entry, listed
    if entry is not None:
        return _AS_LIST.get(entry.meaning, entry.meaning), entry, known
    if about_us := security_code(fault.codes):
        return CODES[about_us][0], None, about_us
    outer = fault.codes[0] if fault.codes else ""
    if outer in _SENDER:
        return "refused", None, ""
    return "misconfigured" if outer in _DEPLOYMENT else "failed", None, ""


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    for item in value if isinstance(value, list) else [value]:
        language = str(item.get("lang", "")) if isinstance(item, Mapping) else ""
        yield language.lower().partition("-")[0], _plain(item)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get(TEXT_MEMBER, "")
    return "" if value is None or isinstance(value, list) else str(value).strip()


def _is_code(name: str, text: str) -> bool:
    """Tell whether a detail's text is a code by its name (``errorCode``, ``maLoi``), and nobody's number."""
    return bool(_CODE_NAME.match(name) and _NAMED_CODE.match(text) and spoken(text) == text)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of a detail with the names of their members; PHP writes names as ``key``, ``value``."""
    if isinstance(value, Mapping) and value.keys() == {"key", "value"}:
        yield from _leaves(value["value"], _plain(value["key"]))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, name if key == TEXT_MEMBER else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)
    elif value is not None:
        yield name, str(value).strip()
