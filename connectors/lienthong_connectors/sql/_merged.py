"""What became of rows that PostgreSQL merged from a temporary table: by counts, then by looking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from sqlalchemy.sql.compiler import IdentifierPreparer

from lienthong_connectors.sql._reasons import key_merged, not_stored
from lienthong_connectors.sql._rows import Column, Rows
from lienthong_connectors.sql._store import Plan

#: citext, and collations that call different texts equal; those came with PostgreSQL 12.
_LOOSE = """
SELECT a.attname FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
LEFT JOIN pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = %s::regclass AND a.attname = ANY (%s)
  AND (b.typname = 'citext' OR {})
"""
_NUMBERED = "SELECT row_number() OVER (ORDER BY ctid) AS lt_n"


class Merged:
    """One merge of a temporary table into the target table; rows lie in the order of the COPY.

    ``loose`` remembers, by table, whether keys are compared loosely.
    """

    def __init__(
        self,
        driver: psycopg.Connection[Any],
        prepare: IdentifierPreparer,
        plan: Plan,
        names: Sequence[str],
        place: str,
        loose: dict[str, bool],
    ) -> None:
        self._driver, self._prepare, self._plan = driver, prepare, plan
        self._names, self._place, self._known_loose = list(names), place, loose
        key = ", ".join(map(prepare.quote, plan.key))
        self._keyed = f"{_NUMBERED}, {key} FROM {place}"

    def without_repeats(self, columns: tuple[Column, ...], records: Sequence[bytes]) -> list[int]:
        """Keep the last of the rows with one key; return the places of the records that are left.

        Raises `RowError` for records whose keys differ and are one key to the table: they are no repeats.
        """
        key = ", ".join(map(self._prepare.quote, self._plan.key))
        groups = self._rows(
            f"SELECT array_agg(lt_n ORDER BY lt_n) FROM ({self._keyed}) k GROUP BY {key} HAVING count(*) > 1"  # noqa: S608 - quoted names
        )
        wanted = [self._names.index(name) for name in self._plan.key]
        rows = [row for some in Rows(columns).chunks(records) for row in some]
        sent = {
            place: [rows[place][number] for number in wanted]
            for group in groups
            for place in _places(group[0])
        }
        same = [_places(group[0]) for group in groups]
        if other := [place for group in same for place in group if sent[place] != sent[group[0]]]:
            raise key_merged(other)
        on = " AND ".join(f"a.{name} = b.{name}" for name in map(self._prepare.quote, self._plan.key))
        self._driver.execute(
            f"DELETE FROM {self._place} a USING {self._place} b WHERE {on} AND a.ctid < b.ctid".encode()  # noqa: S608 - quoted names
        )
        dropped = {place for group in same for place in group[:-1]}
        return [place for place in range(len(records)) if place not in dropped]

    def check(self, kept: Sequence[int], stored: int) -> None:
        """Raise `RowError` for rows that are not there, and for those that went over a row of another key.

        ``kept`` are the places of the records whose rows are in the temporary table, ``stored`` is what the
        statement counted.
        """
        if self._plan.mode != "insert" and self._loose():
            held = " AND ".join(f"t.{name} = k.{name}" for name in map(self._prepare.quote, self._plan.key))
            other = self._rows(
                f"SELECT lt_n FROM ({self._keyed}) k JOIN {self._plan.table.quoted} t ON {held} "  # noqa: S608 - quoted names
                f"WHERE {self._differ(self._plan.key)}"
            )
            if other:
                raise key_merged(kept[row[0] - 1] for row in other)
        if stored < len(kept) and (missing := self._missing()):
            raise not_stored(kept[number - 1] for number in missing)

    def _missing(self) -> list[int]:
        """Return the numbers of rows that the table does not hold as they are (insert-ignore: by key)."""
        wanted = [f"t.{name} = k.{name}" for name in map(self._prepare.quote, self._plan.key)]
        if self._plan.mode != "insert-ignore":
            wanted.append(f"NOT ({self._differ(self._names)})")
        every = ", ".join(map(self._prepare.quote, self._names))
        sent = f"{_NUMBERED}, {every} FROM {self._place}"
        there = f"SELECT 1 FROM {self._plan.table.quoted} t WHERE {' AND '.join(wanted)}"  # noqa: S608 - quoted names
        rows = self._rows(f"SELECT lt_n FROM ({sent}) k WHERE NOT EXISTS ({there})")  # noqa: S608 - the same
        return [row[0] for row in rows]

    def _differ(self, names: Iterable[str]) -> str:
        """Return the condition that the rows t (the table's) and k (the one sent) differ, as texts."""
        quoted = [self._prepare.quote(name) for name in names]
        texts = [[f'({side}.{name})::text COLLATE "C"' for name in quoted] for side in ("t", "k")]
        return " OR ".join(f"{one} IS DISTINCT FROM {other}" for one, other in zip(*texts, strict=True))

    def _loose(self) -> bool:
        """Tell whether the table takes different texts of a key for the same."""
        table = self._plan.table.quoted
        if table not in self._known_loose:
            new = self._driver.info.server_version >= 120_000
            asked = _LOOSE.format("c.collisdeterministic = false" if new else "false")
            self._known_loose[table] = bool(self._rows(asked, (table, list(self._plan.key))))
        return self._known_loose[table]

    def _rows(self, statement: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        return self._driver.execute(statement.encode(), values).fetchall()


def _places(numbers: Iterable[int]) -> list[int]:
    """Return places counted from 0."""
    return [number - 1 for number in numbers]
