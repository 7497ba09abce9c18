"""Names that PostgreSQL cuts: of an identifier it keeps 63 bytes, in silence (NAMEDATALEN).

A column that was made under a longer name has another name than the member of the records, so nothing would
fill it. Vietnamese letters take two or three bytes: 30 letters can be too long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from lienthong.errors import Misconfigured
from lienthong.records import parse
from lienthong_connectors.sql._table import Table

_MOST: Final = 63
_LONGEST_LETTER: Final = 4


def cut(name: str) -> str:
    """Return a name as PostgreSQL keeps it: whole letters of at most 63 bytes."""
    return name.encode()[:_MOST].decode(errors="ignore")


def refuse_long_names(names: Iterable[str], where: str) -> None:
    """Raise `Misconfigured` for a column's name that PostgreSQL would cut."""
    for name in names:
        if cut(name) != name:
            raise Misconfigured(
                f"the column name {cut(name)!r}… is longer than {_MOST} bytes, which PostgreSQL cuts",
                where=where,
                hint="give the member a shorter column in 'columns'",
            )


def refuse_cut_names(table: Table, records: Sequence[bytes], where: str) -> None:
    """Raise `Misconfigured` where a column has the cut name of a member of the records.

    Only columns of PostgreSQL without a mapping of names are looked at, and records only where one has a
    name that may have been cut.
    """
    shortest = _MOST - _LONGEST_LETTER + 1
    columns = {
        one.name for one in table.columns if one.separator == "_" and len(one.name.encode()) >= shortest
    }
    if not table.cuts_names or not columns:
        return
    for record in records:
        for name in _names(parse(record)):
            if cut(name) != name and cut(name) in columns:
                raise Misconfigured(
                    f"column {cut(name)!r} has the name of a longer member, cut at {_MOST} bytes",
                    where=where,
                    hint="say in 'columns' which member it takes: nothing else would fill it",
                )


def _names(record: Any, before: str = "") -> Iterator[str]:
    """Yield the names of members, and those of nested ones as columns are named after them."""
    if isinstance(record, dict):
        for name, value in record.items():
            yield before + name
            yield from _names(value, f"{before}{name}_")
