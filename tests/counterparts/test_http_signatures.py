"""RFC 9421 and RFC 9530 against the npm library http-message-signatures, in both directions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import counterparts
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from self_signed import self_signed

from lienthong.connector import Batch, Connection, Context
from lienthong.errors import SignatureInvalid
from lienthong.records import canonical, sha256
from lienthong.signing import LocalSigner, TrustStore
from lienthong_connectors.rest import HttpSignature, RestTarget

COVERED = ("@status", "content-digest", "content-type")
TARGET = (*COVERED, "@method;req", "@target-uri;req")
REQUEST = (*TARGET, 'signature;req;key="sig1"')
KEYS: dict[str, Callable[[], Any]] = {
    "ecdsa-p256-sha256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa-pss-sha512": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-v1_5-sha256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
RECORD = {"id": 1, "ten": "Bình"}


@dataclass
class Party:
    """A key and its certificate under one algorithm."""

    algorithm: str
    key: Any
    certificate: Any
    id: str

    def pem(self) -> str:
        return str(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())

    def public_pem(self) -> str:
        text = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return str(text.decode())


@pytest.fixture(scope="module")
def party() -> Callable[[str, str], Party]:
    """A party's name and algorithm give its key, the same for the whole module."""
    made: dict[tuple[str, str], Party] = {}

    def make(name: str, algorithm: str) -> Party:
        if (name, algorithm) not in made:
            key = KEYS[algorithm]()
            certificate = self_signed(name, key)
            spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            made[name, algorithm] = Party(algorithm, key, certificate, sha256(spki))
        return made[name, algorithm]

    return make


@dataclass
class Agency:
    """The Node agency, and our target that talks to it."""

    port: int
    target: Any

    def deliver(self) -> Any:
        lines = [canonical(RECORD)]
        return self.target.deliver(Batch(sha256(lines[0]), lines, ("id",), "test/1"))

    def verdict(self) -> dict[str, Any]:
        with requests.get(f"http://127.0.0.1:{self.port}/verdicts", timeout=60) as answer:
            verdicts: list[dict[str, Any]] = answer.json()
        return verdicts[-1]


Open = Callable[..., AbstractContextManager[Agency]]


@pytest.fixture
def opened(party: Callable[[str, str], Party], tmp_path: Path) -> Open:
    """Start the agency with these words, and open a target with these settings."""

    @contextmanager
    def start(
        settings: HttpSignature,
        *,
        ours: str = "ecdsa-p256-sha256",
        theirs: str = "ecdsa-p256-sha256",
        **words: Any,
    ) -> Iterator[Agency]:
        client, partner = party("H21", ours), party("G22", theirs)
        salt = words.pop("salt", "")
        given = {
            "client": {"id": client.id, "algorithm": ours, "key": client.public_pem()},
            "partner": {"id": partner.id, "algorithm": theirs, "key": partner.pem(), "salt": salt},
            "fields": COVERED,
            "nonce": False,
            "digest": "sha-256",
            "coding": "",
            "body": '{"ok":true}',
        }
        configuration = tmp_path / "signatures.json"
        configuration.write_text(json.dumps(given | words))
        signer = LocalSigner(client.key, agency="H21", certificate=client.certificate)
        with counterparts.node("signatures.mjs", configuration) as port:
            connection = Connection(id="g22", kind="lienthong_rest", host=f"http://127.0.0.1:{port}/api")
            context = Context(
                exchange="x", run="r", log=print, signer=signer, trust=TrustStore([partner.certificate])
            )
            target = RestTarget(path="nhận", params={"a": "b c"}, signature=settings)
            opened = target.open_target(connection, context)
            try:
                yield Agency(port, opened)
            finally:
                opened.close()

    return start


@pytest.mark.parametrize("digest", ["sha-256", "sha-512"])
@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "rsa-pss-sha512", "rsa-v1_5-sha256"])
def test_what_we_sign_holds(opened: Open, algorithm: str, digest: str) -> None:
    named = algorithm if algorithm == "rsa-v1_5-sha256" else ""
    settings = HttpSignature(algorithm=named, digest=digest, cover=("x-request-id", "@authority", "@query"))
    with opened(settings, ours=algorithm) as agency:
        agency.deliver()
        verdict = agency.verdict()
    assert verdict == {"holds": True, "intact": True, "digest": digest, "input": verdict["input"]}
    assert '"x-request-id" "@authority" "@query")' in verdict["input"]
    assert f'alg="{algorithm}"' in verdict["input"]


