"""Paths: renewed and cross-signed authorities in any order of files, at the time of signing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from chains import NOW, Node, Province, dn, key, node
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from lienthong.errors import SignatureInvalid
from lienthong.signing import LocalSigner, TrustStore, http, jws, wsse

AGO = NOW - timedelta(days=100)


def reason(store: TrustStore, leaf: Node, others: tuple[Node, ...] = (), at: Any = None) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        store.check(leaf.certificate, [one.certificate for one in others], at)
    return str(caught.value.details["reason"])


def orders(*nodes: Node) -> Iterator[TrustStore]:
    for order in permutations(nodes):
        yield TrustStore([one.certificate for one in order])


def test_old_and_new_evidence_verify_under_a_renewed_authority_in_any_order() -> None:
    """739c95f took the first authority of the name: `[old, new]` refused what is signed today as expired."""
    province = Province()
    old, new = province.root(900, -20), province.root(40, 900)
    was, now = old.agency("H21", age=200, days=-50), new.agency("H21", age=10)
    for store in orders(old, new):
        store.check(was.certificate, at=AGO)
        store.check(now.certificate)
        store.check(was.certificate, at=AGO)  # also from what was remembered
        assert reason(store, was) == "expired"
        assert reason(store, now, at=AGO) == "not-yet-valid"


def test_a_leaf_that_outlives_its_authority_is_signed_for_by_the_renewed_one() -> None:
    province = Province()
    old, new = province.root(900, -20), province.root(40, 900)
    leaf = old.agency("H21", age=300)
    for store in orders(old, new):
        for at in (AGO, NOW - timedelta(days=30), NOW):
            store.check(leaf.certificate, at=at)
    assert reason(TrustStore([old.certificate]), leaf) == "expired"
    assert reason(TrustStore([new.certificate]), leaf, at=AGO) == "not-yet-valid"


def test_files_are_read_in_the_order_of_their_names_and_it_does_not_matter(tmp_path: Path) -> None:
    province = Province()
    old, new = province.root(900, -20), province.root(40, 900)
    leaf = new.agency("H21")
    for first, second in ((old, new), (new, old)):
        first.pem(tmp_path / "a.pem")
        second.pem(tmp_path / "b.pem")
        TrustStore.from_pem([tmp_path]).check(leaf.certificate)


def test_an_authority_with_a_new_key_under_its_old_name() -> None:
    """Both keys issue under one name; each certificate finds the key that signed it."""
    old, new = Province().root(900, 100), Province().root(10, 900)
    for store in orders(old, new):
        store.check(old.agency("H21").certificate)
        store.check(new.agency("H21").certificate)
        assert reason(store, Province().root(1, 1).agency("H21")) == "chain"


def test_a_cross_signed_authority_is_reached_by_either_way() -> None:
    """The message brings both certificates of the intermediate; only one leads to whom we trust."""
    one, other, middle = node("CN=One", ca=True), node("CN=Other", ca=True), key()
    by_one = one.issue("CN=Middle", middle, ca=True)
    by_other = other.issue("CN=Middle", middle, ca=True, days=-1)
    leaf = by_one.agency("H21")
    for order in permutations((by_one, by_other)):
        TrustStore([one.certificate]).check(leaf.certificate, [n.certificate for n in order])
        for store in orders(one, other):
            store.check(leaf.certificate, [n.certificate for n in order])
    assert reason(TrustStore([other.certificate]), leaf, (by_one, by_other)) == "expired"


def test_several_intermediates_of_one_name() -> None:
    """Strangers of the same name in the message neither hide the right one nor cost for ever."""
    root = node("CN=Root", ca=True)
    right = root.issue("CN=Middle", ca=True)
    strangers = [node("CN=Middle", ca=True) for _ in range(4)]
    leaf = right.agency("H21")
    store = TrustStore([root.certificate])
    for place in range(5):
        among = [*strangers[:place], right, *strangers[place:]]
        store.check(leaf.certificate, [one.certificate for one in among])
    assert reason(store, leaf, tuple(strangers)) == "chain"


def test_authorities_that_certify_each_other_end() -> None:
    a, b = key(), key()
    one, two = node("CN=A", a, ca=True), node("CN=B", b, ca=True)
    cross = [one.issue("CN=B", b, ca=True), two.issue("CN=A", a, ca=True)]
    leaf = one.agency("H21")
    assert reason(TrustStore([]), leaf, (*cross, one, two)) == "untrusted"
    TrustStore([two.certificate]).check(leaf.certificate, [c.certificate for c in cross])


def test_the_reason_is_that_of_the_path_that_came_furthest() -> None:
    """An expired old authority does not hide what is wrong on the way through the new one."""
    province = Province()
    old, new = province.root(900, -20), province.root(40, 900)
    for store in orders(old, new):
        leaf = new.issue("CN=H21", usage=("key_encipherment",))
        assert reason(store, leaf) == "key-usage"
        assert reason(store, new.issue("CN=Sub", ca=True)) == "key-usage"


def test_an_authority_that_changed_the_kind_of_string_of_its_name() -> None:
    """Names are compared by RFC 5280 section 7.1: case, blanks and the string's kind do not count."""
    secret = key()
    was = node(dn("C=VN/O=Province  CA", printable=True), secret, ca=True)
    now = node(dn("C=VN/O=province ca"), secret, ca=True)
    TrustStore([now.certificate]).check(was.agency("H21").certificate)
    other = node(dn("C=VN/O=Province CB"), secret, ca=True)
    assert reason(TrustStore([other.certificate]), was.agency("H21")) == "untrusted"


