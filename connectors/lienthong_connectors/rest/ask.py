"""An open REST look-up: one question, one answer, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from lienthong.connector import Connection, Context, Expiry, Finding, Question
from lienthong.errors import Misconfigured, Reason, Refused, RequestRejected
from lienthong.exchange import Text
from lienthong.records import Record
from lienthong_connectors.codes import told
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.status import agency_words, failure
from lienthong_connectors.http.transport import Limits, Reply
from lienthong_connectors.rest.check import check_path
from lienthong_connectors.rest.decode import decode_reply
from lienthong_connectors.rest.names import connection_names
from lienthong_connectors.rest.paths import MISSING, as_text, at, fill, fill_path, text_at
from lienthong_connectors.rest.settings_lookup import RestLookup
from lienthong_connectors.rest.tally import target_reason
from lienthong_connectors.rest.yes import failing, refuse_page

_NOBODY = Text("Hệ thống không tìm thấy", "The service found nothing")
_SEVERAL = Text("Hệ thống trả về nhiều kết quả", "The service found more than one")
_NO_QUESTION = Text(
    "Không lập được câu hỏi: bản ghi thiếu {}", "No question can be asked: the record has no {}"
)
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class OpenRestLookup:
    """Asks the service that the settings describe; asking has no effect, so it may be repeated."""

    def __init__(self, settings: RestLookup, connection: Connection, context: Context) -> None:
        limits = Limits(
            idle=settings.timeout, total=settings.deadline, answer_bytes=settings.max_answer_bytes
        )
        if connection.option("auth") == "dvcqg-session" and settings.body is None:
            raise Misconfigured(
                "a session travels in the body, and this question has none",
                where=f"connection {connection.id!r}",
                hint="ask by POST with a body",
            )
        self._settings = settings
        self._client = Client(connection, context, limits, settings.signature, rates=settings.rates)
        self._names = connection_names(connection)
        self._label = "/" + settings.path.lstrip("/")
        self._where = f"{self._client.where}{self._label}"

    def ask(self, question: Question) -> Record:
        """Return the answer as a record; raise `Refused` where this record cannot be answered."""
        settings, record = self._settings, question.record
        reply = self._client.call(self._call(question)).reply
        if reply.status in settings.absent_statuses:
            refuse_page(reply, settings.content_types, where=self._where)
            return self._nobody()
        if reply.status in settings.refused_statuses:
            code, text = agency_words(reply.body)
            raise self._refused(code or str(reply.status), Text(text, text), record)
        if error := failure(reply, where=self._where, safe=True):
            raise error
        return self._read(reply, record)

    def check(self) -> list[Finding]:
        """Test settings, reachability, credentials and the path, without asking about anybody."""
        return check_path(self._client, self._settings.path)

    def expiries(self) -> list[Expiry]:
        """Return what of the connection ends on a day."""
        return self._client.expiries()

    def clock_ahead(self) -> float | None:
        """Return by how many seconds our clock is ahead of the other side's, where an answer said so."""
        return self._client.clock_ahead()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _read(self, reply: Reply, record: Record) -> Record:
        settings, envelope = self._settings, self._settings.envelope
        value = decode_reply(reply, settings.content_types, where=self._where).value
        if envelope is not None:
            code = text_at(value, envelope.code_path)
            meaning = envelope.meaning(code)
            if code in settings.absent_codes or meaning == "absent":
                return self._nobody()
            if code in settings.refused_codes or meaning in {"refused", "exists"}:
                said = told(envelope.entry(code), text_at(value, envelope.message_path))
                raise self._refused(code, said, record)
            if error := envelope.failure(value, where=self._where):
                raise error
        found = at(value, settings.answer)
        if found is MISSING and envelope is None and (wrong := failing(value)):
            raise RequestRejected(
                f"the answer has nothing at {settings.answer!r}; {wrong!r} says that something went wrong",
                where=self._where,
                hint="describe how the service tells this: envelope of the settings",
            )
        return self._chosen(found)

    def _chosen(self, value: Any) -> Record:
        if isinstance(value, list):
            if len(value) > 1:
                raise _reasoned("ambiguous", _SEVERAL, self._where)
            value = value[0] if value else None
        if value is MISSING or value in (None, "", {}):
            return self._nobody()
        return value if isinstance(value, dict) else {"value": value}

    def _nobody(self) -> Record:
        if self._settings.required:
            raise _reasoned("not-found", _NOBODY, self._where)
        return {}

    def _refused(self, code: str, text: Text, record: Record) -> Refused:
        reason = target_reason(code, text, record)
        return Refused("the service refused the question", where=self._where, reasons=(reason,))

    def _call(self, question: Question) -> Call:
        settings = self._settings
        names = {
            **self._names,
            "record": question.record,
            "question": {"id": question.id},
            "officer": question.officer,
            "procedure": question.procedure,
            "purpose": question.purpose,
        }
        try:
            path = fill_path(settings.path, names)
            params = _texts(fill(settings.params, names))
            headers = {name: _header(text) for name, text in _texts(fill(settings.headers, names)).items()}
            body = None if settings.body is None else orjson.dumps(fill(settings.body, names))
        except Misconfigured as error:
            name = str(error.details.get("name", ""))
            if not name.startswith("record."):
                raise
            field = name.removeprefix("record.")
            text = Text(_NO_QUESTION.vi.format(field), _NO_QUESTION.en.format(field))
            raise _reasoned("request", text, self._where) from None
        if body is not None:
            headers = {"Content-Type": "application/json", **headers}
        return Call(settings.method, path, params, body, headers, self._label, correlation=question.id)


def _reasoned(rule: str, text: Text, where: str) -> Refused:
    return Refused(text.en, where=where, reasons=(Reason("", f"target.{rule}", text.vi, text.en),))


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: as_text(value) for name, value in values.items()}


def _header(text: str) -> str:
    """Return a header's value; what is not printable ASCII is percent-encoded as UTF-8 (RFC 3986)."""
    return text if text.isascii() and text.isprintable() else quote(text, safe=_PRINTABLE.replace("%", ""))
