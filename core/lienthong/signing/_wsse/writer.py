"""Signing an envelope: token, timestamp, references, signature."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from lienthong.errors import Misconfigured, ProtocolViolation, SignatureInvalid
from lienthong.signing import _xml
from lienthong.signing._wsse import pkipath, structure, timestamp
from lienthong.signing._wsse.c14n import canonical
from lienthong.signing._wsse.keyinfo import subject_key_identifier
from lienthong.signing._wsse.names import (
    BASE64,
    DS,
    EXC_C14N,
    PKIPATH,
    SHA256,
    SIGNATURE_URIS,
    SOAP11,
    WSSE,
    WSU,
    WSU_ID,
    X509SKI,
    X509V3,
)
from lienthong.signing._wsse.structure import Element
from lienthong.signing.signers import Signer, with_algorithm

_NSMAP: Final = {"wsse": WSSE, "wsu": WSU}


@dataclass(frozen=True, kw_only=True)
class SignPolicy:
    """How an envelope is signed.

    ``algorithm`` is a JOSE name; ``None`` means ``ES256`` for P-256 keys and ``RS256`` for RSA keys,
    which is what WS-Security partners understand (``PS256`` where a partner does).
    ``lifetime`` is the validity of the timestamp in seconds. WS-Addressing headers are signed where
    present, ``headers`` (as ``{namespace}local``) on top; ``sign_token`` covers the token itself.
    ``key_info`` says how the certificate is named: sent as a token and referred to, by issuer and
    serial number, by its subject key identifier, or sent with those above it (``path``), for who trusts
    the root alone. ``timestamp`` tells whether one is written.
    """

    algorithm: str | None = None
    lifetime: float = 300
    headers: tuple[str, ...] = ()
    sign_token: bool = False
    key_info: Literal["token", "path", "issuer-serial", "ski"] = "token"
    timestamp: bool = True
    must_understand: bool = True
    max_bytes: int = _xml.MAX_BYTES


def sign(
    envelope: bytes, signer: Signer, *, policy: SignPolicy | None = None, at: datetime | None = None
) -> bytes:
    """Return the envelope with a signed Security header (WS-Security 1.1, X.509 token profile 1.1).

    Signed are the Body, the Timestamp, a UsernameToken, WS-Addressing headers and those of the policy.
    A Security header that is there is kept and extended. ``at`` is the time of creation (now
    when ``None``). Raises :class:`Misconfigured` when the document is not an unsigned SOAP 1.1 or
    1.2 envelope, or the signer cannot sign with a WS-Security algorithm.
    """
    policy, now = policy or SignPolicy(), at or datetime.now(UTC)
    try:
        root = _xml.parse(envelope, max_bytes=policy.max_bytes, max_depth=1 << 16, huge=True)
        parts = structure.take_apart(root)
        structure.index_ids(parts)
        _sign(parts, signer, policy, now, hashlib.sha256(canonical(_identified(parts.body))).digest())
    except (ProtocolViolation, SignatureInvalid) as error:
        raise _unsigned(error) from None
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


@dataclass(frozen=True, slots=True)
class BodyDigest:
    """A Body that is not at hand: its wsu:Id, and the SHA-256 of its exclusive canonical form."""

    id: str
    sha256: bytes


def secure(
    header: bytes,
    soap: str,
    *,
    signer: Signer | None = None,
    body: BodyDigest | None = None,
    token: Element | None = None,
    policy: SignPolicy | None = None,
    at: datetime | None = None,
) -> bytes:
    """Return a Header with a Security header put into it, for a Body that is written elsewhere.

    ``header`` is a Header that declares its own namespaces (empty for none), ``soap`` the namespace
    of its SOAP version, ``token`` a UsernameToken to put in. With a ``signer``, ``body`` and the
    rest are signed as by `sign`; without one there is only the token and the timestamp. Raises
    `Misconfigured` as `sign` does.
    """
    policy, now = policy or SignPolicy(), at or datetime.now(UTC)
    try:
        envelope = _stand_in(header, soap, body)
        root = _xml.parse(envelope, max_bytes=policy.max_bytes, max_depth=1 << 16)
        parts = structure.take_apart(root)
        structure.index_ids(parts)
        if token is not None:
            _security(parts, policy).append(token)
        if signer is not None and body is not None:
            _sign(parts, signer, policy, now, body.sha256)
        elif policy.timestamp:
            timestamp.write(_security(parts, policy), now, now + timedelta(seconds=policy.lifetime))
    except (ProtocolViolation, SignatureInvalid) as error:
        raise _unsigned(error) from None
    return b"".join(etree.tostring(one) for one in root if one is not parts.body)


def _stand_in(header: bytes, soap: str, body: BodyDigest | None) -> bytes:
    """Return an envelope whose empty Body stands for the one that is written elsewhere."""
    root = etree.Element(f"{{{soap}}}Envelope", nsmap={"soap": soap, "wsu": WSU})
    element = etree.SubElement(root, f"{{{soap}}}Body")
    if body is not None:
        element.set(WSU_ID, body.id)
    written = etree.tostring(root)
    at = written.index(b"<soap:Body")
    return written[:at] + header + written[at:]


def _unsigned(error: ProtocolViolation | SignatureInvalid) -> Misconfigured:
    return Misconfigured(error.message, where="WS-Security", hint="hand in an unsigned envelope")


def _sign(parts: structure.Envelope, signer: Signer, policy: SignPolicy, now: datetime, body: bytes) -> None:
    """Put a signature into the Security header; ``body`` is the Body's digest."""
    signer, method = _method(signer, policy)
    security = _security(parts, policy)
    token = _token(security, signer, policy) if policy.key_info in ("token", "path") else None
    covered = [parts.body]
    if policy.timestamp:
        covered.append(timestamp.write(security, now, now + timedelta(seconds=policy.lifetime)))
    covered += [*security.iterfind(f"{{{WSSE}}}UsernameToken"), *_headers(parts, policy)]
    if token is not None and policy.sign_token:
        covered.append(token)
    signature = _signature(security, covered, method, body)
    _finish(signature, signer, token, policy)


