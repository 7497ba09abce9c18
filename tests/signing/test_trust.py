"""Certificate checks: one test a flaw, each with its own sentence and reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import Signer, TrustStore
from lienthong.signing.trust import agency_of

Make = Callable[..., x509.Certificate]
CA = {"ca": True, "usage": "key_cert_sign"}


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _reason(store: TrustStore, certificate: x509.Certificate, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        store.check(certificate, *args, **kwargs)
    return str(caught.value.details["reason"])


def test_a_leaf_of_a_trusted_authority_and_a_pinned_leaf_are_accepted(make_certificate: Make) -> None:
    root, key = _key(), _key()
    authority = make_certificate("CA", root, **CA)
    leaf = make_certificate("A", key, issuer="CA", issuer_key=root)
    TrustStore([authority]).check(leaf)
    TrustStore([leaf]).check(leaf)


def test_intermediates_come_with_the_message_in_any_order(make_certificate: Make) -> None:
    root, middle, low, key = _key(), _key(), _key(), _key()
    authority = make_certificate("CA", root, **CA)
    first = make_certificate("M", middle, issuer="CA", issuer_key=root, **CA)
    second = make_certificate("L", low, issuer="M", issuer_key=middle, **CA)
    leaf = make_certificate("A", key, issuer="L", issuer_key=low)
    store = TrustStore([authority])
    store.check(leaf, (first, second))
    store.check(leaf, (second, first))
    assert _reason(store, leaf, (second,)) == "untrusted"


def test_an_unknown_issuer_is_refused(make_certificate: Make) -> None:
    root, key = _key(), _key()
    leaf = make_certificate("A", key, issuer="Stranger", issuer_key=root)
    assert _reason(TrustStore([make_certificate("CA", root, **CA)]), leaf) == "untrusted"
    assert _reason(TrustStore([]), make_certificate("Self", key)) == "untrusted"


def test_an_authority_of_the_same_name_with_another_key_is_refused(make_certificate: Make) -> None:
    leaf = make_certificate("A", _key(), issuer="CA", issuer_key=_key())
    assert _reason(TrustStore([make_certificate("CA", _key(), **CA)]), leaf) == "chain"


def test_validity_counts_at_the_time_of_signing(make_certificate: Make) -> None:
    """Evidence of last year stays good after the certificate expired."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    leaf = make_certificate("A", _key(), start=start, days=10)
    store = TrustStore([leaf])
    store.check(leaf, at=start + timedelta(days=5))
    assert _reason(store, leaf) == "expired"
    assert _reason(store, leaf, at=start + timedelta(days=11)) == "expired"
    assert _reason(store, leaf, at=start - timedelta(days=1)) == "not-yet-valid"
    store.check(leaf, at=start + timedelta(days=5))


def test_an_expired_authority_is_refused(make_certificate: Make) -> None:
    root = _key()
    authority = make_certificate("CA", root, start=datetime(2020, 1, 1, tzinfo=UTC), **CA)
    leaf = make_certificate("A", _key(), issuer="CA", issuer_key=root)
    assert _reason(TrustStore([authority]), leaf) == "expired"


def test_key_usage_must_allow_signatures(make_certificate: Make) -> None:
    leaf = make_certificate("A", _key(), usage="key_encipherment")
    assert _reason(TrustStore([leaf]), leaf) == "key-usage"
    good = make_certificate("A", _key(), usage="content_commitment")
    TrustStore([good]).check(good)
    silent = make_certificate("A", _key(), usage=None)
    TrustStore([silent]).check(silent)


def test_only_authorities_issue(make_certificate: Make) -> None:
    """A leaf, or a certificate silent about it, that issues another one is not an authority."""
    root = _key()
    leaf = make_certificate("A", _key(), issuer="I", issuer_key=root)
    for ca in (False, None):
        issuer = make_certificate("I", root, ca=ca, usage="key_cert_sign")
        assert _reason(TrustStore([issuer]), leaf) == "not-a-ca"
    issuer = make_certificate("I", root, ca=True, usage="digital_signature")
    assert _reason(TrustStore([issuer]), leaf) == "key-usage"


def test_a_leaf_cannot_be_slipped_in_as_intermediate(make_certificate: Make) -> None:
    """An agency's own certificate must not make further certificates believed."""
    root, agency = _key(), _key()
    authority = make_certificate("CA", root, **CA)
    own = make_certificate("A", agency, issuer="CA", issuer_key=root)
    forged = make_certificate("B", _key(), issuer="A", issuer_key=agency)
    assert _reason(TrustStore([authority]), forged, (own,)) == "not-a-ca"


