"""WS-Security: what is signed, what comes back, and what the policy demands."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from signing_clock import NOW

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import LocalSigner, Signer, TrustStore, wsse
from lienthong.signing._wsse.names import DS, PASSWORD_DIGEST, SOAP11, SOAP12, WSSE, WSU

WSA = "http://www.w3.org/2005/08/addressing"


def envelope(
    soap: str = SOAP11, body: str = "<q xmlns='urn:q'>Huế<!-- c --> 1</q>", headers: str = ""
) -> bytes:
    return (
        f'<soap:Envelope xmlns:soap="{soap}" xmlns:a="{WSA}"><soap:Header>'
        f"<a:Action>urn:go</a:Action><a:MessageID>urn:uuid:1</a:MessageID>{headers}</soap:Header>"
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def refused(data: bytes, trust: TrustStore, at: datetime | None = None, **policy: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(data, trust=trust, policy=wsse.VerifyPolicy(**policy), at=at or NOW)
    return str(caught.value.details["reason"])


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_body_timestamp_and_addressing_are_covered(soap: str, signer: Signer, trust: TrustStore) -> None:
    signed = wsse.sign(envelope(soap), signer, at=NOW)
    verified = wsse.verify(signed, trust=trust, at=NOW)
    assert verified.covered == (
        f"{{{soap}}}Body",
        f"{{{WSU}}}Timestamp",
        f"{{{WSA}}}Action",
        f"{{{WSA}}}MessageID",
    )
    assert (verified.created, verified.agency, verified.algorithm) == (NOW, signer.agency, "ES256")
    assert [block.text for block in verified.headers] == ["urn:go", "urn:uuid:1"]
    assert verified.certificate == signer.certificate


@pytest.mark.parametrize(("algorithm", "expected"), [(None, "RS256"), ("PS256", "PS256"), ("RS256", "RS256")])
def test_rsa_keys(
    algorithm: str | None, expected: str, rsa_signer: LocalSigner, rsa_trust: TrustStore
) -> None:
    signed = wsse.sign(envelope(), rsa_signer, policy=wsse.SignPolicy(algorithm=algorithm), at=NOW)
    assert wsse.verify(signed, trust=rsa_trust, at=NOW).algorithm == expected
    assert refused(signed, rsa_trust, algorithms=frozenset({"ES256"})) == "algorithm"


def test_the_body_returned_is_a_fresh_tree_of_the_signed_bytes(signer: Signer, trust: TrustStore) -> None:
    """Comments, which a signature does not cover, are gone; nothing of the envelope hangs on it."""
    verified = wsse.verify(wsse.sign(envelope(), signer, at=NOW), trust=trust, at=NOW)
    assert verified.body.getparent() is None
    assert verified.body[0].text == "Huế 1"
    assert etree.tostring(
        verified.body, method="c14n", exclusive=True, with_comments=False
    ) == etree.tostring(verified.body, method="c14n")


def test_a_comment_cannot_cut_a_signed_value(signer: Signer, trust: TrustStore) -> None:
    """``admin<!-- -->.evil`` would read as ``admin`` in a careless reader."""
    signed = wsse.sign(envelope(body="<user>admin.example</user>"), signer, at=NOW)
    cut = signed.replace(b"admin.example", b"admin<!-- -->.example")
    assert wsse.verify(cut, trust=trust, at=NOW).body[0].text == "admin.example"


def test_a_missing_header_is_made_and_an_existing_security_header_kept(
    signer: Signer, trust: TrustStore
) -> None:
    bare = f'<Envelope xmlns="{SOAP12}"><Body><q xmlns="urn:q"/></Body></Envelope>'.encode()
    assert wsse.verify(wsse.sign(bare, signer, at=NOW), trust=trust, at=NOW).body[0].tag == "{urn:q}q"
    token = etree.tostring(wsse.username_token("svc", "pw", created=NOW)).decode()
    header = f'<wsse:Security xmlns:wsse="{WSSE}">{token}</wsse:Security>'
    signed = wsse.sign(envelope(headers=header), signer, at=NOW)
    assert signed.count(b"<wsse:Security ") == 1
    assert b"UsernameToken" in signed
    wsse.verify(signed, trust=trust, at=NOW)


@pytest.mark.parametrize("prefix", ["ns0", "ns1", "wsu", "ds", "wsse", "SOAP-ENV", ""])
@pytest.mark.parametrize("with_header", [True, False])
def test_the_partners_prefixes_do_not_matter(
    prefix: str, with_header: bool, signer: Signer, trust: TrustStore
) -> None:
    """Prefixes that we or lxml would choose ourselves may mean something else in the envelope."""
    p, colon = (prefix, f"{prefix}:") if prefix else ("", "")
    declared = f'xmlns:{p}="{SOAP11}"' if p else f'xmlns="{SOAP11}"'
    header = f'<{colon}Header><ns0:To xmlns:ns0="{WSA}">x</ns0:To></{colon}Header>' if with_header else ""
    data = (
        f"<{colon}Envelope {declared}>{header}"
        f'<{colon}Body><q xmlns="urn:q" xmlns:ns0="urn:0" xmlns:ns2="urn:2" ns0:a="1"><ns2:b>v</ns2:b></q>'
        f"</{colon}Body></{colon}Envelope>"
    ).encode()
    verified = wsse.verify(wsse.sign(data, signer, at=NOW), trust=trust, at=NOW)
    assert verified.body[0][0].tag == "{urn:2}b"
    assert verified.body[0].get("{urn:0}a") == "1"
    assert len(verified.headers) == int(with_header)


def test_existing_ids_are_kept(signer: Signer, trust: TrustStore) -> None:
    data = envelope().replace(b"<soap:Body>", f'<soap:Body xmlns:u="{WSU}" u:Id="mine">'.encode())
    signed = wsse.sign(data, signer, at=NOW)
    assert b'URI="#mine"' in signed
    wsse.verify(signed, trust=trust, at=NOW)


def test_the_token_and_further_headers_can_be_covered(signer: Signer, trust: TrustStore) -> None:
    data = envelope(headers='<x:Route xmlns:x="urn:x">T1</x:Route>')
    policy = wsse.SignPolicy(headers=("{urn:x}Route",), sign_token=True)
    signed = wsse.sign(data, signer, policy=policy, at=NOW)
    verified = wsse.verify(signed, trust=trust, at=NOW, policy=wsse.VerifyPolicy(headers=("{urn:x}Route",)))
    assert f"{{{WSSE}}}BinarySecurityToken" in verified.covered
    assert verified.headers[-1].text == "T1"
    assert refused(wsse.sign(data, signer, at=NOW), trust, headers=("{urn:x}Route",)) == "uncovered"
    assert refused(wsse.sign(envelope(), signer, at=NOW), trust, headers=("{urn:x}Route",)) == "uncovered"


@pytest.mark.parametrize(
    "data", [b"<a/>", b"no xml", b"<!DOCTYPE a><a/>", envelope().replace(b"soap:Body", b"soap:Bodi")]
)
def test_what_is_no_envelope_is_not_signed(data: bytes, signer: Signer) -> None:
    with pytest.raises(Misconfigured):
        wsse.sign(data, signer)


def test_nothing_is_signed_twice_or_without_its_headers(signer: Signer) -> None:
    with pytest.raises(Misconfigured, match="signed already"):
        wsse.sign(wsse.sign(envelope(), signer), signer)
    with pytest.raises(Misconfigured, match="is not there"):
        wsse.sign(envelope(), signer, policy=wsse.SignPolicy(headers=("{urn:x}Route",)))
    with pytest.raises(Misconfigured, match="cannot sign with RS256"):
        wsse.sign(envelope(), signer, policy=wsse.SignPolicy(algorithm="RS256"))


def test_every_changed_byte_is_refused_or_changes_nothing(signer: Signer, trust: TrustStore) -> None:
    """Each byte of the envelope in turn: no other error escapes, and no other body comes back."""
    signed = wsse.sign(envelope(), signer, at=NOW)
    genuine = etree.tostring(wsse.verify(signed, trust=trust, at=NOW).body)
    accepted = 0
    for at in range(len(signed)):
        changed = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        try:
            verified = wsse.verify(changed, trust=trust, at=NOW)
        except SignatureInvalid:
            continue
        accepted += 1
        assert etree.tostring(verified.body) == genuine
        assert verified.created == NOW
    assert accepted < 400  # prefixes, the uncovered header names, the XML declaration, the comment


@pytest.mark.parametrize(
    ("shift", "reason"),
    [
        (timedelta(seconds=359), None),
        (timedelta(seconds=361), "expired-timestamp"),
        (timedelta(seconds=-59), None),
        (timedelta(seconds=-61), "future"),
    ],
)
def test_the_timestamp_is_checked_with_tolerance(
    shift: timedelta, reason: str | None, signer: Signer, trust: TrustStore, p256: Any, make_certificate: Any
) -> None:
    start = NOW - timedelta(days=1)
    own = LocalSigner(p256, agency="A", certificate=make_certificate("A", p256, start=start))
    store = TrustStore([own.certificate])
    signed = wsse.sign(envelope(), own, at=NOW)
    if reason is None:
        wsse.verify(signed, trust=store, at=NOW + shift)
    else:
        assert refused(signed, store, at=NOW + shift, max_age=None) == reason
    assert refused(signed, store, at=NOW + timedelta(seconds=90), max_age=20) == "stale"


def test_a_replay_is_recognised_whatever_its_spelling(signer: Signer, trust: TrustStore) -> None:
    seen: set[str] = set()

    def record(name: str) -> bool:
        known = name in seen
        seen.add(name)
        return known

    signed = wsse.sign(envelope(), signer, at=NOW)
    wsse.verify(signed, trust=trust, at=NOW, policy=wsse.VerifyPolicy(seen=record))
    respelled = signed.replace(b"</ds:SignatureValue>", b"\n</ds:SignatureValue>")
    assert refused(respelled, trust, seen=record) == "replay"


def test_strangers_and_expired_certificates(
    signer: Signer, rsa_signer: LocalSigner, trust: TrustStore
) -> None:
    assert refused(wsse.sign(envelope(), rsa_signer, at=NOW), trust) == "untrusted"
    late = NOW + timedelta(days=4000)
    assert refused(wsse.sign(envelope(), signer, at=late), trust, at=late) == "expired"


def test_a_stranger_cannot_sign_under_a_trusted_token(
    signer: Signer, trust: TrustStore, p256: Any, make_certificate: Any
) -> None:
    """The token is replaced by the victim's certificate; the signature stays the stranger's."""
    stranger = LocalSigner(p256, agency="X", certificate=make_certificate("X", p256))
    root = etree.fromstring(wsse.sign(envelope(), stranger, at=NOW))
    token = root.find(f".//{{{WSSE}}}BinarySecurityToken")
    assert token is not None
    victim = etree.fromstring(wsse.sign(envelope(), signer, at=NOW)).find(f".//{{{WSSE}}}BinarySecurityToken")
    assert victim is not None
    token.text = victim.text
    assert refused(etree.tostring(root), trust) == "signature"


def test_username_tokens() -> None:
    """The digest of the profile: Base64(SHA-1(nonce + created + password))."""
    token = wsse.username_token("svc", "bí mật", nonce=b"n" * 16, created=NOW)
    text = {etree.QName(child).localname: child for child in token}
    moment = NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    digest = hashlib.sha1(b"n" * 16 + moment.encode() + "bí mật".encode(), usedforsecurity=False).digest()
    assert text["Password"].text == base64.b64encode(digest).decode()
    assert text["Password"].get("Type") == PASSWORD_DIGEST
    assert text["Created"].text == moment
    plain = wsse.username_token("svc", "pw", kind="text")
    assert plain.findtext(f"{{{WSSE}}}Password") == "pw"
    assert plain.findtext(f"{{{WSSE}}}Nonce") != wsse.username_token("svc", "pw").findtext(f"{{{WSSE}}}Nonce")


STORED = sorted((Path(__file__).parent / "fixtures" / "wsse").glob("*.xml"))
RECEIVED = datetime(2026, 6, 1, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize("file", STORED, ids=lambda path: path.stem)
def test_envelopes_of_other_libraries_are_accepted(file: Path, partner_trust: TrustStore) -> None:
    """Signed by zeep 4.3.3, xmlsec 1.3.17 and the XML signatures of OpenJDK 17 (see fixtures/README.md)."""
    sha1 = "sha1" in file.name
    policy = wsse.VerifyPolicy(allow_sha1=sha1)
    verified = wsse.verify(file.read_bytes(), trust=partner_trust, policy=policy, at=RECEIVED)
    note = verified.body.findtext("{*}register/note")
    assert note == "Huế & Đà Nẵng \r"
    assert verified.agency.startswith("partner-")
    if sha1:
        assert refused(file.read_bytes(), partner_trust, at=RECEIVED) == "sha1"
    changed = file.read_bytes().replace(b"357000", b"357001")
    assert refused(changed, partner_trust, at=RECEIVED, allow_sha1=sha1) == "digest"
    assert refused(file.read_bytes(), partner_trust, at=RECEIVED + timedelta(hours=1), allow_sha1=sha1) in {
        "stale",
        "expired-timestamp",
    }


@pytest.mark.parametrize("kind", ["issuer-serial", "ski", "thumbprint"])
def test_keys_named_by_reference_come_from_the_trust_store(kind: str, signer: Signer, ring: Any) -> None:
    """What WSS4J and .NET send where they do not embed the certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    certificate = signer.certificate
    root = etree.fromstring(wsse.sign(envelope(), signer, at=NOW))
    holder = root.find(f".//{{{WSSE}}}SecurityTokenReference")
    assert holder is not None
    holder.clear()
    profile = "http://docs.oasis-open.org/wss/"
    if kind == "issuer-serial":
        data = etree.SubElement(etree.SubElement(holder, f"{{{DS}}}X509Data"), f"{{{DS}}}X509IssuerSerial")
        etree.SubElement(data, f"{{{DS}}}X509IssuerName").text = certificate.issuer.rfc4514_string()
        etree.SubElement(data, f"{{{DS}}}X509SerialNumber").text = str(certificate.serial_number)
    elif kind == "ski":
        uri = f"{profile}2004/01/oasis-200401-wss-x509-token-profile-1.0#X509SubjectKeyIdentifier"
        ski = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        etree.SubElement(holder, f"{{{WSSE}}}KeyIdentifier", ValueType=uri).text = base64.b64encode(
            ski
        ).decode()
    else:
        uri = f"{profile}oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
        print_ = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - the profile's thumbprint
        etree.SubElement(holder, f"{{{WSSE}}}KeyIdentifier", ValueType=uri).text = base64.b64encode(
            print_
        ).decode()
    wsse.verify(etree.tostring(root), trust=TrustStore([certificate]), at=NOW)
    assert refused(etree.tostring(root), ring.trust()) == "untrusted"
