"""Authentication of SOAP connections: the dialects of all HTTP connectors, and dancu-hash."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from requests import PreparedRequest

from lienthong.connector import Connection
from lienthong.errors import Misconfigured
from lienthong_connectors.http.auth import Dialect, basic_value
from lienthong_connectors.http.fields import base_url
from lienthong_connectors.http.login import dialect
from lienthong_connectors.http.transport import Transport
from lienthong_connectors.soap.descriptor import AUTH_KINDS


class DancuHash(Dialect):
    """Auth dialect C of the population database: a hash in the place of the password.

    Lowercase hexadecimal SHA-256 of ``sv_url + login + timestamp + password``, the timestamp in
    milliseconds since 1970; fresh for every request, because the service refuses old ones.
    """

    def __init__(self, sv_url: str, login: str, password: str) -> None:
        self._sv_url, self._login, self._password = sv_url, login, password

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set ``Authorization`` and ``Timestamp``."""
        stamp = str(time.time_ns() // 1_000_000)
        value = hashlib.sha256(f"{self._sv_url}{self._login}{stamp}{self._password}".encode()).hexdigest()
        request.headers["Authorization"] = basic_value(self._login, value)
        request.headers["Timestamp"] = stamp
        return request


def authentication(connection: Connection, transport: Transport) -> Dialect:
    """Return the authentication that the connection's ``auth`` asks for.

    Raises `Misconfigured`, naming the field, where one is missing or the kind is unknown.
    """
    kind = str(connection.option("auth", "none"))
    if kind not in AUTH_KINDS:
        raise Misconfigured(
            f"connection extra 'auth' is {kind!r}",
            where=f"connection {connection.id!r}",
            hint=f"one of {', '.join(AUTH_KINDS)}",
        )
    if kind == "dancu-hash":
        path = str(connection.option("sv_url", "")) or urlsplit(base_url(connection)).path
        return DancuHash(path, connection.require("login"), connection.require("password"))
    if kind == "bearer-oauth2":
        connection = dataclasses.replace(connection, extra={**connection.extra, "auth": "oauth2"})
    return dialect(connection, transport)


def fixed_headers(connection: Connection) -> dict[str, str]:
    """Return the connection's own headers (X-Road-Client, ApiKey), from an object or its JSON text."""
    given: Any = connection.option("headers", {})
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except ValueError:
            given = None
    if not isinstance(given, Mapping):
        raise Misconfigured(
            "connection extra 'headers' is not a JSON object", where=f"connection {connection.id!r}"
        )
    return {str(name): str(value) for name, value in given.items()}
