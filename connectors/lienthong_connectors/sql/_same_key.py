"""Keys that differ in the records and are one key to a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SameKey:
    """The keys of rows that were written: as they were sent, by how the table holds them."""

    def __init__(self) -> None:
        self._sent: dict[tuple[Any, ...], list[Any]] = {}

    def differs(self, held: Sequence[Any] | None, sent: Sequence[Any]) -> bool:
        """Tell whether a row that the table finds by a key (None for none) is another key's.

        Of rows that were written before, only texts tell, and blanks at the end do not: columns of fixed
        length lose them.
        """
        if held is None:
            return False
        before = self._sent.get(tuple(held))
        if before is not None:
            return before != list(sent)
        return any(_is_other(one, other) for one, other in zip(held, sent, strict=True))

    def note(self, held: Sequence[Any] | None, sent: Sequence[Any]) -> None:
        """Remember a row that was written."""
        if held is not None:
            self._sent[tuple(held)] = list(sent)


def _is_other(held: Any, sent: Any) -> bool:
    return isinstance(held, str) and isinstance(sent, str) and held.rstrip(" ") != sent.rstrip(" ")
