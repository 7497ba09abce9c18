"""Which key signs for which agency or operator: :class:`KeyRing`, of a development home or configured."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509

from lienthong.errors import Misconfigured, UnknownName
from lienthong.faults import read_private
from lienthong.signing._algorithms import key_id
from lienthong.signing.roles import ALL, OPERATOR, SERVICE, Authority, Role
from lienthong.signing.signers import LocalSigner, Signer, read_certificates
from lienthong.signing.trust import TrustStore, certificates_in

Entry = Mapping[str, Any]
"""How the key of an agency or operator is found: see :meth:`KeyRing.from_config`."""

AGENCY_CODE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
"""What an agency code may look like (``H29``, ``000.00.01.H29``); it is used as a folder name."""

OPERATORS: Final = "operators"
"""Folder of the operators' keys, beside those of the agencies."""

_FIELDS: Final = frozenset({"pem", "certificate", "pkcs12", "password_file", "password_env", "algorithm"})
_PATTERN: Final = re.compile(r"\*|[^*\s]+(?<!\.)(?:\.\*)?")
_GIVEN: Final = frozenset({"certificates", "agencies", "acts"})


class KeyRing:
    """The signers of the agencies we sign for and of the operators, and the certificates that we believe.

    Files are read at the first use of a key, so that a ring costs nothing where nobody signs.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        *,
        trust: Iterable[Path] = (),
        home: Path | None = None,
        operators: Mapping[str, Entry] | None = None,
        crls: Iterable[Path] = (),
        authorities: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._entries = {check_agency(agency): dict(entry) for agency, entry in entries.items()}
        self._operators = {check_operator(name): dict(entry) for name, entry in (operators or {}).items()}
        for agency, entry in self._entries.items():
            _check_entry(f"keys.{agency}", entry, _FIELDS)
        for name, entry in self._operators.items():
            _check_entry(f"operators.{name}", entry, _FIELDS | {"acts"})
        self._authorities = dict(authorities or {})
        for name, table in self._authorities.items():
            _check_table(name, table)
        self._trust_paths, self._crls = tuple(map(Path, trust)), tuple(map(Path, crls))
        self._home = home
        self._signers: dict[str, Signer] = {}

    @classmethod
    def for_home(cls, home: Path, *, trust: Iterable[Path] = (), **further: Any) -> Self:
        """Take the development keys of ``<home>/keys/<AGENCY>/`` and ``<home>/keys/operators/<NAME>/``.

        ``<home>/keys/ca.pem`` is trusted, and ``trust``; ``further`` is as in `from_config`. A home
        without keys gives an empty ring; :meth:`signer` then says how to make them.
        """
        keys = Path(home) / "keys"
        own = [authority] if (authority := keys / "ca.pem").is_file() else []
        operators = {**_in_folder(keys / OPERATORS), **(further.pop("operators", None) or {})}
        return cls(_in_folder(keys), trust=[*own, *trust], home=Path(home), operators=operators, **further)

    @classmethod
    def from_config(
        cls,
        mapping: Mapping[str, Entry],
        *,
        trust: Iterable[Path] = (),
        operators: Mapping[str, Entry] | None = None,
        crls: Iterable[Path] = (),
        authorities: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Self:
        """Take keys as a deployment configures them: agency code -> entry.

        An entry is ``{"pem": path, "certificate": path}`` or ``{"pkcs12": path}``, with
        ``password_file`` or ``password_env`` where the key is encrypted, and ``algorithm``
        (``RS256``) where the default is not wanted. ``{"certificate": path}`` alone names a partner
        whom we only verify. ``operators`` are the same by the operator's name, with the patterns of
        the ``acts`` that may be signed (all by default). ``trust`` are PEM files or folders of
        authorities, ``crls`` revocation lists. ``authorities`` is by a name of one's own choice
        ``{"certificates": [path, ...], "agencies": [pattern, ...], "acts": [pattern, ...]}``: whom
        these authorities may speak for, see `Authority`. The configured certificates are trusted
        as they are. Raises :class:`Misconfigured` for a malformed entry.
        """
        return cls(mapping, trust=trust, operators=operators, crls=crls, authorities=authorities)

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

    def operators(self) -> tuple[str, ...]:
        """Return the names of the operators that this ring can sign for, sorted."""
        return tuple(sorted(name for name, entry in self._operators.items() if _can_sign(entry)))

    def operator(self, name: str | None = None) -> Signer:
        """Return the signer of an operator; without a name that of the only one.

        Airflow's own (`SERVICE`) is meant without a name only where there is no other. In a development
        home that has no person's key, one is made, named after the login. Raises
        :class:`UnknownName` where there is none or a choice, and :class:`Misconfigured` as `signer`.
        """
        names = self.operators()
        chosen = name or self._only_operator(names)
        if not chosen:
            raise UnknownName(
                "several operators have a key here", where="operators", hint=f"name one: {', '.join(names)}"
            )
        speaker = f"{OPERATOR}{chosen}"
        if speaker not in self._signers:
            entry = self._operators.get(chosen)
            if entry is None or not _can_sign(entry):
                hint = f"there are: {', '.join(names)}" if names else self._operator_advice(chosen)
                raise UnknownName(f"no signing key for operator {chosen!r}", where="operators", hint=hint)
            self._signers[speaker] = _load(speaker, entry)
        return self._signers[speaker]

    def certificates(self) -> dict[str, x509.Certificate]:
        """Return the certificates of all agencies of this ring by key id (for RFC 9421 ``keyid``)."""
        return {key_id(leaf.public_key()): leaf for _, leaf in self._leaves(self._entries)}

    def trust(self) -> TrustStore:
        """Return the store of everything this ring believes.

        Raises :class:`Misconfigured` when nothing is configured to be trusted, and where one key is
        an agency's and an operator's.
        """
        # Development certificates are believed through their authority, not one by one.
        ours = self._home is not None
        agencies = [] if ours else self._leaves(self._entries)
        configured = {n: e for n, e in self._operators.items() if not (ours and _in_home(self._home, e))}
        operators = self._leaves(configured)
        authorities = [_authority(name, table) for name, table in self._authorities.items()]
        leaves = [leaf for _, leaf in (*agencies, *operators)]
        if not self._trust_paths and not leaves and not authorities:
            raise Misconfigured(
                "no trusted certificate is configured", where="keys", hint=self._advice("CODE")
            )
        found = [one for path in self._trust_paths for one in certificates_in(path)]
        names = {key_id(leaf.public_key()): agency for agency, leaf in agencies}
        roles = {key_id(leaf.public_key()): _role(name, configured[name]) for name, leaf in operators}
        for key in names.keys() & roles.keys():
            raise Misconfigured(
                f"one key is that of agency {names[key]!r} and of operator {roles[key].name!r}",
                where="operators",
                hint="give the operator a key of its own",
            )
        return TrustStore.of(
            [*found, *leaves],
            crls=[*self._crls, *(path for path in self._trust_paths if path.is_dir())],
            names=names,
            operators=roles,
            authorities=authorities,
        )

    def _leaves(self, entries: Mapping[str, Entry]) -> list[tuple[str, x509.Certificate]]:
        leaves = []
        for name, entry in entries.items():
            path = entry.get("certificate") or entry.get("pem")
            leaf = read_certificates(Path(path))[0] if path else _load(name, entry).certificate
            leaves.append((name, leaf))
        return leaves

    def _only_operator(self, names: tuple[str, ...]) -> str:
        """Return the one operator who may be meant, "" where there are several."""
        people = [name for name in names if name != SERVICE]
        if people:
            return people[0] if len(people) == 1 else ""
        can_make = self._home is not None and (self._home / "keys" / "ca-key.pem").is_file()
        return self._made_operator() if not names or (can_make and _login() != SERVICE) else SERVICE

    def _made_operator(self) -> str:
        """Make the key of a development home's first operator; raise `UnknownName` elsewhere."""
        name = _login()
        if self._home is None or not (self._home / "keys" / "ca-key.pem").is_file():
            raise UnknownName(
                "no operator has a signing key here", where="operators", hint=self._operator_advice(name)
            )
        from lienthong.signing.keys import create_operator_key

        made = create_operator_key(self._home, name)
        self._operators[name] = {"pem": str(made.key), "certificate": str(made.certificate)}
        return name

    def _advice(self, agency: str) -> str:
        if self._home is not None:
            return f"run: lienthong keys create --agency {agency}"
        return f'add to the configured keys: "{agency}": {{"pem": "<path>", "certificate": "<path>"}}'

    def _operator_advice(self, name: str) -> str:
        if self._home is not None:
            return f"run: lienthong keys create --operator {name}"
        return f'add to the configuration: [operators."{name}"] with pem and certificate, or pkcs12'

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


