"""A connector to a system that lives in memory: the smallest one that passes the suite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    End,
    Finding,
    Page,
    Question,
    ReadRequest,
    Receipt,
    SourceCapabilities,
    TargetCapabilities,
    option,
)
from lienthong.errors import LienThongError, OutcomeUnknown, Reason, Refused, Unauthenticated, Unavailable
from lienthong.records import key_of, sha256


@dataclass
class System:
    """What stands in for an agency's system; found by the connection's host."""

    password: str
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: dict[str, Answer] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    cut: bool = False


SYSTEMS: dict[str, System] = {}


def system_of(connection: Connection) -> System:
    """Log in."""
    system = SYSTEMS.get(connection.host)
    if system is None:
        raise Unavailable("the system does not answer", where=connection.host)
    if connection.password != system.password:
        raise Unauthenticated("the login is not accepted", where=connection.host)
    return system


class Open:
    """The part that the three open connectors share."""

    def __init__(self, settings: Any, connection: Connection, context: Context) -> None:
        self.settings, self.connection, self.context = settings, connection, context

    def check(self) -> list[Finding]:
        try:
            system_of(self.connection)
        except LienThongError as error:
            return [Finding("login", ok=False, detail=str(error))]
        return [Finding("login", ok=True)]

    def close(self) -> None:
        return


class OpenSource(Open):
    capabilities = SourceCapabilities(incremental=True)

    def read(self, request: ReadRequest) -> Iterator[Page]:
        rows = self.rows(request)
        begin, size = request.position or 0, self.settings.page_size
        end = len(rows) if request.limit is None else min(len(rows), begin + request.limit)
        for start in range(begin, end, size):
            stop = min(start + size, end)
            self.context.log(f"read {stop - start} records")
            page = self.page(rows[start:stop], stop)
            yield replace(page, end=End("order")) if stop == len(rows) else page
        if begin >= end and end == len(rows):
            yield Page([], position=begin, end=End("order"))

    def rows(self, request: ReadRequest) -> list[dict[str, Any]]:
        rows = list(system_of(self.connection).rows.values())
        return [row for row in rows if request.since is None or row["changed"] > request.since]

    def page(self, rows: list[dict[str, Any]], stop: int) -> Page:
        return Page(rows, position=stop)


class OpenTarget(Open):
    capabilities = TargetCapabilities(repeatable=True, lookup=True, max_batch=1000)

    def deliver(self, batch: Batch) -> Answer:
        system = system_of(self.connection)
        if batch.id not in system.taken:
            system.taken[batch.id] = self.take(system, batch)
        if system.cut:
            raise OutcomeUnknown("the connection broke", where=self.connection.host)
        return system.taken[batch.id]

    def take(self, system: System, batch: Batch) -> Answer:
        refused = {}
        for number, record in enumerate(batch.objects()):
            if record["name"] == "refuse me":
                refused[number] = self.reason(record)
            else:
                system.rows[key_of(record, batch.key)] = record
        return Answer(len(batch.records), refused, receipts=(self.receipt(batch),) if batch.records else ())

    def reason(self, record: dict[str, Any]) -> Reason:
        return Reason("/name", "target.name", "tên không được chấp nhận", "the name is not accepted")

    def receipt(self, batch: Batch) -> Receipt:
        return Receipt("ok", sha256(batch.id.encode()), "2026-03-01T08:00:00Z", reference=batch.id)

    def lookup(self, batch: Batch) -> Answer:
        everything = frozenset(range(len(batch.records)))
        known = system_of(self.connection).taken.get(batch.id)
        return known or Answer(len(batch.records), absent=everything)


class OpenLookup(Open):
    def ask(self, question: Question) -> dict[str, Any]:
        system = system_of(self.connection)
        system.asked.append(self.note(question))
        if question.record["id"] not in system.rows:
            raise Refused(reasons=(Reason("/id", "lookup.unknown", "không tìm thấy", "not found"),))
        return self.answer(system.rows[question.record["id"]])

    def note(self, question: Question) -> dict[str, str]:
        return {name: getattr(question, name) for name in ("id", "officer", "procedure", "purpose")}

    def answer(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"name": row["name"]}


@dataclass(frozen=True, slots=True)
class MemorySource:
    kind: ClassVar[str] = "memory"
    open_as: ClassVar[Any] = OpenSource

    page_size: int = option(4, doc="records of one page")

    def open_source(self, connection: Connection, context: Context) -> Any:
        return self.open_as(self, connection, context)


@dataclass(frozen=True, slots=True)
class MemoryTarget:
    kind: ClassVar[str] = "memory"
    open_as: ClassVar[Any] = OpenTarget

    def open_target(self, connection: Connection, context: Context) -> Any:
        return self.open_as(self, connection, context)


@dataclass(frozen=True, slots=True)
class MemoryLookup:
    kind: ClassVar[str] = "memory"
    open_as: ClassVar[Any] = OpenLookup

    def open_lookup(self, connection: Connection, context: Context) -> Any:
        return self.open_as(self, connection, context)


def made_of(settings: type, opened: type) -> Any:
    """Return settings that open the given class."""
    return type(settings.__name__, (settings,), {"open_as": opened})()
