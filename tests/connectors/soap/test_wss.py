"""WS-Security through the connector: what is sent, what node-soap makes of it, and what is refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import counterparts
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from envelope_attacks import ATTACKS, PAYMENT, RULES, Parts
from lxml import etree

from lienthong.connector import Batch, Context, Question
from lienthong.errors import LienThongError, Misconfigured, ProtocolViolation, SignatureInvalid
from lienthong.records import canonical
from lienthong.signing import KeyRing, LocalSigner, TrustStore, wsse
from lienthong.signing.keys import create_development_keys
from lienthong_connectors.soap import (
    Addressing,
    AnswerPolicy,
    ResultCodes,
    SoapLookup,
    SoapTarget,
    WsSecurity,
)

WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
Partner = tuple[LocalSigner, Path, Path]
OK = "<r xmlns='urn:t'><code>1</code></r>"


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    home = tmp_path_factory.mktemp("keys")
    for agency in ("H21.129", "G01"):
        create_development_keys(home, agency)
    return KeyRing.for_home(home)


def self_signed(key: Any, *, start: datetime | None = None, days: float = 30) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "G01")])
    begin = start or datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin)
    builder = builder.not_valid_after(begin + timedelta(days=days))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return builder.sign(key, hashes.SHA256())


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Partner:
    """An RSA key with a certificate, as objects and as PEM files."""
    folder = tmp_path_factory.mktemp("partner")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = self_signed(key)
    pem, certificate_pem = folder / "key.pem", folder / "certificate.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    return LocalSigner(key, agency="G01", certificate=certificate), pem, certificate_pem


@pytest.fixture(scope="module")
def node(partner: Partner) -> Iterator[str]:
    with counterparts.node("wss.mjs", partner[1], partner[2], "mật khẩu") as port:
        yield f"http://127.0.0.1:{port}"


def ask(told: Any, context: Context, security: WsSecurity, **options: Any) -> Any:
    connection = told.connection(**options.pop("extra", {}))
    settings = SoapLookup(operation="get", namespace="urn:t", security=security, **options)
    opened = settings.open_lookup(connection, context)
    try:
        return opened.ask(Question("1", {}, "cb", "tt", "md"))
    finally:
        opened.close()


@pytest.mark.parametrize("key_info", ["token", "issuer-serial", "ski"])
@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_signed_requests_verify(
    told: Any,
    tools: Any,
    partner: Partner,
    key_info: Any,
    algorithm: Any,
    version: Any,
) -> None:
    """Body, timestamp, UsernameToken and chosen headers are covered, however the key is named."""
    signer = partner[0]
    told.envelope(OK, tools.SOAP11 if version == "1.1" else tools.SOAP12)
    security = WsSecurity(
        algorithm=algorithm, key_info=key_info, headers=("{urn:h}x",), username_token="digest", verify=None
    )
    headers = {"{urn:h}x": {"v": "á & <b>"}}
    extra = {"login": "u", "password": "p"}
    ask(told, Context(signer=signer), security, soap_version=version, soap_headers=headers, extra=extra)
    policy = wsse.VerifyPolicy(headers=("{urn:h}x",))
    verified = wsse.verify(told.requests[-1][2], trust=TrustStore([signer.certificate]), policy=policy)
    assert verified.algorithm == algorithm
    assert {name.rpartition("}")[2] for name in verified.covered} == {
        "Body",
        "Timestamp",
        "UsernameToken",
        "x",
    }


def test_a_list_is_signed_while_it_is_written(told: Any, ring: KeyRing, tools: Any) -> None:
    """The Body's digest comes from the first writing; what is sent second has it, and its length."""
    told.envelope("<r><code>1</code></r>")
    settings = SoapTarget(
        operation="put",
        namespace="urn:t",
        request={"item": {"$each": {"id": "$key", "name": "$record.name"}}},
        result=ResultCodes(path="code", acknowledged=("1",)),
        security=WsSecurity(verify=None),
        addressing=None,
    )
    target = settings.open_target(told.connection(), Context(signer=ring.signer("H21.129")))
    records = tuple(canonical({"id": str(n), "name": f"Trần <Thị> & \r {n}"}) for n in range(5000))
    assert target.deliver(Batch("ab" * 32, records, ("id",))).acknowledged == 5000
    target.close()
    _, headers, body = told.requests[-1]
    assert int(headers["content-length"]) == len(body) > 300_000
    verified = wsse.verify(body, trust=ring.trust(), policy=wsse.VerifyPolicy())
    assert verified.agency == "H21.129"
    assert len(verified.body[0]) == 5000


