"""Name constraints over a built path (RFC 5280 section 4.2.1.10): satisfied and violated, critical or not."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from chains import Node, dn, node
from cryptography import x509

from lienthong.errors import SignatureInvalid
from lienthong.signing import TrustStore

SUBJECT = "C=VN/O=Tinh A/CN=H21"


def directory(text: str) -> x509.DirectoryName:
    return x509.DirectoryName(dn(text))


def check(root: Node, leaf: Node, *others: Node) -> str:
    """Return the reason of a refusal, empty where the leaf is believed."""
    try:
        TrustStore([root.certificate]).check(leaf.certificate, [one.certificate for one in others])
    except SignatureInvalid as error:
        return str(error.details["reason"])
    return ""


def limited(permitted: Any = None, excluded: Any = None, *, critical: bool = True) -> Node:
    constraints = x509.NameConstraints(permitted, excluded)
    return node("C=VN/O=Root", ca=True, extra=[(constraints, critical)])


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize(
    ("permitted", "excluded", "holds"),
    [
        ("C=VN/O=Tinh A", None, True),
        ("C=VN", None, True),
        ("C=vn/O=  tinh   a ", None, True),
        (SUBJECT, None, True),
        ("C=VN/O=Tinh B", None, False),
        ("O=Tinh A", None, False),
        ("C=VN/O=Tinh", None, False),
        (f"{SUBJECT}/OU=x", None, False),
        (None, "C=VN/O=Tinh A", False),
        (None, "C=VN/O=TINH A", False),
        (None, "C=VN/O=Tinh B", True),
        ("C=VN", "C=VN/O=Tinh A", False),
        ("C=VN", "C=VN/O=Tinh B", True),
    ],
)
def test_directory_names(permitted: str | None, excluded: str | None, holds: bool, critical: bool) -> None:
    """The library refuses critical ones always, and lets a subject pass that violates others."""
    root = limited(
        [directory(permitted)] if permitted else None,
        [directory(excluded)] if excluded else None,
        critical=critical,
    )
    reason = "" if holds else "name-constraints"
    assert check(root, root.agency("H21")) == reason
    middle = node("C=VN/O=Tinh A/CN=Middle", issuer=root, ca=True)
    if holds and permitted != SUBJECT:
        assert check(root, middle.agency("H21"), middle) == ""
    elif not holds:
        assert check(root, middle.agency("H21"), middle) == "name-constraints"


@pytest.mark.parametrize("critical", [True, False])
def test_an_intermediate_is_held_to_its_constraints(critical: bool) -> None:
    """An authority for one organisation, below a root without limits, certifies no other one."""
    root = node("C=VN/O=Root", ca=True)
    constraints = x509.NameConstraints([directory("C=VN/O=Tinh A")], None)
    middle = root.issue("C=VN/O=Sub CA", ca=True, extra=[(constraints, critical)])
    assert check(root, middle.agency("H21"), middle) == ""
    assert check(root, middle.issue("C=VN/O=Tinh B/CN=H22"), middle) == "name-constraints"


def test_two_authorities_of_one_name_one_of_them_limited() -> None:
    """The path through the limited certificate does not hold; that through the renewed one does."""
    was = limited([directory("C=VN/O=Tinh B")])
    now = node("C=VN/O=Root", was.secret, ca=True)
    leaf = was.agency("H21")
    for order in ([was, now], [now, was]):
        TrustStore([one.certificate for one in order]).check(leaf.certificate)
    assert check(was, leaf) == "name-constraints"


@pytest.mark.parametrize("critical", [True, False])
def test_alternative_directory_names_count_too(critical: bool) -> None:
    root = limited([directory("C=VN/O=Tinh A")], critical=critical)
    assert check(root, root.issue(SUBJECT, names=[directory("C=VN/O=Tinh A/OU=B")])) == ""
    assert check(root, root.issue(SUBJECT, names=[directory("C=VN/O=Tinh B")])) == "name-constraints"


def test_self_issued_intermediates_are_passed_over_and_others_are_not() -> None:
    """RFC 5280 section 6.1.3 (b): an authority's own renewal need not be among its subordinates."""
    root = limited([directory("C=VN/O=Tinh A")])
    renewed = node("C=VN/O=Root", issuer=root, ca=True)
    assert check(root, renewed.agency("H21"), renewed) == ""
    other = node("C=VN/O=Tinh B", issuer=root, ca=True)
    assert check(root, other.agency("H21"), other) == "name-constraints"


def _mail(text: str) -> x509.GeneralName:
    return x509.RFC822Name(text)


def _ip(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_network(text) if "/" in text else ipaddress.ip_address(text))


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize(
    ("base", "inside", "outside"),
    [
        (x509.DNSName("agency.vn"), x509.DNSName("a.agency.vn"), x509.DNSName("a.other.vn")),
        (x509.DNSName("agency.vn"), x509.DNSName("agency.vn"), x509.DNSName("notagency.vn")),
        (_ip("10.0.0.0/8"), _ip("10.1.2.3"), _ip("11.1.2.3")),
        (_ip("2001:db8::/32"), _ip("2001:db8::1"), _ip("10.1.2.3")),
        (_mail("agency.vn"), _mail("a@agency.vn"), _mail("a@sub.agency.vn")),
        (_mail(".agency.vn"), _mail("a@sub.agency.vn"), _mail("a@agency.vn")),
        (_mail("a@agency.vn"), _mail("a@agency.vn"), _mail("b@agency.vn")),
    ],
)
def test_other_forms(base: Any, inside: Any, outside: Any, beside: bool) -> None:
    """By the library, and by us where a directory name stands beside them and the library gives up."""
    more = [directory("C=VN")] if beside else []
    root = limited([base, *more])
    assert check(root, root.issue(SUBJECT, names=[inside])) == ""
    assert check(root, root.issue(SUBJECT, names=[inside, outside])) == "name-constraints"
    root = limited(None, [base, *([directory("C=LA")] if beside else [])])
    assert check(root, root.issue(SUBJECT, names=[outside])) == ""
    assert check(root, root.issue(SUBJECT, names=[outside, inside])) == "name-constraints"


@pytest.mark.parametrize("beside", [False, True])
def test_uris_are_refused_where_they_are_limited(beside: bool) -> None:
    """A URN has no host, which RFC 5280 has refused under any constraint on URIs."""
    root = limited([x509.UniformResourceIdentifier("agency.vn"), *([directory("C=VN")] if beside else [])])
    assert check(root, root.agency("H21")) == "name-constraints"
    assert check(root, root.issue(SUBJECT)) == ""


def test_a_mailbox_in_the_subject_counts_where_there_is_no_alternative_name() -> None:
    """RFC 5280 section 4.2.1.10; the library looks at alternative names only."""
    root = limited([x509.RFC822Name("agency.vn")])
    assert check(root, root.issue("CN=H21/E=a@agency.vn")) == ""
    assert check(root, root.issue("CN=H21/E=a@other.vn")) == "name-constraints"


def test_wildcards_are_excluded_where_they_reach_an_excluded_name() -> None:
    root = limited(None, [x509.DNSName("secret.agency.vn"), directory("C=LA")])
    assert check(root, root.issue(SUBJECT, names=[x509.DNSName("*.agency.vn")])) == "name-constraints"
    assert check(root, root.issue(SUBJECT, names=[x509.DNSName("*.other.vn")])) == ""
