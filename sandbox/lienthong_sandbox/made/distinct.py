"""Keys of made-up records: each has one, and no two have the same, whatever the examples are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lienthong_sandbox.made.values import Maker

_TRIES = 20


class Keys:
    """Gives records of one collection keys of their own; a key that somebody fixed stays as it is."""

    def __init__(self, schema: Mapping[str, Any], key: str, maker: Maker, fixed: Mapping[str, Any]) -> None:
        properties = schema.get("properties")
        self._key = key if isinstance(properties, Mapping) and key not in fixed else ""
        self._maker = maker
        self._schema = maker.resolved(properties.get(key)) if isinstance(properties, Mapping) and key else {}
        self._seen: set[Any] = set()

    def distinct(self, record: Any, number: int) -> Any:
        """Return the record with a key that none before had, as far as its schema has so many."""
        if not self._key or not isinstance(record, dict):
            return record
        value = record.get(self._key)
        if value is None or value in self._seen:
            value = self._fresh(number, value)
        self._seen.add(value)
        return {**record, self._key: value}

    def _fresh(self, number: int, value: Any) -> Any:
        schema = {word: said for word, said in self._schema.items() if word not in ("example", "default")}
        for _ in range(_TRIES):
            found = self._maker.value(schema, self._key)
            if isinstance(found, (str, int)) and found not in self._seen:
                return found
        if isinstance(value, int):
            return self._whole(schema, number)
        text = str(value or self._key)
        longest = int(schema.get("maxLength", 1 << 30))
        return f"{text[: max(0, longest - len(str(number)) - 1)]}-{number}"[:longest]

    def _whole(self, schema: Mapping[str, Any], number: int) -> int:
        found = int(schema.get("minimum", 1)) + number
        while found in self._seen:
            found += 1
        return found
