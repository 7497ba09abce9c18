"""The conformance suite for sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate
from typing import Any, ClassVar

import orjson
import pytest

from lienthong.connector import Connection, Context, Page, ReadRequest, RecordSource
from lienthong.errors import LienThongError
from lienthong.paths import names
from lienthong.records import Record, canonical
from lienthong.testing.base import must
from lienthong.testing.common import Conformance


class SourceConformance(Conformance):
    """Inherited tests for a source.

    Give fixtures ``settings`` (with a small page, so that ``expected`` spans at least three),
    ``connection``, ``expected`` (the system's records in the source's order) and, where you can
    break things, ``faults``. Set ``cursor`` where the source is incremental.
    """

    #: The most records that one page may hold.
    page_bound: ClassVar[int] = 10_000
    #: Record path of the cursor, for incremental sources.
    cursor: ClassVar[str | None] = None
    #: True where the system can only be asked for "at or after" and so repeats the last value.
    since_inclusive: ClassVar[bool] = False
    #: True where every page is asked for apart, so that the source says of each when that was.
    asks_each_page: ClassVar[bool] = False
    #: Why no end of a list can be confirmed, where the system gives nothing by which it could be known.
    unconfirmed: ClassVar[str] = ""

    @pytest.fixture
    def expected(self) -> list[Record]:
        """The system's records, in the order in which the source reads them."""
        pytest.fail("give a fixture 'expected' with the records in the system")

    @pytest.fixture
    def ordinary(self, expected: list[Record]) -> list[Any]:
        """See `Conformance`."""
        return list(expected)

    def open(self, settings: Any, connection: Connection, context: Context) -> RecordSource:
        """Open the source."""
        source: RecordSource = settings.open_source(connection, context)
        return source

    def use(self, opened: RecordSource, records: list[Any]) -> None:  # noqa: ARG002 - a source needs none
        """Read everything."""
        for _ in opened.read(ReadRequest()):
            pass

    @pytest.fixture
    def pages(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> list[Page]:
        """All pages of one full read (of the system that ``expected`` has filled)."""
        must(expected, "'expected' is empty: nothing can be proved")
        return self._read(settings, connection, lent, ReadRequest())

    def _read(
        self, settings: Any, connection: Connection, context: Context, request: ReadRequest
    ) -> list[Page]:
        with self._opened(settings, connection, context) as source:
            try:
                return list(source.read(request))
            except LienThongError:
                raise
            except Exception as error:
                pytest.fail(f"{type(error).__name__} escaped from read(); raise a lienthong error")

    def cursor_of(self, record: Record) -> Any:
        """Return a record's cursor value; override where a record does not hold it (a feed, say).

        Values must sort as text or as numbers, and their text must be what ``since`` takes.
        """
        return _at(record, self.cursor or "")

    def _incremental(self, settings: Any, connection: Connection, context: Context) -> None:
        """Skip where the source does not claim to be incremental."""
        with self._opened(settings, connection, context) as source:
            claimed = source.capabilities.incremental
        if not claimed:
            pytest.skip("the source does not claim to be incremental")
        given = self.cursor or type(self).cursor_of is not SourceConformance.cursor_of
        must(given, "the source is incremental: set 'cursor' to the record path of its cursor")

    def _gives_equal(self, settings: Any, connection: Connection, context: Context) -> bool:
        """Tell whether the source says that it gives what equals ``since``, too."""
        with self._opened(settings, connection, context) as source:
            return bool(getattr(source.capabilities, "inclusive", False))

    def _resumable(self, settings: Any, connection: Connection, context: Context) -> None:
        with self._opened(settings, connection, context) as source:
            if not source.capabilities.resumable:
                pytest.skip("the source does not claim to be resumable")

    # --- reading

    def test_reads_everything_once_in_order(self, pages: list[Page], expected: list[Record]) -> None:
        """A full read gives every record of the system, once, unchanged, in order."""
        must(_records(pages) == expected, _difference(_records(pages), expected))

    def test_pages_are_bounded(self, pages: list[Page]) -> None:
        """No page is larger than it may be: memory is bounded by a page, not by the run."""
        largest = max((len(page.records) for page in pages), default=0)
        must(largest <= self.page_bound, f"a page holds {largest} records, more than {self.page_bound}")

    def test_records_can_be_canonicalised(self, pages: list[Page]) -> None:
        """Records are plain JSON objects whose canonical bytes exist and mean the same."""
        for record in _records(pages):
            must(type(record) is dict, f"a record is a {type(record).__name__}, not a dict")
            try:
                same = orjson.loads(canonical(record)) == record
            except LienThongError as error:
                pytest.fail(f"a record has no canonical bytes: {error}")
            must(same, "a record changes when it is written and read as JSON")

    def test_pages_of_a_second_open_are_the_same(
        self, settings: Any, connection: Connection, lent: Context, pages: list[Page]
    ) -> None:
        """A second open after a close reads the same again."""
        again = self._read(settings, connection, lent, ReadRequest())
        must(_records(again) == _records(pages), "a second read differs from the first")

    def test_an_abandoned_read_can_be_closed(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> None:
        """Closing after the first page, with the read unfinished, is fine."""
        with self._opened(settings, connection, lent) as source:
            first = next(iter(source.read(ReadRequest())), None)
        must(first is not None or not expected, "read() gave no page")

    def test_pages_are_placed_among_all_readings(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> None:
        """A page says what `before_read` gave before it was asked for, or 0; a later page nothing earlier."""
        given: list[int] = []

        def before_read() -> int:
            given.append(1_000 + len(given))
            return given[-1]

        told: list[int] = []
        with self._opened(settings, connection, replace(lent, before_read=before_read)) as source:
            for page in source.read(ReadRequest()):
                must(page.read_as in {0, *given}, "a page's read_as is no number that before_read gave")
                if page.records or page.malformed:  # a page that only says the end was read at no time
                    told.append(page.read_as)
        must(bool(told) or not expected, "read() gave no page")
        must(0 not in told or not self.asks_each_page, "a page does not say when it was asked for")
        must(told == sorted(told), "a page was asked for before the page that it follows")

    # --- going on

    def test_resume_loses_and_repeats_nothing(
        self, settings: Any, connection: Connection, lent: Context, pages: list[Page], expected: list[Record]
    ) -> None:
        """From every page's position, after a trip through JSON, exactly the rest follows."""
        self._resumable(settings, connection, lent)
        must(len(pages) >= 3, "too few pages to prove anything: make pages smaller or 'expected' larger")
        for page, done in zip(pages, accumulate(len(page.records) for page in pages), strict=True):
            request = ReadRequest(position=_through_json(page.position))
            rest = _records(self._read(settings, connection, lent, request))
            must(rest == expected[done:], f"resumed after {done}: {_difference(rest, expected[done:])}")

    def test_resume_inside_an_incremental_read(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> None:
        """A position goes together with ``since``: an interrupted incremental read loses nothing."""
        self._incremental(settings, connection, lent)
        self._resumable(settings, connection, lent)
        since = str(min(self.cursor_of(record) for record in expected))
        pages = self._read(settings, connection, lent, ReadRequest(since=since))
        whole = _records(pages)
        for page, done in zip(pages, accumulate(len(page.records) for page in pages), strict=True):
            request = ReadRequest(since=since, position=_through_json(page.position))
            rest = _records(self._read(settings, connection, lent, request))
            must(rest == whole[done:], f"resumed after {done}: {_difference(rest, whole[done:])}")

    def test_stand_comes_first_and_once(self, pages: list[Page], expected: list[Record]) -> None:
        """Where a source says where it stood, it says so with its first page, in words that can be kept."""
        must(not any(page.stand for page in pages[1:]), "only the first page says where the source stood")
        stand = pages[0].stand
        if stand is None:
            return
        must(stand.clock is None or stand.clock.tzinfo is not None, "the source's clock has no zone")
        plain = stand.high is None or isinstance(stand.high, (str, int, float))
        must(plain, "the highest value is not as a record holds it")
        if stand.high is not None and self.cursor:
            values = [self.cursor_of(record) for record in expected]
            must(stand.high in values, "the highest value is that of no record")

    # --- the end of the list

    def test_the_end_is_said_with_the_last_page(self, pages: list[Page]) -> None:
        """The last page, and no other one, says how the end of the list is known."""
        must(not any(page.end for page in pages[:-1]), "a page says that it is the last, and another follows")
        if self.unconfirmed:
            pytest.skip(self.unconfirmed)
        must(_confirms(pages), "the last page does not say how the end is known: no cursor would ever move")

    def test_the_end_is_said_after_an_interruption(
        self, settings: Any, connection: Connection, lent: Context, pages: list[Page]
    ) -> None:
        """A read that goes on at the position of any page but the last says at its end that it is one."""
        self._resumable(settings, connection, lent)
        if self.unconfirmed:
            pytest.skip(self.unconfirmed)
        for number, page in enumerate(pages[:-1], 1):
            request = ReadRequest(position=_through_json(page.position))
            rest = self._read(settings, connection, lent, request)
            must(_confirms(rest), f"resumed after page {number}, the read does not say how the end is known")

    def test_the_end_is_said_where_nothing_is_new(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> None:
        """A read from the newest record on says that it is complete, by a page without records if it must."""
        self._incremental(settings, connection, lent)
        if self.unconfirmed:
            pytest.skip(self.unconfirmed)
        newest = str(max(self.cursor_of(record) for record in expected))
        rest = self._read(settings, connection, lent, ReadRequest(since=newest))
        must(_confirms(rest), "a read that finds nothing does not say how the end is known")

    def test_a_limit_is_no_end(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> None:
        """A read that the limit cuts says no end: what lies behind it was not read."""
        must(expected, "'expected' is empty: nothing can be proved")
        for limit in (1, len(expected) // 2):
            got = self._read(settings, connection, lent, ReadRequest(limit=limit))
            must(not any(page.end for page in got), f"limit {limit}: a page says that the list ends there")

    # --- asking for less

    def test_limit_is_respected(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> None:
        """At most ``limit`` records come, and they are the first ones."""
        for limit in (1, 2, len(expected) // 2 + 1, len(expected) + 5):
            got = _records(self._read(settings, connection, lent, ReadRequest(limit=limit)))
            must(got == expected[:limit], f"limit {limit}: {_difference(got, expected[:limit])}")

    def test_since_returns_only_newer(
        self, settings: Any, connection: Connection, lent: Context, expected: list[Record]
    ) -> None:
        """What is newer than ``since`` comes, all of it, and what equals it where the source says so."""
        self._incremental(settings, connection, lent)
        equal = self._gives_equal(settings, connection, lent)
        values = sorted(self.cursor_of(record) for record in expected)
        for since in (values[0], values[len(values) // 2], values[-1]):
            pages = self._read(settings, connection, lent, ReadRequest(since=str(since)))
            got = {canonical(record) for record in _records(pages)}
            newer = {
                canonical(record)
                for record in expected
                if self.cursor_of(record) > since or (equal and self.cursor_of(record) == since)
            }
            allowed = {
                canonical(record)
                for record in expected
                if self.cursor_of(record) > since
                or ((equal or self.since_inclusive) and self.cursor_of(record) == since)
            }
            must(newer <= got, f"{len(newer - got)} records newer than the cursor are missing")
            must(got <= allowed, f"{len(got - allowed)} records come that are not newer than the cursor")

    def _private(self, records: list[Any]) -> set[tuple[str, str]]:
        return {item for item in super()._private(records) if item[0] != self.cursor}


def _confirms(pages: list[Page]) -> bool:
    """Tell whether the last page says how the end is known."""
    end = pages[-1].end if pages else None
    return end is not None and end.by != ""


def _records(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def _through_json(position: Any) -> Any:
    try:
        return orjson.loads(orjson.dumps(position))
    except TypeError as error:
        pytest.fail(f"a page's position is not JSON: {error}")


def _at(record: Record, path: str) -> Any:
    value: Any = record
    for part in names(path):
        value = value[part]
    return value


def _difference(got: list[Record], wanted: list[Record]) -> str:
    """Say how two lists differ, by place and number, without values."""
    for number, (one, other) in enumerate(zip(got, wanted, strict=False)):
        if one != other:
            names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
            return f"record {number} differs in {', '.join(names)} ({len(got)} records for {len(wanted)})"
    return f"{len(got)} records instead of {len(wanted)}"
