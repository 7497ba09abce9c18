"""Signatures on requests and answers hold for somebody who shares no code with us."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lienthong.errors import InvalidExchange, Misconfigured, SignatureInvalid
from lienthong.signing import LocalSigner, TrustStore
from lienthong.signing.keys import create_development_keys
from lienthong_connectors.rest import HttpSignature, RestSource, RestTarget

ROWS = [{"id": 1, "ten": "Bình"}]


class Partner:
    """The other side, written from the text of RFC 9421 and RFC 9530 alone."""

    def __init__(self, agency: Any, home: Path) -> None:
        self.agency, self.begun = agency, time.time()
        ours = create_development_keys(home, "H21.129")
        theirs = create_development_keys(home, "G22")
        self.signer = LocalSigner.from_pem(ours.key, agency="H21.129", certificate=ours.certificate)
        self.trust = TrustStore.from_pem([theirs.certificate])
        self.key_id = theirs.key_id
        key = load_pem_private_key(theirs.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key
        public = self.signer.certificate.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        self.ours = public

    def context(self) -> Any:
        return self.agency.context(signer=self.signer, trust=self.trust)

    def check(self, asked: Any) -> list[str]:
        """Check a request's signature from its bytes; return what it covers."""
        found = re.fullmatch(r"(\w+)=(\((.*?)\)(;.*))", asked.headers["signature-input"])
        assert found is not None
        label, params, inner = found.group(1), found.group(2), found.group(3)
        names = re.findall(r'"([^"]+)"', inner)
        special = {
            "@method": asked.method,
            "@target-uri": f"http://127.0.0.1:{self.agency.port}{asked.target}",
        }
        lines = [f'"{n}": {special[n] if n in special else asked.headers[n]}' for n in names]
        base = "\n".join([*lines, f'"@signature-params": {params}']).encode()
        text = asked.headers["signature"]
        raw = base64.b64decode(text[len(label) + 2 : -1])
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        self.ours.verify(der, base, ec.ECDSA(hashes.SHA256()))
        if asked.body:
            assert asked.headers["content-digest"] == self.digest(asked.body)
        created = re.search(r";created=(\d+)", params)
        assert created is not None
        assert self.begun - 1 <= int(created.group(1)) <= time.time()
        return names

    @staticmethod
    def digest(body: bytes) -> str:
        return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"

    def answer(
        self, body: bytes, *, covered: str = '"@status" "content-digest"', age: int = 0, status: int = 200
    ) -> bytes:
        """Sign an answer and return its bytes."""
        params = f'({covered});created={int(time.time()) - age};keyid="{self.key_id}";alg="ecdsa-p256-sha256"'
        values = {
            "@status": str(status),
            "content-digest": self.digest(body),
            "content-type": "application/json",
        }
        lines = [f'"{n}": {values[n]}' for n in re.findall(r'"([^"]+)"', covered)]
        base = "\n".join([*lines, f'"@signature-params": {params}']).encode()
        r, s = decode_dss_signature(self.key.sign(base, ec.ECDSA(hashes.SHA256())))
        raw = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
        headers = {
            "Content-Digest": values["content-digest"],
            "Signature-Input": f"sig={params}",
            "Signature": f"sig=:{raw}:",
        }
        return bytes(self.agency.response(raw=body, headers=headers, status=status))


@pytest.fixture
def partner(agency: Any, tmp_path: Path) -> Partner:
    return Partner(agency, tmp_path)


def test_a_signed_delivery_covers_target_body_type_and_key(agency: Any, partner: Partner) -> None:
    agency.default = agency.response({})
    settings = RestTarget(path="x", params={"a": "b c"}, signature=HttpSignature())
    target = settings.open_target(agency.connection(auth="bearer", token="T"), partner.context())
    target.deliver(agency.batch(*ROWS))
    target.close()
    names = partner.check(agency.asked[0])
    assert {"@method", "@target-uri", "content-digest", "content-type", "idempotency-key"} <= set(names)
    assert "authorization" in names


