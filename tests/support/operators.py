"""An operator's key for tests, issued by the development authority of a home."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lienthong.signing import Signer
from lienthong.signing.signers import LocalSigner, load_private_key, read_certificates


def operator_signer(home: Path, name: str = "hoa", acts: Sequence[str] = ()) -> Signer:
    """Return the signer of an operator whose certificate names these acts (none: every act)."""
    authority, issuer = (
        read_certificates(home / "keys" / "ca.pem")[0],
        load_private_key(home / "keys" / "ca-key.pem"),
    )
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    uris = [f"urn:lienthong:operator:{name}", *(f"urn:lienthong:act:{act}" for act in acts)]
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(issuer, hashes.SHA256())
    )  # type: ignore[arg-type]  # P-256 and RSA keys sign certificates
    return LocalSigner(key, agency=f"operator:{name}", certificate=certificate)
