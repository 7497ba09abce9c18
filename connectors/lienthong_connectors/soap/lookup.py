"""One question per record: the population database and its like."""

from __future__ import annotations

from typing import Any, Final

from lienthong.connector import Connection, Context, Expiry, Finding, Question
from lienthong.errors import Refused
from lienthong.paths import names
from lienthong.records import Record
from lienthong_connectors.soap.check import findings
from lienthong_connectors.soap.faults import fault_error, read_fault, refusal
from lienthong_connectors.soap.results import fail, judge
from lienthong_connectors.soap.service import Service
from lienthong_connectors.soap.settings import SoapLookup
from lienthong_connectors.soap.template import reach

KNOWN: Final = frozenset({"record", "question", "officer", "procedure", "purpose"})


class OpenLookup:
    """An open look-up service; asking has no effect, so every failure may be repeated."""

    def __init__(self, settings: SoapLookup, connection: Connection, context: Context) -> None:
        self._settings = settings
        self._service = Service(settings, connection, context)
        self._request = self._service.request(settings.operation, settings.request, KNOWN)

    def ask(self, question: Question) -> Record:
        """Return the answer as a record; raise `Refused` where this record cannot be answered."""
        scope = {
            "record": question.record,
            "question": {"id": question.id},
            "officer": question.officer,
            "procedure": question.procedure,
            "purpose": question.purpose,
        }
        where = self._service.where
        answering = self._service.answer(self._request, scope).whole()
        if answering.fault is not None:
            fault = read_fault(answering.fault)
            raise fault_error(fault, self._settings.faults, where=where, record=question.record)
        if self._settings.result is not None:
            verdict = judge(answering.body, self._settings.result, where=where)
            if verdict.meaning not in ("acknowledged", "already"):
                fail(verdict, where=where, record=question.record)
        return self._chosen(answering.body)

    def check(self) -> list[Finding]:
        """Test parameters and connectivity without asking about anybody."""
        return findings(self._service, self._request)

    def expiries(self) -> list[Expiry]:
        """Return what of the connection ends on a day."""
        return self._service.wire.client.expiries()

    def clock_ahead(self) -> float | None:
        """Return by how many seconds our clock is ahead of the other side's, where an answer said so."""
        return self._service.wire.client.clock_ahead()

    def close(self) -> None:
        """Close the connection."""
        self._service.close()

    def _chosen(self, body: Any) -> Record:
        path = self._settings.answer_element
        value = reach(body, names(path)) if path else body
        if isinstance(value, list):
            if len(value) > 1:
                raise _nothing(
                    "ambiguous", "hệ thống trả về nhiều kết quả", "the service found more than one"
                )
            value = value[0] if value else None
        if value in (None, "", {}):
            if not self._settings.required:
                return {}
            raise _nothing("not-found", "hệ thống không tìm thấy", "the service found nothing")
        return value if isinstance(value, dict) else {"value": value}


def _nothing(code: str, vi: str, en: str) -> Refused:
    return refusal(code, vi, en)
