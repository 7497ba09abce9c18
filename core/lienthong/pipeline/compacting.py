"""Compacting key indexes: what was delivered into one place of a target, in few files."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import Final

from lienthong.errors import LienThongError, SegmentTampered
from lienthong.keyindex import Level, Merge, due, everything
from lienthong.ledger import DeliveryState
from lienthong.ledger.key_levels import KeyLevels
from lienthong.ledger.scopes import Scopes
from lienthong.pipeline.bus import Bus
from lienthong.staging import Taken
from lienthong.staging import compact as merge_files
from lienthong.staging.shelf import Shelf

_FINAL: Final = ("acknowledged", "refused")


def compact_quietly(bus: Bus, scope: Callable[[], str]) -> None:
    """Compact what a settled run delivered; if that fails, the next run or maintenance does it."""
    try:
        compact(bus, scope())
    except (LienThongError, OSError) as error:
        bus.audit("settle", f"key indexes were not compacted ({type(error).__name__}): maintenance does it")


def compact(bus: Bus, scope: str, *, wholly: bool = False) -> int:
    """Do the merges of a scope that are due, or all that are possible; return how many were done.

    Several processes may do this at once: who is slower throws its file away. Files that nothing needs any
    more are left to housekeeping, because another process may just be reading them.
    """
    levels, done = KeyLevels(bus.database), 0
    while True:
        known = levels.levels(scope)
        last = max((level.last_taken for level in known), default=0)
        final = takewhile(lambda item: item.state in _FINAL, Scopes(bus.database).taken({scope: last}))
        waiting = [_taken(item) for item in final if item.segment.index]
        what = (everything if wholly else due)(known, len(waiting))
        if what is None:
            return done
        if not _merge(bus, levels, scope, what, waiting):
            return done
        done += 1


def maintain(bus: Bus, unused_since: float) -> tuple[int, int]:
    """Compact every scope wholly, and remove level files that nothing needs any more.

    Those stored after ``unused_since`` (seconds since 1970) stay: a run may just be reading them. Returns how
    many merges were done and how many files were removed.
    """
    merges = sum(_compact_or_say(bus, scope) for scope in Scopes(bus.database).names())
    needed, removed = KeyLevels(bus.database).names(), 0
    for file in Shelf.open(bus.config.staging).listed("levels"):
        name = file.name.rsplit("/", 1)[-1].split(".", 1)[0]
        if name and name not in needed and file.stored_at < unused_since:
            bus.levels.remove(name)
            removed += 1
    return merges, removed


def _compact_or_say(bus: Bus, scope: str) -> int:
    """Compact a scope wholly; where a file is lost, push makes it again, or raises the alarm."""
    try:
        return compact(bus, scope, wholly=True)
    except SegmentTampered as error:
        bus.audit("housekeeping", f"scope {scope} was not compacted: {error.message} ({error.where})")
        return 0


def _merge(bus: Bus, levels: KeyLevels, scope: str, what: Merge, waiting: list[Taken]) -> bool:
    fresh: Level = merge_files(bus.levels, what, scope=scope, waiting=waiting, load=bus.store.index)
    entered = levels.replace(scope, [file.name for file in what.files], fresh)
    if not entered and fresh.name not in levels.names():
        bus.levels.remove(fresh.name)
    return entered


def _taken(item: DeliveryState) -> Taken:
    return Taken(item.taken or 0, item.segment.index, item.not_there)
