"""Business rules that triggers of a database enforce: how they are told, and what of it is shown.

Agencies write them as ``raise exception`` (PostgreSQL: P0001, or a SQLSTATE of their own), ``signal sqlstate
'45000'`` (MySQL, MariaDB), ``raise_application_error`` (Oracle: ORA-20000 to 20999) and ``throw`` (SQL
Server: from 50000 on). A rule is about a row, not about the statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from lienthong_connectors.http.privacy import spoken
from lienthong_connectors.sql._errors import sqlstate

#: Classes of SQLSTATE that the standard, PostgreSQL (its appendix A) and ODBC's drivers use themselves.
_TAKEN: Final = frozenset(
    {
        *(
            "00",
            "01",
            "02",
            "03",
            "07",
            "08",
            "09",
            "0A",
            "0B",
            "0F",
            "0L",
            "0P",
            "0Z",
            "10",
            "20",
            "21",
            "22",
        ),
        *(
            "23",
            "24",
            "25",
            "26",
            "27",
            "28",
            "2B",
            "2C",
            "2D",
            "2E",
            "2F",
            "33",
            "34",
            "35",
            "37",
            "38",
            "39",
        ),
        *(
            "3B",
            "3C",
            "3D",
            "3F",
            "40",
            "42",
            "44",
            "46",
            "53",
            "54",
            "55",
            "57",
            "58",
            "70",
            "72",
            "F0",
            "HV",
        ),
        *("HY", "HZ", "IM", "P0", "S0", "S1", "XA", "XX"),
    }
)
#: ``raise exception`` without a code of its own, and ``assert``.
_RAISED: Final = frozenset({"P0001", "P0004"})
_SIGNAL: Final = 1644
_ORACLE: Final = re.compile(r"ORA-20\d{3}: ([^\n]*)")
_SQL_SERVER: Final = re.compile(r"\[SQL Server\](.*?)\s*\((\d{5,10})\)", re.DOTALL)
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'|«[^»]*»|“[^”]*”|‘[^’]*’|\([^()]*\)")
_HIDDEN: Final = "…"


def raised(cause: Exception) -> str | None:
    """Return what a rule of the database says in an error, None where the error is no rule's."""
    state = sqlstate(cause)
    if state:
        if state in _RAISED or state[:2] not in _TAKEN:
            primary = getattr(getattr(cause, "diag", None), "message_primary", None)
            return str(primary or getattr(cause, "msg", None) or "")
        return None
    given = cause.args
    if len(given) > 1 and given[0] == _SIGNAL:
        return str(given[1])
    text = str(cause)
    if found := _ORACLE.search(text):
        return found[1]
    found = _SQL_SERVER.search(text)
    return found[1].rpartition("]")[2] if found and int(found[2]) >= 50_000 else None


def shown(text: str, record: Any, *, public: bool) -> str:
    """Return a rule's words fit for the quarantine; what is quoted and the record's values are left out.

    ``public``: the data is open, so nothing of it need be hidden.
    """
    if public:
        return " ".join(text.split())[:300]
    text = _QUOTED.sub(_HIDDEN, text)
    for value in sorted(set(_scalars(record)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", _HIDDEN, text)
    return spoken(text, record)


def _scalars(value: Any) -> Iterator[str]:
    """Yield the values of a record as a text may hold them; single letters and digits say nothing."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _scalars(item)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and len(str(value)) > 1:
        yield str(value)
