"""What a dataset does to the values of a record as they arrive, before anything is sealed.

Two things, and only where the contract says so: fields checked as `decimal` become the one text of their
number, and with ``"text": "nfc"`` all texts are composed as Unicode's NFC says. Else nothing is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from unicodedata import is_normalized, normalize

from lienthong.datasets.dataset import Dataset
from lienthong.datasets.decimals import decimal_text
from lienthong.paths import Each, Step, steps
from lienthong.records import MOST_LEVELS, Record

Arriving: TypeAlias = Callable[[Record], Record]


def arriving(dataset: Dataset) -> Arriving | None:
    """Return what makes a record as the dataset wants its values, None where it wants nothing.

    The record that is given stays as it is. A value that is no decimal is left to the check.
    """
    places = [steps(path) for path in dataset.decimals]
    composed = dataset.text == "nfc"
    if not places and not composed:
        return None

    def made(record: Record) -> Record:
        found: Record = record
        for place in places:
            found = _with_decimal(found, place)
        if composed:
            found = _composed(found, MOST_LEVELS)
        return found

    return made


def _with_decimal(value: Any, place: Sequence[Step]) -> Any:
    """Return a value in which what stands at a place is a decimal's text."""
    if not place:
        text = decimal_text(value)
        return value if text is None else text
    name, *inner = place
    if isinstance(name, Each):
        return [_with_decimal(item, inner) for item in value] if isinstance(value, list) else value
    if not isinstance(value, dict) or value.get(name) is None:
        return value
    return {**value, name: _with_decimal(value[name], inner)}


def _composed(value: Any, levels: int) -> Any:
    """Return a value with its texts in NFC; what nests too deep is left to be set aside."""
    if isinstance(value, str):
        return value if value.isascii() or is_normalized("NFC", value) else normalize("NFC", value)
    if not levels:
        return value
    if isinstance(value, dict):
        return {name: _composed(item, levels - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_composed(item, levels - 1) for item in value]
    return value


__all__ = ["Arriving", "arriving"]
