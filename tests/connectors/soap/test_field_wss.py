"""WS-Security as WSS4J and others use it: confirmations, paths, SHA-384 and SHA-512, unsigned faults."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import chains
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from lienthong.connector import Context, Question
from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import LocalSigner, TrustStore, wsse
from lienthong_connectors.soap import AnswerPolicy, SoapLookup, WsSecurity

DS = "{http://www.w3.org/2000/09/xmldsig#}"
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{{{_WSS}wssecurity-secext-1.0.xsd}}"
WSU = f"{{{_WSS}wssecurity-utility-1.0.xsd}}"
WSSE11 = "{http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd}"
PATH = f"{_WSS}x509-token-profile-1.0#X509PKIPathv1"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SPACE = "http://schemas.xmlsoap.org/soap/envelope/"
OK = f'<s:Envelope xmlns:s="{SPACE}"><s:Body><r><code>1</code></r></s:Body></s:Envelope>'.encode()


@pytest.fixture(scope="module")
def root() -> chains.Node:
    return chains.node("CN=Root", ca=True)


@pytest.fixture(scope="module")
def below(root: chains.Node) -> chains.Node:
    return root.issue("CN=Below", ca=True, path_length=0)


@pytest.fixture(scope="module")
def ours(below: chains.Node) -> chains.Node:
    return below.agency("H21")


@pytest.fixture(scope="module")
def theirs(below: chains.Node) -> chains.Node:
    return below.agency("G01")


def signer(node: chains.Node, *above: chains.Node, agency: str = "H21") -> LocalSigner:
    others = tuple(one.certificate for one in above)
    return LocalSigner(node.secret, agency=agency, certificate=node.certificate, chain=others)


def ask(told: Any, context: Context, security: WsSecurity) -> Any:
    settings = SoapLookup(operation="get", namespace="urn:t", security=security)
    opened = settings.open_lookup(told.connection(), context)
    try:
        return opened.ask(Question("1", {}, "cb", "tt", "md"))
    finally:
        opened.close()


def send(handler: Any, body: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "text/xml; charset=utf-8")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def digest_of(element: etree._Element) -> str:
    return base64.b64encode(hashlib.sha256(c14n(element)).digest()).decode()


def c14n(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


# --- SignatureConfirmation -----------------------------------------------------------------------


def confirming(value: bytes | None, *, covered: bool, by: chains.Node) -> bytes:
    """Return a signed answer with a confirmation, as WSS4J writes it; ``covered``: signed, too."""
    made = signer(by, agency="G01")
    whole = etree.fromstring(wsse.sign(OK, made))
    security = whole.find(f".//{WSSE}Security")
    assert security is not None
    block = etree.SubElement(security, f"{WSSE11}SignatureConfirmation", {f"{WSU}Id": "SC-1"})
    if value is not None:
        block.set("Value", base64.b64encode(value).decode())
    if covered:
        info = security.find(f".//{DS}SignedInfo")
        assert info is not None
        one = etree.SubElement(info, f"{DS}Reference", URI="#SC-1")
        etree.SubElement(etree.SubElement(one, f"{DS}Transforms"), f"{DS}Transform", Algorithm=C14N)
        etree.SubElement(one, f"{DS}DigestMethod", Algorithm="http://www.w3.org/2001/04/xmlenc#sha256")
        etree.SubElement(one, f"{DS}DigestValue").text = digest_of(block)
        put_value(security, made.sign(c14n(info)))
    return etree.tostring(whole)


def put_value(security: etree._Element, value: bytes) -> None:
    holder = security.find(f".//{DS}SignatureValue")
    assert holder is not None
    holder.text = base64.b64encode(value).decode()


def value_of(request: bytes) -> bytes:
    found = re.search(rb"<ds:SignatureValue>([^<]+)<", request)
    return base64.b64decode(found.group(1)) if found else b""


@pytest.mark.parametrize("sign", [True, False], ids=["signed request", "unsigned request"])
@pytest.mark.parametrize("covered", [True, False], ids=["covered", "not covered"])
def test_a_confirmation_is_compared_with_our_signature(
    told: Any, ours: chains.Node, theirs: chains.Node, root: chains.Node, below: chains.Node,
    covered: bool, sign: bool,
) -> None:  # fmt: skip
    """A signed one was refused as an attack; an unsigned one was not even looked at."""
    context = Context(signer=signer(ours), trust=TrustStore([root.certificate, below.certificate]))
    policy = WsSecurity(sign=sign)

    def act(value: Any) -> Any:
        return lambda handler: send(
            handler, confirming(value(told.requests[-1][2]), covered=covered, by=theirs)
        )

    told.act = act(value_of)
    assert ask(told, context, policy) == {"code": "1"}
    if not sign:
        told.act = act(lambda _: None)  # an unsigned request is confirmed without a value
        assert ask(told, context, policy) == {"code": "1"}
    for wrong in (lambda _: b"another", lambda request: value_of(request)[:-1] or b"x"):
        told.act = act(wrong)
        with pytest.raises(SignatureInvalid, match="confirms another signature") as caught:
            ask(told, context, policy)
        assert caught.value.details["reason"] == "confirmation"


def test_a_confirmation_may_be_demanded(
    told: Any, ours: chains.Node, theirs: chains.Node, root: chains.Node, below: chains.Node
) -> None:
    """With ``confirmation=True`` one must be there and be covered."""
    context = Context(signer=signer(ours), trust=TrustStore([root.certificate, below.certificate]))
    policy = WsSecurity(verify=AnswerPolicy(confirmation=True))
    for covered, held in ((True, True), (False, False), (None, False)):
        told.act = lambda handler, covered=covered: send(
            handler,
            wsse.sign(OK, signer(theirs, agency="G01"))
            if covered is None
            else confirming(value_of(told.requests[-1][2]), covered=covered, by=theirs),
        )
        if held:
            assert ask(told, context, policy) == {"code": "1"}
        else:
            with pytest.raises(SignatureInvalid, match="does not confirm"):
                ask(told, context, policy)


# --- paths of certificates -----------------------------------------------------------------------


def test_our_chain_is_sent_by_setting(
    told: Any, ours: chains.Node, below: chains.Node, root: chains.Node
) -> None:
    """A partner who trusts the root alone can verify us; without the setting only the certificate goes."""
    told.envelope("<r><code>1</code></r>")
    context = Context(signer=signer(ours, below, root))
    for kind, held in (("path", True), ("token", False)):
        ask(told, context, WsSecurity(key_info=kind, verify=None))
        request = told.requests[-1][2]
        trust = TrustStore([root.certificate])
        if held:
            assert wsse.verify(request, trust=trust).agency == "H21"
            assert request.count(PATH.encode()) == 2
            assert root.certificate.public_bytes(Encoding.DER) not in token_of(request)
        else:
            with pytest.raises(SignatureInvalid):
                wsse.verify(request, trust=trust)
    with pytest.raises(Misconfigured, match="key_info"):
        WsSecurity(key_info="chain")  # type: ignore[arg-type]  # the mistake


def token_of(message: bytes) -> bytes:
    found = etree.fromstring(message).find(f".//{WSSE}BinarySecurityToken")
    assert found is not None and found.text
    return base64.b64decode(found.text)


def sequence(inner: bytes) -> bytes:
    size = len(inner)
    head = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return b"\x30" + head + inner


def with_token(data: bytes, by: chains.Node) -> bytes:
    """Return a signed answer whose token is a path of certificates."""
    whole = etree.fromstring(wsse.sign(OK, signer(by, agency="G01")))
    token = whole.find(f".//{WSSE}BinarySecurityToken")
    assert token is not None
    token.text = base64.b64encode(data).decode()
    token.set("ValueType", PATH)
    return etree.tostring(whole)


@pytest.mark.parametrize("turned", [False, True], ids=["as X.509 says", "the other way round"])
@pytest.mark.parametrize("with_root", [False, True])
def test_their_path_is_read(
    turned: bool, with_root: bool, theirs: chains.Node, below: chains.Node, root: chains.Node
) -> None:
    """As WSS4J sends with useSingleCertificate=false; the intermediate need not be among the trusted."""
    path = [*([root] if with_root else []), below, theirs]
    ders = [one.certificate.public_bytes(Encoding.DER) for one in (reversed(path) if turned else path)]
    message = with_token(sequence(b"".join(ders)), theirs)
    assert wsse.verify(message, trust=TrustStore([root.certificate])).agency == "G01"


def test_broken_paths_are_refused(theirs: chains.Node, below: chains.Node, root: chains.Node) -> None:
    own, above = (one.certificate.public_bytes(Encoding.DER) for one in (theirs, below))
    other = chains.node("CN=Other").certificate.public_bytes(Encoding.DER)
    for data in (
        b"", b"\x30", b"\x30\x80", b"\x30\x85\x01\x01\x01\x01\x01", b"\x31\x02\x05\x00", sequence(b""),
        sequence(above + own)[:-1], sequence(above + own) + b"\x00", sequence(above + own + b"\x30"),
        sequence(above + b"\x30\x02\x05\x00"), sequence(above * 4 + own * 4), sequence(own + other),
    ):  # fmt: skip
        with pytest.raises(SignatureInvalid) as caught:
            wsse.verify(with_token(data, theirs), trust=TrustStore([root.certificate]))
        assert caught.value.details["reason"] == "key-info", data


def test_a_path_that_names_anothers_key_is_refused(
    below: chains.Node, root: chains.Node, theirs: chains.Node
) -> None:
    """The signature must be made by the path's last certificate: the token is only a claim."""
    ders = [one.certificate.public_bytes(Encoding.DER) for one in (below, below.agency("G02"))]
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(with_token(sequence(b"".join(ders)), theirs), trust=TrustStore([root.certificate]))
    assert caught.value.details["reason"] == "signature"


