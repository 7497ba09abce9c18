"""The connection fields that say through which gateway a service is reached."""

from __future__ import annotations

from lienthong.connector import ConnectionField
from lienthong.exchange import Text

UPLINKS = ("direct", "ndxp", "vxp", "xroad", "ndop")
"""Values of the connection extra ``uplink``."""
UPLINK_AUTH = ("none", "basic", "bearer", "api-key", "oauth2")
"""Values of the connection extra ``uplink_auth``."""


def _field(name: str, vi: str, en: str, doc: str, *, secret: bool = False) -> ConnectionField:
    return ConnectionField(name=name, title=Text(vi, en), doc=doc, secret=secret)


UPLINK_FIELDS: tuple[ConnectionField, ...] = (
    ConnectionField(
        "uplink",
        Text("Đường kết nối", "Uplink"),
        "the way to the service: direct; ndxp (national platform); vxp (document bus adapter); "
        "xroad (Security Server); ndop (National Data Centre)",
        default="direct",
        choices=UPLINKS,
    ),
    _field("uplink_host", "Địa chỉ cổng", "Gateway URL", "address of the gateway; empty: host itself"),
    _field("uplink_service", "Tên dịch vụ tại cổng", "Service name at the gateway", "dmdc/1.0, or a dstcode"),
    _field("uplink_prefix", "Tiền tố đường dẫn", "Path prefix", "goes before the service's path"),
    _field(
        "uplink_target_header", "Header tên dịch vụ", "Target header", "names the service instead of the path"
    ),
    _field(
        "uplink_correlation_header", "Header đối soát", "Correlation header", "carries the correlation id"
    ),
    ConnectionField(
        "uplink_auth",
        Text("Cách xác thực với cổng", "Gateway authentication"),
        "who we are to the gateway; auth is who we are to the service",
        default="none",
        choices=UPLINK_AUTH,
    ),
    _field("uplink_login", "Tài khoản tại cổng", "Gateway login", "basic and oauth2"),
    _field("uplink_password", "Mật khẩu tại cổng", "Gateway password", "basic and oauth2", secret=True),
    _field("uplink_token", "Khóa tại cổng", "Gateway token", "bearer and api-key: the token", secret=True),
    _field("uplink_token_url", "Địa chỉ lấy mã tại cổng", "Gateway token URL", "oauth2: absolute, or a path"),
    _field("uplink_scope", "Phạm vi tại cổng", "Gateway scope", "oauth2: blank-separated scopes"),
    _field("uplink_key_header", "Header khóa tại cổng", "Gateway key header", "api-key: X-API-Key if empty"),
    _field(
        "uplink_token_header",
        "Header mã tại cổng",
        "Gateway token header",
        "carries the gateway's token where Authorization is the service's",
    ),
    _field("xroad_client", "Bên gọi X-Road", "X-Road client", "instance/class/member/subsystem that we are"),
    _field(
        "xroad_provider", "Bên cung cấp X-Road", "X-Road provider", "instance/class/member/subsystem to call"
    ),
    _field(
        "xroad_service", "Mã dịch vụ X-Road", "X-Road service code", "SOAP 4.0: the operation's name if empty"
    ),
    _field("xroad_service_version", "Phiên bản dịch vụ", "X-Road service version", "SOAP 4.0: v1, say"),
    ConnectionField(
        "xroad_protocol",
        Text("Giao thức X-Road", "X-Road protocol"),
        "SOAP connections: the message protocol that carries them, soap (4.0) or rest (1.x)",
        default="soap",
        choices=("soap", "rest"),
    ),
    _field("xroad_user_id", "Người dùng X-Road", "X-Road user", "X-Road-UserId: country code and number"),
    _field("xroad_issue", "Hồ sơ X-Road", "X-Road issue", "X-Road-Issue: the procedure behind the calls"),
    _field("xroad_represented_party", "Bên được đại diện", "Represented party", "class/code, or code"),
    _field("xroad_security_server", "Máy chủ an ninh", "Security Server", "instance/class/member/server"),
    ConnectionField(
        "xroad_rest_hash",
        Text("Kiểm tra băm yêu cầu", "X-Road request hash"),
        "REST: shape (a SHA-512) or verify (recomputed as X-Road 7 writes it)",
        default="shape",
        choices=("shape", "verify"),
    ),
)
"""Extras of every HTTP connection, in the order of the form."""
