"""Records delivered to a service, one by one or as a list."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    Expiry,
    Finding,
    Receipt,
    TargetCapabilities,
)
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    Reason,
    Refused,
    RequestRejected,
    Tampered,
)
from lienthong.paths import names
from lienthong.records import Record, key_of, sha256
from lienthong_connectors.soap.answering import Answering
from lienthong_connectors.soap.check import findings
from lienthong_connectors.soap.faults import fault_error, read_fault
from lienthong_connectors.soap.results import Verdict, fail, judge
from lienthong_connectors.soap.service import Request, Service
from lienthong_connectors.soap.settings import ResultCodes, SoapTarget
from lienthong_connectors.soap.template import reach

KNOWN: Final = frozenset({"record", "records", "key", "request", "batch"})
_TAKEN: Final = ("acknowledged", "already")


@dataclass
class _Outcome:
    """What became of a batch's records so far, and the answers it rests on."""

    refused: dict[int, Reason] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    codes: dict[str, None] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    signed_by: str = ""

    def note(self, answering: Answering, code: str, reference: str = "") -> None:
        """Remember an answer for the receipt."""
        self.codes[code[:40]] = None
        self.digests.append(answering.digest)
        self.signed_by = answering.signed_by
        if reference:
            self.references.append(reference)

    def answer(self, total: int) -> Answer:
        """Return the answer, with one receipt over all answers of the service.

        Its digest is that of the answer, or of the answers' digests in their order where there were
        several; the reference is given where there was one.
        """
        receipts: tuple[Receipt, ...] = ()
        if self.digests:
            joined = self.digests[0] if len(self.digests) == 1 else _rolled(self.digests)
            reference = self.references[0] if len(self.references) == 1 else ""
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            receipts = (Receipt(",".join(self.codes), joined, now, reference[:200], self.signed_by),)
        return Answer(total, self.refused, frozenset(self.absent), frozenset(self.unknown), receipts)


