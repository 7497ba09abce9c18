"""Signs the requests of one connection and checks the signatures of its answers.

Why an answer is not taken twice is told in `lienthong.signing.replay`: its signature may have to cover the
signature of the request (``bound="request"``), whose nonce is fresh; beyond that, what was accepted is
remembered while it is fresh.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from requests import PreparedRequest

from lienthong.connector import Context
from lienthong.errors import Misconfigured
from lienthong.signing import http
from lienthong.signing.digest import content_digest
from lienthong_connectors.http.signature import HttpSignature
from lienthong_connectors.http.transport import Reply

_LABEL: Final = "sig1"
_OPTIONAL: Final = ("content-type", "idempotency-key", "authorization")
_TARGET: Final = ("@method;req", "@target-uri;req")
_REQUEST: Final = (*_TARGET, f'signature;req;key="{_LABEL}"')
_BOUND: Final = {"": (), "target": _TARGET, "request": _REQUEST}
#: answers that have no content by their status (RFC 9110 sections 15.3.5 and 15.4.5)
_EMPTY: Final = frozenset({204, 304})


class MessageSignatures:
    """The keys, the demands and the memory behind one connection's `HttpSignature`.

    Raises `Misconfigured` where a key or the trusted certificates are missing, or the key cannot
    sign as the settings say.
    """

    def __init__(self, settings: HttpSignature, context: Context, *, where: str) -> None:
        self._settings, self._trust = settings, context.trust
        self._signer = context.signer
        if settings.sign and self._signer is None:
            raise Misconfigured(
                "requests are to be signed and there is no key",
                where=where,
                hint="give the sealing agency a key",
            )
        if self._signer is not None and settings.sign and settings.algorithm:
            self._signer = http.for_algorithm(self._signer, settings.algorithm)
        if settings.verify and self._trust is None:
            hint = "put the partner's certificate into the trust store"
            raise Misconfigured("answers are to be verified and nobody is trusted", where=where, hint=hint)
        self._policy = http.HttpSignaturePolicy(
            required=("@status", *_BOUND[settings.bound], *settings.require),
            algorithms=frozenset(settings.accepted),
            max_age=settings.max_age,
            skew=settings.skew,
            tag=settings.tag or None,
            replays=http.ReplayMemory() if settings.replay else None,
        )
        self._with_content = replace(self._policy, required=(*self._policy.required, "content-digest"))

    @property
    def verifies(self) -> bool:
        """Whether answers must be signed."""
        return self._settings.verify

    def sign(self, request: PreparedRequest) -> None:
        """Add ``Content-Digest``, ``Signature-Input`` and ``Signature`` to a request that is complete.

        Raises `Misconfigured` where the request lacks a component of ``cover``.
        """
        settings = self._settings
        if not settings.sign or self._signer is None:
            return
        body = _body(request)
        components = ["@method", "@target-uri"]
        if body:
            request.headers["Content-Digest"] = content_digest(body, algorithm=settings.digest)
            components.append("content-digest")
        components += [name for name in _OPTIONAL if name in request.headers]
        components += [name for name in settings.cover if name not in components]
        headers = http.sign_message(
            _asked(request, body),
            self._signer,
            components=components,
            label=_LABEL,
            nonce=secrets.token_urlsafe(16),
            tag=settings.tag or None,
        )
        request.headers.update(headers)

    def verify(self, reply: Reply, request: PreparedRequest) -> str:
        """Check the signature of an answer and return the agency that signed it.

        Covered must be the status, the digest of the content as it was transferred (except where
        the status means that there is none), and what the settings demand. Raises
        `SignatureInvalid`.
        """
        if self._trust is None:
            return ""
        answer = http.HttpMessage(
            status=reply.status,
            headers=reply.pairs,
            body=reply.content,
            request=_asked(request, _body(request)),
        )
        policy = self._policy if reply.status in _EMPTY else self._with_content
        verified = http.verify_message(answer, trust_or_keys=self._trust, policy=policy)
        return self._trust.agency_of(verified.certificate) if verified.certificate else verified.key_id


def _asked(request: PreparedRequest, body: bytes) -> http.HttpMessage:
    headers = dict(request.headers.items())
    return http.HttpMessage(method=request.method, url=request.url, headers=headers, body=body)


def _body(request: PreparedRequest) -> bytes:
    body = request.body or b""
    if not isinstance(body, (bytes, str)):
        raise Misconfigured(
            "a body that is written as a stream cannot be signed",
            hint="send it whole, or without a signature",
        )
    return body.encode() if isinstance(body, str) else body
