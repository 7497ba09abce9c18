"""Evidence bundles: one file that proves a run offline, the same bytes whenever it is made.

Layout (docs/evidence.md tells how to check it by hand)::

    README.txt                       the layout, for whoever opens the file
    statements/<sequence>.jws        the run's signed statements
    documents/<name>                 agreement, contracts, mapping, deliveries, quarantine
    leaves/<segment>.bin             the leaf hash of every record, 32 bytes each
    indexes/<root>.bin               the key indexes of segments, 44 bytes a record; may be left out
    segments/<segment>.ndjson.zst    the records; left out on request, the rest still verifies
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.errors import EvidenceTampered, Permanent, SegmentTampered, UnknownName
from lienthong.keyindex import root_over_entries
from lienthong.ledger.container import README, Writer
from lienthong.ledger.documents import DELIVERIES, QUARANTINE, deliveries_document, quarantine_document
from lienthong.ledger.readme import text_of
from lienthong.ledger.verify_indexes import STUB
from lienthong.ledger.view import RunView
from lienthong.merkle import leaf_hashes, root_of_leaves
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
    """A bundle that was written: its file, SHA-256 (hex) and size in bytes, and what is in it.

    ``statements`` counts acts too.
    """

    path: Path
    exchange: str
    run: str
    digest: str
    size: int
    entries: int
    statements: int
    segments: int
    records: bool
    indexes: int = 0


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
    read_index: Callable[[str], Sequence[bytes] | None] | None = None,
    read_leaves: Callable[[str], bytes] | None = None,
    records: bool = True,
    progress: Progress | None = None,
) -> BundleInfo:
    """Write the bundle of a settled run to the file ``out``.

    ``read_segment`` gives a segment's compressed bytes by digest. ``documents`` are offered by name;
    those that the statements bind are taken from there, from what the ledger has kept
    (`Ledger.keep`), or made again from the journal, whichever has the signed digest. Without
    ``records`` only leaf hashes are written; those of segments that housekeeping removed are then asked of
    ``read_leaves``. ``read_index`` gives a key index's entries, sorted, by its root, None where there is
    none; those that are not given are not written.

    Raises `UnknownName` for a run without statements, `Permanent` for one that has not settled,
    `EvidenceTampered` where a bound document is not to be had or an entry is damaged, `SegmentTampered`
    where a segment or index is not what was signed.
    """
    entries = [entry.intact() for entry in ledger.entries(run=run, exchange=exchange)]
    view = _view(entries, exchange, run)
    offered = _Documents(ledger, journal, quarantine, exchange, run, documents, view.format)
    segments, indexes = view.segments(), len(view.indexes()) if read_index else 0
    total = 1 + len(entries) + len(view.documents()) + len(segments) * (1 + records) + indexes
    done = written = 0
    with Writer(out) as writer:
        read = read_segment if records or read_leaves is None else _or_leaves(read_segment, read_leaves)
        for name, data in _contents(entries, view, offered, read, read_index, records=records):
            writer.add(name, data)
            done += 1
            written += name.startswith("indexes/")
            if progress is not None:
                progress(done, total)
        count = writer.close()
    digest, size = _digest_of(out)
    made = (count, len(entries), len(segments), records, written)
    return BundleInfo(out, exchange, run, digest, size, *made)


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
    read_segment: Callable[[str], bytes | _Kept],
    read_index: Callable[[str], Sequence[bytes] | None] | None,
    *,
    records: bool,
) -> Iterator[tuple[str, bytes]]:
    """Yield the bundle's entries in their order, one segment in memory at a time."""
    segments = view.segments()
    yield README, text_of({payload["format"] for payload in view.payloads})
    for entry in entries:
        yield f"statements/{entry.sequence:010d}.jws", entry.token.encode()
    for name, digests in view.documents().items():
        yield f"documents/{name}", offered.find(name, digests)
    for segment in segments.values():
        yield f"leaves/{segment.digest}.bin", _leaves(segment, read_segment(segment.digest))
    for root in view.indexes():
        rows = read_index(root) if read_index else None
        if rows is not None:
            yield f"indexes/{root}.bin", _index(root, rows)
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
        leaves = leaf_hashes(unpack(data, segment.digest))
    if root_of_leaves(leaves) != segment.root or len(leaves) != segment.count:
        raise SegmentTampered(
            "the segment's records do not have the root that was signed",
            where=f"segment {segment.digest}",
            hint="keep the staging store and the ledger for investigation",
        )
    return b"".join(leaves)


def _index(root: str, rows: Sequence[bytes]) -> bytes:
    if root_over_entries(rows) != root:
        raise SegmentTampered(
            "the key index does not have the root that was signed",
            where=f"key index {root}",
            hint="keep the staging store and the ledger for investigation",
        )
    return b"".join(row[:STUB] for row in rows)


@dataclass(frozen=True, slots=True)
class _Documents:
    """Where documents come from: given, kept by the ledger, or made again from the database."""

    ledger: Ledger
    journal: Journal
    quarantine: Quarantine
    exchange: str
    run: str
    given: Mapping[str, bytes]
    format: str

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
            states = self.journal.deliveries(run=self.run, exchange=self.exchange)
            return deliveries_document(states, format_=self.format)
        if name == QUARANTINE:
            found = self.quarantine.met(self.exchange, self.run)
            return quarantine_document(found, format_=self.format)
        return None


def _digest_of(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