@pytest.mark.parametrize("version", ["1.0", "2004/08"])
def test_addressing_is_signed_and_the_same_on_every_try(told: Any, ring: KeyRing, version: Any) -> None:
    """MessageID is the request id of a delivery; To, Action and ReplyTo stand beside it, all covered."""
    space = {"1.0": ADDRESSING, "2004/08": SUBMISSION}[version]
    told.act = lambda handler: echo(handler, told, space)
    settings = SoapTarget(
        operation="put",
        namespace="urn:t",
        action="urn:t:put",
        request={"id": "$request.id"},
        result=ResultCodes(path="code", acknowledged=("1",)),
        security=WsSecurity(verify=None),
        addressing=Addressing(version=version, must_understand=True),
    )
    target = settings.open_target(told.connection(), Context(signer=ring.signer("H21.129")))
    for _ in range(2):
        assert target.deliver(Batch("ab" * 32, (canonical({"id": "1"}),), ("id",))).acknowledged == 1
    target.close()
    ids = set()
    for _, _, body in told.requests:
        verified = wsse.verify(body, trust=ring.trust(), policy=wsse.VerifyPolicy())
        said = {etree.QName(one).localname: one for one in verified.headers}
        assert set(said) == {"MessageID", "To", "Action", "ReplyTo"}
        assert said["To"].text == told.url
        assert said["Action"].text == "urn:t:put"
        assert said["ReplyTo"][0].text.endswith("anonymous")
        assert "1" in dict(said["To"].attrib).values()
        ids.add(said["MessageID"].text)
        assert said["MessageID"].text.removeprefix("urn:uuid:").replace("-", "") == verified.body[0][0].text
    assert len(ids) == 1


ADDRESSING = "http://www.w3.org/2005/08/addressing"
SUBMISSION = "http://schemas.xmlsoap.org/ws/2004/08/addressing"


def echo(handler: Any, told: Any, space: str, *, related: str | None = None, fault: bool = False) -> None:
    """Answer the request with its own MessageID, or another."""
    said = etree.fromstring(told.requests[-1][2]).findtext(f".//{{{space}}}MessageID")
    relation = f'<a:RelatesTo xmlns:a="{space}">{said if related is None else related}</a:RelatesTo>'
    inner = "<s:Fault><faultcode>s:Client</faultcode></s:Fault>" if fault else "<r><code>1</code></r>"
    told.reply(handler, inner, "" if related == "" else relation)


@pytest.mark.parametrize(
    ("related", "fault", "error"),
    [
        (None, False, None),
        ("", False, "does not say to which message"),
        ("urn:uuid:0", False, "is to another message"),
        ("urn:uuid:0", True, "is to another message"),
        ("", True, "refused the record"),
    ],
)
def test_answers_must_be_to_our_message(told: Any, related: Any, fault: bool, error: Any) -> None:
    """An answer to somebody else's request is not read; only a fault may leave RelatesTo out."""
    told.act = lambda handler: echo(handler, told, ADDRESSING, related=related, fault=fault)
    settings = SoapLookup(operation="get", namespace="urn:t", action="urn:a", addressing=Addressing())
    opened = settings.open_lookup(told.connection(), Context())
    question = Question("1", {}, "cb", "tt", "md")
    if error is None:
        assert opened.ask(question) == {"code": "1"}
        assert opened.ask(question) == {"code": "1"}
        ids = {etree.fromstring(body).findtext(f".//{{{ADDRESSING}}}MessageID") for *_, body in told.requests}
        assert len(ids) == 2  # a question is a new message each time
    else:
        with pytest.raises(LienThongError, match=error):
            opened.ask(question)
    opened.close()


