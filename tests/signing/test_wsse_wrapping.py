"""Signature wrapping and every other way of making a signature say what was not signed."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree

from lienthong.errors import SignatureInvalid
from lienthong.signing import Signer, TrustStore, wsse
from lienthong.signing._wsse.c14n import canonical
from lienthong.signing._wsse.names import DS, EXC_C14N, SOAP11, SOAP12, WSSE, WSU

WSA = "http://www.w3.org/2005/08/addressing"
NOW = datetime.now(UTC)
ID = f"{{{WSU}}}Id"
SOURCE = (
    f'<s:Envelope xmlns:s="{SOAP11}" xmlns:a="{WSA}"><s:Header><a:To>urn:to</a:To></s:Header>'
    "<s:Body><pay xmlns='urn:q'>357000</pay></s:Body></s:Envelope>"
).encode()
Element = etree._Element


class Parts:
    """A signed envelope taken apart, for an attacker to put together again."""

    def __init__(self, signer: Signer) -> None:
        self.root = etree.fromstring(wsse.sign(SOURCE, signer, at=NOW))
        self.header, self.body = self.root[0], self.root[1]
        self.security = self.one(f"{{{WSSE}}}Security")
        self.signature = self.one(f"{{{DS}}}Signature")
        self.timestamp = self.one(f"{{{WSU}}}Timestamp")
        self.to = self.one(f"{{{WSA}}}To")

    def one(self, tag: str) -> Element:
        found = self.root.find(f".//{tag}")
        assert found is not None
        return found

    def forged(self, *, same_id: bool = False) -> Element:
        """Return a copy of the Body that pays one dong."""
        twin = copy.deepcopy(self.body)
        twin[0].text = "1"
        if not same_id:
            del twin.attrib[ID]
        return twin

    def references(self) -> list[Element]:
        return self.root.findall(f".//{{{DS}}}Reference")

    def reference(self, element: Element) -> Element:
        return next(one for one in self.references() if one.get("URI") == f"#{element.get(ID)}")

    def resign(self, signer: Signer) -> None:
        """Sign SignedInfo anew: an insider's message, which only the rules can refuse."""
        value = self.one(f"{{{DS}}}SignatureValue")
        value.text = base64.b64encode(signer.sign(canonical(self.signature[0]))).decode()

    def bytes(self) -> bytes:
        return etree.tostring(self.root)


