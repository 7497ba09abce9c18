"""Whom we believe: :class:`TrustStore` checks a certificate against pinned CAs and certificates.

The checks are those of RFC 5280 section 6 that a bus among known agencies needs: every path to a
trusted certificate is tried, and the first that holds at the time of signing counts, whatever the
order of files (`_paths`); names within the constraints of every authority (`_constraints`); nobody
revoked, as far as the lists tell (`_revocation`); and the signer's authority was given the agency or
the operator that the certificate names (`roles`). Policies are not evaluated; a critical extension for
them is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Any, Final, Self

from cryptography import x509

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing._algorithms import key_id
from lienthong.signing._certificates import UNREADABLE, Path, described, read_der, refuse
from lienthong.signing._paths import Search
from lienthong.signing._revocation import RevocationLists, RevocationNotice, read_crls
from lienthong.signing.roles import AGENCY_URN, Authority, Role, agency_of, common, covered, role_of
from lienthong.signing.signers import read_certificates

__all__ = [
    "AGENCY_URN",
    "Authority",
    "CertificatePath",
    "RevocationNotice",
    "Role",
    "TrustStore",
    "agency_of",
    "key_id",
    "read_crls",
    "read_der",
]

CertificatePath = Path
"""A certificate and those above it up to a trusted one, as `TrustStore.path` returns them."""

_MAX_CACHED: Final = 2048
_MAX_WINDOWS: Final = 4
_Checked = tuple[datetime, datetime, Path]


class TrustStore:
    """Certificates that we trust: authorities (whatever they issue) and pinned single certificates.

    ``names`` gives the agency code of a key id and ``operators`` the role of one, for certificates
    that do not name them themselves; ``crls`` are revocation lists of the authorities.
    ``authorities``, where there are any, say whom each authority may speak for: a certificate below
    an authority that none of them gives anything speaks for nobody then. An authority is known by
    its key, so that its renewed certificate has what the old one had. Immutable and safe among
    threads. Raises `Misconfigured` for a revocation list of a kind that cannot be used.
    """

    def __init__(
        self,
        certificates: Iterable[x509.Certificate],
        *,
        names: Mapping[str, str] | None = None,
        crls: Iterable[x509.CertificateRevocationList] = (),
        authorities: Iterable[Authority] = (),
        operators: Mapping[str, Role] | None = None,
    ) -> None:
        self._authorities = tuple(authorities)
        given = [one for authority in self._authorities for one in authority.certificates]
        self._certificates = tuple(dict.fromkeys((*certificates, *given)))
        self._names, self._operators = dict(names or {}), dict(operators or {})
        self._lists = RevocationLists(crls, self._certificates)
        self._given: dict[str, list[Authority]] = {}
        for authority in self._authorities:
            for one in authority.certificates:
                self._given.setdefault(key_id(one.public_key()), []).append(authority)
        self._checked: dict[Path, tuple[_Checked, ...]] = {}

    @classmethod
    def from_pem(
        cls,
        paths: Iterable[File],
        *,
        names: Mapping[str, str] | None = None,
        crls: Iterable[File] = (),
        authorities: Iterable[Authority] = (),
    ) -> Self:
        """Read certificates from PEM files, or from all ``*.pem``, ``*.crt``, ``*.cer`` of folders.

        Revocation lists are read from the files and folders of ``crls`` and from the ``*.crl`` of
        the folders. Raises :class:`Misconfigured` when a path is missing, or when nothing is found.
        """
        places, authorities = [File(path) for path in paths], tuple(authorities)
        found = [one for place in places for one in certificates_in(place)]
        if not found and not authorities:
            raise Misconfigured("no trusted certificate found", hint="add the authority's PEM certificate")
        lists = [*map(File, crls), *(place for place in places if place.is_dir())]
        return cls.of(found, names=names, crls=lists, authorities=authorities)

    @classmethod
    def of(
        cls, certificates: Iterable[x509.Certificate], *, crls: Iterable[File] = (), **further: Any
    ) -> Self:
        """Return a store whose revocation lists are read from files and folders; else as the class itself."""
        return cls(certificates, crls=[crl for place in crls for crl in read_crls(place)], **further)

    def with_crls(self, crls: Iterable[File]) -> TrustStore:
        """Return this store with further revocation lists, from files and folders."""
        lists = [*self._lists.all, *(crl for place in crls for crl in read_crls(place))]
        return TrustStore(
            self._certificates,
            names=self._names,
            crls=lists,
            authorities=self._authorities,
            operators=self._operators,
        )

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """All certificates of the store: authorities and pinned ones."""
        return self._certificates

    @property
    def authorities(self) -> tuple[Authority, ...]:
        """Whom each authority may speak for; empty where every one may speak for everybody."""
        return self._authorities

    def find(self, key_id_: str) -> x509.Certificate | None:
        """Return the stored certificate of the key with this id, or ``None``; see `current`."""
        return next(iter(self.find_all(key_id_)), None)

    def find_all(self, key_id_: str) -> list[x509.Certificate]:
        """Return all stored certificates of the key with this id: a renewed one stands beside the old."""
        return [c for c in self._certificates if key_id(c.public_key()) == key_id_]

    def current(self, candidates: Sequence[x509.Certificate], at: datetime | None = None) -> x509.Certificate:
        """Return the first of several certificates of one key that holds at a time.

        Raises `SignatureInvalid` as `check` does for the first one where none does.
        """
        refused: SignatureInvalid | None = None
        for one in candidates:
            try:
                self.check(one, at=at)
            except SignatureInvalid as error:
                refused = refused or error
            else:
                return one
        if refused is None:
            refuse("no certificate of this key is trusted", "untrusted")
        raise refused

    def agency_of(self, certificate: x509.Certificate) -> str:
        """Return the agency code a certificate stands for: by the store's names, its URN, its common name.

        An operator's certificate gives ``operator:NAME``, which is no agency's code.
        """
        return self._role(certificate).speaker

    def roles(
        self,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate] = (),
        at: datetime | None = None,
    ) -> Role:
        """Return who speaks by a certificate at a time.

        An operator's acts are those that certificate and trust both allow; none where `check` refuses
        the certificate.
        """
        try:
            return self.role_on(self.path(certificate, intermediates, at))
        except SignatureInvalid:
            role = self._role(certificate)
            return Role(role.kind, role.name)

    def may_sign_act(self, certificate: x509.Certificate, act: str, at: datetime | None = None) -> bool:
        """Tell whether a certificate is an operator's who may sign an act of this name at a time."""
        return self.roles(certificate, at=at).may_sign_act(act)

    def role_on(self, path: Path) -> Role:
        """Return who speaks by the first certificate of a path that `path` gave."""
        return self._narrowed(self._role(path[0]), path)

    def check(
        self,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate] = (),
        at: datetime | None = None,
    ) -> None:
        """Check that ``certificate`` may sign, at the time ``at`` (aware; now when ``None``).

        For evidence ``at`` is the time of signing. Raises :class:`SignatureInvalid` with a
        ``reason`` among ``untrusted``, ``expired``, ``not-yet-valid``, ``key-usage``, ``chain``,
        ``not-a-ca``, ``weak``, ``critical-extension``, ``name-constraints``, ``revoked``, ``role``
        (the certificate names an agency and an operator as well) and ``not-its-agency``. Where several paths
        are possible and none holds, it is the reason of the one that came furthest.
        """
        self.path(certificate, intermediates, at)

    def path(
        self,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate] = (),
        at: datetime | None = None,
    ) -> Path:
        """Return the path by which ``certificate`` is believed, as `check` finds it.

        It begins with the certificate and ends at a trusted one.
        """
        when = at or datetime.now(UTC)
        asked = (certificate, *intermediates)
        try:
            for start, end, path in self._checked.get(asked, ()):
                if start <= when <= end and self._unrevoked(path, when):
                    return path
            checks = (self._lists.check, self._check_agency)
            path = Search(self._certificates, intermediates, checks).first(certificate, when)
        except UNREADABLE:
            refuse("a certificate has parts that cannot be read", "chain")
        if len(self._checked) >= _MAX_CACHED:
            self._checked.clear()
        start = max(one.not_valid_before_utc for one in path)
        end = min(one.not_valid_after_utc for one in path)
        self._checked[asked] = (*self._checked.get(asked, ())[1 - _MAX_WINDOWS :], (start, end, path))
        return path

    def check_message(
        self,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate] = (),
        at: datetime | None = None,
    ) -> None:
        """Check as `check` does that a certificate may sign what systems send: an operator's may not."""
        if self.role_on(self.path(certificate, intermediates, at)).kind == "operator":
            refuse(f"{described(certificate)} is an operator's and signs no messages of systems", "role")

    def revocation_notices(
        self, at: datetime | None = None, path: Path | None = None
    ) -> list[RevocationNotice]:
        """Return why revocations are not known at a time: for a path, or for all authorities.

        A path is what `path` returned. Empty where a fresh list covers every certificate of it.
        """
        when = at or datetime.now(UTC)
        if path is not None:
            return list(dict.fromkeys(self._lists.notices(path, when)))
        return list(self._lists.overview(when))

    def _unrevoked(self, path: Path, when: datetime) -> bool:
        if not self._lists:
            return True
        try:
            self._lists.check(path, when)
        except SignatureInvalid:
            return False
        return True

    def _role(self, certificate: x509.Certificate) -> Role:
        key = key_id(certificate.public_key()) if self._names or self._operators else ""
        if key in self._operators:
            return self._operators[key]
        return Role("agency", self._names[key]) if key in self._names else role_of(certificate)

    def _check_agency(self, path: Path, _when: datetime) -> None:
        role = self._role(path[0])
        if self._configured(path) or not self._authorities:
            return
        if not self.given(path[-1]):
            refuse(
                f"the trust configuration lets the authority of {described(path[0])} speak for nobody",
                _NOT_ITS,
            )
        if role.kind == "operator":
            if not self._narrowed(role, path).acts:
                refuse(f"the authority of {described(path[0])} was given no operators' acts", _NOT_ITS)
        elif not all(self._gives(one, role.name) for one in path):
            refuse(f"the authority of {described(path[0])} may not speak for the agency it names", _NOT_ITS)

    def _configured(self, path: Path) -> bool:
        """Tell whether the deployment itself says who the pinned certificate is."""
        key = key_id(path[0].public_key())
        return len(path) == 1 and (key in self._names or key in self._operators)

    def given(self, certificate: x509.Certificate) -> list[Authority]:
        """Return what the trust configuration gives to the key of a certificate."""
        return self._given.get(key_id(certificate.public_key()), [])

    def _gives(self, certificate: x509.Certificate, agency: str) -> bool:
        given = self.given(certificate)
        return not given or any(covered(agency, one.agencies) for one in given)

    def _narrowed(self, role: Role, path: Path) -> Role:
        """Return a role with the acts that all authorities of its path may let it sign."""
        if role.kind == "agency" or not self._authorities or self._configured(path):
            return role
        acts = role.acts
        for one in path:
            given = self.given(one)
            if given:
                acts = common(acts, [act for authority in given for act in authority.acts])
        return Role("operator", role.name, acts if self.given(path[-1]) else ())

    def __repr__(self) -> str:
        return f"TrustStore({len(self._certificates)} certificates)"


_NOT_ITS: Final = "not-its-agency"


def certificates_in(path: File) -> list[x509.Certificate]:
    """Read the PEM certificates of a file, or of the ``*.pem``, ``*.crt``, ``*.cer`` of a folder."""
    if not path.is_dir():
        return read_certificates(path)
    files = sorted(p for p in path.iterdir() if p.suffix in {".pem", ".crt", ".cer"} and p.is_file())
    return [one for file in files for one in read_certificates(file)]
