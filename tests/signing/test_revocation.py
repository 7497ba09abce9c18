"""Revocation lists: whose they are, what they cover, and what is said where nobody knows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from chains import NOW, Node, Province, dn, key, node, revoked
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import TrustStore
from lienthong.signing.trust import read_crls

DAY = timedelta(days=1)
Crl = x509.CertificateRevocationList


@pytest.fixture(scope="module")
def root() -> Node:
    return node("CN=Root", ca=True, age=400, days=400)


@pytest.fixture(scope="module")
def leaf(root: Node) -> Node:
    return root.agency("H21", age=300, days=200)


def refused(store: TrustStore, leaf: Node, days_ago: float = 0, others: tuple[Node, ...] = ()) -> bool:
    try:
        store.check(leaf.certificate, [one.certificate for one in others], NOW - days_ago * DAY)
    except SignatureInvalid as error:
        assert error.details["reason"] == "revoked"  # noqa: PT017 - the same for every test
        return True
    return False


def codes(store: TrustStore, leaf: Node, days_ago: float = 0) -> list[str]:
    """Return the notices of the leaf's path at a moment."""
    at = NOW - days_ago * DAY
    return [one.code for one in store.revocation_notices(at, store.path(leaf.certificate, at=at))]


def test_a_revocation_counts_from_its_moment(root: Node, leaf: Node) -> None:
    store = TrustStore([root.certificate], crls=[root.crl(revoked(leaf.certificate, days_ago=5))])
    for _ in range(2):  # what was remembered of the path does not hide it
        assert not refused(store, leaf, 6)
        assert refused(store, leaf, 5)
        assert refused(store, leaf)
    assert not refused(store, root.agency("H22"))


def test_a_key_known_to_be_lost_earlier_is_not_believed_from_then(root: Node, leaf: Node) -> None:
    """RFC 5280 section 5.3.2: with the invalidity date a statement cannot be back-dated behind the loss."""
    entry = revoked(leaf.certificate, days_ago=5, invalid_days_ago=20)
    store = TrustStore([root.certificate], crls=[root.crl(entry)])
    assert refused(store, leaf, 10)
    assert not refused(store, leaf, 21)


def test_holds_and_what_lifts_them(root: Node, leaf: Node) -> None:
    held = root.crl(revoked(leaf.certificate, days_ago=9, reason=x509.ReasonFlags.certificate_hold), age=8)
    store = TrustStore([root.certificate], crls=[held])
    assert refused(store, leaf)
    with pytest.raises(SignatureInvalid, match="on hold"):
        store.check(leaf.certificate)
    for order in ([held, root.crl()], [root.crl(), held]):
        assert not refused(TrustStore([root.certificate], crls=order), leaf)
    removed = root.crl(revoked(leaf.certificate, reason=x509.ReasonFlags.remove_from_crl))
    assert not refused(TrustStore([root.certificate], crls=[removed]), leaf)


def test_only_the_right_issuer_revokes(root: Node, leaf: Node) -> None:
    """A list by another key, or by another trusted authority, says nothing about the certificate."""
    stranger = node("CN=Other", ca=True)
    entry = revoked(leaf.certificate)
    for crl in (
        root.crl(entry, secret=key()),
        stranger.crl(entry),
        stranger.crl(entry, issuer=root.name),
        root.crl(entry, issuer=stranger.name),
    ):
        store = TrustStore([root.certificate, stranger.certificate], crls=[crl])
        assert not refused(store, leaf)
        assert codes(store, leaf) == ["none"]


def test_a_renewed_authority_signs_its_lists_with_its_new_key() -> None:
    """Under one name: the trusted certificate of the new key revokes what the old key has issued."""
    old, new = Province().root(400, 100), Province().root(20, 900)
    leaf = old.agency("H21")
    crl = new.crl(revoked(leaf.certificate))
    assert refused(TrustStore([old.certificate, new.certificate], crls=[crl]), leaf)
    assert not refused(TrustStore([old.certificate], crls=[crl]), leaf)


def test_an_intermediate_is_revoked_by_the_root_and_a_pinned_leaf_by_its_authority(root: Node) -> None:
    middle = root.issue("CN=Middle", ca=True)
    leaf = middle.agency("H21")
    crl = root.crl(revoked(middle.certificate))
    assert refused(TrustStore([root.certificate], crls=[crl]), leaf, others=(middle,))
    # trusted as well, so that the path ends there: its own authority still speaks
    assert refused(TrustStore([root.certificate, middle.certificate], crls=[crl]), leaf)
    pinned = root.agency("H22")
    crl = root.crl(revoked(pinned.certificate))
    assert refused(TrustStore([root.certificate, pinned.certificate], crls=[crl]), pinned)


def test_another_path_is_taken_where_one_was_revoked(root: Node) -> None:
    """A cross-signed intermediate revoked by one authority is still believed through the other."""
    other, secret = node("CN=Other", ca=True), key()
    by_root, by_other = root.issue("CN=M", secret, ca=True), other.issue("CN=M", secret, ca=True)
    leaf = by_root.agency("H21")
    crl = root.crl(revoked(by_root.certificate))
    both = (by_root, by_other)
    store = TrustStore([root.certificate, other.certificate], crls=[crl])
    assert not refused(store, leaf, others=both)
    assert refused(TrustStore([root.certificate], crls=[crl]), leaf, others=both)


