"""HTTP message signatures: what the policy demands, and tampering."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import KeyRing, LocalSigner, Signer, TrustStore, http
from lienthong.signing.http import HttpMessage, HttpSignaturePolicy

NOW = 1_800_000_000
BODY = '{"họ tên": "…"}'.encode()
POLICY = HttpSignaturePolicy(required=http.REQUEST_COMPONENTS)
BASE = HttpMessage(
    method="POST",
    url="https://lgsp.example.vn/v1/ho-so?trang=1",
    headers=[("Content-Type", "application/json"), ("Idempotency-Key", "k1")],
    body=BODY,
)


@pytest.fixture(scope="module", autouse=True)
def _valid_now(signer: Signer) -> None:
    """The test time lies within the validity of the fresh development certificates."""
    global NOW  # noqa: PLW0603 - one clock for the whole module
    NOW = int(signer.certificate.not_valid_before_utc.timestamp()) + 3600


def _sign(message: HttpMessage, signer: Any, **kwargs: Any) -> HttpMessage:
    given = {
        "components": (*http.REQUEST_COMPONENTS, "content-type", "idempotency-key"),
        "created": NOW,
        **kwargs,
    }
    return replace(message, headers=[*message.headers, *http.sign_message(message, signer, **given).items()])


def _check(
    message: HttpMessage, ring: KeyRing, policy: HttpSignaturePolicy = POLICY, now: float | None = None
) -> Any:
    return http.verify_message(
        message, trust_or_keys=ring.certificates(), policy=policy, now=NOW if now is None else now
    )


def _refused(
    message: HttpMessage, ring: Any, policy: HttpSignaturePolicy = POLICY, now: float | None = None
) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        _check(message, ring, policy, now)
    return str(caught.value.details["reason"])


def test_a_signed_request_is_accepted_and_says_what_was_covered(signer: Signer, ring: KeyRing) -> None:
    verified = _check(_sign(BASE, signer, nonce="n", tag="lienthong", expires=NOW + 60), ring)
    assert verified.components == (*http.REQUEST_COMPONENTS, "content-type", "idempotency-key")
    assert verified.key_id == signer.key_id
    assert verified.certificate == signer.certificate
    assert verified.parameters["tag"] == "lienthong"


def test_rsa_keys_use_the_registered_pss_and_pkcs1_only_where_allowed(
    rsa_signer: LocalSigner, rsa_trust: TrustStore
) -> None:
    """A trust store finds pinned certificates by key id."""
    pss = _sign(BASE, rsa_signer)
    assert (
        http.verify_message(pss, trust_or_keys=rsa_trust, policy=POLICY, now=NOW).algorithm
        == "rsa-pss-sha512"
    )
    old = _sign(BASE, rsa_signer.with_algorithm("RS256"))
    with pytest.raises(SignatureInvalid, match="not allowed"):
        http.verify_message(old, trust_or_keys=rsa_trust, policy=POLICY, now=NOW)
    both = replace(POLICY, algorithms=frozenset({"rsa-v1_5-sha256", "rsa-pss-sha512"}))
    assert (
        http.verify_message(old, trust_or_keys=rsa_trust, policy=both, now=NOW).algorithm == "rsa-v1_5-sha256"
    )
    silent = _sign(BASE, rsa_signer, include_alg=False)
    with pytest.raises(SignatureInvalid, match="fits several"):
        http.verify_message(silent, trust_or_keys=rsa_trust, policy=both, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": "https://lgsp.example.vn/v1/ho-so?trang=2"},
        {"url": "http://lgsp.example.vn/v1/ho-so?trang=1"},
        {"body": BODY + b" "},
        {"body": b""},
    ],
)
def test_a_changed_request_is_refused(change: dict[str, Any], signer: Signer, ring: KeyRing) -> None:
    assert _refused(replace(_sign(BASE, signer), **change), ring) in {"signature", "digest"}


def test_changing_any_character_of_any_covered_header_is_detected(signer: Signer, ring: KeyRing) -> None:
    """The signature headers included: each position, by one bit."""
    signed = _sign(BASE, signer, nonce="n1")
    for index, (name, value) in enumerate(signed.headers):
        for at in range(len(value)):
            headers = [*signed.headers]
            headers[index] = (name, value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :])
            with pytest.raises(SignatureInvalid):
                _check(replace(signed, headers=headers), ring)


def test_a_second_line_of_a_covered_header_is_detected(signer: Signer, ring: KeyRing) -> None:
    signed = _sign(BASE, signer)
    assert (
        _refused(replace(signed, headers=[*signed.headers, ("Content-Type", "text/html")]), ring)
        == "signature"
    )


@given(header=st.sampled_from(["Signature", "Signature-Input"]), text=st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_nonsense_is_refused_and_nothing_else_escapes(
    header: str, text: str, signer: Signer, ring: KeyRing
) -> None:
    signed = _sign(BASE, signer)
    headers = [(k, text if k == header else v) for k, v in signed.headers]
    _refused(replace(signed, headers=headers), ring)


@pytest.mark.parametrize("missing", http.REQUEST_COMPONENTS)
def test_required_components_must_be_covered(missing: str, signer: Signer, ring: KeyRing) -> None:
    covered = [one for one in http.REQUEST_COMPONENTS if one != missing]
    assert _refused(_sign(BASE, signer, components=covered), ring) == "coverage"


def test_a_component_of_the_request_does_not_stand_for_one_of_the_message(
    signer: Signer, ring: KeyRing
) -> None:
    """``content-digest;req`` covers the request's body, not the response's."""
    request = replace(BASE, headers=[*BASE.headers, ("Content-Digest", "sha-256=:AA==:")])
    answer = HttpMessage(status=200, body=b"forged", request=request)
    signed = _sign(answer, signer, components=("@status", "content-digest;req"))
    assert _refused(signed, ring, HttpSignaturePolicy(required=("@status",))) == "coverage"


def test_a_body_must_be_covered_even_if_the_policy_forgets_it(signer: Signer, ring: KeyRing) -> None:
    signed = _sign(BASE, signer, components=("@method",))
    assert _refused(signed, ring, HttpSignaturePolicy(required=("@method",))) == "coverage"
    _check(signed, ring, HttpSignaturePolicy(required=("@method",), body_covered=False))


def test_a_response_can_be_tied_to_its_request(signer: Signer, ring: KeyRing) -> None:
    components = (*http.RESPONSE_COMPONENTS, "@method;req", "@target-uri;req", "idempotency-key;req")
    answer = _sign(HttpMessage(status=200, body=b"{}", request=BASE), signer, components=components)
    policy = HttpSignaturePolicy(required=components)
    assert _check(answer, ring, policy).components == components
    other = replace(BASE, url="https://lgsp.example.vn/v1/khac")
    assert _refused(replace(answer, request=other), ring, policy) == "signature"
    assert _refused(replace(answer, status=201), ring, policy) == "signature"
    assert _refused(replace(answer, request=None), ring, policy) == "component"


def test_the_digest_of_a_covered_request_body_is_checked_too(signer: Signer, ring: KeyRing) -> None:
    request = _sign(BASE, signer)
    components = (*http.RESPONSE_COMPONENTS, "content-digest;req")
    answer = _sign(HttpMessage(status=200, body=b"{}", request=request), signer, components=components)
    policy = HttpSignaturePolicy(required=components)
    _check(answer, ring, policy)
    assert _refused(replace(answer, request=replace(request, body=b"other")), ring, policy) == "digest"


def test_time_limits(signer: Signer, ring: KeyRing) -> None:
    signed = _sign(BASE, signer, expires=NOW + 100)
    _check(signed, ring, now=NOW + 129)
    assert _refused(signed, ring, now=NOW + 131) == "expired"
    _check(signed, ring, now=NOW - 30)
    assert _refused(signed, ring, now=NOW - 31) == "created"
    ageing = _sign(BASE, signer)
    _check(ageing, ring, now=NOW + 330)
    assert _refused(ageing, ring, now=NOW + 331) == "expired"
    _check(ageing, ring, replace(POLICY, max_age=None), now=NOW + 10**6)


def test_created_may_be_missing_only_where_the_policy_says_so(signer: Signer, ring: KeyRing) -> None:
    """Somebody else's signer may leave it out; ours always writes it."""
    signed = _sign(BASE, signer)
    headers = [
        (k, v.replace(f";created={NOW}", "") if k == "Signature-Input" else v) for k, v in signed.headers
    ]
    assert _refused(replace(signed, headers=headers), ring) == "created"
    lax = replace(POLICY, max_age=None, require_created=False)
    assert _refused(replace(signed, headers=headers), ring, lax) == "signature"


