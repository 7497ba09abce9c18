"""How far one read has come: what is handed on, what repeats, what totals turned out to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import orjson

from lienthong.connector import Malformed, Page, ReadRequest, Stand
from lienthong.errors import Misconfigured, ProtocolViolation
from lienthong_connectors.ends import Names
from lienthong_connectors.rest.concluding import Ends
from lienthong_connectors.rest.elements import Element, parted
from lienthong_connectors.rest.fetch import Fetched
from lienthong_connectors.rest.paging import Seen, State
from lienthong_connectors.rest.settings_source import RestSource
from lienthong_connectors.rest.since import moment_at
from lienthong_connectors.rest.visited import Visited

_PATIENCE = 3
_REMEMBERED_PAGES = 256


class Progress:
    """One read. ``state`` is the page to be read next, None at the end; ``left`` what the limit leaves.

    A *position* holds the state, the elements ``read`` of its list so far, the number of ``pages``
    and the ``last`` page's mark; inside a page also the elements to ``skip`` and the name ``at``
    which the last of them is recognised.
    """

    def __init__(self, settings: RestSource, request: ReadRequest, where: str, high: Any = None) -> None:
        self._settings, self._where = settings, where
        self.left = request.limit
        self._unsaid, self._high = request.position is None, high
        kept = request.position.get("ends", {}) if isinstance(request.position, Mapping) else None
        self.ends = Ends(settings, request, where, kept)
        self.read_as = 0
        self.total: int | None = None
        self._first_total: int | None = None
        self.largest = 0
        self._wrong: dict[str, int] = {}
        self._idle = self._remembered = self._passed = 0
        self._skip, self._at, self._last = 0, "", ""
        self.read = self._pages = 0
        if request.position is None:
            moment = moment_at(request)
            since = request.since if moment is None else moment.isoformat()
            self.state: State | None = settings.paging.first(since)
            self.start: State | None = self.state
        else:
            self._go_on(request.position)
        self._marks = Visited(*({self._last} - {""}))
        self._states = Visited()

    @property
    def done(self) -> bool:
        """Whether nothing more is to be read."""
        return self.state is None or self.left == 0

    def begin(self) -> State:
        """Return the state of the page to be read; raise where it was read before, or is one too many."""
        assert self.state is not None  # noqa: S101 - callers ask `done` first
        self._passed = 0
        if self._states.again(_name(self.state)):
            self._endless()
        if self._pages >= self._settings.max_pages:
            raise ProtocolViolation(
                f"more than {self._settings.max_pages} pages",
                where=self._where,
                hint="is that right? Then raise max_pages",
            )
        return self.state

    def take(self, fetched: Fetched) -> Page | None:
        """Take a page, or a piece of one, into account; return what the pipeline gets of it."""
        page, self.read_as = self._taken(fetched), fetched.read_as
        if page is None:
            return None
        stand = Stand(fetched.clock, self._high) if self._unsaid else None
        self._unsaid = False
        return replace(page, stand=stand, read_as=fetched.read_as)

    def again(self, request: ReadRequest) -> Progress:
        """Return a second read of the same list, from its first page on."""
        second = Progress(self._settings, request, self._where)
        second.state = self.start if self.start is not None else second.state
        second.ends.names = Names(request.key, self.ends.count)
        return second

    def compared(self, second: Progress) -> Page:
        """Return the page that ends a read, by what the second one of its list tells."""
        end, self.ends.second = self.ends.compared(second.ends), False
        return Page([], position=self._position(), end=end, read_as=self.read_as)

    def _taken(self, fetched: Fetched) -> Page | None:
        elements = self._without_read(fetched.elements)
        repeated = False
        if fetched.seen is not None:
            repeated = bool(fetched.elements) and self._marks.again(fetched.mark)
            if self._passed < self._skip:
                self._changed()
            if repeated and self._skip:
                self._endless()
            elements = [] if repeated else elements
        if self.ends.names is not None and not repeated:
            self.ends.names.add(fetched.elements)
        if self.left is not None and len(elements) > self.left:
            return self._cut(elements[: self.left])
        if self.left is not None:
            self.left -= len(elements)
        if fetched.seen is None:
            return self._piece(elements, {}) if elements else None
        return self._page(fetched, fetched.seen, elements, repeated=repeated)

    def _page(self, fetched: Fetched, seen: Seen, elements: Sequence[Element], *, repeated: bool) -> Page:
        """Take a page's end into account."""
        paging, state, ends = self._settings.paging, self.state or {}, self.ends
        seen = ends.look(seen, fetched.remembered)
        if fetched.total is not None:
            self.total = fetched.total
            self._first_total = fetched.total if self._first_total is None else self._first_total
        counted = self._counted(fetched, repeated=repeated)
        if fetched.remembered is not None:
            following = paging.unchanged(state, fetched.remembered.get("next"))
        elif seen.over or ends.more is False:
            following = paging.over(state)
        else:
            following = paging.following(state, seen, self.read + counted)
        if repeated and self.total is not None and self.read >= self.total:
            following = None  # services that give the last page again for every page behind it
        self.read, self._pages = self.read + counted, self._pages + 1
        self.largest = max(self.largest, fetched.size, 1)
        self._idle = self._idle + 1 if repeated else 0
        ends.passed(seen, counted)
        restarts = following is None or paging.restarts(state, following)
        if restarts:
            self._compare_totals()
            ends.conclude(state, seen, self.read, (self._first_total, self.total))
        if restarts and following is not None:
            self.read, self.total, self._first_total = 0, None, None
        if following is not None and self._idle >= _PATIENCE:
            self._endless()
        self.state, self._skip, self._at = following, 0, ""
        self._last = fetched.mark or self._last
        records, malformed = parted([*elements])
        return Page(
            records=records,
            position=self._position(),
            malformed=malformed,
            notes=self._notes(fetched, repeated=repeated),
            validators=self._validators(fetched, seen),
            end=ends.result() if following is None else None,
        )

    def _compare_totals(self) -> None:
        """Note a total that was wrong, or that changed: later elements may have slid over a page's edge."""
        if self.total is None or {self.total, self._first_total} == {self.read}:
            return
        found = {"announced": self.total, "read": self.read}
        if self._first_total not in (None, self.total):
            found["announced_first"] = self._first_total or 0
        self._wrong |= {name: self._wrong.get(name, 0) + value for name, value in found.items()}

    @staticmethod
    def _counted(fetched: Fetched, *, repeated: bool) -> int:
        """Return how many elements a page adds to its list; those of its pieces count with its end."""
        if repeated or fetched.seen is None:
            return 0
        return fetched.seen.size - fetched.dropped

    def _without_read(self, elements: Sequence[Element]) -> Sequence[Element]:
        """Leave out what an interrupted read handed on already, and see that it is still the same."""
        drop = min(len(elements), max(0, self._skip - self._passed))
        self._passed += len(elements)
        if drop and self._passed >= self._skip and self._at != _element_name(elements[drop - 1]):
            self._changed()
        return elements[drop:] if drop else elements

    def _cut(self, elements: Sequence[Element]) -> Page:
        """Return as much of a page as the limit leaves; the position is inside that page."""
        self.left = 0
        return self._piece(elements, {"limited": True})

    def _piece(self, elements: Sequence[Element], notes: Mapping[str, Any]) -> Page:
        if elements:
            self._skip += len(elements)
            self._at = _element_name(elements[-1])
        records, malformed = parted([*elements])
        return Page(records=records, position=self._position(), malformed=malformed, notes=notes)

    def _position(self) -> dict[str, Any]:
        """Return where reading goes on, JSON-ready."""
        if self.state is None:
            pending = {"ends": self.ends.position(), "start": self.start} if self.ends.second else {}
            return {"end": True, "read": self.read, **pending}
        position = {"state": self.state, "read": self.read, "last": self._last, "pages": self._pages}
        position |= {"ends": self.ends.position()} | ({"start": self.start} if self.start is not None else {})
        position |= {"wrong": self._wrong} if self._wrong else {}
        return position | ({"skip": self._skip, "at": self._at} if self._skip else {})

    def _go_on(self, given: Any) -> None:
        """Take up a position."""
        try:
            self.read = int(given["read"])
            self.state = None if given.get("end") else dict(given["state"])
            self.start = dict(given["start"]) if given.get("start") is not None else None
            self._last, self._pages = str(given.get("last", "")), int(given.get("pages", 0))
            self._skip, self._at = int(given.get("skip", 0)), str(given.get("at", ""))
            self._wrong = dict(given.get("wrong", {}))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Misconfigured(
                "the position to go on at is not one of ours",
                where=self._where,
                hint="start the run anew; were the settings changed in the middle of it?",
            ) from None

    def _validators(self, fetched: Fetched, seen: Seen) -> Mapping[str, Any]:
        if not fetched.validator or self._remembered >= _REMEMBERED_PAGES:
            return {}
        self._remembered += 1
        kept = {name: fetched.validator[name] for name in ("etag", "modified") if name in fetched.validator}
        end = self.ends.result() if self.state is None else None
        by = end.by if end is not None else ""
        return {fetched.validator_key: {**kept, "count": seen.size, "next": self.state, "end": by}}

    def _notes(self, fetched: Fetched, *, repeated: bool) -> dict[str, Any]:
        notes: dict[str, Any] = {}
        if repeated:
            notes["repeated"] = True
        if fetched.remembered is not None:
            notes["not_modified"] = True
        if fetched.signed_by:
            notes["signed_by"] = fetched.signed_by
        if self._wrong:
            notes["total"] = self._wrong
        return notes

    def _endless(self) -> NoReturn:
        raise ProtocolViolation(
            "paging does not come to an end: pages repeat or stay empty",
            where=self._where,
            hint="check the paging of the settings: does the service know these parameters?",
            records_read=self.read,
        )

    def _changed(self) -> NoReturn:
        raise ProtocolViolation(
            "the answer is not the one that was read before",
            where=self._where,
            hint="start a new run: the service changed its data or its order in between",
        )


def _name(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _element_name(element: Element) -> str:
    if isinstance(element, Malformed):
        return hashlib.sha256(element.data).hexdigest()[:32]
    try:
        return hashlib.sha256(orjson.dumps(element)).hexdigest()[:32]
    except orjson.JSONEncodeError:  # integers beyond 64 bits
        return _name(element)