def _reason(data: bytes, trust: TrustStore, **policy: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(data, trust=trust, policy=wsse.VerifyPolicy(**policy), at=NOW)
    return str(caught.value.details["reason"])


def _into_header(p: Parts) -> None:
    p.root.replace(p.body, p.forged())
    etree.SubElement(p.header, "Wrapper").append(p.body)


def _into_header_same_id(p: Parts) -> None:
    p.root.replace(p.body, p.forged(same_id=True))
    etree.SubElement(p.header, "Wrapper").append(p.body)


def _directly_into_header(p: Parts) -> None:
    p.root.replace(p.body, p.forged())
    p.header.append(p.body)


def _into_security(p: Parts) -> None:
    p.root.replace(p.body, p.forged())
    p.security.append(p.body)


def _into_signature_object(p: Parts) -> None:
    p.root.replace(p.body, p.forged())
    etree.SubElement(p.signature, f"{{{DS}}}Object").append(p.body)


def _into_forged_body(p: Parts) -> None:
    forged = p.forged()
    p.root.replace(p.body, forged)
    etree.SubElement(forged, "Wrapper").append(p.body)


def _forged_first(p: Parts) -> None:
    p.root.insert(1, p.forged())


def _forged_last(p: Parts) -> None:
    p.root.append(p.forged())


def _wrapper_below_root(p: Parts) -> None:
    p.root.replace(p.body, p.forged())
    etree.SubElement(p.root, "Wrapper").append(p.body)


def _other_soap_version(p: Parts) -> None:
    forged = etree.Element(f"{{{SOAP12}}}Body")
    forged.append(p.forged()[0])
    p.root.insert(1, forged)


def _body_of_no_namespace(p: Parts) -> None:
    forged = etree.Element("Body")
    forged.append(p.forged()[0])
    p.root.insert(1, forged)


def _outer_envelope(p: Parts) -> None:
    inner = p.root
    p.root = etree.Element(f"{{{SOAP11}}}Envelope")
    etree.SubElement(etree.SubElement(p.root, f"{{{SOAP11}}}Body"), "x").append(inner)


def _second_header(p: Parts) -> None:
    p.root.insert(0, etree.Element(f"{{{SOAP11}}}Header"))


def _second_security(p: Parts) -> None:
    etree.SubElement(p.header, f"{{{WSSE}}}Security").set(f"{{{SOAP11}}}actor", "next")


def _second_signature(p: Parts) -> None:
    p.security.append(copy.deepcopy(p.signature))


def _second_signature_elsewhere(p: Parts) -> None:
    etree.SubElement(p.header, "Wrapper").append(copy.deepcopy(p.signature))


def _signature_elsewhere(p: Parts) -> None:
    p.header.append(p.signature)


def _no_signature(p: Parts) -> None:
    p.security.remove(p.signature)


def _no_security(p: Parts) -> None:
    p.header.remove(p.security)


def _security_in_wrapper(p: Parts) -> None:
    etree.SubElement(p.header, "Wrapper").append(p.security)


def _no_header(p: Parts) -> None:
    p.root.remove(p.header)


def _no_body(p: Parts) -> None:
    p.root.remove(p.body)


def _wrapped_timestamp(p: Parts) -> None:
    forged = copy.deepcopy(p.timestamp)
    del forged.attrib[ID]
    p.security.replace(p.timestamp, forged)
    etree.SubElement(p.header, "Wrapper").append(p.timestamp)


def _moved_timestamp(p: Parts) -> None:
    p.header.append(p.timestamp)


def _wrapped_addressing(p: Parts) -> None:
    forged = copy.deepcopy(p.to)
    del forged.attrib[ID]
    forged.text = "urn:evil"
    p.header.replace(p.to, forged)
    etree.SubElement(p.header, "Wrapper").append(p.to)


def _second_addressing(p: Parts) -> None:
    forged = copy.deepcopy(p.to)
    del forged.attrib[ID]
    p.header.append(forged)


def _duplicate(name: str) -> Callable[[Parts], None]:
    def attack(p: Parts) -> None:
        etree.SubElement(p.header, "Extra").set(name, str(p.body.get(ID)))

    return attack


def _duplicate_in_body(name: str) -> Callable[[Parts], None]:
    def attack(p: Parts) -> None:
        p.body[0].set(name, str(p.body.get(ID)))

    return attack


def _two_ids_of_the_envelope(p: Parts) -> None:
    for _ in range(2):
        etree.SubElement(p.header, "Extra").set("Id", "twice")


def _id_removed(p: Parts) -> None:
    del p.body.attrib[ID]


def _doctype(p: Parts) -> None:
    p.bytes = lambda: b"<!DOCTYPE x>" + etree.tostring(p.root)  # type: ignore[method-assign]


def _trailing_element(p: Parts) -> None:
    etree.SubElement(p.root, "trailer")


ATTACKS: list[tuple[Callable[[Parts], None], str]] = [
    (_into_header, "several-bodies"),
    (_into_header_same_id, "several-bodies"),
    (_directly_into_header, "several-bodies"),
    (_into_security, "several-bodies"),
    (_into_signature_object, "several-bodies"),
    (_into_forged_body, "several-bodies"),
    (_forged_first, "several-bodies"),
    (_forged_last, "several-bodies"),
    (_wrapper_below_root, "several-bodies"),
    (_other_soap_version, "several-bodies"),
    (_body_of_no_namespace, "structure"),
    (_outer_envelope, "several-bodies"),
    (_second_header, "several-headers"),
    (_second_security, "several-security"),
    (_second_signature, "several-signatures"),
    (_second_signature_elsewhere, "several-signatures"),
    (_signature_elsewhere, "no-signature"),
    (_no_signature, "no-signature"),
    (_no_security, "no-security"),
    (_security_in_wrapper, "no-security"),
    (_no_header, "no-security"),
    (_no_body, "no-body"),
    (_wrapped_timestamp, "several-timestamps"),
    (_moved_timestamp, "several-timestamps"),
    (_wrapped_addressing, "wrapping"),
    (_second_addressing, "uncovered"),
    (_duplicate(ID), "duplicate-id"),
    (_duplicate("Id"), "duplicate-id"),
    (_duplicate("ID"), "duplicate-id"),
    (_duplicate("id"), "duplicate-id"),
    (_duplicate("{http://www.w3.org/XML/1998/namespace}id"), "duplicate-id"),
    (_duplicate_in_body(ID), "duplicate-id"),
    (_duplicate_in_body("Id"), "duplicate-id"),
    (_two_ids_of_the_envelope, "duplicate-id"),
    (_id_removed, "missing-id"),
    (_doctype, "dtd"),
    (_trailing_element, "structure"),
]


@pytest.mark.parametrize(("attack", "reason"), ATTACKS, ids=lambda a: getattr(a, "__name__", None))
def test_a_rearranged_envelope_is_refused_by_name(
    attack: Callable[[Parts], None], reason: str, signer: Signer, trust: TrustStore
) -> None:
    """The signature itself stays untouched and valid: the structure gives the attack away."""
    parts = Parts(signer)
    wsse.verify(parts.bytes(), trust=trust, at=NOW)
    attack(parts)
    assert _reason(parts.bytes(), trust) == reason


def _uri(value: str) -> Callable[[Parts], None]:
    def change(p: Parts) -> None:
        p.reference(p.body).set("URI", value)

    return change


def _drop(part: str) -> Callable[[Parts], None]:
    def change(p: Parts) -> None:
        reference = p.reference(getattr(p, part))
        p.signature[0].remove(reference)

    return change


def _twice(p: Parts) -> None:
    p.signature[0].append(copy.deepcopy(p.reference(p.body)))


def _no_uri(p: Parts) -> None:
    del p.reference(p.body).attrib["URI"]


def _transform(uri: str) -> Callable[[Parts], None]:
    def change(p: Parts) -> None:
        p.reference(p.body)[0][0].set("Algorithm", uri)

    return change


def _second_transform(p: Parts) -> None:
    etree.SubElement(p.reference(p.body)[0], f"{{{DS}}}Transform", Algorithm=EXC_C14N)


def _no_transform(p: Parts) -> None:
    reference = p.reference(p.body)
    reference.remove(reference[0])


def _xpath_filter(p: Parts) -> None:
    transform = p.reference(p.body)[0][0]
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
    etree.SubElement(transform, f"{{{DS}}}XPath").text = "ancestor-or-self::*"


def _inner_element(p: Parts) -> None:
    """A reference to the payload instead of the Body."""
    p.body[0].set(ID, "inner")
    p.reference(p.body).set("URI", "#inner")


def _wrapper_element(p: Parts) -> None:
    etree.SubElement(etree.SubElement(p.header, "Wrapper"), "deep").set(ID, "deep")
    p.reference(p.body).set("URI", "#deep")


def _method(path: str, uri: str) -> Callable[[Parts], None]:
    def change(p: Parts) -> None:
        p.one(f"{{{DS}}}{path}").set("Algorithm", uri)

    return change


def _extra_in_signed_info(p: Parts) -> None:
    etree.SubElement(p.signature[0], f"{{{DS}}}Object")


def _many_references(p: Parts) -> None:
    for number in range(100):
        reference = copy.deepcopy(p.reference(p.body))
        reference.set("URI", f"#x{number}")
        p.signature[0].append(reference)


RULES: list[tuple[Callable[[Parts], None], str]] = [
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
    change: Callable[[Parts], None], reason: str, signer: Signer, trust: TrustStore
) -> None:
    """Signed anew by the trusted signer, so that the signature value holds and only the rule refuses."""
    parts = Parts(signer)
    change(parts)
    parts.resign(signer)
    expected = {"missing-id", "wrapping"} if reason == "missing-or-wrapping" else {reason}
    assert _reason(parts.bytes(), trust) in expected


def test_coverage_of_timestamp_and_addressing_can_be_waived(signer: Signer, trust: TrustStore) -> None:
    parts = Parts(signer)
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


def test_an_insider_can_redirect_neither_key_info_nor_token(signer: Signer, trust: TrustStore) -> None:
    for change, reason in (
        (lambda p: p.one(f"{{{WSSE}}}Reference").set("URI", "#" + p.body.get(ID)), "key-info"),
        (lambda p: p.one(f"{{{WSSE}}}Reference").set("URI", "http://x"), "key-info"),
        (lambda p: p.header.append(p.one(f"{{{WSSE}}}BinarySecurityToken")), "key-info"),
        (lambda p: p.one(f"{{{WSSE}}}BinarySecurityToken").set("ValueType", "urn:other"), "key-info"),
        (lambda p: setattr(p.one(f"{{{WSSE}}}BinarySecurityToken"), "text", "AAAA"), "key-info"),
        (lambda p: setattr(p.one(f"{{{WSSE}}}BinarySecurityToken"), "text", "no base64!"), "key-info"),
        (lambda p: p.one(f"{{{DS}}}KeyInfo").clear(), "key-info"),
        (lambda p: p.signature.remove(p.one(f"{{{DS}}}KeyInfo")), "key-info"),
    ):
        parts = Parts(signer)
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
    created: str | None, expires: str | None, reason: str, signer: Signer, trust: TrustStore
) -> None:
    import hashlib

    parts = Parts(signer)
    if created is not None:
        parts.timestamp[0].text = created
    if expires is not None:
        parts.timestamp[1].text = expires
    value = parts.reference(parts.timestamp).find(f"{{{DS}}}DigestValue")
    assert value is not None
    value.text = base64.b64encode(hashlib.sha256(canonical(parts.timestamp)).digest()).decode()
    parts.resign(signer)
    assert _reason(parts.bytes(), trust) == reason


