"""One page: asked for, checked, taken apart. Runs on background threads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation, Reason
from lienthong.records import Record
from lienthong_connectors.http.client import Call, Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Reply
from lienthong_connectors.rest.decode import decode_reply
from lienthong_connectors.rest.paging import Params, Seen, State
from lienthong_connectors.rest.paths import MISSING, at
from lienthong_connectors.rest.settings_source import RestSource

NOT_A_RECORD = Reason(
    path="",
    rule="page.not-an-object",
    vi="Phần tử của danh sách không phải là một đối tượng JSON",
    en="An element of the list is not a JSON object",
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came. ``mark`` names its content, ``remembered`` is what a 304 stands for."""

    seen: Seen
    records: Sequence[Record] = ()
    malformed: Sequence[Malformed] = ()
    mark: str = ""
    total: int | None = None
    validator: Mapping[str, Any] = field(default_factory=dict)
    validator_key: str = ""
    remembered: Mapping[str, Any] | None = None
    signed_by: str = ""


class Fetcher:
    """Asks for pages of one source. Safe among threads."""

    def __init__(self, settings: RestSource, client: Client, body: Any) -> None:
        self._settings, self._client, self._body = settings, client, body
        self._where = f"{client.where}/{settings.path.lstrip('/')}"

    def page(self, state: State, since: Params, validators: Mapping[str, Any]) -> Fetched:
        """Ask for a page; raise from `lienthong.errors` where it does not come as agreed."""
        call = self._call(state, since)
        key = _validator_key(call)
        known = validators.get(key) if self._settings.conditional else None
        if isinstance(known, Mapping):
            call = _conditional(call, known)
        answered = self._client.call(call)
        reply = answered.reply
        if error := failure(reply, where=self._where, safe=True):
            raise error
        if reply.status == 304:
            if not isinstance(known, Mapping):
                raise ProtocolViolation("not modified (304), but no condition was sent", where=self._where)
            seen = Seen(None, int(known.get("count", 0)))
            return Fetched(
                seen, remembered=known, validator=known, validator_key=key, signed_by=answered.signed_by
            )
        return self._read(reply, key, answered.signed_by)

    def _call(self, state: State, since: Params) -> Call:
        settings = self._settings
        label = "/" + settings.path.lstrip("/")
        if "url" in state:
            return Call("GET", str(state["url"]), headers=settings.headers, label=label)
        asked = {**settings.paging.params(state), **since}
        body, params, headers = self._body, dict(settings.params), dict(settings.headers)
        if settings.params_in == "body":
            body = {**(body or {}), **asked}
        else:
            params |= {name: str(value) for name, value in asked.items()}
        data = None
        if body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        return Call(settings.method, settings.path, params, data, headers, label)

    def _read(self, reply: Reply, key: str, signed_by: str) -> Fetched:
        settings = self._settings
        value, data = decode_reply(reply, settings.content_types, where=self._where)
        if settings.envelope is not None and (error := settings.envelope.failure(value, where=self._where)):
            raise error
        elements = at(value, settings.records)
        if elements is None:
            elements = []
        if not isinstance(elements, list):
            what = "nothing" if elements is MISSING else "no list"
            raise ProtocolViolation(
                f"there is {what} at {settings.records or 'the top of the answer'!r}",
                where=self._where,
                hint="check the records path of the settings, and the envelope for errors inside a success",
            )
        records = [element for element in elements if type(element) is dict]
        malformed: tuple[Malformed, ...] = ()
        if len(records) != len(elements):
            wrong = (element for element in elements if type(element) is not dict)
            malformed = tuple(Malformed(orjson.dumps(element), NOT_A_RECORD) for element in wrong)
        return Fetched(
            Seen(value, len(elements), reply.url, reply.header("Link")),
            records,
            malformed,
            _mark(elements, data),
            settings.paging.total(value),
            _validator(reply) if settings.conditional else {},
            key,
            signed_by=signed_by,
        )


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


def _validator(reply: Reply) -> dict[str, Any]:
    """Return the strong or weak validators of an answer (RFC 9110 section 8.8)."""
    pairs = (("etag", reply.header("ETag")), ("modified", reply.header("Last-Modified")))
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
