"""The connector's descriptor: its connection form and settings."""

from __future__ import annotations

from lienthong.connector import ConnectionField, ConnectorDescriptor
from lienthong.exchange import Text
from lienthong_connectors.soap.settings import SoapLookup, SoapSource, SoapTarget

#: Values of the connection extra ``auth``; ``bearer-oauth2`` is another name of ``oauth2``.
AUTH_KINDS = ("none", "basic", "bearer", "oauth2", "bearer-oauth2", "dancu-hash", "lgsp")

_CONNECTION = (
    ConnectionField(
        "host",
        Text("Địa chỉ dịch vụ", "Service URL"),
        "address that requests are posted to; the address inside a WSDL is never used",
        required=True,
    ),
    ConnectionField("login", Text("Tài khoản", "Login"), "user name or client id"),
    ConnectionField("password", Text("Mật khẩu", "Password"), "password or client secret", secret=True),
    ConnectionField(
        "auth",
        Text("Cách xác thực", "Authentication"),
        "none; basic; bearer (fixed token); oauth2 (client credentials); dancu-hash (population data); lgsp",
        default="none",
        choices=AUTH_KINDS,
    ),
    ConnectionField(
        "sv_url",
        Text("Đường dẫn dịch vụ (sv_url)", "Service path (sv_url)"),
        "dancu-hash: the path agreed with the provider; empty: the path of host",
    ),
    ConnectionField("token", Text("Mã truy cập", "Token"), "bearer: the token itself", secret=True),
    ConnectionField(
        "token_url", Text("Địa chỉ lấy mã truy cập", "Token URL"), "oauth2: absolute, or under host"
    ),
    ConnectionField("scope", Text("Phạm vi", "Scope"), "oauth2: blank-separated scopes"),
    ConnectionField(
        "wsdl",
        Text("WSDL", "WSDL"),
        "file, package:name/path, or URL on the same host; settings go before it",
    ),
    ConnectionField(
        "soap_version",
        Text("Phiên bản SOAP", "SOAP version"),
        "where neither the settings nor the WSDL say it",
        choices=("1.1", "1.2"),
    ),
    ConnectionField(
        "headers",
        Text("Header HTTP cố định", "Fixed HTTP headers"),
        'JSON object such as {"X-Road-Client": "VN/GOV/1/LGSP", "ApiKey": "..."}',
        secret=True,
    ),
    ConnectionField("madonvi", Text("Mã đơn vị", "Agency code"), "for requests, as $connection.madonvi"),
    ConnectionField(
        "officer", Text("Tài khoản cán bộ", "Officer account"), "for requests, as $connection.officer"
    ),
    ConnectionField(
        "ca_file", Text("Tệp CA", "CA file"), "PEM of the authorities to trust instead of the public ones"
    ),
    ConnectionField(
        "client_certificate", Text("Chứng thư máy khách", "Client certificate"), "PEM for mutual TLS"
    ),
    ConnectionField(
        "client_key", Text("Khóa máy khách", "Client key"), "PEM; empty where it is in the certificate's"
    ),
    ConnectionField("proxy", Text("Proxy", "Proxy"), "http://host:port through which the system is reached"),
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
)
