"""The connection form of every HTTP connector, and the address it gives."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lienthong.connector import EXPIRES, PLACE, SERVICE_FIELDS, STATUS_503, Connection, ConnectionField
from lienthong.errors import Misconfigured
from lienthong.exchange import Text
from lienthong_connectors.http.auth_fields import AUTH_FIELDS, field
from lienthong_connectors.http.uplink_fields import UPLINK_FIELDS

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?|")
_OF_HTTP = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "te"})

TLS_FIELDS: tuple[ConnectionField, ...] = (
    field("ca_file", "Tệp CA", "CA file", "PEM of the authorities to trust instead of the public ones"),
    field(
        "client_certificate",
        "Chứng thư máy khách",
        "Client certificate",
        "PEM or PKCS#12 file for mutual TLS",
    ),
    field("client_key", "Khóa máy khách", "Client key", "PEM file; empty where it is in the certificate's"),
    field(
        "client_key_password",
        "Mật khẩu khóa máy khách",
        "Client key's password",
        "password of the encrypted key or of the PKCS#12 file",
        secret=True,
    ),
)
"""Whom TLS connections believe and who we are in them, for REST and SOAP alike."""

HTTP_FIELDS: tuple[ConnectionField, ...] = (
    ConnectionField(
        name="host",
        title=Text("Địa chỉ gốc", "Base URL"),
        doc="https://api.example.gov.vn/prefix; paths of the settings are appended to it",
        required=True,
    ),
    *AUTH_FIELDS,
    EXPIRES,
    PLACE,
    *SERVICE_FIELDS,
    *TLS_FIELDS,
    field("proxy", "Proxy", "Proxy", "http://host:port through which the system is reached"),
    ConnectionField(
        name="redirects",
        title=Text("Chuyển hướng", "Redirects"),
        doc="none; same-origin; or blank-separated hosts, addresses and networks that a GET may be "
        "redirected to as well, without our credentials",
        default="same-origin",
    ),
    STATUS_503,
    *UPLINK_FIELDS,
)
"""Standard and extra fields of an HTTP connection, in the order of the form."""


def base_url(connection: Connection, name: str = "host") -> str:
    """Return the connection's address without a slash at the end; ``name`` is the field that holds it.

    ``host`` is a URL, or a host name beside ``schema`` (https by default) and ``port``. Raises
    `Misconfigured` where it is no http or https address, or carries credentials or a query.
    """
    host = str(connection.require(name)).strip()
    url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    try:
        parts = urlsplit(url)
        port = parts.port or (connection.port if name == "host" else None)
    except ValueError:
        raise _malformed(connection, name, "is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _malformed(connection, name, "is not an http or https address")
    if parts.username or parts.query or parts.fragment:
        raise _malformed(connection, name, "carries credentials, a query or a fragment")
    shown = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def fixed_headers(connection: Connection) -> dict[str, str]:
    """Return the connection's own headers (X-Road-Client, ApiKey), from an object or its JSON text.

    Raises `Misconfigured` where they are no object of texts, or name a header that belongs to HTTP
    itself; values are never shown.
    """
    given: Any = connection.option("headers", {})
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = None
    if not isinstance(given, Mapping):
        raise _bad_headers(connection, "is not a JSON object", 'give {"X-Road-Client": "VN/GOV/1/LGSP"}')
    for name, value in given.items():
        if not _HEADER_NAME.fullmatch(str(name)) or str(name).lower() in _OF_HTTP:
            raise _bad_headers(connection, f"may not name {str(name)[:60]!r}", "leave this header out")
        if not isinstance(value, (str, int)) or not _HEADER_VALUE.fullmatch(str(value)):
            raise _bad_headers(connection, f"has no usable value for {name!r}", "give one line of text")
    return {str(name): str(value) for name, value in given.items()}


def sendable(headers: Mapping[str, str], where: str) -> dict[str, str]:
    """Return headers as they are; raise `Misconfigured`, naming it, for one that HTTP cannot carry.

    Values are visible ASCII and blanks (RFC 9110, section 5.5): what is beyond arrives as something else.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise Misconfigured(
                f"header {name[:60]!r} holds what HTTP headers cannot carry",
                where=where,
                hint="write it in one line of ASCII, without Vietnamese marks",
            )
    return dict(headers)


def _bad_headers(connection: Connection, what: str, hint: str) -> Misconfigured:
    return Misconfigured(
        f"connection extra 'headers' {what}", where=f"connection {connection.id!r}", hint=hint
    )


def join_url(base: str, path: str) -> str:
    """Return ``path`` under ``base``; an absolute URL is returned as it is."""
    if path.startswith(("http://", "https://")):
        return path
    return f"{base}/{path.lstrip('/')}" if path else base


def _malformed(connection: Connection, name: str, what: str) -> Misconfigured:
    return Misconfigured(
        f"connection field {name!r} {what}",
        where=f"connection {connection.id!r}",
        hint="give a base URL such as https://api.example.gov.vn/prefix",
    )