def test_a_signed_page_request_holds_without_a_body(agency: Any, partner: Partner) -> None:
    agency.default = agency.response(ROWS)
    settings = RestSource(path="x", params={"tên": "Huế"}, signature=HttpSignature(tag="lienthong"))
    source = settings.open_source(agency.connection(), partner.context())
    list(source.read(_request()))
    source.close()
    assert partner.check(agency.asked[0]) == ["@method", "@target-uri"]
    assert ';tag="lienthong"' in agency.asked[0].headers["signature-input"]


def test_the_body_with_the_portals_session_is_what_is_signed(agency: Any, partner: Partner) -> None:
    agency.steps = [agency.response({"session": "s", "error_code": 0})]
    agency.default = agency.response({})
    portal = {"auth": "dvcqg-session", "token_url": "/l", "dstcode": "d", "madonvi": "m"}
    settings = RestTarget(path="x", wrap={"data": "$records"}, signature=HttpSignature())
    connection = agency.connection(**portal, login="u", password="p")
    target = settings.open_target(connection, partner.context())
    target.deliver(agency.batch(*ROWS))
    target.close()
    partner.check(agency.asked[1])
    assert agency.asked[1].json()["session"] == "s"


def _verified(agency: Any, partner: Partner) -> Any:
    settings = RestTarget(path="x", signature=HttpSignature(verify=True))
    target = settings.open_target(agency.connection(), partner.context())
    agency.opened.append(target)
    return target


def test_a_signed_answer_names_its_signer_in_the_receipt(agency: Any, partner: Partner) -> None:
    agency.default = partner.answer(b'{"ok":true}')
    answer = _verified(agency, partner).deliver(agency.batch(*ROWS))
    assert answer.receipts[0].signed_by == "G22"


@pytest.mark.parametrize("how", ["unsigned", "body", "status", "digest-not-covered", "stale", "stranger"])
def test_an_answer_that_is_not_signed_as_agreed_is_an_alarm(
    agency: Any, partner: Partner, how: str, tmp_path: Path
) -> None:
    good = partner.answer(b'{"ok":true}')
    if how == "unsigned":
        good = agency.response({"ok": True})
    elif how == "body":
        good = good.replace(b"true", b"nope")
    elif how == "status":
        good = good.replace(b"200 X", b"201 X")
    elif how == "digest-not-covered":
        good = partner.answer(b'{"ok":true}', covered='"@status" "content-type"')
    elif how == "stale":
        good = partner.answer(b'{"ok":true}', age=1000)
    else:
        other = create_development_keys(tmp_path, "H99")
        good = good.replace(partner.key_id.encode(), other.key_id.encode())
    agency.default = good
    with pytest.raises(SignatureInvalid):
        _verified(agency, partner).deliver(agency.batch(*ROWS))


def test_a_source_notes_who_signed_its_pages(agency: Any, partner: Partner) -> None:
    agency.default = partner.answer(b'[{"id":1}]')
    settings = RestSource(path="x", signature=HttpSignature(sign=False, verify=True))
    source = settings.open_source(agency.connection(), partner.context())
    (page,) = source.read(_request())
    source.close()
    assert page.notes["signed_by"] == "G22"
    assert "signature" not in agency.asked[0].headers


@pytest.mark.parametrize("signature", [HttpSignature(), HttpSignature(sign=False, verify=True)])
def test_a_missing_key_is_said_before_anything_leaves(agency: Any, signature: HttpSignature) -> None:
    with pytest.raises(Misconfigured):
        agency.target(RestTarget(path="x", signature=signature))


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("max_age", {"max_age": 0}),
        ("skew", {"skew": -1}),
        ("algorithm", {"algorithm": "ed25519"}),
        ("algorithm", {"algorithm": "ES256"}),
        ("accepted", {"accepted": ()}),
        ("accepted", {"accepted": ("hmac-sha256",)}),
        ("digest", {"digest": "md5"}),
        ("cover", {"cover": "x-request-id"}),
        ("cover", {"cover": ("X-Request-Id",)}),
        ("cover", {"cover": ("@status",)}),
        ("require", {"require": ("date\n",)}),
        ("bound", {"bound": "yes"}),
        ("bound", {"bound": "request", "sign": False}),
    ],
)
def test_impossible_settings_are_refused_when_the_file_is_parsed(field: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidExchange, match=rf"signature\.{field}'"):
        HttpSignature(**given)