def test_addressing_without_an_action_is_misconfigured(told: Any) -> None:
    """Nothing is sent where neither settings nor WSDL say what the Action is."""
    settings = SoapLookup(operation="get", namespace="urn:t", addressing=Addressing())
    opened = settings.open_lookup(told.connection(), Context())
    with pytest.raises(Misconfigured, match=r"addressing\.action"):
        opened.ask(Question("1", {}, "cb", "tt", "md"))
    assert not told.requests
    opened.close()


def test_a_timestamp_goes_alone(told: Any) -> None:
    """Without a key and a user name there is still a Security header with the times."""
    told.envelope(OK)
    ask(told, Context(), WsSecurity(sign=False, verify=None, lifetime=90, must_understand=False))
    security = etree.fromstring(told.requests[-1][2]).find(f".//{WSSE}Security")
    assert [child.tag for child in security] == [f"{WSU}Timestamp"]
    created, expires = (datetime.fromisoformat(one.text) for one in security[0])
    assert expires - created == timedelta(seconds=90)
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=30)
    assert not security.attrib


@pytest.mark.parametrize(
    ("created", "expires", "reason"),
    [
        (0, 300, ""),
        (50, 300, ""),
        (-400, -30, ""),
        (90, 300, "future"),
        (-400, -90, "expired-timestamp"),
        (-400, None, "stale"),
        (None, None, "timestamp"),
    ],
)
def test_unsigned_timestamps_of_answers_are_checked(
    told: Any, created: int | None, expires: int | None, reason: str
) -> None:
    """Where answers need no signature their timestamp is still believed, within the tolerance of clocks."""

    def at(seconds: int | None, name: str) -> str:
        if seconds is None:
            return f"<u:{name}>gestern</u:{name}>" if name == "Created" else ""
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        return f"<u:{name}>{moment.isoformat()}</u:{name}>"

    stamp = (
        f'<u:Timestamp xmlns:u="{WSU[1:-1]}">{at(created, "Created")}{at(expires, "Expires")}</u:Timestamp>'
    )
    header = f'<w:Security xmlns:w="{WSSE[1:-1]}" s:mustUnderstand="1">{stamp}</w:Security>'
    told.act = lambda handler: told.reply(handler, OK, header)
    security = WsSecurity(sign=False, verify=None, skew=60)
    if not reason:
        assert ask(told, Context(), security) == {"code": "1"}
    else:
        with pytest.raises(ProtocolViolation) as caught:
            ask(told, Context(), security)
        assert caught.value.details["reason"] == reason


@pytest.mark.parametrize(("attack", "reason"), ATTACKS, ids=lambda a: getattr(a, "__name__", None))
def test_rearranged_answers_are_refused_by_name(
    told: Any, ring: KeyRing, attack: Callable[[Any], None], reason: str
) -> None:
    """Every known signature wrapping is refused where an exchange would read it, by its reason."""
    parts = Parts(ring.signer("G01"))
    attack(parts)
    assert refusal(told, ring, parts.bytes()) == reason


@pytest.mark.parametrize(("change", "reason"), RULES)
def test_answers_signed_against_the_rules_are_refused_by_name(
    told: Any, ring: KeyRing, change: Callable[[Any], None], reason: str
) -> None:
    """A trusted signer cannot have a Body read that his signature does not cover as it must."""
    parts = Parts(ring.signer("G01"))
    change(parts)
    parts.resign(ring.signer("G01"))
    assert refusal(told, ring, parts.bytes()) in {reason, *reason.split("-or-")}


def refusal(told: Any, ring: KeyRing, body: bytes, trust: TrustStore | None = None, **policy: Any) -> str:
    told.body = body
    security = WsSecurity(sign=False, verify=AnswerPolicy(**policy))
    with pytest.raises(SignatureInvalid) as caught:
        ask(told, Context(trust=trust or ring.trust()), security)
    return str(caught.value.details["reason"])


