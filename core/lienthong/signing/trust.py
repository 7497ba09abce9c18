"""Whom we believe: :class:`TrustStore` checks a certificate against pinned CAs and certificates.

The checks are those of RFC 5280 section 6 that a bus among known agencies needs: names and
signatures along the path, validity at the time of signing, basic constraints, path length, key
usage, no unknown critical extension, no weak key or hash. Name constraints and policies are not
evaluated (a critical one is refused). Revocation is by removal from the store, or by a CRL given to it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final, NoReturn, Self, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing._algorithms import MIN_RSA_BITS, key_id
from lienthong.signing.signers import read_certificates

AGENCY_URN: Final = "urn:lienthong:agency:"
"""Prefix of the subjectAltName URI that names the agency a certificate was issued to."""

_MAX_PATH: Final = 6
_MAX_CACHED: Final = 2048
_MAX_DER: Final = 32 * 1024
_KNOWN_CRITICAL: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
)
_WEAK_HASHES: Final = (hashes.MD5, hashes.SHA1)

_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_Path = tuple[x509.Certificate, ...]
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class TrustStore:
    """Certificates that we trust: authorities (whatever they issue) and pinned single certificates.

    ``names`` gives the agency code of a key id, for certificates that do not name an agency
    themselves; ``crls`` are revocation lists of the authorities. Immutable and safe among threads.
    """

    def __init__(
        self,
        certificates: Iterable[x509.Certificate],
        *,
        names: Mapping[str, str] | None = None,
        crls: Iterable[x509.CertificateRevocationList] = (),
    ) -> None:
        self._certificates = tuple(dict.fromkeys(certificates))
        self._names = dict(names or {})
        self._crls = tuple(crls)
        self._pinned = frozenset(self._certificates)
        self._checked: dict[_Path, tuple[datetime, datetime]] = {}

    @classmethod
    def from_pem(cls, paths: Iterable[Path], *, names: Mapping[str, str] | None = None) -> Self:
        """Read certificates from PEM files, or from all ``*.pem``, ``*.crt``, ``*.cer`` of folders.

        Raises :class:`Misconfigured` when a path is missing, or when nothing is found at all.
        """
        files = [file for path in paths for file in _files(Path(path))]
        found = [certificate for file in files for certificate in read_certificates(file)]
        if not found:
            raise Misconfigured("no trusted certificate found", hint="add the authority's PEM certificate")
        return cls(found, names=names)

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """All certificates of the store: authorities and pinned ones."""
        return self._certificates

    def find(self, key_id_: str) -> x509.Certificate | None:
        """Return the stored certificate of the key with this id, or ``None``."""
        return next((c for c in self._certificates if key_id(c.public_key()) == key_id_), None)

    def agency_of(self, certificate: x509.Certificate) -> str:
        """Return the agency code a certificate stands for: by the store's names, its URN, its common name."""
        named = self._names.get(key_id(certificate.public_key())) if self._names else None
        return named or agency_of(certificate)

    def check(
        self,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate] = (),
        at: datetime | None = None,
    ) -> None:
        """Check that ``certificate`` may sign, at the time ``at`` (aware; now when ``None``).

        For evidence ``at`` is the time of signing. Raises :class:`SignatureInvalid` with a
        ``reason`` among ``untrusted``, ``expired``, ``not-yet-valid``, ``key-usage``, ``chain``,
        ``not-a-ca``, ``weak``, ``critical-extension``, ``revoked``.
        """
        when = at or datetime.now(UTC)
        window = self._checked.get((certificate, *intermediates))
        if window is not None and window[0] <= when <= window[1]:
            return
        try:
            path = self._check_path(certificate, intermediates, when)
        except _UNREADABLE:
            _refuse("a certificate has parts that cannot be read", "chain")
        if self._crls:  # a revocation may come into force within the window
            return
        if len(self._checked) >= _MAX_CACHED:
            self._checked.clear()
        start = max(one.not_valid_before_utc for one in path)
        end = min(one.not_valid_after_utc for one in path)
        self._checked[certificate, *intermediates] = (start, end)

    def _check_path(
        self, certificate: x509.Certificate, intermediates: Sequence[x509.Certificate], when: datetime
    ) -> _Path:
        path = self._path(certificate, intermediates)
        for one in path:
            _check_dates(one, when)
        _check_leaf(certificate, pinned=certificate in self._pinned)
        for below, one in enumerate(path[1:]):
            _check_authority(one, below)
        for one in path:
            _check_strength(one)
        self._check_revocation(path, when)
        return path

    def _path(self, certificate: x509.Certificate, intermediates: Sequence[x509.Certificate]) -> _Path:
        """Return the path from the certificate to the first trusted one, signatures checked."""
        path = [certificate]
        while path[-1] not in self._pinned:
            current = path[-1]
            candidates = [c for c in (*self._certificates, *intermediates) if c.subject == current.issuer]
            candidates = [c for c in candidates if c not in path]
            if not candidates or len(path) >= _MAX_PATH:
                _refuse(
                    f"the issuer of {_name(current)}, {_common_name(current.issuer)}, is not trusted",
                    "untrusted",
                )
            issuer = next((c for c in candidates if _issued(current, c)), None)
            if issuer is None:
                _refuse(f"{_name(current)} was not signed by the issuer it names", "chain")
            path.append(issuer)
        return tuple(path)

    def _check_revocation(self, path: _Path, when: datetime) -> None:
        for child, issuer in pairwise(path):
            for crl in self._crls:
                if crl.issuer != child.issuer or not _crl_holds(crl, issuer):
                    continue
                entry = crl.get_revoked_certificate_by_serial_number(child.serial_number)
                if entry is not None and entry.revocation_date_utc <= when:
                    _refuse(f"{_name(child)} was revoked", "revoked")

    def __repr__(self) -> str:
        return f"TrustStore({len(self._certificates)} certificates)"


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
    except _UNREADABLE:
        raise ValueError("not a readable certificate") from None
    if serial <= 0:
        raise ValueError("serial number not positive (RFC 5280 section 4.1.2.2)")
    return certificate


