"""What an author of exchanges writes to read from a REST service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lienthong.connector import Connection, Context, RecordSource, option
from lienthong_connectors.rest.paging import NoPaging, Paging
from lienthong_connectors.rest.paths import references
from lienthong_connectors.rest.settings_common import JSON_TYPES, MEGABYTE, check_transport, require

if TYPE_CHECKING:  # 200 DAG files import this: what an author does not use is not loaded
    from lienthong_connectors.http.signature import HttpSignature
    from lienthong_connectors.rest.envelope import Envelope


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
    max_answer_bytes: int = option(64 * MEGABYTE, doc="largest page, decoded")
    signature: HttpSignature | None = option(None, doc="HTTP Message Signatures (RFC 9421)")

    def __post_init__(self) -> None:
        require(self.method in {"GET", "POST"}, "method", "GET or POST")
        require(self.params_in in {"query", "body"}, "params_in", "query or body")
        require(self.params_in == "query" or self.method == "POST", "params_in", "query, or method POST")
        require(self.body is None or self.method == "POST", "body", "no body with GET")
        require(1 <= self.prefetch <= 16, "prefetch", "1 to 16 pages")
        require(references(self.body) <= {"connection"}, "body", "only $connection.<field> is known here")
        check_transport(self.path, self.headers, self.timeout, self.deadline, self.max_answer_bytes)

    def open_source(self, connection: Connection, context: Context) -> RecordSource:
        """Open the source; raise `Misconfigured` where connection and settings do not fit."""
        from lienthong_connectors.rest.source import OpenRestSource

        return OpenRestSource(self, connection, context)