def check_operator(name: str) -> str:
    """Return an operator's name when it may name a folder; raise :class:`Misconfigured` when it may not."""
    if not AGENCY_CODE.fullmatch(name) or ".." in name:
        raise Misconfigured(
            f"{name[:80]!r} is not an operator's name",
            where="operators",
            hint="use letters, digits, dots, dashes and underscores, such as lan.nguyen",
        )
    return name


def _login() -> str:
    """Return the name of whoever runs this process, ``operator`` where it has none that serves."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = ""
    return name if AGENCY_CODE.fullmatch(name) and ".." not in name else "operator"


def _in_folder(keys: Path) -> dict[str, Entry]:
    folders = sorted(p for p in keys.glob("*") if (p / "key.pem").is_file() and AGENCY_CODE.fullmatch(p.name))
    return {p.name: {"pem": str(p / "key.pem"), "certificate": str(p / "cert.pem")} for p in folders}


def _in_home(home: Path | None, entry: Entry) -> bool:
    return home is not None and home / "keys" in Path(entry.get("pem", "")).parents


def _can_sign(entry: Entry) -> bool:
    return "pem" in entry or "pkcs12" in entry


def _check_entry(where: str, entry: Entry, fields: frozenset[str]) -> None:
    kinds = [kind for kind in ("pem", "pkcs12") if kind in entry]
    passwords = [kind for kind in ("password_file", "password_env") if kind in entry]
    unknown = sorted(set(entry) - fields)
    if unknown or len(kinds) > 1 or len(passwords) > 1 or not (kinds or "certificate" in entry):
        wrong = f"unknown field {unknown[0]!r}" if unknown else "fields missing or contradicting each other"
        raise Misconfigured(
            f"the key entry has {wrong}",
            where=where,
            hint='write {"pem": path, "certificate": path} or {"pkcs12": path, "password_file": path}',
        )
    if "acts" in entry:
        check_patterns(where, "acts", entry["acts"])


def _check_table(name: str, table: object) -> None:
    where = f"trust.{name}"
    wrong = sorted(set(table) - _GIVEN) if isinstance(table, Mapping) else ["?"]
    if not isinstance(table, Mapping) or wrong or not table.get("certificates"):
        raise Misconfigured(
            f"the authority has {f'an unknown field {wrong[0]!r}' if wrong else 'no certificates'}",
            where=where,
            hint='write certificates = ["authority.pem"] and agencies = ["H21", "H21.*"]',
        )
    for field in table:
        check_patterns(where, field, table[field])


def check_patterns(where: str, field: str, value: object) -> None:
    """Raise :class:`Misconfigured` for what is no list of names and patterns (see `roles`)."""
    texts = list(value) if isinstance(value, list | tuple) else [None]
    if not all(
        isinstance(one, str) and (field == "certificates" or _PATTERN.fullmatch(one)) for one in texts
    ):
        raise Misconfigured(
            f"the field {field!r} is not a list of names",
            where=where,
            hint='give exact names, beginnings such as "H21.*", or "*" for all',
        )


def _authority(name: str, table: Mapping[str, Any]) -> Authority:
    certificates = tuple(
        one for path in table["certificates"] for one in certificates_in(Path(path).expanduser())
    )
    return Authority(name, certificates, tuple(table.get("agencies", ())), tuple(table.get("acts", ())))


def _role(name: str, entry: Entry) -> Role:
    return Role("operator", name, tuple(entry.get("acts", ALL)))


def _load(agency: str, entry: Entry) -> Signer:
    place = f"operators.{agency.removeprefix(OPERATOR)}" if agency.startswith(OPERATOR) else f"keys.{agency}"
    password = _password(place, entry)
    if "pkcs12" in entry:
        signer = LocalSigner.from_pkcs12(Path(entry["pkcs12"]), password, agency=agency)
    else:
        certificate = Path(entry["certificate"]) if "certificate" in entry else None
        signer = LocalSigner.from_pem(
            Path(entry["pem"]), agency=agency, certificate=certificate, password=password
        )
    return signer.with_algorithm(entry["algorithm"]) if "algorithm" in entry else signer


def _password(where: str, entry: Entry) -> bytes | None:
    if "password_env" in entry:
        value = os.environ.get(entry["password_env"])
        if value is None:
            raise Misconfigured(
                f"the environment variable {entry['password_env']} is not set",
                where=where,
                hint="set it to the password of the key",
            )
        return value.encode()
    if "password_file" in entry:
        return read_private(Path(entry["password_file"]), "the password file").rstrip(b"\r\n")
    return None
