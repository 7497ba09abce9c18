"""Reading and writing dotted paths, compiled to closures.

A source path is relative to the item at hand; inside ``each`` a path that begins with ``$.`` is
relative to the whole record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from lienthong.paths import names, pointer, put

Reader: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
Writer: TypeAlias = Callable[[dict[str, Any], Any], None]


def reader(path: str) -> Reader:
    """Return a function of (item, record) that reads a path; what is not there reads as None."""
    if path.startswith(("$.", "$[")):
        below = reader(path.removeprefix("$").removeprefix("."))
        return lambda _item, record: below(record, record)
    *parents, name = names(path)
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
    parts = names(path)
    if len(parts) == 1:
        return lambda made, value: made.__setitem__(parts[0], value)
    return lambda made, value: put(made, parts, value)


__all__ = ["Reader", "Writer", "pointer", "reader", "writer"]
