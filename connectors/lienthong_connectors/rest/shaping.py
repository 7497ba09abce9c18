"""The records of a whole answer, in whatever form they stand in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation, Reason, RequestRejected
from lienthong.paths import below, holder, joined, last, names
from lienthong_connectors.http.status import outcome_issue
from lienthong_connectors.rest.decode import decode
from lienthong_connectors.rest.elements import NOT_A_RECORD, Element, elements_of, list_in
from lienthong_connectors.rest.paths import MISSING, as_text, at
from lienthong_connectors.rest.records import Records

_HINT: Final = "check the records of the settings, and the envelope for errors inside a success"
_DEPTH: Final = 6
NO_RECORD: Final = Reason(
    path="",
    rule="page.no-record",
    vi="Phần tử của danh sách không chứa bản ghi tại đường dẫn của thiết lập",
    en="An element of the list holds no record at the path of the settings",
)
COLLISION: Final = Reason(
    path="",
    rule="page.collision",
    vi="Bản ghi đã có thành phần cùng tên nhưng khác giá trị với mã hoặc thành phần được đưa vào",
    en="The record has a member of the same name, with another value, as what was to be put into it",
)
NOT_A_ROW: Final = Reason(
    path="",
    rule="page.not-a-row",
    vi="Dòng không có đúng số giá trị theo danh sách cột",
    en="The row has not as many values as there are columns",
)


def unpacked(value: Any, records: Records, *, where: str) -> Any:
    """Return an answer with what its texts hold in their places; an empty text is nothing.

    Raises `ProtocolViolation` for a text that is not JSON that can be read exactly.
    """
    for path in records.texts:
        found = at(value, path)
        if isinstance(found, str):
            place = f"{where}, the text at {path or 'the top'!r}"
            inner = (
                decode(found.encode("utf-8", "surrogatepass"), where=place).value if found.strip() else None
            )
            value = _replaced(value, path, inner)
    return value


def shaped(value: Any, records: Records, total: int | None, *, where: str) -> tuple[list[Any], list[Element]]:
    """Return the list as it stands in an answer, and its elements as objects.

    ``total`` is the number of records that the answer announces. Raises `ProtocolViolation` where the records
    are not there in the form of the settings.
    """
    path = records.list
    found = at(value, path)
    if found is MISSING and (issue := outcome_issue(value)) is not None:
        code, text = issue
        said = f"{f' {code!r}' if code else ''}{f': {text}' if text else ''}"
        raise RequestRejected(
            f"the service answered an OperationOutcome{said}",
            where=where,
            hint="see the service's own text",
            agency_code=code,
        )
    if found is MISSING and _empty(value, records, total, where):
        return [], []
    if records.form == "keyed":
        members = _object(found, path, where)
        return list(members.items()), [_keyed(name, item, records) for name, item in members.items()]
    if records.form == "single" or (records.form == "one-or-many" and isinstance(found, dict)):
        single = [] if found is None else [_object(found, path, where)]
        return single, elements_of([*single])
    values = list_in(value, path, where=where)
    if records.form == "rows":
        columns = _columns(value, records, where) if values else ()
        return values, [_row(row, columns) for row in values]
    return values, elements_of(values)


def unwrapped(elements: Sequence[Element], records: Records) -> list[Element]:
    """Return the records that elements of the list hold; an element without one is malformed."""
    return [one if isinstance(one, Malformed) else _inner(one, records) for one in elements]


def _empty(value: Any, records: Records, total: int | None, where: str) -> bool:
    """Tell whether an answer without the list is an empty one; raise where another list is in it."""
    said = total == 0
    if records.absent is not None and isinstance(value, Mapping):
        texts = {path: at(value, path) for path in records.absent}
        said = said or all(
            texts[path] is not MISSING and (not values or as_text(texts[path]) in values)
            for path, values in records.absent.items()
        )
    if not said:
        return False
    what = "an object" if records.form in ("keyed", "single") else "a list"
    other = next((path for path in _alike(value, records) if path not in records.others), None)
    if other is not None:
        raise ProtocolViolation(
            f"there is nothing at {records.list!r}, but {what} at {other!r}",
            where=where,
            hint="is that where the records are? Else name it in others of the records",
        )
    return True


def _alike(value: Any, records: Records) -> Iterator[str]:
    """Yield the paths of what could be the records, in their form, where nothing stands at their path."""
    if records.form in ("list", "rows", "one-or-many"):
        yield from _lists(value, list if records.form == "rows" else Mapping)
    if records.form in ("keyed", "single", "one-or-many"):
        outer = holder(records.list)
        around = at(value, outer)
        for name, item in around.items() if isinstance(around, Mapping) else ():
            if isinstance(item, Mapping) and item and not _links(item):
                yield below(outer, str(name))


def _lists(value: Any, kind: type, path: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the paths of lists whose items are of a kind; lists of links are left out."""
    if isinstance(value, list):
        if any(isinstance(item, kind) and not _link(item) for item in value):
            yield path
    elif isinstance(value, Mapping) and depth <= _DEPTH:
        for name, item in value.items():
            yield from _lists(item, kind, below(path, str(name)), depth + 1)


