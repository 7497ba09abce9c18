"""Where credentials come from: token and login endpoints, chosen by the connection's ``auth``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
import requests

from lienthong.connector import Connection
from lienthong.errors import Misconfigured, ProtocolViolation, RateLimited, Unauthenticated, Unavailable
from lienthong_connectors.http import auth
from lienthong_connectors.http.fields import AUTH_KINDS, base_url, join_url
from lienthong_connectors.http.status import retry_after
from lienthong_connectors.http.transport import Prepared, Reply, Transport

_FORM = "application/x-www-form-urlencoded"
_SESSION_OVER = frozenset({"401", "-401"})
_HINT = "check login, password and token_url of the connection"


def dialect(connection: Connection, transport: Transport) -> auth.Dialect:
    """Return the authentication that the connection asks for.

    Raises `Misconfigured`, naming the field, where one is missing or the kind is unknown.
    """
    kind = str(connection.option("auth", "none"))
    makers: dict[str, Callable[[Connection, Transport], auth.Dialect]] = {
        "none": lambda *_: auth.Dialect(),
        "basic": _basic,
        "bearer": lambda c, _: auth.HeaderAuth("Authorization", f"Bearer {c.require('token')}"),
        "api-key": lambda c, _: auth.HeaderAuth(c.option("api_key_header", "X-API-Key"), c.require("token")),
        "oauth2": _oauth2,
        "lgsp": _lgsp,
        "dvcqg-session": _session,
    }
    if kind not in makers:
        raise Misconfigured(
            f"connection extra 'auth' is {kind!r}",
            where=f"connection {connection.id!r}",
            hint=f"one of {', '.join(AUTH_KINDS)}",
        )
    return makers[kind](connection, transport)


def _basic(connection: Connection, _: Transport) -> auth.Dialect:
    value = auth.basic_value(connection.require("login"), connection.password)
    return auth.HeaderAuth("Authorization", value)


def _oauth2(connection: Connection, transport: Transport, extra: auth.Dialect | None = None) -> auth.Dialect:
    """Client credentials (RFC 6749 section 4.4) as WSO2-style gateways take them."""
    login, password = connection.require("login"), connection.require("password")
    url = join_url(base_url(connection), str(connection.require("token_url")))
    form = {"grant_type": "client_credentials"}
    if scope := connection.option("scope"):
        form["scope"] = str(scope)
    headers = {"Content-Type": _FORM, "Accept": "application/json"}
    if extra is None and connection.option("token_credentials", "basic") == "basic":
        headers["Authorization"] = auth.basic_value(login, password)
    elif extra is None:
        form |= {"client_id": login, "client_secret": password}
    body = urlencode(form).encode()

    def fetch() -> tuple[str, float]:
        answer = _ask(transport, url, headers, body, extra)
        return _text(answer, "access_token", transport), _seconds(answer.get("expires_in"))

    return auth.BearerAuth(auth.Credential(fetch), extra)


def _lgsp(connection: Connection, transport: Transport) -> auth.Dialect:
    """The ``lgspaccesstoken`` header, with a bearer token beside it where there is a token_url."""
    header = auth.lgsp_header(connection)
    return _oauth2(connection, transport, header) if connection.option("token_url") else header


def _session(connection: Connection, transport: Transport) -> auth.Dialect:
    dstcode, agency = str(connection.require("dstcode")), str(connection.require("madonvi"))
    url = join_url(base_url(connection), str(connection.require("token_url")))
    headers = {"Content-Type": "application/json; charset=utf-8", **auth.portal_headers(dstcode)}
    body = orjson.dumps({"username": connection.require("login"), "password": connection.require("password")})

    def fetch() -> tuple[str, float]:
        answer = _ask(transport, url, headers, body)
        if str(answer.get("error_code")) not in {"0", "00"}:
            raise Unauthenticated("the login was refused", where="token_url", hint=_HINT)
        return _text(answer, "session", transport), 0.0

    return auth.SessionAuth(auth.Credential(fetch), dstcode, agency, _SESSION_OVER)


def _ask(
    transport: Transport, url: str, headers: Mapping[str, str], body: bytes, extra: auth.Dialect | None = None
) -> dict[str, Any]:
    """POST to a token endpoint; asking again is safe, so every failure here is before a delivery."""
    request = requests.Request("POST", url, headers=dict(headers), data=body).prepare()
    if extra is not None:
        extra(request)
    reply = transport.send(Prepared(request, label=" (token)", safe=True))
    _check(reply)
    try:
        answer = orjson.loads(reply.body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProtocolViolation("the token answer is not a JSON object", where="token_url", hint=_HINT)
    return answer


def _check(reply: Reply) -> None:
    if reply.status < 300:
        return
    if reply.status == 429:
        raise RateLimited("too many token requests", where="token_url", retry_after=retry_after(reply))
    if reply.status >= 500:
        raise Unavailable(
            f"the token endpoint answered {reply.status}", where="token_url", retry_after=retry_after(reply)
        )
    raise Unauthenticated(
        f"the token endpoint answered {reply.status}",
        where="token_url",
        hint=_HINT,
    )


def _text(answer: Mapping[str, Any], name: str, _: Transport) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise ProtocolViolation(f"the token answer has no usable {name!r}", where="token_url", hint=_HINT)
    return value


def _seconds(value: Any) -> float:
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return 0.0
