"""Settings of WS-Security and WS-Addressing: without secrets, and light to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lienthong.connector import option
from lienthong.errors import Misconfigured

ALGORITHMS: Final = (
    "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
)  # fmt: skip
"""Signature algorithms that answers may be signed with, by their JOSE names."""

_DIGITS = frozenset("0123456789abcdef")


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 in lowercase hexadecimal."""
    return len(text) == 64 and set(text) <= _DIGITS


def require(holds: bool, name: str, wanted: str) -> None:
    """Raise `Misconfigured` naming an option that does not hold."""
    if not holds:
        raise Misconfigured(
            f"option {name!r} is missing or malformed", where="soap connector", hint=f"give {wanted}"
        )


@dataclass(frozen=True)
class AnswerPolicy:
    """Which signed answers are accepted: from whom, made how, covering what, and how fresh.

    The Body must always be covered. A signed answer is held whole until it is verified, and only
    what was signed is read. Its size is bounded by ``max_bytes``.
    """

    signed_by: str = option("", doc="agency code that must stand in the certificate; empty: any trusted")
    certificate: str = option("", doc="SHA-256 (hex) of the one certificate accepted; empty: any trusted")
    algorithms: tuple[str, ...] = option(ALGORITHMS, doc="signature algorithms accepted, by their JOSE names")
    allow_sha1: bool = option(False, doc="accept RSA-SHA1 and SHA-1 of a partner who has nothing else")
    cover: tuple[str, ...] = option((), doc="headers ({namespace}local) that must be there and covered")
    timestamp: bool = option(True, doc="a covered timestamp must be there")
    addressing: bool = option(True, doc="every WS-Addressing header that is there must be covered")
    confirmation: bool = option(
        False,
        doc="the answer must confirm our signature (SignatureConfirmation); one that is there is compared",
    )
    max_age: float = option(300.0, doc="oldest accepted signature time, seconds")
    skew: float = option(60.0, doc="tolerated difference of clocks, seconds")
    max_bytes: int = option(32 << 20, doc="largest signed answer")

    def __post_init__(self) -> None:
        known = bool(self.algorithms) and set(self.algorithms) <= set(ALGORITHMS)
        require(known, "algorithms", f"one or more of {', '.join(ALGORITHMS)}")
        pinned = self.certificate.lower()
        require(not pinned or is_sha256(pinned), "certificate", "64 hexadecimal digits")
        require(
            self.max_age > 0 and 0 <= self.skew <= 3600, "skew", "0 to 3600 seconds, and a max_age above 0"
        )


@dataclass(frozen=True)
class WsSecurity:
    """WS-Security 1.1: what is put on requests, and what answers must bear.

    X.509 signatures (X.509 token profile 1.1.1), UsernameToken (UsernameToken profile 1.1.1) with
    the connection's ``wss_login`` and ``wss_password``, and timestamps, together or alone.
    """

    sign: bool = option(True, doc="sign requests with the exchange's key")
    algorithm: Literal["", "ES256", "RS256", "PS256"] = option(
        "", doc="signature algorithm; empty: ES256 or RS256, as the key is"
    )
    key_info: Literal["token", "path", "issuer-serial", "ski"] = option(
        "token",
        doc="how the certificate is named: sent along (token), sent with the authorities above it (path), "
        "by issuer and serial number, by its key id (ski)",
    )
    headers: tuple[str, ...] = option((), doc="further headers ({namespace}local) to sign")
    sign_token: bool = option(False, doc="sign the certificate that is sent along, too")
    timestamp: bool = option(True, doc="say when the request was made and expires")
    lifetime: float = option(300.0, doc="seconds until the request expires")
    username_token: Literal["", "text", "digest"] = option(
        "", doc="send user name and password: text (as it is) or digest; empty: neither"
    )
    must_understand: bool = option(True, doc="the service must understand the Security header")
    verify: AnswerPolicy | None = option(
        AnswerPolicy(), doc="which signed answers are accepted; None: answers need no signature"
    )
    skew: float = option(60.0, doc="tolerated difference of clocks where timestamps are not signed, seconds")

    def __post_init__(self) -> None:
        require(
            self.algorithm in ("", "ES256", "RS256", "PS256"), "security.algorithm", "ES256, RS256 or PS256"
        )
        kinds = ("token", "path", "issuer-serial", "ski")
        require(self.key_info in kinds, "security.key_info", "token, path, issuer-serial or ski")
        require(self.username_token in ("", "text", "digest"), "security.username_token", "text or digest")
        require(self.lifetime > 0, "security.lifetime", "more than 0 seconds")
        require(0 <= self.skew <= 3600, "security.skew", "0 to 3600 seconds")


@dataclass(frozen=True)
class Addressing:
    """WS-Addressing: MessageID, To, Action and an anonymous ReplyTo; the answer's RelatesTo is checked."""

    version: Literal["1.0", "2004/08"] = option("1.0", doc="1.0 (2005/08) or the submission 2004/08")
    to: str = option("", doc="To; empty: the address that requests are posted to")
    action: str = option("", doc="Action; empty: the WSDL's, else the SOAPAction")
    must_understand: bool = option(False, doc="the service must understand these headers")

    def __post_init__(self) -> None:
        require(self.version in ("1.0", "2004/08"), "addressing.version", "1.0 or 2004/08")