def _links(value: Mapping[str, Any]) -> bool:
    """Tell whether an object holds nothing but links, by their relations (HAL, JSON:API)."""
    return all(isinstance(item, Mapping) and "href" in item for item in value.values())


def _link(item: Any) -> bool:
    """Tell whether a value is a link to another page: an address and what it leads to."""
    named = item.keys() if isinstance(item, Mapping) else ()
    return bool({"url", "href"}.intersection(named)) and bool({"rel", "relation"}.intersection(named))


def _object(found: Any, path: str, where: str) -> dict[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        what = "nothing" if found is MISSING else "no object"
        raise ProtocolViolation(
            f"there is {what} at {path or 'the top of the answer'!r}", where=where, hint=_HINT
        )
    return found


def _keyed(name: str, item: Any, records: Records) -> Element:
    if not isinstance(item, dict):
        if not records.value:
            return Malformed(_bytes({name: item}), NOT_A_RECORD)
        return {records.id: name, records.value: item}
    if records.id in item and as_text(item[records.id]) != name:
        return Malformed(_bytes({name: item}), COLLISION)
    return {records.id: name, **item}


def _columns(value: Any, records: Records, where: str) -> tuple[str, ...]:
    if records.names:
        return records.names
    found = [
        item if isinstance(item, str) else as_text(at(item, records.column))
        for item in list_in(value, records.columns, where=where)
    ]
    if not all(found) or len(set(found)) != len(found):
        raise ProtocolViolation(
            f"the columns at {records.columns!r} have no names, or one name twice", where=where, hint=_HINT
        )
    return tuple(found)


def _row(row: Any, columns: Sequence[str]) -> Element:
    if not isinstance(row, list) or len(row) != len(columns):
        return Malformed(_bytes(row), NOT_A_ROW)
    return dict(zip(columns, row, strict=True))


def _inner(element: dict[str, Any], records: Records) -> Element:
    found = at(element, records.record)
    if not isinstance(found, dict):
        return Malformed(_bytes(element), NO_RECORD)
    more = {last(path): at(element, path) for path in records.beside}
    for name, value in more.items():
        if value is MISSING or (name in found and found[name] != value):
            return Malformed(_bytes(element), NO_RECORD if value is MISSING else COLLISION)
    return {**found, **more} if more else found


def _replaced(value: Any, path: str, inner: Any) -> Any:
    """Return a copy of an answer with another value at a path that is there."""
    parts = (path,) if isinstance(value, Mapping) and path in value else names(path)
    if not parts:
        return inner
    if isinstance(value, list):
        place = int(parts[0])
        return [_inside(item, parts, inner) if index == place else item for index, item in enumerate(value)]
    return {**value, parts[0]: _inside(value[parts[0]], parts, inner)}


def _inside(value: Any, parts: Sequence[str], inner: Any) -> Any:
    return inner if len(parts) == 1 else _replaced(value, joined(parts[1:]), inner)


def _bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # integers beyond 64 bits
        return json.dumps(value).encode()
