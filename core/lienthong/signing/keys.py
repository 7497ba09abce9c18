"""Keys for development: an authority of our own, and a P-256 key and certificate per agency and operator.

Production keys come from a licensed certification authority and never from here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lienthong.errors import Misconfigured
from lienthong.signing._algorithms import PrivateKey, key_id
from lienthong.signing.keyring import OPERATORS, check_agency, check_operator
from lienthong.signing.roles import ACT_URN, AGENCY_URN, OPERATOR, OPERATOR_URN
from lienthong.signing.signers import LocalSigner, load_private_key, read_certificates

AUTHORITY_NAME: Final = "Liên Thông development CA - not for production"
"""Common name of the development authority."""

_AUTHORITY_DAYS: Final = 3650
_LEAF_DAYS: Final = 730
_SKEW: Final = timedelta(minutes=5)  # so that a peer whose clock is behind accepts a fresh certificate


@dataclass(frozen=True, slots=True)
class CreatedKeys:
    """Where the development keys of an agency or operator are, and whether they are new.

    ``agency`` is the agency's code, or ``operator:NAME``. ``created`` and ``authority_created`` are
    false when existing files were kept.
    """

    agency: str
    key: Path
    certificate: Path
    authority: Path
    key_id: str
    not_after: datetime
    created: bool
    authority_created: bool


def create_development_keys(home: Path, agency: str) -> CreatedKeys:
    """Create ``<home>/keys/<agency>/key.pem`` and ``cert.pem``, and ``<home>/keys/ca.pem`` once.

    Folders get mode 0700 and files 0600. Existing keys are kept. Two processes at the same time
    end with the same files. Raises :class:`Misconfigured` for a bad agency code, when a file
    cannot be written, or when existing files do not belong together.
    """
    if check_agency(agency) == OPERATORS:
        raise Misconfigured(
            f"{OPERATORS!r} is where operators' keys are", where="keys", hint="name an agency by its code"
        )
    return _create(Path(home) / "keys", agency, agency, [f"{AGENCY_URN}{agency}"])


def create_operator_key(home: Path, name: str, *, acts: Iterable[str] = ()) -> CreatedKeys:
    """Create ``<home>/keys/operators/<name>/key.pem`` and ``cert.pem``, for what a person does.

    The certificate names the operator and, where ``acts`` are given, the acts that it may sign
    (patterns such as ``quarantine.*``). Otherwise as `create_development_keys`.
    """
    uris = [f"{OPERATOR_URN}{check_operator(name)}", *(f"{ACT_URN}{act}" for act in acts)]
    return _create(Path(home) / "keys", f"{OPERATORS}/{name}", f"{OPERATOR}{name}", uris)


def _create(keys: Path, place: str, speaker: str, uris: Sequence[str]) -> CreatedKeys:
    folder = keys / place
    try:
        for directory in (keys, folder.parent, folder):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority_created = _create_authority(keys)
        created = _create_leaf(keys, folder, folder.name, uris)
    except OSError as error:
        raise Misconfigured(
            f"the keys cannot be written: {error.strerror}", where=str(keys), hint="check the folder's owner"
        ) from None
    signer = LocalSigner.from_pem(folder / "key.pem", agency=speaker, certificate=folder / "cert.pem")
    return CreatedKeys(
        agency=speaker,
        key=folder / "key.pem",
        certificate=folder / "cert.pem",
        authority=keys / "ca.pem",
        key_id=signer.key_id,
        not_after=signer.certificate.not_valid_after_utc,
        created=created,
        authority_created=authority_created,
    )


def _create_authority(keys: Path) -> bool:
    created = _create_key(keys / "ca-key.pem")
    if not (keys / "ca.pem").exists():
        key = load_private_key(keys / "ca-key.pem")
        name = _named(AUTHORITY_NAME)
        builder = _builder(name, name, key, _AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(authority=True), critical=True)
        _publish(keys / "ca.pem", _issue(builder, key))
    return created


def _create_leaf(keys: Path, folder: Path, name: str, uris: Sequence[str]) -> bool:
    created = _create_key(folder / "key.pem")
    if not (folder / "cert.pem").exists():
        key = load_private_key(folder / "key.pem")
        authority_key = load_private_key(keys / "ca-key.pem")
        authority = read_certificates(keys / "ca.pem")[0]
        builder = _builder(_named(name), authority.subject, key, _LEAF_DAYS)
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(authority=False), critical=True)
        builder = builder.add_extension(names, critical=False)
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        builder = builder.add_extension(issuer, critical=False)
        _publish(folder / "cert.pem", _issue(builder, authority_key))
    return created


def _create_key(path: Path) -> bool:
    if path.exists():
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    return _publish(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey, days: int) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - _SKEW
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=days))
    identifier = x509.SubjectKeyIdentifier(bytes.fromhex(key_id(key.public_key()))[:20])
    return builder.add_extension(identifier, critical=False)


def _issue(builder: x509.CertificateBuilder, key: PrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _publish(path: Path, content: bytes) -> bool:
    """Write a file of mode 0600 in one step; keep the file that is there, and say whether ours is new."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, this never replaces what another process wrote
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True