def test_what_only_the_library_knows_is_refused() -> None:
    """An authority with a key of another kind, an expired date within the last second, a path too deep."""
    from cryptography.hazmat.primitives.asymmetric import ed25519

    secret = ed25519.Ed25519PrivateKey.generate()
    name = dn("CN=Edwards")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(secret.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=1))
    builder = builder.not_valid_after(NOW + timedelta(days=1))
    root = builder.add_extension(x509.BasicConstraints(True, None), True).sign(secret, None)
    below = key()
    builder = x509.CertificateBuilder().subject_name(dn("CN=H21")).issuer_name(name)
    builder = (
        builder.public_key(below.public_key()).serial_number(2).not_valid_before(NOW - timedelta(days=1))
    )
    leaf = Node(builder.not_valid_after(NOW + timedelta(days=1)).sign(secret, None), below)
    assert reason(TrustStore([root]), leaf) == "weak"
    end = NOW + timedelta(days=300)
    store = TrustStore([(authority := node("CN=Root", ca=True, days=900)).certificate])
    leaf = authority.agency("H21")
    store.check(leaf.certificate, at=end)
    assert reason(store, leaf, at=end + timedelta(microseconds=1)) == "expired"
    chain = [authority]
    for depth in range(5):
        chain.append(chain[-1].issue(f"CN=M{depth}", ca=True))
    assert reason(store, chain[-1].agency("H21"), tuple(chain)) == "untrusted"
    store.check(chain[-2].agency("H21").certificate, [one.certificate for one in chain])


