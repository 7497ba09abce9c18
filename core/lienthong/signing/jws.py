"""Compact JSON Web Signatures (RFC 7515), for statements, checkpoints and receipts.

A token is accepted only in its one canonical spelling, so that changing any single character of it
is detected. (ECDSA lets whoever holds a token write a second valid signature of the same content:
compare payloads, not tokens.)
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.signing import _algorithms
from lienthong.signing.signers import Signer
from lienthong.signing.trust import Role, TrustStore, read_der

ALGORITHMS: Final = frozenset({"ES256", "PS256"})
"""The algorithms that :func:`verify` accepts unless told otherwise."""

MAX_TOKEN: Final = 32 * 1024 * 1024
"""Largest token accepted, in characters."""

MAX_HEADER: Final = 64 * 1024
"""Largest protected header accepted, in base64url characters."""

_MAX_SIGNATURE: Final = 2048
_MAX_CHAIN: Final = 6
_RESERVED: Final = frozenset({"alg", "kid", "typ", "x5c", "crit", "b64", "jku", "jwk", "x5u"})
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token proved: the payload that was signed, the protected header, and who signed it.

    ``agency`` is the agency code of the certificate, see :meth:`TrustStore.agency_of`; for an
    operator it is ``operator:NAME``, which is no agency's code. ``role`` tells the two apart and
    which acts an operator may sign; ``path`` is that by which the certificate is believed, see
    :meth:`TrustStore.path`.
    """

    payload: bytes
    header: Mapping[str, Any]
    certificate: x509.Certificate
    agency: str
    role: Role
    path: tuple[x509.Certificate, ...] = ()


class KeyHolder(Protocol):
    """A key that signs; every :class:`Signer` is one, a bare key without a certificate too."""

    @property
    def key_id(self) -> str:
        """Hex SHA-256 of the public key's DER SubjectPublicKeyInfo."""

    @property
    def algorithm(self) -> str:
        """JOSE name of the algorithm."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``."""


def sign_by_key(payload: bytes, key: KeyHolder, *, typ: str, key_id: str) -> str:
    """Return the compact JWS of ``payload`` for a reader who holds the public key already.

    The protected header carries ``alg``, ``kid`` and ``typ``, no certificate: client assertions
    (RFC 7523) are checked against keys that were registered beforehand under ``key_id``.
    """
    return _signed(payload, key, {"alg": key.algorithm, "kid": key_id, "typ": typ})


def sign(payload: bytes, signer: Signer, *, typ: str, headers: Mapping[str, Any] | None = None) -> str:
    """Return the compact JWS of ``payload`` (RFC 7515 section 3.1).

    The protected header carries ``alg``, ``kid`` (the signer's key id), ``typ``, ``x5c`` (leaf and
    intermediates) and ``headers``. Raises :class:`Misconfigured` when ``headers`` sets one of those.
    """
    taken = sorted(_RESERVED & set(headers or {}))
    if taken:
        raise Misconfigured(f"the header {taken[0]!r} is set by the signing itself", where="jws.sign")
    chain = [signer.certificate, *signer.chain]
    header = {
        "alg": signer.algorithm,
        "kid": signer.key_id,
        "typ": typ,
        "x5c": [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain],
        **(headers or {}),
    }
    return _signed(payload, signer, header)


def verify(
    token: str,
    *,
    trust: TrustStore,
    typ: str,
    algorithms: frozenset[str] = ALGORITHMS,
    at: datetime | None = None,
) -> Verified:
    """Check a compact JWS and return what it proves.

    ``typ`` is required in the header exactly as given, ``algorithms`` is the allow-list, ``at`` the
    time at which the certificate must be valid (the time of signing, for evidence; now when
    ``None``). Raises :class:`SignatureInvalid` with a ``reason``: ``form``, ``size``, ``header``,
    ``crit``, ``typ``, ``algorithm``, ``certificate``, ``key``, ``signature``, or those of
    :meth:`TrustStore.check`.
    """
    head, body, tail = _split(token)
    header = _header(_decode(head))
    algorithm = _expected(header, typ=typ, algorithms=algorithms)
    certificate, *intermediates = _chain(header)
    if header.get("kid") != _algorithms.key_id(certificate.public_key()):
        _refuse("the key id does not belong to the certificate", "certificate")
    path = trust.path(certificate, intermediates, at)
    signature, signing_input = _decode(tail), token[: len(head) + 1 + len(body)].encode()
    _algorithms.verify(certificate.public_key(), algorithm, signature, signing_input, where="JWS")
    role = trust.role_on(path)
    return Verified(_decode(body), header, certificate, role.speaker, role, path)


def _signed(payload: bytes, key: KeyHolder, header: Mapping[str, Any]) -> str:
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    signing_input = f"{_encode(encoded)}.{_encode(payload)}"
    return f"{signing_input}.{_encode(key.sign(signing_input.encode()))}"


def _split(token: str) -> tuple[str, str, str]:
    if len(token) > MAX_TOKEN:
        _refuse("the token is too large", "size")
    parts = token.split(".", 3)
    if len(parts) != 3:
        _refuse("not a compact JWS of three parts", "form")
    head, body, tail = parts
    if len(head) > MAX_HEADER or len(tail) > _MAX_SIGNATURE:
        _refuse("the header or signature of the token is too large", "size")
    return head, body, tail


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Decode base64url without padding (RFC 7515 section 2), in its canonical spelling only."""
    if not _ALPHABET.fullmatch(text):
        _refuse("a part of the token is not base64url", "form")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        _refuse("a part of the token is not base64url", "form")
    # Only the last group can be spelled in more than one way (RFC 4648 section 3.5).
    if _encode(data[-(len(data) % 3 or 3) :])[-4:] != text[-(len(text) % 4 or 4) :]:
        _refuse("a part of the token is not canonical base64url", "form")
    return data


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _refuse("the header of the token is not JSON", "header")
    if not isinstance(header, dict):
        _refuse("the header of the token is not a JSON object", "header")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("a member stands twice in the header of the token", "header")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _expected(header: Mapping[str, Any], *, typ: str, algorithms: frozenset[str]) -> str:
    if "crit" in header or "b64" in header:
        _refuse("the token demands extensions that are not understood here", "crit")
    if header.get("typ") != typ:
        _refuse(f"the token is not of the type {typ}", "typ")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        _refuse("the token's algorithm is not among those allowed here", "algorithm")
    return algorithm


def _chain(header: Mapping[str, Any]) -> list[x509.Certificate]:
    chain = header.get("x5c")
    if not isinstance(chain, list) or not 1 <= len(chain) <= _MAX_CHAIN:
        _refuse("the token carries no certificate, or too many", "certificate")
    try:
        return [read_der(base64.b64decode(one, validate=True)) for one in chain]
    except (ValueError, TypeError):
        _refuse("a certificate of the token cannot be read", "certificate")


def _refuse(message: str, reason: str) -> NoReturn:
    raise SignatureInvalid(message, where="JWS", reason=reason)
