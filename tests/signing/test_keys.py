"""Development keys and the key ring."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from lienthong.errors import Misconfigured, UnknownName
from lienthong.signing import KeyRing, jws
from lienthong.signing.keys import AUTHORITY_NAME, create_development_keys
from lienthong.signing.signers import read_certificates


def test_keys_are_private_and_the_authority_names_itself(tmp_path: Path) -> None:
    created = create_development_keys(tmp_path, "H29.01")
    assert created.created
    assert created.authority_created
    for file in (tmp_path / "keys").rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600)
    authority = read_certificates(created.authority)[0]
    assert AUTHORITY_NAME in authority.subject.rfc4514_string()
    assert "not for production" in AUTHORITY_NAME
    assert {p.name for p in (tmp_path / "keys").iterdir()} == {"ca-key.pem", "ca.pem", "H29.01"}


def test_keys_are_made_once(tmp_path: Path) -> None:
    first = create_development_keys(tmp_path, "H29")
    again = create_development_keys(tmp_path, "H29")
    other = create_development_keys(tmp_path, "H30")
    assert (again.created, again.authority_created, again.key_id) == (False, False, first.key_id)
    assert (other.created, other.authority_created) == (True, False)


def test_a_run_that_died_between_key_and_certificate_is_completed(tmp_path: Path) -> None:
    first = create_development_keys(tmp_path, "H29")
    first.certificate.unlink()
    assert create_development_keys(tmp_path, "H29").key_id == first.key_id
    KeyRing.for_home(tmp_path).trust().check(KeyRing.for_home(tmp_path).signer("H29").certificate)


def test_two_at_once_end_with_the_same_files(tmp_path: Path) -> None:
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(create_development_keys(tmp_path, "H29").key_id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len(set(results)) == 1
    ring = KeyRing.for_home(tmp_path)
    ring.trust().check(ring.signer("H29").certificate)


@pytest.mark.parametrize("code", ["", "../x", "a/b", "a..b", ".hidden", "x" * 65, "a b", "a\n"])
def test_codes_that_are_no_folder_names_are_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(Misconfigured, match="not an agency code"):
        create_development_keys(tmp_path, code)
    assert not list(tmp_path.rglob("*.pem"))


def test_the_ring_says_how_to_make_a_missing_key(home: Path) -> None:
    ring = KeyRing.for_home(home)
    assert ring.agencies() == ("000.00.19.H29", "OTHER")
    with pytest.raises(UnknownName, match="lienthong keys create --agency NEW"):
        ring.signer("NEW")
    with pytest.raises(UnknownName, match=r'"NEW": \{"pem"'):
        KeyRing.from_config({}).signer("NEW")


def test_an_empty_home_is_an_empty_ring(tmp_path: Path) -> None:
    ring = KeyRing.for_home(tmp_path)
    assert ring.agencies() == ()
    with pytest.raises(Misconfigured, match="no trusted certificate"):
        ring.trust()


def test_a_configured_ring_reads_pem_pkcs12_and_partners(
    home: Path, tmp_path: Path, rsa_signer: Any, rsa_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partner without a private key is trusted and named, but cannot be signed for."""
    keys, p12 = home / "keys", tmp_path / "r.p12"
    p12.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"r", rsa_key, rsa_signer.certificate, None, BestAvailableEncryption(b"secret")
        )
    )
    p12.chmod(0o600)
    (tmp_path / "pw").write_text("secret\n")
    (tmp_path / "pw").chmod(0o600)
    ring = KeyRing.from_config(
        {
            "P": {"pem": f"{keys}/OTHER/key.pem", "certificate": f"{keys}/OTHER/cert.pem"},
            "R": {"pkcs12": str(p12), "password_file": str(tmp_path / "pw"), "algorithm": "RS256"},
            "E": {"pkcs12": str(p12), "password_env": "P12_PASSWORD"},
            "PARTNER": {"certificate": f"{keys}/000.00.19.H29/cert.pem"},
        }
    )
    assert ring.agencies() == ("E", "P", "R")
    assert ring.signer("R").algorithm == "RS256"
    with pytest.raises(Misconfigured, match="P12_PASSWORD is not set"):
        ring.signer("E")
    monkeypatch.setenv("P12_PASSWORD", "secret")
    assert ring.signer("E").algorithm == "PS256"
    with pytest.raises(UnknownName):
        ring.signer("PARTNER")
    assert len(ring.certificates()) == 3
    token = jws.sign(b"x", KeyRing.for_home(home).signer("000.00.19.H29"), typ="t")
    assert jws.verify(token, trust=ring.trust(), typ="t").agency == "PARTNER"


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"pem": "a", "pkcs12": "b"},
        {"password_env": "X"},
        {"pem": "a", "password_env": "X", "password_file": "y"},
        {"pem": "a", "passwort": "b"},
    ],
)
def test_malformed_entries_are_refused(entry: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match=r"keys\.A"):
        KeyRing.from_config({"A": entry})
