"""What X-Road's own error codes mean: whose fault, which hop, and whether a delivery may have left.

A code reads ``Server.ClientProxy.NetworkError``: the side (``Client``: our request; ``Server.ClientProxy``:
our Security Server; ``Server.ServerProxy``: the provider's) and a name (PR-REST section 4.6). Newer
servers write the same in lower case with underscores. The names are those of the open-source
Security Server; a name in no row is judged by its side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lienthong.errors import Forbidden, LienThongError, Misconfigured, Unauthenticated, Unavailable
from lienthong_connectors.http.trouble import FAR_GATEWAY, GATEWAY, SERVICE, Trouble

CLIENT: Final = "Client"
NEAR: Final = "Server.ClientProxy"
FAR: Final = "Server.ServerProxy"


@dataclass(frozen=True, slots=True)
class Row:
    """Names that mean the same at some sides."""

    sides: tuple[str, ...]
    names: tuple[str, ...]
    trouble: Trouble


def _row(
    sides: tuple[str, ...],
    names: str,
    kind: type[LienThongError],
    hop: str,
    step: str,
    texts: tuple[str, str, str],
    *,
    taken: bool = False,
) -> Row:
    return Row(sides, tuple(names.split()), Trouble(kind, hop, step, *texts, taken=taken))


_FORM = (
    "Máy chủ an ninh không chấp nhận cấu trúc thông điệp",
    "the Security Server does not accept the form of the request",
    "check the xroad_ fields of the connection, and that operation and service code agree",
)
_SIGNING = (
    "Máy chủ an ninh không ký được thông điệp",
    "a Security Server cannot sign",
    "its administrator must see to keys, tokens and certificates",
)
_CONFIGURATION = (
    "Cấu hình của máy chủ an ninh hỏng hoặc đã cũ",
    "a Security Server's configuration is broken or out of date",
    "its administrator must see to the global configuration",
)
_INSIDE = (
    "Lỗi bên trong máy chủ an ninh",
    "a Security Server failed inside",
    "its administrator has the log",
)
_LOG = (
    "Máy chủ an ninh không ghi được nhật ký hoặc dấu thời gian",
    "a Security Server cannot log or time-stamp messages",
    "its administrator must see to the message log and the time-stamping service",
)
_VERIFYING = (
    "Chữ ký hoặc chứng thư của bên kia không được chấp nhận",
    "the Security Servers do not accept each other's signature or certificate",
    "their administrators must see to certificates, OCSP answers and clocks",
)
_UNKNOWN_MEMBER = (
    "Không có thành viên hoặc hệ thống con này trong X-Road",
    "this member or subsystem is not known in the X-Road instance",
    "check xroad_client and xroad_provider; lienthong xroad clients lists who is there",
)
_SERVICE_DOWN = (
    "Máy chủ an ninh bên cung cấp không nhận được trả lời từ dịch vụ",
    "the provider's Security Server got no answer from the service",
    "tell the provider; our Security Server and theirs work",
)
_FORM_NAMES = (
    "BadRequest InvalidRequest InvalidMessage InvalidHttpMethod InvalidContentType InvalidProtocolVersion "
    "MissingHeader MissingHeaderField DuplicateHeaderField InconsistentHeaders MissingBody InvalidBody "
    "MissingSoap InvalidSoap MalformedSoap InvalidXml MimeParsingFailed"
)
_SIGNING_NAMES = (
    "CannotCreateSignature CannotSign KeyNotFound KeyNotAvailable CertNotFound TokenNotFound TokenNotActive "
    "TokenNotInitialized TokenNotAvailable PinIncorrect LoginFailed"
)
_CONFIGURATION_NAMES = "OutdatedGlobalConf MalformedGlobalConf MalformedServerConf MalformedKeyConf"
_VERIFYING_NAMES = (
    "CertValidation CertValidityTime IncorrectCertificate IncorrectValidationInfo MissingValidationInfo "
    "CannotCreateCertPath InvalidCertPath InvalidSignatureValue MalformedSignature MissingSignature "
    "SignatureVerification InvalidReference InvalidHashChain MalformedHashChain TimestampValidation "
    "UnsupportedAlgorithm"
)

ROWS: Final[tuple[Row, ...]] = (
    _row((CLIENT, FAR), _FORM_NAMES, Misconfigured, GATEWAY, "request", _FORM),
    _row((NEAR,), _FORM_NAMES, Misconfigured, GATEWAY, "request", _FORM, taken=True),
    _row(
        (NEAR, CLIENT),
        "SslAuthenticationFailed",
        Unauthenticated,
        GATEWAY,
        "credential",
        (
            "Máy chủ an ninh không chấp nhận kết nối TLS của ta, hoặc hai máy chủ không tin nhau",
            "the Security Server does not accept our TLS certificate, or the two do not trust each other",
            "check client_certificate and the connection type of xroad_client at the Security Server",
        ),
    ),
    _row((NEAR, CLIENT), "UnknownMember", Misconfigured, GATEWAY, "route", _UNKNOWN_MEMBER),
    _row((FAR,), "UnknownMember", Misconfigured, FAR_GATEWAY, "route", _UNKNOWN_MEMBER),
    _row(
        (NEAR, CLIENT),
        "InvalidSecurityServer",
        Misconfigured,
        GATEWAY,
        "route",
        (
            "Máy chủ an ninh đích không phục vụ bên cung cấp này",
            "the Security Server that is asked for does not serve this provider",
            "check xroad_security_server, or leave it empty",
        ),
    ),
    _row(
        (NEAR, FAR),
        "UnknownService",
        Misconfigured,
        FAR_GATEWAY,
        "route",
        (
            "Bên cung cấp không có dịch vụ này",
            "the provider has no such service",
            "check xroad_service and its version; lienthong xroad methods lists what there is",
        ),
    ),
    _row(
        (NEAR, FAR, CLIENT),
        "AccessDenied",
        Forbidden,
        FAR_GATEWAY,
        "route",
        (
            "Bên cung cấp chưa cho ta gọi dịch vụ này",
            "the provider does not let us call this service",
            "ask the provider to grant xroad_client the right to xroad_service",
        ),
    ),
    _row(
        (NEAR, FAR),
        "ServiceDisabled",
        Unavailable,
        FAR_GATEWAY,
        "route",
        ("Bên cung cấp đã tắt dịch vụ này", "the provider has switched this service off", "ask the provider"),
    ),
    _row(
        (FAR,),
        "ServiceMissingUrl ServiceMalformedUrl AdapterWsdlNotFound",
        Misconfigured,
        FAR_GATEWAY,
        "route",
        (
            "Bên cung cấp cấu hình sai địa chỉ dịch vụ",
            "the provider's Security Server has no sound address of the service",
            "tell the provider",
        ),
    ),
    _row(
        (NEAR,),
        "NetworkError IOError HttpError",
        Unavailable,
        FAR_GATEWAY,
        "connection",
        (
            "Máy chủ an ninh của ta không kết nối được máy chủ an ninh bên cung cấp",
            "our Security Server cannot reach the provider's, or lost it",
            "tell the provider, and see to ports 5500 and 5577 of our Security Server",
        ),
        taken=True,
    ),
    _row(
        (FAR,),
        "NetworkError IOError HttpError ServiceFailed",
        Unavailable,
        SERVICE,
        "service",
        _SERVICE_DOWN,
        taken=True,
    ),
    _row((FAR,), "SslAuthenticationFailed", Unavailable, SERVICE, "service", _SERVICE_DOWN),
    _row((NEAR,), _SIGNING_NAMES, Unavailable, GATEWAY, "signing", _SIGNING),
    _row((FAR,), _SIGNING_NAMES, Unavailable, FAR_GATEWAY, "signing", _SIGNING, taken=True),
    _row((NEAR,), _CONFIGURATION_NAMES, Unavailable, GATEWAY, "configuration", _CONFIGURATION),
    _row((FAR,), _CONFIGURATION_NAMES, Unavailable, FAR_GATEWAY, "configuration", _CONFIGURATION),
    _row((NEAR,), _VERIFYING_NAMES, Unavailable, FAR_GATEWAY, "signature", _VERIFYING, taken=True),
    _row((FAR,), _VERIFYING_NAMES, Unavailable, FAR_GATEWAY, "signature", _VERIFYING),
    _row(
        (NEAR,),
        "LoggingFailed TimestampingFailed TimestamperFailed",
        Unavailable,
        GATEWAY,
        "log",
        _LOG,
        taken=True,
    ),
    _row(
        (FAR,),
        "LoggingFailed TimestampingFailed TimestamperFailed",
        Unavailable,
        FAR_GATEWAY,
        "log",
        _LOG,
        taken=True,
    ),
    _row((NEAR,), "InternalError DatabaseError", Unavailable, GATEWAY, "inside", _INSIDE, taken=True),
    _row((FAR,), "InternalError DatabaseError", Unavailable, FAR_GATEWAY, "inside", _INSIDE, taken=True),
    _row(
        (NEAR,),
        "InconsistentResponse InvalidResponse ServiceFailed",
        Unavailable,
        FAR_GATEWAY,
        "answer",
        (
            "Máy chủ an ninh của ta không chấp nhận trả lời của bên cung cấp",
            "our Security Server does not accept the provider's answer",
            "tell the administrators of both Security Servers",
        ),
        taken=True,
    ),
)
"""The table; for one side and name at most one row speaks."""

_OTHERS: Final = {
    CLIENT: Trouble(Misconfigured, GATEWAY, "request", *_FORM),
    NEAR: Trouble(Unavailable, GATEWAY, "inside", *_INSIDE, taken=True),
    FAR: Trouble(Unavailable, FAR_GATEWAY, "inside", *_INSIDE, taken=True),
}


def _plain(text: str) -> str:
    return text.replace("_", "").casefold()


def _known() -> Iterator[tuple[tuple[str, str], Trouble]]:
    for row in ROWS:
        for side in row.sides:
            for name in row.names:
                yield (side, _plain(name)), row.trouble


_KNOWN: Final = dict(_known())


def side_of(code: str) -> str:
    """Return the side that a code names, empty where it is not one of X-Road's codes."""
    plain = f"{_plain(code)}."
    return next((side for side in (NEAR, FAR, CLIENT) if plain.startswith(f"{_plain(side)}.")), "")


def trouble_of(code: str) -> Trouble | None:
    """Return what a code means, None where it is not one of X-Road's.

    ``Server.ServerProxy.ServiceFailed.HttpError`` is judged by its first name, that is by what failed.
    """
    side = side_of(code)
    if not side:
        return None
    names = _plain(code)[len(side) :].strip(".").split(".")
    found = (_KNOWN.get((side, name)) for name in names)
    return next((trouble for trouble in found if trouble is not None), _OTHERS[side])