def test_the_partner_refuses_another_key(opened: Open) -> None:
    """The verdict above is worth something: a signature of somebody else is not accepted."""
    with opened(
        HttpSignature(), client={"id": "other", "algorithm": "ecdsa-p256-sha256", "key": ""}
    ) as agency:
        agency.deliver()
        assert not agency.verdict()["holds"]


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize("digest", ["sha-256", "sha-512"])
@pytest.mark.parametrize("algorithm", [*KEYS])
def test_what_they_sign_is_verified(opened: Open, algorithm: str, digest: str, coding: str) -> None:
    """The digest is over the content as transferred, compressed where it is (RFC 9530 section 2)."""
    settings = HttpSignature(verify=True, accepted=(algorithm,), bound="request", require=("content-type",))
    with opened(settings, theirs=algorithm, digest=digest, coding=coding, fields=REQUEST) as agency:
        assert agency.deliver().receipts[0].signed_by == "G22"


def _refused(agency: Agency) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        agency.deliver()
    return str(caught.value.details["reason"])


def test_an_algorithm_that_was_not_agreed_is_refused(opened: Open) -> None:
    for algorithm in ("ed25519", "rsa-v1_5-sha256"):
        with opened(HttpSignature(verify=True), theirs=algorithm, nonce=True) as agency:
            assert _refused(agency) == "algorithm"


def test_the_librarys_own_pss_salt_is_refused(opened: Open) -> None:
    """RFC 9421 section 3.3.1 fixes the salt at 64 bytes; Node takes the longest unless told otherwise."""
    with opened(HttpSignature(verify=True), theirs="rsa-pss-sha512", salt="library") as agency:
        assert _refused(agency) == "signature"


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        (HttpSignature(verify=True), ("@status",)),
        (HttpSignature(verify=True), ("content-digest",)),
        (HttpSignature(verify=True, require=("content-type",)), ("@status", "content-digest")),
        (HttpSignature(verify=True, bound="target"), COVERED),
        (HttpSignature(verify=True, bound="request"), TARGET),
    ],
    ids=["content-digest", "status", "header", "target", "request"],
)
def test_what_must_be_covered_is_demanded(
    opened: Open, settings: HttpSignature, fields: tuple[str, ...]
) -> None:
    with opened(settings, fields=fields) as agency:
        assert _refused(agency) == "coverage"


@pytest.mark.parametrize("nonce", [True, False], ids=["nonce", "signature"])
def test_an_answer_that_comes_again_is_refused_by_name(opened: Open, nonce: bool) -> None:
    """Somebody between us plays back the first answer; without the memory it would pass."""
    with opened(HttpSignature(verify=True), repeat=True, nonce=nonce) as agency:
        agency.deliver()
        assert _refused(agency) == "replay"
    with opened(HttpSignature(verify=True, replay=False), repeat=True, nonce=nonce) as agency:
        agency.deliver()
        agency.deliver()


def test_an_answer_bound_to_its_request_is_good_for_no_other(opened: Open) -> None:
    """Without any memory: the answer covers our signature, whose nonce is fresh for every request."""
    settings = HttpSignature(verify=True, bound="request", replay=False)
    with opened(settings, repeat=True, fields=REQUEST) as agency:
        agency.deliver()
        assert _refused(agency) == "signature"
    with opened(replace(settings, bound="target"), repeat=True, fields=REQUEST) as agency:
        agency.deliver()
        assert _refused(agency) == "signature"


def test_equal_answers_need_a_nonce_where_the_algorithm_draws_no_random_numbers(opened: Open) -> None:
    settings = HttpSignature(verify=True, accepted=("ed25519",))
    with opened(settings, theirs="ed25519") as agency:
        assert _refused(agency) == "nonce"
    with opened(settings, theirs="ed25519", nonce=True) as agency:
        agency.deliver()
        agency.deliver()
