"""Housekeeping: what no open run, quarantined record, hold or rule needs any more is removed.

First it is said what would be removed (`look`); then an act is signed that names it, and only then it
goes (`tidy`). Statements, documents, deliveries, key indexes and the leaf hash of every record stay, so
that every run can still be proved, without its records. Each removal is complete or not begun: a crash
leaves something that the next housekeeping finds again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lienthong.errors import Misconfigured, SegmentTampered, Unavailable
from lienthong.ledger.holds import Hold, Holds
from lienthong.ledger.retention import Retention, RunName
from lienthong.pipeline.acts import act, check_said
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.compacting import maintain
from lienthong.records import canonical
from lienthong.segment import unpack
from lienthong.staging.shelf import UNFINISHED, Shelf, Stored

LEAST: Final = timedelta(hours=24)
"""Nothing younger is removed: a live run's segment may not yet stand in its checkpoint."""

FORMAT: Final = "lienthong-housekeeping/1"
_AT_ONCE: Final = 5000
_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")


@dataclass
class Outlook:
    """What housekeeping removes, or has removed: figures, and what it keeps although it is as old.

    ``before`` is the moment that divides old from young. ``merges`` of key indexes were done, and so many
    ``level_files`` of which nothing needs any more were removed. ``kept`` counts segments by reason,
    ``damaged`` names segments, or segments whose key index, cannot be read: they stay, for investigation.
    """

    before: str
    segments: int = 0
    segment_bytes: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    leftovers: int = 0
    leftover_bytes: int = 0
    runs: int = 0
    checkpoints: int = 0
    merges: int = 0
    level_files: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as a JSON-ready object."""
        return dict(vars(self))


@dataclass(frozen=True, slots=True)
class _Found:
    """What may go, as it was seen at one moment."""

    moment: float
    segments: Sequence[Stored]
    blobs: Sequence[Stored]
    leftovers: Sequence[Stored]
    checkpoints: Mapping[RunName, int]
    expired: frozenset[RunName]
    holds: Sequence[Hold]


def look(bus: Bus, older_than: timedelta, *, at: datetime | None = None) -> Outlook:
    """Return what `tidy` would remove; nothing is changed.

    ``older_than`` is counted back from ``at`` (now): a run counts from when it settled or was closed, a
    file from when it was stored last. Raises `Misconfigured` for less than `LEAST`.
    """
    outlook, found = _seen(bus, older_than, at)
    _count(outlook, found)
    return outlook


def tidy(bus: Bus, older_than: timedelta, *, who: str, why: str, at: datetime | None = None) -> Outlook:
    """Remove what nothing needs, each portion after an act that names it; return what was removed.

    It may go on beside runs, and beside another housekeeping. Raises `Misconfigured` where it is not said
    who does it and why, `Unavailable` where a hold was placed or lifted meanwhile: look again.
    """
    check_said(who, why)
    outlook, found = _seen(bus, older_than, at)
    shelf = Shelf.open(bus.config.staging)
    indexes = Retention(bus.database).indexed(found.checkpoints)
    for number, portion in enumerate(_portions(found)):
        sound = [file for file in portion.segments if _is_kept_in_hashes(bus, file, indexes, outlook)]
        _sign(bus, outlook, portion, sound, who, why)
        if Holds(bus.database).list() != list(found.holds):
            raise Unavailable(
                "a hold was placed or lifted meanwhile", where="housekeeping", hint="do it again"
            )
        _remove(bus, shelf, outlook, portion, sound)
        bus.progress("housekeeping", number + 1, None)
    outlook.merges, outlook.level_files = maintain(bus, found.moment)
    bus.audit("housekeeping", ", ".join(f"{name} {n}" for name, n in outlook.as_dict().items() if n))
    return outlook


def _seen(bus: Bus, older_than: timedelta, at: datetime | None) -> tuple[Outlook, _Found]:
    if older_than < LEAST:
        raise Misconfigured(
            f"nothing younger than {LEAST} is removed", where="housekeeping", hint="name a greater age"
        )
    divide = (at or datetime.now(UTC)) - older_than
    before = divide.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    retention, shelf = Retention(bus.database), Shelf.open(bus.config.staging)
    holds = Holds(bus.database).list()
    files = {
        name: _old(shelf, name, divide.timestamp()) for name in ("segments", "blobs", "indexes", "leaves")
    }
    leftovers = [file for some in files.values() for file in some if _is_unfinished(file)]
    segments = [file for file in files["segments"] if not _is_unfinished(file)]
    # the runs are read after the files: what a run needs by then is known, what comes later is young
    runs = retention.runs(before, holds)
    needed = retention.needed(runs, before, frozenset(file.digest for file in segments))
    gone = [file for file in segments if file.digest not in needed]
    blobs = [file for file in files["blobs"] if not _is_unfinished(file)]
    blobs = _unnamed(bus, shelf, blobs, {file.digest for file in gone})
    outlook = Outlook(before, kept=dict(Counter(needed.values())))
    checkpoints = retention.with_checkpoints(runs.expired)
    return outlook, _Found(
        divide.timestamp(), gone, blobs, leftovers, checkpoints, runs.expired, tuple(holds)
    )


def _old(shelf: Shelf, folder: str, moment: float) -> list[Stored]:
    return [file for file in shelf.listed(folder) if file.stored_at < moment]


def _is_unfinished(file: Stored) -> bool:
    return file.name.rsplit("/", 1)[-1].startswith(UNFINISHED)


def _unnamed(bus: Bus, shelf: Shelf, blobs: list[Stored], gone: set[str]) -> list[Stored]:
    """Return those attachments that no record names which stays; reads all of these, where there are any."""
    if not blobs:
        return []
    left = {file.digest for file in blobs}
    for file in shelf.listed("segments"):
        if file.digest in gone or _is_unfinished(file) or not left:
            continue
        try:
            records = unpack(bus.store.data(file.digest), file.digest)
        except SegmentTampered:
            return []  # what a damaged segment names cannot be known
        for data in records:
            left -= {match.decode() for match in _DIGEST.findall(data)}
    return [file for file in blobs if file.digest in left]


def _portions(found: _Found) -> Iterator[_Found]:
    """Cut what may go into portions, each of which one act can name; checkpoints go last."""
    names: list[tuple[str, Any]] = [
        *(("segments", one) for one in found.segments),
        *(("blobs", one) for one in found.blobs),
        *(("leftovers", one) for one in found.leftovers),
        *(("checkpoints", one) for one in found.checkpoints.items()),
    ]
    for start in range(0, len(names), _AT_ONCE):
        some: dict[str, list[Any]] = {"segments": [], "blobs": [], "leftovers": [], "checkpoints": []}
        for kind, one in names[start : start + _AT_ONCE]:
            some[kind].append(one)
        yield _Found(
            found.moment, some["segments"], some["blobs"], some["leftovers"], dict(some["checkpoints"]),
            found.expired, found.holds,
        )  # fmt: skip


def _is_kept_in_hashes(bus: Bus, file: Stored, indexes: Mapping[str, str], outlook: Outlook) -> bool:
    """Keep a segment's leaf hashes and see that its key index is whole; note where one is damaged."""
    try:
        bus.store.keep_leaves(file.digest)
        root = indexes.get(file.digest)
        if root is not None:
            bus.store.index(root)
            bus.store.sync_index([root])
    except SegmentTampered:
        outlook.damaged.append(file.digest)
        return False
    return True


