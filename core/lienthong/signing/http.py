"""HTTP Message Signatures (RFC 9421): sign and check requests and responses.

The sender chooses what a signature covers, so a check without a required coverage proves nothing:
:class:`HttpSignaturePolicy` says what must be covered, by which algorithms, and how fresh.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol

from cryptography import x509

from lienthong.errors import Misconfigured, ProtocolViolation, SignatureInvalid
from lienthong.signing import _fields, _http_keys, _http_message, digest, replay
from lienthong.signing._http_keys import (
    Ed25519Signer,
    KeyResolver,
    SharedSecret,
    VerificationKey,
    for_algorithm,
)
from lienthong.signing._http_message import HttpMessage
from lienthong.signing.replay import ReplayMemory
from lienthong.signing.trust import TrustStore

__all__ = [
    "REQUEST_COMPONENTS",
    "RESPONSE_COMPONENTS",
    "Ed25519Signer",
    "HttpMessage",
    "HttpSignaturePolicy",
    "KeyResolver",
    "MessageSigner",
    "ReplayMemory",
    "SharedSecret",
    "VerificationKey",
    "VerifiedMessage",
    "for_algorithm",
    "sign_message",
    "verify_message",
]

REQUEST_COMPONENTS: Final = ("@method", "@target-uri", "content-digest")
"""What a signed request with a body covers at least."""

RESPONSE_COMPONENTS: Final = ("@status", "content-digest")
"""What a signed response covers at least; ``@method;req`` and ``@target-uri;req`` tie it to its request."""

_PARAMETERS: Final[Mapping[str, type]] = {
    "alg": str,
    "created": int,
    "expires": int,
    "keyid": str,
    "nonce": str,
    "tag": str,
}


class MessageSigner(Protocol):
    """What signing a message needs of a signer; every :class:`~lienthong.signing.Signer` has it."""

    @property
    def key_id(self) -> str:
        """Name of the key, for the ``keyid`` parameter."""

    @property
    def algorithm(self) -> str:
        """JOSE name of the algorithm."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``."""


@dataclass(frozen=True, kw_only=True)
class HttpSignaturePolicy:
    """What a signature must be to be accepted. Times are in seconds.

    ``required`` components must be covered (written as ``@method``, ``content-digest;req``,
    ``@query-param;name="id"``). ``body_covered``: a message with a body must cover its
    Content-Digest. ``max_age`` bounds the age of ``created`` (``None``: unbounded, for evidence),
    ``skew`` the difference of clocks. ``replays`` remembers what was accepted and refuses it the
    second time; it needs ``max_age``. ``label`` and ``tag`` choose among several signatures.
    """

    required: tuple[str, ...]
    algorithms: frozenset[str] = frozenset({"ecdsa-p256-sha256", "rsa-pss-sha512"})
    max_age: float | None = 300
    skew: float = 30
    require_created: bool = True
    require_nonce: bool = False
    body_covered: bool = True
    replays: ReplayMemory | None = None
    tag: str | None = None
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class VerifiedMessage:
    """What a signature proved: exactly these components of the message, by this key.

    ``certificate`` is there where the key was known by one.
    """

    components: tuple[str, ...]
    parameters: Mapping[str, _fields.BareItem]
    key_id: str
    algorithm: str
    label: str
    certificate: x509.Certificate | None = field(default=None, repr=False)


