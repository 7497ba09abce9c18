"""The one order of cursors: which of two values of a field is the later one.

The order comes from the dataset's field, never from what the values happen to look like: numbers of
any size are compared as numbers, times as moments whatever their offset and fraction, days by the
calendar however they are written. Sources, pull, settle and people who set a cursor all ask here.

A plain text whose contract says neither is read as an ISO 8601 time or as a number, and words are no
cursor. Where a text's own order is meant, the dataset says so: ``"x-lienthong": {"order": "text"}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any, Final, Literal, TypeAlias

from lienthong.datasets.dataset import Dataset
from lienthong.datasets.dates import NO_DATE, DateFormat, date_format
from lienthong.datasets.fields import PERSONAL, Field
from lienthong.datasets.instants import (
    attoseconds,
    format_back,
    instant_of,
    iso_back,
    iso_day,
    iso_instant,
    moment_at,
)
from lienthong.datasets.sorting import first_iso, first_of
from lienthong.errors import InvalidExchange
from lienthong.paths import listed, spelled

Kind = Literal["number", "moment", "day", "text"]
#: How far a read reaches back: a length of time for times and days, an amount for numbers.
Overlap: TypeAlias = timedelta | int | Decimal
#: What two values are compared by; only such of one order belong together.
Comparable: TypeAlias = Any

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,200}(?:\.[0-9]{1,200})?(?:[eE][+-]?[0-9]{1,3})?")
_EXACT: Final = Context(prec=1000)
_LONGEST: Final = 500
_LEAST: Final = Decimal("-Infinity")
# a pattern that only digits, a sign and a point can follow
_DIGITS: Final = re.compile(
    r"\^(?:\\d|\[0-9\]|\[[1-9]-9\]|[0-9]|[-+]\??|\[[-+]{1,2}\]\??|\\[.+-]|\{[0-9]+(?:,[0-9]*)?\}|[()?:|*+])+\$"
)


@dataclass(frozen=True, slots=True)
class CursorOrder:
    """The order of one field's values.

    ``path`` is the field (dotted), ``kind`` what its values are, ``guessed`` tells that the contract
    says nothing of a plain text's kind. ``optional``: a record may come without a value, ``personal``:
    a value tells of a person, so it stands in no statement.
    """

    path: str
    kind: Kind
    contract: Field = field(repr=False)
    formats: tuple[DateFormat, ...] = field(default=(), repr=False)
    none: frozenset[str] = field(default=frozenset(), repr=False)
    guessed: bool = False

    @classmethod
    def of(cls, dataset: Dataset, path: str) -> CursorOrder:
        """Return the order of a dataset's field.

        Raises `InvalidExchange` where there is no such field, or where its type carries no order.
        """
        path = spelled(path, dataset.fields())
        found = dataset.fields().get(path)
        if found is None:
            raise InvalidExchange(
                f"field 'source.cursor': dataset {dataset.ref} has no field {path!r}",
                hint=f"it has {', '.join(sorted(dataset.fields()))}",
            )
        types = found.types - {"null"}
        if not types <= {"string", "integer", "number"} or not types or listed(path) or _listed(found):
            what = "items of a list" if listed(path) else "of " + " or ".join(sorted(types) or ["null"])
            raise InvalidExchange(
                f"field 'source.cursor': {path!r} of dataset {dataset.ref} cannot be a cursor: its values are"
                f" {'a closed list' if _listed(found) else what}",
                hint="choose a field whose values grow with every change: a time, a day or a number",
            )
        return cls(path, **_described(found, types))

    @property
    def optional(self) -> bool:
        """Whether a sound record may come without a value."""
        return self.contract.nullable or not self.contract.required

    @property
    def personal(self) -> bool:
        """Whether a value tells of a person."""
        return self.contract.classification in PERSONAL

    def read(self, value: Any) -> Comparable | None:
        """Return what a value is compared by, None where it has no place in the order."""
        if isinstance(value, str):
            if len(value) > _LONGEST:
                return None
            if self.kind == "text":
                return value or None
            if self.guessed:
                at = iso_instant(value)
                return (1, at) if at is not None else _ranked(_number(value))
            if self.kind == "number":
                return _number(value)
        elif self.kind in ("text", "day") or isinstance(value, bool) or value is None:
            return None
        elif self.kind == "number":
            return _ranked(_number(value)) if self.guessed else _number(value)
        return self._instant(value)

    def text(self, value: Any) -> str:
        """Return the source's own text of a value: what is kept as the cursor."""
        return value if isinstance(value, str) else str(value)

    def later(self, new: str, old: str | None) -> bool:
        """Tell whether a cursor is at or after another; one that has no place in the order is before all."""
        at = self.read(new)
        before = None if old is None else self.read(old)
        return at is not None and (before is None or bool(at >= before))

    def largest(self, values: Iterable[Any], bound: Comparable | None = None) -> str | None:
        """Return the text of the largest value that has a place and is not beyond a bound."""
        best, found = None, None
        for value in values:
            at = self.read(value)
            if at is not None and (best is None or at > best) and (bound is None or at <= bound):
                best, found = at, value
        return None if best is None else self.text(found)

    def cap(self, value: Any, bound: Comparable | None) -> Comparable | None:
        """Return what a value is compared by, at most a bound; None where the value has no place."""
        at = self.read(value)
        return at if at is None or bound is None else min(at, bound)

    def clock(self, moment: datetime | None) -> Comparable | None:
        """Return the bound that a clock sets: nothing lies beyond it. None where time sets no bound."""
        if moment is None or (self.kind in ("number", "text") and not self.guessed):
            return None
        at = instant_of(moment)
        return (1, at) if self.guessed else at

    def least(self) -> Comparable | None:
        """Return what lies before every number or text; None for an order of times, which clocks bound."""
        if self.kind == "text":
            return ""
        return _ranked(_LEAST) if self.guessed else _LEAST if self.kind == "number" else None

    def counts(self, at: Comparable | None) -> bool:
        """Tell whether a place is one that no clock bounds: a number's, or a text's."""
        return at is not None and (at[0] == 0 if self.guessed else self.kind in ("number", "text"))

    def first_text(self, cursor: str) -> str | None:
        """Return a text before which, by code points, no text at or after the cursor lies.

        None where there is none, because the texts of this order do not sort as what they stand for.
        """
        at = self.read(cursor)
        if self.kind == "text":
            return cursor
        if at is None or self.counts(at):
            return None
        if self.guessed or not self.formats:
            return cursor if self.kind == "day" else first_iso(at[1] if self.guessed else at)
        found = [first_of(form, at) for form in self.formats]
        return min((text for text in found if text is not None), default=None) if None not in found else None

    def typed(self, text: str) -> tuple[Kind, datetime | date | int | Decimal | str] | None:
        """Return a cursor's kind and value for those who ask in a form of their own; None without a place.

        A moment is an aware date-time, rounded down to the microsecond.
        """
        at = self.read(text)
        if at is None:
            return None
        if self.guessed:
            rank, at = at
            day = rank and iso_day(text)
            kind: Kind = "day" if day else "moment" if rank else "number"
        else:
            kind = self.kind
        if kind in ("number", "text"):
            return kind, at
        moment = moment_at(at)
        return (kind, moment.date()) if kind == "day" else (kind, moment)

    def back(self, cursor: str, overlap: Overlap | None = None) -> str:
        """Return where a read begins that reaches back, in the cursor's own form.

        Without an overlap it reaches back by the last place that the form has (a second, a cent, a
        day), so that a service which gives what lies behind a value gives the value itself, too. A text
        stays as it is. Raises `InvalidExchange` for an overlap that does not fit the order.
        """
        if overlap is not None and (fault := self.misfit(overlap)):
            raise InvalidExchange(f"field 'source.overlap': {fault}")
        at = self.read(cursor)
        if at is None or self.kind == "text":
            return cursor
        length = attoseconds(overlap) if isinstance(overlap, timedelta) else None
        if self.kind == "number" and not (self.guessed and at[0]):
            return _number_back(cursor, overlap if isinstance(overlap, (int, Decimal)) else None)
        form = next((form for form in self.formats if form.name != "iso" and form.parse(cursor)), None)
        if form is not None:
            return format_back(cursor, form, length)
        return iso_back(cursor, length)

    def misfit(self, overlap: Overlap) -> str:
        """Return why an overlap does not fit the order, empty where it does."""
        timed = isinstance(overlap, timedelta)
        if not timed and (isinstance(overlap, bool) or not isinstance(overlap, (int, Decimal))):
            return "an overlap is a timedelta, an int or a Decimal"
        if overlap < (timedelta() if timed else 0):  # type: ignore[operator]  # each against its own zero
            return "an overlap is not below zero"
        if self.kind == "text":
            return f"{self.path!r} is ordered as text, which knows no distance"
        if not self.guessed and timed is (self.kind == "number"):
            return f"{self.path!r} holds {'numbers' if timed else 'times'}: give {_FITS[timed]}"
        return ""

    def _instant(self, value: Any) -> int | None:
        if not self.formats:
            if not isinstance(value, str) or (self.kind == "day" and not iso_day(value)):
                return None
            return iso_instant(value)
        for form in self.formats:
            if form.name == "iso":
                at = iso_instant(value) if isinstance(value, str) else None
            else:
                moment = form.parse(value) if not isinstance(value, (float, Decimal)) else None
                at = None if moment is None else instant_of(moment)
            if at is not None:
                return at
        return None


