"""Signed envelopes taken apart and put together again, as attackers and careless partners do.

``ATTACKS`` rearrange what a trusted signer signed. ``RULES`` are messages that a trusted signer signs
against the rules: they are signed anew, so that only the rules can refuse them. Each comes with the reason by
which it must be refused.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lxml import etree

from lienthong.signing import Signer, wsse
from lienthong.signing._wsse.c14n import canonical
from lienthong.signing._wsse.names import DS, EXC_C14N, SOAP11, SOAP12, WSSE, WSU

WSA = "http://www.w3.org/2005/08/addressing"
ID = f"{{{WSU}}}Id"
PAYMENT = (
    f'<s:Envelope xmlns:s="{SOAP11}" xmlns:a="{WSA}"><s:Header><a:To>urn:to</a:To></s:Header>'
    "<s:Body><pay xmlns='urn:q'>357000</pay></s:Body></s:Envelope>"
).encode()
Element = etree._Element


class Parts:
    """A signed envelope taken apart, for an attacker to put together again."""

    def __init__(self, signer: Signer, at: datetime | None = None) -> None:
        self.root = etree.fromstring(wsse.sign(PAYMENT, signer, at=at))
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


def _into_header(p: Any) -> None:
    p.root.replace(p.body, p.forged())
    etree.SubElement(p.header, "Wrapper").append(p.body)


def _into_header_same_id(p: Any) -> None:
    p.root.replace(p.body, p.forged(same_id=True))
    etree.SubElement(p.header, "Wrapper").append(p.body)


def _directly_into_header(p: Any) -> None:
    p.root.replace(p.body, p.forged())
    p.header.append(p.body)


def _into_security(p: Any) -> None:
    p.root.replace(p.body, p.forged())
    p.security.append(p.body)


def _into_signature_object(p: Any) -> None:
    p.root.replace(p.body, p.forged())
    etree.SubElement(p.signature, f"{{{DS}}}Object").append(p.body)


def _into_forged_body(p: Any) -> None:
    forged = p.forged()
    p.root.replace(p.body, forged)
    etree.SubElement(forged, "Wrapper").append(p.body)


def _forged_first(p: Any) -> None:
    p.root.insert(1, p.forged())


def _forged_last(p: Any) -> None:
    p.root.append(p.forged())


def _wrapper_below_root(p: Any) -> None:
    p.root.replace(p.body, p.forged())
    etree.SubElement(p.root, "Wrapper").append(p.body)


def _other_soap_version(p: Any) -> None:
    forged = etree.Element(f"{{{SOAP12}}}Body")
    forged.append(p.forged()[0])
    p.root.insert(1, forged)


def _body_of_no_namespace(p: Any) -> None:
    forged = etree.Element("Body")
    forged.append(p.forged()[0])
    p.root.insert(1, forged)


def _outer_envelope(p: Any) -> None:
    inner = p.root
    p.root = etree.Element(f"{{{SOAP11}}}Envelope", nsmap={"outer": SOAP11})
    etree.SubElement(etree.SubElement(p.root, f"{{{SOAP11}}}Body"), "x").append(inner)


def _second_header(p: Any) -> None:
    p.root.insert(0, etree.Element(f"{{{SOAP11}}}Header"))


def _second_security(p: Any) -> None:
    etree.SubElement(p.header, f"{{{WSSE}}}Security").set(f"{{{SOAP11}}}actor", "next")


def _second_signature(p: Any) -> None:
    p.security.append(copy.deepcopy(p.signature))


def _second_signature_elsewhere(p: Any) -> None:
    etree.SubElement(p.header, "Wrapper").append(copy.deepcopy(p.signature))


def _signature_elsewhere(p: Any) -> None:
    p.header.append(p.signature)


def _no_signature(p: Any) -> None:
    p.security.remove(p.signature)


def _no_security(p: Any) -> None:
    p.header.remove(p.security)


def _security_in_wrapper(p: Any) -> None:
    etree.SubElement(p.header, "Wrapper").append(p.security)


def _no_header(p: Any) -> None:
    p.root.remove(p.header)


def _no_body(p: Any) -> None:
    p.root.remove(p.body)


def _wrapped_timestamp(p: Any) -> None:
    forged = copy.deepcopy(p.timestamp)
    del forged.attrib[ID]
    p.security.replace(p.timestamp, forged)
    etree.SubElement(p.header, "Wrapper").append(p.timestamp)


def _moved_timestamp(p: Any) -> None:
    p.header.append(p.timestamp)


def _wrapped_addressing(p: Any) -> None:
    forged = copy.deepcopy(p.to)
    del forged.attrib[ID]
    forged.text = "urn:evil"
    p.header.replace(p.to, forged)
    etree.SubElement(p.header, "Wrapper").append(p.to)


def _second_addressing(p: Any) -> None:
    forged = copy.deepcopy(p.to)
    del forged.attrib[ID]
    p.header.append(forged)


def _duplicate(name: str) -> Callable[[Any], None]:
    def attack(p: Any) -> None:
        etree.SubElement(p.header, "Extra").set(name, str(p.body.get(ID)))

    return attack


def _duplicate_in_body(name: str) -> Callable[[Any], None]:
    def attack(p: Any) -> None:
        p.body[0].set(name, str(p.body.get(ID)))

    return attack


def _two_ids_of_the_envelope(p: Any) -> None:
    for _ in range(2):
        etree.SubElement(p.header, "Extra").set("Id", "twice")


def _id_removed(p: Any) -> None:
    del p.body.attrib[ID]


def _doctype(p: Any) -> None:
    p.bytes = lambda: b"<!DOCTYPE x>" + etree.tostring(p.root)  # type: ignore[method-assign]


def _trailing_element(p: Any) -> None:
    etree.SubElement(p.root, "trailer")


ATTACKS: list[tuple[Callable[[Any], None], str]] = [
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


def _uri(value: str) -> Callable[[Any], None]:
    def change(p: Any) -> None:
        p.reference(p.body).set("URI", value)

    return change


def unreferenced(part: str) -> Callable[[Any], None]:
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


def _enveloped_last(p: Any) -> None:
    etree.SubElement(p.reference(p.body)[0], f"{{{DS}}}Transform", Algorithm=f"{DS}enveloped-signature")


def _enveloped_with_content(p: Any) -> None:
    transform = etree.Element(f"{{{DS}}}Transform", Algorithm=f"{DS}enveloped-signature")
    etree.SubElement(transform, f"{{{DS}}}XPath").text = "ancestor-or-self::*"
    p.reference(p.body)[0].insert(0, transform)


def _enveloped_twice(p: Any) -> None:
    for _ in range(2):
        transform = etree.Element(f"{{{DS}}}Transform", Algorithm=f"{DS}enveloped-signature")
        p.reference(p.body)[0].insert(0, transform)


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
    (unreferenced("body"), "uncovered"),
    (unreferenced("timestamp"), "uncovered"),
    (unreferenced("to"), "uncovered"),
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
    (_enveloped_last, "transform"),
    (_enveloped_with_content, "transform"),
    (_enveloped_twice, "transform"),
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
