"""Certificate revocation lists (RFC 5280 sections 5 and 6.3): who was revoked, and what a list covers.

Only complete lists by the authority itself are taken. A list counts for a certificate where both name
the same issuer and the list is signed by the key that issued the certificate, or by that of a trusted
certificate of the same name (an authority that has renewed its key signs with the new one). What a
list says about a revocation is believed however old the list is; that it says *nothing* counts only
where it covers the moment, and otherwise it is said that nobody knows: see `RevocationNotice`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path as File
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtensionOID

from lienthong.errors import Misconfigured
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
from lienthong.signing._paths import signed_by

_PEM: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_WEAK: Final = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class RevocationNotice:
    """Why it is not known whether certificates of an authority were revoked.

    ``code`` is ``none`` (no list), ``stale`` (the next list was due before the moment in question),
    ``scope`` (the list is about other certificates, or its signer may not sign lists) or ``late``
    (the list was made after the certificate had expired and need not name it any more).
    """

    code: str
    authority: str
    en: str
    vi: str


def read_crls(path: File) -> list[x509.CertificateRevocationList]:
    """Read the revocation lists of a file (PEM, also several, or DER), or of all ``*.crl`` of a folder.

    Raises `Misconfigured` where it is missing or holds none.
    """
    if path.is_dir():
        return [crl for file in sorted(path.glob("*.crl")) if file.is_file() for crl in read_crls(file)]
    try:
        data = path.read_bytes()
        found = _PEM.findall(data)
        if found:
            return [x509.load_pem_x509_crl(one) for one in found]
        return [x509.load_der_x509_crl(data)]
    except OSError as error:
        raise Misconfigured(
            f"the revocation list cannot be read: {error.strerror}", where=str(path), hint="check the path"
        ) from None
    except UNREADABLE:
        raise Misconfigured(
            "not a revocation list", where=str(path), hint="give the authority's list in PEM or DER"
        ) from None


class RevocationLists:
    """The lists of a trust store; safe among threads.

    Raises `Misconfigured` for a list that cannot be used: a delta, an indirect one, one of single
    reasons or attribute certificates, one signed with a broken hash, and one with a critical extension
    that is not known.
    """

    def __init__(
        self, crls: Iterable[x509.CertificateRevocationList], trusted: Sequence[x509.Certificate]
    ) -> None:
        self.all = sorted(crls, key=lambda one: one.last_update_utc, reverse=True)
        self._trusted = tuple(trusted)
        self._signed: dict[tuple[int, x509.Certificate], bool] = {}
        for crl in self.all:
            _check_kind(crl)

    def __bool__(self) -> bool:
        return bool(self.all)

    def check(self, path: Path, when: datetime) -> None:
        """Refuse a path of which a certificate was revoked by ``when`` (``reason`` ``revoked``).

        The moment is that of the revocation or, where the authority says it, that from which the
        key was not to be believed (RFC 5280 section 5.3.2).
        """
        if not self.all:
            return
        for child, issuer in self._pairs(path):
            for crl in _decisive(self._about(child, issuer), child):
                entry = crl.get_revoked_certificate_by_serial_number(child.serial_number)
                if entry is None or _reason(entry) is x509.ReasonFlags.remove_from_crl:
                    continue
                if _since(entry) <= when:
                    held = _reason(entry) is x509.ReasonFlags.certificate_hold
                    refuse(f"{described(child)} {'is on hold' if held else 'was revoked'}", "revoked")

    def notices(self, path: Path, when: datetime) -> Iterator[RevocationNotice]:
        """Yield for every authority of a path why its revocations are not known at ``when``."""
        for child, issuer in self._pairs(path):
            found = list(self._about(child, issuer))
            gaps = [_gap(crl, signer, child, when) for crl, signer in found]
            if None not in gaps:
                name = common_name(child.issuer)
                yield _notice((gaps and gaps[0]) or "none", name, found[0][0] if found else None)
        if len(path) == 1 and not self_issued(path[0]) and not list(self._pairs(path)):
            yield _notice("none", common_name(path[0].issuer), None)

    def overview(self, when: datetime) -> Iterator[RevocationNotice]:
        """Yield for every trusted authority, by its name, that its lists do not reach up to ``when``."""
        seen: list[x509.Name] = []
        for one in self._trusted:
            constraints = extension(one, x509.BasicConstraints)
            if constraints is None or not constraints.ca or one.subject in seen:
                continue
            seen.append(one.subject)
            lists = [crl for crl in self.all if same_name(crl.issuer, one.subject) and self._ours(crl)]
            if not any(when <= _due(crl) for crl in lists):
                newest = lists[0] if lists else None
                yield _notice("stale" if lists else "none", common_name(one.subject), newest)

    def _ours(self, crl: x509.CertificateRevocationList) -> bool:
        return any(same_name(one.subject, crl.issuer) and self._holds(crl, one) for one in self._trusted)

    def _pairs(self, path: Path) -> Iterator[tuple[x509.Certificate, x509.Certificate]]:
        """Yield each certificate with its issuer, also where a pinned one's issuer is trusted as well."""
        yield from pairwise(path)
        if not self_issued(path[-1]):
            above = (one for one in self._trusted if same_name(one.subject, path[-1].issuer))
            issuer = next((one for one in above if signed_by(path[-1], one)), None)
            if issuer is not None:
                yield path[-1], issuer

    def _about(
        self, child: x509.Certificate, issuer: x509.Certificate
    ) -> Iterator[tuple[x509.CertificateRevocationList, x509.Certificate]]:
        """Yield the lists of a certificate's issuer, the newest first, each with who signed it."""
        for crl in self.all:
            if same_name(crl.issuer, child.issuer):
                renewed = (one for one in self._trusted if same_name(one.subject, crl.issuer))
                signer = next((one for one in (issuer, *renewed) if self._holds(crl, one)), None)
                if signer is not None:
                    yield crl, signer

    def _holds(self, crl: x509.CertificateRevocationList, signer: x509.Certificate) -> bool:
        key = id(crl), signer
        if key not in self._signed:
            try:
                self._signed[key] = crl.is_signature_valid(signer.public_key())  # type: ignore[arg-type]  # others raise
            except UNREADABLE:
                self._signed[key] = False
        return self._signed[key]