@lru_cache(maxsize=512)
def agency_of(certificate: x509.Certificate) -> str:
    """Return the agency code in a certificate: the ``urn:lienthong:agency:`` name, else the common name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
            if uri.startswith(AGENCY_URN):
                return uri.removeprefix(AGENCY_URN)
    except (x509.ExtensionNotFound, *_UNREADABLE):
        pass
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else ""


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.iterdir() if p.suffix in {".pem", ".crt", ".cer"} and p.is_file())
    return [path]


def _check_dates(certificate: x509.Certificate, when: datetime) -> None:
    if when < certificate.not_valid_before_utc:
        start = certificate.not_valid_before_utc.isoformat()
        _refuse(f"{_name(certificate)} is not valid before {start}", "not-yet-valid")
    if when > certificate.not_valid_after_utc:
        end = certificate.not_valid_after_utc.isoformat()
        _refuse(f"{_name(certificate)} expired on {end}", "expired")


def _check_leaf(certificate: x509.Certificate, *, pinned: bool) -> None:
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        _refuse(f"the key usage of {_name(certificate)} does not allow signatures", "key-usage")
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca and not pinned:
        _refuse(f"{_name(certificate)} is an authority's and does not sign messages", "key-usage")


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """Check an issuer with ``below`` further authorities under it."""
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        _refuse(f"{_name(certificate)} issued another one but is not an authority's", "not-a-ca")
    if constraints.path_length is not None and below > constraints.path_length:
        _refuse(f"the path below {_name(certificate)} is longer than it allows", "chain")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        _refuse(f"the key usage of {_name(certificate)} does not allow issuing certificates", "key-usage")


def _check_strength(certificate: x509.Certificate) -> None:
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < MIN_RSA_BITS:
        _refuse(f"the RSA key of {_name(certificate)} has only {public.key_size} bits", "weak")
    self_issued = certificate.subject == certificate.issuer
    if not self_issued and isinstance(certificate.signature_hash_algorithm, _WEAK_HASHES):
        _refuse(f"{_name(certificate)} was issued with a broken hash", "weak")
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            oid = extension.oid.dotted_string
            _refuse(f"{_name(certificate)} has the unknown critical extension {oid}", "critical-extension")


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _issued(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _crl_holds(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # other kinds raise TypeError
    except TypeError:
        return False


def _name(certificate: x509.Certificate) -> str:
    """Name a certificate without its subject, which may be a person's name and identity number."""
    return f"the certificate of key {key_id(certificate.public_key())[:16]}"


def _common_name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return repr(str(common[0].value)) if common else "which has no common name"


def _refuse(message: str, reason: str) -> NoReturn:
    raise SignatureInvalid(
        message, hint="check the partner's certificate and the trusted authorities", reason=reason
    )
