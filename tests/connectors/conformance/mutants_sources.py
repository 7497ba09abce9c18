"""Broken sources. Each says, in ``caught_by``, which test of the suite must fail on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import memory_connector as memory
import memory_suite as suite
import pytest

from lienthong.connector import Connection, Context, End, Page, ReadRequest, Stand
from lienthong.errors import TimedOut, Unavailable


class SourceMutant(suite.TestSource):
    __test__ = False
    caught_by: ClassVar[str]
    _Open: ClassVar[type]

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    @pytest.fixture
    def settings(self) -> Any:
        return memory.made_of(memory.MemorySource, self._Open)


class TestSaysWhereItStoodAgainAndAgain(SourceMutant):
    """By its last page a source has given records from behind where it stands then."""

    caught_by = "test_stand_comes_first_and_once"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            for page in super().read(request):
                yield replace(page, stand=Stand(datetime.now(UTC)))


class TestNeverSaysTheEnd(SourceMutant):
    """No cursor would ever move."""

    caught_by = "test_the_end_is_said_with_the_last_page"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            for page in super().read(request):
                yield replace(page, end=None)


class TestSaysTheEndOfEveryPage(SourceMutant):
    """A read that stops at any page would pass for complete."""

    caught_by = "test_the_end_is_said_with_the_last_page"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            for page in super().read(request):
                yield replace(page, end=End("said"))


class TestForgetsTheEndOnResume(SourceMutant):
    caught_by = "test_the_end_is_said_after_an_interruption"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            for page in super().read(request):
                yield replace(page, end=None) if request.position else page


class TestTakesALimitForTheEnd(SourceMutant):
    """What lies behind the limit would never be read."""

    caught_by = "test_a_limit_is_no_end"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            left = request.limit or 0
            for page in super().read(request):
                left -= len(page.records)
                yield replace(page, end=End("order")) if left == 0 and request.limit else page


class TestHasNothingToSayOfTheEndWhereNothingIsNew(SourceMutant):
    """Runs that find nothing would be doubtful for ever."""

    caught_by = "test_the_end_is_said_where_nothing_is_new"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            for page in super().read(request):
                if page.records:
                    yield page


class TestLosesAPageOnResume(SourceMutant):
    caught_by = "test_resume_loses_and_repeats_nothing"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            position = request.position + 4 if request.position else None
            yield from super().read(replace(request, position=position))


class TestRepeatsOnResume(SourceMutant):
    caught_by = "test_resume_loses_and_repeats_nothing"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            position = request.position - 1 if request.position else None
            yield from super().read(replace(request, position=position))


class TestIgnoresPosition(SourceMutant):
    caught_by = "test_resume_loses_and_repeats_nothing"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            yield from super().read(replace(request, position=None))


class TestForgetsPositionInIncrementalReads(SourceMutant):
    caught_by = "test_resume_inside_an_incremental_read"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            position = None if request.since else request.position
            yield from super().read(replace(request, position=position))


class TestRepeatsARecord(SourceMutant):
    caught_by = "test_reads_everything_once_in_order"

    class _Open(memory.OpenSource):
        def page(self, rows: list[dict[str, Any]], stop: int) -> Page:
            return Page([*rows, rows[-1]], position=stop)


class TestLosesTheLastRecord(SourceMutant):
    caught_by = "test_reads_everything_once_in_order"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            return super().rows(request)[:-1]


class TestReadsInAnyOrder(SourceMutant):
    caught_by = "test_reads_everything_once_in_order"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            return super().rows(request)[::-1]


class TestMakesUpItsPlaceAmongReadings(SourceMutant):
    """Old values would pass for the newest."""

    caught_by = "test_pages_are_placed_among_all_readings"

    class _Open(memory.OpenSource):
        def page(self, rows: list[dict[str, Any]], stop: int) -> Page:
            return replace(super().page(rows, stop), read_as=2**40)


class TestOneHugePage(SourceMutant):
    caught_by = "test_pages_are_bounded"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            pages = list(super().read(request))
            yield Page([row for page in pages for row in page.records], position=pages[-1].position)


class TestIgnoresLimit(SourceMutant):
    caught_by = "test_limit_is_respected"

    class _Open(memory.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            yield from super().read(replace(request, limit=None))


class TestIgnoresSince(SourceMutant):
    caught_by = "test_since_returns_only_newer"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            return super().rows(replace(request, since=None))


class TestLosesTies(SourceMutant):
    caught_by = "test_since_returns_only_newer"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            rows = super().rows(request)
            return rows[1:] if request.since else rows


class TestPositionIsNoJson(SourceMutant):
    caught_by = "test_resume_loses_and_repeats_nothing"

    class _Open(memory.OpenSource):
        def page(self, rows: list[dict[str, Any]], stop: int) -> Page:
            return Page(rows, position={stop})


class TestRecordsAreNoJson(SourceMutant):
    caught_by = "test_records_can_be_canonicalised"

    class _Open(memory.OpenSource):
        def page(self, rows: list[dict[str, Any]], stop: int) -> Page:
            return Page([row | {"id": 2**60} for row in rows], position=stop)


class TestReadsOnlyOnce(SourceMutant):
    caught_by = "test_pages_of_a_second_open_are_the_same"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            rows = super().rows(request)
            memory.system_of(self.connection).rows.clear()
            return rows


class TestLetsAForeignErrorEscape(SourceMutant):
    caught_by = "test_fault_ends_in_its_error[unreachable]"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            if self.connection.host not in memory.SYSTEMS:
                raise ConnectionRefusedError("no route")
            return super().rows(request)


class TestMistakesWrongPasswordForAnOutage(SourceMutant):
    caught_by = "test_fault_ends_in_its_error[unauthenticated]"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            if self.connection.password != memory.SYSTEMS["here"].password:
                raise Unavailable("something is wrong")
            return super().rows(request)


class TestHangs(SourceMutant):
    caught_by = "test_fault_ends_in_its_error[unresponsive]"
    deadline = 0.2

    @pytest.fixture
    def faults(self, connection: Connection) -> dict[str, Any]:
        return {"unresponsive": replace(connection, host="silent")}

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            if self.connection.host == "silent":
                time.sleep(0.4)
                raise TimedOut("no answer")
            return super().rows(request)


class TestCheckRaises(SourceMutant):
    caught_by = "test_check_says_what_is_wrong[unreachable]"

    class _Open(memory.OpenSource):
        def check(self) -> Any:
            memory.system_of(self.connection)
            return super().check()


class TestCheckSeesNothing(SourceMutant):
    caught_by = "test_check_says_what_is_wrong[unauthenticated]"

    class _Open(memory.OpenSource):
        def check(self) -> Any:
            return [replace(finding, ok=True) for finding in super().check()]


class TestPasswordInTheLog(SourceMutant):
    caught_by = "test_nothing_secret_or_personal_is_logged"

    class _Open(memory.OpenSource):
        def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
            logging.getLogger("memory").debug("login with %s", self.connection.password)
            return super().rows(request)


class TestPeopleInTheAuditLog(SourceMutant):
    caught_by = "test_nothing_secret_or_personal_is_logged"

    class _Open(memory.OpenSource):
        def page(self, rows: list[dict[str, Any]], stop: int) -> Page:
            self.context.log(f"last one: {rows[-1]['name']}")
            return super().page(rows, stop)


class TestPasswordInTheRepresentation(SourceMutant):
    caught_by = "test_connection_shows_no_secret"

    class _Open(memory.OpenSource):
        def __repr__(self) -> str:
            return f"<source {self.connection.host} {self.connection.password}>"


class TestCannotCloseTwice(SourceMutant):
    caught_by = "test_close_is_idempotent_and_a_second_open_works"

    class _Open(memory.OpenSource):
        def close(self) -> None:
            del self.settings


class TestCannotCloseAnUnfinishedRead(SourceMutant):
    caught_by = "test_an_abandoned_read_can_be_closed"

    class _Open(memory.OpenSource):
        reading = False

        def read(self, request: ReadRequest) -> Iterator[Page]:
            self.reading = True
            yield from super().read(request)
            self.reading = False

        def close(self) -> None:
            assert not self.reading


class TestCheckIsNeverContent(SourceMutant):
    caught_by = "test_check_finds_a_good_connection_good"

    class _Open(memory.OpenSource):
        def check(self) -> Any:
            return [replace(finding, ok=False) for finding in super().check()]


@dataclass
class Changeable:
    """Settings that are not frozen."""

    kind: ClassVar[str] = "memory"
    page_size: int = 4

    def open_source(self, connection: Connection, context: Context) -> Any:
        return memory.OpenSource(self, connection, context)


class TestSettingsNotFrozen(SourceMutant):
    caught_by = "test_settings_are_frozen_and_picklable"

    @pytest.fixture
    def settings(self) -> Any:
        return Changeable()


@dataclass(frozen=True)
class Talkative(memory.MemorySource):
    """Settings that hold the password."""

    word: str = "s3cret-word"


class TestPasswordInTheAgreement(SourceMutant):
    caught_by = "test_settings_become_part_of_the_agreement_without_secrets"

    @pytest.fixture
    def settings(self) -> Any:
        return Talkative()


class TestHeavyImport(SourceMutant):
    caught_by = "test_importing_the_settings_is_light"
    heavy = frozenset({"memory_suite"})

    @pytest.fixture
    def settings(self) -> Any:
        return Changeable()
