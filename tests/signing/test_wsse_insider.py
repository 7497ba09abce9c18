"""Messages of a trusted signer who breaks the rules: signed anew, so that only the rules can refuse."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from signing_clock import NOW

from lienthong.errors import SignatureInvalid
from lienthong.signing import Signer, TrustStore, wsse
from lienthong.signing._wsse.c14n import canonical
from lienthong.signing._wsse.names import DS, EXC_C14N, WSSE, WSU

ID = f"{{{WSU}}}Id"


def _reason(data: bytes, trust: TrustStore, **policy: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(data, trust=trust, policy=wsse.VerifyPolicy(**policy), at=NOW)
    return str(caught.value.details["reason"])


def _uri(value: str) -> Callable[[Any], None]:
    def change(p: Any) -> None:
        p.reference(p.body).set("URI", value)

    return change


def _drop(part: str) -> Callable[[Any], None]:
    def change(p: Any) -> None:
        reference = p.reference(getattr(p, part))
        p.signature[0].remove(reference)

    return change


def _twice(p: Any) -> None:
    p.signature[0].append(copy.deepcopy(p.reference(p.body)))


def _no_uri(p: Any) -> None:
    del p.reference(p.body).attrib["URI"]


def _transform(uri: str) -> Callable[[Any], None]:
    def change(p: Any) -> None:
        p.reference(p.body)[0][0].set("Algorithm", uri)

    return change


def _second_transform(p: Any) -> None:
    etree.SubElement(p.reference(p.body)[0], f"{{{DS}}}Transform", Algorithm=EXC_C14N)


def _no_transform(p: Any) -> None:
    reference = p.reference(p.body)
    reference.remove(reference[0])


def _xpath_filter(p: Any) -> None:
    transform = p.reference(p.body)[0][0]
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
    etree.SubElement(transform, f"{{{DS}}}XPath").text = "ancestor-or-self::*"


def _inner_element(p: Any) -> None:
    """A reference to the payload instead of the Body."""
    p.body[0].set(ID, "inner")
    p.reference(p.body).set("URI", "#inner")


def _wrapper_element(p: Any) -> None:
    etree.SubElement(etree.SubElement(p.header, "Wrapper"), "deep").set(ID, "deep")
    p.reference(p.body).set("URI", "#deep")


def _method(path: str, uri: str) -> Callable[[Any], None]:
    def change(p: Any) -> None:
        p.one(f"{{{DS}}}{path}").set("Algorithm", uri)

    return change


def _extra_in_signed_info(p: Any) -> None:
    etree.SubElement(p.signature[0], f"{{{DS}}}Object")


def _many_references(p: Any) -> None:
    for number in range(100):
        reference = copy.deepcopy(p.reference(p.body))
        reference.set("URI", f"#x{number}")
        p.signature[0].append(reference)


RULES: list[tuple[Callable[[Any], None], str]] = [
    (_uri(""), "empty-reference"),
    (_no_uri, "empty-reference"),
    (_uri("#"), "missing-id"),
    (_uri("http://example.vn/x"), "external-reference"),
    (_uri("cid:attachment"), "external-reference"),
    (_uri("file:///etc/passwd"), "external-reference"),
    (_uri("#xpointer(/)"), "xpath-reference"),
    (_uri("#xpointer(id('x'))"), "xpath-reference"),
    (_uri("#unknown"), "missing-id"),
    (_drop("body"), "uncovered"),
    (_drop("timestamp"), "uncovered"),
    (_drop("to"), "uncovered"),
    (_twice, "duplicate-reference"),
    (_inner_element, "missing-or-wrapping"),
    (_wrapper_element, "wrapping"),
    (_transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), "transform"),
    (_transform("http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), "transform"),
    (_transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature"), "transform"),
    (_transform("http://www.w3.org/TR/1999/REC-xslt-19991116"), "transform"),
    (
        _transform(
            "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"
        ),
        "transform",
    ),
    (_second_transform, "transform"),
    (_no_transform, "transform"),
    (_xpath_filter, "transform"),
    (
        _method("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "canonicalization",
    ),
    (_method("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"), "algorithm"),
    (_method("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), "algorithm"),
    (_method("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), "sha1"),
    (_method("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), "key"),
    (_method("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"), "sha1"),
    (_method("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"), "algorithm"),
    (_extra_in_signed_info, "signature-form"),
    (_many_references, "signature-form"),
]


@pytest.mark.parametrize(("change", "reason"), RULES)
def test_references_and_methods_outside_the_rules_are_refused_by_name(
    change: Callable[[Any], None], reason: str, parts: Any, signer: Signer, trust: TrustStore
) -> None:
    """Signed anew by the trusted signer, so that the signature value holds and only the rule refuses."""
    change(parts)
    parts.resign(signer)
    expected = {"missing-id", "wrapping"} if reason == "missing-or-wrapping" else {reason}
    assert _reason(parts.bytes(), trust) in expected


def test_coverage_of_timestamp_and_addressing_can_be_waived(
    parts: Any, signer: Signer, trust: TrustStore
) -> None:
    _drop("timestamp")(parts)
    _drop("to")(parts)
    parts.resign(signer)
    verified = wsse.verify(
        parts.bytes(),
        trust=trust,
        at=NOW,
        policy=wsse.VerifyPolicy(require_timestamp=False, require_addressing=False),
    )
    assert verified.created is None
    assert verified.headers == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p.one(f"{{{WSSE}}}Reference").set("URI", "#" + p.body.get(ID)), "key-info"),
        (lambda p: p.one(f"{{{WSSE}}}Reference").set("URI", "http://x"), "key-info"),
        (lambda p: p.header.append(p.one(f"{{{WSSE}}}BinarySecurityToken")), "key-info"),
        (lambda p: p.one(f"{{{WSSE}}}BinarySecurityToken").set("ValueType", "urn:other"), "key-info"),
        (lambda p: setattr(p.one(f"{{{WSSE}}}BinarySecurityToken"), "text", "AAAA"), "key-info"),
        (lambda p: setattr(p.one(f"{{{WSSE}}}BinarySecurityToken"), "text", "no base64!"), "key-info"),
        (lambda p: p.one(f"{{{DS}}}KeyInfo").clear(), "key-info"),
        (lambda p: p.signature.remove(p.one(f"{{{DS}}}KeyInfo")), "key-info"),
    ],
)
def test_an_insider_can_redirect_neither_key_info_nor_token(
    change: Any, reason: str, parts: Any, trust: TrustStore
) -> None:
    change(parts)
    assert _reason(parts.bytes(), trust) == reason


@pytest.mark.parametrize(
    ("created", "expires", "reason"),
    [
        ("2026-01-01", None, "timestamp"),
        ("2026-01-01T00:00:00", None, "timestamp"),
        ("2026-13-01T00:00:00Z", None, "timestamp"),
        ("", None, "timestamp"),
        ("2000-01-01T00:00:00Z", None, "stale"),
        ("2999-01-01T00:00:00Z", None, "future"),
        ("0001-01-01T00:00:00+14:00", None, "timestamp"),
        (None, "2000-01-01T00:00:00Z", "expired-timestamp"),
        (None, "soon", "timestamp"),
    ],
)
def test_signed_timestamps_are_read_strictly(
    created: str | None, expires: str | None, reason: str, parts: Any, signer: Signer, trust: TrustStore
) -> None:
    if created is not None:
        parts.timestamp[0].text = created
    if expires is not None:
        parts.timestamp[1].text = expires
    value = parts.reference(parts.timestamp).find(f"{{{DS}}}DigestValue")
    assert value is not None
    value.text = base64.b64encode(hashlib.sha256(canonical(parts.timestamp)).digest()).decode()
    parts.resign(signer)
    assert _reason(parts.bytes(), trust) == reason
