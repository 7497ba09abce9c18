"""The connector's descriptor: its connection form and settings."""

from __future__ import annotations

from dataclasses import replace

from lienthong.connector import (
    EXPIRES,
    PLACE,
    SERVICE_FIELDS,
    STATUS_503,
    ConnectionField,
    ConnectorDescriptor,
)
from lienthong.exchange import Text
from lienthong_connectors.codes import PACKAGE
from lienthong_connectors.http.auth_fields import AUTH_FIELDS
from lienthong_connectors.http.fields import TLS_FIELDS
from lienthong_connectors.http.uplink_fields import UPLINK_FIELDS
from lienthong_connectors.soap.commands import add_commands
from lienthong_connectors.soap.settings import SoapLookup, SoapSource, SoapTarget

#: Fields that only requests with JSON bodies can use.
_JSON_ONLY = frozenset({"dstcode"})


def _soap(field: ConnectionField) -> ConnectionField:
    """Return a field of the common form without the choices that need a JSON body."""
    return replace(field, choices=tuple(one for one in field.choices if one != "dvcqg-session"))


_CONNECTION = (
    ConnectionField(
        "host",
        Text("Địa chỉ dịch vụ", "Service URL"),
        "address that requests are posted to; the address inside a WSDL is never used",
        required=True,
    ),
    *(_soap(field) for field in AUTH_FIELDS if field.name not in _JSON_ONLY),
    ConnectionField(
        "wsdl",
        Text("WSDL", "WSDL"),
        "file, catalogue folder, package:name/path, or URL on the same host; settings go before it",
    ),
    ConnectionField(
        "soap_version",
        Text("Phiên bản SOAP", "SOAP version"),
        "where neither the settings nor the WSDL say it",
        choices=("1.1", "1.2"),
    ),
    ConnectionField(
        "wss_login",
        Text("Tài khoản WS-Security", "WS-Security user name"),
        "user name of a UsernameToken; empty: login",
    ),
    ConnectionField(
        "wss_password",
        Text("Mật khẩu WS-Security", "WS-Security password"),
        "password of that user name; where wss_login is empty: password",
        secret=True,
    ),
    ConnectionField(
        "officer", Text("Tài khoản cán bộ", "Officer account"), "for requests, as $connection.officer"
    ),
    EXPIRES,
    PLACE,
    *SERVICE_FIELDS,
    *TLS_FIELDS,
    ConnectionField("proxy", Text("Proxy", "Proxy"), "http://host:port through which the system is reached"),
    ConnectionField(
        "redirects",
        Text("Chuyển hướng", "Redirects"),
        "of the WSDL: none, same-origin, or hosts, addresses and networks that a GET may lead to as well",
        default="same-origin",
    ),
    STATUS_503,
    *UPLINK_FIELDS,
)

DESCRIPTOR = ConnectorDescriptor(
    kind="soap",
    title=Text("Dịch vụ SOAP", "SOAP service"),
    summary=Text(
        "Đọc, gửi và tra cứu qua SOAP 1.1 và 1.2, có WSDL, WS-Security và xác thực CSDL dân cư",
        "Reads, delivers and looks up through SOAP 1.1 and 1.2, with WSDL, WS-Security and the "
        "population database's authentication",
    ),
    connection_type="lienthong_soap",
    connection=_CONNECTION,
    settings={"source": SoapSource, "target": SoapTarget, "lookup": SoapLookup},
    commands=add_commands,
    codes=PACKAGE,
)
