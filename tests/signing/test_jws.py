"""Compact JWS: what is accepted, and that nothing else is."""

from __future__ import annotations

import base64
import json
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import LocalSigner, Signer, TrustStore, jws

TYP = "lienthong-statement+jws"
ALPHABET = string.ascii_letters + string.digits + "-_"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _refused(token: str, trust: TrustStore, **kwargs: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        jws.verify(token, trust=trust, **{"typ": TYP, **kwargs})
    return str(caught.value.details["reason"])


def _forge(signer: Signer, change: Any, payload: bytes = b"x") -> str:
    """Sign a token whose header was changed first, so that only the header rules can refuse it."""
    header = json.loads(base64.urlsafe_b64decode(jws.sign(b"", signer, typ=TYP).split(".")[0] + "=="))
    changed = change(header)
    text = changed if isinstance(changed, bytes) else json.dumps(changed or header).encode()
    signing_input = f"{_b64(text)}.{_b64(payload)}"
    return f"{signing_input}.{_b64(signer.sign(signing_input.encode()))}"


def test_what_was_signed_comes_back(signer: Signer, trust: TrustStore) -> None:
    payload = "Hồ sơ số 1".encode()
    verified = jws.verify(jws.sign(payload, signer, typ=TYP, headers={"run": "r1"}), trust=trust, typ=TYP)
    assert verified.payload == payload
    assert verified.agency == signer.agency
    assert verified.certificate == signer.certificate
    assert verified.header["run"] == "r1"
    assert verified.header["kid"] == signer.key_id


@given(payload=st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_every_payload_survives(payload: bytes, signer: Signer, trust: TrustStore) -> None:
    assert jws.verify(jws.sign(payload, signer, typ=TYP), trust=trust, typ=TYP).payload == payload


def test_changing_any_single_character_is_detected(signer: Signer, trust: TrustStore) -> None:
    """Every position, by a neighbour in the alphabet (one bit), a dot, a padding and a blank."""
    token = jws.sign(b'{"count":12}', signer, typ=TYP)
    for at, character in enumerate(token):
        neighbour = ALPHABET[(ALPHABET.index(character) ^ 1) % 64] if character != "." else "A"
        for other in {neighbour, ".", "=", " "} - {character}:
            _refused(f"{token[:at]}{other}{token[at + 1 :]}", trust)


@pytest.mark.parametrize("size", range(4))
def test_the_last_character_of_each_part_has_one_spelling(
    size: int, signer: Signer, trust: TrustStore
) -> None:
    """Base64 leaves unused bits at the end; none of the other 63 characters is taken for the same."""
    token = jws.sign(b"x" * size, signer, typ=TYP)
    ends = [len(part) for part in token.split(".")]
    for at in (ends[0] - 1, ends[0] + ends[1], len(token) - 1):
        for other in set(ALPHABET) - {token[at]}:
            _refused(f"{token[:at]}{other}{token[at + 1 :]}", trust)


def test_removing_or_inserting_a_character_is_detected(signer: Signer, trust: TrustStore) -> None:
    token = jws.sign(b"{}", signer, typ=TYP)
    for at in range(len(token)):
        _refused(token[:at] + token[at + 1 :], trust)
        for extra in ("A", ".", "=", "\n"):
            _refused(token[:at] + extra + token[at:], trust)


@given(position=st.integers(0, 5000), bit=st.integers(0, 6))
@settings(max_examples=300, deadline=None)
def test_any_bit_flip_is_detected(position: int, bit: int, signer: Signer, trust: TrustStore) -> None:
    token = jws.sign(b"payload", signer, typ=TYP)
    at = position % len(token)
    _refused(token[:at] + chr(ord(token[at]) ^ (1 << bit)) + token[at + 1 :], trust)


def test_the_allow_list_decides(rsa_signer: LocalSigner, rsa_trust: TrustStore) -> None:
    pss, old = (
        jws.sign(b"x", rsa_signer, typ=TYP),
        jws.sign(b"x", rsa_signer.with_algorithm("RS256"), typ=TYP),
    )
    assert jws.verify(pss, trust=rsa_trust, typ=TYP).payload == b"x"
    assert _refused(old, rsa_trust) == "algorithm"
    assert jws.verify(old, trust=rsa_trust, typ=TYP, algorithms=frozenset({"RS256"})).payload == b"x"
    assert _refused(pss, rsa_trust, algorithms=frozenset({"ES256"})) == "algorithm"


@pytest.mark.parametrize("name", ["none", "None", "HS256", "ES384", "", None, 256, ["ES256"]])
def test_other_algorithms_are_refused(name: Any, signer: Signer, trust: TrustStore) -> None:
    assert _refused(_forge(signer, lambda h: h.update(alg=name)), trust) == "algorithm"


def test_an_algorithm_of_another_kind_of_key_is_refused(signer: Signer, trust: TrustStore) -> None:
    assert _refused(_forge(signer, lambda h: h.update(alg="PS256")), trust) == "key"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h: h.update(typ="other"), "typ"),
        (lambda h: h.pop("typ") and None, "typ"),
        (lambda h: h.update(typ=TYP.upper()), "typ"),
        (lambda h: h.update(crit=["exp"]), "crit"),
        (lambda h: h.update(crit=[]), "crit"),
        (lambda h: h.update(b64=False), "crit"),
        (lambda h: h.update(kid="0" * 64), "certificate"),
        (lambda h: h.pop("kid") and None, "certificate"),
        (lambda h: h.pop("x5c") and None, "certificate"),
        (lambda h: h.update(x5c=[]), "certificate"),
        (lambda h: h.update(x5c="abc"), "certificate"),
        (lambda h: h.update(x5c=["AAAA"]), "certificate"),
        (lambda h: h.update(x5c=[5]), "certificate"),
        (lambda h: h.update(x5c=h["x5c"] * 7), "certificate"),
        (lambda _: b'{"typ":1,"typ":"' + TYP.encode() + b'"}', "header"),
        (lambda _: b'{"a":{"b":1,"b":2}}', "header"),
        (lambda _: b"[]", "header"),
        (lambda _: b"{", "header"),
        (lambda _: b'{"a":NaN}', "header"),
        (lambda _: b'{"a":"\xff"}', "header"),
        (lambda _: b"[" * 30_000, "header"),
        (lambda h: {**h, "pad": "x" * 70_000}, "size"),
    ],
)
def test_headers_are_read_strictly(change: Any, reason: str, signer: Signer, trust: TrustStore) -> None:
    """Each header is signed properly: only the rule about it can refuse it."""
    assert _refused(_forge(signer, change), trust) == reason


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c.d", "{}", "é.é.é", '{"payload":""}'])
def test_other_forms_are_refused(token: str, trust: TrustStore) -> None:
    assert _refused(token, trust) in {"form", "header"}


