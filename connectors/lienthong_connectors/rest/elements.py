"""The elements of a list: records, and what should have been records."""

from __future__ import annotations

import json
from typing import Any, Protocol, TypeAlias

import orjson

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation, Reason
from lienthong.records import Record
from lienthong_connectors.rest.paths import MISSING, at

Element: TypeAlias = Record | Malformed

NOT_A_RECORD = Reason(
    path="",
    rule="page.not-an-object",
    vi="Phần tử của danh sách không phải là một đối tượng JSON",
    en="An element of the list is not a JSON object",
)


class ListReader(Protocol):
    """An answer that arrives in pieces, taken apart into the elements of its list."""

    mark: str
    """Names the list's content once it was closed (32 hexadecimal digits)."""

    def feed(self, data: bytes) -> list[Element]:
        """Take the next bytes; return the elements that are complete, in their order."""
        ...

    def close(self) -> list[Element]:
        """Return the last elements; raise `ProtocolViolation` where the answer is not complete."""
        ...

    def opening(self) -> Any:
        """Return what stands before the list as if the answer ended there, `MISSING` where unknown."""
        ...

    def frame(self) -> Any:
        """Return what stands around the list, once the answer was closed."""
        ...


def elements_of(values: list[Any]) -> list[Element]:
    """Return a list's values as elements: what is no object is malformed."""
    for value in values:
        if type(value) is not dict:
            return [item if type(item) is dict else _malformed(item) for item in values]
    return values


def parted(elements: list[Element]) -> tuple[list[Record], list[Malformed]]:
    """Return the records and the malformed pieces among elements."""
    records = [element for element in elements if type(element) is dict]
    if len(records) == len(elements):
        return records, []
    return records, [element for element in elements if isinstance(element, Malformed)]


def list_in(value: Any, path: str, *, where: str) -> list[Any]:
    """Return the list at a path of an answer; null counts as an empty list.

    Raises `ProtocolViolation` where there is none.
    """
    found = at(value, path)
    if found is None:
        return []
    if not isinstance(found, list):
        what = "nothing" if found is MISSING else "no list"
        raise ProtocolViolation(
            f"there is {what} at {path or 'the top of the answer'!r}",
            where=where,
            hint="check the records path of the settings, and the envelope for errors inside a success",
        )
    return found


def _malformed(value: Any) -> Malformed:
    try:
        data = orjson.dumps(value)
    except orjson.JSONEncodeError:  # integers beyond 64 bits, decimals
        data = json.dumps(value, default=str).encode()
    return Malformed(data, NOT_A_RECORD)