def test_a_message_is_accepted_once(signer: Signer, ring: KeyRing) -> None:
    """It is remembered only when its signature held, so that nobody can burn another's nonce."""
    assert _refused(_sign(BASE, signer), ring, replace(POLICY, require_nonce=True)) == "nonce"
    for nonce in ("n1", None):
        policy = replace(POLICY, replays=http.ReplayMemory())
        signed = _sign(BASE, signer, nonce=nonce)
        assert _refused(replace(signed, body=b"forged"), ring, policy) == "digest"
        _check(signed, ring, policy)
        assert _refused(signed, ring, policy) == "replay"
        _check(_sign(BASE, signer, nonce=nonce and "n2"), ring, policy)


def test_a_nonce_is_good_for_one_message(signer: Signer, ring: KeyRing) -> None:
    """Another message with a nonce that was used is a repetition, too."""
    policy = replace(POLICY, replays=http.ReplayMemory())
    _check(_sign(BASE, signer, nonce="n"), ring, policy)
    assert _refused(_sign(replace(BASE, body=b"other"), signer, nonce="n"), ring, policy) == "replay"


def test_the_twin_of_an_ecdsa_signature_is_a_repetition(signer: Signer, ring: KeyRing) -> None:
    """Whoever holds (r, s) can write (r, n - s), which holds as well."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signed = _sign(BASE, signer)
    raw = base64.b64decode(dict(signed.headers)["Signature"].removeprefix("sig1=:").removesuffix(":"))
    s = order - int.from_bytes(raw[32:], "big")
    other = base64.b64encode(raw[:32] + s.to_bytes(32, "big")).decode()
    headers = [(k, f"sig1=:{other}:" if k == "Signature" else v) for k, v in signed.headers]
    twin = replace(signed, headers=headers)
    _check(twin, ring)  # without a memory it is as good as the first
    policy = replace(POLICY, replays=http.ReplayMemory())
    _check(signed, ring, policy)
    assert _refused(twin, ring, policy) == "replay"


def test_a_memory_needs_messages_that_can_be_told_apart(rsa_signer: LocalSigner) -> None:
    """Two equal answers of one second carry the same RSA v1.5 signature; a nonce tells them apart."""
    v15 = http.for_algorithm(rsa_signer, "rsa-v1_5-sha256")
    allowed = frozenset({"rsa-v1_5-sha256"})
    policy = replace(POLICY, algorithms=allowed, replays=http.ReplayMemory())
    keys = {rsa_signer.key_id: rsa_signer.certificate}
    with pytest.raises(SignatureInvalid) as caught:
        http.verify_message(_sign(BASE, v15), trust_or_keys=keys, policy=policy, now=NOW)
    assert caught.value.details["reason"] == "nonce"
    for nonce in ("a", "b"):
        http.verify_message(_sign(BASE, v15, nonce=nonce), trust_or_keys=keys, policy=policy, now=NOW)


def test_a_memory_is_of_no_use_without_an_age(signer: Signer, ring: KeyRing) -> None:
    policy = replace(POLICY, max_age=None, replays=http.ReplayMemory())
    with pytest.raises(Misconfigured, match="max_age"):
        _check(_sign(BASE, signer), ring, policy)


def test_a_full_memory_refuses_what_is_as_old_as_what_it_forgot() -> None:
    """Bounded, and still no message passes twice."""
    memory = http.ReplayMemory(size=2)
    assert all(memory.add(bytes([i]), 100 + i, oldest=0) for i in range(3))
    assert memory.holds(bytes([0]), 100)
    assert not memory.add(b"new", 100, oldest=0)
    assert memory.holds(bytes([2]), 102)
    assert not memory.holds(b"new", 101)


def test_of_threads_that_bring_the_same_message_one_is_served() -> None:
    memory = http.ReplayMemory()
    with ThreadPoolExecutor(8) as pool:
        for created in range(50):
            bring = partial(memory.add, bytes([created]), created, oldest=0)
            assert [one.result() for one in [pool.submit(bring) for _ in range(8)]].count(True) == 1


def test_an_algorithm_that_there_is_not_is_refused(signer: Signer) -> None:
    with pytest.raises(Misconfigured, match="not an algorithm"):
        http.for_algorithm(signer, "rsa-sha1")
    with pytest.raises(Misconfigured, match="RS256"):
        http.for_algorithm(signer, "rsa-v1_5-sha256")


def test_a_memory_forgets_what_is_refused_for_its_age_anyway() -> None:
    memory = http.ReplayMemory(size=2)
    assert all(memory.add(bytes([i]), i, oldest=i) for i in range(100))
    assert not memory.holds(b"new", 99)


def test_one_of_several_signatures_is_chosen_by_label_or_tag(signer: Signer, ring: KeyRing) -> None:
    first = _sign(BASE, signer, tag="a")
    second = http.sign_message(
        first, signer, components=http.REQUEST_COMPONENTS, created=NOW, label="sig2", tag="b"
    )
    both = replace(first, headers=[*first.headers, *second.items()])
    assert _refused(both, ring) == "ambiguous"
    assert _check(both, ring, replace(POLICY, label="sig2")).label == "sig2"
    assert _check(both, ring, replace(POLICY, tag="a")).label == "sig1"
    assert _refused(both, ring, replace(POLICY, label="sig1", tag="b")) == "missing"
    with pytest.raises(Misconfigured, match="already"):
        http.sign_message(first, signer, components=("@method",))


def test_an_unsigned_message_is_refused(ring: KeyRing) -> None:
    assert _refused(BASE, ring) == "missing"
    only = replace(BASE, headers=[("Signature-Input", 'sig1=("@method");created=1')])
    assert _refused(only, ring, replace(POLICY, max_age=None)) == "missing"


def test_an_unknown_key_is_refused(signer: Signer, ring: KeyRing) -> None:
    signed = _sign(BASE, signer)
    with pytest.raises(SignatureInvalid, match="not known"):
        http.verify_message(signed, trust_or_keys={}, policy=POLICY, now=NOW)
    with pytest.raises(SignatureInvalid, match="not known"):
        http.verify_message(signed, trust_or_keys=lambda _: None, policy=POLICY, now=NOW)


def test_another_agencys_key_under_our_key_id_is_refused(signer: Signer, ring: KeyRing) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    keys = {signer.key_id: stranger.public_key()}
    with pytest.raises(SignatureInvalid, match="does not hold"):
        http.verify_message(_sign(BASE, signer), trust_or_keys=keys, policy=POLICY, now=NOW)


def test_a_public_key_is_never_taken_for_a_shared_secret(signer: Signer, ring: KeyRing) -> None:
    """The classic confusion: an HMAC keyed with public bytes."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = signer.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = _sign(BASE, http.SharedSecret(signer.key_id, public))
    policy = replace(POLICY, algorithms=POLICY.algorithms | {"hmac-sha256"})
    assert _refused(forged, ring, policy) == "algorithm"


