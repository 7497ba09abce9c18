"""The typed settings of the SOAP connector; nothing heavy is imported before ``open_*``.

A request is a nested mapping: member names are those of the schema, values are constants or
references such as ``"$record.soDinhDanh"`` with filters behind ``|`` (see `template`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from lienthong.connector import Connection, Context, option
from lienthong.exchange import Text
from lienthong_connectors.codes import Coded
from lienthong_connectors.forms import form_faults
from lienthong_connectors.soap.attachment_settings import Attachments
from lienthong_connectors.soap.policies import Addressing, WsSecurity, is_sha256, require

if TYPE_CHECKING:
    from lienthong_connectors.soap.lookup import OpenLookup
    from lienthong_connectors.soap.source import OpenSource
    from lienthong_connectors.soap.target import OpenTarget

_MEDIA: Final = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\Z")
Version = Literal["", "1.1", "1.2"]


@dataclass(frozen=True)
class FaultTable(Coded):
    """What an agency's fault codes mean. A code stands in exactly one list; the rest follow SOAP.

    The lists go before the table of ``codes``.

    A code is looked for in the fault's detail (any element's text) and then as the fault code
    itself, without prefix. Codes in no list: Client and Sender are refused, Server and Receiver
    transient (of unknown outcome for a delivery), MustUnderstand and VersionMismatch misconfigured.
    """

    transient: tuple[str, ...] = option((), doc="surely not taken, try again later")
    refused: tuple[str, ...] = option((), doc="this record (a look-up, a record's delivery) is refused")
    misconfigured: tuple[str, ...] = option((), doc="the exchange or the connection is wrong")
    unauthenticated: tuple[str, ...] = option((), doc="who we are is not accepted")
    permanent: tuple[str, ...] = option((), doc="the whole request is refused for good")
    codes: str = option("", doc="table of result codes, such as dancu (lienthong codes)")


@dataclass(frozen=True)
class ResultCodes(Coded):
    """What an answer's own result code means.

    ``path`` and ``message`` are dotted paths inside the Body, its first element left out (``_text``: where
    that is a plain text). ``pattern`` takes a text such as ``OK:01GTKT;AA/23E`` apart: its groups ``code``,
    ``reference`` (the target's own number) and ``message`` are what they say. ``detail`` is a second code
    that says more than the first where it is present (a status 0 with an error code). Codes are compared
    as text. The lists go before the table of ``codes``; a code that neither knows is a violation of the
    protocol.
    """

    path: str = option(doc="where the code stands, such as status")
    pattern: str = option(
        "",
        doc="regular expression of the whole text at path (groups code, reference, message)",
        quiet=True,
    )
    detail: str = option("", doc="where the more exact code stands, such as errorCode")
    message: str = option("", doc="where the agency's text stands")
    acknowledged: tuple[str, ...] = option((), doc="taken")
    already: tuple[str, ...] = option((), doc="was taken before: acknowledged, too")
    refused: tuple[str, ...] = option((), doc="this record is refused")
    absent: tuple[str, ...] = option((), doc="status query: was never taken; look-up: not found, refused")
    pending: tuple[str, ...] = option((), doc="status query: cannot be told yet")
    transient: tuple[str, ...] = option((), doc="not taken, try again later")
    misconfigured: tuple[str, ...] = option((), doc="not taken, the exchange or the connection is wrong")
    codes: str = option("", doc="table of result codes, such as hotich (lienthong codes)")

    def __post_init__(self) -> None:
        Coded.__post_init__(self)
        try:
            groups = re.compile(self.pattern).groupindex if self.pattern else {"code": 1}
        except re.error:
            groups = {}
        require("code" in groups, "result.pattern", "a regular expression with a group (?P<code>...)")


@dataclass(frozen=True)
class Paging:
    """Pages asked for by a counter (``$page``, ``$size`` in the request) until the list ends.

    It ends by ``total`` or ``more`` of the source, by a page without records, or by a refusal behind a page
    that was short.
    """

    size: int = option(500, doc="records of one page, as the request asks for them")
    first: int = option(1, doc="number of the first page")
    most: int = option(100_000, doc="pages after which a service that never ends is given up")
    until: Literal["empty", "short"] = option(
        "empty",
        doc="the page that ends the list; short: the service never gives less than size before",
        quiet=True,
    )
    again: bool = option(
        True, doc="where no total tells that all came, read the list's keys a second time", quiet=True
    )


@dataclass(frozen=True, kw_only=True)
class HighWater:
    """A request that tells the largest value of the cursor's field, before the records are read.

    References as in the source's own request: an operation of its own, or the same one asked for the
    newest record alone.
    """

    value: str = option(
        doc="dotted path of the value inside the Body's first element, such as hoSo.0.phienBan"
    )
    operation: str = option("", doc="operation of the same service; empty: the source's own")
    request: Mapping[str, Any] = option(factory=dict, doc="its request, as the source's own")
    result: ResultCodes | None = option(None, doc="its result code; None: the source's, in its own operation")


@dataclass(frozen=True)
class StatusQuery:
    """The operation that tells what became of a delivered record."""

    operation: str = option(doc="operation of the same service")
    request: Mapping[str, Any] = option(factory=dict, doc="its request, as the target's own")
    result: ResultCodes | None = option(None, doc="what its codes mean; None: the target's own")


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)  # never made: saves parse time
class _Service:
    """What every role says about the service."""

    operation: str = option(doc="operation to call")
    wsdl: str = option(
        "", doc="file, catalogue folder, package:name/path or URL; empty: the connection's, else no WSDL"
    )
    wsdl_digest: str = option("", doc="digest of the WSDL with all its documents: no other one is used")
    service: str = option("", doc="service of the WSDL; empty: the first")
    port: str = option("", doc="port of the service; empty: the first that fits soap_version")
    namespace: str = option("", doc="namespace of the request where there is no WSDL")
    action: str = option("", doc="SOAPAction where there is no WSDL, or where the WSDL's is wrong")
    soap_version: Version = option("", doc="1.1 or 1.2; empty: the WSDL's, else the connection's, else 1.1")
    path: str = option("", doc="path under the connection's host")
    headers: Mapping[str, str] = option(factory=dict, doc="HTTP headers of every request")
    soap_headers: Mapping[str, Any] = option(
        factory=dict,
        doc="SOAP headers: {namespace}local to text or mapping (@mustUnderstand, @role), with references",
    )
    faults: FaultTable = option(FaultTable(), doc="what the agency's fault codes mean")
    lists: tuple[str, ...] = option((), doc="members that are always lists, where there is no WSDL to say so")
    understands: tuple[str, ...] = option(
        (), doc="headers ({namespace}local) of answers that may say mustUnderstand and mean nothing to us"
    )
    content_types: tuple[str, ...] = option(
        (),
        doc="further media types under which envelopes come, such as text/html; an empty text: untyped",
        quiet=True,
    )
    unpack: tuple[str, ...] = option(
        (),
        doc="dotted paths in the Body's first element whose texts are XML or JSON: read as what they hold",
        quiet=True,
    )
    references: bool = option(
        False,
        doc="answers refer to their own parts (href), as PHP's do: they are held and written out",
        quiet=True,
    )
    attachments: Attachments | None = option(None, doc="MTOM and SOAP with Attachments, None for neither")
    security: WsSecurity | None = option(None, doc="WS-Security, None for none")
    addressing: Addressing | None = option(None, doc="WS-Addressing, None for none")
    connect_timeout: float = option(10.0, doc="seconds to connect")
    read_timeout: float = option(60.0, doc="seconds between two bytes")
    deadline: float = option(300.0, doc="seconds for one request and its whole answer")
    max_answer_bytes: int = option(64 << 20, doc="largest answer, after decompression")
    max_record_bytes: int = option(8 << 20, doc="largest piece of an answer held at once")
    max_depth: int = option(64, doc="deepest nesting of an answer")

    def _check(self) -> None:
        require(bool(self.operation), "operation", "the name of an operation")
        require(self.soap_version in ("", "1.1", "1.2"), "soap_version", "1.1 or 1.2")
        pinned = self.wsdl_digest.lower()
        require(not pinned or is_sha256(pinned), "wsdl_digest", "64 hexadecimal digits")
        times = (self.connect_timeout, self.read_timeout, self.deadline)
        require(all(seconds > 0 for seconds in times), "deadline", "timeouts above 0 seconds")
        require(self.max_depth >= 3, "max_depth", "3 or more")
        types = all(not one or _MEDIA.match(one) for one in self.content_types)
        require(all(self.unpack), "unpack", "dotted paths")
        require(types, "content_types", "media types in lower case without parameters, such as text/html")
        for name in ("request", "soap_headers", "status", "high_water"):
            asked = getattr(self, name, {})
            fault = next(form_faults(getattr(asked, "request", asked)), "")
            require(not fault, name, f"another format of a time: {fault}")


@dataclass(frozen=True, kw_only=True)
class SoapSource(_Service):
    """Records are the repeated element of an answer, streamed or asked for page by page.

    References: ``$since``, ``$until`` (the read's beginning), ``$page``, ``$size``, ``$request.id``,
    ``$connection.<extra>``.
    """

    kind: ClassVar[str] = "soap"

    request: Mapping[str, Any] = option(factory=dict, doc="the request")
    record_element: str = option(
        doc="local or Clark name of the repeated element; in JSON that is unpacked: dotted path of the list"
    )
    paging: Paging | None = option(None, doc="page counter; None: everything is in one answer")
    total: str = option(
        "", doc="dotted path, inside the Body's first element, of the number of records", quiet=True
    )
    more: str = option("", doc="dotted path of what says whether there are more pages", quiet=True)
    since_default: str = option("1970-01-01T00:00:00Z", doc="$since where there is no cursor yet")
    incremental: bool = option(False, doc="the request uses $since, so only newer records come")
    high_water: HighWater | None = option(
        None, doc="how the largest number of the cursor's field is told before the records", quiet=True
    )
    embedded: str = option(
        "", doc="member whose text is JSON or XML: it becomes the record (others stay beside it)"
    )
    result: ResultCodes | None = option(None, doc="result code beside the records, checked at the end")
    chunk: int = option(200, doc="records handed on at once")
    bulk: bool = option(True, doc="stream; False: hold the answer until it is complete")
    max_answer_bytes: int = option(1 << 30, doc="largest answer, after decompression")
    deadline: float = option(1800.0, doc="seconds for one request and its whole answer")

    def __post_init__(self) -> None:
        self._check()
        require(bool(self.record_element), "record_element", "the name of the repeated element")
        require(self.chunk >= 1, "chunk", "1 or more")
        if self.paging is not None:
            require(self.paging.size >= 1, "paging.size", "1 or more")
            require(self.paging.until in ("empty", "short"), "paging.until", "empty or short")
        require(not self.more or self.paging is not None, "more", "none where there are no pages")
        asked = self.high_water
        require(
            asked is None or bool(asked.operation or asked.request), "high_water.request", "what is asked for"
        )

    def unsure(self) -> Text | None:
        """Return what is missing to confirm the end of every list, None where nothing is."""
        from lienthong_connectors.ends import NO_TOTAL

        silent = self.paging is not None and not self.paging.again and not self.total
        return NO_TOTAL if silent else None

    def open_source(self, connection: Connection, context: Context) -> OpenSource:
        """Open the source; the WSDL is read now, the service contacted with the first page."""
        from lienthong_connectors.soap.source import OpenSource

        return OpenSource(self, connection, context)


@dataclass(frozen=True, kw_only=True)
class SoapTarget(_Service):
    """Records are delivered one by one, or as one list per batch where the request has ``$records``.

    References: ``$record`` and ``$record.<path>``, ``$key``, ``$request.id`` (32 hexadecimal digits,
    the same on every try), ``$batch.id``, ``$connection.<extra>``; in a list ``{"$each": {...}}``
    stands for one item per record.
    """

    kind: ClassVar[str] = "soap"

    request: Mapping[str, Any] = option(factory=dict, doc="the request")
    result: ResultCodes = option(doc="what the answer's code means")
    status: StatusQuery | None = option(None, doc="operation that tells what became of a record")
    repeatable: bool = option(False, doc="the service takes the same record again without a second effect")
    max_batch: int = option(0, doc="most records of one delivery, 0 for no limit")
    reference: str = option("", doc="path of the target's own number in the answer")
    open_data: bool = option(False, doc="the service publishes: it may take fields classed open only")

    def __post_init__(self) -> None:
        self._check()
        require(bool(self.result.path), "result.path", "where the answer's code stands")
        known = bool(self.result.acknowledged or self.result.codes)
        require(known, "result.acknowledged", "the code of success, or a table of codes")

    @property
    def destination(self) -> str:
        """Where records go, for comparing versions: the operation and what its request says beside them."""
        return json.dumps((self.operation, dict(self.request)), sort_keys=True, default=str)

    def open_target(self, connection: Connection, context: Context) -> OpenTarget:
        """Open the target; the WSDL is read now, the service contacted with the first delivery."""
        from lienthong_connectors.soap.target import OpenTarget

        return OpenTarget(self, connection, context)


@dataclass(frozen=True, kw_only=True)
class SoapLookup(_Service):
    """One question per record.

    References: ``$record.<path>``, ``$question.id``, ``$officer``, ``$procedure``, ``$purpose``,
    ``$connection.<extra>``.
    """

    kind: ClassVar[str] = "soap"

    request: Mapping[str, Any] = option(factory=dict, doc="the request")
    answer_element: str = option(
        "", doc="dotted path of the answer inside the Body's first element; empty: all"
    )
    result: ResultCodes | None = option(None, doc="result code of the answer, None where there is none")
    required: bool = option(True, doc="an empty answer refuses the record; False: it gives {}")

    def __post_init__(self) -> None:
        self._check()

    def open_lookup(self, connection: Connection, context: Context) -> OpenLookup:
        """Open the service; the WSDL is read now, the service contacted with the first question."""
        from lienthong_connectors.soap.lookup import OpenLookup

        return OpenLookup(self, connection, context)
