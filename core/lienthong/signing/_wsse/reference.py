"""The SignedInfo of a signature and its references (W3C XML Signature 1.1, sections 4.4 and 5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from lxml import etree

from lienthong.signing import _xml
from lienthong.signing._wsse.c14n import canonical
from lienthong.signing._wsse.names import DIGESTS, DS, ENVELOPED, EXC_C14N, SIGNATURES, refuse
from lienthong.signing._wsse.structure import Element, elements

_PARTS: Final = [f"{{{DS}}}{local}" for local in ("Transforms", "DigestMethod", "DigestValue")]
_MAX_REFERENCES: Final = 64
_MAX_PREFIXES: Final = 64
_MAX_SIGNED_INFO: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: the id it names, how to canonicalise, the hash and its expected value."""

    id: str
    prefixes: tuple[str, ...]
    digest: str
    value: bytes


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """What the signature value is over: its canonical bytes, the JOSE algorithm, the references."""

    canonical: bytes
    algorithm: str
    references: tuple[Reference, ...]


def read_signed_info(signature: Element, *, allow_sha1: bool) -> SignedInfo:
    """Read SignedInfo from exactly the bytes that the signature value is over.

    Refuses with ``reason`` ``signature-form``, ``canonicalization``, ``algorithm``, ``sha1``,
    ``transform``, ``empty-reference``, ``external-reference`` or ``xpath-reference``.
    """
    first = elements(signature)[:1]
    if not first or first[0].tag != f"{{{DS}}}SignedInfo":
        refuse("the signature does not begin with SignedInfo", "signature-form")
    method = _one(first[0], "CanonicalizationMethod")
    if method.get("Algorithm") != EXC_C14N:
        refuse("SignedInfo is not canonicalised exclusively", "canonicalization")
    signed = canonical(first[0], _prefixes(method))
    if len(signed) > _MAX_SIGNED_INFO:
        refuse("SignedInfo is too large", "signature-form")
    fresh = _xml.reparse(signed)
    algorithm = SIGNATURES.get(_one(fresh, "SignatureMethod").get("Algorithm", ""))
    if algorithm is None:
        refuse("the signature method is not known here", "algorithm")
    if algorithm == "RS1" and not allow_sha1:
        refuse("the signature is made with SHA-1", "sha1")
    found = list(fresh.iterchildren(f"{{{DS}}}Reference"))
    if not 1 <= len(found) <= _MAX_REFERENCES or len(elements(fresh)) != len(found) + 2:
        refuse("SignedInfo has no reference, too many, or other children", "signature-form")
    return SignedInfo(signed, algorithm, tuple(_reference(one, allow_sha1=allow_sha1) for one in found))


def check_digest(reference: Reference, element: Element) -> bytes:
    """Return the canonical bytes of the element when they have the digest of the reference."""
    data = canonical(element, reference.prefixes)
    if not hmac.compare_digest(hashlib.new(reference.digest, data).digest(), reference.value):
        refuse(f"the signed element {etree.QName(element).localname} was changed", "digest")
    return data


def signature_value(signature: Element) -> bytes:
    """Return the decoded SignatureValue."""
    return decode(_one(signature, "SignatureValue"), "signature-form")


def decode(element: Element, reason: str) -> bytes:
    """Decode the base64 text of an element without children; whitespace is allowed (XML Schema)."""
    if len(element) or element.text is None:
        refuse("a base64 value is empty or has children", reason)
    try:
        return base64.b64decode("".join(element.text.split()), validate=True)
    except (binascii.Error, ValueError):
        refuse("a base64 value is broken", reason)


def decoded(text: str) -> bytes:
    """Decode the base64 text of an attribute, empty for one that is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _reference(element: Element, *, allow_sha1: bool) -> Reference:
    uri = element.get("URI")
    if not uri:
        refuse("a reference names nothing, or the whole document", "empty-reference")
    if not uri.startswith("#"):
        refuse("a reference points outside the document", "external-reference")
    if "(" in uri:
        refuse("a reference is an XPointer", "xpath-reference")
    transforms, method, digest_value = _parts(element)
    digest = DIGESTS.get(method.get("Algorithm", ""))
    if digest is None:
        refuse("the digest method is not known here", "algorithm")
    if digest == "sha1" and not allow_sha1:
        refuse("a digest is made with SHA-1", "sha1")
    value = decode(digest_value, "signature-form")
    return Reference(uri[1:], _transform(transforms), digest, value)


def _parts(reference: Element) -> tuple[Element, Element, Element]:
    """Return Transforms, DigestMethod and DigestValue, which stand in this order (section 4.4.3)."""
    parts = elements(reference)
    if [part.tag for part in parts] == _PARTS:
        return parts[0], parts[1], parts[2]
    if not parts or parts[0].tag != _PARTS[0]:
        refuse("a reference has another transform than exclusive canonicalisation", "transform")
    return refuse("a reference has other parts than transforms, digest method and digest", "signature-form")


def _transform(holder: Element) -> tuple[str, ...]:
    """Return the PrefixList of the one transform that is allowed: exclusive canonicalisation.

    An enveloped-signature transform before it is allowed, as some partners write one: it takes out
    the signature itself, which none of the parts that may be referred to contains.
    """
    transforms = elements(holder)
    if len(transforms) == 2 and transforms[0].get("Algorithm") == ENVELOPED and not len(transforms[0]):
        transforms = transforms[1:]
    if len(transforms) != 1 or transforms[0].get("Algorithm") != EXC_C14N:
        refuse("a reference has another transform than exclusive canonicalisation", "transform")
    return _prefixes(transforms[0])


def _prefixes(method: Element) -> tuple[str, ...]:
    children = elements(method)
    if not children:
        return ()
    if len(children) != 1 or children[0].tag != f"{{{EXC_C14N}}}InclusiveNamespaces":
        refuse("the canonicalisation has parameters that are not known", "transform")
    prefixes = tuple(children[0].get("PrefixList", "").split())
    if len(prefixes) > _MAX_PREFIXES:
        refuse("the canonicalisation lists too many prefixes", "transform")
    return prefixes


def _one(parent: Element, local: str) -> Element:
    found = list(parent.iterchildren(f"{{{DS}}}{local}"))
    if len(found) != 1:
        refuse(f"the signature has not exactly one {local}", "signature-form")
    return found[0]
