"""What a source gives again: records in the cursor's window, exactly as the last settled run read them.

A read begins at the last cursor's own value, or an overlap before it, because others may share that value or
come late. What was read before is recognised by its key and leaf hash, in the key indexes of the last settled
run, and is not pulled once more: it was delivered or set aside then. What is recognised is carried on for the
next run in an index of its own. A run that is asked for an explicit ``since`` recognises nothing, and neither
does one whose place at the target was reached since by another run (a trial, a replay, another exchange):
then the target may hold something else, and all is compared with that. If only replays of the exchange's own
quarantine came there since, what comes again is pulled, and keeps the number under which it was read: of two
versions of one read, a repaired one that went later is not overtaken by the one before it. The same is done,
whoever came there, with keys of which the last run read several versions: that is a log, which gives for ever
what was once so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import eq, le, lt
from typing import Any, Final

from lienthong.errors import LienThongError
from lienthong.keyindex import KEY, KeyHasher, build
from lienthong.ledger import RunState
from lienthong.ledger.scopes import Scopes
from lienthong.merkle import leaf_hashes
from lienthong.paths import plain
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.ended import confirmed
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.places import place_of
from lienthong.pipeline.plan import Plan
from lienthong.records import Record
from lienthong.segment import Segment

#: More records of the last run than these are not kept in memory: then all are compared at the target only.
MOST: Final = 50_000
#: Of a key that was read in several versions it is not told here which of them the target holds.
_ONCE: Final = partial(eq, 1)
_ALL: Final = partial(le, 1)
#: A key that was read in several versions is one of a log: what comes again is no newer than it was.
_SEVERAL: Final = partial(lt, 1)
_NUMBER: Final = slice(32, 40)
_LEAF: Final = slice(44, 76)


@dataclass
class ReadAgain:
    """The records that may come again, by key and leaf hash with their numbers, and those that have come.

    ``name`` is the cursor's field, None where there is none, ``since`` the last cursor. ``leave_out``: what
    comes again is not pulled.
    """

    since: Any
    name: str | None
    hasher: KeyHasher
    known: dict[tuple[bytes, bytes], int]
    leave_out: bool = True
    met: dict[tuple[bytes, bytes], int] = field(default_factory=dict)

    def former(self, records: Sequence[Record], made: Sequence[bytes], keys: Sequence[str]) -> dict[int, int]:
        """Return the numbers under which records of a page were read before exactly as they are, by place."""
        if self.leave_out:
            return {}
        return {place: self.known[pair] for place, pair in self._again(records, made, keys)}

    def sift(self, records: Sequence[Record], made: Sequence[bytes], keys: Sequence[str]) -> set[int]:
        """Return the places of a page's records that are not pulled: they were read before as they are."""
        if not self.leave_out:
            return set()
        found: set[int] = set()
        for place, pair in self._again(records, made, keys):
            self.met[pair] = self.known[pair]
            found.add(place)
        return found

    def _again(
        self, records: Sequence[Record], made: Sequence[bytes], keys: Sequence[str]
    ) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
        """Yield place, key and leaf hash of what was read before."""
        if set(map(type, records)) != {dict}:
            return
        places: Sequence[int] = range(len(records))
        if self.name is not None:
            # what lies in the window, as far as texts of one form tell; else the target's index decides
            name, since, kind = self.name, self.since, type(self.since)
            values: list[Any] = [one[name] if name in one else None for one in records]  # noqa: SIM401 - no call
            places = [place for place, value in enumerate(values) if type(value) is kind and value <= since]
        hashes = self.hasher.many([keys[place] for place in places])
        leaves = leaf_hashes([made[place] for place in places])
        for place, *pair in zip(places, hashes, leaves, strict=True):
            if (pair[0], pair[1]) in self.known:
                yield place, (pair[0], pair[1])

    def keep(self, bus: Bus) -> dict[str, Any]:
        """Keep what has come again for the next run; return where it is."""
        if not self.met:
            return {}
        pairs = sorted(self.met)
        keys, leaves = [key for key, _ in pairs], [leaf for _, leaf in pairs]
        numbers = [self.met[pair] for pair in pairs]
        sidecar = build(keys, leaves, numbers, key_id=self.hasher.key_id)
        return {"index": bus.store.write_index(sidecar), "count": len(pairs)}


def read_again(bus: Bus, plan: Plan, request: RunRequest, state: RunState) -> ReadAgain | None:
    """Return what a run's source may give again, None where nothing can be recognised."""
    name = plan.exchange.source.cursor
    if request.kind != "run" or request.resend or (name is not None and not plain(name)):
        return None
    last, hasher = bus.journal.cursor(state.exchange), bus.hasher(plan.dataset.name)
    stayed = name is not None and not state.explicit_since and _stayed(bus, state.exchange, last.run)
    if stayed:
        name = None  # the last run's list was not read to a confirmed end: all of it comes again
    window = stayed or (name is not None and state.since is not None and not state.explicit_since)
    if not last.run or (name is not None and last.value is None):
        return None
    since = None if name is None else _typed(plan, str(state.since if window else last.value))
    try:
        scopes, landed = place_of(bus, plan).scopes, Scopes(bus.database)
        ours = landed.last_to_land(scopes, state.exchange, last.run)
        leave_out = ours and window
        replayed = not ours and landed.last_to_land(scopes, state.exchange, last.run, but_replays=True)
        which = _ONCE if leave_out else _ALL if replayed else _SEVERAL
        known = _known(bus, state.exchange, last.run, hasher.key_id, which)
    except LienThongError:
        return None  # an index is gone, or was made under another key: the target's index decides
    return ReadAgain(since, name, hasher, known, leave_out) if known else None


def _stayed(bus: Bus, exchange: str, run: str) -> bool:
    """Tell whether a settled run left the cursor where it was because no end was confirmed."""
    number, end = 0, None
    while run and (saved := bus.journal.step(exchange, run, "pull.sealed", number)):
        end, number = saved["notes"].get("end"), number + 1
    return end is not None and not confirmed(end)


def _typed(plan: Plan, since: str) -> Any:
    """Return a cursor in the type that records hold."""
    types = plan.dataset.fields()[plan.exchange.source.cursor or ""].types
    return int(since) if "string" not in types and since.lstrip("-").isdigit() else since


def _known(
    bus: Bus, exchange: str, run: str, key_id: bytes, which: Callable[[int], bool]
) -> dict[tuple[bytes, bytes], int]:
    """Return key and leaf hash, with the number, of what a settled run read; nothing if that is too much.

    ``which`` says of how many versions of a key in that read it is kept.
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
    rows = [row for one in sidecars if one.key_id == key_id for row in one.rows]
    pairs = {(row[:KEY], row[_LEAF]): int.from_bytes(row[_NUMBER], "big") for row in rows}
    times = Counter(key for key, _ in pairs)
    return {pair: number for pair, number in pairs.items() if which(times[pair[0]])}