def test_path_length_is_kept(make_certificate: Make) -> None:
    root, middle = _key(), _key()
    authority = make_certificate("CA", root, path_length=0, **CA)
    between = make_certificate("M", middle, issuer="CA", issuer_key=root, **CA)
    leaf = make_certificate("A", _key(), issuer="M", issuer_key=middle)
    assert _reason(TrustStore([authority]), leaf, (between,)) == "chain"


def test_an_authority_does_not_sign_messages(make_certificate: Make) -> None:
    root, middle = _key(), _key()
    authority = make_certificate("CA", root, **CA)
    between = make_certificate("M", middle, issuer="CA", issuer_key=root, ca=True, usage=None)
    assert _reason(TrustStore([authority]), between) == "key-usage"


def test_unknown_critical_extensions_and_weak_keys_are_refused(make_certificate: Make) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    leaf = make_certificate("A", _key(), extra=((odd, True),))
    assert _reason(TrustStore([leaf]), leaf) == "critical-extension"
    passed = make_certificate("A", _key(), extra=((odd, False),))
    TrustStore([passed]).check(passed)
    weak = make_certificate("A", rsa.generate_private_key(65537, 1024))  # noqa: S505 - it is refused
    assert _reason(TrustStore([weak]), weak) == "weak"


def test_a_revocation_list_counts_from_its_date(make_certificate: Make) -> None:
    """Evidence from before the revocation stays good, what came after does not."""
    root = _key()
    authority = make_certificate("CA", root, **CA)
    leaf = make_certificate("A", _key(), issuer="CA", issuer_key=root)
    revoked, now = datetime.now(UTC) - timedelta(minutes=10), datetime.now(UTC)
    entry = (
        x509.RevokedCertificateBuilder().serial_number(leaf.serial_number).revocation_date(revoked).build()
    )
    crl = x509.CertificateRevocationListBuilder().issuer_name(authority.subject).last_update(now)
    crl = crl.next_update(now + timedelta(days=1)).add_revoked_certificate(entry)
    store = TrustStore([authority], crls=[crl.sign(root, hashes.SHA256())])
    store.check(leaf, at=now - timedelta(minutes=20))
    assert _reason(store, leaf) == "revoked"
    forged = TrustStore([authority], crls=[crl.sign(_key(), hashes.SHA256())])
    forged.check(leaf)


def test_a_loop_of_issuers_ends(make_certificate: Make) -> None:
    """Two authorities that certify each other do not hang the check."""
    a, b = _key(), _key()
    one = make_certificate("A", a, issuer="B", issuer_key=b, **CA)
    two = make_certificate("B", b, issuer="A", issuer_key=a, **CA)
    leaf = make_certificate("X", _key(), issuer="A", issuer_key=a)
    assert _reason(TrustStore([]), leaf, (one, two)) == "untrusted"


def test_messages_do_not_carry_the_subject(make_certificate: Make) -> None:
    """Personal certificates hold names and identity numbers, which do not belong in logs."""
    leaf = make_certificate("Nguyễn Văn A 079123456789", _key(), days=0.01)
    with pytest.raises(SignatureInvalid) as caught:
        TrustStore([leaf]).check(leaf)
    assert "Nguyễn" not in str(caught.value)


def test_files_and_folders(tmp_path: Path, make_certificate: Make) -> None:
    first, second = make_certificate("A", _key()), make_certificate("B", _key())
    (tmp_path / "a.pem").write_bytes(first.public_bytes(Encoding.PEM))
    (tmp_path / "b.crt").write_bytes(second.public_bytes(Encoding.PEM))
    (tmp_path / "notes.txt").write_text("not a certificate")
    store = TrustStore.from_pem([tmp_path])
    assert set(store.certificates) == {first, second}
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(Misconfigured):
            TrustStore.from_pem([path])


def test_the_agency_is_named_by_store_then_urn_then_common_name(
    make_certificate: Make, signer: Signer
) -> None:
    leaf = make_certificate("Sở Tư pháp", _key())
    assert agency_of(leaf) == "Sở Tư pháp"
    assert agency_of(signer.certificate) == signer.agency
    store = TrustStore([signer.certificate], names={signer.key_id: "RENAMED"})
    assert store.agency_of(signer.certificate) == "RENAMED"
    assert store.find(signer.key_id) == signer.certificate
    assert store.find("00") is None