# --- SHA-384 and SHA-512 -------------------------------------------------------------------------

MORE, MORE2007 = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2007/05/xmldsig-more#"
METHODS = {
    "RS384": f"{MORE}rsa-sha384",
    "RS512": f"{MORE}rsa-sha512",
    "PS384": f"{MORE2007}sha384-rsa-MGF1",
    "PS512": f"{MORE2007}sha512-rsa-MGF1",
    "ES384": f"{MORE}ecdsa-sha384",
    "ES512": f"{MORE}ecdsa-sha512",
}
HASHES = {"384": hashes.SHA384(), "512": hashes.SHA512()}
DIGESTS = {"384": f"{MORE}sha384", "512": "http://www.w3.org/2001/04/xmlenc#sha512"}


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {
        "RS": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
        "ES512": ec.generate_private_key(ec.SECP521R1()),
    }


def raw(key: Any, name: str, data: bytes) -> bytes:
    """Sign as W3C XML Signature 1.1 and RFC 9231 say, with the library alone."""
    how = HASHES[name[2:]]
    if name.startswith("ES"):
        size = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(how)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if name.startswith("PS"):
        return key.sign(data, padding.PSS(padding.MGF1(how), how.digest_size), how)  # type: ignore[no-any-return]
    return key.sign(data, padding.PKCS1v15(), how)  # type: ignore[no-any-return]


