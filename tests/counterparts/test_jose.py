"""Our compact JWS against the npm library jose, in both directions."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import counterparts
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from self_signed import self_signed

from lienthong.errors import SignatureInvalid
from lienthong.signing import LocalSigner, TrustStore, jws

TYP = "statement+jws"
PAYLOAD = '{"họ tên":"…","số":1}'.encode()


class Jose:
    """The library behind a port, with a key of its own; it trusts ours."""

    def __init__(self, port: int, ours: LocalSigner, certificate: Any, algorithm: str) -> None:
        self.base, self.ours, self.algorithm = f"http://127.0.0.1:{port}", ours, algorithm
        self.trust = TrustStore([certificate])

    def ask(self, path: str, data: bytes | str) -> requests.Response:
        return requests.post(f"{self.base}/{path}", data=data, timeout=60)


@pytest.fixture(params=["ES256", "PS256", "RS256"])
def jose(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jose]:
    def make() -> Any:
        if request.param == "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        return rsa.generate_private_key(65537, 2048)

    theirs, ours = make(), make()
    signer = LocalSigner(ours, agency="H21", certificate=self_signed("H21", ours))
    certificate = self_signed("G22", theirs)
    configuration = {
        "key": theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "certificate": certificate.public_bytes(Encoding.PEM).decode(),
        "trusted": signer.certificate.public_bytes(Encoding.PEM).decode(),
        "algorithm": request.param,
        "typ": TYP,
    }
    (tmp_path / "jose.json").write_text(json.dumps(configuration))
    with counterparts.node("jose.mjs", tmp_path / "jose.json") as port:
        yield Jose(port, signer.with_algorithm(request.param), certificate, request.param)


def test_what_we_sign_holds_and_a_changed_payload_does_not(jose: Jose) -> None:
    token = jws.sign(PAYLOAD, jose.ours, typ=TYP)
    answer = jose.ask("verify", token).json()
    assert base64.b64decode(answer["payload"]) == PAYLOAD
    assert (answer["header"]["alg"], answer["header"]["typ"]) == (jose.algorithm, TYP)
    head, _, tail = token.split(".")
    forged = ".".join((head, base64.urlsafe_b64encode(b"forged").rstrip(b"=").decode(), tail))
    refused = jose.ask("verify", forged)
    assert (refused.status_code, refused.text) == (400, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED")


def test_what_they_sign_is_verified_and_a_changed_payload_is_not(jose: Jose) -> None:
    token = jose.ask("sign", PAYLOAD).text
    allowed = frozenset({jose.algorithm})
    verified = jws.verify(token, trust=jose.trust, typ=TYP, algorithms=allowed)
    assert (verified.payload, verified.agency) == (PAYLOAD, "G22")
    head, body, tail = token.split(".")
    for forged in (".".join((head, body[:-2] + "AA", tail)), ".".join((head, body, tail[:-4] + "AAAA"))):
        with pytest.raises(SignatureInvalid):
            jws.verify(forged, trust=jose.trust, typ=TYP, algorithms=allowed)
