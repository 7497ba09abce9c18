"""Certification paths as tokens (X.509 token profile 1.1, section 3.1.2): PkiPath of ITU-T X.509.

``PkiPath ::= SEQUENCE OF Certificate``: the first was issued by a trusted authority, each issued the next,
the last is the signer's.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.signing._wsse.names import refuse
from lienthong.signing.trust import read_der

MOST: int = 6
"""Most certificates of a path."""


def read(der: bytes) -> list[x509.Certificate]:
    """Return the signer's certificate and those above it; refuse with ``reason`` ``key-info``.

    Some tools write the path the other way round. The signer's is the one that issued no other.
    """
    start, end = _value(der, 0)
    if end != len(der):
        refuse("the certification path of the message cannot be read", "key-info")
    found: list[x509.Certificate] = []
    while start < end:
        _, after = _value(der, start)
        if after > end or len(found) == MOST:
            refuse("the certification path of the message is too long or broken", "key-info")
        try:
            found.append(read_der(der[start:after]))
        except ValueError:
            refuse("a certificate of the message's path cannot be read", "key-info")
        start = after
    issuers = {one.issuer.public_bytes() for one in found if one.issuer != one.subject}
    leaves = [one for one in found if one.subject.public_bytes() not in issuers]
    if len(leaves) != 1:
        refuse("the certification path of the message does not lead to one certificate", "key-info")
    return [*leaves, *(one for one in found if one is not leaves[0])]


def write(certificate: x509.Certificate, above: Sequence[x509.Certificate]) -> bytes:
    """Return the path of a certificate and its intermediates from its issuer upwards, without a root."""
    path = [certificate, *(one for one in above if one.issuer != one.subject)]
    inner = b"".join(one.public_bytes(Encoding.DER) for one in reversed(path))
    size = len(inner)
    length = bytes([size]) if size < 0x80 else _long(size)
    return b"\x30" + length + inner


def _long(size: int) -> bytes:
    data = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(data)]) + data


def _value(der: bytes, at: int) -> tuple[int, int]:
    """Return where a SEQUENCE's content begins and ends (X.690, sections 8.1.3 and 10.1)."""
    head = der[at : at + 2]
    if len(head) < 2 or head[0] != 0x30 or head[1] == 0x80 or head[1] > 0x84:
        refuse("the certification path of the message cannot be read", "key-info")
    more = head[1] & 0x7F if head[1] > 0x80 else 0
    start = at + 2 + more
    size = int.from_bytes(der[at + 2 : start], "big") if more else head[1]
    if start + size > len(der):
        refuse("the certification path of the message is cut", "key-info")
    return start, start + size
