"""xmlsec1 as a second verifier of WS-Security: what one signs holds for the other, a changed one does not."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import counterparts
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from self_signed import self_signed

from lienthong.errors import SignatureInvalid
from lienthong.signing import LocalSigner, TrustStore, wsse
from lienthong.signing._wsse.names import SOAP11, SOAP12, WSSE, WSU

PAYMENT = "<pay xmlns='urn:q'><to>Bình &amp; Hà</to><dong>357000</dong></pay>"
WSA = "http://www.w3.org/2005/08/addressing"
METHODS = {
    "RS256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ES256": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
#: an envelope to be signed by xmlsec1, written from the text of WS-Security and its X.509 profile
_TEMPLATE = """<s:Envelope xmlns:s="{soap}" xmlns:wsu="{wsu}"><s:Header>
<wsse:Security xmlns:wsse="{wsse}" s:mustUnderstand="1">
<wsu:Timestamp wsu:Id="ts"><wsu:Created>{created}</wsu:Created
><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>
<wsse:BinarySecurityToken wsu:Id="cert" EncodingType="{oasis}-soap-message-security-1.0#Base64Binary"
 ValueType="{oasis}-x509-token-profile-1.0#X509v3">{certificate}</wsse:BinarySecurityToken>
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<ds:SignatureMethod Algorithm="{method}"/>{references}</ds:SignedInfo><ds:SignatureValue/>
<ds:KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI="#cert"
 ValueType="{oasis}-x509-token-profile-1.0#X509v3"/></wsse:SecurityTokenReference></ds:KeyInfo>
</ds:Signature></wsse:Security></s:Header><s:Body wsu:Id="body">{body}</s:Body></s:Envelope>"""
_REFERENCE = """<ds:Reference URI="#{id}"><ds:Transforms>
<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>"""


class Xmlsec:
    """The program with one party's key: it signs with it and trusts its certificate alone."""

    def __init__(self, algorithm: str, folder: Path) -> None:
        self.program = counterparts.program("xmlsec1")
        self.algorithm, self.folder = algorithm, folder
        key: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(65537, 2048)
        )
        self.certificate = self_signed("G22", key)
        self.signer = LocalSigner(key, agency="G22", certificate=self.certificate)
        self.trust = TrustStore([self.certificate])
        (folder / "cert.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def verifies(self, envelope: bytes) -> bool:
        """Tell whether the signature holds, by the program's status and its words."""
        done = self._run("--verify", "--pubkey-cert-pem", "cert.pem", envelope=envelope)
        said = [line for line in done.stderr.splitlines() if line in {b"OK", b"FAIL"}]
        assert said == [b"FAIL" if done.returncode else b"OK"], done.stderr.decode()
        return done.returncode == 0

    def sign(self, template: str) -> bytes:
        """Fill in digests and signature."""
        done = self._run("--sign", "--privkey-pem", "key.pem", envelope=template.encode())
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def _run(self, *arguments: str, envelope: bytes) -> subprocess.CompletedProcess[bytes]:
        (self.folder / "envelope.xml").write_bytes(envelope)
        names = (
            f"{SOAP11}:Body",
            f"{SOAP12}:Body",
            f"{WSU}:Timestamp",
            f"{WSA}:To",
            f"{WSSE}:BinarySecurityToken",
        )
        ids = [part for name in names for part in ("--id-attr:Id", name)]
        command = [str(self.program), *arguments, *ids, "envelope.xml"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False)  # noqa: S603  # ours


@pytest.fixture(params=["RS256", "ES256"])
def xmlsec(request: pytest.FixtureRequest, tmp_path: Path) -> Xmlsec:
    return Xmlsec(request.param, tmp_path)


def _template(xmlsec: Xmlsec, soap: str) -> str:
    now = datetime.now(UTC)
    oasis = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
    return _TEMPLATE.format(
        soap=soap,
        wsu=WSU,
        wsse=WSSE,
        oasis=oasis,
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        expires=(now + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        certificate=base64.b64encode(xmlsec.certificate.public_bytes(Encoding.DER)).decode(),
        method=METHODS[xmlsec.algorithm],
        references="".join(_REFERENCE.format(id=one) for one in ("body", "ts")),
        body=PAYMENT,
    )


@pytest.mark.parametrize("soap", [SOAP11, SOAP12], ids=["1.1", "1.2"])
def test_what_we_sign_holds_and_a_changed_amount_does_not(xmlsec: Xmlsec, soap: str) -> None:
    envelope = (
        f'<s:Envelope xmlns:s="{soap}" xmlns:a="{WSA}"><s:Header><a:To>urn:to</a:To></s:Header>'
        f"<s:Body>{PAYMENT}</s:Body></s:Envelope>"
    ).encode()
    signed = wsse.sign(envelope, xmlsec.signer)
    assert METHODS[xmlsec.algorithm].encode() in signed
    assert xmlsec.verifies(signed)
    for before, after in ((b"357000", b"357001"), (b"urn:to", b"urn:me")):
        forged = signed.replace(before, after)
        assert forged != signed
        assert not xmlsec.verifies(forged)
        with pytest.raises(SignatureInvalid):
            wsse.verify(forged, trust=xmlsec.trust)


@pytest.mark.parametrize("soap", [SOAP11, SOAP12], ids=["1.1", "1.2"])
def test_what_it_signs_is_verified_and_a_changed_amount_is_not(xmlsec: Xmlsec, soap: str) -> None:
    signed = xmlsec.sign(_template(xmlsec, soap))
    verified = wsse.verify(signed, trust=xmlsec.trust)
    assert (verified.agency, verified.algorithm) == ("G22", xmlsec.algorithm)
    assert etree.QName(verified.body).localname == "Body"
    assert verified.body.findtext(".//{urn:q}dong") == "357000"
    forged = signed.replace(b"357000", b"357001")
    assert not xmlsec.verifies(forged)
    with pytest.raises(SignatureInvalid):
        wsse.verify(forged, trust=xmlsec.trust)


def test_a_changed_signature_holds_for_neither(xmlsec: Xmlsec) -> None:
    """One bit of the signature's value."""
    signed = xmlsec.sign(_template(xmlsec, SOAP11))
    root = etree.fromstring(signed)
    (value,) = root.iter("{http://www.w3.org/2000/09/xmldsig#}SignatureValue")
    raw = bytearray(base64.b64decode(value.text or ""))
    raw[-1] ^= 1
    value.text = base64.b64encode(raw).decode()
    forged = etree.tostring(root)
    assert not xmlsec.verifies(forged)
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(forged, trust=xmlsec.trust)
    assert caught.value.details["reason"] == "signature"
