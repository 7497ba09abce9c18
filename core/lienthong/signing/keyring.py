"""Which key signs for which agency: :class:`KeyRing`, from the development home or a configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

from cryptography import x509

from lienthong.errors import Misconfigured, UnknownName
from lienthong.signing._algorithms import key_id
from lienthong.signing.signers import LocalSigner, Signer, read_certificates
from lienthong.signing.trust import TrustStore

Entry = Mapping[str, str]
"""How one agency's key is found: see :meth:`KeyRing.from_config`."""

AGENCY_CODE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
"""What an agency code may look like (``H29``, ``000.00.01.H29``); it is used as a folder name."""

_FIELDS: Final = frozenset({"pem", "certificate", "pkcs12", "password_file", "password_env", "algorithm"})


class KeyRing:
    """The signers of the agencies we sign for, and the certificates that we believe.

    Files are read at the first use of a key, so that a ring costs nothing where nobody signs.
    """

    def __init__(
        self, entries: Mapping[str, Entry], *, trust: Iterable[Path] = (), home: Path | None = None
    ) -> None:
        self._entries = {check_agency(agency): dict(entry) for agency, entry in entries.items()}
        for agency, entry in self._entries.items():
            _check_entry(agency, entry)
        self._trust_paths = tuple(Path(path) for path in trust)
        self._home = home
        self._signers: dict[str, Signer] = {}

    @classmethod
    def for_home(cls, home: Path) -> Self:
        """Take the development keys of ``<home>/keys/<AGENCY>/`` and trust ``<home>/keys/ca.pem``.

        A home without keys gives an empty ring; :meth:`signer` then says how to make them.
        """
        keys = Path(home) / "keys"
        folders = sorted(
            p for p in keys.glob("*") if (p / "key.pem").is_file() and AGENCY_CODE.fullmatch(p.name)
        )
        entries = {p.name: {"pem": str(p / "key.pem"), "certificate": str(p / "cert.pem")} for p in folders}
        authority = keys / "ca.pem"
        return cls(entries, trust=[authority] if authority.is_file() else [], home=Path(home))

    @classmethod
    def from_config(cls, mapping: Mapping[str, Entry], *, trust: Iterable[Path] = ()) -> Self:
        """Take keys as a deployment configures them: agency code -> entry.

        An entry is ``{"pem": path, "certificate": path}`` or ``{"pkcs12": path}``, with
        ``password_file`` or ``password_env`` where the key is encrypted, and ``algorithm``
        (``RS256``) where the default is not wanted. ``{"certificate": path}`` alone names a partner
        whom we only verify. ``trust`` are PEM files or folders of authorities. The configured
        certificates are trusted as they are. Raises :class:`Misconfigured` for a malformed entry.
        """
        return cls(mapping, trust=trust)

    def agencies(self) -> tuple[str, ...]:
        """Return the codes of the agencies that this ring can sign for, sorted."""
        return tuple(sorted(agency for agency, entry in self._entries.items() if _can_sign(entry)))

    def signer(self, agency: str) -> Signer:
        """Return the signer of an agency.

        Raises :class:`UnknownName` when there is none, and :class:`Misconfigured` when its files
        are missing, readable by others, or do not fit together.
        """
        if agency not in self._signers:
            entry = self._entries.get(agency)
            if entry is None or not _can_sign(entry):
                raise UnknownName(
                    f"no signing key for agency {agency!r}", where="keys", hint=self._advice(agency)
                )
            self._signers[agency] = _load(agency, entry)
        return self._signers[agency]

    def certificates(self) -> dict[str, x509.Certificate]:
        """Return the certificates of all agencies of this ring by key id (for RFC 9421 ``keyid``)."""
        return {key_id(leaf.public_key()): leaf for _, leaf in self._leaves()}

    def trust(self) -> TrustStore:
        """Return the store of everything this ring believes.

        Raises :class:`Misconfigured` when nothing is configured to be trusted.
        """
        found = TrustStore.from_pem(self._trust_paths).certificates if self._trust_paths else ()
        # Development certificates are believed through their authority, not one by one.
        leaves = [] if self._home is not None else self._leaves()
        if not found and not leaves:
            raise Misconfigured(
                "no trusted certificate is configured", where="keys", hint=self._advice("CODE")
            )
        names = {key_id(leaf.public_key()): agency for agency, leaf in leaves}
        return TrustStore([*found, *(leaf for _, leaf in leaves)], names=names)

    def _leaves(self) -> list[tuple[str, x509.Certificate]]:
        leaves = []
        for agency, entry in self._entries.items():
            path = entry.get("certificate") or entry.get("pem")
            leaf = read_certificates(Path(path))[0] if path else self.signer(agency).certificate
            leaves.append((agency, leaf))
        return leaves

    def _advice(self, agency: str) -> str:
        if self._home is not None:
            return f"run: lienthong keys create --agency {agency}"
        return f'add to the configured keys: "{agency}": {{"pem": "<path>", "certificate": "<path>"}}'

    def __repr__(self) -> str:
        return f"KeyRing(agencies={self.agencies()!r})"


def check_agency(agency: str) -> str:
    """Return the code when it may name a folder; raise :class:`Misconfigured` when it may not."""
    if not AGENCY_CODE.fullmatch(agency) or ".." in agency:
        raise Misconfigured(
            f"{agency[:80]!r} is not an agency code",
            where="keys",
            hint="use letters, digits, dots, dashes and underscores, such as H29 or 000.00.01.H29",
        )
    return agency


def _can_sign(entry: Entry) -> bool:
    return "pem" in entry or "pkcs12" in entry


def _check_entry(agency: str, entry: Entry) -> None:
    kinds = [kind for kind in ("pem", "pkcs12") if kind in entry]
    passwords = [kind for kind in ("password_file", "password_env") if kind in entry]
    unknown = sorted(set(entry) - _FIELDS)
    if unknown or len(kinds) > 1 or len(passwords) > 1 or not (kinds or "certificate" in entry):
        wrong = f"unknown field {unknown[0]!r}" if unknown else "fields missing or contradicting each other"
        raise Misconfigured(
            f"the key entry has {wrong}",
            where=f"keys.{agency}",
            hint='write {"pem": path, "certificate": path} or {"pkcs12": path, "password_file": path}',
        )


def _load(agency: str, entry: Entry) -> Signer:
    password = _password(agency, entry)
    if "pkcs12" in entry:
        signer = LocalSigner.from_pkcs12(Path(entry["pkcs12"]), password, agency=agency)
    else:
        certificate = Path(entry["certificate"]) if "certificate" in entry else None
        signer = LocalSigner.from_pem(
            Path(entry["pem"]), agency=agency, certificate=certificate, password=password
        )
    return signer.with_algorithm(entry["algorithm"]) if "algorithm" in entry else signer


def _password(agency: str, entry: Entry) -> bytes | None:
    if "password_env" in entry:
        value = os.environ.get(entry["password_env"])
        if value is None:
            raise Misconfigured(
                f"the environment variable {entry['password_env']} is not set",
                where=f"keys.{agency}",
                hint="set it to the password of the key",
            )
        return value.encode()
    if "password_file" in entry:
        try:
            return Path(entry["password_file"]).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise Misconfigured(
                f"the password file cannot be read: {error.strerror}",
                where=f"keys.{agency}",
                hint="check the path",
            ) from None
    return None
