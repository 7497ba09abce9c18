"""Keys and algorithms of RFC 9421 section 3.3, and how a ``keyid`` finds its key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import _algorithms
from lienthong.signing._algorithms import PublicKey
from lienthong.signing.signers import Signer, with_algorithm
from lienthong.signing.trust import TrustStore

if TYPE_CHECKING:
    from lienthong.signing.http import MessageSigner

_NAMES: Final[Mapping[str, str]] = {  # JOSE name -> name in the RFC 9421 registry (section 6.2.2)
    "ES256": "ecdsa-p256-sha256",
    "PS512": "rsa-pss-sha512",
    "RS256": "rsa-v1_5-sha256",
    "EdDSA": "ed25519",
    "HS256": "hmac-sha256",
}
_JOSE: Final = {name: jose for jose, name in _NAMES.items()}
_MIN_SECRET: Final = 32


@dataclass(frozen=True)
class SharedSecret:
    """A secret of at least 32 bytes that both sides hold, for ``hmac-sha256``; signs and checks.

    It proves nothing to a third party: use it only where a partner offers nothing else.
    """

    key_id: str
    secret: bytes = field(repr=False)
    algorithm: str = field(default="HS256", init=False)

    def __post_init__(self) -> None:
        if len(self.secret) < _MIN_SECRET:
            raise Misconfigured(
                f"the shared secret is shorter than {_MIN_SECRET} bytes", where="HTTP signature"
            )

    def sign(self, data: bytes) -> bytes:
        """Return the HMAC-SHA-256 of ``data``."""
        return hmac.digest(self.secret, data, hashlib.sha256)


@dataclass(frozen=True)
class Ed25519Signer:
    """Signs messages with ``ed25519``, for partners outside the province's algorithm list."""

    key_id: str
    key: ed25519.Ed25519PrivateKey = field(repr=False)
    algorithm: str = field(default="EdDSA", init=False)

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature over ``data``, 64 bytes."""
        return self.key.sign(data)


VerificationKey = PublicKey | x509.Certificate | SharedSecret
"""What a signature can be checked with."""

KeyResolver = Mapping[str, VerificationKey] | Callable[[str], VerificationKey | None]
"""Finds the key of a ``keyid``; an unknown one is ``None`` or not in the mapping."""


def signing(signer: MessageSigner) -> tuple[str, Callable[[bytes], bytes]]:
    """Return the registered algorithm name and the signing function for a signer.

    An RSA signer that says ``PS256`` is asked for ``PS512``, the only PSS that RFC 9421 registers.
    """
    if signer.algorithm == "PS256" and isinstance(signer, Signer):
        signer = with_algorithm(signer, "PS512")
    name = _NAMES.get(signer.algorithm)
    if name is None:
        raise Misconfigured(f"{signer.algorithm} is not an algorithm of RFC 9421", where="HTTP signature")
    return name, signer.sign


def for_algorithm(signer: Signer, name: str) -> Signer:
    """Return the signer speaking the algorithm that RFC 9421 calls ``name``.

    Raises :class:`Misconfigured` where there is no such algorithm, or the signer's key cannot.
    """
    if name not in _JOSE:
        raise Misconfigured(f"{name} is not an algorithm of RFC 9421", where="HTTP signature")
    return with_algorithm(signer, _JOSE[name])


def resolve(
    source: TrustStore | KeyResolver, key_id: str, created: int | None
) -> tuple[PublicKey | SharedSecret, x509.Certificate | None]:
    """Find the key of a ``keyid``, and the certificate that it came from, if it did.

    A certificate must be valid at ``created`` (Unix seconds; now when ``None``).
    """
    at = datetime.fromtimestamp(created, UTC) if created is not None else None
    found: VerificationKey | None
    if isinstance(source, TrustStore):
        stored = source.find_all(key_id)  # a renewed certificate stands beside the old one
        found = source.current(stored, at) if stored else None
    else:
        found = source.get(key_id) if isinstance(source, Mapping) else source(key_id)
    if found is None:
        _refuse("the key that the signature names is not known", "key")
    if not isinstance(found, x509.Certificate):
        return found, None
    (source if isinstance(source, TrustStore) else TrustStore([found])).check_message(found, at=at)
    return found.public_key(), found  # type: ignore[return-value]  # other kinds fit no algorithm and are refused


def choose(key: PublicKey | SharedSecret, named: object, allowed: frozenset[str]) -> str:
    """Return the one allowed algorithm that the key fits and the ``alg`` parameter does not contradict."""
    fitting = sorted(name for name in allowed if _fits(key, name) and named in {None, name})
    if not fitting:
        _refuse("the signature's algorithm is not allowed here or does not fit the key", "algorithm")
    if len(fitting) > 1:
        _refuse("the signature does not say its algorithm, and the key fits several", "algorithm")
    return fitting[0]


def verify(key: PublicKey | SharedSecret, algorithm: str, signature: bytes, base: bytes) -> None:
    """Check a signature over the signature base."""
    if isinstance(key, SharedSecret):
        if not hmac.compare_digest(key.sign(base), signature):
            _refuse("the signature does not hold", "signature")
        return
    _algorithms.verify(key, _JOSE[algorithm], signature, base, where="HTTP signature")


def _fits(key: object, name: str) -> bool:
    if isinstance(key, SharedSecret):
        return name == "hmac-sha256"
    return name in _JOSE and _algorithms.fits(key, _JOSE[name])


def _refuse(message: str, reason: str) -> NoReturn:
    raise SignatureInvalid(message, where="HTTP signature", reason=reason)
