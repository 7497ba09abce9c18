"""Reading and writing dotted paths, compiled to closures.

A source path is relative to the item at hand; inside ``each`` a path that begins with ``$.`` is
relative to the whole record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Reader: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
Writer: TypeAlias = Callable[[dict[str, Any], Any], None]


def reader(path: str) -> Reader:
    """Return a function of (item, record) that reads a path; what is not there reads as None."""
    if path.startswith("$."):
        below = reader(path[2:])
        return lambda _item, record: below(record, record)
    *parents, name = path.split(".")
    if not parents:
        return lambda item, _record: item.get(name)

    if len(parents) == 1:
        parent = parents[0]

        def read_below(item: Any, _record: Any) -> Any:
            holder = item.get(parent)
            return holder.get(name) if type(holder) is dict else None

        return read_below

    def read(item: Any, _record: Any) -> Any:
        for part in parents:
            item = item.get(part)
            if not isinstance(item, dict):
                return None
        return item.get(name)

    return read


def writer(path: str) -> Writer:
    """Return a function of (made record, value) that writes a path, making objects on the way."""
    *parents, name = path.split(".")
    if not parents:
        return lambda made, value: made.__setitem__(name, value)

    def write(made: dict[str, Any], value: Any) -> None:
        for part in parents:
            made = made.setdefault(part, {})
        made[name] = value

    return write


def pointer(path: str) -> str:
    """Return the JSON Pointer of a source path."""
    parts = path.removeprefix("$.").split(".")
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts if part)
