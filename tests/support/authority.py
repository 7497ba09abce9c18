"""A certificate authority for tests of TLS: certificates with exactly the flaw that a test asks for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in PEM files."""

    certificate: Path
    key: Path
    leaf: x509.Certificate
    secret: Any

    def encrypted_key(self, password: str) -> Path:
        """Write the key again, encrypted."""
        return _write(self.key.with_suffix(".enc.pem"), _key(self.secret, password))

    def pkcs12(self, password: str, *others: x509.Certificate) -> Path:
        """Write certificate, key and further certificates as one PKCS#12 file."""
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        data = pkcs12.serialize_key_and_certificates(b"x", self.secret, self.leaf, others, encryption)
        return _write(self.key.with_suffix(".p12"), data)


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._secret = ec.generate_private_key(ec.SECP256R1())
        self.root = self._issue(name, self._secret, days=30, ca=True)
        self.file = _write(folder / f"{name}-ca.pem", self.root.public_bytes(Encoding.PEM))

    def issue(self, name: str, *, days: int = 10, address: str = "127.0.0.1") -> Issued:
        """Issue a certificate for an IP address or a host name; negative days: it expired then."""
        secret = ec.generate_private_key(ec.SECP256R1())
        leaf = self._issue(name, secret, days=days, address=address)
        certificate = _write(self.folder / f"{name}.pem", leaf.public_bytes(Encoding.PEM))
        return Issued(certificate, _write(self.folder / f"{name}-key.pem", _key(secret)), leaf, secret)

    def _issue(
        self, name: str, secret: Any, *, days: int, address: str = "", ca: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(_named(name)).issuer_name(_named(self.name))
        builder = builder.public_key(secret.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=20)).not_valid_after(
            now + timedelta(days=days, minutes=5)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        if address:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(address)]), critical=False)
        return builder.sign(self._secret, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _key(secret: Any, password: str = "") -> bytes:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path
