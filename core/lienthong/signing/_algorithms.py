"""The signature primitives that all standards of this package share, under their JOSE names.

Every algorithm is a row of one table; nothing can be registered at run time. ECDSA signatures are
always raw ``r || s`` (RFC 7518 section 3.4), which is also what RFC 9421 and XML Signature use.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lienthong.errors import Misconfigured, SignatureInvalid

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""The private keys that sign on this bus: P-256, or RSA of at least 2048 bits."""

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
"""The public keys that a signature can be checked with."""

#: ECDSA: each algorithm has one curve and one hash (RFC 7518 section 3.4). We sign with the first.
_EC: Final[dict[str, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm]]] = {
    "ES256": (ec.SECP256R1, hashes.SHA256()),
    "ES384": (ec.SECP384R1, hashes.SHA384()),
    "ES512": (ec.SECP521R1, hashes.SHA512()),
}

MIN_RSA_BITS: Final = 2048
"""The smallest RSA modulus accepted, in bits (Circular 15/2025/TT-BKHCN)."""

_COORDINATE = 32  # bytes of one P-256 coordinate


@dataclass(frozen=True, slots=True)
class _Rsa:
    """One way of using an RSA key: the hash, and PSS (salt as long as the hash) or PKCS#1 v1.5."""

    hash: hashes.HashAlgorithm
    pss: bool

    def padding(self) -> padding.AsymmetricPadding:
        if self.pss:
            return padding.PSS(mgf=padding.MGF1(self.hash), salt_length=self.hash.digest_size)
        return padding.PKCS1v15()


_RSA: Final = {
    "PS256": _Rsa(hashes.SHA256(), pss=True),
    "PS384": _Rsa(hashes.SHA384(), pss=True),
    "PS512": _Rsa(hashes.SHA512(), pss=True),
    "RS256": _Rsa(hashes.SHA256(), pss=False),
    "RS384": _Rsa(hashes.SHA384(), pss=False),
    "RS512": _Rsa(hashes.SHA512(), pss=False),
    # Old partners' WS-Security only: read behind a policy flag, never written.
    "RS1": _Rsa(hashes.SHA1(), pss=False),  # noqa: S303 - verification of partners that have nothing else
}
_SIGNING_RSA: Final = frozenset({"PS256", "PS512", "RS256"})


def key_id(key: CertificatePublicKeyTypes) -> str:
    """Return the name of a public key: hex SHA-256 of its DER SubjectPublicKeyInfo (RFC 5280)."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def default_algorithm(key: object, *, where: str = "") -> str:
    """Return the algorithm that a private key signs with by default: ``ES256`` or ``PS256``.

    Raises :class:`Misconfigured` for every other kind of key, a smaller RSA modulus or another curve.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise Misconfigured(
                f"the RSA key has {key.key_size} bits, at least {MIN_RSA_BITS} are required",
                where=where,
                hint="ask the certificate authority for a larger key, or use ECDSA P-256",
            )
        return "PS256"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if not isinstance(key.curve, ec.SECP256R1):
            raise Misconfigured(
                f"the elliptic curve {key.curve.name} is not supported, only P-256 (secp256r1) is",
                where=where,
                hint="use a P-256 key, or RSA of at least 2048 bits",
            )
        return "ES256"
    raise Misconfigured(
        f"a key of the kind {type(key).__name__} cannot sign here",
        where=where,
        hint="use a P-256 key, or RSA of at least 2048 bits",
    )


def sign(key: PrivateKey, algorithm: str, data: bytes) -> bytes:
    """Sign ``data``; ECDSA signatures are 64 bytes ``r || s``.

    Raises :class:`Misconfigured` when the algorithm does not fit the key or may not be written.
    """
    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
    if algorithm in _SIGNING_RSA and isinstance(key, rsa.RSAPrivateKey):
        use = _RSA[algorithm]
        return key.sign(data, use.padding(), use.hash)
    raise Misconfigured(
        f"{algorithm} does not fit a key of the kind {type(key).__name__}",
        hint="ES256 needs a P-256 key; PS256, PS512 and RS256 need an RSA key",
    )


def fits(key: object, algorithm: str) -> bool:
    """Return whether a public key may be used with an algorithm (kind, curve and size)."""
    if algorithm in _EC:
        return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _EC[algorithm][0])
    if algorithm == "EdDSA":
        return isinstance(key, ed25519.Ed25519PublicKey)
    return algorithm in _RSA and isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS


def may_sign(key: object, algorithm: str) -> bool:
    """Return whether the bus signs with an algorithm and the key that belongs to a public key."""
    return fits(key, algorithm) and (algorithm == "ES256" or algorithm in _SIGNING_RSA)


def verify(key: object, algorithm: str, signature: bytes, data: bytes, *, where: str = "") -> None:
    """Check a signature; return nothing when it holds.

    Raises :class:`SignatureInvalid` with ``reason`` ``key`` (kind, curve or size of the key does not
    fit the algorithm) or ``signature`` (it does not hold).
    """
    if not fits(key, algorithm):
        raise SignatureInvalid(
            f"the signer's key does not fit the algorithm {algorithm}", where=where, reason="key"
        )
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_der(signature, key.curve), data, ec.ECDSA(_EC[algorithm][1]))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _RSA[algorithm].padding(), _RSA[algorithm].hash)
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
    except InvalidSignature:
        raise SignatureInvalid("the signature does not hold", where=where, reason="signature") from None


def _der(signature: bytes, curve: ec.EllipticCurve) -> bytes:
    half = (curve.key_size + 7) // 8
    if len(signature) != 2 * half:
        raise InvalidSignature
    r, s = signature[:half], signature[half:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
