"""From canonical record bytes to rows: one plan per shape of record, no work per value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal, TypeAlias

import orjson

from lienthong.records import Record

Kind = Literal["text", "number", "boolean", "json", "bytes", "array"]
Row: TypeAlias = tuple[Any, ...]
Plan: TypeAlias = Callable[[Record], Row]

#: Records decoded at a time: more of them alive at once make the garbage collector walk them.
CHUNK = 128
_MOST_SHAPES = 2048


@dataclass(frozen=True, slots=True)
class Column:
    """One column that takes a member: its record path, how the path nests, its kind of type.

    ``path`` is what stands between separators, ``said`` the path as the settings write it.
    ``optional``: the column keeps its default where no member of that name is in the record. ``places``:
    how many digits behind the point a number keeps there (see `_digits`), None for all.
    """

    name: str
    path: str
    separator: str
    kind: Kind
    required: bool = False
    optional: bool = False
    places: int | None = None
    said: str = ""


class Rows:
    """Turns records into rows of the given columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._complete = _getter([column.path for column in columns])
        self._plans: dict[tuple[str, ...], Plan] = {}

    def chunks(self, records: Sequence[bytes]) -> Iterator[list[Row]]:
        """Yield the rows of the records, some hundred at a time."""
        for start in range(0, len(records), CHUNK):
            objects = [orjson.loads(data) for data in records[start : start + CHUNK]]
            try:
                yield list(map(self._complete, objects))
            except KeyError:
                plans = {shape: self._plan(shape) for shape in set(map(tuple, objects))}
                yield [plans[tuple(item)](item) for item in objects]

    def _plan(self, shape: tuple[str, ...]) -> Plan:
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= _MOST_SHAPES:
                self._plans.clear()
            plan = self._plans[shape] = self._make(frozenset(shape))
        return plan

    def _make(self, shape: frozenset[str]) -> Plan:
        """Choose the cheapest way to a row for records that have exactly these members."""
        get = self._complete
        absent = [column for column in self.columns if column.path not in shape]
        if not absent:
            return get
        nulls = {column.path: None for column in absent}
        nested = [column for column in absent if _begins_inside(column, shape)]
        if not nested:
            return lambda record: get(nulls | record)
        return lambda record: get(
            nulls | {column.path: dig(record, column.path, column.separator) for column in nested} | record
        )


def _getter(paths: Sequence[str]) -> Plan:
    """Return a function that takes the members at the paths; `KeyError` where one is absent."""
    if len(paths) > 1:
        return itemgetter(*paths)
    return lambda record: tuple(record[path] for path in paths)


def _begins_inside(column: Column, shape: frozenset[str]) -> bool:
    parts = column.path.split(column.separator)
    return any(column.separator.join(parts[:count]) in shape for count in range(1, len(parts)))


def dig(value: Any, path: str, separator: str) -> Any:
    """Return the nested member at a path; member names may themselves hold the separator."""
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    at = path.find(separator)
    while at >= 0:
        inner = value.get(path[:at])
        if isinstance(inner, dict):
            found = dig(inner, path[at + 1 :], separator)
            if found is not None:
                return found
        at = path.find(separator, at + 1)
    return None


def present(column: Column, record: Record) -> bool:
    """Tell whether a record has a member for the column (null counts)."""
    return column.path in record or dig(record, column.path, column.separator) is not None
