"""From KeyInfo to the signer's certificate (WS-Security X.509 token profile 1.1, section 3.2).

A certificate found here is only a claim: the trust store decides whether it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from lienthong.signing._algorithms import key_id
from lienthong.signing._wsse import pkipath
from lienthong.signing._wsse.names import DS, PKIPATH, THUMBPRINT, WSSE, X509SKI, X509V3, refuse
from lienthong.signing._wsse.reference import decode
from lienthong.signing._wsse.structure import Element, Secured, elements
from lienthong.signing.trust import TrustStore, read_der

_MAX_CERTIFICATES: Final = 6


def certificates(
    secured: Secured, ids: Mapping[str, Element], trust: TrustStore, at: datetime
) -> list[x509.Certificate]:
    """Return the signer's certificate, and intermediates after it where the message carries them.

    Understands a BinarySecurityToken (a certificate or a path of them), X509Data with certificates,
    and references by issuer and serial number, subject key identifier or thumbprint to a certificate
    of the store; where the store
    holds an old and a renewed one of the same key, to that which holds at the time ``at``. Refuses with
    ``reason`` ``key-info``, ``untrusted`` (a reference that the store cannot resolve), or those of
    :meth:`TrustStore.check` where a renewed certificate does not hold.
    """
    holders = secured.signature.findall(f"{{{DS}}}KeyInfo")
    inner = elements(holders[0]) if len(holders) == 1 else []
    if len(inner) == 1 and inner[0].tag == f"{{{WSSE}}}SecurityTokenReference":
        inner = elements(inner[0])
    if len(inner) != 1:
        refuse("KeyInfo is missing or does not name exactly one key", "key-info")
    choice = inner[0]
    if choice.tag == f"{{{WSSE}}}Reference":
        return _token(choice, secured, ids)
    if choice.tag == f"{{{WSSE}}}KeyIdentifier":
        return [_by_identifier(choice, trust, at)]
    if choice.tag == f"{{{DS}}}X509Data":
        return _x509_data(choice, trust, at)
    return refuse("KeyInfo names the key in a way that is not supported", "key-info")


def _token(reference: Element, secured: Secured, ids: Mapping[str, Element]) -> list[x509.Certificate]:
    uri = reference.get("URI", "")
    token = ids.get(uri[1:]) if uri.startswith("#") else None
    if token is None or token.tag != f"{{{WSSE}}}BinarySecurityToken" or token not in secured.tokens:
        refuse("KeyInfo does not refer to a token of the same Security header", "key-info")
    kind = token.get("ValueType")
    if kind == PKIPATH:
        return pkipath.read(decode(token, "key-info"))
    if kind not in {None, X509V3}:
        refuse("the security token is neither an X.509 certificate nor a path of them", "key-info")
    return [_certificate(decode(token, "key-info"))]


def _x509_data(data: Element, trust: TrustStore, at: datetime) -> list[x509.Certificate]:
    embedded = data.findall(f"{{{DS}}}X509Certificate")
    if len(embedded) > _MAX_CERTIFICATES:
        refuse("KeyInfo carries too many certificates", "key-info")
    if embedded:
        return [_certificate(decode(one, "key-info")) for one in embedded]
    serials = data.findall(f"{{{DS}}}X509IssuerSerial")
    if len(serials) != 1:
        refuse("X509Data holds neither a certificate nor an issuer and serial number", "key-info")
    name = serials[0].findtext(f"{{{DS}}}X509IssuerName") or ""
    number = (serials[0].findtext(f"{{{DS}}}X509SerialNumber") or "").strip()
    return [_stored(trust, lambda one: str(one.serial_number) == number and _is_issuer(one, name), at)]


def _is_issuer(certificate: x509.Certificate, text: str) -> bool:
    """Compare an issuer with its RFC 4514 text; spelling varies, so compare what both parse to."""
    try:
        wanted = x509.Name.from_rfc4514_string(text)
    except ValueError:
        return False
    return {(a.oid, a.value) for a in wanted} == {(a.oid, a.value) for a in certificate.issuer}


def _by_identifier(identifier: Element, trust: TrustStore, at: datetime) -> x509.Certificate:
    value = decode(identifier, "key-info")
    kind = identifier.get("ValueType")
    if kind == X509V3:
        return _certificate(value)
    if kind == X509SKI:
        return _stored(trust, lambda one: subject_key_identifier(one) == value, at)
    if kind == THUMBPRINT:
        # SHA-1 only names a certificate of the store here; nothing is believed because of it.
        return _stored(trust, lambda one: one.fingerprint(_THUMBPRINT_HASH) == value, at)
    return refuse("the kind of key identifier is not supported", "key-info")


_THUMBPRINT_HASH: Final = hashes.SHA1()  # noqa: S303 - the profile defines thumbprints by SHA-1 only


def subject_key_identifier(certificate: x509.Certificate) -> bytes | None:
    """Return a certificate's subject key identifier (RFC 5280, section 4.2.1.2), None without one."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return None


def _stored(trust: TrustStore, matches: Callable[[x509.Certificate], bool], at: datetime) -> x509.Certificate:
    found = [certificate for certificate in trust.certificates if matches(certificate)]
    if len({key_id(certificate.public_key()) for certificate in found}) != 1:
        refuse("the certificate that KeyInfo names is not among the trusted ones", "untrusted")
    return found[0] if len(found) == 1 else trust.current(found, at)


def _certificate(der: bytes) -> x509.Certificate:
    try:
        return read_der(der)
    except ValueError:
        refuse("the certificate of the message cannot be read", "key-info")