def sign_message(  # noqa: PLR0913 - they are the parameters that the standard defines
    message: HttpMessage,
    signer: MessageSigner,
    *,
    components: Sequence[str],
    label: str = "sig1",
    created: int | None = None,
    expires: int | None = None,
    nonce: str | None = None,
    tag: str | None = None,
    include_alg: bool = True,
) -> dict[str, str]:
    """Return the headers to add: ``Signature-Input`` and ``Signature`` (RFC 9421 section 3.1).

    ``created`` and ``expires`` are Unix seconds; ``created`` is now when ``None``. Where
    ``content-digest`` is to be covered and not yet a header, it is computed and returned too. A
    message that is signed already keeps its signatures: join the values with a comma.
    Raises :class:`Misconfigured` when a component is not in the message, or the key does not fit.
    """
    added = {}
    if "content-digest" in components and message.header("content-digest") is None:
        added["Content-Digest"] = digest.content_digest(message.body)
        message = _with_header(message, "Content-Digest", added["Content-Digest"])
    algorithm, sign = _http_keys.signing(signer)
    created = int(time.time()) if created is None else created
    given: dict[str, _fields.BareItem | None] = {
        "created": created,
        "keyid": signer.key_id,
        "alg": algorithm if include_alg else None,
    }
    given |= {"expires": expires, "nonce": nonce, "tag": tag}
    parameters = {k: v for k, v in given.items() if v is not None}
    try:
        if label in _dictionary(message, "signature-input"):
            raise Misconfigured(f"the message has a signature {label!r} already", where="HTTP signature")
        covered = _fields.InnerList(tuple(map(_http_message.parse_component, components)), parameters)
        signature = sign(_http_message.signature_base(message, covered))
        added["Signature-Input"] = _fields.write_dictionary({label: covered})
        added["Signature"] = _fields.write_dictionary({label: _fields.Item(signature)})
    except (SignatureInvalid, ProtocolViolation) as error:
        hint = "cover only what the message carries"
        raise Misconfigured(error.message, where="HTTP signature", hint=hint) from None
    return added


def verify_message(
    message: HttpMessage,
    *,
    trust_or_keys: TrustStore | KeyResolver,
    policy: HttpSignaturePolicy,
    now: float | None = None,
) -> VerifiedMessage:
    """Check one signature of a message (RFC 9421 section 3.2) and return what it covers.

    ``trust_or_keys`` finds the key of a ``keyid``: pinned certificates by key id, a mapping, or a
    function; certificates must be valid when the message was created. ``now`` is in Unix seconds.
    Raises :class:`SignatureInvalid` with a ``reason``: ``missing``, ``ambiguous``, ``field``,
    ``parameters``, ``coverage``, ``component``, ``algorithm``, ``key``, ``signature``, ``created``,
    ``expired``, ``nonce``, ``replay``, ``digest``, or those of :meth:`TrustStore.check`.
    """
    now = time.time() if now is None else now
    try:
        label, covered, signature = _choose(message, policy)
        _check_parameters(covered.parameters, policy, now)
        _check_coverage(message, covered, policy)
        base = _http_message.signature_base(message, covered)
    except ProtocolViolation as error:
        _refuse(error.message, "field")
    key_id = str(covered.parameters.get("keyid", ""))
    at = covered.parameters.get("created")
    key, certificate = _http_keys.resolve(trust_or_keys, key_id, at if isinstance(at, int) else None)
    algorithm = _http_keys.choose(key, covered.parameters.get("alg"), policy.algorithms)
    name = replay.identity(key_id, str(covered.parameters.get("nonce", "")), algorithm, signature)
    _check_first(policy, covered, algorithm, name)
    _http_keys.verify(key, algorithm, signature, base)
    _check_digests(message, covered)
    _remember(policy, covered, name, now)
    return VerifiedMessage(
        components=tuple(_written(item) for item in covered.items),
        parameters=covered.parameters,
        key_id=key_id,
        algorithm=algorithm,
        label=label,
        certificate=certificate,
    )


def _choose(message: HttpMessage, policy: HttpSignaturePolicy) -> tuple[str, _fields.InnerList, bytes]:
    inputs, signatures = _dictionary(message, "signature-input"), _dictionary(message, "signature")
    labels = [
        label
        for label, member in inputs.items()
        if policy.label in {None, label}
        and (policy.tag is None or member.parameters.get("tag") == policy.tag)
    ]
    if not labels:
        _refuse("the message carries no signature of the expected label and tag", "missing")
    if len(labels) > 1:
        _refuse("the message carries several signatures, the policy must name one", "ambiguous")
    covered, signature = inputs[labels[0]], signatures.get(labels[0])
    if not isinstance(covered, _fields.InnerList):
        _refuse("Signature-Input is not a list of components", "field")
    if not isinstance(signature, _fields.Item) or not isinstance(signature.value, bytes):
        _refuse("the signature belonging to Signature-Input is missing", "missing")
    for item in covered.items:
        _http_message.component(item)
    return labels[0], covered, signature.value


