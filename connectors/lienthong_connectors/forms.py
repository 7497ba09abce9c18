"""Formats of times in settings: which say what they mean on every machine.

A format is written by Python's ``strftime``. What it writes must not depend on the machine's zone or
language, and it must not call one zone's time another's: `%Y-%m-%dT%H:%M:%SZ` of Vietnam's time names a
moment seven hours later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_DIRECTIVE: Final = re.compile(r"%(-?[A-Za-z%]|.|\Z)")
_SAFE: Final = frozenset("YmdHMSfzjyTRDFGVuUWCeg%")
_UTC: Final = re.compile(r"(?<![A-Za-z])(?:Z|UTC|GMT)(?![A-Za-z])|[+-]00:?00(?![0-9])")
_AWAY: Final = re.compile(r"\+07:?00(?![0-9])")
_INSTEAD: Final = {
    "s": "which depends on the machine's zone: use epoch-s",
    "Z": "which writes a zone's name: use %z",
    **dict.fromkeys("cxXpaAbBhrP", "which depends on the machine's language"),
    "I": "which does not tell morning from evening: use %H",
}


def form_fault(form: str, zone: str) -> str:
    """Return what is wrong with a strftime format for times of a zone, empty where it is sound."""
    for match in _DIRECTIVE.finditer(form):
        sign = match.group(1)
        if sign not in _SAFE:
            return f"%{sign}, {_INSTEAD.get(sign, 'which not every machine knows')}"
    plain = _DIRECTIVE.sub("\0", form)
    if "%z" in form.replace("%%", ""):
        return "a zone beside %z" if _UTC.search(plain) or _AWAY.search(plain) else ""
    if zone != "UTC" and (said := _UTC.search(plain)):
        return f"{said.group()!r}, which says UTC, behind the time of {zone}"
    if zone == "UTC" and (said := _AWAY.search(plain)):
        return f"{said.group()!r}, which says Vietnam's time, behind the time of UTC"
    return ""


def form_faults(request: Any) -> Iterator[str]:
    """Yield what is wrong with the formats of times in a request, wherever they stand."""
    if isinstance(request, Mapping):
        request = list(request.values())
    if isinstance(request, (list, tuple)):
        for item in request:
            yield from form_faults(item)
    elif isinstance(request, str) and request.startswith("$") and not request.startswith("$$"):
        zone = "Asia/Ho_Chi_Minh"
        for text in map(str.strip, request.split("|")[1:]):
            name, _, argument = text.partition(":")
            zone = argument if name == "zone" else zone
            if name == "date" and (fault := form_fault(argument, zone)):
                yield f"{text!r} holds {fault}"
