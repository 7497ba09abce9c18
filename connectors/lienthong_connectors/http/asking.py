"""Asking a token or login endpoint for a credential, and what its answer means.

Asking again is safe: every failure here comes before a delivery. Nothing that an endpoint answers
is quoted but the error codes of RFC 6749, because agencies put what they were sent into their texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import requests

from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    ProtocolViolation,
    RateLimited,
    TimedOut,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.clock import clock_hint
from lienthong_connectors.http.status import retry_after
from lienthong_connectors.http.transport import Prepared, Reply, Transport

CREDENTIALS = "check login, password and token_url of the connection"
_CODE = re.compile(r"[a-z][a-z_]{2,39}")
_MEANINGS: dict[str, tuple[type[LienThongError], str]] = {
    "invalid_request": (Misconfigured, "check token_credentials, audience and resource of the connection"),
    "invalid_client": (Unauthenticated, "check login, password or assertion_key, and token_credentials"),
    "invalid_grant": (Unauthenticated, CREDENTIALS),
    "unauthorized_client": (Forbidden, "ask the agency to let this client use client credentials"),
    "unsupported_grant_type": (Misconfigured, "this endpoint grants no client credentials: check token_url"),
    "invalid_scope": (Forbidden, "check scope of the connection, or ask the agency for it"),
    "invalid_target": (Misconfigured, "check audience and resource of the connection"),
    "access_denied": (Forbidden, "ask the agency for the right to this service"),
}
"""What the error codes of RFC 6749 section 5.2, RFC 8707 section 2 and their neighbours mean."""


def ask(
    transport: Transport,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    where: str,
    beneath: Dialect | None = None,
    stamped: bool = False,
) -> dict[str, Any]:
    """POST to an endpoint and return the JSON object that it answers with.

    ``stamped``: what was sent carries the time, so that a refusal may be the clock's fault.
    """
    request = requests.Request("POST", url, headers=dict(headers), data=body).prepare()
    if beneath is not None:
        beneath(request)
        request.prepare_content_length(request.body)
    reply = transport.send(Prepared(request, label=" (token)", safe=True))
    if not 200 <= reply.status < 300:
        raise refusal(reply, where=where, stamped=stamped)
    answer = _object(reply.body)
    if answer is None:
        raise ProtocolViolation(
            "the token answer is not a JSON object", where=where, hint="is token_url the right address?"
        )
    return answer


def refusal(reply: Reply, *, where: str, stamped: bool = False) -> LienThongError:
    """Return what an answer other than a success means."""
    status, wait = reply.status, retry_after(reply)
    said = f"the token endpoint answered {status}"
    if status == 429:
        return RateLimited("too many token requests (429)", where=where, retry_after=wait)
    if status in {408, 425}:
        return TimedOut(said, where=where, retry_after=wait)
    code = _error_code(reply.body)
    if status >= 500 or code in {"server_error", "temporarily_unavailable"}:
        return Unavailable(f"{said}{f': {code}' if code else ''}", where=where, retry_after=wait)
    clock = clock_hint(reply.headers) if stamped else ""
    if code in _MEANINGS:
        kind, hint = _MEANINGS[code]
        return kind(f"{said}: {code}", where=where, hint="; ".join(filter(None, (hint, clock))))
    if status < 400:
        hint = "give the address that it redirects to as token_url"
        return ProtocolViolation(f"the token endpoint redirects ({status})", where=where, hint=hint)
    if status in {404, 405, 410}:
        return Misconfigured(said, where=where, hint="check token_url of the connection")
    return Unauthenticated(
        f"{said}{f': {code}' if code else ''}",
        where=where,
        hint="; ".join(filter(None, (CREDENTIALS, clock))),
    )


def usable_text(answer: Mapping[str, Any], name: str, *, where: str) -> str:
    """Return a credential that can go into a header; raise `ProtocolViolation` where it cannot."""
    value = answer.get(name)
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise ProtocolViolation(
            f"the token answer has no usable {name!r}", where=where, hint="is token_url the right address?"
        )
    return value


def _error_code(body: bytes) -> str:
    answer = _object(body)
    code = answer.get("error") if answer else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
