"""When to merge which level files: so that a look-up has few to ask and an entry is copied seldom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

FAN_IN: Final = 8
"""So many files of one level become one of the next."""

MOST_DELIVERIES: Final = 64
"""So many deliveries' key indexes are merged at once: some 24 MB of memory."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level file of a scope: which deliveries it stands for, by the order in which they were taken."""

    name: str
    level: int
    first_taken: int
    last_taken: int
    entries: int
    key_id: str = ""
    """Names (hex) the hash key under which the keys were hashed."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What to merge next: level files that follow each other, or so many of the oldest deliveries."""

    level: int
    """The level of the file that comes out."""
    files: tuple[Level, ...] = ()
    deliveries: int = 0


def due(levels: Sequence[Level], deliveries: int) -> Merge | None:
    """Return what should be merged next, None where nothing should.

    ``levels``: the scope's, oldest first; ``deliveries``: how many later ones are in no level file yet.
    Deliveries become a file of level 1 as soon as there are eight, eight files of one level become one
    of the next. So a scope has at most seven files of each level, and each entry is copied once a level.
    """
    if deliveries >= FAN_IN:
        return Merge(1, deliveries=min(deliveries, MOST_DELIVERIES))
    for files in reversed(_alike(levels)):
        if len(files) >= FAN_IN:
            return Merge(files[0].level + 1, files)
    return None


def everything(levels: Sequence[Level], deliveries: int) -> Merge | None:
    """Return what a maintenance run merges next, until the scope has one file (for each hash key)."""
    if deliveries:
        return Merge(1, deliveries=min(deliveries, MOST_DELIVERIES))
    for _, group in groupby(levels, key=attrgetter("key_id")):
        files = tuple(group)
        if len(files) > 1:
            return Merge(max(file.level for file in files), files)
    return None


def _alike(levels: Sequence[Level]) -> list[tuple[Level, ...]]:
    """Return runs of files of one level and one hash key."""
    return [tuple(group) for _, group in groupby(levels, key=attrgetter("level", "key_id"))]