def test_purposes_of_other_kinds_of_certificates_do_not_sign() -> None:
    """A TLS server's or an OCSP responder's certificate of a trusted authority signs no evidence."""
    root = node("CN=Root", ca=True)
    store = TrustStore([root.certificate])
    oids = ExtendedKeyUsageOID
    for purposes, refused in (
        ([oids.SERVER_AUTH], True),
        ([oids.OCSP_SIGNING, oids.TIME_STAMPING], True),
        ([oids.SERVER_AUTH, oids.CLIENT_AUTH], False),
        ([oids.EMAIL_PROTECTION], False),
        ([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")], False),
        ([oids.ANY_EXTENDED_KEY_USAGE], False),
    ):
        leaf = root.agency("H21", extra=[(x509.ExtendedKeyUsage(purposes), True)])
        if refused:
            assert reason(store, leaf) == "key-usage"
            TrustStore([leaf.certificate]).check(leaf.certificate)  # pinned: somebody chose it
        else:
            store.check(leaf.certificate)


def test_a_weak_hash_or_key_anywhere_in_the_path_is_refused() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is refused
    root = node("CN=Root", ca=True)
    middle = root.issue("CN=Middle", weak, ca=True)
    assert reason(TrustStore([root.certificate]), middle.agency("H21"), (middle,)) == "weak"
    small = root.agency("H21", weak)
    assert reason(TrustStore([root.certificate]), small) == "weak"


def test_a_renewed_pinned_certificate_is_found_by_its_key_in_any_order() -> None:
    """HTTP signatures and WS-Security references name a key; 739c95f took the first, or refused both."""
    secret = key()
    ski = x509.SubjectKeyIdentifier.from_public_key(secret.public_key())
    old = node("CN=PARTNER", secret, age=900, days=-1, extra=[(ski, False)])
    new = node("CN=PARTNER", secret, age=5, extra=[(ski, False)])
    signer = LocalSigner(secret, agency="PARTNER", certificate=new.certificate)
    message = http.HttpMessage(status=200, headers={}, body=b"")
    headers = http.sign_message(message, signer, components=["@status"], created=int(NOW.timestamp()))
    signed = http.HttpMessage(status=200, headers=headers, body=b"")
    soap = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><a/></e:Body></e:Envelope>'
    )
    policy = wsse.SignPolicy(key_info="ski")
    envelope = wsse.sign(soap.encode(), signer, policy=policy)
    for store in orders(old, new):
        verified = http.verify_message(
            signed,
            trust_or_keys=store,
            policy=http.HttpSignaturePolicy(required=("@status",), max_age=864000),
        )
        assert verified.certificate == new.certificate
        assert wsse.verify(envelope, trust=store).certificate == new.certificate


def test_evidence_of_both_times_verifies_as_tokens() -> None:
    province = Province()
    old, new = province.root(900, -20), province.root(40, 900)
    tokens = []
    for authority, age, days, at in ((old, 200, -50, AGO), (new, 10, 300, NOW)):
        leaf = authority.agency("H21", age=age, days=days)
        signer = LocalSigner(leaf.secret, agency="H21", certificate=leaf.certificate)
        tokens.append((jws.sign(b"x", signer, typ="t"), at))
    for store in orders(old, new):
        for token, at in tokens:
            verified = jws.verify(token, trust=store, typ="t", at=at)
            assert verified.agency == "H21"
            assert len(verified.path) == 2


def test_nothing_that_is_said_names_a_person() -> None:
    """Also what the library says of a malformed name in a personal certificate."""
    name = "Nguyen Van A 079123456789"
    limited = x509.NameConstraints([x509.RFC822Name("agency.vn")], None)
    root = node("CN=Root", ca=True, extra=[(limited, True)])
    leaf = root.issue(f"CN={name}", names=[x509.RFC822Name("nguyen.a@mail.vn")])
    with pytest.raises(SignatureInvalid) as caught:
        TrustStore([root.certificate]).check(leaf.certificate)
    assert "guyen" not in str(caught.value)
    assert "0791" not in str(caught.value)


def test_hash_of_a_leaf_below_a_trusted_authority_must_not_be_broken() -> None:
    """SHA-1 under a certificate is refused whether or not this platform can still make one."""
    secret = ec.generate_private_key(ec.SECP256R1())
    root = node("CN=Root", secret, ca=True)
    builder = x509.CertificateBuilder().subject_name(dn("CN=H21")).issuer_name(root.name)
    builder = builder.public_key(key().public_key()).serial_number(7)
    builder = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    leaf = builder.sign(secret, hashes.SHA224())
    assert reason(TrustStore([root.certificate]), Node(leaf, None)) == "weak"
