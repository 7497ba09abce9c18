"""An open REST source: pages in their order, fetched ahead, never twice, never for ever."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

from lienthong.connector import Connection, Context, Expiry, Finding, Page, ReadRequest, SourceCapabilities
from lienthong.errors import Misconfigured
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.transport import Limits
from lienthong_connectors.rest.ahead import Ahead
from lienthong_connectors.rest.attachments_in import Keeper
from lienthong_connectors.rest.check import check_source
from lienthong_connectors.rest.counting import ask_count
from lienthong_connectors.rest.fetch import Fetched, Fetcher
from lienthong_connectors.rest.finishing import Finisher
from lienthong_connectors.rest.high_water import ask_highest
from lienthong_connectors.rest.names import connection_names
from lienthong_connectors.rest.paging import State
from lienthong_connectors.rest.paths import fill
from lienthong_connectors.rest.progress import Progress
from lienthong_connectors.rest.settings_source import RestSource
from lienthong_connectors.rest.since import asked_since


class OpenRestSource:
    """Reads the list that the settings describe; see `RestSource`."""

    def __init__(self, settings: RestSource, connection: Connection, context: Context) -> None:
        limits = Limits(
            idle=settings.timeout, total=settings.deadline, answer_bytes=settings.max_answer_bytes
        )
        asks = settings.since_param is not None or bool(settings.since) or settings.paging.incremental
        self.capabilities = SourceCapabilities(
            incremental=asks or bool(settings.since_field),
            resumable=True,
            inclusive=bool(settings.since_field) and not asks,
        )
        self._settings, self._before_read = settings, context.before_read
        self._client = Client(
            connection, context, limits, settings.signature, pool=settings.prefetch + 1, rates=settings.rates
        )
        self._keeper = _keeper(settings, self._client, context)
        body = fill(settings.body, connection_names(connection)) if settings.body is not None else None
        self._fetcher = Fetcher(settings, self._client, body, self._keeper)
        workers = settings.prefetch if settings.paging.addressable else 1
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="rest-source")

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield pages in the source's order; see `lienthong.connector.RecordSource`."""
        asked, high = self._settings.high_water, None
        if asked is not None and request.position is None:
            high = ask_highest(self._fetcher, asked, request)
        progress = Progress(self._settings, request, self._client.where.strip(), high)
        if self._settings.count is not None and request.position is None:
            since = asked_since(self._settings, request)
            progress.ends.counted = ask_count(self._fetcher, self._settings.count, since)
        finisher = Finisher(self._settings, self._client, request, self._keeper)
        with closing(self._pages(progress, request)) as pages:
            yield from finisher.pages(pages)
        if progress.ends.second and progress.left != 0:
            yield self._second(progress, request)

    def check(self) -> list[Finding]:
        """Test settings, reachability, credentials and the first page, without side effects."""
        return check_source(self._client, self._fetcher.unkept(), self._settings)

    def expiries(self) -> list[Expiry]:
        """Return what of the connection ends on a day."""
        return self._client.expiries()

    def clock_ahead(self) -> float | None:
        """Return by how many seconds our clock is ahead of the other side's, where an answer said so."""
        return self._client.clock_ahead()

    def close(self) -> None:
        """Stop the background threads and close all connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _pages(self, progress: Progress, request: ReadRequest) -> Generator[Page]:
        return self._stream(progress, request) if self._settings.stream else self._whole(progress, request)

    def _second(self, progress: Progress, request: ReadRequest) -> Page:
        """Read the list once more, for its keys alone; return a page that says whether they are the same."""
        anew = replace(request, position=None, limit=None, validators={})
        again = progress.again(anew)
        with closing(self._pages(again, anew)) as pages:
            for _ in pages:
                if again.ends.count >= progress.ends.count:
                    break
        return progress.compared(again)

    def _whole(self, progress: Progress, request: ReadRequest) -> Generator[Page]:
        """Yield pages that are held whole, the next ones being under way."""
        since = asked_since(self._settings, request)

        def fetch(state: State, read_as: int) -> Fetched:
            return replace(self._fetcher.page(state, since, request.validators), read_as=read_as)

        ahead = Ahead(self._settings, self._pool, fetch, self._before_read)
        try:
            while not progress.done:
                page = progress.take(ahead.take(progress, progress.begin()))
                if not progress.done and progress.state is not None:
                    ahead.look(progress, progress.state)
                if page is not None:
                    yield page
        finally:
            ahead.drop()

    def _stream(self, progress: Progress, request: ReadRequest) -> Generator[Page]:
        """Yield pieces of pages while they arrive; nothing is fetched ahead."""
        since = asked_since(self._settings, request)
        while not progress.done:
            read_as = self._before_read()
            with closing(self._fetcher.stream(progress.begin(), since, request.validators)) as pieces:
                for piece in pieces:
                    page = progress.take(replace(piece, read_as=read_as))
                    if page is not None:
                        yield page
                    if progress.left == 0:
                        break


def _keeper(settings: RestSource, client: Client, context: Context) -> Keeper | None:
    """Return what keeps attachments; raise `Misconfigured` where there is no store for them."""
    if settings.attachments is None:
        return None
    if context.attachments is None:
        raise Misconfigured(
            "there is no store for attachments", where=client.where.strip(), hint="run inside the bus"
        )
    return Keeper(settings.attachments, context.attachments, client, settings.path, settings.headers)
