"""Texts that are documents themselves: XML or JSON inside a string, as asmx services like to answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from lienthong.connector import Malformed
from lienthong.records import Record
from lienthong_connectors.soap.template import reach
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_connectors.xml.shape import TEXT_MEMBER, as_integer, refuse

_DECLARATION: Final = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>\s*")
_AROUND: Final = "lienthong-unpacked"
_MISSING: Final = object()

Found = list[Record | Malformed]


def unpacked(
    body: Any,
    paths: tuple[str, ...],
    record: str | None,
    limits: XmlLimits,
    lists: frozenset[str] = frozenset(),
) -> tuple[Any, Found]:
    """Return an answer with documents in place of their texts, and the records that these hold.

    ``record`` is the local or Clark name of an XML text's repeated element; of a JSON text the dotted path of
    the list, where it is not the list itself. Raises `ProtocolViolation` (``reason``: unpack, and those of
    the reader) for a text that cannot be read, and where records should be and nothing is.
    """
    records: Found = []
    for path in paths:
        steps = [] if path == TEXT_MEMBER and not isinstance(body, Mapping) else path.split(".")
        text = reach(body, steps)
        if isinstance(text, Mapping):
            text = text.get(TEXT_MEMBER)
        if text is None and record is not None:
            _wrong(f"the answer has no text at {path!r}, in which the records should be")
        if isinstance(text, str) and text.strip():
            value, found = document(text, record, limits, lists)
            records += found
            body = _placed(body, steps, value)
    return body, records


def document(
    text: str, record: str | None, limits: XmlLimits, lists: frozenset[str] = frozenset()
) -> tuple[Any, Found]:
    """Return what a text holds, and the records inside; raises as `unpacked`.

    XML is what begins with ``<``: what its root holds, read like an answer without a WSDL. Anything else is
    JSON, of which decimals stay text as they were written, as they do in XML.
    """
    if text.lstrip("\ufeff \t\r\n")[:1] != "<":
        value = _json(text)
        return value, [] if record is None else _listed(value, record)
    reader = RecordReader(record, {}, limits, "utf-8", lists)
    found = reader.feed(f"<{_AROUND}>{_DECLARATION.sub('', text)}</{_AROUND}>".encode())
    return next(iter(reader.close().values()), None), found


def _json(text: str) -> Any:
    try:
        return json.loads(
            text.lstrip("\ufeff"),
            parse_float=str,
            parse_int=as_integer,
            parse_constant=_no_number,
            object_pairs_hook=_members,
        )
    except (ValueError, RecursionError):
        _wrong("a text in the answer is neither XML nor JSON")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member comes twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _listed(value: Any, path: str) -> Found:
    rows = value if isinstance(value, list) else _at(value, path)
    if rows is _MISSING:
        _wrong(f"the text in the answer has no list at {path!r}")
    every = rows if isinstance(rows, list) else [] if rows is None else [rows]
    return [row if isinstance(row, dict) else {TEXT_MEMBER: row} for row in every]


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _placed(body: Any, path: list[str], value: Any) -> Any:
    """Return a copy of an answer with a value at a path."""
    if not path:
        return value
    if isinstance(body, list):
        at = int(path[0])
        return [_placed(item, path[1:], value) if number == at else item for number, item in enumerate(body)]
    return {**body, path[0]: _placed(body[path[0]], path[1:], value)}


def _wrong(what: str) -> NoReturn:
    refuse(what, "unpack")
