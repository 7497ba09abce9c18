"""One page: asked for, checked, taken apart. Whole pages are fetched on background threads."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from lienthong.errors import ProtocolViolation
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.clock import asked_at
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Incoming, Reply
from lienthong_connectors.rest.attachments_in import Keeper, Unkept
from lienthong_connectors.rest.concluding import total_of
from lienthong_connectors.rest.counting import Count
from lienthong_connectors.rest.decode import check_type, check_utf8, decode_reply
from lienthong_connectors.rest.elements import Element, ListReader, parted
from lienthong_connectors.rest.high_water import HighWater
from lienthong_connectors.rest.json_list import JsonList
from lienthong_connectors.rest.ndjson import NdjsonLines
from lienthong_connectors.rest.packages import received
from lienthong_connectors.rest.paging import Params, Seen, State
from lienthong_connectors.rest.paths import MISSING, at
from lienthong_connectors.rest.placing import as_parameter, placed, shared, written
from lienthong_connectors.rest.settings_common import JSON_TYPES, TYPES
from lienthong_connectors.rest.settings_source import RestSource
from lienthong_connectors.rest.shaping import shaped, unpacked, unwrapped
from lienthong_connectors.rest.xml_list import XmlRecords, whole_xml

_SUFFIXES = {"json": "+json", "ndjson": "+ndjson", "xml": "+xml"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came, or a piece of one that is still coming (``seen`` is None then).

    ``elements`` leaves out those that the page before gave already, ``dropped`` counts them.
    ``mark`` names the page's content, ``remembered`` is what a 304 stands for, ``size`` its bytes.
    ``clock`` is what the service's clock said as it was asked, ``read_as`` the place of that request among
    all readings (`lienthong.connector.Context.before_read`).
    """

    seen: Seen | None
    elements: Sequence[Element] = ()
    dropped: int = 0
    mark: str = ""
    total: int | None = None
    validator: Mapping[str, Any] = field(default_factory=dict)
    validator_key: str = ""
    remembered: Mapping[str, Any] | None = None
    signed_by: str = ""
    size: int = 0
    clock: datetime | None = None
    read_as: int = 0