_FITS: Final = {True: "an int or a Decimal", False: "a timedelta"}


def _described(found: Field, types: frozenset[str]) -> dict[str, Any]:
    """Return the rest of an order's members."""
    base: dict[str, Any] = {"contract": found}
    check = _date_check(found.note)
    if check is not None:
        names = [check["format"]] if isinstance(check["format"], str) else check["format"]
        formats = tuple(map(date_format, names))
        kind = "moment" if any(form.timed for form in formats) else "day"
        none = frozenset(check.get("none", [NO_DATE]))
        return base | {"kind": kind, "formats": formats, "none": none}
    if (said := found.note.get("order")) is not None:
        if said not in ("text", "number"):
            raise InvalidExchange(
                f"field 'source.cursor': {found.path!r} says the order {said!r}, which is none",
                hint='x-lienthong.order is "text" or "number"; times are said by format or by a date check',
            )
        return base | {"kind": said}
    if "string" not in types or found.decimal:
        return base | {"kind": "number"}
    if types == {"string"}:
        named = {"date-time": "moment", "date": "day"}.get(str(found.schema.get("format")))
        if named:
            return base | {"kind": named}
        if _DIGITS.fullmatch(str(found.schema.get("pattern", ""))):
            return base | {"kind": "number"}
    return base | {"kind": "number", "guessed": True}


def _date_check(note: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the options of a field's date check, None where it has none."""
    for item in (note, *note.get("checks", ())):
        if item.get("check") == "date" and item.get("format"):
            return dict(item)
    return None


def _listed(found: Field) -> bool:
    return "enum" in found.schema or "const" in found.schema


def _ranked(number: Decimal | int | None) -> tuple[int, Any] | None:
    return None if number is None else (0, number)


def _number(value: Any) -> Decimal | int | None:
    """Return a value as an exact number; floats as what their shortest text says."""
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    return int(value) if value.isdigit() else Decimal(value)


def _number_back(text: str, overlap: int | Decimal | None) -> str:
    """Return a number's text less an amount, with as many places as it has."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 - NaN and infinities are no numbers here
    amount = Decimal(1).scaleb(exponent) if overlap is None else Decimal(overlap)
    back = _EXACT.subtract(number, amount)
    written = format(back, "f") if "e" not in text.lower() else str(back)
    if text[0] == "0" and len(text) > 1 and text.isdigit() and back >= 0:
        return written.zfill(len(text))
    return written


__all__ = ["Comparable", "CursorOrder", "Kind", "Overlap"]
