"""Writing the records of one batch: all at once, and by halves where one of them does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from lienthong.errors import Reason
from lienthong.records import parse
from lienthong_connectors.sql._errors import DRIVER_ERRORS
from lienthong_connectors.sql._reasons import RowError, refusal
from lienthong_connectors.sql._rows import Column
from lienthong_connectors.sql._store import Plan, Store
from lienthong_connectors.sql._table import filled


class Taking:
    """Writes records and finds the rows which the table does not take; ``public``: values may be told."""

    def __init__(self, store: Store, plan: Plan, *, public: bool = False) -> None:
        self._store = store
        self._plan = plan
        self._public = public
        self._paths = plan.table.paths()

    def all(self, records: Sequence[bytes]) -> dict[int, Reason]:
        """Write all that can be written; return the refused ones by index."""
        refused: dict[int, Reason] = {}
        for columns, numbers in self._groups(records):
            refused |= self._some(columns, numbers, records)
        return self._again(records, refused)

    def _groups(self, records: Sequence[bytes]) -> list[tuple[tuple[Column, ...], range | list[int]]]:
        """Group neighbouring records by the columns they fill: one group, but for column defaults."""
        columns = self._plan.table.columns
        if not any(column.optional for column in columns):
            return [(columns, range(len(records)))]
        objects = list(map(parse, records))
        kinds = groupby(range(len(records)), key=lambda number: filled(columns, objects[number]))
        return [(chosen, list(numbers)) for chosen, numbers in kinds]

    def _some(
        self, columns: tuple[Column, ...], numbers: Sequence[int], records: Sequence[bytes], depth: int = 0
    ) -> dict[int, Reason]:
        """Write some records under a savepoint; halve them until the ones that do not fit stand alone."""
        found = self._try(columns, [records[number] for number in numbers], f"lt{depth}")
        if found is None:
            return {}
        bad = [numbers[place] for place in sorted(found.rows)] or (list(numbers) if len(numbers) == 1 else [])
        if bad:
            refused = {number: self._told(found, records[number]) for number in bad}
            rest = [number for number in numbers if number not in refused]
            return refused | (self._some(columns, rest, records, depth + 1) if rest else {})
        half = len(numbers) // 2
        first = self._some(columns, numbers[:half], records, depth + 1)
        return first | self._some(columns, numbers[half:], records, depth + 1)

    def _told(self, found: RowError, record: bytes) -> Reason:
        return found.told(parse(record) if found.said else None, public=self._public)

    def _try(self, columns: tuple[Column, ...], records: Sequence[bytes], name: str) -> RowError | None:
        self._store.savepoint(name)
        try:
            self._store.write(self._plan, columns, records)
        except RowError as refused:
            self._store.release(name, undo=True)
            return refused
        except DRIVER_ERRORS as error:
            found = refusal(error, self._paths)
            if found is None or self._store.lost():
                raise
            self._store.release(name, undo=True)
            return found
        self._store.release(name, undo=False)
        return None

    def _again(self, records: Sequence[bytes], refused: Mapping[int, Reason]) -> dict[int, Reason]:
        """Try rows once more whose reference may have come later in the batch."""
        result = dict(refused)
        while True:
            waiting = [number for number in result if result[number].rule == "target.foreign-key"]
            taken = 0
            for number in waiting if len(result) < len(records) else ():
                columns = filled(self._plan.table.columns, parse(records[number]))
                if self._try(columns, [records[number]], "lt_again") is None:
                    del result[number]
                    taken += 1
            if not taken:
                return result