def test_an_expired_certificate_is_refused(p256: Any, make_certificate: Any) -> None:
    from datetime import UTC, datetime

    old = make_certificate("A", p256, start=datetime(2020, 1, 1, tzinfo=UTC))
    signer = LocalSigner(p256, agency="A", certificate=old)
    with pytest.raises(SignatureInvalid) as caught:
        http.verify_message(_sign(BASE, signer), trust_or_keys={signer.key_id: old}, policy=POLICY, now=NOW)
    assert caught.value.details["reason"] == "expired"


@pytest.mark.parametrize(
    "parameters",
    [
        ";created=NOW;keyid=KEY;extra=1",
        ";created=NOW.5;keyid=KEY",
        ';created="NOW";keyid=KEY',
        ";created=NOW;keyid=5",
    ],
)
def test_unknown_and_mistyped_parameters_are_refused(parameters: str, signer: Signer, ring: KeyRing) -> None:
    text = parameters.replace("NOW", str(NOW)).replace("KEY", f'"{signer.key_id}"')
    headers = [("Signature-Input", f'sig1=("@method"){text}'), ("Signature", "sig1=:AAAA:")]
    assert _refused(replace(BASE, headers=headers), ring) == "parameters"


def test_components_covered_twice_are_refused(signer: Signer, ring: KeyRing) -> None:
    with pytest.raises(Misconfigured, match="covered twice"):
        _sign(BASE, signer, components=("@method", "@method"))


def test_line_breaks_cannot_smuggle_a_component(signer: Signer) -> None:
    """A value with a line break could pretend to be the next line of the signature base."""
    message = replace(BASE, headers=[("X", 'a\n"@method": GET')])
    with pytest.raises(Misconfigured, match="line breaks"):
        _sign(message, signer, components=("x",))


def test_what_is_not_in_the_message_cannot_be_signed(signer: Signer) -> None:
    with pytest.raises(Misconfigured, match="not in the message"):
        _sign(BASE, signer, components=("x-missing",))
    with pytest.raises(Misconfigured):
        _sign(BASE, signer, components=("bad name",))


def test_secrets_are_long_and_hidden() -> None:
    with pytest.raises(Misconfigured, match="32 bytes"):
        http.SharedSecret("k", b"short")
    assert "aaaa" not in repr(http.SharedSecret("k", b"a" * 32))


def test_broken_urls_are_refused_like_missing_parts(signer: Signer, ring: KeyRing) -> None:
    signed = _sign(BASE, signer, components=("@authority", *http.REQUEST_COMPONENTS))
    for url in ("https://a:99999999/", "/relative", "https://[::1/", "https://a/#fragment"):
        assert _refused(replace(signed, url=url), ring) == "component"
