"""Signature wrapping and every other way of making a signature say what was not signed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from signing_clock import NOW

from lienthong.errors import SignatureInvalid
from lienthong.signing import Signer, TrustStore, wsse
from lienthong.signing._wsse.names import DS, SOAP11, SOAP12, WSSE, WSU

WSA = "http://www.w3.org/2005/08/addressing"
ID = f"{{{WSU}}}Id"
SOURCE = (
    f'<s:Envelope xmlns:s="{SOAP11}" xmlns:a="{WSA}"><s:Header><a:To>urn:to</a:To></s:Header>'
    "<s:Body><pay xmlns='urn:q'>357000</pay></s:Body></s:Envelope>"
).encode()
Element = etree._Element


def _reason(data: bytes, trust: TrustStore, **policy: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(data, trust=trust, policy=wsse.VerifyPolicy(**policy), at=NOW)
    return str(caught.value.details["reason"])


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


@pytest.mark.parametrize(("attack", "reason"), ATTACKS, ids=lambda a: getattr(a, "__name__", None))
def test_a_rearranged_envelope_is_refused_by_name(
    attack: Callable[[Any], None], reason: str, parts: Any, trust: TrustStore
) -> None:
    """The signature itself stays untouched and valid: the structure gives the attack away."""
    wsse.verify(parts.bytes(), trust=trust, at=NOW)
    attack(parts)
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
