"""What HTTP Message Signatures cost a delivery: processor time to sign a request and to verify an answer.

Measured is what the REST connector does: nonce, Content-Digest, signature base and signature of a request
with one record; then, on the answer, all checks, the binding to the request and the memory of replays among
them. Each answer is another, as in life. The digest of larger bodies comes on top, per megabyte.

    python benchmarks/http_signatures.py
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from records import record
from requests.structures import CaseInsensitiveDict

from lienthong.connector import Context
from lienthong.signing import LocalSigner, TrustStore, http
from lienthong.signing.digest import content_digest
from lienthong_connectors.http.signature import HttpSignature
from lienthong_connectors.http.signing import MessageSignatures
from lienthong_connectors.http.transport import Reply

_KEYS: dict[str, Callable[[], Any]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa_pss_2048": lambda: rsa.generate_private_key(65537, 2048),
}
_ANSWER = b'{"accepted":1}'
_COVERED = (*http.RESPONSE_COMPONENTS, "@method;req", "@target-uri;req", 'signature;req;key="sig1"')


def measure(messages: int = 300, rounds: int = 5) -> dict[str, Any]:
    """Return the medians for each key: ``sign_us`` and ``verify_us``; and ``digest_us_mb`` of SHA-256."""
    body = orjson.dumps([record(1)])
    found: dict[str, Any] = {"body_bytes": len(body)}
    for name, make in _KEYS.items():
        signer = _signer(make())
        taken = [_round(signer, body, messages) for _ in range(rounds)]
        found[name] = {
            "sign_us": round(statistics.median(one[0] for one in taken), 1),
            "verify_us": round(statistics.median(one[1] for one in taken), 1),
        }
    megabyte = bytes(1_000_000)
    digests = [_microseconds(lambda: content_digest(megabyte), 20) for _ in range(rounds)]
    return {**found, "digest_us_mb": round(statistics.median(digests), 1)}


def _round(signer: LocalSigner, body: bytes, messages: int) -> tuple[float, float]:
    context = Context(signer=signer, trust=TrustStore([signer.certificate]))
    settings = HttpSignature(verify=True, bound="request")
    signatures = MessageSignatures(settings, context, where="benchmark")
    asked = [_request(body) for _ in range(messages)]
    waiting = iter(asked)
    signing = _microseconds(lambda: signatures.sign(next(waiting)), messages)
    answers = iter([(_reply(request, signer), request) for request in asked])
    verifying = _microseconds(lambda: _verify(signatures, *next(answers)), messages)
    return signing, verifying


def _verify(signatures: MessageSignatures, reply: Reply, request: requests.PreparedRequest) -> None:
    assert signatures.verify(reply, request) == "G22"


def _request(body: bytes) -> requests.PreparedRequest:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "a" * 64}
    url = "https://lgsp.example.gov.vn/api/hotich?dot=1"
    return requests.Request("POST", url, headers=headers, data=body).prepare()


def _reply(request: requests.PreparedRequest, signer: LocalSigner) -> Reply:
    body = request.body if isinstance(request.body, bytes) else b""
    asked = http.HttpMessage(
        method=request.method, url=request.url, headers=dict(request.headers.items()), body=body
    )
    message = http.HttpMessage(status=200, body=_ANSWER, request=asked)
    headers = http.sign_message(message, signer, components=_COVERED)
    return Reply(200, CaseInsensitiveDict(headers), _ANSWER, _ANSWER, pairs=tuple(headers.items()))


def _microseconds(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e6


def _signer(key: Any) -> LocalSigner:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "G22")])
    start = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=2))
    return LocalSigner(key, agency="G22", certificate=builder.sign(key, hashes.SHA256()))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
