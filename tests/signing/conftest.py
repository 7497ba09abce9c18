"""Keys, certificates and messages that the signing tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from envelope_attacks import Parts
from signing_clock import NOW

from lienthong.signing import KeyRing, LocalSigner, Signer, TrustStore
from lienthong.signing.keys import create_development_keys
from lienthong.signing.signers import read_certificates

FIXTURES = Path(__file__).parent / "fixtures"
AGENCY = "000.00.19.H29"


def new_certificate(
    subject: str,
    key: Any,
    *,
    issuer: str | None = None,
    issuer_key: Any = None,
    ca: bool | None = False,
    path_length: int | None = None,
    usage: str | None = "digital_signature",
    start: datetime | None = None,
    days: float = 30,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    digest: hashes.HashAlgorithm | None = None,
) -> x509.Certificate:
    """Issue a certificate with exactly the flaws that a test asks for."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    begin = start or datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer or subject))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=days))
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
    if usage is not None:
        names = [
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ]
        builder = builder.add_extension(x509.KeyUsage(**{n: n == usage for n in names}), True)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key or key, digest or hashes.SHA256())


def write_key(path: Path, key: Any, mode: int = 0o600) -> Path:
    """Write a PEM private key with the given mode."""
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(mode)
    return path


@pytest.fixture(scope="session")
def make_certificate() -> Callable[..., x509.Certificate]:
    return new_certificate


@pytest.fixture(scope="session")
def save_key() -> Callable[..., Path]:
    return write_key


@pytest.fixture(scope="session")
def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        # modules take their moment when they are collected, which may be long before keys are made
        patch.setattr("lienthong.signing.keys._SKEW", timedelta(minutes=50))
        create_development_keys(path, AGENCY)
        create_development_keys(path, "OTHER")
    return path


@pytest.fixture(scope="session")
def ring(home: Path) -> KeyRing:
    return KeyRing.for_home(home)


@pytest.fixture(scope="session")
def signer(ring: KeyRing) -> Signer:
    return ring.signer(AGENCY)


@pytest.fixture(scope="session")
def trust(ring: KeyRing) -> TrustStore:
    return ring.trust()


@pytest.fixture(scope="session")
def rsa_signer(rsa_key: rsa.RSAPrivateKey) -> LocalSigner:
    return LocalSigner(rsa_key, agency="RSA", certificate=new_certificate("RSA", rsa_key))


@pytest.fixture(scope="session")
def rsa_trust(rsa_signer: LocalSigner) -> TrustStore:
    return TrustStore([rsa_signer.certificate])


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return FIXTURES


@pytest.fixture(scope="session")
def partners() -> dict[str, x509.Certificate]:
    """The certificates of those who signed the stored fixtures with other libraries."""
    return {p.stem: read_certificates(p)[0] for p in sorted((FIXTURES / "keys").glob("*.pem"))}


@pytest.fixture(scope="session")
def partner_trust(partners: dict[str, x509.Certificate]) -> TrustStore:
    return TrustStore(partners.values())


@pytest.fixture
def parts(signer: Signer) -> Parts:
    """A signed payment order, taken apart."""
    return Parts(signer, NOW)
