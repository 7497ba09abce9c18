"""Which rows an incremental read asks the database for, and which of them it hands on.

A database compares texts as texts: it knows no offsets and no calendar, and numbers only where it can cast
them. If the cursor's column holds texts, more rows are asked for than are wanted: from the first text on with
which anything at or after the beginning can be written (a day earlier, for ISO 8601), or all rows where texts
of the dataset's format do not sort. The dataset's own order then decides row by row, so that nothing is
missed and nothing comes for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from lienthong.connector import ReadRequest
from lienthong.errors import Misconfigured
from lienthong_connectors.sql._order import Ordered

_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Window:
    """``condition`` for the database, None in a full read; ``wanted`` tells whether a value is handed on."""

    condition: Any = None
    wanted: Callable[[Any], bool] | None = None

    def kept(self, rows: Sequence[Any], place: int) -> Sequence[Any]:
        """Return the rows that are handed on; ``place`` is where the cursor's value stands in a row."""
        wanted = self.wanted
        return rows if wanted is None else [row for row in rows if wanted(row[place])]


def window(column: Ordered, request: ReadRequest, overlap: int, where: str) -> Window:
    """Return the window of an incremental read, less the settings' own overlap."""
    order = request.order
    if column.kind != "text" or order is None:
        return Window(_newer(column, request, overlap, where))
    since = request.since or ""
    if overlap:
        timed = request.kind in ("moment", "day")
        since = order.back(since, timedelta(seconds=overlap) if timed else overlap)
    first = since if column.cast is not None else order.first_text(since)
    condition = column.by.is_not(None) if first is None else column.by >= column.bound(first)
    begin = order.read(since)

    def wanted(value: Any) -> bool:
        at = order.read(value)
        return begin is None or at is None or bool(at >= begin)  # what has no place is set aside, and said

    return Window(condition, wanted)


def _newer(column: Ordered, request: ReadRequest, overlap: int, where: str) -> Any:
    """Return the condition for rows at or behind the beginning, less the overlap."""
    if not overlap:
        return column.by >= column.bound(request.since, request.value)
    timed = column.kind in ("naive", "aware", "day") and request.value is not None
    since = request.value if timed else _read(request.since or "", where)
    return column.by >= column.bound(_reach_back(since, overlap))


def _reach_back(since: Any, overlap: int) -> Any:
    """Return a beginning less the overlap: units of a number, seconds of a time."""
    if isinstance(since, (int, Decimal)):
        return since - overlap
    if isinstance(since, datetime):
        return since - timedelta(seconds=overlap)
    return since - timedelta(days=-(-overlap // 86_400))  # a day is reached back by whole days


def _read(text: str, where: str) -> datetime | int | Decimal:
    """Read a beginning as a number or a time."""
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        return Decimal(text) if _FRACTION.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            "the cursor is neither a number nor a time", where=where, hint="set 'overlap' to 0"
        ) from None
