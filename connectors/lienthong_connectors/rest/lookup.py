"""What became of a delivery: asked by the batch's id, or record by record."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import orjson

from lienthong.connector import Answer, Batch, Receipt
from lienthong.errors import Misconfigured
from lienthong.paths import below
from lienthong.records import Record, key_of
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Answered, Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.rest.decode import decode_reply
from lienthong_connectors.rest.jobs import Jobs
from lienthong_connectors.rest.outcome import EVERY_FIELD, StatusLookup
from lienthong_connectors.rest.paths import MISSING, as_text, at, fill, text_at
from lienthong_connectors.rest.receipts import receipt, record_id
from lienthong_connectors.rest.settings_target import RestTarget
from lienthong_connectors.rest.tally import Tally, apply_results
from lienthong_connectors.rest.yes import failing, refuse_page


class Asker:
    """Asks a target about batches, as its settings' `StatusLookup` says."""

    def __init__(
        self, settings: RestTarget, client: Client, names: Mapping[str, Any], jobs: Jobs | None = None
    ) -> None:
        self._settings, self._client, self._names = settings, client, names
        self._jobs = jobs

    def lookup(self, batch: Batch) -> Answer:
        """Return what became of each record; raise where the question itself fails."""
        status, tally = self._settings.status, Tally(len(batch.records))
        if status is None and self._jobs is None:
            raise Misconfigured("this target cannot be asked", hint="give the settings a status")
        left = set(range(tally.total)) if self._jobs is None else self._jobs.ask(batch, tally)
        if left and status is None:
            tally.unknown.update(left)
        elif left and status is not None:
            found = Tally(tally.total)
            by = self._by_batch if status.per == "batch" else self._by_record
            by(status, batch, found)
            tally.adopt(found, left)
            tally.receipts += found.receipts
        return tally.answer_to_lookup()

    def _by_batch(self, status: StatusLookup, batch: Batch, tally: Tally) -> None:
        value, answered = self._ask(status, {"id": batch.id})
        if value is MISSING:
            tally.absent.update(range(tally.total))
            return
        tally.receipts.append(self._receipt(status, value, answered))
        results = status.results or self._settings.results
        if results is not None:
            apply_results(tally, value, results, batch, range(tally.total), where=self._client.where.strip())
        elif status.envelope is None and failing(value):
            tally.unknown.update(range(tally.total))

    def _by_record(self, status: StatusLookup, batch: Batch, tally: Tally) -> None:
        def one(record: bytes) -> tuple[bool | None, Receipt | None]:
            content: Record = orjson.loads(record)
            names = {"id": record_id(batch, record), "key": key_of(content, batch.key), "record": content}
            value, answered = self._ask(status, names)
            if value is not MISSING and status.envelope is None and failing(value, content):
                return None, None
            taken = value is not MISSING and _holds(at(value, status.found), content, status)
            return taken, self._receipt(status, value, answered) if taken else None

        with ThreadPoolExecutor(status.parallel, thread_name_prefix="rest-lookup") as pool:
            for index, (taken, proof) in enumerate(pool.map(one, batch.records)):
                if taken is None:  # the answer says that something went wrong
                    tally.unknown.add(index)
                elif not taken:
                    tally.absent.add(index)
                if proof is not None:
                    tally.receipts.append(proof)

    def _ask(self, status: StatusLookup, names: Mapping[str, Any]) -> tuple[Any, Answered]:
        """Ask one question; `MISSING` stands for an answer that says absent."""
        where = f"{self._client.where}/{status.path.lstrip('/')}"
        answered = self._client.call(self._call(status, {**self._names, **names}))
        if answered.reply.status in status.absent_statuses:
            refuse_page(answered.reply, self._settings.content_types, where=where)
            return MISSING, answered
        if error := failure(answered.reply, where=where, safe=True):
            raise error
        value = decode_reply(answered.reply, self._settings.content_types, where=where).value
        if status.envelope is not None:
            code = text_at(value, status.envelope.code_path)
            if code in status.absent_codes or status.envelope.meaning(code) == "absent":
                return MISSING, answered
            if error := status.envelope.failure(value, where=where):
                raise error
        return value, answered

    def _call(self, status: StatusLookup, names: Mapping[str, Any]) -> Call:
        path = status.path
        for name in ("id", "key"):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", quote(as_text(names.get(name, "")), safe=""))
        params = {name: as_text(value) for name, value in fill(status.params, names).items()}
        body, headers = None, dict(self._settings.headers)
        if status.body is not None:
            body = orjson.dumps(fill(status.body, names))
            headers["Content-Type"] = "application/json"
        return Call(status.method, path, params, body, headers, label="/" + status.path.lstrip("/"))

    def _receipt(self, status: StatusLookup, value: Any, answered: Answered) -> Receipt:
        code = text_at(value, status.envelope.code_path) if status.envelope else ""
        return receipt(answered, code or str(answered.reply.status), text_at(value, self._settings.reference))


def _holds(found: Any, ours: Record, status: StatusLookup) -> bool:
    """Tell whether what was found is the record that we sent, and not an older version of it."""
    candidates = found if isinstance(found, list) else [found]
    return any(isinstance(item, dict) and item and _equals(item, ours, status) for item in candidates)


def _equals(theirs: Record, ours: Record, status: StatusLookup) -> bool:
    if status.version:
        return _order(text_at(theirs, status.version)) >= _order(text_at(ours, status.version))
    every = status.compare == EVERY_FIELD
    fields = tuple(below("", name) for name in ours) if every else status.compare
    return all(_plain(at(theirs, name)) == _plain(at(ours, name)) for name in fields)


def _order(version: str) -> tuple[int, str]:
    """Return what versions are ordered by: numbers as numbers, anything else as text."""
    return (int(version), "") if version.isdecimal() and len(version) < 30 else (-1, version)


def _plain(value: Any) -> Any:
    """Return a value without the differences that systems make: numbers as text, nothing as empty."""
    if value is MISSING or value is None:
        return ""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if _plain(item) != ""}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return as_text(value)