def test_who_signed_when_is_checked_by_name(told: Any, ring: KeyRing) -> None:
    """Foreign, expired and early certificates; stale, future, missing timestamps; another agency or key."""
    now = datetime.now(UTC)
    signer = ring.signer("G01")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def signed(start: datetime, days: float) -> tuple[bytes, TrustStore]:
        certificate = self_signed(key, start=start, days=days)
        return wsse.sign(PAYMENT, LocalSigner(key, agency="G01", certificate=certificate)), TrustStore(
            [certificate]
        )

    foreign, _ = signed(now - timedelta(days=1), 2)
    assert refusal(told, ring, foreign) == "untrusted"
    assert refusal(told, ring, *signed(now - timedelta(days=9), 2)) == "expired"
    assert refusal(told, ring, *signed(now + timedelta(days=1), 2)) == "not-yet-valid"
    for seconds, reason in ((-400, "stale"), (90, "future")):
        body = wsse.sign(PAYMENT, signer, at=now + timedelta(seconds=seconds))
        assert refusal(told, ring, body) == reason
    short = wsse.SignPolicy(lifetime=1)
    assert refusal(told, ring, wsse.sign(PAYMENT, signer, policy=short, at=now - timedelta(seconds=90))) == (
        "expired-timestamp"
    )
    assert (
        refusal(told, ring, wsse.sign(PAYMENT, signer, policy=wsse.SignPolicy(timestamp=False)))
        == "no-timestamp"
    )
    good = wsse.sign(PAYMENT, signer)
    assert refusal(told, ring, good, signed_by="G22") == "signer"
    assert refusal(told, ring, good, certificate="0" * 64) == "signer"
    assert refusal(told, ring, good, cover=("{urn:h}x",)) == "uncovered"
    assert refusal(told, ring, good, algorithms=("RS256",)) == "algorithm"
    pinned = signer.certificate.fingerprint(hashes.SHA256()).hex()
    told.body = good
    security = WsSecurity(sign=False, verify=AnswerPolicy(signed_by="G01", certificate=pinned))
    assert ask(told, Context(trust=ring.trust()), security) == {"value": "357000"}


def test_sha1_is_read_only_for_a_partner_who_is_allowed_it(told: Any, ring: KeyRing) -> None:
    """An old envelope of zeep, RSA-SHA1, is refused by name; with the flag its age is what is refused."""
    fixtures = Path(__file__).parents[2] / "signing" / "fixtures"
    old = (fixtures / "wsse" / "zeep-sha1-soap11.xml").read_bytes()
    assert refusal(told, ring, old) == "sha1"
    assert refusal(told, ring, old, allow_sha1=True) != "sha1"


def test_a_signed_answer_that_demands_more_is_refused(told: Any, ring: KeyRing, tools: Any) -> None:
    """An unsigned header that must be understood is seen, though nothing of it is read."""
    told.body = wsse.sign(tools.envelope(OK), ring.signer("G01")).replace(
        b"<s:Header>", b'<s:Header><x:t xmlns:x="urn:x" s:mustUnderstand="1"/>'
    )
    security = WsSecurity(sign=False, verify=AnswerPolicy())
    with pytest.raises(ProtocolViolation, match="be understood"):
        ask(told, Context(trust=ring.trust()), security)
    assert ask(told, Context(trust=ring.trust()), security, understands=("{urn:x}t",)) == {"code": "1"}


def test_a_user_name_needs_credentials(told: Any) -> None:
    """Missing credentials are named when the connector is opened."""
    for kind in ("text", "digest"):
        settings = SoapLookup(
            operation="get",
            namespace="urn:t",
            security=WsSecurity(sign=False, verify=None, username_token=kind),  # type: ignore[arg-type]
        )
        with pytest.raises(Misconfigured, match="login"):
            settings.open_lookup(told.connection(), Context())
        with pytest.raises(Misconfigured, match="wss_password"):
            settings.open_lookup(told.connection(wss_login="u"), Context())


