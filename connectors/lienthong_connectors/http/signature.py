"""HTTP Message Signatures (RFC 9421) on what leaves, and on what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lienthong.connector import Context, option
from lienthong.errors import InvalidExchange, Misconfigured

if TYPE_CHECKING:
    from requests import PreparedRequest

    from lienthong_connectors.http.transport import Reply

_OPTIONAL = ("content-type", "idempotency-key", "authorization")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSignature:
    """Which messages of an exchange are signed (ECDSA P-256 with SHA-256 by default)."""

    sign: bool = option(True, doc="sign requests: method, target URI, body digest, type, idempotency key")
    verify: bool = option(False, doc="refuse answers that are not signed by a trusted certificate")
    bound: bool = option(False, doc="the answer's signature must also cover the request's method and URI")
    max_age: float = option(300.0, doc="seconds after which an answer's signature is too old")
    tag: str = option("", doc="application tag (RFC 9421 section 2.3) to set and to demand")

    def __post_init__(self) -> None:
        if not 1 <= self.max_age <= 86_400:
            raise InvalidExchange("field 'signature.max_age' is out of range", hint="1 to 86400 seconds")


def check_keys(signature: HttpSignature | None, context: Context, *, where: str) -> None:
    """Raise `Misconfigured` where a signature is asked for and the key or the certificates are missing."""
    if signature is None:
        return
    if signature.sign and context.signer is None:
        raise Misconfigured(
            "requests are to be signed and there is no key", where=where, hint="give the sealing agency a key"
        )
    if signature.verify and context.trust is None:
        hint = "put the partner's certificate into the trust store"
        raise Misconfigured("answers are to be verified and nobody is trusted", where=where, hint=hint)


def sign_request(request: PreparedRequest, signature: HttpSignature, context: Context) -> None:
    """Add ``Content-Digest``, ``Signature-Input`` and ``Signature`` to a request that is complete."""
    from lienthong.signing import http

    if context.signer is None:
        return
    body = _body(request)
    components = ["@method", "@target-uri"]
    if body:
        components.append("content-digest")
    components += [name for name in _OPTIONAL if name in request.headers]
    message = http.HttpMessage(
        method=request.method, url=request.url, headers=dict(request.headers.items()), body=body
    )
    request.headers.update(
        http.sign_message(message, context.signer, components=components, tag=signature.tag or None)
    )


def verify_reply(reply: Reply, request: PreparedRequest, signature: HttpSignature, context: Context) -> str:
    """Check the signature of an answer and return the agency that signed it.

    Status and body digest must be covered. Raises `SignatureInvalid`.
    """
    from lienthong.signing import http

    if context.trust is None:
        return ""
    asked = http.HttpMessage(
        method=request.method, url=request.url, headers=dict(request.headers.items()), body=_body(request)
    )
    answer = http.HttpMessage(status=reply.status, headers=reply.pairs, body=reply.content, request=asked)
    required: tuple[str, ...] = http.RESPONSE_COMPONENTS
    if signature.bound:
        required = (*required, "@method;req", "@target-uri;req")
    policy = http.HttpSignaturePolicy(required=required, max_age=signature.max_age, tag=signature.tag or None)
    verified = http.verify_message(answer, trust_or_keys=context.trust, policy=policy)
    return context.trust.agency_of(verified.certificate) if verified.certificate else verified.key_id


def _body(request: PreparedRequest) -> bytes:
    body = request.body or b""
    if not isinstance(body, (bytes, str)):
        raise Misconfigured(
            "a body that is written as a stream cannot be signed",
            hint="send it whole, or without a signature",
        )
    return body.encode() if isinstance(body, str) else body
