"""Numbers that a column would round: databases do it without a word, so such a row is refused first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import sqlalchemy as sa

from lienthong_connectors.sql._reasons import too_many_digits
from lienthong_connectors.sql._rows import Column, Row

#: ``Column.places`` of a column that holds doubles, whatever its declared scale.
DOUBLE: Final = -1
#: And of one that holds 64-bit integers or doubles.
INTEGER_OR_DOUBLE: Final = -2
_WHOLE: Final[frozenset[type]] = frozenset({int, bool, type(None)})
_FITS: Final[dict[int, frozenset[type]]] = dict.fromkeys((DOUBLE, INTEGER_OR_DOUBLE), _WHOLE | {float})
_LONGEST: Final = 1000


def places_of(kind: Any, dialect: str) -> int | None:
    """Return how many places behind the point a column keeps; None for all, negative for a double's digits.

    SQLite keeps a number that is no 64-bit integer as a double, whatever scale was declared (its manual,
    Datatypes, section 3). PostgreSQL refuses a fraction for an integer by itself.
    """
    if isinstance(kind, sa.Integer):
        return {"sqlite": INTEGER_OR_DOUBLE, "postgresql": None}.get(dialect, 0)
    if isinstance(kind, sa.Float):
        return DOUBLE
    if not isinstance(kind, sa.Numeric):
        return None
    if dialect == "sqlite":
        return INTEGER_OR_DOUBLE
    return kind.scale if kind.scale is not None or kind.precision is None else 0


def require_digits(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Raise `RowError` where a number has digits that its column does not keep."""
    for number, column in enumerate(columns):
        if column.places is None:
            continue
        values = [row[number] for row in rows]
        if _FITS.get(column.places, _WHOLE).issuperset(map(type, values)):
            continue
        if not all(_kept(value, column.places) for value in values):
            raise too_many_digits(column.path)


def _kept(value: Any, places: int) -> bool:
    """Tell whether all digits of a value fit; what is no number is the database's to judge."""
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str) or len(value) > _LONGEST:
        return True
    try:
        number = Decimal(value)
    except InvalidOperation:
        return True
    if not number.is_finite():
        return True
    if places >= 0:
        exponent = number.normalize().as_tuple().exponent
        return isinstance(exponent, int) and -exponent <= places
    if places == INTEGER_OR_DOUBLE and number == number.to_integral_value() and abs(number) < 2**63:
        return True
    try:
        return Decimal(repr(float(number))) == number
    except OverflowError:
        return True