def _gap(
    crl: x509.CertificateRevocationList, signer: x509.Certificate, child: x509.Certificate, when: datetime
) -> str | None:
    """Return why a list does not cover a certificate at a moment, None where it does."""
    usage = extension(signer, x509.KeyUsage)
    if not _in_scope(crl, child) or (usage is not None and not usage.crl_sign):
        return "scope"
    if when > _due(crl):
        return "stale"
    return "late" if crl.last_update_utc > child.not_valid_after_utc else None


def _due(crl: x509.CertificateRevocationList) -> datetime:
    """Return when the next list is due; a list that does not say so is good for its own moment only."""
    return crl.next_update_utc or crl.last_update_utc


def _check_kind(crl: x509.CertificateRevocationList) -> None:
    what = ""
    try:
        point = _point(crl)
        known = {ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.CRL_NUMBER}
        odd = [one.oid for one in crl.extensions if one.critical and one.oid not in known]
        if any(one.oid == ExtensionOID.DELTA_CRL_INDICATOR for one in crl.extensions):
            what = "it is a delta list, which tells only what changed"
        elif point is not None and point.indirect_crl:
            what = "it is an indirect list, which one authority makes for others"
        elif point is not None and (point.only_some_reasons or point.only_contains_attribute_certs):
            what = "it is a list of single reasons or of attribute certificates"
        elif odd:
            what = f"it has the unknown critical extension {odd[0].dotted_string}"
        elif isinstance(crl.signature_hash_algorithm, _WEAK):
            what = "it is signed with a broken hash"
    except UNREADABLE:
        what = "its extensions cannot be read"
    if what:
        raise Misconfigured(
            f"the revocation list of {common_name(crl.issuer)} cannot be used: {what}",
            where="trust",
            hint="ask the authority for its complete list",
        )


def _point(crl: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    try:
        return crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None


def _in_scope(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Tell whether a list is about certificates of this kind and place (RFC 5280 section 5.2.5)."""
    point = _point(crl)
    if point is None:
        return True
    constraints = extension(certificate, x509.BasicConstraints)
    authority = constraints is not None and constraints.ca
    if (point.only_contains_user_certs and authority) or (point.only_contains_ca_certs and not authority):
        return False
    if point.full_name is None:
        return point.relative_name is None
    points = extension(certificate, x509.CRLDistributionPoints) or ()
    named = [name for one in points for name in one.full_name or ()]
    return any(name in named for name in point.full_name)


def _decisive(
    found: Iterable[tuple[x509.CertificateRevocationList, x509.Certificate]], certificate: x509.Certificate
) -> list[x509.CertificateRevocationList]:
    """Return the newest list, and the newest that was made while the certificate was valid.

    A list may leave out what has expired; a hold that a newer list has lifted counts no more.
    """
    lists = [crl for crl, _ in found]
    valid = [crl for crl in lists if crl.last_update_utc <= certificate.not_valid_after_utc]
    return lists[:1] if lists[:1] == valid[:1] else [*lists[:1], *valid[:1]]


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None


def _since(entry: x509.RevokedCertificate) -> datetime:
    try:
        invalid = entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc
    except x509.ExtensionNotFound:
        return entry.revocation_date_utc
    return min(entry.revocation_date_utc, invalid)


def _notice(code: str, authority: str, crl: x509.CertificateRevocationList | None) -> RevocationNotice:
    day = ""
    if crl is not None:
        day = f"{_due(crl):%Y-%m-%d}"
    en, vi = {
        "none": ("there is no revocation list of {}", "không có danh sách thu hồi của {}"),
        "stale": (
            "the revocation list of {} is out of date, the next one was due on " + day,
            "danh sách thu hồi của {} đã quá hạn, phải có danh sách mới từ ngày " + day,
        ),
        "scope": (
            "the revocation list of {} does not tell about this certificate",
            "danh sách thu hồi của {} không bao gồm chứng thư này",
        ),
        "late": (
            "the revocation list of {} was made after the certificate had expired",
            "danh sách thu hồi của {} được lập sau khi chứng thư hết hạn",
        ),
    }[code]
    return RevocationNotice(code, authority, en.format(authority), vi.format(authority))