def test_a_huge_token_is_refused_before_it_is_read(trust: TrustStore) -> None:
    assert _refused("a" * (jws.MAX_TOKEN + 1), trust) == "size"
    assert _refused("e30.e30." + "A" * 5000, trust) == "size"


def test_a_stranger_is_refused(rsa_signer: LocalSigner, trust: TrustStore) -> None:
    assert _refused(jws.sign(b"x", rsa_signer, typ=TYP), trust) == "untrusted"


def test_a_strangers_signature_under_a_trusted_certificate_is_refused(
    signer: Signer, trust: TrustStore, p256: Any, make_certificate: Any
) -> None:
    """The header is the victim's, the signature is not."""
    stranger = LocalSigner(p256, agency="X", certificate=make_certificate("X", p256))
    head, body, _ = jws.sign(b"x", signer, typ=TYP).split(".")
    forged = f"{head}.{body}.{_b64(stranger.sign(f'{head}.{body}'.encode()))}"
    assert _refused(forged, trust) == "signature"


def test_the_certificate_counts_at_the_time_of_signing(signer: Signer, trust: TrustStore) -> None:
    token = jws.sign(b"x", signer, typ=TYP)
    assert _refused(token, trust, at=datetime.now(UTC) + timedelta(days=3000)) == "expired"
    assert _refused(token, trust, at=datetime(2001, 1, 1, tzinfo=UTC)) == "not-yet-valid"


@pytest.mark.parametrize("name", ["alg", "kid", "typ", "x5c", "crit", "jku"])
def test_the_callers_headers_cannot_replace_ours(name: str, signer: Signer) -> None:
    with pytest.raises(Misconfigured, match=name):
        jws.sign(b"x", signer, typ=TYP, headers={name: "x"})


@pytest.mark.parametrize("name", ["joserfc-ES256", "joserfc-PS256"])
def test_tokens_of_another_library_are_accepted(name: str, fixtures: Path, partner_trust: TrustStore) -> None:
    """Signed by joserfc 1.8.0; it verified ours in turn when this fixture was made."""
    token = json.loads((fixtures / "jose" / "joserfc.json").read_text())[name]
    at = datetime(2026, 6, 1, tzinfo=UTC)
    assert jws.verify(token, trust=partner_trust, typ=TYP, at=at).payload == "Biên nhận số 1".encode()


def test_refusals_carry_no_payload(signer: Signer, trust: TrustStore) -> None:
    """Errors end up in logs, payloads must not."""
    with pytest.raises(SignatureInvalid) as caught:
        jws.verify(jws.sign(b"CCCD-SECRET", signer, typ="CCCD-OTHER"), trust=trust, typ=TYP)
    assert "CCCD" not in str(caught.value)
