"""The part of the connection form that says who we are: one for REST and SOAP alike."""

from __future__ import annotations

from lienthong.connector import ConnectionField
from lienthong.exchange import Text

AUTH_KINDS = (
    "none",
    "basic",
    "bearer",
    "api-key",
    "oauth2",
    "lgsp",
    "dancu-hash",
    "lgsp-dancu",
    "dvcqg-session",
    "vxp-hmac",
)
"""Values of the connection extra ``auth``."""

CLIENT_CREDENTIALS = ("basic", "post", "json", "private_key_jwt")
"""Values of ``token_credentials``: how a token endpoint is told who asks."""


def field(
    name: str,
    vi: str,
    en: str,
    doc: str,
    *,
    secret: bool = False,
    default: str = "",
    choices: tuple[str, ...] = (),
) -> ConnectionField:
    """Return an optional text field of the form."""
    return ConnectionField(
        name=name, title=Text(vi, en), doc=doc, secret=secret, default=default or None, choices=choices
    )


AUTH_FIELDS: tuple[ConnectionField, ...] = (
    field(
        "login",
        "Tài khoản hoặc mã ứng dụng",
        "User or client id",
        "user name, client id, AccessKey (lgsp) or systemid (vxp-hmac)",
    ),
    field(
        "password",
        "Mật khẩu hoặc khóa ứng dụng",
        "Password or client secret",
        "what proves the login: password, client secret, SecretKey (lgsp) or secret (vxp-hmac)",
        secret=True,
    ),
    field(
        "auth",
        "Cách xác thực",
        "Authentication",
        "none; basic; bearer (fixed token); api-key; oauth2 (client credentials); and the dialects of "
        "docs/connectors/dialects.md: lgsp, dancu-hash, lgsp-dancu, dvcqg-session, vxp-hmac",
        default="none",
        choices=AUTH_KINDS,
    ),
    field(
        "token",
        "Mã truy cập",
        "Token or key",
        "bearer and api-key: the token itself; lgsp: a fixed second token, where there is no token_url",
        secret=True,
    ),
    field(
        "api_key_header", "Tên header khóa", "Key header", "api-key: the header's name", default="X-API-Key"
    ),
    field(
        "api_key_query",
        "Tham số khóa",
        "Key parameter",
        "api-key: the query parameter's name, for services that take the key nowhere else",
    ),
    field("token_url", "Địa chỉ lấy mã truy cập", "Token or login URL", "absolute, or a path under host"),
    field(
        "token_credentials",
        "Cách gửi khóa ứng dụng",
        "Client credentials in",
        "oauth2: the Authorization header (basic), form fields (post), JSON fields (json), or an assertion "
        "signed with our key (private_key_jwt)",
        default="basic",
        choices=CLIENT_CREDENTIALS,
    ),
    field("scope", "Phạm vi", "Scope", "oauth2: blank-separated scopes; all of them must be granted"),
    field("audience", "Đối tượng của mã truy cập", "Audience", "oauth2: audience parameter, where asked for"),
    field("resource", "Tài nguyên", "Resource", "oauth2: blank-separated resource parameters (RFC 8707)"),
    field(
        "assertion_key",
        "Tệp khóa ký",
        "Assertion key",
        "private_key_jwt: PEM or PKCS#12 file of our private key; empty: the key that seals the exchange",
    ),
    field(
        "assertion_key_password",
        "Mật khẩu tệp khóa ký",
        "Assertion key's password",
        "private_key_jwt: password of that file",
        secret=True,
    ),
    field(
        "assertion_algorithm",
        "Thuật toán ký",
        "Assertion algorithm",
        "private_key_jwt: ES256, PS256 or RS256; empty: ES256 or PS256, by the key",
        choices=("ES256", "PS256", "RS256"),
    ),
    field(
        "assertion_key_id",
        "Mã khóa ký",
        "Assertion key id",
        "private_key_jwt: kid under which the server knows the key; empty: SHA-256 of the public key",
    ),
    field(
        "assertion_audience",
        "Bên nhận chứng thực",
        "Assertion audience",
        "private_key_jwt: aud of the assertion; empty: the token URL",
    ),
    field("app_name", "Tên ứng dụng", "AppName", "lgsp: AppName as issued"),
    field("partner_code", "Mã đối tác", "PartnerCode", "lgsp: PartnerCode as issued"),
    field("partner_code_cus", "Mã đối tác cấp dưới", "PartnerCodeCus", "lgsp: PartnerCodeCus as issued"),
    field(
        "lgsp_header",
        "Header định danh LGSP",
        "LGSP header",
        "lgsp: where the identity goes, without a scheme word",
        default="lgspaccesstoken",
        choices=("lgspaccesstoken", "Authorization"),
    ),
    field(
        "token_header",
        "Header mã truy cập",
        "Token header",
        "lgsp: where the second token goes: Authorization (with Bearer) or X-Authentication-Token (bare)",
        default="Authorization",
        choices=("Authorization", "X-Authentication-Token"),
    ),
    field("officer_key_name", "Tên khóa cán bộ", "Officer's key name", "lgsp-dancu: keyName of the officer"),
    field(
        "officer_key_pass",
        "Mật khẩu khóa cán bộ",
        "Officer's key pass",
        "lgsp-dancu: keyPass of the officer",
        secret=True,
    ),
    field(
        "sv_url",
        "Đường dẫn dịch vụ (sv_url)",
        "Service path (sv_url)",
        "dancu-hash: the path agreed with the provider; empty: the path of host",
    ),
    field(
        "timestamp_unit",
        "Đơn vị thời gian",
        "Timestamp unit",
        "dancu-hash: milliseconds or seconds",
        default="ms",
        choices=("ms", "s"),
    ),
    field("dstcode", "Mã hệ thống đích", "Destination code", "dvcqg-session: header dstcode of every call"),
    field(
        "madonvi",
        "Mã đơn vị",
        "Agency code",
        "dvcqg-session: madonvi in every body; elsewhere for requests, as $connection.madonvi",
    ),
    field(
        "headers",
        "Header HTTP cố định",
        "Fixed HTTP headers",
        'JSON object such as {"X-Road-Client": "VN/GOV/1/LGSP", "ApiKey": "..."}',
        secret=True,
    ),
)
"""Fields of the form that have to do with who we are, in its order."""
