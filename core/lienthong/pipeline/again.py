"""What a source gives again: records in the cursor's window, exactly as the last settled run read them.

A read begins at the last cursor's own value, or an overlap before it, because others may share that value or
come late. What was read before is recognised by its key and leaf hash, in the key indexes of the last settled
run, and is not pulled once more: it was delivered or set aside then. What is recognised is carried on for the
next run in an index of its own. A run that is asked for an explicit ``since`` recognises nothing, and neither
does one whose place at the target was reached since by another run (a trial, a replay, another exchange):
then the target may hold something else, and all is compared with that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lienthong.errors import LienThongError
from lienthong.keyindex import KEY, KeyHasher, build
from lienthong.ledger import RunState
from lienthong.ledger.scopes import Scopes
from lienthong.merkle import leaf_hashes
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.places import place_of
from lienthong.pipeline.plan import Plan
from lienthong.records import Record
from lienthong.segment import Segment

#: More records of the last run than these are not kept in memory: then all are compared at the target only.
MOST: Final = 50_000
_LEAF: Final = slice(44, 76)


@dataclass
class ReadAgain:
    """The records that may come again, by key and leaf hash, and those that have come."""

    since: Any
    name: str
    hasher: KeyHasher
    known: dict[bytes, bytes]
    met: dict[tuple[bytes, bytes], None] = field(default_factory=dict)

    def sift(self, records: Sequence[Record], made: Sequence[bytes], keys: Sequence[str]) -> set[int]:
        """Return the places of a page's records that were read before exactly as they are."""
        if set(map(type, records)) != {dict}:
            return set()
        # what lies in the window, as far as texts of one form tell; else the target's index decides
        name, since, kind = self.name, self.since, type(self.since)
        values: list[Any] = [one[name] if name in one else None for one in records]  # noqa: SIM401 - no call
        places = [place for place, value in enumerate(values) if type(value) is kind and value <= since]
        hashes = self.hasher.many([keys[place] for place in places])
        leaves = leaf_hashes([made[place] for place in places])
        found: set[int] = set()
        for place, *pair in zip(places, hashes, leaves, strict=True):
            if self.known.get(pair[0]) == pair[1]:
                self.met[pair[0], pair[1]] = None
                found.add(place)
        return found

    def keep(self, bus: Bus) -> dict[str, Any]:
        """Keep what has come again for the next run; return where it is."""
        if not self.met:
            return {}
        pairs = sorted(self.met)
        sidecar = build([key for key, _ in pairs], [leaf for _, leaf in pairs], key_id=self.hasher.key_id)
        return {"index": bus.store.write_index(sidecar), "count": len(pairs)}


def read_again(bus: Bus, plan: Plan, request: RunRequest, state: RunState) -> ReadAgain | None:
    """Return what a run's source may give again, None where nothing can be recognised."""
    cursor, since = plan.exchange.source.cursor, state.since
    if cursor is None or "." in cursor or since is None or state.explicit_since:
        return None
    if request.kind != "run" or request.resend:
        return None
    last = bus.journal.cursor(state.exchange).run
    hasher = bus.hasher(plan.dataset.name)
    try:
        scopes = place_of(bus, plan).scopes
        if not Scopes(bus.database).last_to_land(scopes, state.exchange, last):
            return None
        known = _known(bus, state.exchange, last, hasher.key_id)
    except LienThongError:
        return None  # an index is gone, or was made under another key: the target's index decides
    return ReadAgain(_typed(plan, since), cursor, hasher, known) if known else None


def _typed(plan: Plan, since: str) -> Any:
    """Return a cursor in the type that records hold."""
    types = plan.dataset.fields()[plan.exchange.source.cursor or ""].types
    return int(since) if "string" not in types and since.lstrip("-").isdigit() else since


def _known(bus: Bus, exchange: str, run: str, key_id: bytes) -> dict[bytes, bytes]:
    """Return key and leaf hash of what a settled run read; nothing where that is too much to hold.

    A key of which it read several versions is left out: which of them the target holds is not told here.
    """
    roots: list[str] = []
    total = number = 0
    while saved := bus.journal.step(exchange, run, "pull.sealed", number):
        for item in (*saved["segments"], *saved["malformed"]):
            segment = Segment.from_dict(item)
            roots += [segment.index] if segment.index else []
            total += segment.count
        number += 1
        carried = saved.get("again") or {}
        if saved["complete"] and carried:
            roots.append(carried["index"])
            total += carried["count"]
    if total > MOST:
        return {}
    sidecars = map(bus.store.index, roots)
    pairs = {(row[:KEY], row[_LEAF]) for one in sidecars if one.key_id == key_id for row in one.rows}
    several = {key for key, times in Counter(key for key, _ in pairs).items() if times > 1}
    return {key: leaf for key, leaf in pairs if key not in several}
