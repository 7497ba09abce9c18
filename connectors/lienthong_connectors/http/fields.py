"""The connection form of every HTTP connector, and the address it gives."""

from __future__ import annotations

from urllib.parse import urlsplit

from lienthong.connector import Connection, ConnectionField
from lienthong.errors import Misconfigured
from lienthong.exchange import Text

AUTH_KINDS = ("none", "basic", "bearer", "api-key", "oauth2", "lgsp", "dvcqg-session")
"""Values of the connection extra ``auth``."""


def _field(
    name: str, vi: str, en: str, doc: str, *, secret: bool = False, default: str = ""
) -> ConnectionField:
    return ConnectionField(name=name, title=Text(vi, en), doc=doc, secret=secret, default=default or None)


HTTP_FIELDS: tuple[ConnectionField, ...] = (
    ConnectionField(
        name="host",
        title=Text("Địa chỉ gốc", "Base URL"),
        doc="https://api.example.gov.vn/prefix; paths of the settings are appended to it",
        required=True,
    ),
    _field("login", "Tài khoản hoặc mã ứng dụng", "User or client id", "basic, oauth2 and dvcqg-session"),
    _field("password", "Mật khẩu hoặc khóa ứng dụng", "Password or client secret", "as login", secret=True),
    ConnectionField(
        name="auth",
        title=Text("Cách xác thực", "Authentication"),
        doc="none; basic; bearer (fixed token); api-key; oauth2 (client credentials, as WSO2 gateways "
        "grant them); lgsp (header lgspaccesstoken); dvcqg-session (session of the national portal)",
        default="none",
        choices=AUTH_KINDS,
    ),
    _field("token", "Mã truy cập", "Token or key", "bearer and api-key: the token itself", secret=True),
    _field(
        "api_key_header", "Tên header khóa", "Key header", "api-key: the header's name", default="X-API-Key"
    ),
    _field("token_url", "Địa chỉ lấy mã truy cập", "Token or login URL", "absolute, or a path under host"),
    ConnectionField(
        name="token_credentials",
        title=Text("Cách gửi khóa ứng dụng", "Client credentials in"),
        doc="oauth2: in the Authorization header (basic) or in the form (post)",
        default="basic",
        choices=("basic", "post"),
    ),
    _field("scope", "Phạm vi", "Scope", "oauth2: blank-separated scopes"),
    _field("app_name", "Tên ứng dụng", "AppName", "lgsp: AppName as issued"),
    _field("partner_code", "Mã đối tác", "PartnerCode", "lgsp: PartnerCode as issued"),
    _field("partner_code_cus", "Mã đối tác cấp dưới", "PartnerCodeCus", "lgsp: PartnerCodeCus as issued"),
    _field("dstcode", "Mã hệ thống đích", "Destination code", "dvcqg-session: header dstcode of every call"),
    _field("madonvi", "Mã đơn vị", "Agency code", "dvcqg-session: madonvi in every body"),
    _field("ca_file", "Tệp CA", "CA file", "PEM of the authorities to trust instead of the public ones"),
    _field("client_certificate", "Chứng thư máy khách", "Client certificate", "PEM file for mutual TLS"),
    _field("client_key", "Khóa máy khách", "Client key", "PEM file; empty where it is in the certificate's"),
    _field("proxy", "Proxy", "Proxy", "http://host:port through which the system is reached"),
)
"""Standard and extra fields of an HTTP connection, in the order of the form."""


def base_url(connection: Connection) -> str:
    """Return the connection's address without a slash at the end.

    ``host`` is a URL, or a host name beside ``schema`` (https by default) and ``port``. Raises
    `Misconfigured` where it is no http or https address, or carries credentials or a query.
    """
    host = str(connection.require("host")).strip()
    url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    try:
        parts = urlsplit(url)
        port = parts.port or connection.port
    except ValueError:
        raise _malformed(connection, "is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _malformed(connection, "is not an http or https address")
    if parts.username or parts.query or parts.fragment:
        raise _malformed(connection, "carries credentials, a query or a fragment")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def join_url(base: str, path: str) -> str:
    """Return ``path`` under ``base``; an absolute URL is returned as it is."""
    if path.startswith(("http://", "https://")):
        return path
    return f"{base}/{path.lstrip('/')}" if path else base


def _malformed(connection: Connection, what: str) -> Misconfigured:
    return Misconfigured(
        f"connection field 'host' {what}",
        where=f"connection {connection.id!r}",
        hint="give a base URL such as https://api.example.gov.vn/prefix",
    )
