"""A throw-away authority for tests, and what its servers can be wrong about."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, GeneralName, Name

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """An authority that lives in a folder: ``ca_file`` is what clients trust."""

    folder: Path

    @property
    def ca_file(self) -> str:
        """The authority's certificate (PEM)."""
        self.context("good")
        return str(self.folder / "ca.pem")

    def context(self, kind: str) -> ssl.SSLContext:
        """Return a server's context whose certificate is ``good`` or wrong in the way that it says.

        Kinds: good, other-name, expired, not-yet-valid, unknown-issuer.
        """
        return _context(self.folder, kind)


@cache
def _authority(folder: Path) -> tuple[EllipticCurvePrivateKey, Certificate]:
    key, certificate = _issue("Liên Thông test authority", None, -_HOUR, _DAY)
    (folder / "ca.pem").write_bytes(_pem(certificate))
    return key, certificate


@cache
def _context(folder: Path, kind: str) -> ssl.SSLContext:
    issuer = _authority(folder)
    begin, end = {"expired": (-3 * _DAY, -_DAY), "not-yet-valid": (_DAY, 3 * _DAY)}.get(kind, (-_HOUR, _DAY))
    name = "other.example.gov.vn" if kind == "other-name" else "127.0.0.1"
    if kind == "unknown-issuer":
        issuer = _issue("Nobody knows this authority", None, -_HOUR, _DAY)
    key, certificate = _issue(name, issuer, begin, end)
    file = folder / f"{kind}.pem"
    file.write_bytes(_pem(certificate) + _private(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _issue(
    name: str, issuer: tuple[EllipticCurvePrivateKey, Certificate] | None, begin: timedelta, end: timedelta
) -> tuple[EllipticCurvePrivateKey, Certificate]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject: Name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin)
        .not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


def _general(name: str) -> GeneralName:
    from cryptography import x509

    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _private(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
