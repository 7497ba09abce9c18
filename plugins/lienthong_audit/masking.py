"""Records as an auditor may see them: what is personal is hidden, and so is what nobody classified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lienthong.datasets.discretion import VISIBLE, Discretion
from lienthong.paths import Each, below

#: Leaf fields of a record that a page shows at most.
MOST_CELLS = 500
MASK = "•••"
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Cell:
    """One leaf field of a record: its path, what is shown and whether the value is hidden."""

    path: str
    text: str
    hidden: bool


def masked(
    record: Any, classification: Mapping[str, str], discretion: Discretion | None = None
) -> list[Cell]:
    """Return a record's leaf fields with the values of all but open and internal fields hidden.

    ``classification`` gives the class by path as the dataset names it (``Papers[].Name``). Under a
    ``discretion`` names that the contract lacks are hidden, too: they may be anybody's.
    """
    return [
        _cell(discretion.member(shown, named) if discretion else shown, named, value, classification)
        for shown, named, value in islice(_leaves(record, "", ""), MOST_CELLS)
    ]


def _cell(shown: str, named: str, value: Any, classification: Mapping[str, str]) -> Cell:
    if classification.get(named) not in VISIBLE:
        return Cell(shown, MASK, hidden=True)
    text = "" if value is None else str(value)
    return Cell(shown, text if len(text) <= _LONGEST else text[:_LONGEST] + "…", hidden=False)


def _leaves(value: Any, shown: str, named: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (path with indices, path as classified, value)."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, below(shown, key), below(named, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{shown}[{index}]", below(named, Each.ITEM))
    else:
        yield shown, named, value
