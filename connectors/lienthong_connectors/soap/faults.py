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
from lienthong_connectors.xml.shape import TEXT_MEMBER

_CODE = re.compile(r"(?=.*\d)[A-Za-z0-9_.-]{2,8}\Z")
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
    """A fault of either version: codes from outside in (without prefixes), texts, detail texts."""

    codes: tuple[str, ...]
    vi: str
    en: str
    details: tuple[str, ...]

    @property
    def agency_code(self) -> str:
        """The agency's own short code in the detail, else the innermost fault code."""
        own = next((text for text in self.details if _CODE.match(text)), "")
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
    details = tuple(_leaves(fault.get("detail", fault.get("Detail"))))
    return Fault(
        tuple(c for c in codes if c), texts.get("vi") or any_text, texts.get("en") or any_text, details
    )


def fault_error(
    fault: Fault, table: FaultTable, *, where: str, record: Any = None, delivery: bool = False
) -> LienThongError:
    """Return the error a fault stands for: by the agency's table, else by the fault code.

    A service that failed (Server, Receiver) without an entry in the table may have failed before or
    after it took a ``delivery``, so that ends in `OutcomeUnknown`; anything else may be asked again,
    `Unavailable`. `Refused` carries the agency's text for the steward; every other error only the code.
    """
    code = _SAFE.sub("-", fault.agency_code)[:40] or "Fault"
    meaning, entry = _meaning(fault, table)
    said = f"the service answered with fault {code}{f': {entry.text.en}' if entry else ''}"
    if meaning == "failed" and delivery:
        return OutcomeUnknown(said, where=where, hint="ask the target before repeating", agency_code=code)
    if meaning in ("transient", "failed"):
        return Unavailable(said, where=where, agency_code=code)
    if meaning == "misconfigured":
        return Misconfigured(
            said, where=where, hint="see the table of faults in the settings", agency_code=code
        )
    if meaning in ("unauthenticated", "forbidden"):
        kind = Unauthenticated if meaning == "unauthenticated" else Forbidden
        return kind(said, where=where, hint="check the connection's credentials", agency_code=code)
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


def _meaning(fault: Fault, table: FaultTable) -> tuple[str, Code | None]:
    """Return the list that a fault stands in, and the table's entry for its code."""
    said = (*fault.details, *fault.codes)
    entry = next((found for code in said if (found := table.entry(code))), None)
    for name in ("unauthenticated", "misconfigured", "transient", "refused", "permanent"):
        if set(said).intersection(getattr(table, name)):
            return name, entry
    if entry is not None:
        return _AS_LIST.get(entry.meaning, entry.meaning), entry
    outer = fault.codes[0] if fault.codes else ""
    if outer in _SENDER:
        return "refused", None
    return "misconfigured" if outer in _DEPLOYMENT else "failed", None


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    for item in value if isinstance(value, list) else [value]:
        language = str(item.get("lang", "")) if isinstance(item, Mapping) else ""
        yield language.lower().partition("-")[0], _plain(item)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get(TEXT_MEMBER, "")
    return "" if value is None or isinstance(value, list) else str(value).strip()


def _leaves(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, depth + 1)
    elif value is not None:
        yield str(value).strip()
