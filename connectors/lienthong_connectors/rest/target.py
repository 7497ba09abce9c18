"""An open REST target: a batch or a record is sent once, and every record gets an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from lienthong.connector import Answer, Batch, Connection, Context, Expiry, Finding, TargetCapabilities
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    RequestRejected,
    Tampered,
    Unavailable,
)
from lienthong.exchange import Text
from lienthong.records import key_of
from lienthong_connectors.codes import told
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Answered, Client
from lienthong_connectors.http.status import agency_words, failure, retry_after
from lienthong_connectors.http.transport import Limits, Streamed
from lienthong_connectors.rest.attachments_out import Packer
from lienthong_connectors.rest.check import check_path
from lienthong_connectors.rest.decode import decode_reply
from lienthong_connectors.rest.jobs import Jobs
from lienthong_connectors.rest.lookup import Asker
from lienthong_connectors.rest.names import connection_names
from lienthong_connectors.rest.numbers import with_numbers
from lienthong_connectors.rest.outcome import CreateThenUpdate
from lienthong_connectors.rest.paths import MISSING, as_text, at, fill, references, text_at
from lienthong_connectors.rest.receipts import receipt, record_id, update_id
from lienthong_connectors.rest.settings_target import Outcome, RestTarget
from lienthong_connectors.rest.singly import record_headers, record_text
from lienthong_connectors.rest.success import Success
from lienthong_connectors.rest.tally import Tally, apply_results
from lienthong_connectors.rest.yes import doubt, json_doubt

_JSON, _FILE, _LINES = "application/json", "application/octet-stream", "application/x-ndjson"
_WHOLE_BODY = frozenset({"dvcqg-session"})
_RECORD_FAULTS = frozenset({400, 409, 412, 413, 422})


class OpenRestTarget:
    """Delivers to the service that the settings describe; see `RestTarget`."""

    def __init__(self, settings: RestTarget, connection: Connection, context: Context) -> None:
        limits = Limits(
            idle=settings.timeout, total=settings.deadline, answer_bytes=settings.max_answer_bytes
        )
        self.capabilities = _capabilities(settings)
        if connection.option("auth") == "dvcqg-session" and settings.wrap is None:
            raise Misconfigured(
                "a session travels in the body, which must be an object",
                where=f"connection {connection.id!r}",
                hint='give a wrap such as {"service": "DongBoHoSoMC", "data": "$records"}',
            )
        self._settings, self._context = settings, context
        self._client = Client(connection, context, limits, settings.signature, rates=settings.rates)
        self._names = connection_names(connection)
        self._where = f"{self._client.where}/{settings.path.lstrip('/')}"
        later = settings.accepted
        self._jobs = Jobs(settings, later, self._client, self._names) if later else None
        self._media = _LINES if settings.mode == "ndjson" else _JSON if settings.text is None else _FILE
        self._packer = self._packing(connection)
        self._asker = Asker(settings, self._client, self._names, self._jobs)
        self._success = settings.success or Success()

    def deliver(self, batch: Batch) -> Answer:
        """Send a batch once; see `lienthong.connector.RecordTarget`.

        In single mode an error after the first record does not raise: what was sent is answered
        for, the rest is unknown.
        """
        tally = Tally(len(batch.records))
        if not batch.records:
            return tally.answer()
        if self._settings.mode == "single":
            self._deliver_singly(batch, tally)
        else:
            everything = range(len(batch.records))
            self._send(
                batch, everything, tally, batch.id, self._settings.upsert and self._settings.upsert.create
            )
            self._update_existing(batch, tally)
        return tally.answer()

    def lookup(self, batch: Batch) -> Answer:
        """Ask what became of a batch; see `Accepted` and `StatusLookup`."""
        return self._asker.lookup(batch)

    def check(self) -> list[Finding]:
        """Test settings, reachability, credentials and the path, without delivering anything."""
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

    def _packing(self, connection: Connection) -> Packer | None:
        """Return what sends attachments; raise `Misconfigured` where nothing can."""
        settings, store = self._settings.attachments, self._context.attachments
        if settings is None:
            return None
        streams = connection.option("auth") not in _WHOLE_BODY
        if store is None:
            raise Misconfigured(
                "there is no store for attachments", where=self._where, hint="run inside the bus"
            )
        if not streams:
            said = "this authentication writes into each body, which attachments cannot pass through"
            raise Misconfigured(said, where=self._where, hint="use another auth, or no attachments")
        return Packer(settings, store, self._client, where=self._where)

    def _update_existing(self, batch: Batch, tally: Tally) -> None:
        """Send again, as updates, the records that were refused because they exist already."""
        upsert = self._settings.upsert
        if upsert is None:
            return
        existing = sorted(i for i in tally.refused if self._exists(upsert, tally.codes.get(i, "")))
        if not existing:
            return
        for index in existing:
            del tally.refused[index]
        try:
            self._send(batch, existing, tally, update_id(batch, existing), upsert.update)
        except Tampered:
            raise
        except LienThongError as error:
            self._context.log(f"update of {len(existing)} existing records: {error.code}")
            for index in existing:
                tally.unknown.add(index) if isinstance(error, OutcomeUnknown) else tally.postpone(index)

    def _exists(self, upsert: CreateThenUpdate, code: str) -> bool:
        results = self._settings.results
        if upsert.exists_codes or results is None:
            return code in upsert.exists_codes
        return results.meaning(code) == "exists"

    def _deliver_singly(self, batch: Batch, tally: Tally) -> None:
        for index, record in enumerate(batch.records):
            try:
                self._send(batch, (index,), tally, record_id(batch, record), None)
            except RequestRejected as error:
                status = error.details.get("status")
                if status is not None and status not in _RECORD_FAULTS:
                    self._stop(tally, index, error)
                    return
                code = str(error.details.get("agency_code") or status or "rejected")
                said = Text(error.details.get("vi", error.message), error.details.get("en", error.message))
                tally.refuse(index, code, said, record)
            except Tampered:
                raise
            except LienThongError as error:
                self._stop(tally, index, error)
                return

    def _stop(self, tally: Tally, index: int, error: LienThongError) -> None:
        """Leave off at a record; what was not sent is unknown, and surely not taken."""
        if index == 0:
            raise error
        self._context.log(f"stopped at record {index + 1} of {tally.total}: {error.code}")
        tally.unknown.add(index)
        if not isinstance(error, OutcomeUnknown):
            tally.postpone(index)
        for later in range(index + 1, tally.total):
            tally.postpone(later)

    def _send(self, batch: Batch, indices: Sequence[int], tally: Tally, key: str, flag: Any) -> None:
        """Send some records in one request and note what became of them."""
        answered = self._client.call(self._call(batch, indices, key, flag))
        outcome = self._outcome(answered)
        if outcome == "refused":
            code, text = agency_words(answered.reply.body)
            for index in indices:
                said = told(None, text)
                tally.refuse(index, code or str(answered.reply.status), said, batch.records[index])
        value = self._value(answered, [batch.records[i] for i in indices]) if outcome is None else None
        if self._jobs is not None and outcome is None and self._accepts(answered):
            self._jobs.accept(answered, value, indices, tally)
            return
        status = str(answered.reply.status)
        if outcome is None and self._settings.results is not None:
            try:
                apply_results(tally, value, self._settings.results, batch, indices, where=self._where)
            except ProtocolViolation as error:
                raise self._unreadable(error) from None
        if self._settings.envelope is not None and value is not None:
            status = text_at(value, self._settings.envelope.code_path) or status
        tally.receipts.append(receipt(answered, status, text_at(value, self._settings.reference)))

    def _call(self, batch: Batch, indices: Sequence[int], key: str, flag: Any) -> Call:
        settings = self._settings
        names: dict[str, Any] = {**self._names, "id": key}
        if settings.mode == "single":
            names["key"] = key_of(orjson.loads(batch.records[indices[0]]), batch.key)
        headers = {"Content-Type": self._media, **self._headers(batch, indices, names)}
        if settings.text == "":
            del headers["Content-Type"]
        if settings.key_header:
            headers[settings.key_header] = key
        path = settings.path.replace("{key}", quote(str(names.get("key", "")), safe=""))
        label = "/" + settings.path.lstrip("/")
        records = [batch.records[i] for i in indices]
        body: bytes | Streamed = self._body(
            list(map(self._packer.prepared, records)) if self._packer else records, names, flag
        )
        if self._packer is not None and isinstance(body, bytes):
            body, headers["Content-Type"] = self._packer.packed(body, headers["Content-Type"])
        params = {name: as_text(value) for name, value in fill(settings.params, self._names).items()}
        return Call(settings.method, path, params, body, headers, label, safe=False, correlation=key)

    def _headers(self, batch: Batch, indices: Sequence[int], names: Mapping[str, Any]) -> dict[str, str]:
        """Return the settings' headers, filled with what a single record says."""
        headers = self._settings.headers
        if "record" in references(headers):
            names = {**names, "record": orjson.loads(batch.records[indices[0]])}
        return record_headers(headers, names, where=self._where)

    def _body(self, records: Sequence[bytes], names: Mapping[str, Any], flag: Any) -> bytes:
        """Return the body's bytes; canonical record bytes go into it as they are."""
        settings = self._settings
        if settings.numbers:
            records = [with_numbers(record, settings.numbers) for record in records]
        if settings.mode == "ndjson":
            return b"\n".join(records) + b"\n"
        if settings.text is not None:
            record = orjson.loads(records[0])
            return record_text(record, settings.text, where=self._where) if settings.text else b""
        content = records[0] if settings.mode == "single" else b"[" + b",".join(records) + b"]"
        if settings.wrap is None:
            return content
        place = "record" if settings.mode == "single" else "records"
        body = fill(settings.wrap, {**names, place: orjson.Fragment(content)})
        if settings.upsert is not None:
            body[settings.upsert.flag] = flag
        return orjson.dumps(body)

    def _outcome(self, answered: Answered) -> Outcome | None:
        """Return what the settings say of a status; raise where it is an error; None for a success."""
        reply = answered.reply
        said = self._settings.statuses.get(reply.status)
        if said in {"taken", "refused"}:
            return said
        if said is None:
            transactional = self._settings.transactional
            if error := failure(reply, where=self._where, safe=False, transactional=transactional):
                raise error
            if not self._declared(reply.status):
                raise OutcomeUnknown(
                    f"the target answered {reply.status}, which the settings do not declare a success",
                    where=self._where,
                    hint=f"if it is one: success=Success(statuses=({reply.status},)); see also accepted",
                )
            return None
        code, text = agency_words(reply.body)
        message = f"the target answered {reply.status}{f': {text}' if text else ''}"
        if said == "rejected":
            raise RequestRejected(message, where=self._where, status=reply.status, agency_code=code)
        kind = Unavailable if said == "unavailable" else OutcomeUnknown
        raise kind(message, where=self._where, retry_after=retry_after(reply))

    def _declared(self, status: int) -> bool:
        """Tell whether a status is one of a success; 207 is one where each record has a result."""
        settings = self._settings
        also = {207} if settings.results is not None else set()
        also |= {settings.accepted.status} if settings.accepted is not None else set()
        return status in self._success.statuses or status in also

    def _value(self, answered: Answered, sent: Sequence[bytes]) -> Any:
        """Return the JSON of a success, None where nothing is to be read from it.

        Raises `OutcomeUnknown` for an answer that is no yes (see `Success`), and what an envelope means.
        """
        settings, reply = self._settings, answered.reply
        if self._accepts(answered) and settings.accepted is not None:
            at_header = settings.envelope is None and settings.accepted.location.startswith("header:")
            if at_header or not reply.body:
                return None
        elif settings.envelope is None and settings.results is None and not settings.reference:
            self._clear(doubt(reply, self._success, settings.content_types, len(sent), _names(sent)))
            return None
        try:
            value = decode_reply(reply, settings.content_types, where=self._where).value
        except ProtocolViolation as error:
            raise self._unreadable(error) from None
        if not self._accepts(answered):
            self._promised(value, sent)
        elif settings.envelope is not None:
            self._judged(settings.envelope.failure(value, where=self._where, delivery=True))
        return value

    def _promised(self, value: Any, sent: Sequence[bytes]) -> None:
        """Raise where a success's JSON lacks what the settings promise, or says that it is none."""
        settings, success, envelope = self._settings, self._success, self._settings.envelope
        if envelope is not None:
            self._judged(envelope.failure(value, where=self._where, delivery=True))
        told = settings.results is not None or (envelope is not None and envelope.says(value))
        if not told and settings.reference and not text_at(value, settings.reference):
            self._clear(f"it has no reference at {settings.reference!r}")
        if not told:
            self._clear(json_doubt(value, success, len(sent), _names(sent)))
        elif absent := [path for path in success.members if at(value, path) in (MISSING, None, "")]:
            self._clear(f"it has nothing at {absent[0]!r}")

    def _judged(self, failed: LienThongError | None) -> None:
        if failed is not None:
            raise self._unreadable(failed) if isinstance(failed, ProtocolViolation) else failed

    def _clear(self, why: str) -> None:
        if why:
            raise OutcomeUnknown(
                f"the target's answer is no clear yes: {why}",
                where=self._where,
                hint="ask the target before repeating; if this is how it says yes, describe it: envelope, "
                "results or success of the settings",
            )

    def _accepts(self, answered: Answered) -> bool:
        accepted = self._settings.accepted
        return accepted is not None and answered.reply.status == accepted.status

    def _unreadable(self, error: ProtocolViolation) -> OutcomeUnknown:
        """Say that a success cannot be read: the records may have been taken."""
        return OutcomeUnknown(
            f"the target's answer cannot be read: {error.message}", where=self._where, hint=error.hint
        )


def _names(records: Sequence[bytes]) -> frozenset[str]:
    """Return the names of members that the first record has, which an answer may repeat."""
    first = orjson.loads(records[0]) if records else {}
    return frozenset(first) if isinstance(first, dict) else frozenset()


def _capabilities(settings: RestTarget) -> TargetCapabilities:
    found = TargetCapabilities(
        repeatable=settings.repeatable,
        lookup=settings.status is not None or settings.accepted is not None,
        max_batch=settings.max_batch,
        keyed=settings.repeatable or (settings.status is not None and settings.status.per == "batch"),
        deadline=settings.deadline,
    )
    if settings.accepted is None:
        return found
    return replace(found, patience=settings.accepted.most_seconds, questions=settings.accepted.most_polls)