def _method(signer: Signer, policy: SignPolicy) -> tuple[Signer, str]:
    wanted = policy.algorithm or ("ES256" if signer.algorithm == "ES256" else "RS256")
    uri = SIGNATURE_URIS.get(wanted)
    if uri is None:
        raise Misconfigured(f"{wanted} is not an algorithm of WS-Security", where="WS-Security")
    return with_algorithm(signer, wanted), uri


def _security(parts: structure.Envelope, policy: SignPolicy) -> Element:
    header = parts.root.find(f"{{{parts.soap}}}Header")
    if header is None:
        header = etree.SubElement(parts.root, f"{{{parts.soap}}}Header")
        parts.body.addprevious(header)
    found = header.findall(f"{{{WSSE}}}Security")
    if len(found) > 1 or any(one.find(f"{{{DS}}}Signature") is not None for one in found):
        raise Misconfigured("the envelope is signed already", where="WS-Security", hint="sign only once")
    if any(one.find(f"{{{WSU}}}Timestamp") is not None for one in found):
        raise Misconfigured("the envelope has a timestamp already", where="WS-Security")
    security = found[0] if found else etree.SubElement(header, f"{{{WSSE}}}Security", nsmap=_NSMAP)
    if policy.must_understand:
        security.set(f"{{{parts.soap}}}mustUnderstand", "1" if parts.soap == SOAP11 else "true")
    return security


def _token(security: Element, signer: Signer, policy: SignPolicy) -> Element:
    path = policy.key_info == "path"
    kinds = {"EncodingType": BASE64, "ValueType": PKIPATH if path else X509V3}
    token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken", kinds)
    own = signer.certificate
    data = pkipath.write(own, signer.chain) if path else own.public_bytes(Encoding.DER)
    token.text = base64.b64encode(data).decode()
    _identify(token)
    return token


def _headers(parts: structure.Envelope, policy: SignPolicy) -> list[Element]:
    missing = [name for name in policy.headers if all(block.tag != name for block in parts.blocks)]
    if missing:
        raise Misconfigured(f"the header {missing[0]} to be signed is not there", where="WS-Security")
    addressing = parts.addressing()
    return [block for block in parts.blocks if block in addressing or block.tag in policy.headers]


def _signature(security: Element, covered: Sequence[Element], method: str, body: bytes) -> Element:
    """Write the signature without its value; the first of the covered is the Body with this digest."""
    signature = etree.SubElement(security, f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=method)
    for number, element in enumerate(covered):
        ref = etree.SubElement(info, f"{{{DS}}}Reference", URI=f"#{_identify(element)}")
        transforms = etree.SubElement(ref, f"{{{DS}}}Transforms")
        etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=EXC_C14N)
        etree.SubElement(ref, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
        digest = hashlib.sha256(canonical(element)).digest() if number else body
        etree.SubElement(ref, f"{{{DS}}}DigestValue").text = base64.b64encode(digest).decode()
    return signature


def _finish(signature: Element, signer: Signer, token: Element | None, policy: SignPolicy) -> None:
    value = signer.sign(canonical(signature[0]))
    etree.SubElement(signature, f"{{{DS}}}SignatureValue").text = base64.b64encode(value).decode()
    key_info = etree.SubElement(signature, f"{{{DS}}}KeyInfo")
    holder = etree.SubElement(key_info, f"{{{WSSE}}}SecurityTokenReference")
    if token is not None:
        uri = f"#{token.get(WSU_ID)}"
        kind = token.get("ValueType", X509V3)
        etree.SubElement(holder, f"{{{WSSE}}}Reference", URI=uri, ValueType=kind)
    elif policy.key_info == "ski":
        kinds = {"EncodingType": BASE64, "ValueType": X509SKI}
        identifier = etree.SubElement(holder, f"{{{WSSE}}}KeyIdentifier", kinds)
        identifier.text = base64.b64encode(_key_identifier(signer)).decode()
    else:
        data = etree.SubElement(etree.SubElement(holder, f"{{{DS}}}X509Data"), f"{{{DS}}}X509IssuerSerial")
        issuer = signer.certificate.issuer.rfc4514_string()
        etree.SubElement(data, f"{{{DS}}}X509IssuerName").text = issuer
        etree.SubElement(data, f"{{{DS}}}X509SerialNumber").text = str(signer.certificate.serial_number)


def _key_identifier(signer: Signer) -> bytes:
    found = subject_key_identifier(signer.certificate)
    if found is None:
        raise Misconfigured(
            "the signing certificate has no subject key identifier",
            where="WS-Security",
            hint="name the certificate in another way (key_info)",
        )
    return found


def _identified(element: Element) -> Element:
    _identify(element)
    return element


def _identify(element: Element) -> str:
    """Return the wsu:Id of an element, giving it one where it has none."""
    name = element.get(WSU_ID)
    if name is None:
        name = f"id-{secrets.token_hex(16)}"
        element.set(WSU_ID, name)
    return name