def _sign(
    bus: Bus, outlook: Outlook, portion: _Found, segments: Sequence[Stored], who: str, why: str
) -> None:
    """Keep the list of what goes and sign an act over it, before anything of it does."""
    listed = {
        "format": FORMAT,
        "segments": [file.digest for file in segments],
        "blobs": [file.digest for file in portion.blobs],
        "checkpoints": [list(name) for name in portion.checkpoints],
    }
    subject = {
        "before": outlook.before,
        "segments": len(segments),
        "segment_bytes": sum(file.size for file in segments),
        "blobs": len(portion.blobs),
        "blob_bytes": sum(file.size for file in portion.blobs),
        "leftovers": len(portion.leftovers),
        "checkpoints": sum(portion.checkpoints.values()),
        "list": bus.ledger.keep(canonical(listed)),
    }
    act(bus, name="housekeeping", who=who, why=why, subject=subject)


def _remove(bus: Bus, shelf: Shelf, outlook: Outlook, portion: _Found, segments: Sequence[Stored]) -> None:
    for kind, files in (("segment", segments), ("blob", portion.blobs), ("leftover", portion.leftovers)):
        for file in files:
            if shelf.remove(file, portion.moment):
                _add(outlook, kind, [file])
    outlook.checkpoints += Retention(bus.database).forget_checkpoints(portion.checkpoints)
    outlook.runs += len(portion.checkpoints)


def _count(outlook: Outlook, found: _Found) -> None:
    for kind, files in (("segment", found.segments), ("blob", found.blobs), ("leftover", found.leftovers)):
        _add(outlook, kind, files)
    outlook.checkpoints, outlook.runs = sum(found.checkpoints.values()), len(found.checkpoints)


def _add(outlook: Outlook, kind: str, files: Sequence[Stored]) -> None:
    values = vars(outlook)
    values[f"{kind}s"] += len(files)
    values[f"{kind}_bytes"] += sum(file.size for file in files)
