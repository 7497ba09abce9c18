"""What is read of a certificate, and how one is named and refused: shared by the checks of trust."""

from __future__ import annotations

import unicodedata
import warnings
from functools import lru_cache
from typing import Final, NoReturn, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from lienthong.errors import SignatureInvalid
from lienthong.signing._algorithms import key_id

Path = tuple[x509.Certificate, ...]
"""Certificates from the signer's own to a trusted one, each issued by the next."""

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for a part of a certificate that cannot be read."""

_MAX_DER: Final = 32 * 1024
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_Rdn = frozenset[tuple[str, str | bytes]]


@lru_cache(maxsize=512)  # partners send the same certificate with every message
def read_der(der: bytes) -> x509.Certificate:
    """Read a DER certificate from a message; raise :class:`ValueError` when it cannot be used at all."""
    if len(der) > _MAX_DER:
        raise ValueError("certificate too large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # refused just below
            certificate = x509.load_der_x509_certificate(der)
            serial = certificate.serial_number
            for part in ("subject", "issuer", "extensions", "not_valid_before_utc", "not_valid_after_utc"):
                getattr(certificate, part)  # parsed at first use, and may be malformed
            certificate.public_key()
    except UNREADABLE:
        raise ValueError("not a readable certificate") from None
    if serial <= 0:
        raise ValueError("serial number not positive (RFC 5280 section 4.1.2.2)")
    return certificate


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Return the value of an extension, None where the certificate has none of this kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def described(certificate: x509.Certificate) -> str:
    """Name a certificate without its subject, which may be a person's name and identity number."""
    return f"the certificate of key {key_id(certificate.public_key())[:16]}"


def common_name(name: x509.Name) -> str:
    """Return an authority's common name in quotes, for messages."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return repr(str(common[0].value)) if common else "which has no common name"


@lru_cache(maxsize=512)
def relative_names(name: x509.Name) -> tuple[_Rdn, ...]:
    """Return a distinguished name's parts in the form in which they are compared (RFC 5280 section 7.1).

    Case and the number of blanks do not count, nor does the kind of string.
    """
    return tuple(frozenset((a.oid.dotted_string, _prepared(a.value)) for a in rdn) for rdn in name.rdns)


def same_name(one: x509.Name, other: x509.Name) -> bool:
    """Tell whether two distinguished names are the same by RFC 5280 section 7.1."""
    return one == other or relative_names(one) == relative_names(other)


def self_issued(certificate: x509.Certificate) -> bool:
    """Tell whether subject and issuer are the same (RFC 5280 section 3.2)."""
    return same_name(certificate.subject, certificate.issuer)


def refuse(message: str, reason: str) -> NoReturn:
    """Raise `SignatureInvalid` with a reason."""
    raise SignatureInvalid(
        message, hint="check the partner's certificate and the trusted authorities", reason=reason
    )


def _prepared(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
