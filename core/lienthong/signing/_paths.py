"""All paths from a certificate to a trusted one, and whether a path holds at a moment (RFC 5280 section 6).

Each path is judged by us, which gives the reasons, and by `cryptography.x509.verification`, which
knows what else RFC 5280 asks for: version 3, serial numbers, the encoding of dates, key sizes and
algorithms, constraints on DNS names, addresses and mailboxes. The search is ours, for three reasons:

* The library returns the first path that holds by its own rules. The next one must be tried where
  ours do not let that one pass: it was revoked, is out of its constraints, or speaks for an agency
  that its authority was not given.
* The library ends its whole search, whatever other paths there are, where it meets an authority with
  a critical constraint on directory names. Such a path is handed to it up to that authority only;
  see `_constraints` for who checks the rest.
* The library says in text only what did not hold, and that text may show a person's name.

A pinned certificate is a path of one and is not handed to the library: it is trusted because it was
pinned, be it self-signed, of version 1 or an authority's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from lienthong.errors import SignatureInvalid
from lienthong.signing._algorithms import MIN_RSA_BITS
from lienthong.signing._certificates import (
    UNREADABLE,
    Path,
    common_name,
    described,
    extension,
    refuse,
    same_name,
    self_issued,
)
from lienthong.signing._constraints import check_constraints, has_directory_names

_MAX_PATH: Final = 6
_MAX_SIGNATURES: Final = 64
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
#: purposes of certificates that are for something else than signing messages or documents
_FOREIGN: Final = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.TIME_STAMPING,
    }
)

Check = Callable[[Path, datetime], None]
"""Refuses a path that does not hold at a moment."""


class Search:
    """Looks for paths; keeps the refusal that fits best, for where none holds."""

    def __init__(
        self,
        trusted: Sequence[x509.Certificate],
        intermediates: Sequence[x509.Certificate],
        checks: Sequence[Check],
    ) -> None:
        self._trusted, self._others = frozenset(trusted), tuple(dict.fromkeys((*trusted, *intermediates)))
        self._checks = (_check_dates, _check_leaf, _check_authorities, _check_strength, *_LAST, *checks)
        self._left = _MAX_SIGNATURES
        self._refusal: tuple[tuple[int, int], SignatureInvalid] | None = None

    def first(self, certificate: x509.Certificate, when: datetime) -> Path:
        """Return the first path that holds; raise the refusal of the one that came furthest."""
        for path in self._from((certificate,)):
            for stage, check in enumerate(self._checks):
                if not self._holds(check, path, when, stage):
                    break
            else:
                return path
        assert self._refusal is not None  # noqa: S101 - a search without a path has a dead end
        raise self._refusal[1]

    def _holds(self, check: Check, path: Path, when: datetime, stage: int) -> bool:
        try:
            check(path, when)
        except SignatureInvalid as error:
            self._note((stage, 0), error)
            return False
        return True

    def _from(self, path: Path) -> Iterator[Path]:
        """Yield the paths that go on from here, each ending at the first trusted certificate."""
        current = path[-1]
        if current in self._trusted:
            yield path
            return
        named = [c for c in self._others if c not in path and same_name(c.subject, current.issuer)]
        if not named or len(path) >= _MAX_PATH:
            above = common_name(current.issuer)
            self._dead_end(path, f"the issuer of {described(current)}, {above}, is not trusted", "untrusted")
            return
        issuers = [
            c for c in sorted(named, key=lambda one: not _expected(current, one)) if self._issued(current, c)
        ]
        if not issuers:
            self._dead_end(path, f"{described(current)} was not signed by the issuer it names", "chain")
        for issuer in issuers:
            yield from self._from((*path, issuer))

    def _issued(self, child: x509.Certificate, issuer: x509.Certificate) -> bool:
        self._left -= 1
        return self._left >= 0 and signed_by(child, issuer)

    def _dead_end(self, path: Path, message: str, reason: str) -> None:
        try:
            refuse(message, reason)
        except SignatureInvalid as error:
            self._note((-1, len(path)), error)

    def _note(self, rank: tuple[int, int], error: SignatureInvalid) -> None:
        if self._refusal is None or rank > self._refusal[0]:
            self._refusal = rank, error


def signed_by(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether the signature on a certificate is by the key of another; names are not compared."""
    key, data, algorithm = issuer.public_key(), child.tbs_certificate_bytes, child.signature_hash_algorithm
    try:
        parameters = child.signature_algorithm_parameters
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
            key.verify(child.signature, data, parameters)
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(child.signature, data, parameters, algorithm)  # type: ignore[arg-type]  # a padding
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(child.signature, data)
        else:
            return False
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _expected(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether an issuer has the key identifier that its certificate names."""
    wanted = extension(child, x509.AuthorityKeyIdentifier)
    found = extension(issuer, x509.SubjectKeyIdentifier)
    return wanted is not None and found is not None and wanted.key_identifier == found.digest


def _check_dates(path: Path, when: datetime) -> None:
    for certificate in path:
        if when < certificate.not_valid_before_utc:
            start = certificate.not_valid_before_utc.isoformat()
            refuse(f"{described(certificate)} is not valid before {start}", "not-yet-valid")
        if when > certificate.not_valid_after_utc:
            end = certificate.not_valid_after_utc.isoformat()
            refuse(f"{described(certificate)} expired on {end}", "expired")


def _check_leaf(path: Path, _when: datetime) -> None:
    certificate, pinned = path[0], len(path) == 1
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        refuse(f"the key usage of {described(certificate)} does not allow signatures", "key-usage")
    if pinned:
        return
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        refuse(f"{described(certificate)} is an authority's and does not sign messages", "key-usage")
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and _FOREIGN.issuperset(purposes):
        refuse(f"{described(certificate)} is not for signing messages by its extended key usage", "key-usage")


def _check_authorities(path: Path, _when: datetime) -> None:
    for below, certificate in enumerate(path[1:]):
        constraints = extension(certificate, x509.BasicConstraints)
        if constraints is None or not constraints.ca:
            refuse(f"{described(certificate)} issued another one but is not an authority's", "not-a-ca")
        if constraints.path_length is not None and below > constraints.path_length:
            refuse(f"the path below {described(certificate)} is longer than it allows", "chain")
        usage = extension(certificate, x509.KeyUsage)
        if usage is not None and not usage.key_cert_sign:
            refuse(
                f"the key usage of {described(certificate)} does not allow issuing certificates", "key-usage"
            )


def _check_strength(path: Path, _when: datetime) -> None:
    for place, certificate in enumerate(path):
        public = certificate.public_key()
        if isinstance(public, rsa.RSAPublicKey) and public.key_size < MIN_RSA_BITS:
            refuse(f"the RSA key of {described(certificate)} has only {public.key_size} bits", "weak")
        if not self_issued(certificate) and isinstance(certificate.signature_hash_algorithm, _WEAK_HASHES):
            refuse(f"{described(certificate)} was issued with a broken hash", "weak")
        known = _KNOWN_CRITICAL | {ExtensionOID.NAME_CONSTRAINTS} if place else _KNOWN_CRITICAL
        for one in certificate.extensions:
            if one.critical and one.oid not in known:
                oid = one.oid.dotted_string
                refuse(
                    f"{described(certificate)} has the unknown critical extension {oid}", "critical-extension"
                )


def _check_names(path: Path, _when: datetime) -> None:
    check_constraints(path)


def _check_by_library(path: Path, when: datetime) -> None:
    if len(path) == 1:
        return
    part = path[: _handed(path)]
    builder = PolicyBuilder().store(Store([part[-1]])).time(when).max_chain_depth(_MAX_PATH)
    verifier = builder.extension_policies(ca_policy=_AUTHORITIES, ee_policy=_LEAVES).build_client_verifier()
    try:
        verifier.verify(part[0], list(part[1:-1]))
    except VerificationError as error:
        said = str(error)
        sentence, reason = next((told for text, told in _SAID if text in said), _SAID[-1][1])
        refuse(f"the path of {described(path[0])} does not hold: {sentence}", reason)


_SAID: Final = (
    ("name constraint", ("a name is not among those that its authority may certify", "name-constraints")),
    ("Forbidden", ("an authority's key or signature has an algorithm that is not accepted", "weak")),
    ("too weak", ("an authority's key is too weak", "weak")),
    ("critical extension", ("a certificate has an unknown critical extension", "critical-extension")),
    ("", ("a certificate in it does not follow RFC 5280", "chain")),
)
#: what the library says (its own text may show names), our sentence and reason
_LAST: Final = (_check_names, _check_by_library)


def _handed(path: Path) -> int:
    """Return how many certificates of a path the library can judge, at least the first.

    It neither knows constraints on directory names nor compares names but byte by byte.
    """
    for place, (child, issuer) in enumerate(pairwise(path), 1):
        if has_directory_names(issuer) or issuer.subject.public_bytes() != child.issuer.public_bytes():
            return place
    return len(path)


def _issuing(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("key usage")


def _signing(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise ValueError("key usage")


_AUTHORITIES: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _issuing)
)
_LEAVES: Final = ExtensionPolicy.permit_all().may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signing)
