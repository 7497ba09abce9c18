"""Signers read from files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)

from lienthong.errors import Misconfigured
from lienthong.signing import LocalSigner, Signer

Make = Callable[..., x509.Certificate]
Save = Callable[..., Path]


def _files(folder: Path, key: Any, make: Make, save: Save, mode: int = 0o600) -> tuple[Path, Path]:
    certificate = folder / "cert.pem"
    certificate.write_bytes(make("A", key).public_bytes(Encoding.PEM))
    return save(folder / "key.pem", key, mode), certificate


def test_a_p256_key_signs_64_raw_bytes(
    tmp_path: Path, p256: Any, make_certificate: Make, save_key: Save
) -> None:
    key, certificate = _files(tmp_path, p256, make_certificate, save_key)
    signer = LocalSigner.from_pem(key, agency="A", certificate=certificate)
    assert isinstance(signer, Signer)
    assert (signer.algorithm, signer.agency, signer.chain) == ("ES256", "A", ())
    assert len(signer.key_id) == 64
    assert len(signer.sign(b"x")) == 64


def test_an_rsa_key_signs_pss_unless_a_protocol_demands_otherwise(rsa_signer: LocalSigner) -> None:
    assert rsa_signer.algorithm == "PS256"
    assert rsa_signer.with_algorithm("RS256").algorithm == "RS256"
    assert rsa_signer.algorithm == "PS256"
    for forbidden in ("ES256", "RS1", "none", "HS256"):
        with pytest.raises(Misconfigured):
            rsa_signer.with_algorithm(forbidden)


def test_the_key_leaks_neither_by_repr_nor_by_pickle(signer: Signer) -> None:
    assert "key_id" in repr(signer)
    assert "PRIVATE" not in repr(signer)
    with pytest.raises(TypeError, match="private key"):
        pickle.dumps(signer)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(
    tmp_path: Path, p256: Any, make_certificate: Make, save_key: Save, mode: int
) -> None:
    key, certificate = _files(tmp_path, p256, make_certificate, save_key, mode)
    with pytest.raises(Misconfigured, match="chmod 600"):
        LocalSigner.from_pem(key, agency="A", certificate=certificate)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (rsa.generate_private_key(65537, 1024), "1024 bits"),  # noqa: S505 - it is refused
        (ec.generate_private_key(ec.SECP384R1()), "secp384r1"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
    ],
)
def test_weak_and_foreign_keys_are_refused(
    tmp_path: Path, key: Any, sentence: str, make_certificate: Make, save_key: Save
) -> None:
    path, certificate = _files(tmp_path, key, make_certificate, save_key)
    with pytest.raises(Misconfigured, match=sentence):
        LocalSigner.from_pem(path, agency="A", certificate=certificate)


def test_an_ed25519_key_is_refused(tmp_path: Path, save_key: Save) -> None:
    path = save_key(tmp_path / "key.pem", ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(Misconfigured, match="Ed25519"):
        LocalSigner.from_pem(path, agency="A", certificate=path)


def test_a_certificate_of_another_key_is_refused(
    tmp_path: Path, p256: Any, make_certificate: Make, save_key: Save
) -> None:
    key, _ = _files(tmp_path, p256, make_certificate, save_key)
    other = tmp_path / "other.pem"
    stranger = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(make_certificate("B", stranger).public_bytes(Encoding.PEM))
    with pytest.raises(Misconfigured, match="does not belong"):
        LocalSigner.from_pem(key, agency="A", certificate=other)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"missing\.pem"):
        LocalSigner.from_pem(tmp_path / "missing.pem", agency="A")
    broken = tmp_path / "broken.pem"
    broken.write_text("no key")
    broken.chmod(0o600)
    with pytest.raises(Misconfigured, match="not a readable PEM"):
        LocalSigner.from_pem(broken, agency="A")


def test_an_encrypted_pem_needs_its_password(tmp_path: Path, p256: Any, make_certificate: Make) -> None:
    """Key and certificate may stand in one file."""
    path = tmp_path / "both.pem"
    secret = p256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    path.write_bytes(secret + make_certificate("A", p256).public_bytes(Encoding.PEM))
    path.chmod(0o600)
    assert LocalSigner.from_pem(path, agency="A", password=b"pw").sign(b"x")
    for password in (None, b"wrong"):
        with pytest.raises(Misconfigured, match="password"):
            LocalSigner.from_pem(path, agency="A", password=password)


def test_pkcs12_brings_certificate_and_chain(tmp_path: Path, rsa_key: Any, make_certificate: Make) -> None:
    path, authority = tmp_path / "k.p12", make_certificate("CA", rsa_key, ca=True)
    leaf = make_certificate("A", rsa_key)
    data = pkcs12.serialize_key_and_certificates(
        b"k", rsa_key, leaf, [authority], BestAvailableEncryption(b"pw")
    )
    path.write_bytes(data)
    path.chmod(0o600)
    signer = LocalSigner.from_pkcs12(path, "pw", agency="A")
    assert (signer.certificate, signer.chain) == (leaf, (authority,))
    with pytest.raises(Misconfigured, match="password is wrong"):
        LocalSigner.from_pkcs12(path, b"nope", agency="A")
