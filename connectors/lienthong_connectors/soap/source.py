"""Records read from a service: streamed from one answer, or page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import orjson

from lienthong.connector import (
    Connection,
    Context,
    Expiry,
    Finding,
    Malformed,
    Page,
    ReadRequest,
    SourceCapabilities,
    Stand,
)
from lienthong.errors import ProtocolViolation, Reason, Refused, RequestRejected
from lienthong.records import Record, digest, sha256
from lienthong_connectors.ends import Names
from lienthong_connectors.highest import highest
from lienthong_connectors.soap.answering import Answering
from lienthong_connectors.soap.check import findings
from lienthong_connectors.soap.ending import Ends
from lienthong_connectors.soap.faults import fault_error, read_fault
from lienthong_connectors.soap.results import fail, judge
from lienthong_connectors.soap.service import Request, Service
from lienthong_connectors.soap.settings import ResultCodes, SoapSource
from lienthong_connectors.soap.template import Beginning
from lienthong_connectors.soap.unpacking import document
from lienthong_connectors.xml.reader import XmlLimits

KNOWN: Final = frozenset({"since", "until", "page", "size", "request"})
_NOT_JSON: Final = Reason(
    "",
    "source.embedded-json",
    "nội dung JSON hoặc XML bên trong không đọc được",
    "the JSON or XML text inside cannot be read",
)
_Element: TypeAlias = Record | Malformed


@dataclass
class _State:
    """Where reading is.

    ``done`` are the records of the page that were handed on, ``last`` is the digest of the newest,
    ``seen`` counts the page's records as they come. ``before`` is the page before: its first and
    last record's digests and its count. ``unsaid``: nobody has been told yet where the service stood,
    with ``high`` as the largest value of the cursor. ``read_as``: the place of the page's request among all
    readings. ``ends`` is what is known of the list's end, ``known`` what was known before this page.
    ``enough``: so many records are what a second read is about.
    """

    until: str
    page: int
    done: int = 0
    last: str = ""
    left: int | None = None
    seen: int = 0
    dropped: int = 0
    first: str = ""
    newest: _Element | None = None
    before: tuple[str, str, int] = ("", "", 0)
    again: bool = False
    unsaid: bool = False
    read_as: int = 0
    high: str | int | float | None = None
    body: Any = None
    ends: Ends | None = None
    known: dict[str, int] = field(default_factory=dict)
    enough: int | None = None

    def read_enough(self) -> bool:
        """Tell whether a second read went as far as the first one."""
        return self.enough is not None and self.ends is not None and self.ends.count >= self.enough

    def position(self) -> dict[str, Any]:
        """Return where reading goes on."""
        where = {"page": self.page, "done": self.done, "last": self.last, "until": self.until}
        return where | ({"ends": self.known} if self.known else {})


@dataclass
class _Collected:
    """Records on their way into a page."""

    records: list[Record] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    newest: _Element | None = None


class OpenSource:
    """An open source."""

    def __init__(self, settings: SoapSource, connection: Connection, context: Context) -> None:
        self._settings, self._before_read = settings, context.before_read
        self._service = Service(settings, connection, context)
        self._request = self._service.request(settings.operation, settings.request, KNOWN)
        self._highest: Request | None = None
        if settings.high_water is not None:
            operation = settings.high_water.operation or settings.operation
            self._highest = self._service.request(operation, settings.high_water.request, KNOWN)
        self.capabilities = SourceCapabilities(incremental=settings.incremental, resumable=True)

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield pages of at most ``chunk`` records, with positions inside answers.

        A read that goes on at a position checks that the answer still has the same record there,
        and raises `ProtocolViolation` where it has not.
        """
        first = self._settings.paging.first if self._settings.paging else 1
        at = request.position or {}
        state = _State(
            until=at.get("until")
            or datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            page=at.get("page", first),
            done=at.get("done", 0),
            last=at.get("last", ""),
            left=request.limit,
            unsaid=request.position is None,
        )
        if state.unsaid:
            state.high = self._ask_highest(request, state)
        ends = state.ends = Ends(self._settings, request, self._service.where, at.get("ends", {}))
        state.known = ends.position() if at else {}
        yield from self._all(request, state)
        if state.left is not None and state.left <= 0:
            return
        end = ends.compared(self._second(request, state)) if ends.second else ends.end
        stand = Stand(None, state.high) if state.unsaid else None
        yield Page([], state.position(), read_as=state.read_as, stand=stand, end=end)

    def _all(self, request: ReadRequest, state: _State) -> Iterator[Page]:
        """Yield the list's pages, to its end or to the limit."""
        while state.left is None or state.left > 0:
            before = state.seen - state.dropped
            try:
                yield from self._page(request, state)
            except RequestRejected:
                if state.ends is None or state.seen or not state.ends.refused(before):
                    raise
                return
            if not self._turn(state) or state.read_enough():
                return

    def _second(self, request: ReadRequest, state: _State) -> Ends:
        """Read the list once more, for its keys alone."""
        assert state.ends is not None  # noqa: S101 - it asked for this
        paging = self._settings.paging
        again = _State(until=state.until, page=paging.first if paging else 1, enough=state.ends.count)
        ends = again.ends = Ends(self._settings, request, self._service.where, {})
        ends.names = Names(request.key, state.ends.count)
        for _ in self._all(replace(request, position=None, limit=None), again):
            state.read_as = again.read_as
        return ends

    def check(self) -> list[Finding]:
        """Test parameters and connectivity without reading records."""
        requests = [self._request, *([self._highest] if self._highest is not None else [])]
        return findings(self._service, *requests)

    def expiries(self) -> list[Expiry]:
        """Return what of the connection ends on a day."""
        return self._service.wire.client.expiries()

    def clock_ahead(self) -> float | None:
        """Return by how many seconds our clock is ahead of the other side's, where an answer said so."""
        return self._service.wire.client.clock_ahead()

    def close(self) -> None:
        """Close the connection."""
        self._service.close()

    def _page(self, request: ReadRequest, state: _State) -> Iterator[Page]:
        """Read one answer."""
        state.seen = state.dropped = 0
        state.first, state.newest = "", None
        skip = state.done
        state.read_as = self._before_read()
        answering = self._answer(self._request, request, state, self._settings.record_element)
        collected = _Collected()
        for records in self._batches(answering):
            fresh = self._fresh(records, state, skip)
            for record in fresh if state.left is None else fresh[: state.left - len(collected.records)]:
                self._collect(record, collected)
                if len(collected.records) + len(collected.malformed) >= self._settings.chunk:
                    yield self._hand_on(collected, state, answering)
                    collected = _Collected()
            if state.left is not None and len(collected.records) >= state.left:
                yield self._hand_on(collected, state, answering)
                return
        self._conclude(answering, self._settings.result)
        state.body = answering.body
        if state.seen < skip:
            raise _changed(self._service.where)
        if collected.records or collected.malformed or state.dropped:
            yield self._hand_on(collected, state, answering)

    def _answer(self, asked: Request, request: ReadRequest, state: _State, record: str | None) -> Answering:
        scope = {
            "since": Beginning.of(request, self._settings.since_default),
            "until": state.until,
            "page": state.page,
            "size": self._settings.paging.size if self._settings.paging else None,
            "request": {
                "id": digest([state.until, request.since, state.page, *([] if record else [0])])[:32]
            },
        }
        try:
            return self._service.answer(asked, scope, record=record)
        except Refused as refused:
            raise RequestRejected(
                refused.message, where=self._service.where, hint="check the request"
            ) from None

    def _ask_highest(self, request: ReadRequest, state: _State) -> str | int | float | None:
        """Return the largest value of the cursor's field, None where nothing tells it."""
        told = self._settings.high_water
        if told is None or self._highest is None:
            return None
        answering = self._answer(self._highest, request, state, None).whole()
        own = told.operation in ("", self._settings.operation)
        self._conclude(answering, told.result or (self._settings.result if own else None))
        return highest(answering.body, told.value, request, where=self._service.where, xml=True)

    def _batches(self, answering: Answering) -> Iterator[Sequence[_Element]]:
        """Yield records as they arrive, or all at once where the answer is to be complete first."""
        if self._settings.bulk:
            yield from answering
            return
        held = [record for records in answering for record in records]
        self._conclude(answering, self._settings.result)
        yield held

    def _fresh(self, records: Sequence[_Element], state: _State, skip: int) -> Sequence[_Element]:
        """Leave out what was handed on before an interruption, and what repeats the page before."""
        if not state.seen and self._settings.paging is not None:
            state.first = _name(records[0])
        start = state.seen
        state.seen += len(records)
        state.newest = records[-1]
        if start < skip <= state.seen and state.last and _name(records[skip - start - 1]) != state.last:
            raise _changed(self._service.where)
        _, last, count = state.before
        if state.first and state.first == state.before[0]:
            if start < count <= state.seen and _name(records[count - start - 1]) != last:
                raise _changed(self._service.where)
            state.dropped = min(count, state.seen)
            skip = max(skip, count)
        if state.ends is not None:
            state.ends.add(records[max(0, state.dropped - start) :])
        return records[max(0, skip - start) :] if start < skip else records

    def _hand_on(self, collected: _Collected, state: _State, answering: Answering) -> Page:
        handed = len(collected.records) + len(collected.malformed)
        state.done += handed + (state.dropped if state.done < state.dropped else 0)
        if collected.newest is not None:
            state.last = _name(collected.newest)
        if state.left is not None:
            state.left -= len(collected.records)
        notes = {"repeated": True, "dropped": state.dropped} if state.dropped else {}
        stand = Stand(answering.clock, state.high) if state.unsaid else None
        state.unsaid = False
        return Page(
            collected.records,
            state.position(),
            collected.malformed,
            notes,
            stand=stand,
            read_as=state.read_as,
        )

    def _collect(self, record: _Element, collected: _Collected) -> None:
        member = self._settings.embedded
        collected.newest = dict(record) if member and isinstance(record, dict) else record
        if isinstance(record, Malformed):
            collected.malformed.append(record)
            return
        if not member:
            collected.records.append(record)
            return
        text = record.pop(member, None)
        inner = self._inside(text)
        if isinstance(inner, dict):
            collected.records.append({**record, **inner})
        else:
            collected.malformed.append(Malformed(str(text or "").encode(), _NOT_JSON))

    def _inside(self, text: Any) -> Any:
        """Return what an embedded text holds, None where it cannot be read."""
        try:
            if isinstance(text, str) and text.lstrip()[:1] == "<":
                most = self._settings.max_record_bytes
                limits = XmlLimits(most, most, self._settings.max_depth)
                return document(text, None, limits, frozenset(self._settings.lists))[0]
            return orjson.loads(text or "")
        except (ProtocolViolation, ValueError, TypeError):
            return None

    def _conclude(self, answering: Answering, result: ResultCodes | None) -> None:
        """Raise what a fault or a result code at the end of the answer means."""
        where = self._service.where
        if answering.fault is not None:
            error = fault_error(read_fault(answering.fault), self._settings.faults, where=where)
            if isinstance(error, Refused):
                code = error.details["agency_code"]
                raise RequestRejected(
                    f"the service refused the request with code {code}", where=where, hint="ask the agency"
                )
            raise error
        if result is not None:
            verdict = judge(answering.body, result, where=where)
            if verdict.meaning not in ("acknowledged", "already", "absent"):
                fail(verdict, where=where)

    def _turn(self, state: _State) -> bool:
        """Go to the next page; return False where there is none."""
        paging, ends = self._settings.paging, state.ends
        assert ends is not None  # noqa: S101 - every read has them
        if state.dropped and state.seen == state.dropped and paging is not None:
            if state.again:
                raise ProtocolViolation(
                    "the service gives the same page again and again",
                    where=self._service.where,
                    hint="check that the request's page member is the right one",
                )
            state.again, state.done, state.last = True, 0, ""
            return True
        if ends.ends(state.body, state.seen - state.dropped) or paging is None:
            return False
        if state.page - paging.first + 1 >= paging.most:
            raise ProtocolViolation(f"more than {paging.most} pages", where=self._service.where)
        state.before = (state.first, _name(state.newest), state.seen)
        state.page, state.done, state.last, state.again = state.page + 1, 0, "", False
        state.known = ends.position()
        return True


def _name(element: Any) -> str:
    """Return what an element of an answer is recognised by."""
    if isinstance(element, Malformed):
        return sha256(element.data)
    try:
        return digest(element)
    except ProtocolViolation:  # pull sets it aside
        return sha256(json.dumps(element, sort_keys=True, default=str).encode())


def _changed(where: str) -> ProtocolViolation:
    return ProtocolViolation(
        "the answer is not the one that was read before",
        where=where,
        hint="start a new run: the service changed its data or its order in between",
    )