def foreign(name: str, node: chains.Node) -> bytes:
    """Return an answer signed with another algorithm than we would use, digests of the same family."""
    scratch = chains.node("CN=G01")
    whole = etree.fromstring(wsse.sign(OK, signer(scratch, agency="G01")))
    security = whole.find(f".//{WSSE}Security")
    assert security is not None
    token, info = security.find(f"{WSSE}BinarySecurityToken"), security.find(f".//{DS}SignedInfo")
    assert token is not None and info is not None
    token.text = base64.b64encode(node.certificate.public_bytes(Encoding.DER)).decode()
    info.find(f"{DS}SignatureMethod").set("Algorithm", METHODS[name])  # type: ignore[union-attr]  # it has one
    for one in info.iterfind(f"{DS}Reference"):
        (element,) = [e for e in whole.iter() if e.get(f"{WSU}Id") == one.get("URI", "")[1:]]
        one.find(f"{DS}DigestMethod").set("Algorithm", DIGESTS[name[2:]])  # type: ignore[union-attr]
        digest = hashlib.new(f"sha{name[2:]}", c14n(element)).digest()
        one.find(f"{DS}DigestValue").text = base64.b64encode(digest).decode()  # type: ignore[union-attr]
    put_value(security, raw(node.secret, name, c14n(info)))
    return etree.tostring(whole)


