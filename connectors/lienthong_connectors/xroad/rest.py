"""Message Protocol for REST 1.x: requests under ``/r1``, answers checked against them (PR-REST)."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import orjson
import requests

from lienthong.connector import not_taken
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    Unavailable,
)
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.status import seconds_of
from lienthong_connectors.http.trouble import GATEWAY, Trouble
from lienthong_connectors.xroad.faults import trouble_of
from lienthong_connectors.xroad.route import Parties, SecurityServer, message_id

if TYPE_CHECKING:
    from lienthong_connectors.http.call import Call
    from lienthong_connectors.http.transport import Incoming

_NOT_HASHED = frozenset(
    {
        *("connection", "content-length", "expect", "host", "keep-alive", "server", "te", "trailer"),
        *("upgrade", "proxy-authenticate", "proxy-authorization", "transfer-encoding", "user-agent"),
        *("x-road-request-hash", "x-road-request-id"),
    }
)
_CODE = re.compile(r"[\w.-]{1,120}\Z", re.ASCII)
_DETAIL = re.compile(r"[0-9a-fA-F-]{8,40}\Z")
NOT_XROAD = (
    "Trả lời không đến từ máy chủ an ninh X-Road",
    "the answer does not come from a Security Server",
    "check uplink_host: is it the Security Server's address and port?",
)
"""Texts of an answer that something else gave: Vietnamese, English, what to do."""


def stranger(incoming: Incoming, *, place: str, where: str, safe: bool) -> LienThongError:
    """Return the error of a failure that no Security Server gave; its status tells whether it was taken."""
    status = incoming.status
    kind = Unavailable if status >= 500 else RateLimited if status == 429 else Misconfigured
    taken = not not_taken(status, busy=incoming.busy)
    trouble = Trouble(kind, GATEWAY, "route", *NOT_XROAD, taken=taken)
    wait = seconds_of(incoming.header("Retry-After"), incoming.header("Date"))
    return trouble.error(str(status), place=place, where=where, safe=safe, retry_after=wait)


class RestWay(SecurityServer):
    """The way of HTTP requests; ``verify``: recompute the request's hash, not only look at its shape."""

    def __init__(
        self, base: str, credential: Dialect | None, parties: Parties, *, verify: bool = False
    ) -> None:
        super().__init__(base, credential, parties)
        self._verify = verify
        self._service = parties.service()

    def outgoing(self, call: Call) -> Call:
        """Put ``/r1`` and the service's id before the path; say who calls, under a fresh message id."""
        path = call.path
        if not path.startswith(("http://", "https://")):
            path = f"/r1/{self._service}/{path.lstrip('/')}" if path else f"/r1/{self._service}"
        headers = {**call.headers, **self.parties.headers(), "X-Road-Id": message_id()}
        return dataclasses.replace(call, path=path, headers=headers)

    def trace(self, request: requests.PreparedRequest) -> str:
        """Return the message's id, by which both Security Servers log it."""
        return f"x-road-id={request.headers.get('X-Road-Id', '')}"

    def error(
        self, incoming: Incoming, request: requests.PreparedRequest, *, where: str, safe: bool
    ) -> LienThongError | None:
        """Return what a Security Server says, or that the answer is not one to this request."""
        code = incoming.header("X-Road-Error").strip()
        if code:
            return self._said(incoming, code, where=where, safe=safe)
        if not incoming.header("X-Road-Id") and incoming.status >= 400:
            return stranger(incoming, place=self.gateway, where=where, safe=safe)
        problem = self._mismatch(incoming, request)
        if not problem:
            return None
        hop = self.gateway
        if not safe:
            hint = "ask the target before repeating"
            return OutcomeUnknown(
                f"{problem}: it may be another's", where=where, hint=hint, hop=hop, step="answer"
            )
        return ProtocolViolation(
            problem, where=where, hint="tell the Security Server's owner", hop=hop, step="answer"
        )

    def _said(self, incoming: Incoming, code: str, *, where: str, safe: bool) -> LienThongError:
        code = code if _CODE.match(code) else "unreadable"
        trouble = trouble_of(code) or Trouble(Unavailable, GATEWAY, "route", *NOT_XROAD, taken=True)
        if incoming.status < 400:  # a code of failure beside a success: one of them is wrong
            trouble = dataclasses.replace(trouble, taken=True)
        try:
            detail = str(orjson.loads(incoming.whole().body)["detail"])
        except (ValueError, TypeError, LookupError):
            detail = ""
        said = f"{code}, error id {detail}" if _DETAIL.match(detail) else code
        return trouble.error(said, place=self.place(trouble.hop), where=where, safe=safe)

    def _mismatch(self, incoming: Incoming, request: requests.PreparedRequest) -> str:
        """Return in what an answer does not belong to the request, empty where it does."""
        if incoming.header("X-Road-Id") != request.headers.get("X-Road-Id"):
            return "the answer's X-Road-Id is not the request's"
        for name, sent in (("X-Road-Service", self._service), ("X-Road-Client", self.parties.client)):
            value = incoming.header(name)
            if value and tuple(unquote(part) for part in value.split("/")) != sent.parts:
                return f"the answer's {name} is not the request's"
        if not incoming.header("X-Road-Service"):
            return "the answer has no X-Road-Service"
        given = incoming.header("X-Road-Request-Hash")
        if given and not self._hash_holds(given, incoming.header("X-Road-Request-Id"), request):
            return "the answer's X-Road-Request-Hash is not that of the request"
        return ""

    def _hash_holds(self, given: str, request_id: str, request: requests.PreparedRequest) -> bool:
        try:
            digest = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return False
        if len(digest) != hashlib.sha512().digest_size:
            return False
        if not self._verify or not isinstance(request.body, (bytes, str, type(None))):
            return True
        return hmac.compare_digest(digest, request_hash(request, request_id))


def request_hash(request: requests.PreparedRequest, request_id: str) -> bytes:
    """Return the hash that the provider's Security Server states of a request.

    SHA512(SHA512(message) + SHA512(body)), or SHA512(message) without a body (PR-REST section 4.3).
    The message is written as the open-source Security Server 7 does: verb, path with query, the
    headers in their order without those that a hop changes, and the request id it gave; each line
    ended by CRLF.
    """
    address = urlsplit(str(request.url))
    target = address.path + (f"?{address.query}" if address.query else "")
    kept = [(k, v) for k, v in request.headers.items() if k.lower() not in _NOT_HASHED]
    lines = [str(request.method), target, *(f"{k}:{v}" for k, v in kept), f"X-Road-Request-Id:{request_id}"]
    message = hashlib.sha512("".join(f"{line}\r\n" for line in lines).encode()).digest()
    body = request.body.encode() if isinstance(request.body, str) else request.body
    if not isinstance(body, bytes) or not body:
        return message
    return hashlib.sha512(message + hashlib.sha512(body).digest()).digest()
