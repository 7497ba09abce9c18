"""What one read knows of the end of its list, and whether that is enough to believe in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lienthong.connector import End, ReadRequest
from lienthong.errors import ProtocolViolation
from lienthong.exchange import Text
from lienthong_connectors.ends import MORE, ROUND, UNSTABLE, Names, is_round, number_of, seen_text, unmet
from lienthong_connectors.rest.ending import (
    TROUBLE,
    By,
    Ended,
    header_total,
    never_there,
    signs_of_more,
    speaks_of_trouble,
    totals_seen,
)
from lienthong_connectors.rest.paging import Seen, State
from lienthong_connectors.rest.paths import text_at
from lienthong_connectors.rest.picking import Picked, picked
from lienthong_connectors.rest.settings_source import RestSource

_HEADER: Final = "header:"


class Ends:
    """The end of one read, as far as it is known.

    ``kept`` is what a position kept of it, None for a new read. ``more`` is what the last page said of more
    pages, None for nothing. ``second``: a second read must tell whether records were passed over. ``count``
    counts the elements of all lists that were read; ``counted`` is how many a request for it told.
    """

    def __init__(
        self, settings: RestSource, request: ReadRequest, where: str, kept: Mapping[str, Any] | None
    ) -> None:
        self._settings, self._where, self._declared = settings, where, bool(request.end)
        self._total_place = settings.total or settings.paging.total_place
        self._resumed = kept is not None
        kept = kept or {}
        self._most, self._filled = int(kept.get("most", 0)), int(kept.get("filled", 0))
        self.count, self.second = int(kept.get("count", 0)), bool(kept.get("second"))
        doubt = kept.get("doubt")
        self._doubt = Text(doubt["vi"], doubt["en"]) if doubt else None
        self._by: By = "said"
        self.counted: int | None = kept.get("counted")
        self._total_told = self._more_told = self._resumed
        self.more: bool | None = None
        self._known: By | None = None
        slides = settings.paging.slides and not self._resumed
        self.names = Names(request.key) if slides else None

    def position(self) -> dict[str, Any]:
        """Return what a read that goes on must know, JSON-ready."""
        kept: dict[str, Any] = {"most": self._most, "filled": self._filled, "count": self.count}
        kept |= {"second": True} if self.second else {}
        kept |= {"counted": self.counted} if self.counted is not None else {}
        doubt = self._doubt
        return kept | ({"doubt": {"vi": doubt.vi, "en": doubt.en}} if doubt is not None else {})

    def look(self, page: Seen, remembered: Mapping[str, Any] | None) -> Seen:
        """Look at a page before the next one is chosen; return it with what was before it."""
        self._known = remembered.get("end") or "said" if remembered is not None else None
        if remembered is not None and page.size:
            self.names = None  # its records are not there to be named
        self.more = None if remembered is not None or page.over else self._more(page)
        if not page.over and self._total_place and remembered is None:
            told = _told(page, self._total_place, self._where)
            self._total_told = self._total_told or told.kind != "absent"
        return page._replace(most=self._most)

    def passed(self, page: Seen, counted: int) -> None:
        """Count a page; see `look`."""
        self._most = max(self._most, page.size)
        self._filled += bool(counted)
        self.count += counted

    def conclude(self, state: State, page: Seen, read: int, totals: tuple[int | None, int | None]) -> None:
        """Note how the end of a list is known, behind its last page; raise where a path was in no page."""
        totals = (self.counted, self.counted) if totals[1] is None else totals
        if totals[1] is not None and read < totals[1] and self._known is None and not page.over:
            ended = self._settings.paging.ends(state, page)
            if ended.missing and self.more is None:
                raise never_there(ended, where=self._where)
        found = self._found(state, page, read, totals)
        if found.because is not None:
            self._doubt = self._doubt or found.because
        self._by, self._filled = found.by, 0

    def result(self) -> End | None:
        """Return how the end of the read is known, None where a second read must tell."""
        if self._doubt is not None:
            return End("", self._doubt)
        return None if self.second else End(self._by)

    def compared(self, other: Ends) -> End:
        """Return what a second read tells, which went as far as this one if there were as many elements."""
        same = self.names is None or other.names is None or self.names.digest() == other.names.digest()
        agrees = other.count >= self.count and same
        return End("again") if agrees else self._doubtful(UNSTABLE)

    def _found(self, state: State, page: Seen, read: int, totals: tuple[int | None, int | None]) -> Ended:
        paging, (first, last) = self._settings.paging, totals
        if last is not None and read < last:
            return Ended("", unmet(last, read))
        if self.more:
            return Ended("", MORE)
        repeated = self.names is not None and self.names.repeated
        if last is not None and not (paging.slides and (last != first or repeated)):
            return Ended("total")
        if self._known is not None:
            return Ended(self._known)
        self._check_told(page, read)
        if not page.size and self._settings.envelope is None and speaks_of_trouble(page.value):
            return Ended("", TROUBLE)
        said = page.over or self.more is False
        ended = Ended("said") if said else paging.ends(state, page)
        signs = signs_of_more(page.value, page.headers, read) if self._filled <= 1 and not said else []
        if ended.missing and (signs or not self._declared):
            raise never_there(ended, where=self._where)
        if ended.by and paging.slides and (last is not None or self._filled > 1 or self._full()):
            self.second = paging.again
            return ended if paging.again else self._weighed(Ended("", UNSTABLE))
        if ended.by in ("document", "said") and signs:
            ended = Ended("", seen_text(signs))
        elif ended.by == "document" and is_round(read) and not self._as_told(page, read):
            ended = Ended("", ROUND)
        return self._weighed(ended)

    def _weighed(self, ended: Ended) -> Ended:
        """Return what is known, or declared where it is not."""
        return ended if ended.by or not self._declared else Ended("declared")

    def _doubtful(self, because: Text) -> End:
        return End("declared") if self._declared else End("", because)

    def _full(self) -> bool:
        return bool(self._settings.paging.page_size) and self._most >= self._settings.paging.page_size

    @staticmethod
    def _as_told(page: Seen, read: int) -> bool:
        """Tell whether the answer itself says how many there are, and all are here."""
        return any(total == read for _, total in totals_seen(page.value, page.headers))

    def _check_told(self, page: Seen, read: int) -> None:
        """Raise where a total or a word on more pages was agreed, and no page had it."""
        if not read:
            return
        for path, told in ((self._total_place, self._total_told), (self._settings.more, self._more_told)):
            if path and not told:
                members = tuple(page.value) if isinstance(page.value, Mapping) else ()
                raise never_there(Ended("", None, path, members), where=self._where)

    def _more(self, page: Seen) -> bool | None:
        """Return what a page says of more pages; a member left out behind a page that had it says no."""
        if not self._settings.more:
            return None
        found = _told(page, self._settings.more, self._where)
        if found.kind == "absent":
            return False if self._more_told and not self._resumed else None
        self._more_told = True
        if found.kind == "none" or found.value.lower() in ("false", "0", "no"):
            return False
        if found.value.lower() in ("true", "1", "yes"):
            return True
        raise ProtocolViolation(
            f"what the answer has at {self._settings.more!r} is neither true nor false", where=self._where
        )


def total_of(settings: RestSource, page: Seen) -> int | None:
    """Return the total that a page announces, None where it does not."""
    if not settings.total:
        return settings.paging.total(page.value)
    if settings.total.startswith(_HEADER):
        return header_total(page.headers, settings.total.removeprefix(_HEADER))
    found = picked(page.value, settings.total)
    return number_of(found.value) if found.kind == "value" else None


def _told(page: Seen, place: str, where: str) -> Picked:
    """Return what a page says at a path or in a header."""
    if place.startswith(_HEADER):
        name = place.removeprefix(_HEADER).lower()
        text = next((text for known, text in page.headers.items() if known.lower() == name), None)
        return Picked("absent", members=tuple(page.headers)) if text is None else _text(text)
    if _is_true(page.value, place):
        return Picked("value", "true")
    return picked(page.value, place, where=where)


def _is_true(value: Any, path: str) -> bool:
    return text_at(value, path) == "true"


def _text(text: str) -> Picked:
    return Picked("value", text.strip()) if text.strip() else Picked("none")
