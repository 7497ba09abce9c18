"""Why a database refused one row, in both languages and without the value."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from lienthong.errors import Reason
from lienthong.paths import below, pointer
from lienthong_connectors.sql._errors import original, sqlite_name, sqlstate
from lienthong_connectors.sql._rules import raised, shown

_NOT_NULL = ("target.not-null", "trường bắt buộc bị bỏ trống", "a required field is empty")
_FOREIGN = (
    "target.foreign-key",
    "mã tham chiếu không có trong bảng liên quan",
    "a reference points to nothing",
)
_UNIQUE = ("target.unique", "trùng với một dòng đã có", "a row with this unique value exists already")
_CHECK = ("target.check", "vi phạm ràng buộc kiểm tra của bảng đích", "a check constraint of the table fails")
_LONG = ("target.too-long", "giá trị dài hơn cột cho phép", "the value is longer than the column takes")
_TYPE = ("target.type", "giá trị không hợp kiểu của cột", "the value does not fit the column's type")
_NUMBER = ("target.out-of-range", "số nằm ngoài phạm vi của cột", "the number is outside the column's range")
_DIGITS = (
    "target.digits",
    "số có nhiều chữ số hơn cột lưu được, cột sẽ làm tròn",
    "the number has more digits than the column keeps, which would round it",
)
_KEY = ("target.key-missing", "thiếu trường khóa", "a key field is missing")
_NOT_STORED = (
    "target.not-stored",
    "cơ sở dữ liệu nhận câu lệnh nhưng không lưu dòng này (trigger hoặc rule của bảng?)",
    "the database took the statement and stored no such row (a trigger or rule of the table?)",
)
_MERGED = (
    "target.key-merged",
    "bảng coi khóa này là khóa của một bản ghi khác (do collation hoặc kiểu của cột)",
    "the table takes this key for that of another record (by its collation or its type)",
)
_RULE = ("target.rule", "quy tắc của bảng đích từ chối", "a rule of the table refuses it")

_BY_STATE = {
    "23502": _NOT_NULL,
    "23503": _FOREIGN,
    "23505": _UNIQUE,
    "23514": _CHECK,
    "22001": _LONG,
    "22003": _NUMBER,
    "22P02": _TYPE,
    "22007": _TYPE,
    "22008": _TYPE,
    "42804": _TYPE,
}
_BY_SQLITE = {
    "SQLITE_CONSTRAINT_NOTNULL": _NOT_NULL,
    "SQLITE_CONSTRAINT_FOREIGNKEY": _FOREIGN,
    "SQLITE_CONSTRAINT_UNIQUE": _UNIQUE,
    "SQLITE_CONSTRAINT_PRIMARYKEY": _UNIQUE,
    "SQLITE_CONSTRAINT_CHECK": _CHECK,
    "SQLITE_CONSTRAINT_DATATYPE": _TYPE,
    "SQLITE_MISMATCH": _TYPE,
    "SQLITE_TOOBIG": _LONG,
}
# only names stand before these colons; what follows may be a value
_COPY_COLUMN = re.compile(r"^COPY \S+, line \d+, column ([^:]+)")
_SQLITE_COLUMN = re.compile(r"^(?:NOT NULL|UNIQUE) constraint failed: (?:[^.,]+\.)([^.,]+)$")


class RowError(Exception):
    """A row (or one row among several) that the table does not take.

    ``rows`` are the places of such rows among those that were to be written, where that is known; ``said`` is
    what a trigger of the table says, which may hold values.
    """

    def __init__(self, reason: Reason, rows: Iterable[int] = (), said: str = "") -> None:
        super().__init__(reason.rule)
        self.reason = reason
        self.rows = frozenset(rows)
        self.said = said

    def told(self, record: Any, *, public: bool) -> Reason:
        """Return the reason with the trigger's own words, without values unless the data is ``public``."""
        words = shown(self.said, record, public=public)
        if not words:
            return self.reason
        return replace(self.reason, vi=f"{self.reason.vi}: {words}", en=f"{self.reason.en}: {words}")


def key_missing(path: str) -> RowError:
    """Return the refusal of a row without a key."""
    return RowError(_reason(_KEY, pointer(path)))


def wrong_type(path: str) -> RowError:
    """Return the refusal of a value that cannot be turned into its column's type."""
    return RowError(_reason(_TYPE, pointer(path)))


def too_many_digits(path: str) -> RowError:
    """Return the refusal of a number that its column would round."""
    return RowError(_reason(_DIGITS, pointer(path)))


def not_stored(rows: Iterable[int]) -> RowError:
    """Return the refusal of rows which the database did not count as stored, and which are not there."""
    return RowError(_reason(_NOT_STORED, ""), rows)


def key_merged(rows: Iterable[int]) -> RowError:
    """Return the refusal of rows that would go over another record's: the table compares keys loosely."""
    return RowError(_reason(_MERGED, ""), rows)


def refusal(error: Exception, paths: Mapping[str, str]) -> RowError | None:
    """Return why a row was refused, or None where the error is not about a row.

    ``paths`` gives the record path of each column.
    """
    cause = original(error)
    if isinstance(cause, sqlite3.Error):
        return _from_sqlite(cause, paths)
    said = raised(cause)
    if said is not None:
        return RowError(_reason(_RULE, ""), said=said)
    state = sqlstate(cause)
    if state:
        return _from_state(cause, state, paths)
    if isinstance(error, (sa.exc.IntegrityError, sa.exc.DataError)):
        return RowError(_reason(_CHECK if isinstance(error, sa.exc.IntegrityError) else _TYPE, ""))
    return None


def _from_state(cause: Exception, state: str, paths: Mapping[str, str]) -> RowError | None:
    if state[:2] not in ("22", "23", "21", "44") and state not in _BY_STATE:
        return None
    words = _BY_STATE.get(state, (f"target.{state}", _CHECK[1], _CHECK[2]))
    diagnosis = getattr(cause, "diag", None)
    column = getattr(diagnosis, "column_name", None)
    if not column:
        match = _COPY_COLUMN.match(getattr(diagnosis, "context", None) or "")
        column = match.group(1) if match else None
    return RowError(_reason(words, pointer(paths.get(column, below("", column))) if column else ""))


def _from_sqlite(cause: sqlite3.Error, paths: Mapping[str, str]) -> RowError | None:
    name = sqlite_name(cause)
    if isinstance(cause, sqlite3.DataError) and name not in _BY_SQLITE:
        return RowError(_reason(_TYPE, ""))
    if not name.startswith("SQLITE_CONSTRAINT") and name not in _BY_SQLITE:
        return None
    match = _SQLITE_COLUMN.match(str(cause))
    column = match.group(1) if match else None
    words = _BY_SQLITE.get(name, _CHECK)
    if name == "SQLITE_CONSTRAINT_TRIGGER":  # RAISE(ABORT, text)
        return RowError(_reason(_RULE, ""), said=str(cause))
    return RowError(_reason(words, pointer(paths.get(column, below("", column))) if column else ""))


def _reason(words: tuple[str, str, str], path: str) -> Reason:
    rule, vi, en = words
    return Reason(path, rule, vi, en)