@pytest.mark.parametrize(("kind", "named"), [("text", "PasswordText"), ("digest", "PasswordDigest")])
def test_node_accepts_our_user_name_tokens(told: Any, node: str, kind: Any, named: str) -> None:
    """Soap's own passwordDigest gives what we sent; the connection's WS-Security credentials go first."""
    told.envelope(OK)
    extra = {"login": "x", "password": "y", "wss_login": "cán bộ", "wss_password": "mật khẩu"}
    ask(told, Context(), WsSecurity(sign=False, verify=None, username_token=kind), extra=extra)
    said = requests.post(f"{node}/token", data=told.requests[-1][2], timeout=60).json()
    assert said == {"kind": named, "user": "cán bộ", "right": True}
    nonce = etree.fromstring(told.requests[-1][2]).findtext(f".//{WSSE}Nonce")
    assert len(base64.b64decode(nonce or "")) >= 16


def test_node_s_user_name_tokens_are_what_the_profile_says(node: str, tools: Any) -> None:
    """The digest of node-soap's token is ours (UsernameToken profile 1.1.1, section 3.1)."""
    envelope = tools.envelope(OK).replace(b"<s:Body>", b"<s:Header></s:Header><s:Body>")
    root = etree.fromstring(requests.post(f"{node}/username/digest", data=envelope, timeout=60).content)
    nonce = base64.b64decode(root.findtext(f".//{WSSE}Nonce") or "")
    created = datetime.fromisoformat(root.findtext(f".//{WSSE}UsernameToken/{WSU}Created") or "")
    ours = wsse.username_token("cán bộ", "mật khẩu", nonce=nonce, created=created)
    text = root.findtext(f".//{WSSE}UsernameToken/{WSU}Created") or ""
    digest = hashlib.sha1(nonce + text.encode() + "mật khẩu".encode(), usedforsecurity=False).digest()
    assert root.findtext(f".//{WSSE}Password") == base64.b64encode(digest).decode()
    if text == ours.findtext(f"{WSU}Created"):
        assert ours.findtext(f"{WSSE}Password") == root.findtext(f".//{WSSE}Password")


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_node_accepts_our_signatures(
    told: Any, tools: Any, node: str, partner: Partner, version: Any
) -> None:
    """xml-crypto finds digests and signature right, and a forgery wrong."""
    told.envelope(OK, tools.SOAP11 if version == "1.1" else tools.SOAP12)
    settings = WsSecurity(verify=None, algorithm="RS256")
    ask(told, Context(signer=partner[0]), settings, soap_version=version, request={"a": "Nguyễn <&> \n é"})
    body = told.requests[-1][2]
    said = requests.post(f"{node}/verify", data=body, timeout=60).json()
    assert said["holds"]
    assert any("Nguyễn &lt;&amp;&gt;" in one for one in said["signed"])
    assert len(said["signed"]) == 2
    other = body.replace("Nguyễn".encode(), b"Nguyen")
    forged = requests.post(f"{node}/verify", data=other, timeout=60)
    assert not (forged.ok and forged.json()["holds"])


def test_answers_signed_by_node_are_read(told: Any, tools: Any, node: str, partner: Partner) -> None:
    """An envelope signed by WSSecurityCert (RSA-SHA256) is accepted; a changed one is not."""
    plain = tools.envelope(OK).replace(b"<s:Body>", b"<s:Header></s:Header><s:Body>")
    told.body = requests.post(f"{node}/sign", data=plain, timeout=60).content
    assert b"SignatureValue" in told.body
    trust = TrustStore([partner[0].certificate])
    security = WsSecurity(sign=False, verify=AnswerPolicy(signed_by="G01", algorithms=("RS256",)))
    assert ask(told, Context(trust=trust), security) == {"code": "1"}
    told.body = told.body.replace(b"<code>1<", b"<code>2<")
    with pytest.raises(SignatureInvalid):
        ask(told, Context(trust=trust), security)
