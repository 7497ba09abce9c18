"""The order of reads: under which number a page was read, among all runs that read at the same time.

A number is taken as a read begins, and before every request by sources that say so; only where another
run was given one meanwhile it is a higher one. So what is told about the order is true, and never far behind:
what a slow run reads late is newer than what a quick one read and delivered while the slow one was under way.
"""

from __future__ import annotations

from lienthong.connector import Page
from lienthong.ledger import Journal, RunState


class Reads:
    """The numbers of one try of a run's pull.

    ``fresh``: it reads its source, not what other runs read before.
    """

    def __init__(self, journal: Journal, state: RunState, *, fresh: bool) -> None:
        self._journal, self._state = journal, state
        self._first = self.next() if fresh else state.number

    def next(self) -> int:
        """Return a number for what is asked from now on; safe among threads."""
        return self._journal.next_number(self._state.exchange, self._state.run)

    def number(self, page: Page) -> int:
        """Return the number of a page's records; that of the beginning where the source did not take one."""
        return page.read_as or self._first
