"""Conversions of single values, compiled from a rule's words.

A converter takes a value that is there and returns what it becomes, None where that is nothing
(a "no date" literal); it raises `Fault` where the value cannot be converted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from lienthong.datasets.codelists import code_of
from lienthong.datasets.dates import NO_DATE, VIETNAM, DateFormat, date_format, zone
from lienthong.datasets.decimals import decimal_of, decimal_text, number_of
from lienthong.mapping.faults import Fault

Converter: TypeAlias = Callable[[Any], Any]
_NOTHING = object()


def codes(table: Mapping[str, Any], otherwise: Any = _NOTHING) -> Converter:
    """Return the translation by a table; a code it lacks becomes ``otherwise`` where that is given."""

    def convert(value: Any) -> Any:
        found = table.get(value if isinstance(value, str) else code_of(value), otherwise)
        if found is _NOTHING:
            raise Fault("codes")
        return found

    return convert


def date(options: Mapping[str, Any]) -> Converter:
    """Return the conversion ``{"from": …, "to": …, "zone": …, "none": […]}`` between date formats.

    ``from`` and ``to`` may be lists of the same length: the first ``from`` that fits decides.
    Raises `ValueError` for a format or a zone that does not exist.
    """
    source, target = _listed(options["from"]), _listed(options["to"])
    if len(target) == 1:
        target *= len(source)
    where = zone(options.get("zone", "Asia/Ho_Chi_Minh"))
    pairs = [(date_format(a), date_format(b)) for a, b in zip(source, target, strict=True)]
    nothing = frozenset(options.get("none", [NO_DATE]))

    def shifted(moment: datetime, form: DateFormat) -> datetime:
        if moment.tzinfo is None:
            return moment.replace(tzinfo=where) if form.timed else moment
        return moment if moment.tzinfo == where == VIETNAM else moment.astimezone(where)

    def convert(value: Any) -> Any:
        if value in nothing:
            return None
        for before, after in pairs:
            moment = before.parse(value)
            if moment is not None:
                return after.write(shifted(moment, before))
        raise Fault("date")

    return convert


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


#: Text operations by name, applied in the order a rule lists them.
TEXT: dict[str, Callable[[str], str]] = {
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "spaces": lambda text: " ".join(text.split()),
    "trim": str.strip,
    "upper": str.upper,
    "lower": str.lower,
    "digits": lambda text: "".join(letter for letter in text if letter in "0123456789"),
}


def text(operations: Sequence[str]) -> Converter:
    """Return text operations one after the other; `KeyError` names one that does not exist."""
    steps = [TEXT[name] for name in operations]

    def convert(value: Any) -> str:
        if not isinstance(value, str):
            raise Fault("text")
        for step in steps:
            value = step(value)
        return str(value)

    return convert


def part(options: Mapping[str, Any]) -> Converter:
    """Return one part of a text split ``{"by": "-", "part": 0}``; negative parts count from the end."""
    separator, index = str(options["by"]), int(options["part"])

    def convert(value: Any) -> str:
        if not isinstance(value, str):
            raise Fault("text")
        try:
            return value.split(separator)[index]
        except IndexError:
            raise Fault("split") from None

    return convert


def name_parts(value: Any) -> dict[str, str]:
    """Split a Vietnamese name into ``Ho`` (first word), ``ChuDem`` (between) and ``Ten`` (last word)."""
    if not isinstance(value, str):
        raise Fault("text")
    words = value.split()
    if not words:
        raise Fault("split")
    if len(words) == 1:
        return {"Ho": "", "ChuDem": "", "Ten": words[0]}
    return {"Ho": words[0], "ChuDem": " ".join(words[1:-1]), "Ten": words[-1]}


def _to_text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise Fault("as")
    return code_of(int(value) if isinstance(value, float) and value.is_integer() else value)


def _to_integer(value: Any) -> int:
    number = decimal_of(int(value) if isinstance(value, bool) else value)
    pointed = isinstance(value, str) and not value.strip().lstrip("+-").isdigit()
    if number is None or pointed or number != number.to_integral_value():
        raise Fault("as")
    return int(number)  # one that JSON does not carry is refused as the record is written


def _to_number(value: Any) -> float | int:
    number = int(value) if isinstance(value, bool) else number_of(value)
    if number is None:
        raise Fault("as")
    return number


def _to_decimal(value: Any) -> str:
    text = decimal_text(value)
    if text is None:
        raise Fault("as")
    return text


def _truth(yes: Any, no: Any) -> Converter:
    table = {"true": yes, "1": yes, "false": no, "0": no}

    def convert(value: Any) -> Any:
        found = table.get(code_of(value).lower(), _NOTHING)
        if found is _NOTHING:
            raise Fault("as")
        return found

    return convert


#: Type conversions by name, each with the JSON type it yields.
AS: dict[str, tuple[Converter, str]] = {
    "text": (_to_text, "string"),
    "integer": (_to_integer, "integer"),
    "number": (_to_number, "number"),
    "decimal": (_to_decimal, "string"),
    "boolean": (_truth(True, False), "boolean"),
    "True/False": (_truth("True", "False"), "string"),
    "true/false": (_truth("true", "false"), "string"),
    "1/0": (_truth("1", "0"), "string"),
}
