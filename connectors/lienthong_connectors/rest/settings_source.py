"""What an author of exchanges writes to read from a REST service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lienthong.connector import Connection, Context, RecordSource, option
from lienthong.exchange import Text
from lienthong.paths import names
from lienthong_connectors.rest.moments import Zone, check_form
from lienthong_connectors.rest.paging import NoPaging, Paging
from lienthong_connectors.rest.paths import references
from lienthong_connectors.rest.settings_common import MEGABYTE, TYPES, check_paths, check_transport, require

if TYPE_CHECKING:  # 200 DAG files import this: what an author does not use is not loaded
    from lienthong_connectors.http.rate import RateLimit
    from lienthong_connectors.http.signature import HttpSignature
    from lienthong_connectors.rest.attachment_settings import Attachments
    from lienthong_connectors.rest.counting import Count
    from lienthong_connectors.rest.detail import Detail
    from lienthong_connectors.rest.envelope import Envelope
    from lienthong_connectors.rest.high_water import HighWater
    from lienthong_connectors.rest.records import Records


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
    params_in: Literal["query", "body", "form"] = option(
        "query",
        doc="where page and since parameters go: address, JSON body (by path), form (the body too, then);"
        " a name may say it: query:page, body:paging.page, header:X-Page",
    )
    format: Literal["json", "ndjson", "xml"] = option("json", doc="what an answer's body is")
    stream: bool = option(False, doc="take an answer apart while it arrives: for answers of any length")
    records: str | Records = option(
        "",
        doc="path of the list, [*] and a path: the record in each element; empty: the answer is the list;"
        " xml: Root.Record or Record; Records(...): other forms",
    )
    detail: Detail | None = option(
        None, doc="a list that names its items only: how each is asked for", quiet=True
    )
    attachments: Attachments | None = option(
        None, doc="members that are attachments: kept outside the record, which refers to them", quiet=True
    )
    lists: tuple[str, ...] = option((), doc="xml: elements that are lists even where they stand once")
    paging: Paging = option(factory=NoPaging, doc="how the list is cut into pages")
    since_param: str | None = option(None, doc="parameter that asks for what changed since the cursor")
    since: Mapping[str, Any] | None = option(
        None,
        doc="in place of since_param: parameter -> template with {since}, {since|FORM} or {since|FORM|ZONE}",
        quiet=True,
    )
    since_format: str = option(
        "", doc="empty: the cursor as it is; epoch-ms, epoch-s, or a strftime format in since_zone's time"
    )
    since_zone: Zone = option(
        "Asia/Ho_Chi_Minh", doc="Asia/Ho_Chi_Minh or UTC: whose time since_format writes", quiet=True
    )
    total: str = option(
        "", doc="where an answer announces how many there are: a path, or header:X-Total-Count", quiet=True
    )
    count: Count | None = option(
        None, doc="a request of its own that tells how many there are, such as Items/$count", quiet=True
    )
    more: str = option(
        "", doc="where an answer says whether there is more (has_more): a path, or header:NAME", quiet=True
    )
    end_statuses: tuple[int, ...] = option(
        (), doc="statuses by which a page lies behind the last one: 204, 400, 404, 416", quiet=True
    )
    since_field: str = option(
        "",
        doc="path of the cursor in a listed record: what lies before the last cursor is left out here,"
        " where the service cannot be asked for changes",
        quiet=True,
    )
    high_water: HighWater | None = option(
        None, doc="how the largest number of the cursor's field is told before the list is read", quiet=True
    )
    conditional: bool = option(True, doc="ask with ETag or Last-Modified and skip pages that did not change")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    headers: Mapping[str, str] = option(factory=dict, doc="further headers (never credentials)")
    content_types: tuple[str, ...] = option((), doc="content types taken; empty: those of the format")
    prefetch: int = option(4, doc="pages in flight where they are addressable, else one ahead")
    prefetch_bytes: int = option(64 * MEGABYTE, doc="bytes in flight, by the largest page so far")
    max_pages: int = option(100_000, doc="most pages of one read")
    timeout: float = option(60.0, doc="seconds without a byte before a page is given up")
    deadline: float = option(300.0, doc="seconds that one page may take in all")
    max_answer_bytes: int = option(64 * MEGABYTE, doc="largest page, decoded")
    max_record_bytes: int = option(8 * MEGABYTE, doc="stream, ndjson, xml: most bytes without a whole record")
    rates: tuple[RateLimit, ...] = option((), doc="how fast the connection may be asked; all must hold")
    signature: HttpSignature | None = option(None, doc="HTTP Message Signatures (RFC 9421)")

    def __post_init__(self) -> None:
        require(self.method in {"GET", "POST"}, "method", "GET or POST")
        require(self.params_in in {"query", "body", "form"}, "params_in", "query, body or form")
        require(self.params_in == "query" or self.method == "POST", "params_in", "query, or method POST")
        require(self.body is None or self.method == "POST", "body", "no body with GET")
        require(1 <= self.prefetch <= 16, "prefetch", "1 to 16 pages")
        require(self.prefetch_bytes >= 1, "prefetch_bytes", "a number of bytes")
        require(self.max_pages >= 1, "max_pages", "a number of pages")
        require(references(self.body) <= {"connection"}, "body", "only $connection.<field> is known here")
        sound = {204, 400, 404, 410, 416, 422}
        require(set(self.end_statuses) <= sound, "end_statuses", f"some of {sorted(sound)}")
        windows = self.count is not None and self.paging.incremental
        require(not windows, "count", "none: each time window is a list of its own")
        self._check_format()
        check_paths(self)
        largest = 1 << (40 if self.stream else 30)
        check_transport(self.path, self.headers, self.timeout, self.deadline, self.max_answer_bytes, largest)

    def _check_format(self) -> None:
        require(self.format in TYPES, "format", "json, ndjson or xml")
        named = isinstance(self.records, str) and bool(self.records) and "[" not in str(self.records)
        require(self.format != "xml" or named, "records", "the name of the record's element")
        streams = self.format != "json" or self.layout.streams
        require(streams or not self.stream, "stream", "False: only lists of objects arrive in pieces")
        require(self.format != "ndjson" or not self.records, "records", "none: each line is a record")
        require(self.format == "json" or self.detail is None, "detail", "none: this is for json")
        if self.attachments is not None:
            self.attachments.check_source(stream=self.stream)
        require(self.format == "xml" or not self.lists, "lists", "none: this is for xml")
        require(1024 <= self.max_record_bytes <= 1 << 30, "max_record_bytes", "1024 to 1073741824")
        signed = self.signature is not None and self.signature.verify
        require(not (self.stream and signed), "stream", "False: a signed answer is held whole")
        require(self.since_zone in {"Asia/Ho_Chi_Minh", "UTC"}, "since_zone", "Asia/Ho_Chi_Minh or UTC")
        check_form(self.since_format, self.since_zone, "since_format")
        asks = self.since_param is not None or bool(self.since)
        require(
            not (asks and self.paging.incremental), "since_param", "none: time windows begin at the cursor"
        )
        require(not (self.since_param and self.since), "since", "since or since_param, not both")
        self._check_places()
        fits = self.paging.streams or not self.stream
        require(fits, "stream", "False, or keys that are unique and asked after")

    def unsure(self) -> Text | None:
        """Return what is missing to confirm the end of every list, None where nothing is."""
        return None if self.total or self.more or self.count else self.paging.unsure()

    def _check_places(self) -> None:
        """Check templates of the cursor, and that a body has a request that takes one."""
        if self.since:
            from lienthong_connectors.rest.since import check_since

            check_since(self.since, self.since_format, self.since_zone)
        if self.since_field:
            names(self.since_field)
        bodies = any(
            name.startswith("body:") for name in (*(self.since or {}), self.since_param or "", *self._asked())
        )
        fits = not bodies or (self.method == "POST" and self.params_in != "form")
        require(fits, "params_in", "method POST, and no form, for parameters in a body")

    def _asked(self) -> Iterator[str]:
        """Yield the names of the parameters that paging asks with."""
        paging: Any = self.paging
        while is_dataclass(paging):
            yield from (
                str(getattr(paging, one.name)) for one in fields(paging) if one.name.endswith("_param")
            )
            paging = getattr(paging, "paging", None)

    @property
    def layout(self) -> Records:
        """How records stand in an answer."""
        from lienthong_connectors.rest.records import described

        return described(self.records)

    def open_source(self, connection: Connection, context: Context) -> RecordSource:
        """Open the source; raise `Misconfigured` where connection and settings do not fit."""
        from lienthong_connectors.rest.source import OpenRestSource

        return OpenRestSource(self, connection, context)