class Fetcher:
    """Asks for pages of one source. Safe among threads."""

    def __init__(self, settings: RestSource, client: Client, body: Any, keeper: Keeper | None = None) -> None:
        self._settings, self._client, self._body, self._keeper = settings, client, body, keeper
        self._types = settings.content_types or TYPES[settings.format]
        self._where = f"{client.where}/{settings.path.lstrip('/')}"
        self._records = settings.layout
        self._unwraps = settings.format == "json" and bool(self._records.record)

    def unkept(self) -> Fetcher:
        """Return this fetcher for a check: attachments that come with a page are read and not kept."""
        keeper = None if self._keeper is None else replace(self._keeper, store=Unkept())
        return Fetcher(self._settings, self._client, self._body, keeper)

    @property
    def xml(self) -> bool:
        """Whether answers are XML."""
        return self._settings.format == "xml"

    def page(self, state: State, since: Params, validators: Mapping[str, Any]) -> Fetched:
        """Ask for a page; raise from `lienthong.errors` where it does not come as agreed."""
        call, key, known = self._question(state, since, validators)
        begun = time.monotonic()
        most = self._settings.max_answer_bytes
        package = received(self._client, call, self._keeper, most, where=self._where)
        answered = package.answered
        reply, clock = answered.reply, asked_at(answered.reply.headers, begun)
        if (unchanged := self._judged(reply, state, key, known, answered.signed_by)) is not None:
            return replace(unchanged, clock=clock)
        if self._settings.format == "json":
            value, elements, mark = self._json(reply)
        else:
            value, elements, mark = self._pieces(self._reader(reply), reply)
        seen = Seen(value, len(elements), reply.url, reply.headers, parted(elements)[0])
        size = len(reply.body)
        fetched = Fetched(seen, elements, mark=mark, signed_by=answered.signed_by, size=size, clock=clock)
        page = self._page(reply, state, key, fetched)
        if self._keeper is None or not package.files:
            return page
        return replace(page, elements=[self._keeper.placed(one, package.files) for one in page.elements])

    def _json(self, reply: Reply) -> tuple[Any, list[Element], str]:
        """Return a whole answer, its elements and its mark."""
        try:
            value, data = decode_reply(reply, self._types, where=self._where)
        except ProtocolViolation:
            charset = check_type(reply.header("Content-Type"), self._types, "+json", where=self._where)
            if not reply.body.isascii():
                check_utf8(charset, where=self._where)
            try:  # the fault may be inside one element only
                if self._records.streams:
                    reader = JsonList(self._records.list, len(reply.body) + 1, where=self._where)
                    return self._pieces(reader, reply)
            except ProtocolViolation:
                pass
            raise
        if self._records.texts:
            value = self._unpacked(value)
        self._check_envelope(value)
        total = self._settings.paging.total(value)
        values, elements = shaped(value, self._records, total, where=self._where)
        return value, elements, _mark(values, data)

    def _unpacked(self, value: Any) -> Any:
        """Return an answer with its texts read; where one cannot be, the envelope may say why."""
        try:
            return unpacked(value, self._records, where=self._where)
        except ProtocolViolation:
            self._check_envelope(value)
            raise

    def _pieces(self, reader: ListReader, reply: Reply) -> tuple[Any, list[Element], str]:
        """Return what a reader makes of a whole answer."""
        elements = [*reader.feed(reply.body), *reader.close()]
        value = reader.frame()
        self._check_envelope(value)
        return value, elements, reader.mark

    def stream(self, state: State, since: Params, validators: Mapping[str, Any]) -> Generator[Fetched]:
        """Ask for a page and yield it piece by piece while it arrives; the last piece has ``seen``."""
        call, key, known = self._question(state, since, validators)
        begun = time.monotonic()
        with self._client.stream(call) as incoming:
            clock = asked_at(incoming.headers, begun)
            if incoming.status in (204, 304) or not 200 <= incoming.status < 300:
                unchanged = self._judged(incoming.whole(), state, key, known, incoming.signed_by)
                if unchanged is not None:
                    yield replace(unchanged, clock=clock)
                    return
            reader = self._reader(incoming)
            count, opened = 0, False
            last: Sequence[Element] = ()
            for chunk in incoming.chunks():
                elements = reader.feed(chunk)
                opened = opened or self._check_opening(reader)
                if elements:
                    count += len(elements)
                    last = elements[-1:]
                    opened_up = self._unwrapped(elements)
                    yield Fetched(None, opened_up, signed_by=incoming.signed_by, clock=clock)
            elements = reader.close()
            value = reader.frame()
            self._check_envelope(value)
            records = parted([*last, *elements])[0][-1:]
            seen = Seen(value, count + len(elements), incoming.url, incoming.headers, records)
            fetched = Fetched(seen, elements, mark=reader.mark, signed_by=incoming.signed_by, clock=clock)
            yield self._page(incoming, state, key, fetched)

    def single(self, asked: HighWater) -> tuple[Any, str]:
        """Return the whole answer to a request beside the list's, and what messages call it; raises alike."""
        settings = self._settings
        path = asked.path or settings.path
        where = f"{self._client.where}/{path.lstrip('/')}"
        if asked.path:
            body = None if asked.body is None else orjson.dumps(asked.body)
            call = self._composed(asked.method, path, asked.params, body, "application/json")
        else:
            call = self._listed(asked.params)
        reply = self._client.call(call).reply
        if error := failure(reply, where=where, safe=True):
            raise error
        if settings.format == "xml":
            charset = check_type(reply.header("Content-Type"), self._types, "+xml", where=where)
            value = whole_xml(reply.body, settings.lists, charset)
        else:
            value = decode_reply(reply, (*self._types, *JSON_TYPES), where=where).value
        self._check_envelope(value)
        return value, where

    def counted(self, asked: Count, since: Params) -> tuple[Any, str]:
        """Return what the answer to a count holds, and what messages call it; raises as a page does."""
        settings, path = self._settings, asked.path or self._settings.path
        where = f"{self._client.where}/{path.lstrip('/')}"
        if asked.path:
            given = {name: str(value) for name, value in since.items()}
            call = self._composed("GET", path, {**asked.params, **given}, None, "")
        else:
            call = self._listed({**asked.params, **since})
        reply = self._client.call(call).reply
        if error := failure(reply, where=where, safe=True):
            raise error
        if reply.header("Content-Type").partition(";")[0].strip().lower() == "text/plain":
            return reply.body.decode("utf-8-sig", "replace"), where
        if settings.format == "xml":
            charset = check_type(reply.header("Content-Type"), self._types, "+xml", where=where)
            value: Any = whole_xml(reply.body, settings.lists, charset)
        else:
            value = decode_reply(reply, (*self._types, *JSON_TYPES), where=where).value
        self._check_envelope(value)
        return at(value, asked.value), where

    def _question(
        self, state: State, since: Params, validators: Mapping[str, Any]
    ) -> tuple[Call, str, Mapping[str, Any] | None]:
        """Return the call, the name of its validators, and what they were where they may be used."""
        call = self._call(state, since)
        key = _validator_key(call)
        known = validators.get(key) if self._settings.conditional and call.method == "GET" else None
        if not isinstance(known, Mapping) or "end" not in known:  # kept when no end was confirmed
            return call, key, None
        return _conditional(call, known), key, known

    def _judged(
        self, reply: Reply, state: State, key: str, known: Mapping[str, Any] | None, signed_by: str
    ) -> Fetched | None:
        """Raise what a status means; return what a 304 or an end stands for, None for a page to be read."""
        if self._past_end(reply.status, state):
            return Fetched(Seen(None, 0, reply.url, reply.headers, over=True), signed_by=signed_by)
        if error := failure(reply, where=self._where, safe=True):
            raise error
        if reply.status != 304:
            return None
        if known is None:
            raise ProtocolViolation("not modified (304), but no condition was sent", where=self._where)
        seen = Seen(None, int(known.get("count", 0)))
        return Fetched(seen, remembered=known, validator=known, validator_key=key, signed_by=signed_by)

    def _past_end(self, status: int, state: State) -> bool:
        """Tell whether a status says that a page lies behind the last one, by the settings."""
        paging, agreed = self._settings.paging, self._settings.end_statuses
        first = paging.begins(state)
        return status in paging.past_end(state) or (status in agreed and (status == 204 or not first))

    def _page(self, answer: Reply | Incoming, state: State, key: str, fetched: Fetched) -> Fetched:
        """Add to a page what its paging and its validators say."""
        assert fetched.seen is not None  # noqa: S101 - it is a whole page, or the end of one
        paging = self._settings.paging
        fresh = paging.fresh(state, fetched.elements)
        # conditions are for GET; elsewhere they mean something else (RFC 9110 section 13.1.2)
        remember = self._settings.conditional and self._settings.method == "GET"
        return replace(
            fetched,
            elements=self._unwrapped(fresh),
            dropped=len(fetched.elements) - len(fresh),
            total=total_of(self._settings, fetched.seen),
            validator=_validator(answer) if remember else {},
            validator_key=key,
        )

    def _absent(self, frame: Any) -> list[Any]:
        """Return the list of an answer that has none where it should be; raise where that is no empty one."""
        return shaped(frame, self._records, self._settings.paging.total(frame), where=self._where)[0]

    def _unwrapped(self, elements: Sequence[Element]) -> Sequence[Element]:
        """Return the records inside elements; paging has seen the elements as they came."""
        return unwrapped(elements, self._records) if self._unwraps else elements

    def _reader(self, answer: Reply | Incoming) -> ListReader:
        """Return a reader for an answer's format; raise where the answer is not in that format."""
        settings, where = self._settings, self._where
        declared = answer.header("Content-Type")
        charset = check_type(declared, self._types, _SUFFIXES[settings.format], where=where)
        if settings.format == "xml":
            return XmlRecords(
                str(settings.records), settings.lists, settings.max_record_bytes, charset, where=where
            )
        check_utf8(charset, where=where)
        if settings.format == "json":
            return JsonList(
                self._records.list,
                settings.max_record_bytes,
                where=where,
                judge=self._check_envelope,
                without=self._absent,
            )
        if not answer.header("Content-Length") and not answer.header("Transfer-Encoding"):
            raise ProtocolViolation(
                "lines whose number of bytes is not announced cannot be told from cut ones",
                where=where,
                hint="ask the agency for Content-Length or chunked transfer",
            )
        return NdjsonLines(settings.max_record_bytes, where=where)

    def _check_opening(self, reader: ListReader) -> bool:
        """Look at the envelope before the list's end, where it stands before the list."""
        opening = reader.opening()
        if opening is MISSING:
            return False
        envelope = self._settings.envelope
        if envelope is not None and at(opening, envelope.code_path) not in (MISSING, None):
            self._check_envelope(opening)
        return True

    def _check_envelope(self, value: Any) -> None:
        envelope = self._settings.envelope
        if envelope is not None and (error := envelope.failure(value, where=self._where)):
            raise error

    def _call(self, state: State, since: Params) -> Call:
        settings = self._settings
        address = settings.paging.address(state)
        if address is not None:
            return self._composed("GET", str(address), {}, None, "")
        beside = settings.paging.beside(state)
        return self._listed({**settings.paging.params(state), **(since if beside is None else {})}, beside)

    def _listed(self, asked: Params, beside: Sequence[str] | None = None) -> Call:
        """Return the list's request with further parameters, which go where the settings say.

        ``beside`` names the parameters of the settings that are sent with them, None for all.
        """
        settings = self._settings
        places = shared(asked, settings.params_in)
        params = dict(settings.params)
        if beside is not None:
            params = {name: text for name, text in params.items() if name in beside}
        params |= {name: as_parameter(value) for name, value in places["query"].items()}
        body: Any = self._body
        if settings.params_in == "form":
            body = {**(body or {}), **places["form"]} if asked or body is not None else None
        elif settings.params_in == "body" or places["body"]:
            body = placed(body or {}, places["body"])
        call = self._composed(settings.method, settings.path, params, *written(body, settings.params_in))
        if not places["header"]:
            return call
        headers = {name: as_parameter(value) for name, value in places["header"].items()}
        return replace(call, headers={**call.headers, **headers})

    def _composed(
        self, method: str, path: str, params: Mapping[str, str], data: bytes | None, media: str
    ) -> Call:
        label = "/" + (self._settings.path if "://" in path else path).lstrip("/")
        headers = {"Accept": ", ".join(self._types), **self._settings.headers}
        headers |= {"Content-Type": media} if data is not None else {}
        return Call(method, path, params, data, headers, label)