@pytest.mark.parametrize("name", METHODS)
def test_signatures_with_longer_hashes_are_verified(told: Any, name: str, keys: dict[str, Any]) -> None:
    """They were refused as unknown, though they are stronger than what was accepted."""
    root = chains.node("CN=Root", ca=True)
    node = root.agency("G01", keys[name if name.startswith("ES") else "RS"])
    told.body = foreign(name, node)
    context = Context(signer=signer(root.agency("H21")), trust=TrustStore([root.certificate]))
    assert ask(told, context, WsSecurity()) == {"code": "1"}
    told.body = told.body.replace(b"<code>1<", b"<code>2<")
    with pytest.raises(SignatureInvalid) as caught:
        ask(told, context, WsSecurity())
    assert caught.value.details["reason"] == "digest"
    with pytest.raises(SignatureInvalid, match="not allowed by the policy"):
        ask(told, context, WsSecurity(verify=AnswerPolicy(algorithms=("ES256",))))


def test_an_algorithm_of_another_curve_is_refused(keys: dict[str, Any]) -> None:
    """ES384 is P-384 and nothing else: the key must fit the algorithm that the message names."""
    root = chains.node("CN=Root", ca=True)
    node = root.agency("G01", keys["ES384"])
    message = foreign("ES384", node).replace(METHODS["ES384"].encode(), METHODS["ES512"].encode())
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(message, trust=TrustStore([root.certificate]))
    assert caught.value.details["reason"] == "key"


@pytest.mark.parametrize("name", ["RS384", "RS512", "PS384", "ES384"])
def test_we_sign_with_none_of_them(name: str, keys: dict[str, Any]) -> None:
    """What is read is more than what is written (Circular 15/2025/TT-BKHCN, our choice of one curve)."""
    node = chains.node("CN=Root", ca=True).agency("H21", keys["RS"])
    with pytest.raises(Misconfigured):
        signer(node).with_algorithm(name)


# --- what an unsigned fault said -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("<faultcode>w:FailedCheck</faultcode><faultstring>lộ tên Nguyễn Văn A</faultstring>", "FailedCheck"),
        (
            "<faultcode>s:Client</faultcode><detail><errorCode>CERT_UNKNOWN</errorCode></detail>",
            "CERT_UNKNOWN",
        ),
        ("<faultcode>s:a b&lt;c</faultcode>", "a-b-c"),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_what_an_unsigned_fault_said_is_named_as_unverified(
    told: Any, ours: chains.Node, root: chains.Node, fault: str, code: str, status: int
) -> None:
    """So services say what they have against us; nobody could find out. Its text never stands there."""
    told.status = status
    told.envelope(f'<s:Fault xmlns:w="urn:w">{fault}</s:Fault>')
    context = Context(signer=signer(ours), trust=TrustStore([root.certificate]))
    with pytest.raises(SignatureInvalid) as caught:
        ask(told, context, WsSecurity())
    assert f"{code}, which is unverified" in caught.value.message
    assert caught.value.details["unverified"] == code
    assert caught.value.details["reason"] == "no-security"
    assert "Nguyễn" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<r><code>1</code></r>", b"<x", b"<r><Fault>1</Fault></r>"])
def test_nothing_is_named_where_there_is_no_fault(
    told: Any, ours: chains.Node, root: chains.Node, body: bytes
) -> None:
    told.body = b'<s:Envelope xmlns:s="' + SPACE.encode() + b'"><s:Body>' + body + b"</s:Body></s:Envelope>"
    context = Context(signer=signer(ours), trust=TrustStore([root.certificate]))
    with pytest.raises(SignatureInvalid) as caught:
        ask(told, context, WsSecurity())
    assert "unverified" not in caught.value.details
