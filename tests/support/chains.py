"""Chains of certificates and revocation lists, with exactly the traits that a test asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
_BITS = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
Extra = Iterable[tuple[x509.ExtensionType, bool]]


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def dn(text: str, *, printable: bool = False) -> x509.Name:
    """Return a name such as ``C=VN/O=Tỉnh A/CN=H21``, in UTF8String or PrintableString."""
    oids = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
    oids |= {"CN": NameOID.COMMON_NAME, "E": NameOID.EMAIL_ADDRESS}
    parts = (part.split("=", 1) for part in text.split("/") if part)
    kind = _ASN1Type.PrintableString if printable else None
    return x509.Name([x509.NameAttribute(oids[name], value, kind) for name, value in parts])


@dataclass
class Node:
    """A certificate with its key: it issues others and signs revocation lists."""

    certificate: x509.Certificate
    secret: Any

    @property
    def name(self) -> x509.Name:
        return self.certificate.subject

    def issue(self, subject: str | x509.Name, secret: Any = None, **traits: Any) -> Node:
        """Issue a certificate below this one."""
        return node(subject, secret, issuer=self, **traits)

    def agency(self, code: str, secret: Any = None, **traits: Any) -> Node:
        """Issue an agency's certificate as our own development authority does."""
        uri = x509.UniformResourceIdentifier(f"urn:lienthong:agency:{code}")
        names = traits.pop("names", ())
        return self.issue(f"C=VN/O=Tinh A/CN={code}", secret, names=(uri, *names), **traits)

    def operator(self, name: str, secret: Any = None, *, acts: Iterable[str] = (), **traits: Any) -> Node:
        """Issue an operator's certificate."""
        uris = [f"urn:lienthong:operator:{name}", *(f"urn:lienthong:act:{act}" for act in acts)]
        names = tuple(map(x509.UniformResourceIdentifier, uris))
        return self.issue(f"CN={name}", secret, names=names, **traits)

    def crl(self, *revoked: x509.RevokedCertificate, **traits: Any) -> x509.CertificateRevocationList:
        """Sign a revocation list; ``age`` and ``life`` are in days, both may be below zero."""
        made = NOW - timedelta(days=traits.get("age", 1))
        builder = x509.CertificateRevocationListBuilder().issuer_name(traits.get("issuer", self.name))
        builder = builder.last_update(made).next_update(made + timedelta(days=traits.get("life", 30)))
        for one in revoked:
            builder = builder.add_revoked_certificate(one)
        for extension, critical in traits.get("extra", ()):
            builder = builder.add_extension(extension, critical)
        return builder.sign(traits.get("secret", self.secret), hashes.SHA256())

    def pem(self, path: Path) -> Path:
        """Write the certificate."""
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return path

    def key_pem(self, path: Path) -> Path:
        """Write the key."""
        path.write_bytes(self.secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        return path


def node(
    subject: str | x509.Name,
    secret: Any = None,
    *,
    issuer: Node | None = None,
    ca: bool = False,
    age: float = 10,
    days: float = 300,
    path_length: int | None = None,
    names: Iterable[x509.GeneralName] = (),
    extra: Extra = (),
    usage: tuple[str, ...] | None = None,
) -> Node:
    """Issue a certificate that is ``age`` days old and valid for ``days`` from now."""
    secret = secret or key()
    name = dn(subject) if isinstance(subject, str) else subject
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer.name if issuer else name)
    builder = builder.public_key(secret.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=age)).not_valid_after(NOW + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
    bits = usage or (("key_cert_sign", "crl_sign") if ca else ("digital_signature",))
    builder = builder.add_extension(x509.KeyUsage(**{bit: bit in bits for bit in _BITS}), True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    return Node(builder.sign(issuer.secret if issuer else secret, hashes.SHA256()), secret)


def revoked(
    certificate: x509.Certificate,
    *,
    days_ago: float = 1,
    reason: x509.ReasonFlags | None = None,
    invalid_days_ago: float | None = None,
) -> x509.RevokedCertificate:
    """Return an entry of a revocation list."""
    builder = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
    builder = builder.revocation_date(NOW - timedelta(days=days_ago))
    if reason is not None:
        builder = builder.add_extension(x509.CRLReason(reason), False)
    if invalid_days_ago is not None:
        builder = builder.add_extension(x509.InvalidityDate(NOW - timedelta(days=invalid_days_ago)), False)
    return builder.build()


@dataclass
class Province:
    """A root, and the same authority renewed under the same key and name."""

    secret: Any = field(default_factory=key)

    def root(self, age: float, days: float, **traits: Any) -> Node:
        return node("C=VN/O=Province CA", self.secret, ca=True, age=age, days=days, **traits)
