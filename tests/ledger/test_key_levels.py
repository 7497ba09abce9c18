"""Rows about level files: the oldest first, replaced by compare-and-set, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from lienthong.keyindex import Level
from lienthong.ledger import Database, KeyLevels

A, B, C = (
    Level(name, 1, first, first + 4, 10, "ab" * 8) for name, first in (("a", 1), ("b", 5 + 1), ("c", 11))
)
ALL = Level("all", 2, 1, 15, 25, "ab" * 8)


def test_files_are_listed_by_scope_and_age(database: Database) -> None:
    """Whatever the order in which they were entered; another scope's are not among them."""
    rows = KeyLevels(database)
    for level in (B, A):
        assert rows.replace("here", [], level)
    assert rows.replace("there", [], C)
    assert rows.levels("here") == [A, B]
    assert rows.levels("nowhere") == []
    assert rows.names() == {"a", "b", "c"}


def test_merged_files_are_replaced_at_once(database: Database) -> None:
    """The new one stands in the place of the old ones, which are gone."""
    rows = KeyLevels(database)
    assert all(rows.replace("here", [], level) for level in (A, B, C))
    assert rows.replace("here", ["a", "b", "c"], ALL)
    assert (rows.levels("here"), rows.names()) == ([ALL], {"all"})


def test_who_comes_second_changes_nothing(database: Database) -> None:
    """A file that was merged meanwhile, deliveries that have a file, the same file again."""
    rows = KeyLevels(database)
    assert all(rows.replace("here", [], level) for level in (A, B))
    both = Level("both", 2, 1, 10, 20)
    assert rows.replace("here", ["a", "b"], both)
    for gone, fresh in (
        (["a", "b"], Level("both too", 2, 1, 10, 20)),
        (["both", "b"], Level("x", 3, 1, 10, 20)),
        ([], Level("y", 1, 10, 12, 1)),
        ([], both),
    ):
        assert not rows.replace("here", gone, fresh)
    assert rows.levels("here") == [both]


def test_of_many_at_the_same_time_one_wins(database: Database) -> None:
    """Eight threads enter a file for the same deliveries, then merge the same files: one each time."""
    rows, start = KeyLevels(database), Barrier(8)

    def tried(number: int, gone: list[str]) -> bool:
        start.wait()
        return rows.replace("here", gone, Level(f"{'+'.join(gone)}{number}", 1, 1, 5, 1))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda number: tried(number, []), range(8))) == 1
        names = [level.name for level in rows.levels("here")]
        assert sum(pool.map(lambda number: tried(number, names), range(8))) == 1
    assert len(rows.levels("here")) == 1
