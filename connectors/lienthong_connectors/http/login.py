"""Which dialect a connection speaks, chosen by its ``auth``."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import orjson

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured, Unauthenticated
from lienthong_connectors.http import auth, dialects
from lienthong_connectors.http.asking import CREDENTIALS, ask, usable_text
from lienthong_connectors.http.auth_fields import AUTH_KINDS
from lienthong_connectors.http.fields import base_url, join_url
from lienthong_connectors.http.oauth2 import token_credential
from lienthong_connectors.http.transport import Transport

_UNITS = {"ms": 1000, "s": 1}


def dialect(connection: Connection, context: Context, transport: Transport) -> auth.Dialect:
    """Return the authentication that the connection asks for.

    Raises `Misconfigured`, naming the field, where one is missing or the kind is unknown.
    """
    kind = str(connection.option("auth", "none"))
    makers: dict[str, Callable[[Connection, Context, Transport], auth.Dialect]] = {
        "none": lambda *_: auth.Dialect(),
        "basic": _basic,
        "bearer": lambda c, *_: auth.HeaderAuth({"Authorization": f"Bearer {c.require('token')}"}),
        "api-key": _api_key,
        "oauth2": _oauth2,
        "lgsp": _lgsp,
        "dancu-hash": _dancu_hash,
        "lgsp-dancu": _lgsp_dancu,
        "dvcqg-session": _session,
        "vxp-hmac": lambda c, *_: dialects.VxpHmac(c.require("login"), c.require("password")),
    }
    if kind not in makers:
        raise _wrong(connection, "auth", kind, AUTH_KINDS)
    return makers[kind](connection, context, transport)


def _basic(connection: Connection, *_: object) -> auth.Dialect:
    value = auth.basic_value(connection.require("login"), connection.password)
    return auth.HeaderAuth({"Authorization": value})


def _api_key(connection: Connection, *_: object) -> auth.Dialect:
    if query := str(connection.option("api_key_query", "")):
        return auth.QueryAuth(query, str(connection.require("token")))
    name = str(connection.option("api_key_header", "X-API-Key"))
    return auth.HeaderAuth({name: connection.require("token")})


def _oauth2(connection: Connection, context: Context, transport: Transport) -> auth.Dialect:
    stamped = connection.option("token_credentials") == "private_key_jwt"
    return auth.TokenAuth(token_credential(connection, context, transport), stamped=stamped)


def _lgsp(connection: Connection, context: Context, transport: Transport) -> auth.Dialect:
    """Family B: the identity in its header, and a second token where there is one."""
    places = ("lgspaccesstoken", "Authorization")
    place = str(connection.option("lgsp_header", places[0]))
    headers = ("Authorization", "X-Authentication-Token")
    header = str(connection.option("token_header", headers[0]))
    if place not in places:
        raise _wrong(connection, "lgsp_header", place, places)
    if header not in headers:
        raise _wrong(connection, "token_header", header, headers)
    scheme = "Bearer " if header == "Authorization" else ""
    identity = auth.HeaderAuth({place: dialects.lgsp_value(connection)})
    token, url = connection.option("token"), connection.option("token_url")
    if (token or url) and place == header:
        raise Misconfigured(
            "identity and second token cannot both travel in Authorization",
            where=f"connection {connection.id!r}",
            hint="set token_header to X-Authentication-Token",
        )
    if url:
        credential = token_credential(connection, context, transport, identity)
        return auth.TokenAuth(credential, identity, header=header, scheme=scheme)
    if token:
        return auth.HeaderAuth({place: dialects.lgsp_value(connection), header: f"{scheme}{token}"})
    return identity


def _dancu_hash(connection: Connection, *_: object) -> auth.Dialect:
    unit = str(connection.option("timestamp_unit", "ms"))
    if unit not in _UNITS:
        raise _wrong(connection, "timestamp_unit", unit, tuple(_UNITS))
    path = str(connection.option("sv_url", "")) or urlsplit(base_url(connection)).path
    login, password = connection.require("login"), connection.require("password")
    return dialects.DancuHash(path, login, password, _UNITS[unit])


def _lgsp_dancu(connection: Connection, context: Context, transport: Transport) -> auth.Dialect:
    identity = dialects.lgsp_value(connection)
    officer = (str(connection.require("officer_key_name")), str(connection.require("officer_key_pass")))
    beneath = auth.HeaderAuth({"lgspaccesstoken": identity})
    return dialects.LgspDancu(token_credential(connection, context, transport, beneath), identity, officer)


def _session(connection: Connection, _: Context, transport: Transport) -> auth.Dialect:
    dstcode, agency = str(connection.require("dstcode")), str(connection.require("madonvi"))
    url = join_url(base_url(connection), str(connection.require("token_url")))
    headers = {"Content-Type": "application/json; charset=utf-8", **dialects.portal_headers(dstcode)}
    body = orjson.dumps({"username": connection.require("login"), "password": connection.require("password")})
    where = f"connection {connection.id!r} (token)"

    def fetch() -> tuple[str, float]:
        answer = ask(transport, url, headers, body, where=where)
        if str(answer.get("error_code")) not in {"0", "00"}:
            raise Unauthenticated("the login was refused", where=where, hint=CREDENTIALS)
        return usable_text(answer, "session", where=where), 0.0

    return dialects.PortalSession(auth.Credential(fetch), dstcode, agency)


def _wrong(connection: Connection, name: str, value: str, known: tuple[str, ...]) -> Misconfigured:
    return Misconfigured(
        f"connection extra {name!r} is {value!r}",
        where=f"connection {connection.id!r}",
        hint=f"one of {', '.join(known)}",
    )