def _mark(elements: list[Any], data: bytes) -> str:
    """Name a page's content; what surrounds the list (correlation ids, page numbers) does not count.

    The list's bytes lie inside those of the answer, from its first element to its last.
    """
    start, end = 0, len(data)
    if elements:
        try:
            start = max(0, data.find(orjson.dumps(elements[0])))
            last = orjson.dumps(elements[-1])
            place = data.rfind(last)
            end = place + len(last) if place >= start else end
        except orjson.JSONEncodeError:  # integers beyond 64 bits: the whole answer names the page
            start, end = 0, len(data)
    return hashlib.sha256(memoryview(data)[start:end]).hexdigest()[:32]


def _validator(answer: Reply | Incoming) -> dict[str, Any]:
    """Return the strong or weak validators of an answer (RFC 9110 section 8.8)."""
    pairs = (("etag", answer.header("ETag")), ("modified", answer.header("Last-Modified")))
    return {name: value for name, value in pairs if value}


def _validator_key(call: Call) -> str:
    """Name a page's request without its query values, which may be personal."""
    body = call.body if isinstance(call.body, bytes) else b""
    text = orjson.dumps([call.method, call.path, dict(call.params), body.hex()])
    return hashlib.sha256(text).hexdigest()[:32]


def _conditional(call: Call, known: Mapping[str, Any]) -> Call:
    headers = dict(call.headers)
    if known.get("etag"):
        headers["If-None-Match"] = str(known["etag"])
    elif known.get("modified"):
        headers["If-Modified-Since"] = str(known["modified"])
    return Call(call.method, call.path, call.params, call.body, headers, call.label)
