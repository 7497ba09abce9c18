"""Lines of a segment as ranges: ``[[0, 499]]`` for five hundred lines, first and last included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Ranges = tuple[tuple[int, int], ...]


def ranges_of(lines: Iterable[int]) -> Ranges:
    """Return lines (from 0, in any order) as ascending ranges that neither touch nor overlap."""
    found: list[tuple[int, int]] = []
    for line in sorted(set(lines)):
        if found and found[-1][1] == line - 1:
            found[-1] = (found[-1][0], line)
        else:
            found.append((line, line))
    return tuple(found)


def lines_of(ranges: Iterable[Sequence[int]]) -> Iterator[int]:
    """Yield every line of some ranges."""
    for first, last in ranges:
        yield from range(first, last + 1)


def count_of(ranges: Iterable[Sequence[int]]) -> int:
    """Return how many lines some ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def joined(*some: Ranges) -> frozenset[int]:
    """Return all lines of several ranges."""
    found: set[int] = set()
    for ranges in some:
        for first, last in ranges:
            found.update(range(first, last + 1))
    return frozenset(found)
