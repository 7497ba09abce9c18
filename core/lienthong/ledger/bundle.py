"""Evidence bundles: one file that proves a run offline, the same bytes whenever it is made.

Layout (docs/evidence.md tells how to check it by hand)::

    README.txt                       the layout, for whoever opens the file
    statements/<sequence>.jws        the run's signed statements
    documents/<name>                 agreement, contracts, mapping, deliveries, quarantine
    leaves/<segment>.bin             the leaf hash of every record, 32 bytes each
    segments/<segment>.ndjson.zst    the records; left out on request, the rest still verifies
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.errors import EvidenceTampered, Permanent, SegmentTampered, UnknownName
from lienthong.ledger.container import README, Writer
from lienthong.ledger.documents import DELIVERIES, QUARANTINE, deliveries_document, quarantine_document
from lienthong.ledger.readme import README_TEXT
from lienthong.ledger.view import RunView
from lienthong.merkle import Tree, leaf_hash
from lienthong.records import sha256
from lienthong.segment import Segment, unpack

if TYPE_CHECKING:
    from lienthong.ledger.journal import Journal
    from lienthong.ledger.log import Entry, Ledger
    from lienthong.ledger.quarantine import Quarantine

Progress = Callable[[int, int], Any]
"""Told how many of how many entries are done."""


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """A bundle that was written: its file, SHA-256 (hex) and size in bytes, and what is in it."""

    path: Path
    exchange: str
    run: str
    digest: str
    size: int
    entries: int
    statements: int
    segments: int
    records: bool


def export(  # noqa: PLR0913 - one call makes one file; all but three are named
    ledger: Ledger,
    journal: Journal,
    quarantine: Quarantine,
    *,
    exchange: str,
    run: str,
    read_segment: Callable[[str], bytes],
    documents: Mapping[str, bytes],
    out: Path,
    read_leaves: Callable[[str], bytes] | None = None,
    records: bool = True,
    progress: Progress | None = None,
) -> BundleInfo:
    """Write the bundle of a settled run to the file ``out``.

    ``read_segment`` gives a segment's compressed bytes by digest. ``documents`` are offered by name;
    those that the statements bind are taken from there, from what the ledger has kept
    (`Ledger.keep`), or made again from the journal, whichever has the signed digest. Without
    ``records`` only leaf hashes are written; those of segments that housekeeping removed are then asked of
    ``read_leaves``. Raises `UnknownName` for a run without statements,
    `Permanent` for one that has not settled, `EvidenceTampered` where a bound document is not to be
    had, `SegmentTampered` where a segment is not what was signed.
    """
    entries = [entry.intact() for entry in ledger.entries(run=run, exchange=exchange)]
    view = _view(entries, exchange, run)
    offered = _Documents(ledger, journal, quarantine, exchange, run, documents)
    segments = view.segments()
    total = 1 + len(entries) + len(view.documents()) + len(segments) * (1 + records)
    done = 0
    with Writer(out) as writer:
        read = read_segment if records or read_leaves is None else _or_leaves(read_segment, read_leaves)
        for name, data in _contents(entries, view, offered, segments, read, records=records):
            writer.add(name, data)
            done += 1
            if progress is not None:
                progress(done, total)
        count = writer.close()
    digest, size = _digest_of(out)
    return BundleInfo(out, exchange, run, digest, size, count, len(entries), len(segments), records)


def _view(entries: list[Entry], exchange: str, run: str) -> RunView:
    where = f"exchange {exchange!r}, run {run!r}"
    if not entries:
        raise UnknownName(
            "the ledger has no statement of this run", where=where, hint="see: lienthong evidence runs"
        )
    view = RunView.of(entry.payload for entry in entries)
    if view.settled is None:
        raise Permanent(
            "the run has not settled, so its evidence is not complete",
            where=where,
            hint="finish the run; its statements can be read in the ledger meanwhile",
        )
    return view


def _contents(
    entries: list[Entry],
    view: RunView,
    offered: _Documents,
    segments: Mapping[str, Segment],
    read_segment: Callable[[str], bytes | _Kept],
    *,
    records: bool,
) -> Iterator[tuple[str, bytes]]:
    """Yield the bundle's entries in their order, one segment in memory at a time."""
    yield README, README_TEXT
    for entry in entries:
        yield f"statements/{entry.sequence:010d}.jws", entry.token.encode()
    for name, digests in view.documents().items():
        yield f"documents/{name}", offered.find(name, digests)
    for segment in segments.values():
        yield f"leaves/{segment.digest}.bin", _leaves(segment, read_segment(segment.digest))
    for segment in segments.values() if records else ():
        data = read_segment(segment.digest)
        assert isinstance(data, bytes)  # noqa: S101 - kept leaves are only read where no records are wanted
        yield f"segments/{segment.digest}.ndjson.zst", data


@dataclass(frozen=True, slots=True)
class _Kept:
    """The leaf hashes that were kept of a segment that is gone."""

    leaves: bytes


def _or_leaves(
    read_segment: Callable[[str], bytes], read_leaves: Callable[[str], bytes]
) -> Callable[[str], bytes | _Kept]:
    def read(digest: str) -> bytes | _Kept:
        try:
            return read_segment(digest)
        except SegmentTampered:
            return _Kept(read_leaves(digest))

    return read


def _leaves(segment: Segment, data: bytes | _Kept) -> bytes:
    if isinstance(data, _Kept):
        leaves = [data.leaves[start : start + 32] for start in range(0, len(data.leaves), 32)]
    else:
        leaves = [leaf_hash(record) for record in unpack(data, segment.digest)]
    if Tree(leaves).root() != segment.root or len(leaves) != segment.count:
        raise SegmentTampered(
            "the segment's records do not have the root that was signed",
            where=f"segment {segment.digest}",
            hint="keep the staging store and the ledger for investigation",
        )
    return b"".join(leaves)


@dataclass(frozen=True, slots=True)
class _Documents:
    """Where documents come from: given, kept by the ledger, or made again from the database."""

    ledger: Ledger
    journal: Journal
    quarantine: Quarantine
    exchange: str
    run: str
    given: Mapping[str, bytes]

    def find(self, name: str, digests: set[str]) -> bytes:
        """Return the bytes of a bound document."""
        for candidate in (self._given, self._kept, self._made):
            data = candidate(name, digests)
            if data is not None and digests == {sha256(data)}:
                return data
        raise EvidenceTampered(
            f"document {name} is not to be had as it was signed",
            where=f"exchange {self.exchange!r}, run {self.run!r}",
            hint="give the version that was in force at the run, or look for it in the ledger's documents",
        )

    def _given(self, name: str, digests: set[str]) -> bytes | None:
        del digests
        return self.given.get(name)

    def _kept(self, name: str, digests: set[str]) -> bytes | None:
        del name
        return self.ledger.document(min(digests))

    def _made(self, name: str, digests: set[str]) -> bytes | None:
        del digests
        if name == DELIVERIES:
            return deliveries_document(self.journal.deliveries(run=self.run, exchange=self.exchange))
        if name == QUARANTINE:
            return quarantine_document(self.quarantine.refused_in(self.exchange, self.run))
        return None


def _digest_of(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
