"""WS-Security 1.1 with X.509 tokens: sign SOAP envelopes, and check them against signature wrapping.

A check returns a fresh tree of exactly the bytes that were signed; use that and nothing else of the
message. The parts are in ``_wsse``. Namespace prefixes that stand only in values (``xsi:type``)
are not covered by exclusive canonicalisation: the Body must declare them itself to keep them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal

from cryptography import x509
from lxml import etree

from lienthong.errors import ProtocolViolation
from lienthong.signing import _algorithms, _xml
from lienthong.signing._wsse import keyinfo, reference, structure, timestamp
from lienthong.signing._wsse.names import ACCEPTED, BASE64, PASSWORD_DIGEST, PASSWORD_TEXT, WSSE, WSU, refuse
from lienthong.signing._wsse.writer import BodyDigest, SignPolicy, secure, sign
from lienthong.signing.trust import TrustStore

__all__ = [
    "BodyDigest",
    "SignPolicy",
    "VerifiedEnvelope",
    "VerifyPolicy",
    "check_freshness",
    "secure",
    "sign",
    "username_token",
    "verify",
]

_MIN_FRESH_DIGEST: Final = 16


@dataclass(frozen=True, kw_only=True)
class VerifyPolicy:
    """What a signed envelope must be to be accepted. Times are in seconds.

    ``algorithms`` are JOSE names. ``allow_sha1`` admits RSA-SHA1 and SHA-1 digests of one partner
    who has nothing else. ``require_addressing``: every WS-Addressing header that is present must be
    covered; ``headers`` (as ``{namespace}local``) must be present and covered. ``max_age`` bounds
    the age of the timestamp (``None``: unbounded, for evidence), ``skew`` the difference of clocks.
    ``confirms`` is the SignatureValue of the request that is answered, empty for an unsigned one
    (``None``: not known): a SignatureConfirmation must repeat it, and with ``require_confirmation`` one
    must be there and covered.
    ``seen(id)`` records a message, named by the SHA-256 of its SignedInfo, and returns whether it
    was received before; it is called last. ``max_bytes`` and ``max_depth`` bound the document.
    """

    algorithms: frozenset[str] = ACCEPTED
    allow_sha1: bool = False
    require_timestamp: bool = True
    require_addressing: bool = True
    headers: tuple[str, ...] = ()
    max_age: float | None = 300
    skew: float = 60
    confirms: bytes | None = None
    require_confirmation: bool = False
    seen: Callable[[str], bool] | None = None
    max_bytes: int = _xml.MAX_BYTES
    max_depth: int = _xml.MAX_DEPTH


@dataclass(frozen=True, kw_only=True)
class VerifiedEnvelope:
    """What a signature proved.

    ``content`` are the canonical bytes of the Body that were signed, ``body`` is a fresh tree of
    them, ``headers`` are fresh trees of the headers that were signed, ``covered`` the signed elements
    as ``{namespace}local``, ``created`` the signed time (``None`` without a covered timestamp),
    ``algorithm`` a JOSE name, ``agency`` the code in the certificate.
    ``demanded`` are the header blocks, covered or not, that say ``mustUnderstand`` to the receiver.
    """

    content: bytes = field(repr=False)
    headers: tuple[etree._Element, ...] = field(repr=False)
    covered: tuple[str, ...]
    certificate: x509.Certificate = field(repr=False)
    agency: str
    created: datetime | None
    algorithm: str
    demanded: tuple[str, ...] = ()

    @cached_property
    def body(self) -> etree._Element:
        """The signed Body as a tree of its own, made when it is first asked for."""
        return _xml.reparse(self.content)


def verify(
    envelope: bytes, *, trust: TrustStore, policy: VerifyPolicy | None = None, at: datetime | None = None
) -> VerifiedEnvelope:
    """Check a signed SOAP 1.1 or 1.2 envelope and return what was signed.

    ``at`` is the time of receipt, for timestamp and certificate (now when ``None``). Raises
    :class:`SignatureInvalid` whose ``details["reason"]`` names the cause: those of the functions in
    ``_xml``, ``_wsse`` and :meth:`TrustStore.check`, and here ``wrapping`` (a reference to anything
    but a direct part of the envelope), ``uncovered``, ``missing-id``, ``duplicate-reference``,
    ``algorithm``, ``confirmation`` and ``replay``.
    """
    policy, now = policy or VerifyPolicy(), at or datetime.now(UTC)
    parts = structure.take_apart(_parse(envelope, policy))
    security = structure.secured(parts)
    ids = structure.index_ids(parts)
    info = reference.read_signed_info(security.signature, allow_sha1=policy.allow_sha1)
    if info.algorithm not in policy.algorithms and not (info.algorithm == "RS1" and policy.allow_sha1):
        refuse("the signature method is not allowed by the policy", "algorithm")
    targets = _targets(info, ids, parts, security)
    _check_coverage(targets, parts, security, policy)
    certificate, *intermediates = keyinfo.certificates(security, ids, trust, now)
    trust.check_message(certificate, intermediates, now)
    value = reference.signature_value(security.signature)
    _algorithms.verify(certificate.public_key(), info.algorithm, value, info.canonical, where="WS-Security")
    signed = {element: reference.check_digest(ref, element) for ref, element in targets}
    created = _check_timestamp(signed, security, policy, now)
    _check_confirmation(signed, security, policy)
    if policy.seen is not None and policy.seen(hashlib.sha256(info.canonical).hexdigest()):
        refuse("the message was received before", "replay")
    headers = tuple(_xml.reparse(signed[one]) for one in parts.blocks if one in signed)
    return VerifiedEnvelope(
        content=signed[parts.body],
        headers=headers,
        covered=tuple(str(element.tag) for element in signed),
        certificate=certificate,
        agency=trust.agency_of(certificate),
        created=created,
        algorithm=info.algorithm,
        demanded=structure.demanded(parts),
    )


def check_freshness(created: str, expires: str, *, max_age: float | None, skew: float, at: datetime) -> None:
    """Check the texts of a Timestamp that is not signed; ``expires`` may be empty. Times in seconds.

    Raises :class:`SignatureInvalid` with ``reason`` ``timestamp``, ``future``, ``stale`` or
    ``expired-timestamp``.
    """
    ends = timestamp.moment(expires) if expires else None
    timestamp.check(timestamp.moment(created), ends, now=at, max_age=max_age, skew=skew)


def username_token(
    username: str,
    password: str,
    *,
    kind: Literal["text", "digest"] = "digest",
    nonce: bytes | None = None,
    created: datetime | None = None,
) -> etree._Element:
    """Build a wsse:UsernameToken (UsernameToken profile 1.1, section 3.1).

    ``text`` sends the password as it is: only over TLS. ``digest`` sends
    Base64(SHA-1(nonce + created + password)), which the profile fixes.
    """
    nonce, moment = (
        nonce or secrets.token_bytes(_MIN_FRESH_DIGEST),
        timestamp.text(created or datetime.now(UTC)),
    )
    token = etree.Element(f"{{{WSSE}}}UsernameToken", nsmap={"wsse": WSSE, "wsu": WSU})
    etree.SubElement(token, f"{{{WSSE}}}Username").text = username
    secret = etree.SubElement(token, f"{{{WSSE}}}Password")
    if kind == "digest":
        digest = hashlib.sha1(nonce + moment.encode() + password.encode(), usedforsecurity=False).digest()
        secret.text = base64.b64encode(digest).decode()
    else:
        secret.text = password
    secret.set("Type", PASSWORD_DIGEST if kind == "digest" else PASSWORD_TEXT)
    fresh = etree.SubElement(token, f"{{{WSSE}}}Nonce", EncodingType=BASE64)
    fresh.text = base64.b64encode(nonce).decode()
    etree.SubElement(token, f"{{{WSU}}}Created").text = moment
    return token


_Targets = list[tuple[reference.Reference, etree._Element]]


def _parse(data: bytes, policy: VerifyPolicy) -> etree._Element:
    try:
        return _xml.parse(data, max_bytes=policy.max_bytes, max_depth=policy.max_depth, huge=True)
    except ProtocolViolation as error:
        refuse(error.message, str(error.details.get("reason", "xml")))


def _targets(
    info: reference.SignedInfo,
    ids: dict[str, etree._Element],
    parts: structure.Envelope,
    security: structure.Secured,
) -> _Targets:
    """Resolve every reference to a direct part of the envelope, or refuse."""
    own = (*security.tokens, *security.confirmations)
    allowed = [parts.body, *own, *(one for one in parts.blocks if one is not security.security)]
    if security.timestamp is not None:
        allowed.append(security.timestamp)
    targets: _Targets = []
    for one in info.references:
        element = ids.get(one.id)
        if element is None:
            refuse("a reference names an id that no element, or more than one, has", "missing-id")
        if element not in allowed:
            refuse("a reference names something else than a direct part of the envelope", "wrapping")
        if any(element is other for _, other in targets):
            refuse("two references name the same element", "duplicate-reference")
        targets.append((one, element))
    return targets


def _check_coverage(
    targets: _Targets, parts: structure.Envelope, security: structure.Secured, policy: VerifyPolicy
) -> None:
    covered = {element for _, element in targets}
    if parts.body not in covered:
        refuse("the signature does not cover the Body", "uncovered")
    if security.timestamp is None and policy.require_timestamp:
        refuse("the Security header has no timestamp", "no-timestamp")
    if security.timestamp is not None and security.timestamp not in covered and policy.require_timestamp:
        refuse("the signature does not cover the timestamp", "uncovered")
    if policy.require_addressing and any(block not in covered for block in parts.addressing()):
        refuse("the signature does not cover every WS-Addressing header", "uncovered")
    for name in policy.headers:
        found = [block for block in parts.blocks if block.tag == name]
        if len(found) != 1 or found[0] not in covered:
            refuse(f"the header {name} is missing, repeated or not covered", "uncovered")


def _check_timestamp(
    signed: dict[etree._Element, bytes], security: structure.Secured, policy: VerifyPolicy, now: datetime
) -> datetime | None:
    """Check freshness against the signed bytes of the timestamp."""
    if security.timestamp is None or security.timestamp not in signed:
        return None
    created, expires = timestamp.read(_xml.reparse(signed[security.timestamp]))
    timestamp.check(created, expires, now=now, max_age=policy.max_age, skew=policy.skew)
    return created


def _check_confirmation(
    signed: dict[etree._Element, bytes], security: structure.Secured, policy: VerifyPolicy
) -> None:
    """Check that the answer is one to our request, where it says to which signature it is."""
    covered = [one for one in security.confirmations if one in signed]
    if policy.require_confirmation and not covered:
        refuse("the answer does not confirm the request's signature", "confirmation")
    if policy.confirms is None or not security.confirmations:
        return
    given = [reference.decoded(one.get("Value", "")) for one in covered or security.confirmations]
    if not any(hmac.compare_digest(one, policy.confirms) for one in given):
        refuse("the answer confirms another signature than the request's", "confirmation")
