"""What an author of exchanges writes to deliver to a REST service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lienthong.connector import Connection, Context, RecordTarget, option
from lienthong_connectors.rest.paths import references
from lienthong_connectors.rest.settings_common import (
    JSON_TYPES,
    MEGABYTE,
    check_paths,
    check_transport,
    require,
)

if TYPE_CHECKING:  # 200 DAG files import this: what an author does not use is not loaded
    from lienthong_connectors.http.rate import RateLimit
    from lienthong_connectors.http.signature import HttpSignature
    from lienthong_connectors.rest.accepted import Accepted
    from lienthong_connectors.rest.attachment_settings import Attachments
    from lienthong_connectors.rest.envelope import Envelope
    from lienthong_connectors.rest.outcome import CreateThenUpdate, Results, StatusLookup
    from lienthong_connectors.rest.success import Success

Outcome = Literal["taken", "refused", "rejected", "unavailable", "unknown"]
_OUTCOMES = frozenset({"taken", "refused", "rejected", "unavailable", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RestTarget:
    """Records delivered to a REST service, in batches or one by one.

    ``wrap`` is the body's template: ``$records`` (batch), ``$record`` (single), ``$id`` (the
    idempotency key), ``$connection.<field>``; without it the body is the list or the record
    itself. Raises `InvalidExchange`, naming the field, where the settings contradict themselves.
    """

    kind: ClassVar[str] = "rest"

    path: str = option(doc="path under the connection's host; single: may hold {key}")
    method: Literal["POST", "PUT", "PATCH"] = option("POST", doc="HTTP method")
    mode: Literal["batch", "single", "ndjson"] = option("batch", doc="one request a batch, or a record")
    params: Mapping[str, str] = option(factory=dict, doc="query parameters")
    wrap: Mapping[str, Any] | None = option(None, doc="template of the body")
    text: str | None = option(
        None, doc="single: dotted path of the text that is the whole body (a file); empty: there is no body"
    )
    attachments: Attachments | None = option(
        None, doc="single: how attachments leave that the record refers to", quiet=True
    )
    numbers: tuple[str, ...] = option(
        (), doc="record paths (dotted, items as lines[].fee) of decimals that are written as JSON numbers"
    )
    key_header: str = option("Idempotency-Key", doc="header of the idempotency key; empty: none is sent")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    results: Results | None = option(None, doc="per-record results; None: a success takes the whole batch")
    success: Success | None = option(None, doc="which answers are a yes; None: `Success()`", quiet=True)
    upsert: CreateThenUpdate | None = option(None, doc="create, then update what exists already")
    accepted: Accepted | None = option(
        None, doc="a target that accepts now and works later: how its jobs are asked about"
    )
    status: StatusLookup | None = option(None, doc="how to ask what became of a delivery")
    statuses: Mapping[int, Outcome] = option(
        factory=dict,
        doc="HTTP status -> taken, refused (each record), rejected (the request), unavailable, unknown",
    )
    reference: str = option("", doc="dotted path of the target's own number for the delivery")
    repeatable: bool = option(False, doc="the same id sent again has no second effect")
    transactional: bool = option(False, doc="a 500 means that the target took nothing")
    max_batch: int = option(0, doc="most records at once, 0 for no limit")
    open_data: bool = option(False, doc="what arrives here is public: personal fields are refused")
    headers: Mapping[str, str] = option(
        factory=dict, doc="further headers (never credentials); single: $record.<path> and $key are filled in"
    )
    content_types: tuple[str, ...] = option(JSON_TYPES, doc="content types taken for JSON, beside +json")
    timeout: float = option(60.0, doc="seconds without a byte before the answer is given up")
    deadline: float = option(300.0, doc="seconds that one request may take in all")
    max_answer_bytes: int = option(16 * MEGABYTE, doc="largest answer, decoded")
    rates: tuple[RateLimit, ...] = option((), doc="how fast the connection may be asked; all must hold")
    signature: HttpSignature | None = option(None, doc="HTTP Message Signatures (RFC 9421)")

    def __post_init__(self) -> None:
        require(self.method in {"POST", "PUT", "PATCH"}, "method", "POST, PUT or PATCH")
        require(self.mode in {"batch", "single", "ndjson"}, "mode", "batch, single or ndjson")
        require(self.mode == "single" or "{key}" not in self.path, "path", "{key} only with single")
        require(self.max_batch >= 0, "max_batch", "0 for no limit, or a number of records")
        require(set(self.statuses.values()) <= _OUTCOMES, "statuses", ", ".join(sorted(_OUTCOMES)))
        self._check_wrap()
        if self.attachments is not None:
            self.attachments.check_target(self.mode)
            require(self.text is None, "attachments", "none beside text")
            signed = self.signature is not None and self.signature.sign
            require(not signed, "attachments", "none: what is streamed cannot be signed")
        upsert = self.upsert
        require(upsert is None or (self.results and self.wrap), "upsert", "wrap and results beside it")
        known = upsert is None or upsert.exists_codes or (self.results and self.results.codes)
        require(known, "upsert", "exists_codes, or results with a table of codes")
        require(not (self.accepted and self.upsert), "accepted", "upsert or accepted, not both")
        singly = self.accepted is not None and self.mode == "single"
        require(not singly or self.status, "accepted", "a status beside it where records travel one by one")
        self._check_status()
        check_paths(self)
        check_transport(self.path, self.headers, self.timeout, self.deadline, self.max_answer_bytes)

    def _check_wrap(self) -> None:
        place = "record" if self.mode == "single" else "records"
        require(
            self.text is None or (self.mode == "single" and self.wrap is None), "text", "mode single, no wrap"
        )
        known = {"connection", "id"} | ({"record", "key"} if self.mode == "single" else set())
        require(references(self.headers) <= known, "headers", f"only {', '.join(sorted(known))} after a $")
        require(self.mode != "ndjson" or self.wrap is None, "wrap", "no wrap with ndjson")
        if self.wrap is not None:
            used = references(self.wrap)
            require(place in used, "wrap", f"${place} where the {place} go")
            known = {place, "id", "connection"} | ({"key"} if self.mode == "single" else set())
            require(used <= known, "wrap", f"only {', '.join(sorted('$' + name for name in known))}")

    def _check_status(self) -> None:
        status = self.status
        if status is None:
            return
        singly = self.mode == "single" and status.per == "batch"
        require(not singly, "status", "per record where records travel one by one")
        known = {"id", "connection"} | ({"key", "record"} if status.per == "record" else set())
        used = references(status.body) | references(status.params)
        require(used <= known, "status", f"only {', '.join(sorted('$' + name for name in known))}")

    @property
    def destination(self) -> str:
        """Where records go, for comparing versions: the resource, however it is spoken to."""
        place = (self.path, self.wrap, dict(self.params), dict(self.headers))
        return json.dumps(place, sort_keys=True, default=str)

    def open_target(self, connection: Connection, context: Context) -> RecordTarget:
        """Open the target; raise `Misconfigured` where connection and settings do not fit."""
        from lienthong_connectors.rest.target import OpenRestTarget

        return OpenRestTarget(self, connection, context)