def test_a_stale_list_is_said_and_still_revokes(root: Node, leaf: Node) -> None:
    """739c95f took a list 200 days past its next update as if it were of today."""
    stale = root.crl(revoked(leaf.certificate, days_ago=250), age=230, life=30)
    other = root.agency("H22", age=300)
    store = TrustStore([root.certificate], crls=[stale])
    assert refused(store, leaf)
    assert not refused(store, other)
    assert codes(store, other) == ["stale"]
    assert codes(store, other, 210) == []  # good for its own time
    (notice,) = store.revocation_notices(NOW)
    assert notice.code == "stale"
    assert f"{NOW - 200 * DAY:%Y-%m-%d}" in notice.en
    assert "quá hạn" in notice.vi


def test_a_fresh_list_leaves_nothing_to_say(root: Node, leaf: Node) -> None:
    store = TrustStore([root.certificate], crls=[root.crl()])
    assert codes(store, leaf) == []
    assert codes(store, leaf, 100) == []
    assert store.revocation_notices(NOW) == []
    assert TrustStore([root.certificate]).revocation_notices(NOW)[0].code == "none"
    own = node("CN=Self")
    assert codes(TrustStore([own.certificate]), own) == []  # revoked by taking it out of the store
    assert codes(TrustStore([leaf.certificate]), leaf) == ["none"]


def test_a_list_made_after_the_certificate_expired_need_not_name_it(root: Node) -> None:
    leaf = root.agency("H21", age=300, days=-50)
    late = root.crl(age=1)
    assert codes(TrustStore([root.certificate], crls=[late]), leaf, 100) == ["late"]
    early = root.crl(age=60, life=20)
    assert codes(TrustStore([root.certificate], crls=[late, early]), leaf, 100) == []
    told = root.crl(revoked(leaf.certificate, days_ago=110), age=60)
    assert refused(TrustStore([root.certificate], crls=[late, told]), leaf, 100)


def _scope(**given: object) -> tuple[x509.IssuingDistributionPoint, bool]:
    fields = {
        **dict.fromkeys(("full_name", "relative_name", "only_some_reasons")),
        **dict.fromkeys(("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl"), False),
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**fields, **given}), True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([(x509.DeltaCRLIndicator(1), True)], "delta"),
        ([_scope(indirect_crl=True)], "indirect"),
        ([_scope(only_contains_attribute_certs=True)], "attribute"),
        ([_scope(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise]))], "single reasons"),
        ([(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True)], "1.2.3"),
    ],
)
def test_lists_of_other_kinds_are_refused_with_a_sentence(root: Node, extra: object, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        TrustStore([root.certificate], crls=[root.crl(extra=extra)])
    assert "'Root'" in str(caught.value)


def test_a_list_of_some_certificates_covers_those(root: Node) -> None:
    place = [x509.UniformResourceIdentifier("http://ca.vn/1.crl")]
    point = x509.CRLDistributionPoints([x509.DistributionPoint(place, None, None, None)])
    named, plain = root.agency("H21", extra=[(point, False)]), root.agency("H22")
    only = TrustStore([root.certificate], crls=[root.crl(extra=[_scope(full_name=place)])])
    assert codes(only, named) == []
    assert codes(only, plain) == ["scope"]
    authorities = TrustStore([root.certificate], crls=[root.crl(extra=[_scope(only_contains_ca_certs=True)])])
    assert codes(authorities, plain) == ["scope"]
    users = TrustStore([root.certificate], crls=[root.crl(extra=[_scope(only_contains_user_certs=True)])])
    assert codes(users, plain) == []


def test_a_signer_that_may_not_sign_lists_covers_nothing(root: Node) -> None:
    """Its word that a certificate is revoked is taken all the same."""
    weak = node("CN=Weak", ca=True, usage=("key_cert_sign",))
    leaf = weak.agency("H21")
    assert codes(TrustStore([weak.certificate], crls=[weak.crl()]), leaf) == ["scope"]
    assert refused(TrustStore([weak.certificate], crls=[weak.crl(revoked(leaf.certificate))]), leaf)


def test_lists_are_read_from_pem_der_and_folders(tmp_path: Path, root: Node, leaf: Node) -> None:
    crl, empty = root.crl(revoked(leaf.certificate)), node("CN=Other", ca=True).crl()
    (tmp_path / "a.crl").write_bytes(crl.public_bytes(Encoding.DER))
    (tmp_path / "b.crl").write_bytes(crl.public_bytes(Encoding.PEM) + empty.public_bytes(Encoding.PEM))
    assert [len(read_crls(tmp_path / name)) for name in ("a.crl", "b.crl")] == [1, 2]
    assert len(read_crls(tmp_path)) == 3
    root.pem(tmp_path / "root.pem")
    assert refused(TrustStore.from_pem([tmp_path]), leaf)  # *.crl beside the certificates
    assert refused(TrustStore.from_pem([tmp_path / "root.pem"], crls=[tmp_path / "a.crl"]), leaf)
    assert not refused(TrustStore.from_pem([tmp_path / "root.pem"]), leaf)
    (tmp_path / "broken.bin").write_bytes(b"nothing")
    for name in ("broken.bin", "missing.crl"):
        with pytest.raises(Misconfigured) as caught:
            read_crls(tmp_path / name)
        assert name in caught.value.where


def test_issuers_are_compared_as_names_are(root: Node) -> None:
    """PrintableString in the list, UTF8String in the certificate."""
    secret = key()
    authority = node(dn("O=Province CA"), secret, ca=True)
    leaf = authority.agency("H21")
    crl = authority.crl(revoked(leaf.certificate), issuer=dn("O=PROVINCE  CA", printable=True))
    assert refused(TrustStore([authority.certificate], crls=[crl]), leaf)
