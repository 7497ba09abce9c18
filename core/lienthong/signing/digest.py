"""Digests of message bodies: the Content-Digest and Repr-Digest fields (RFC 9530).

Both fields share one syntax; Content-Digest is over the content as transferred, Repr-Digest over
the selected representation, so the caller decides which bytes to hand in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from typing import Final

from lienthong.errors import ProtocolViolation, SignatureInvalid
from lienthong.signing import _fields

ALGORITHMS: Final = ("sha-256", "sha-512")
"""The digest algorithms that RFC 9530 section 7.2 calls active; all others are ignored."""


def content_digest(body: bytes, *, algorithm: str = "sha-256") -> str:
    """Return the field value for ``body``, such as ``sha-256=:RK/0...=:`` (RFC 9530 section 2)."""
    return _fields.write_dictionary({algorithm: _fields.Item(_digest(algorithm, body))})


def check_content_digest(header: str, body: bytes, required: Collection[str] = ALGORITHMS) -> None:
    """Check that every known digest in ``header`` is that of ``body``.

    At least one algorithm of ``required`` must be present; unknown and deprecated ones (md5, sha)
    are passed over. Raises :class:`SignatureInvalid` with ``reason`` ``digest`` (differs),
    ``digest-missing`` (none of the required ones) or ``field`` (not a digest field at all).
    """
    try:
        members = _fields.parse_dictionary(header)
    except ProtocolViolation as error:
        raise SignatureInvalid(error.message, where="Content-Digest", reason="field") from None
    if not any(algorithm in members for algorithm in required):
        raise SignatureInvalid(
            f"none of the digests {', '.join(sorted(required))} is present",
            where="Content-Digest",
            hint="ask the partner to send sha-256 or sha-512",
            reason="digest-missing",
        )
    for algorithm in ALGORITHMS:
        member = members.get(algorithm)
        if member is not None and not _matches(member, _digest(algorithm, body)):
            raise SignatureInvalid(
                f"the {algorithm} digest is not that of the body", where="Content-Digest", reason="digest"
            )


def _digest(algorithm: str, body: bytes) -> bytes:
    return hashlib.new(algorithm.replace("-", ""), body, usedforsecurity=True).digest()


def _matches(member: _fields.Member, expected: bytes) -> bool:
    value = member.value if isinstance(member, _fields.Item) else None
    return isinstance(value, bytes) and hmac.compare_digest(value, expected)
