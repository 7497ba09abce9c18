"""What an author of exchanges writes to read from or deliver to a REST service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lienthong.connector import Connection, Context, RecordSource, RecordTarget, option
from lienthong.errors import InvalidExchange
from lienthong_connectors.http.signature import HttpSignature
from lienthong_connectors.rest.envelope import Envelope
from lienthong_connectors.rest.outcome import CreateThenUpdate, Results, StatusLookup
from lienthong_connectors.rest.paging import NoPaging, Paging
from lienthong_connectors.rest.paths import references

JSON_TYPES = ("application/json", "text/json")
Outcome = Literal["taken", "refused", "rejected", "unavailable", "unknown"]
_OUTCOMES = frozenset({"taken", "refused", "rejected", "unavailable", "unknown"})
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RestSource:
    """Records read from a list that a REST service gives page by page.

    Raises `InvalidExchange`, naming the field, where the settings contradict themselves.
    """

    kind: ClassVar[str] = "rest"

    path: str = option(doc="path under the connection's host")
    method: Literal["GET", "POST"] = option("GET", doc="HTTP method")
    params: Mapping[str, str] = option(factory=dict, doc="query parameters of every page")
    body: Mapping[str, Any] | None = option(
        None, doc="JSON body of every page ($connection.<field> is filled in)"
    )
    params_in: Literal["query", "body"] = option("query", doc="where page and since parameters go")
    records: str = option("", doc="dotted path of the list in the answer; empty: the answer is the list")
    paging: Paging = option(factory=NoPaging, doc="how the list is cut into pages")
    since_param: str | None = option(None, doc="parameter that asks for what changed since the cursor")
    since_format: str = option(
        "", doc="empty: the cursor as it is; epoch-ms, epoch-s, or a strftime format in Vietnam's time"
    )
    conditional: bool = option(True, doc="ask with ETag or Last-Modified and skip pages that did not change")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    headers: Mapping[str, str] = option(factory=dict, doc="further headers (never credentials)")
    content_types: tuple[str, ...] = option(JSON_TYPES, doc="content types taken for JSON, beside +json")
    prefetch: int = option(4, doc="pages in flight where they are addressable, else one ahead")
    timeout: float = option(60.0, doc="seconds without a byte before a page is given up")
    deadline: float = option(300.0, doc="seconds that one page may take in all")
    max_answer_bytes: int = option(64 * _MEGABYTE, doc="largest page, decoded")
    signature: HttpSignature | None = option(None, doc="HTTP Message Signatures (RFC 9421)")

    def __post_init__(self) -> None:
        _require(self.method in {"GET", "POST"}, "method", "GET or POST")
        _require(self.params_in in {"query", "body"}, "params_in", "query or body")
        _require(self.params_in == "query" or self.method == "POST", "params_in", "query, or method POST")
        _require(self.body is None or self.method == "POST", "body", "no body with GET")
        _require(1 <= self.prefetch <= 16, "prefetch", "1 to 16 pages")
        _require(references(self.body) <= {"connection"}, "body", "only $connection.<field> is known here")
        _check_transport(self.path, self.headers, self.timeout, self.deadline, self.max_answer_bytes)

    def open_source(self, connection: Connection, context: Context) -> RecordSource:
        """Open the source; raise `Misconfigured` where connection and settings do not fit."""
        from lienthong_connectors.rest.source import OpenRestSource

        return OpenRestSource(self, connection, context)


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
    key_header: str = option("Idempotency-Key", doc="header of the idempotency key; empty: none is sent")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    results: Results | None = option(None, doc="per-record results; None: a success takes the whole batch")
    upsert: CreateThenUpdate | None = option(None, doc="create, then update what exists already")
    status: StatusLookup | None = option(None, doc="how to ask what became of a delivery")
    statuses: Mapping[int, Outcome] = option(
        factory=dict,
        doc="HTTP status -> taken, refused (each record), rejected (the request), unavailable, unknown",
    )
    reference: str = option("", doc="dotted path of the target's own number for the delivery")
    repeatable: bool = option(False, doc="the same id sent again has no second effect")
    transactional: bool = option(False, doc="an error of the server means that nothing was taken")
    max_batch: int = option(0, doc="most records at once, 0 for no limit")
    open_data: bool = option(False, doc="what arrives here is public: personal fields are refused")
    headers: Mapping[str, str] = option(factory=dict, doc="further headers (never credentials)")
    content_types: tuple[str, ...] = option(JSON_TYPES, doc="content types taken for JSON, beside +json")
    timeout: float = option(60.0, doc="seconds without a byte before the answer is given up")
    deadline: float = option(300.0, doc="seconds that one request may take in all")
    max_answer_bytes: int = option(16 * _MEGABYTE, doc="largest answer, decoded")
    signature: HttpSignature | None = option(None, doc="HTTP Message Signatures (RFC 9421)")

    def __post_init__(self) -> None:
        _require(self.method in {"POST", "PUT", "PATCH"}, "method", "POST, PUT or PATCH")
        _require(self.mode in {"batch", "single", "ndjson"}, "mode", "batch, single or ndjson")
        _require(self.max_batch >= 0, "max_batch", "0 for no limit, or a number of records")
        _require(set(self.statuses.values()) <= _OUTCOMES, "statuses", ", ".join(sorted(_OUTCOMES)))
        self._check_wrap()
        _require(self.upsert is None or (self.results and self.wrap), "upsert", "wrap and results beside it")
        self._check_status()
        _check_transport(self.path, self.headers, self.timeout, self.deadline, self.max_answer_bytes)

    def _check_wrap(self) -> None:
        place = "record" if self.mode == "single" else "records"
        _require(self.mode != "ndjson" or self.wrap is None, "wrap", "no wrap with ndjson")
        if self.wrap is not None:
            used = references(self.wrap)
            _require(place in used, "wrap", f"${place} where the {place} go")
            _require(
                used <= {place, "id", "key", "connection"},
                "wrap",
                f"only ${place}, $id, $key and $connection",
            )

    def _check_status(self) -> None:
        status = self.status
        if status is None:
            return
        singly = self.mode == "single" and status.per == "batch"
        _require(not singly, "status", "per record where records travel one by one")
        known = {"id", "connection"} | ({"key", "record"} if status.per == "record" else set())
        used = references(status.body) | references(status.params)
        _require(used <= known, "status", f"only {', '.join(sorted('$' + name for name in known))}")

    def open_target(self, connection: Connection, context: Context) -> RecordTarget:
        """Open the target; raise `Misconfigured` where connection and settings do not fit."""
        from lienthong_connectors.rest.target import OpenRestTarget

        return OpenRestTarget(self, connection, context)


def _require(holds: object, name: str, wanted: str) -> None:
    if not holds:
        raise InvalidExchange(
            f"field {name!r} is missing or malformed", where="rest settings", hint=f"give {wanted}"
        )


def _check_transport(
    path: str, headers: Mapping[str, str], timeout: float, deadline: float, answer_bytes: int
) -> None:
    _require("?" not in path and "#" not in path, "path", "query parameters in params")
    _require("://" not in path, "path", "a path under the connection's host")
    secret = {"authorization", "cookie", "lgspaccesstoken", "proxy-authorization"}
    _require(not secret & {name.lower() for name in headers}, "headers", "credentials in the connection")
    _require(0 < timeout <= 3600, "timeout", "seconds, at most 3600")
    _require(0 < deadline <= 7200, "deadline", "seconds, at most 7200")
    _require(1024 <= answer_bytes <= 1 << 30, "max_answer_bytes", "1024 to 1073741824")
