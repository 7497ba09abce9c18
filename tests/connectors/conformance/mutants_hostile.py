"""HTTP connectors that are broken where a counterpart is hostile; each plays only the row that catches it."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar
from urllib.parse import urlsplit

import hostile_suite as suite
import http_connector as http
import pytest
import table_connector as table
from lxml import etree

from lienthong.connector import Answer, Batch, End, Page, Question, ReadRequest
from lienthong.errors import (
    Forbidden,
    OutcomeUnknown,
    ProtocolViolation,
    RequestRejected,
    Transient,
    Unavailable,
)


class Mutant:
    """Plays only the row that must catch it."""

    caught_by: ClassVar[str]
    _Open: ClassVar[type]

    def __init_subclass__(cls) -> None:
        cls.__test__ = "caught_by" in vars(cls)  # type: ignore[attr-defined]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        test, _, row = metafunc.cls.caught_by.partition("[")
        metafunc.parametrize("row", [row[:-1]] if metafunc.function.__name__ == test else [])

    @pytest.fixture
    def settings(self) -> Any:
        return http.settings_for(self._Open)


class SourceMutant(Mutant, suite.TestHostileSource):
    __test__ = False


class TargetMutant(Mutant, suite.TestHostileTarget):
    __test__ = False


class LookupMutant(Mutant, suite.TestHostileLookup):
    __test__ = False


class XmlMutant(Mutant, suite.TestHostileXmlLookup):
    __test__ = False


class TableMutant(Mutant, suite.TestHostileTable):
    __test__ = False

    @pytest.fixture
    def settings(self) -> Any:
        return table.settings_for(self._Open)


def followed(opened: Any, reply: http.Reply, method: str, body: Any = None) -> http.Reply:
    """Go wherever an answer points, as careless clients do."""
    for _ in range(1000):
        if reply.status != 307:
            break
        parts = urlsplit(reply.headers["location"])
        base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else opened.connection.host
        reply = http.Open.send(opened, base, method, parts.path or "/", body, delivery=False)
    return reply


class TestFollowsToAnotherHost(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[redirect-elsewhere]"

    class _Open(http.OpenSource):
        def send(self, base: str, method: str, path: str, body: Any, delivery: bool) -> http.Reply:
            return followed(self, super().send(base, method, path, body, delivery), method)


class TestFollowsIntoOurOwnNetwork(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[redirect-private]"
    _Open = TestFollowsToAnotherHost._Open


class TestFollowsForEver(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[redirect-loop]"
    _Open = TestFollowsToAnotherHost._Open


class TestAcceptsDuplicateNames(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[duplicate-names]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            return json.loads(text)


class TestTakesNaNForNothing(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[not-a-number]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            return json.loads(text, parse_constant=lambda _: None)


class TestRepairsHalfASurrogatePair(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[lone-surrogate]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            return json.loads(text.replace("\\ud800", "?"))


class TestRoundsInfinity(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[huge-exponent]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            return json.loads(text, parse_float=lambda digits: min(float(digits), 1e308))


class TestRoundsFractions(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[long-fraction]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            return json.loads(text)


class TestReadsEscapesAsTheyStand(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[text-in-parts]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            return super().decode(text.replace("\\u", "\\\\u"))


class TestBreaksOnDepth(SourceMutant):
    """A RecursionError is not an error of the bus."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[deep-nesting]"
    _Open = TestAcceptsDuplicateNames._Open


