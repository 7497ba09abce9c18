"""Values that a database holds and its driver does not.

Times of PostgreSQL: infinity, years before Christ or beyond 9999, 24:00. Texts of SQLite that are in
another code page.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

import orjson
from psycopg import DataError
from psycopg.types import datetime as loaders
from sqlalchemy.engine import Connection as Link

from lienthong.connector import Malformed
from lienthong.errors import Reason
from lienthong.records import Record
from lienthong_connectors.sql._errors import original, sqlstate

_KEPT: Final = 1 << 16
NOT_ENCODED: Final = Reason(
    "",
    "sql.not-encoded",
    "Dòng có văn bản không phải UTF-8 (bảng mã khác)",
    "The row has text that is not UTF-8 but in another code page",
)
_LOADERS: tuple[tuple[str, type[Any]], ...] = (
    ("date", loaders.DateLoader),
    ("time", loaders.TimeLoader),
    ("timetz", loaders.TimetzLoader),
    ("timestamp", loaders.TimestampLoader),
    ("timestamptz", loaders.TimestamptzLoader),
    ("interval", loaders.IntervalLoader),
)


def unreadable(error: Exception) -> bool:
    """Tell whether the driver, and not the database, failed: it could not hold a value that came."""
    cause = original(error)
    if isinstance(cause, sqlite3.OperationalError):
        return str(cause).startswith("Could not decode to UTF-8")
    return isinstance(cause, DataError) and not sqlstate(cause)


def loosen(link: Link) -> None:
    """Let such values come as the database's own text from now on.

    Text of SQLite that is not UTF-8 comes with a lone surrogate for each byte: `parted` finds it.
    """
    driver: Any = link.connection.driver_connection
    if link.dialect.name == "sqlite":
        driver.text_factory = _escaped
        return
    if link.dialect.name == "postgresql" and link.dialect.driver == "psycopg":
        for name, loader in _LOADERS:
            driver.adapters.register_loader(name, _lax(loader))


def exact_lengths(driver: Any) -> None:
    """Let psycopg read lengths of time in Python: its C code wraps those beyond 2**31 days around."""
    driver.adapters.register_loader("interval", _lax(loaders.IntervalLoader))


def is_loose(link: Link) -> bool:
    """Tell whether texts may hold bytes that are in no encoding."""
    driver: Any = link.connection.driver_connection
    return getattr(driver, "text_factory", None) is _escaped


def parted(records: list[Record]) -> tuple[list[Record], list[Malformed]]:
    """Return the records, and those with text in no encoding, whose bytes stand in them as they came."""
    sound: list[Record] = []
    odd: list[Malformed] = []
    for record in records:
        try:
            orjson.dumps(record)
            sound.append(record)
        except orjson.JSONEncodeError:
            written = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            odd.append(Malformed(written.encode("utf-8", "surrogateescape")[:_KEPT], NOT_ENCODED))
    return sound, odd


def _escaped(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _lax(strict: type[Any]) -> type[Any]:
    class Lax(strict):  # type: ignore[misc]  # the base is chosen at run time
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    return Lax
