"""Segments: immutable chunks of records, named by the SHA-256 of their bytes.

A segment is a zstd frame (RFC 8878, with content checksum) of NDJSON: one record's canonical
bytes a line, each line ended by a newline. Its name is the SHA-256 of the compressed bytes; its
root the Merkle root over its records (`lienthong.merkle`), which does not depend on compression.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import zstandard

from lienthong.errors import Permanent, SegmentTampered
from lienthong.merkle import leaf_hashes, root_of_leaves, root_over
from lienthong.records import sha256

#: The most bytes a segment may unfold to; larger frames are refused unread.
MAX_UNPACKED = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Segment:
    """A reference to a segment: what travels between steps instead of records.

    ``digest``: SHA-256 (hex) of the compressed bytes, its name in the store. ``root``: Merkle root
    (hex) over the records. ``count``: records. ``size``: bytes once unpacked. ``index``: root (hex) of
    its key index (`lienthong.keyindex`), which also names that; empty where it has none.
    """

    digest: str
    root: str
    count: int
    size: int
    index: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the reference as a JSON-ready object."""
        plain = {"digest": self.digest, "root": self.root, "count": self.count, "size": self.size}
        return plain | ({"index": self.index} if self.index else {})

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Segment:
        """Return the reference that `as_dict` described."""
        return cls(value["digest"], value["root"], value["count"], value["size"], value.get("index", ""))


def pack(records: Sequence[bytes], leaves: Sequence[bytes] | None = None) -> tuple[Segment, bytes]:
    """Return the segment of some canonical records and its compressed bytes.

    ``leaves``: the records' leaf hashes where the caller has them (`lienthong.merkle.leaf_hashes`). Raises
    `Permanent` for more bytes than could be read back.
    """
    plain = b"\n".join(records) + b"\n" if records else b""
    if len(plain) > MAX_UNPACKED:
        raise Permanent(
            f"a segment of {len(plain)} bytes could not be read back (at most {MAX_UNPACKED})",
            hint="write these records into several segments",
        )
    data = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(plain)
    root = root_of_leaves(leaf_hashes(records) if leaves is None else leaves)
    return Segment(sha256(data), root, len(records), len(plain)), data


def unpack(data: bytes, digest: str) -> list[bytes]:
    """Return a segment's records; raise `SegmentTampered` where the bytes differ from the name."""
    if sha256(data) != digest:
        raise SegmentTampered(
            "the segment's bytes do not match its name",
            where=f"segment {digest}",
            hint="somebody or something changed the staging store: keep it for investigation, do not retry",
        )
    try:
        plain = _decompress(data)
    except zstandard.ZstdError as error:
        raise SegmentTampered(f"not a segment: {error}", where=f"segment {digest}") from None
    return plain.split(b"\n")[:-1]


def _decompress(data: bytes) -> bytes:
    size = zstandard.frame_content_size(data)
    if not 0 <= size <= MAX_UNPACKED:
        raise zstandard.ZstdError("unknown or excessive size")
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_UNPACKED) if size else b""


def root_of(segments: Iterable[Segment]) -> str:
    """Return the root (hex) of a step: the Merkle tree whose leaves are the segments' roots.

    A leaf's data is the 32 bytes of one segment's root, so that a step's root follows from its
    references alone and a single record is proved by two short paths.
    """
    return root_over(bytes.fromhex(segment.root) for segment in segments)
