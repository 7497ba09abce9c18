"""What rows are ordered by, in the column's own type: how values are bound, and where the table stands.

A value comes as a record holds it (text, number), as the dataset's field understands it, or as the
position of an interrupted read. It is bound as what the column is, so that the database neither
compares `9` with `10` as texts nor shifts a time by hours. What a database cannot order as the dataset
does, times that are texts, is read widely and sifted here (`_window`).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Link

from lienthong.connector import Order, ReadRequest, Stand
from lienthong.errors import Misconfigured
from lienthong_connectors.sql._lax import loosen, unreadable
from lienthong_connectors.sql._values import plain

Kind = Literal["text", "number", "fraction", "naive", "aware", "day", "other"]

_VIETNAM: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
# of PostgreSQL's types: text, varchar, char, name; timestamp, timestamptz, date; integers; numeric; floats
_OIDS: Final[dict[int, Kind]] = {
    **dict.fromkeys((25, 1043, 1042, 19), "text"),
    1114: "naive",
    1184: "aware",
    1082: "day",
    **dict.fromkeys((20, 21, 23, 1700), "number"),
    **dict.fromkeys((700, 701), "fraction"),
}
_SORTS: Final = re.compile(r"[0-9]{4}(-|[0-9])")
_NUMERIC: Final = r"^[+-]?[0-9]{1,200}(\.[0-9]{1,200})?([eE][+-]?[0-9]{1,3})?$"
_DATED: Final = "____-__-__%"
#: So many of the largest values are looked at for the one that the dataset's order places highest.
_LOOKED_AT: Final = 1000


@dataclass(frozen=True, slots=True)
class Ordered:
    """One column of the order: ``raw`` gives its value, ``by`` is what is compared, ``kind`` its type."""

    name: str
    raw: Any
    by: Any
    kind: Kind
    dialect: str
    cast: Any = None

    def bound(self, value: Any, known: Any = None) -> Any:
        """Return a value to compare with; ``known`` is what the dataset's field says that it is."""
        if isinstance(value, dict):
            return sa.cast(sa.literal(b64decode(value["bytes"]), sa.LargeBinary), sa.Text)
        item = self._typed(value if known is None else known, value)
        bind = sa.bindparam(None, item, type_=sa.types.NullType(), unique=True)
        return bind if self.cast is None else self.cast(bind)

    def _typed(self, value: Any, text: Any) -> Any:
        """Return a value as the driver takes it for this column."""
        if self.kind in ("naive", "aware", "day"):
            return self._time(value)
        if self.kind == "text" or self.dialect == "postgresql":  # which gives a bare text the column's type
            return text if isinstance(text, str) else _written(value)
        if self.kind in ("number", "fraction"):
            number = _exact(text if isinstance(text, str) else value)
            # sqlite3 takes no Decimal, and SQLite holds none
            return float(number) if isinstance(number, Decimal) and self.dialect == "sqlite" else number
        return value if isinstance(value, (int, float, str, bytes)) else _written(value)

    def _time(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:  # infinity, years that Python does not know: the database does
                return value
        if isinstance(value, datetime):
            if self.kind == "naive" and value.tzinfo is not None:
                value = value.astimezone(_VIETNAM).replace(tzinfo=None)
            elif self.kind == "aware" and value.tzinfo is None:
                value = value.replace(tzinfo=_VIETNAM)
            elif self.kind == "day":
                value = (value.astimezone(_VIETNAM) if value.tzinfo else value).date()
        elif isinstance(value, date) and self.kind != "day":
            value = datetime(
                value.year, value.month, value.day, tzinfo=None if self.kind == "naive" else _VIETNAM
            )
        return value.isoformat() if self.dialect == "postgresql" and isinstance(value, date) else value


def placed(value: Any) -> Any:
    """Return a value of the order as a position holds it; text in no encoding as its bytes."""
    said = plain(value)
    if isinstance(said, str) and not said.isascii():
        data = said.encode("utf-8", "surrogateescape")
        if data.decode("utf-8", "ignore") != said:
            return {"bytes": b64encode(data).decode()}
    return said


def ordered(link: Link, table: Any, name: str) -> Ordered:
    """Return how rows are ordered by a column of the key: as the database orders it."""
    column: Any = sa.column(name)
    return Ordered(name, column, column, _kind_of(link, table, column), link.dialect.name)


def ordered_cursor(link: Link, table: Any, name: str, request: ReadRequest, where: str) -> Ordered:
    """Return how rows are ordered by the cursor's column: as the dataset orders its values, if that can be.

    Texts that do not sort as what they stand for come in the order of texts, to be sifted (`_window`);
    where nobody can, because the request knows no order, they are `Misconfigured`.
    """
    plainly = _uniform(link, table, ordered(link, table, name))
    if plainly.kind != "text":
        return plainly
    if request.kind == "number" and not _times_among(link, table, plainly.raw, request.order):
        cast = _as_number(plainly.dialect)
        return replace(plainly, by=_guarded(plainly.raw, plainly.dialect, cast), cast=cast)
    unsifted = request.order is None and request.kind in ("moment", "day") and request.since
    if unsifted and not _SORTS.match(request.since or ""):
        raise Misconfigured(
            f"the texts of column {name!r} do not sort as the times that they stand for",
            where=where,
            hint="read a query that gives the column as a time",
        )
    collation = {"postgresql": "C", "sqlite": "BINARY"}.get(plainly.dialect)
    return replace(plainly, by=sa.collate(plainly.raw, collation)) if collation else plainly


def stand_of(link: Link, table: Any, column: Ordered, order: Order | None = None) -> Stand:
    """Return the database's clock and the largest value of the cursor's column.

    It is a value that a row has, never one that the database rounded: of those that it places highest, the
    one that the dataset places highest. What the dataset cannot place (infinity, words) is passed over.
    """
    raw = sa.type_coerce(column.raw, sa.types.NullType())  # as the driver gives it, without rounding
    select = sa.select(raw).select_from(table).where(column.by.is_not(None)).order_by(column.by.desc())
    values = [plain(row[0]) for row in rows_of(link, select.limit(1 if order is None else _LOOKED_AT))]
    if order is None:
        return Stand(_clock(link), values[0] if values else None)
    best, high = None, None
    for value in values:
        at = order.read(value)
        if at is not None and (best is None or at > best):
            best, high = at, value
    return Stand(_clock(link), high)


def largest_texts(link: Link, table: Any, column: Ordered, most: int) -> list[str]:
    """Return the largest values of a column of texts, nothing of any other column."""
    if column.kind != "text":
        return []
    select = sa.select(column.raw).select_from(table).where(column.by.is_not(None))
    return [str(row[0]) for row in rows_of(link, select.order_by(column.by.desc()).limit(most))]


def rows_of(link: Link, select: Any) -> Any:
    """Return all rows; values that the driver cannot hold (infinity, years beyond 9999) come as text."""
    try:
        return link.execute(select).fetchall()
    except Exception as error:
        if not unreadable(error):
            raise
    loosen(link)
    return link.execute(select).fetchall()


def _clock(link: Link) -> datetime | None:
    """Return the database's clock; None where what it says has no zone."""
    if link.dialect.name == "postgresql":
        return link.execute(sa.text("SELECT now()")).scalar_one()  # type: ignore[no-any-return]
    if link.dialect.name == "sqlite":  # a file of this machine
        return datetime.now(UTC)
    if link.dialect.name in ("mysql", "mariadb"):
        said = link.execute(sa.text("SELECT UTC_TIMESTAMP(6)")).scalar_one()
        return said.replace(tzinfo=UTC) if isinstance(said, datetime) else None
    return None


def _kind_of(link: Link, table: Any, column: Any) -> Kind:
    """Return a column's type: as PostgreSQL names it, elsewhere by a value."""
    select = sa.select(column).select_from(table).where(column.is_not(None)).limit(1)
    if link.dialect.name == "postgresql":
        with link.execute(select.where(sa.false())) as result:
            description = result.cursor.description if result.cursor is not None else None
            code: Any = description[0][1] if description else None
            return _OIDS.get(code, "other")
    rows = rows_of(link, select)
    return _kind_of_value(rows[0][0]) if rows else "other"


def _uniform(link: Link, table: Any, column: Ordered) -> Ordered:
    """Return a column of SQLite, where each row may have a type of its own, as texts if some are texts."""
    if column.dialect != "sqlite" or column.kind not in ("text", "number", "fraction"):
        return column
    types = sa.select(sa.func.typeof(column.raw)).select_from(table).where(column.raw.is_not(None)).distinct()
    found = set(link.execute(types).scalars())
    if found <= {"integer", "real"} or found == {"text"}:
        return column
    texts = sa.cast(column.raw, sa.Text)
    return replace(column, raw=texts, by=texts, kind="text")


def _times_among(link: Link, table: Any, column: Any, order: Order | None) -> bool:
    """Tell whether texts that are asked for as numbers hold times too, in an order that knows both."""
    if order is None:
        return False
    found = rows_of(link, sa.select(column).select_from(table).where(column.like(_DATED)).limit(1))
    return bool(found) and order.read(found[0][0]) is not None


def _kind_of_value(value: Any) -> Kind:
    if isinstance(value, datetime):
        return "aware" if value.tzinfo else "naive"
    if isinstance(value, date):
        return "day"
    if isinstance(value, (int, Decimal)):
        return "number"
    return {str: "text", float: "fraction"}.get(type(value), "other")  # type: ignore[return-value]


def _as_number(dialect: str) -> Any:
    """Return how a text becomes a number in the database."""
    if dialect == "sqlite":
        return lambda item: sa.cast(item, sa.Numeric)
    size = () if dialect == "postgresql" else (38, 10)
    return lambda item: sa.cast(item, sa.Numeric(*size))


def _guarded(column: Any, dialect: str, cast: Any) -> Any:
    """Return a text column as a number; a text that is none has no place, and is no error."""
    if dialect == "postgresql":
        return sa.case((column.regexp_match(_NUMERIC), cast(column)))
    return cast(column)


def _exact(value: Any) -> Any:
    """Return a number as the driver takes it."""
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except InvalidOperation:
            return value
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else value
    return value


def _written(value: Any) -> Any:
    """Return a value as a record holds it."""
    said = plain(value)
    return said if isinstance(said, str) else str(said)