def test_the_settings_name_the_algorithms_that_there_are() -> None:
    """The settings load no cryptography, so they have a list of their own."""
    from lienthong.signing import _http_keys
    from lienthong_connectors.http import signature

    assert set(signature.VERIFYING) == set(_http_keys._JOSE) - {"hmac-sha256"}
    assert HttpSignature().accepted == ("ecdsa-p256-sha256", "rsa-pss-sha512")


def test_an_algorithm_that_the_key_cannot_is_said_before_anything_leaves(
    agency: Any, partner: Partner
) -> None:
    settings = RestTarget(path="x", signature=HttpSignature(algorithm="rsa-v1_5-sha256"))
    with pytest.raises(Misconfigured, match="RS256"):
        settings.open_target(agency.connection(), partner.context())
    assert agency.asked == []


def test_a_component_that_the_request_lacks_is_said_before_it_leaves(agency: Any, partner: Partner) -> None:
    settings = RestTarget(path="x", signature=HttpSignature(cover=("x-road-client",)))
    target = settings.open_target(agency.connection(), partner.context())
    agency.opened.append(target)
    with pytest.raises(Misconfigured, match="x-road-client"):
        target.deliver(agency.batch(*ROWS))
    assert agency.asked == []


def test_every_request_has_a_nonce_of_its_own(agency: Any, partner: Partner) -> None:
    """The same delivery sent again is another message."""
    agency.default = agency.response({})
    settings = RestTarget(path="x", signature=HttpSignature(digest="sha-512"))
    target = settings.open_target(agency.connection(), partner.context())
    agency.opened.append(target)
    for _ in range(2):
        target.deliver(agency.batch(*ROWS))
    nonces = [re.findall(r';nonce="([\w-]{22})"', one.headers["signature-input"]) for one in agency.asked]
    assert len(nonces[0]) == 1
    assert nonces[0] != nonces[1]
    assert agency.asked[0].headers["content-digest"].startswith("sha-512=:")


@pytest.mark.parametrize(("ahead", "reason"), [(20, ""), (40, "created")])
def test_a_clock_that_is_ahead_is_borne_as_far_as_agreed(
    agency: Any, partner: Partner, ahead: int, reason: str
) -> None:
    """Thirty seconds unless the settings say otherwise; a window of zero still takes the present."""
    agency.default = partner.answer(b'{"ok":true}', age=-ahead)
    target = _verified(agency, partner)
    if not reason:
        target.deliver(agency.batch(*ROWS))
        return
    with pytest.raises(SignatureInvalid) as caught:
        target.deliver(agency.batch(*ROWS))
    assert caught.value.details["reason"] == reason


def test_an_answer_without_content_needs_no_digest_and_one_that_lost_it_does(
    agency: Any, partner: Partner
) -> None:
    """204 is inside the signature: nobody can turn a page into it, nor a 200 into nothing."""
    target = _verified(agency, partner)
    agency.default = partner.answer(b"", covered='"@status"', status=204)
    assert target.deliver(agency.batch(*ROWS)).receipts[0].signed_by == "G22"
    agency.default = partner.answer(b"", covered='"@status"')
    with pytest.raises(SignatureInvalid) as caught:
        target.deliver(agency.batch(*ROWS))
    assert caught.value.details["reason"] == "coverage"


def _request() -> Any:
    from lienthong.connector import ReadRequest

    return ReadRequest()
