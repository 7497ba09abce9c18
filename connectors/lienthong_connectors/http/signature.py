"""HTTP Message Signatures (RFC 9421) on what leaves, and on what comes back: the settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from lienthong.connector import option
from lienthong.errors import InvalidExchange

SIGNING: Final = ("ecdsa-p256-sha256", "rsa-pss-sha512", "rsa-v1_5-sha256")
"""Algorithms that requests can be signed with (RFC 9421 section 6.2.2)."""

VERIFYING: Final = (*SIGNING, "ed25519")
"""Algorithms that answers can be accepted in."""

_COMPONENT: Final = re.compile(r"@?[a-z0-9!#$%&'*+.^_`|~-]+(;[a-z]+(=\"[^\"\\]*\")?)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSignature:
    """How the messages of an exchange are signed and what is demanded of a partner's signatures.

    Algorithms and components carry their names in RFC 9421: ``ecdsa-p256-sha256``; a header's name
    in lower case, ``@authority``, ``@query-param;name="id"``. Raises `InvalidExchange`, naming the
    field, where a value is not possible.
    """

    sign: bool = option(True, doc="sign requests: method, target URI, body digest, type, idempotency key")
    algorithm: str = option(
        "", doc="algorithm of requests; empty: by the key, ecdsa-p256-sha256 or rsa-pss-sha512"
    )
    cover: tuple[str, ...] = option((), doc="further components of requests, such as x-request-id")
    digest: Literal["sha-256", "sha-512"] = option("sha-256", doc="Content-Digest of requests (RFC 9530)")
    verify: bool = option(False, doc="refuse answers that are not signed by a trusted certificate")
    accepted: tuple[str, ...] = option(SIGNING[:2], doc="algorithms that answers may be signed with")
    require: tuple[str, ...] = option((), doc="further components that answers must cover")
    bound: Literal["", "target", "request"] = option(
        "",
        doc="what of the request an answer must cover: nothing; target: its method and URI; "
        "request: these and its signature, so that the answer is good for this request alone",
    )
    max_age: float = option(300.0, doc="seconds after which an answer's signature is too old")
    skew: float = option(30.0, doc="seconds that the clocks of both sides may differ")
    replay: bool = option(True, doc="refuse an answer that was received before")
    tag: str = option("", doc="application tag (RFC 9421 section 2.3) to set and to demand")

    def __post_init__(self) -> None:
        _require(self.algorithm in {"", *SIGNING}, "algorithm", f"empty, {', '.join(SIGNING)}")
        _require(self.digest in {"sha-256", "sha-512"}, "digest", "sha-256 or sha-512")
        _require(
            bool(self.accepted) and set(self.accepted) <= {*VERIFYING},
            "accepted",
            f"at least one of {', '.join(VERIFYING)}",
        )
        for name, given in (("cover", self.cover), ("require", self.require)):
            _require(
                not isinstance(given, str) and all(_COMPONENT.fullmatch(one) for one in given),
                name,
                "a tuple of lower-case header names and components such as @authority",
            )
        _require(
            not any(";req" in one or one == "@status" for one in self.cover), "cover", "parts of a request"
        )
        _require(self.bound in {"", "target", "request"}, "bound", "empty, target or request")
        _require(self.bound != "request" or self.sign, "bound", "request only where requests are signed")
        _require(1 <= self.max_age <= 86_400, "max_age", "1 to 86400 seconds")
        _require(0 <= self.skew <= 3_600, "skew", "0 to 3600 seconds")


def _require(holds: bool, field: str, hint: str) -> None:
    if not holds:
        raise InvalidExchange(f"field 'signature.{field}' is not possible", where="HttpSignature", hint=hint)