def _dictionary(message: HttpMessage, name: str) -> dict[str, _fields.Member]:
    value = message.header(name)
    return _fields.parse_dictionary(value) if value is not None else {}


def _check_parameters(parameters: _fields.Parameters, policy: HttpSignaturePolicy, now: float) -> None:
    for name, value in parameters.items():
        kind = _PARAMETERS.get(name)
        if kind is None or type(value) is not kind:
            _refuse(f"the signature parameter {name} is unknown or of the wrong type", "parameters")
    created, expires = parameters.get("created"), parameters.get("expires")
    if created is None and (policy.require_created or policy.max_age is not None):
        _refuse("the signature does not say when it was created", "created")
    if isinstance(created, int) and not 0 <= created <= now + policy.skew:
        _refuse("the signature was created in the future, or before 1970", "created")
    if (
        isinstance(created, int)
        and policy.max_age is not None
        and now - created > policy.max_age + policy.skew
    ):
        _refuse("the signature is too old", "expired")
    if isinstance(expires, int) and now > expires + policy.skew:
        _refuse("the signature has expired", "expired")
    if policy.require_nonce and not parameters.get("nonce"):
        _refuse("the signature carries no nonce", "nonce")


def _check_coverage(message: HttpMessage, covered: _fields.InnerList, policy: HttpSignaturePolicy) -> None:
    present = {_http_message.same(item) for item in covered.items}
    required = [*policy.required]
    if policy.body_covered and message.body:
        required.append("content-digest")
    for text in required:
        if _http_message.same(_http_message.parse_component(text)) not in present:
            _refuse(f"the signature does not cover {text}", "coverage")


def _check_digests(message: HttpMessage, covered: _fields.InnerList) -> None:
    """Compare the bodies with the digests that were covered, of the message and of its request."""
    for item in covered.items:
        source = message.request if "req" in item.parameters else message
        if item.value == "content-digest" and source is not None:
            digest.check_content_digest(source.header("content-digest") or "", source.body)


def _check_first(
    policy: HttpSignaturePolicy, covered: _fields.InnerList, algorithm: str, name: bytes
) -> None:
    """Refuse what was accepted before, and what looks the same whether it was or not."""
    if policy.replays is None:
        return
    created = covered.parameters.get("created")
    if not isinstance(created, int) or policy.max_age is None:
        raise Misconfigured("a memory of messages needs max_age", where="HTTP signature")
    answers = any(item.value == "signature" and "req" in item.parameters for item in covered.items)
    if not covered.parameters.get("nonce") and algorithm not in replay.RANDOMISED and not answers:
        raise SignatureInvalid(
            f"without a nonce, {algorithm} does not tell a repeated message from a new one",
            where="HTTP signature",
            hint="ask the partner for a nonce, or to cover the signature of the request",
            reason="nonce",
        )
    if policy.replays.holds(name, created):
        _refuse("the message was received before", "replay")


def _remember(policy: HttpSignaturePolicy, covered: _fields.InnerList, name: bytes, now: float) -> None:
    created = covered.parameters.get("created")
    if policy.replays is None or policy.max_age is None or not isinstance(created, int):
        return
    if not policy.replays.add(name, created, oldest=now - policy.max_age - policy.skew):
        _refuse("the message was received before", "replay")


def _with_header(message: HttpMessage, name: str, value: str) -> HttpMessage:
    headers = message.headers.items() if isinstance(message.headers, Mapping) else message.headers
    return HttpMessage(
        method=message.method,
        url=message.url,
        headers=[*headers, (name, value)],
        body=message.body,
        status=message.status,
        request=message.request,
        structured=message.structured,
    )


def _written(item: _fields.Item) -> str:
    return f"{item.value!s}{_fields.write_parameters(item.parameters)}"


def _refuse(message: str, reason: str) -> NoReturn:
    raise SignatureInvalid(message, where="HTTP signature", reason=reason)