class TestLosesDigits(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[huge-integer]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            return json.loads(text, parse_int=lambda digits: min(int(digits), 2**53 - 1))


class TestStumblesOverTheByteOrderMark(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[byte-order-mark]"

    class _Open(http.OpenSource):
        def text(self, reply: http.Reply) -> str:
            super().text(reply)
            return reply.body.decode()


class TestStumblesOverBlankLines(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[blank-lines]"

    class _Open(http.OpenSource):
        def text(self, reply: http.Reply) -> str:
            if reply.body[:1].isspace():
                raise ProtocolViolation("the answer begins with a blank")
            return super().text(reply)


class TestKnowsOneNameOfUtf8(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[charset-alias]"

    class _Open(http.OpenSource):
        def text(self, reply: http.Reply) -> str:
            if reply.headers.get("content-type", "").endswith("utf8"):
                raise ProtocolViolation("the answer's charset is not utf-8")
            return super().text(reply)


class TestIgnoresTheCharset(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[wrong-charset]"

    class _Open(http.OpenSource):
        def text(self, reply: http.Reply) -> str:
            return reply.body.decode("utf-8-sig")


class TestLetsDecodingErrorsEscape(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[not-utf8]"
    _Open = TestIgnoresTheCharset._Open


class TestTakesAnyPageForAnEmptyList(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[html-page]"

    class _Open(http.OpenSource):
        def call(self, method: str, path: str, body: Any = None, *, delivery: bool = False) -> Any:
            try:
                return super().call(method, path, body, delivery=delivery)
            except ProtocolViolation:
                return {"rows": [], "total": 0}


class TestTakesWhatItCanRead(SourceMutant):
    """Of an answer that is cut, the part before the cut."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[truncated-body]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            whole = re.findall(r'\{"id": "\d+", "name": "[^"]*", "note": "[^"]*"\}', text)
            return {"total": 13, "rows": [], "access_token": "granted"} | {
                "rows": list(map(json.loads, whole))
            }


class TestQuotesTheAnswer(SourceMutant):
    """A payload in an error's message."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[truncated-body]"

    class _Open(http.OpenSource):
        def decode(self, text: str) -> Any:
            try:
                return super().decode(text)
            except ProtocolViolation:
                raise ProtocolViolation(f"cannot read {text}") from None


class TestTakesAnythingInWhole(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[huge-field]"

    class _Open(http.OpenSource):
        most_bytes = 1 << 30


class TestUnpacksWithoutBound(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[compressed-bomb]"

    class _Open(http.OpenSource):
        def text(self, reply: http.Reply) -> str:
            import gzip

            if reply.headers.pop("content-encoding", ""):
                reply.body = gzip.decompress(reply.body)
            return super().text(reply)


class TestQuotesWhatItIsTold(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[credential-quoted]"

    class _Open(http.OpenSource):
        def check(self, reply: http.Reply) -> None:
            if reply.status == 403:
                raise Forbidden(reply.body.decode())
            super().check(reply)


class TestSeesNoErrorInASuccess(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[error-in-success]"

    class _Open(http.OpenSource):
        def accepted(self, value: Any) -> Any:
            return {"rows": [], "total": 0} | value


class TestTakesACutForTheEnd(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-in-body]"

    class _Open(http.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            try:
                yield from super().read(request)
            except Unavailable:
                return


class TestTakesACutHeadForAWholeOne(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-in-head]"

    class _Open(http.OpenSource):
        def answer(self, stream: BinaryIO) -> http.Reply:
            data = stream.read()
            if b"\r\n\r\n" not in data:
                return http.Reply(200, {"content-type": "application/json"}, b'{"rows": [], "total": 0}')
            from io import BytesIO

            return super().answer(BytesIO(data))


class TestTakesMissingChunksForTheEnd(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-in-chunks]"

    class _Open(http.OpenSource):
        def body(self, stream: BinaryIO, headers: dict[str, str]) -> bytes:
            if "transfer-encoding" in headers:
                return stream.read(int(stream.readline(), 16))
            return super().body(stream, headers)


class TestWaitsForEver(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[slow-drip]"
    deadline = 1

    class _Open(http.OpenSource):
        deadline = 30


class TestWaitsByItsOwnClock(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[skewed-wait]"

    class _Open(http.OpenSource):
        def wait(self, reply: http.Reply) -> float:
            return super().wait(reply) + 86_400


class TestTrustsAnyCertificate(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[tls-expired]"

    class _Open(http.OpenSource):
        def secured(self, plain: socket.socket, name: str) -> socket.socket:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return context.wrap_socket(plain, server_hostname=name)


class TestReadsNoNames(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[tls-other-name]"

    class _Open(http.OpenSource):
        def secured(self, plain: socket.socket, name: str) -> socket.socket:
            context = ssl.create_default_context(cafile=str(self.connection.option("ca_file")))
            context.check_hostname = False
            return context.wrap_socket(plain, server_hostname=name)


class TestHammersTheTokenEndpoint(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[unauthorized-storm]"

    class _Open(http.OpenSource):
        def may_renew(self) -> bool:
            return True


class TestReadsTheFirstPageForEver(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[endless-repeats]"

    class _Open(http.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            read = 0
            while rows := self.call("GET", f"/people?offset={read}")["rows"]:
                read += len(rows)
                yield Page(rows, position=read)


class TestReadsPagesForEver(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[endless-pages]"
    _Open = TestReadsTheFirstPageForEver._Open


class TestReadsTheLastPageTwice(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[growing-list]"

    class _Open(http.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            page = None
            for page in super().read(request):
                yield page
            if page is not None:
                yield page


class TestBelievesTheFirstTotal(SourceMutant):
    """Reads again from the start where the total has changed, and so gives records twice."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[shrinking-list]"

    class _Open(http.OpenSource):
        def notes(self, totals: set[int], read: int) -> dict[str, Any]:
            if len(totals) > 1:
                raise ProtocolViolation("the total has changed")
            return {}


class TestNotesNothing(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[sliding-list]"

    class _Open(http.OpenSource):
        def notes(self, totals: set[int], read: int) -> dict[str, Any]:
            return {}


class TestBelievesEveryTotalThatIsMet(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[reordering-list]"

    class _Open(http.OpenSource):
        def end(self, notes: dict[str, Any], seen: list[str]) -> End | None:
            return None if notes else End("total")


class TestBelievesAShortPage(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[capped-pages]"

    class _Open(http.OpenSource):
        def end(self, notes: dict[str, Any], seen: list[str]) -> End | None:
            return End("said")


class TestForgetsTheTotal(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[unmet-total]"
    _Open = TestBelievesAShortPage._Open


class TestTakesASilentPageForTheLast(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[lost-link]"

    class _Open(http.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            read, more = 0, True
            while more:
                value = self.call("GET", f"/people?offset={read}")
                read, more = read + len(value["rows"]), value["more"]
                yield Page(value["rows"], position=read, end=None if more else End("said"))


class TestRepeatsAfterACut(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-after-taken]"

    class _Open(http.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            try:
                return super().deliver(batch)
            except OutcomeUnknown:
                return super().deliver(batch)


class TestTakesACutForAnOutage(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-before-body]"

    class _Open(http.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            try:
                return super().deliver(batch)
            except OutcomeUnknown:
                raise Unavailable("the connection broke") from None


class TestGivesUpOnWhatItCannotRead(TargetMutant):
    """The delivery may have been taken: to fail for good would lose that."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[html-page]"

    class _Open(http.OpenTarget):
        def call(self, method: str, path: str, body: Any = None, *, delivery: bool = False) -> Any:
            return super().call(method, path, body)


class TestAcknowledgesWhatItCannotRead(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[duplicate-names]"

    class _Open(http.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            try:
                return super().deliver(batch)
            except OutcomeUnknown:
                return Answer(len(batch.records))


class TestDeliversWhereItIsRedirected(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[redirect-private]"

    class _Open(http.OpenTarget):
        def send(self, base: str, method: str, path: str, body: Any, delivery: bool) -> http.Reply:
            return followed(self, super().send(base, method, path, body, delivery), method, body)


class TestTakesARefusalForSuccess(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[error-in-success]"

    class _Open(http.OpenTarget):
        def accepted(self, value: Any) -> Any:
            return value


class TestTakesSilenceForAbsence(TargetMutant):
    """Asked, a target that answers nothing has not said that it never took the batch."""

    caught_by = "test_asking_about_a_delivery_ends_as_the_matrix_says[cut-in-body]"

    class _Open(http.OpenTarget):
        def lookup(self, batch: Batch) -> Answer:
            try:
                return super().lookup(batch)
            except Transient:
                return Answer(len(batch.records), absent=frozenset(range(len(batch.records))))


class TestAnswersForTheAbsent(LookupMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[truncated-body]"

    class _Open(http.OpenLookup):
        def ask(self, question: Question) -> dict[str, Any]:
            try:
                return super().ask(question)
            except ProtocolViolation:
                return {"id": question.record["id"]}


class TestTakesACutForARefusal(LookupMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-at-once]"

    class _Open(http.OpenLookup):
        def lost(self, *, delivery: bool, late: bool) -> Any:
            raise RequestRejected("no answer")


class TestCutsDocumentTypesOut(XmlMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[entity-bomb]"

    class _Open(http.OpenXmlLookup):
        def decode(self, text: str) -> Any:
            return super().decode(re.sub(r"<!DOCTYPE.*?\]>|&z;", "", text))


class TestReadsWhatEntitiesPointTo(XmlMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[external-entity]"

    class _Open(http.OpenXmlLookup):
        def harmless(self, root: Any) -> None:
            return


class TestTakesInclusionsForData(XmlMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[xinclude]"
    _Open = TestReadsWhatEntitiesPointTo._Open


class TestRepairsWhatItCannotRead(XmlMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[truncated-body]"

    class _Open(http.OpenXmlLookup):
        def parser(self) -> etree.XMLParser:
            return etree.XMLParser(recover=True, resolve_entities=False)

        def decode(self, text: str) -> Any:
            return super().decode(text or "<answer/>") | {"person": {}}


class TestStopsAtTheFirstPage(SourceMutant):
    """Believes that a connection which ends is the end of the list."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-after-body]"

    class _Open(http.OpenSource):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            yield next(super().read(request))


class TestRefusesAnswersFromTheFuture(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[skewed-clock]"

    class _Open(http.OpenSource):
        def check(self, reply: http.Reply, *, delivery: bool) -> None:
            super().check(reply, delivery=delivery)
            if "date" in reply.headers:
                raise ProtocolViolation("the clocks differ")


class TestTrustsStrangers(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[tls-unknown-issuer]"
    _Open = TestTrustsAnyCertificate._Open


class TestTrustsTheFuture(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[tls-not-yet-valid]"
    _Open = TestTrustsAnyCertificate._Open


class TestTakesAResetForAnOutage(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[cut-in-request]"
    _Open = TestTakesACutForAnOutage._Open


class TestTakesNothingForAnEmptyList(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[says-nothing]"

    class _Open(http.OpenSource):
        def accepted(self, value: Any) -> Any:
            return {"rows": [], "total": 0} | super().accepted({"rows": []} | value)


class TestTakesAnyFailureForAnOutage(TargetMutant):
    """Delivered twice: what stands before the service may have passed the request on."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[failing-in-foreign-words]"

    class _Open(http.OpenTarget):
        def meaning(self, reply: http.Reply, *, delivery: bool) -> Any:
            return Unavailable if reply.status >= 500 else super().meaning(reply, delivery=delivery)


class TestTakesBusyForNotTaken(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[busy]"

    class _Open(http.OpenTarget):
        def meaning(self, reply: http.Reply, *, delivery: bool) -> Any:
            return (
                Unavailable if "retry-after" in reply.headers else super().meaning(reply, delivery=delivery)
            )


class TestReadsAnyStatusBeyondTheStandard(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[odd-status]"

    class _Open(http.OpenSource):
        def meaning(self, reply: http.Reply, *, delivery: bool) -> Any:
            return None if reply.status >= 600 else super().meaning(reply, delivery=delivery)


class TestTakesAProxysWordForTheServices(TargetMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[proxy-refuses]"

    class _Open(http.OpenTarget):
        def meaning(self, reply: http.Reply, *, delivery: bool) -> Any:
            return RequestRejected if 400 <= reply.status < 500 else super().meaning(reply, delivery=delivery)


class TestDoubtsEverything(TargetMutant):
    """What was surely not taken is for nobody to ask about."""

    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[not-taken]"

    class _Open(http.OpenTarget):
        def meaning(self, reply: http.Reply, *, delivery: bool) -> Any:
            return OutcomeUnknown if reply.status not in (200, 401) else None


class TestTakesAPageForNobody(LookupMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[page-not-there]"

    class _Open(http.OpenLookup):
        def ask(self, question: Question) -> dict[str, Any]:
            try:
                return super().ask(question)
            except RequestRejected:
                return {}


class TestTakesAHintForTheAnswer(SourceMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[interim-answers]"

    class _Open(http.OpenSource):
        def answer(self, stream: BinaryIO) -> http.Reply:
            return self.one_answer(stream)


class TestNeverCountsRows(TableMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[swallowed-row]"
    _Open = table.NeverCounts


class TestTakesARuleForTrouble(TableMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[rule-of-a-row]"
    _Open = table.TakesARuleForTrouble


class TestBelievesTheCollation(TableMutant):
    caught_by = "test_a_hostile_counterpart_ends_as_the_matrix_says[merging-keys]"
    _Open = table.BelievesTheCollation
