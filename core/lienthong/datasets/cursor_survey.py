"""Which records of a page may move the cursor, and what of the others is to be said aloud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from lienthong.datasets.binding import bind
from lienthong.datasets.checks import Surroundings
from lienthong.datasets.cursor import Comparable, CursorOrder
from lienthong.datasets.dataset import Dataset
from lienthong.paths import names
from lienthong.records import Record

if TYPE_CHECKING:
    from lienthong.datasets.catalogue import Catalogue

_SCALARS = (str, int, float)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a page says of the cursor.

    ``largest``: the text of the largest value that counts, None where none does. ``unplaced``: values
    that the dataset refuses or that have no place in the order; ``ahead``: values that lie in the future.
    ``seen``: the text of the largest sound number or text, whether it counts or not; None of times.
    """

    largest: str | None
    unplaced: int = 0
    ahead: int = 0
    seen: str | None = None


class CursorSurvey:
    """Looks at the cursor's field of records: sound by its own schema and checks, and where in the order."""

    def __init__(self, order: CursorOrder, dataset: Dataset, catalogue: Catalogue) -> None:
        self.order = order
        self._parts = names(order.path)
        field = order.contract
        schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        schema |= {"$defs": dataset.schema["$defs"]} if "$defs" in dataset.schema else {}
        own = {name: value for name, value in field.schema.items() if name != "$defs"}
        options: dict[str, Any] = {"validate_formats": True, "pattern_options": jsonschema_rs.RegexOptions()}
        self._one = jsonschema_rs.Draft202012Validator({**schema, "allOf": [own]}, **options)
        self._all = jsonschema_rs.Draft202012Validator({**schema, "items": own}, **options)
        around = Surroundings(catalogue, dataset.valid_at)
        self._checks = bind([field], around, f"dataset {dataset.ref!r}")[0]

    def page(
        self,
        records: Sequence[Record],
        known: str | None,
        bound: Comparable | None,
        future: Comparable | None = None,
        seen: str | None = None,
    ) -> Survey:
        """Return what a page's records, with what is known so far, say of the cursor.

        What lies beyond the ``bound`` is left to the next run; beyond ``future`` it is counted, too.
        """
        order, unplaced, ahead = self.order, 0, 0
        best = None if known is None else order.read(known)
        latest = self._latest(records, bound)
        if latest is not None:
            value, at = latest
            return Survey(value if best is None or at > best else known)
        found: Any = known
        top, widest = None if seen is None else order.read(seen), seen
        for value in self._sound(records):
            at = None if value is _UNSOUND else order.read(value)
            if at is None:
                unplaced += 1
                continue
            if order.counts(at) and (top is None or at > top):
                top, widest = at, order.text(value)
            if bound is not None and at > bound:
                ahead += future is not None and at > future
            elif best is None or at > best:
                best, found = at, value
        return Survey(None if found is None else order.text(found), unplaced, ahead, widest)

    def _latest(self, records: Sequence[Record], bound: Comparable | None) -> tuple[str, Comparable] | None:
        """Return the largest value of a page and its place, None where each value must be looked at.

        Texts of ISO 8601 that are written alike sort as their moments do, so only the largest of each kind
        is read: what a page costs depends on how its values are written, not on how many there are. What
        the checks refuse below that is left to validation.
        """
        if self.order.kind not in ("moment", "day") or self.order.guessed or len(self._parts) > 1:
            return None
        name = self._parts[0]
        values: list[Any] = [record[name] if name in record else None for record in records]  # noqa: SIM401 - no call
        if set(map(type, values)) != {str} or not self._shaped(values):
            return None
        largest: dict[tuple[Any, ...], tuple[str, Record]] = {}
        for value, length, record in zip(values, map(len, values), records, strict=True):
            alike = (length, value[4:5], value[7:8], value[10:11], value[-1:] in "Zz" or value[-6:])
            if alike not in largest or value > largest[alike][0]:
                largest[alike] = (value, record)
        best: tuple[str, Comparable] | None = None
        for (_, one, other, *_rest), (value, record) in largest.items():
            at = None if self._broken(record) or not one == other == "-" else self.order.read(value)
            if at is None or (bound is not None and at > bound):
                return None
            best = (value, at) if best is None or at > best[1] else best
        return best

    def _sound(self, records: Sequence[Record]) -> Iterator[Any]:
        """Yield the records' values; `_UNSOUND` for what the dataset refuses, nothing where there is none."""
        held = [(value, record) for record in records if self._counts(value := self._at(record))]
        values = [value for value, _ in held]
        if self._shaped(values):
            broken = {line for check in self._checks for line in check.find([record for _, record in held])}
            for line, value in enumerate(values):
                yield _UNSOUND if line in broken else value
            return
        for value, record in held:
            sound = type(value) in _SCALARS and self._valid(value) and not self._broken(record)
            yield value if sound else _UNSOUND

    def _at(self, record: Record) -> Any:
        value: Any = record
        for part in self._parts:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def _counts(self, value: Any) -> bool:
        """Tell whether a value is one at all: an optional field may hold none, or the word for none."""
        if value is None or value == "":
            return not self.order.optional
        return not (isinstance(value, str) and value in self.order.none)

    def _shaped(self, values: list[Any]) -> bool:
        if not all(type(value) in _SCALARS for value in values):
            return False
        try:
            return bool(self._all.is_valid(values))
        except (ValueError, UnicodeError):
            return False

    def _valid(self, value: Any) -> bool:
        try:
            return bool(self._one.is_valid(value))
        except (ValueError, UnicodeError):
            return False

    def _broken(self, record: Record) -> bool:
        return any(check.find([record]) for check in self._checks)


class _Unsound:
    """Stands for a value that the dataset refuses."""


_UNSOUND = _Unsound()