def test_business_documents_may_hold_signatures_and_ids_of_their_own(
    signer: Signer, trust: TrustStore
) -> None:
    """A signed dossier inside the Body is content; repeated plain Ids in it are data."""
    inner = (
        f'<r Id="1"/><r Id="1"/><d ID="x"/><Signature xmlns="{DS}"><SignedInfo/></Signature>'
        f'<wsu:Timestamp xmlns:wsu="{WSU}"/>'
    ).encode()
    source = SOURCE.replace(b"357000", inner)
    verified = wsse.verify(wsse.sign(source, signer, at=NOW), trust=trust, at=NOW)
    assert len(verified.body[0]) == 5


def test_limits_of_size_and_depth(signer: Signer, trust: TrustStore) -> None:
    signed = wsse.sign(SOURCE, signer, at=NOW)
    assert _reason(signed, trust, max_bytes=100) == "size"
    deep = wsse.sign(SOURCE.replace(b"357000", b"<x>" * 80 + b"</x>" * 80), signer, at=NOW)
    assert _reason(deep, trust) == "depth"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"<a/>", b"<a", b"\xff\xfe<\x00a\x00/\x00>\x00", b"<!DOCTYPE a><a/>"]
)
def test_what_is_no_envelope_is_refused(data: bytes, trust: TrustStore) -> None:
    assert _reason(data, trust) in {"encoding", "not-soap", "xml", "dtd"}
