"""WS-Security by the bus and by zeep: envelopes signed and verified per second.

Both take the bytes of an envelope and return those of the signed one, and both verify the same signed
envelope (by zeep for zeep, by the bus for the bus): RSA-2048 with SHA-256, Body and timestamp covered,
exclusive canonicalisation. One record and a thousand, in turns, the median of the rounds. The bus checks
more: the certificate's path and validity, the timestamp's age, where each part stands, ids and coverage;
zeep checks digests and the signature value, and says nothing of what they cover.

    python benchmarks/soap_wss.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SIZES = (1, 1_000)
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"


def measure(rounds: int = 7, seconds: float = 0.4) -> dict[str, Any]:
    """Return ``bus`` and ``zeep`` in envelopes/s and ``ratio``, for sign, verify, both, and each size."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        keys = _keys(Path(folder))
        for size in SIZES:
            work = _work(size, *keys)
            rounds_of = {name: [[_speed(side, seconds) for side in sides] for _ in range(rounds)]
                         for name, sides in work.items()}  # fmt: skip
            for name, speeds in rounds_of.items():
                found[f"{name}_{size}"] = _figures(speeds)
            # a message that is answered costs one of each
            both = zip(rounds_of["sign"], rounds_of["verify"], strict=True)
            found[f"both_{size}"] = _figures(
                [[1 / (1 / one + 1 / other) for one, other in zip(*pair, strict=True)] for pair in both]
            )
    return found


def _figures(speeds: list[list[float]]) -> dict[str, float]:
    """Return the medians of the rounds, each a speed of the bus and one of zeep, and of their ratios."""
    bus, zeep = (statistics.median(column) for column in zip(*speeds, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in speeds)
    return {"bus": round(bus, 1), "zeep": round(zeep, 1), "ratio": round(ratio, 2)}


def _work(size: int, key: Path, certificate: Path, signer: Any, trust: Any) -> dict[str, Any]:
    """Return what to measure: a function of the bus and one of zeep for signing and for verifying."""
    import xmlsec
    from lxml import etree
    from zeep.wsse.signature import BinarySignature, MemorySignature

    from lienthong.signing import wsse

    plain, stamped = _envelope(size), _stamped(_envelope(size))
    methods = {
        "signature_method": xmlsec.constants.TransformRsaSha256,
        "digest_method": xmlsec.constants.TransformSha256,
    }
    theirs = BinarySignature(str(key), str(certificate), **methods)
    reader = MemorySignature(key.read_bytes(), certificate.read_bytes(), **methods)
    policy = wsse.SignPolicy(algorithm="RS256")

    def zeep_sign() -> bytes:
        envelope, _ = theirs.apply(etree.fromstring(stamped), {})
        signed: bytes = etree.tostring(envelope)
        return signed

    ours_signed, theirs_signed = wsse.sign(plain, signer, policy=policy), zeep_sign()
    reader.verify(etree.fromstring(theirs_signed))
    return {
        "sign": (lambda: wsse.sign(plain, signer, policy=policy), zeep_sign),
        "verify": (
            lambda: wsse.verify(ours_signed, trust=trust, policy=wsse.VerifyPolicy(max_age=None)),
            lambda: reader.verify(etree.fromstring(theirs_signed)),
        ),
    }


def _speed(work: Callable[[], Any], seconds: float) -> float:
    work()
    count, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        work()
        count += 1
    return count / spent


def _envelope(size: int) -> bytes:
    from lienthong_sandbox.citizens_xml import citizen, collection
    from lienthong_sandbox.people import COMMUNES, person
    from lienthong_sandbox.soap import SOAP11, wrap

    citizens = [citizen(person(index, COMMUNES)) for index in range(size)]
    return wrap("".join(collection(citizens, size, "", "1")), SOAP11)


def _stamped(envelope: bytes) -> bytes:
    """Return the envelope with a timestamp, which zeep signs but does not make."""
    now = datetime.now(UTC)
    times = (("Created", now), ("Expires", now + timedelta(hours=1)))
    inner = "".join(f"<u:{name}>{at.isoformat(timespec='seconds')}</u:{name}>" for name, at in times)
    stamp = f'<u:Timestamp xmlns:u="{_WSU}">{inner}</u:Timestamp>'
    header = f'<s:Header><w:Security xmlns:w="{_WSSE}">{stamp}</w:Security></s:Header><s:Body>'
    return envelope.replace(b"<s:Body>", header.encode(), 1)


def _keys(folder: Path) -> tuple[Path, Path, Any, Any]:
    """Return an RSA key and its certificate as files, and as the bus's signer and trust store."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from lienthong.signing import LocalSigner, TrustStore

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    certificate = builder.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    files = folder / "key.pem", folder / "certificate.pem"
    files[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files[1].write_bytes(certificate.public_bytes(Encoding.PEM))
    return *files, LocalSigner(key, agency="bench", certificate=certificate), TrustStore([certificate])


if __name__ == "__main__":
    for what, figures in measure().items():
        print(f"{what:14}", "  ".join(f"{side} {value:>10,}" for side, value in figures.items()))
