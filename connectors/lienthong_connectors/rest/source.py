"""An open REST source: pages in their order, fetched ahead, never twice, never for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from lienthong.connector import Connection, Context, Finding, Page, ReadRequest, SourceCapabilities
from lienthong.errors import Misconfigured, ProtocolViolation
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.transport import Limits
from lienthong_connectors.rest.check import check_source
from lienthong_connectors.rest.fetch import Fetched, Fetcher
from lienthong_connectors.rest.names import connection_names
from lienthong_connectors.rest.paging import Params, State
from lienthong_connectors.rest.paths import fill
from lienthong_connectors.rest.settings_source import RestSource
from lienthong_connectors.rest.since import since_text

_PATIENCE = 3
_REMEMBERED_PAGES = 256
_Ahead = deque[tuple[State, "Future[Fetched]"]]


@dataclass(slots=True)
class _Progress:
    """How far one read has come. ``state`` is the page to be read next, None at the end."""

    state: State | None
    read: int = 0
    last: str = ""
    skip: int = 0
    idle: int = 0
    left: int | None = None
    marks: set[str] = field(default_factory=set)
    total: int | None = None
    remembered: int = 0

    def position(self) -> dict[str, Any]:
        """Return where reading goes on, JSON-ready."""
        if self.state is None:
            return {"end": True, "read": self.read}
        position: dict[str, Any] = {"state": self.state, "read": self.read, "last": self.last}
        return position | ({"skip": self.skip} if self.skip else {})


class OpenRestSource:
    """Reads the list that the settings describe; see `RestSource`."""

    def __init__(self, settings: RestSource, connection: Connection, context: Context) -> None:
        limits = Limits(
            idle=settings.timeout, total=settings.deadline, answer_bytes=settings.max_answer_bytes
        )
        self.capabilities = SourceCapabilities(incremental=settings.since_param is not None, resumable=True)
        self._settings, self._connection = settings, connection
        self._client = Client(connection, context, limits, settings.signature, pool=settings.prefetch + 1)
        body = fill(settings.body, connection_names(connection)) if settings.body is not None else None
        self._fetcher = Fetcher(settings, self._client, body)
        workers = settings.prefetch if settings.paging.addressable else 1
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="rest-source")

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield pages in the source's order; see `lienthong.connector.RecordSource`."""
        progress = self._start(request)
        since = self._since(request.since)
        ahead: _Ahead = deque()
        try:
            while progress.state is not None and progress.left != 0:
                state = progress.state
                fetched = self._take(ahead, state, since, request.validators, progress.total)
                page = self._account(progress, state, fetched)
                if progress.state is not None and progress.left != 0:
                    self._look_ahead(ahead, progress.state, since, request.validators, progress.total)
                yield page
        finally:
            for _, future in ahead:
                future.cancel()

    def check(self) -> list[Finding]:
        """Test settings, reachability, credentials and the first page, without side effects."""
        return check_source(self._client, self._fetcher, self._settings)

    def close(self) -> None:
        """Stop the background threads and close all connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _start(self, request: ReadRequest) -> _Progress:
        given = request.position
        if given is None:
            return _Progress(self._settings.paging.first(), left=request.limit)
        try:
            if given.get("end"):
                return _Progress(None, int(given.get("read", 0)))
            last = str(given.get("last", ""))
            return _Progress(
                dict(given["state"]),
                int(given["read"]),
                last,
                int(given.get("skip", 0)),
                left=request.limit,
                marks={last} - {""},
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Misconfigured(
                "the position to go on at is not one of ours",
                where=self._client.where.strip(),
                hint="start the run anew; were the settings changed in the middle of it?",
            ) from None

    def _since(self, cursor: str | None) -> Params:
        name = self._settings.since_param
        if cursor is None or name is None:
            return {}
        return {name: since_text(cursor, self._settings.since_format)}

    def _submit(self, ahead: _Ahead, state: State, since: Params, validators: Mapping[str, Any]) -> None:
        ahead.append((state, self._pool.submit(self._fetcher.page, state, since, validators)))

    def _take(
        self,
        ahead: _Ahead,
        state: State,
        since: Params,
        validators: Mapping[str, Any],
        total: int | None,
    ) -> Fetched:
        """Return a page, from among those fetched ahead where it is there."""
        self._look_ahead(ahead, state, since, validators, total)
        return ahead.popleft()[1].result()

    def _look_ahead(
        self,
        ahead: _Ahead,
        state: State,
        since: Params,
        validators: Mapping[str, Any],
        total: int | None,
    ) -> None:
        """See to it that a page, and as many after it as may be in flight, are being fetched."""
        if ahead and ahead[0][0] != state:  # we guessed wrong
            for _, future in ahead:
                future.cancel()
            ahead.clear()
        if not ahead:
            self._submit(ahead, state, since, validators)
        while len(ahead) < self._settings.prefetch:
            following = self._settings.paging.ahead(ahead[-1][0], total)
            if following is None:
                break
            self._submit(ahead, following, since, validators)

    def _account(self, progress: _Progress, state: State, fetched: Fetched) -> Page:
        """Take a page into account and return what the pipeline gets of it."""
        repeated = fetched.seen.size > 0 and fetched.mark in progress.marks
        progress.total = fetched.total if fetched.total is not None else progress.total
        counted = 0 if repeated else fetched.seen.size
        following = self._following(state, fetched, progress.read + counted)
        if repeated and progress.total is not None and progress.read >= progress.total:
            following = None  # services that give the last page again for every page behind it
        records = () if repeated else fetched.records[progress.skip :]
        if progress.left is not None and len(records) > progress.left:
            return self._cut(progress, fetched)
        self._watch_progress(progress, state, following, idle=counted == 0)
        if fetched.mark:
            progress.marks.add(fetched.mark)
        progress.state, progress.read, progress.skip = following, progress.read + counted, 0
        progress.last = fetched.mark or progress.last
        if progress.left is not None:
            progress.left -= len(records)
        return Page(
            records=records,
            position=progress.position(),
            malformed=() if repeated else fetched.malformed,
            notes=_notes(progress, fetched, repeated),
            validators=self._validators(progress, fetched, following),
        )

    def _following(self, state: State, fetched: Fetched, read: int) -> State | None:
        if fetched.remembered is None:
            return self._settings.paging.following(state, fetched.seen, read)
        found = fetched.remembered.get("next")
        return dict(found) if isinstance(found, Mapping) else None

    def _cut(self, progress: _Progress, fetched: Fetched) -> Page:
        """Return as much of a page as the limit leaves; the position is inside that page."""
        wanted = progress.left or 0
        records = fetched.records[progress.skip : progress.skip + wanted]
        progress.skip += wanted
        progress.left = 0
        return Page(records=records, position=progress.position(), notes={"limited": True})

    def _watch_progress(
        self, progress: _Progress, state: State, following: State | None, *, idle: bool
    ) -> None:
        progress.idle = progress.idle + 1 if idle else 0
        if following is not None and (following == state or progress.idle >= _PATIENCE):
            raise ProtocolViolation(
                "paging does not come to an end: pages repeat or stay empty",
                where=self._client.where.strip(),
                hint="check the paging of the settings: does the service know these parameters?",
                records_read=progress.read,
            )

    def _validators(
        self, progress: _Progress, fetched: Fetched, following: State | None
    ) -> Mapping[str, Any]:
        if not fetched.validator or progress.remembered >= _REMEMBERED_PAGES:
            return {}
        progress.remembered += 1
        entry = {**fetched.validator, "count": fetched.seen.size, "next": following}
        return {fetched.validator_key: entry}


def _notes(progress: _Progress, fetched: Fetched, repeated: bool) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if repeated:
        notes["repeated"] = True
    if fetched.remembered is not None:
        notes["not_modified"] = True
    if fetched.signed_by:
        notes["signed_by"] = fetched.signed_by
    if progress.state is None and progress.total is not None and progress.total != progress.read:
        notes["total"] = {"announced": progress.total, "read": progress.read}
    return notes