class OpenTarget:
    """An open target.

    A delivery record by record that breaks off leaves the rest unknown, which the status query (or
    a repetition, where the service takes one) resolves. A service that has neither gets batches of
    one record, so that nothing is ever in doubt that need not be.
    """

    def __init__(self, settings: SoapTarget, connection: Connection, context: Context) -> None:
        self._settings, self._context = settings, context
        self._service = Service(settings, connection, context)
        self._request = self._service.request(settings.operation, settings.request, KNOWN, delivers=True)
        self._status: Request | None = None
        if settings.status is not None:
            status = settings.status
            self._status = self._service.request(status.operation, status.request, KNOWN - {"records"})
        self._listed = "records" in self._request.names
        settleable = settings.repeatable or settings.status is not None or self._listed
        self.capabilities = TargetCapabilities(
            repeatable=settings.repeatable,
            lookup=settings.status is not None,
            max_batch=settings.max_batch if settleable else 1,
            deadline=settings.deadline,
        )

    def deliver(self, batch: Batch) -> Answer:
        """Send a batch once, as the settings say record by record or as a list."""
        if self._listed:
            return self._deliver_list(batch)
        records = batch.objects()
        outcome = _Outcome()
        for index, record in enumerate(records):
            try:
                self._deliver_one(batch, index, record, outcome)
            except Refused as refused:
                outcome.refused[index] = refused.reasons[0]
            except Tampered:
                raise
            except LienThongError as error:
                if not index:
                    raise
                self._context.log(f"delivery stopped after {index} of {len(records)} records: {error.code}")
                outcome.unknown.update(range(index, len(records)))
                break
        return outcome.answer(len(records))

    def lookup(self, batch: Batch) -> Answer:
        """Ask what became of each record of a batch."""
        if self._status is None or self._settings.status is None:
            raise Misconfigured(
                "the target has no status query", where=self._service.where, hint="set status in the settings"
            )
        codes = self._settings.status.result or self._settings.result
        outcome = _Outcome()
        records = batch.objects()
        for index, record in enumerate(records):
            answering = self._service.answer(self._status, self._scope(batch, index, record)).whole()
            try:
                verdict = self._verdict(answering, codes, record)
            except Refused as refused:
                outcome.refused[index] = refused.reasons[0]
                outcome.note(answering, refused.reasons[0].rule.removeprefix("target."))
                continue
            outcome.note(answering, verdict.code)
            if verdict.meaning == "absent":
                outcome.absent.add(index)
            elif verdict.meaning == "pending":
                outcome.unknown.add(index)
        return outcome.answer(len(records))

    def check(self) -> list[Finding]:
        """Test parameters and connectivity without delivering."""
        requests = [self._request, self._status] if self._status else [self._request]
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

    def _deliver_one(self, batch: Batch, index: int, record: Record, outcome: _Outcome) -> None:
        scope = self._scope(batch, index, record)
        answering = self._service.answer(self._request, scope, delivery=True).whole()
        try:
            verdict = self._verdict(answering, self._settings.result, record)
        except Refused as refused:
            outcome.note(answering, refused.reasons[0].rule.removeprefix("target."))
            raise
        except ProtocolViolation as error:
            raise OutcomeUnknown(
                f"the answer to a delivery says nothing: {error.message}",
                where=self._service.where,
                hint=error.hint,
            ) from None
        outcome.note(answering, verdict.code, self._reference(answering) or verdict.reference)

    def _deliver_list(self, batch: Batch) -> Answer:
        outcome, total = _Outcome(), len(batch.records)
        only: Record | None = orjson.loads(batch.records[0]) if total == 1 else None
        scope = {**self._scope(batch, 0, only or {}), "records": _Scopes(self._scope, batch)}
        scope["request"] = {"id": batch.id[:32]}
        try:
            self._deliver_whole(scope, outcome, only)
        except Refused as refused:
            if total > 1:
                raise RequestRejected(
                    "the service refused the whole list", where=self._service.where, **refused.details
                ) from None
            outcome.refused[0] = refused.reasons[0]
        return outcome.answer(total)

    def _deliver_whole(self, scope: Mapping[str, Any], outcome: _Outcome, record: Record | None) -> None:
        answering = self._service.answer(self._request, scope, delivery=True).whole()
        try:
            verdict = self._verdict(answering, self._settings.result, record or {})
        except ProtocolViolation as error:
            raise OutcomeUnknown(error.message, where=self._service.where, hint=error.hint) from None
        outcome.note(answering, verdict.code, self._reference(answering) or verdict.reference)

    def _verdict(self, answering: Answering, codes: ResultCodes, record: Record) -> Verdict:
        """Return what an answer says of a record; raise what a fault or a bad code means."""
        where = self._service.where
        if answering.fault is not None:
            fault, table = read_fault(answering.fault), self._settings.faults
            doubtful = answering.delivery and not answering.not_taken
            raise fault_error(fault, table, where=where, record=record, delivery=doubtful)
        verdict = judge(answering.body, codes, where=where)
        open_ = verdict.meaning in ("absent", "pending") and not answering.delivery
        if verdict.meaning not in _TAKEN and not open_:
            fail(verdict, where=where, record=record, delivery=answering.delivery)
        return verdict

    def _reference(self, answering: Answering) -> str:
        path = self._settings.reference
        value = reach(answering.body, names(path)) if path else None
        return "" if value is None or isinstance(value, (dict, list)) else str(value)

    def _scope(self, batch: Batch, index: int, record: Record) -> dict[str, Any]:
        data = batch.records[index] if batch.records else b""
        return {
            "record": record,
            "key": key_of(record, batch.key) if batch.key else "",
            "request": {"id": sha256(batch.root.encode() + data)[:32]},
            "batch": {"id": batch.id},
        }


class _Scopes:
    """The scopes of a batch's records, each made when it is asked for, as often as they are."""

    def __init__(self, make: Callable[[Batch, int, Record], dict[str, Any]], batch: Batch) -> None:
        self._make, self._batch = make, batch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for index, data in enumerate(self._batch.records):
            yield self._make(self._batch, index, orjson.loads(data))


def _rolled(digests: Sequence[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
