"""Noticing what comes again, in bounded memory."""

from __future__ import annotations

_MOST = 4096


class Visited:
    """Remembers the last names it was given, and one from longer ago.

    A cycle among the last 4,096 names is noticed when its first name comes again. A longer one is
    noticed by the name from longer ago, which moves on after 1, 2, 4, 8 ... names (Brent's method).
    """

    def __init__(self, *names: str) -> None:
        self._recent = dict.fromkeys(names)
        self._old, self._steps, self._power = "", 0, 1

    def again(self, name: str) -> bool:
        """Tell whether a name came before, and remember it."""
        known = name in self._recent or name == self._old
        self._recent[name] = None
        if len(self._recent) > _MOST:
            del self._recent[next(iter(self._recent))]
        self._steps += 1
        if self._steps == self._power:
            self._old, self._steps, self._power = name, 0, 2 * self._power
        return known
