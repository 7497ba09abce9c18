"""Pages fetched before they are asked for: several where they can be named, bounded in count and bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from lienthong_connectors.rest.fetch import Fetched
from lienthong_connectors.rest.paging import State
from lienthong_connectors.rest.progress import Progress
from lienthong_connectors.rest.settings_source import RestSource


class Ahead:
    """The pages of one read that are under way, in their order.

    The first page is asked for alone: it shows how large pages are, and often how many there are.
    Then as many are under way as `prefetch` allows and as fit into `prefetch_bytes` by the largest
    page so far.
    """

    def __init__(
        self,
        settings: RestSource,
        pool: ThreadPoolExecutor,
        fetch: Callable[[State, int], Fetched],
        before_read: Callable[[], int],
    ) -> None:
        self._settings, self._pool, self._fetch = settings, pool, fetch
        self._before_read = before_read
        self._under_way: deque[tuple[State, Future[Fetched]]] = deque()

    def take(self, progress: Progress, state: State) -> Fetched:
        """Return a page, from among those under way where it is there."""
        self.look(progress, state)
        return self._under_way.popleft()[1].result()

    def look(self, progress: Progress, state: State) -> None:
        """See to it that a page, and those after it that there is room for, are under way."""
        if self._under_way and self._under_way[0][0] != state:  # we guessed wrong
            self.drop()
        if not self._under_way:
            self._submit(state)
        while len(self._under_way) < self._room(progress):
            following = self._settings.paging.ahead(self._under_way[-1][0], progress.total)
            if following is None:
                break
            self._submit(following)

    def drop(self) -> None:
        """Forget all pages that are under way."""
        for _, future in self._under_way:
            future.cancel()
        self._under_way.clear()

    def _room(self, progress: Progress) -> int:
        if not progress.largest:
            return 1
        return max(1, min(self._settings.prefetch, self._settings.prefetch_bytes // progress.largest))

    def _submit(self, state: State) -> None:
        self._under_way.append((state, self._pool.submit(self._fetch, state, self._before_read())))
