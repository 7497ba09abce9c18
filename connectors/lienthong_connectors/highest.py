"""The largest value of a cursor's field, as a service tells it before its list is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lienthong.connector import ReadRequest
from lienthong.errors import ProtocolViolation
from lienthong.paths import names

_EXACT: Final = 2**53
NO_RECORD: Final = "nothing comes: the service seems to have no record yet"
_LONGEST: Final = 500
_HINT: Final = "check high_water of the settings: lienthong connector check shows what comes"


def highest(
    answer: Any, path: str, request: ReadRequest, *, where: str, xml: bool = False
) -> str | int | float | None:
    """Return the value at a dotted path of an answer; None where the service has no record yet.

    That is null, an empty text, or a place in an empty list. A number in the path is a position in a list. In
    ``xml`` 0 is also the one element of a list that does not say that it is one, a list without elements is
    not there, and an empty element holds nothing. Raises `ProtocolViolation` where nothing is there, where it
    is no text and no number, where it has no place in the dataset's order, or where a fraction is too large
    to be exact.
    """
    value, parts = answer, names(path)
    nothing: tuple[Any, ...] = (None, [], {}, "") if xml else (None, [])
    for part, below in zip(parts, [*parts[1:], ""], strict=True):
        if value in nothing or (xml and below == "0" and isinstance(value, dict) and part not in value):
            return None
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif not (xml and part == "0" and isinstance(value, Mapping)):
            raise _wrong(f"the answer has nothing at {path!r}", where)
    value = value.strip() if isinstance(value, str) else value
    if value in (*nothing, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or len(str(value)) > _LONGEST:
        raise _wrong(f"what the answer has at {path!r} is neither a number nor a text", where)
    if isinstance(value, float) and abs(value) >= _EXACT:
        raise _wrong(f"the number at {path!r} is too large to be exact; ask for it as a text", where)
    if request.order is not None and request.order.read(value) is None:
        raise _wrong(f"what the answer has at {path!r} is no value of the cursor's field", where)
    return value


def _wrong(said: str, where: str) -> ProtocolViolation:
    return ProtocolViolation(f"the largest value of the cursor is not told: {said}", where=where, hint=_HINT)
