"""Which version of each key the target has: what need not be sent, and what must not.

A *scope* is the place where keys are compared: connection, destination and dataset, so that two exchanges
into one table see each other. What the target took last is found in compacted key indexes (levels), in
the deliveries since then, and in those that are in doubt. A run looks once and then only when
`journal.sent` tells it that something has moved (`lienthong.ledger.fencing.Moved`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lienthong.errors import OutcomeUnknown
from lienthong.exchange import Exchange
from lienthong.keyindex import KEY, Level, Sidecar
from lienthong.keyindex.levels import SHORT, LevelFile
from lienthong.ledger.fencing import Seen
from lienthong.ledger.key_levels import KeyLevels
from lienthong.ledger.ranges import Ranges, ranges_of
from lienthong.ledger.scopes import Scopes
from lienthong.ledger.states import DeliveryState
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.compacting import compact
from lienthong.pipeline.keys import index_of
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.records import digest
from lienthong.segment import Segment

_KEY, _NUMBER, _LEAF = slice(0, KEY), slice(32, 40), slice(44, 44 + SHORT)
#: More deliveries' records than these since the last compaction are compacted before anything is compared.
_MOST_RECENT = 100_000


@dataclass(frozen=True, slots=True)
class Version:
    """What a target has of a key: the number of the run that pulled it, and the leaf hash (16 bytes).

    ``run`` names the run that delivered it where that is one of ours which never settled.
    """

    number: int
    leaf: bytes
    run: str = ""


def scope_of(exchange: Exchange, dataset: str) -> str:
    """Return the scope (hex) of an exchange's target for a dataset (its name, without a version)."""
    target = exchange.target
    destination = getattr(target.connector, "destination", None)
    place = destination or digest(exchange.as_dict()["target"]["connector"])
    return digest({"connection": target.connection, "destination": place, "dataset": dataset})


@dataclass
class Versions:
    """The versions at one target as one run sees them."""

    bus: Bus
    plan: Plan
    request: RunRequest
    scope: str
    number: int
    seen: Seen = field(init=False)
    _levels: list[LevelFile] = field(default_factory=list)
    _recent: list[dict[bytes, Version]] = field(default_factory=list)
    _doubts: list[DeliveryState] = field(default_factory=list)
    _cleared: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seen = Seen(self.scope, self.request.run, 0, frozenset())

    def look(self) -> None:
        """Look at everything that others delivered, or have in doubt, up to now."""
        scopes, levels = Scopes(self.bus.database), KeyLevels(self.bus.database).levels(self.scope)
        last = max((level.last_taken for level in levels), default=0)
        doubts = [item for item in scopes.in_doubt(self.scope) if item.owner != self.request.run]
        taken = scopes.taken(self.scope, last)
        if sum(item.segment.count for item in taken) > _MOST_RECENT:
            compact(self.bus, self.scope)
            return self.look()
        ours = scopes.unsettled(self.plan.exchange.id, self.request.run)
        self._recent = [
            self._taken_by(item, item.owner if self._inherits(item, ours) else "")
            for item in taken
            if item.owner != self.request.run
        ]
        self._levels = [file for file in map(self._open, levels) if file is not None]
        self._doubts = doubts
        newest = max((item.taken or 0 for item in taken), default=last)
        self.seen = Seen(self.scope, self.request.run, newest, frozenset(item.id for item in doubts))
        return None

    def _open(self, level: Level) -> LevelFile | None:
        """Open a level; leave it out where it was made under another hash key, and say so."""
        file = self.bus.levels.open(level.name)
        if file.key_id == self._key_id:
            return file
        self.bus.audit(
            "push",
            f"key level {level.name[:16]} was made under another hash key: what it knows is delivered again",
        )
        return None

    @property
    def _key_id(self) -> bytes:
        return self.bus.hasher(self.plan.produces.name).key_id

    def _inherits(self, item: DeliveryState, unsettled: frozenset[str]) -> bool:
        return item.exchange == self.plan.exchange.id and item.owner in unsettled

    def fates(
        self, segment: Segment, superseded: frozenset[int], repeated: frozenset[int]
    ) -> dict[str, Ranges]:
        """Return the lines of a segment that are not to be sent, by kind.

        ``superseded`` lines have a newer version in this run. Of ``repeated`` ones every version is sent,
        in order, so they are compared by number only. Raises `OutcomeUnknown` while a delivery of another
        run that holds one of the keys is in doubt.
        """
        if not self._levels and not self._recent and not self._doubts:
            return {"unchanged": (), "superseded": ranges_of(superseded), "inherited": ()}
        sidecar = index_of(self.bus, segment, self.plan.produces, self.number)
        self._check_doubts(segment, sidecar, superseded)
        found = self.newest(row[_KEY] for row in sidecar.by_line())
        lines: dict[str, set[int]] = {"unchanged": set(), "superseded": set(superseded), "inherited": set()}
        for line, row in enumerate(sidecar.by_line()) if found else ():
            version = found.get(row[_KEY])
            if version is not None and line not in superseded:
                kind = self._kind(row, version, repeated=line in repeated)
                if kind:
                    lines[kind].add(line)
        return {name: ranges_of(some) for name, some in lines.items()}

    def _kind(self, row: bytes, version: Version, *, repeated: bool) -> str:
        """Return why a record is not sent, "" where it is."""
        if version.leaf == row[_LEAF]:
            if repeated:
                return ""
            if version.run:
                return "inherited"
            return "" if self.request.resend or self.request.back else "unchanged"
        newer = version.number > int.from_bytes(row[_NUMBER], "big")
        return "superseded" if newer and not self.request.back else ""

    def newest(self, keys: Iterable[bytes]) -> dict[bytes, Version]:
        """Return what the target took last of those of some keys (32 bytes) that it has."""
        found: dict[bytes, Version] = {}
        wanted = set(keys)
        for recent in reversed(self._recent):
            for key in recent.keys() & wanted:
                found[key] = recent[key]
            wanted -= found.keys()
        for level in reversed(self._levels):
            if not wanted:
                break
            for key, version in level.newest(list(wanted), key_id=self._key_id).items():
                found[key] = Version(version.number, version.leaf)
            wanted -= found.keys()
        return found

    def _check_doubts(self, segment: Segment, sidecar: Sidecar, superseded: frozenset[int]) -> None:
        mine: set[bytes] | None = None
        for item in self._doubts:
            if (item.id, segment.digest) in self._cleared:
                continue
            if mine is None:
                mine = {row[_KEY] for line, row in enumerate(sidecar.by_line()) if line not in superseded}
            other = self._index_of(item)
            theirs = other.by_line() if other is not None else []
            left_out = item.unsent
            if other is None or any(
                row[_KEY] in mine for line, row in enumerate(theirs) if line not in left_out
            ):
                raise _in_doubt(item)
            self._cleared.add((item.id, segment.digest))

    def _taken_by(self, item: DeliveryState, run: str) -> dict[bytes, Version]:
        """Return the versions that a delivery brought to the target, by key (32 bytes)."""
        sidecar = self._index_of(item)
        if sidecar is None:
            return {}
        missing = item.unsent | set(item.refused) | set(item.unknown)
        return {
            row[_KEY]: Version(int.from_bytes(row[_NUMBER], "big"), row[_LEAF], run)
            for line, row in enumerate(sidecar.by_line())
            if line not in missing
        }

    def _index_of(self, item: DeliveryState) -> Sidecar | None:
        """Return a delivery's key index, None where it has none (it is from before there were any)."""
        if not item.segment.index:
            return None
        return index_of(self.bus, item.segment, self.plan.produces, self.number)


def _in_doubt(item: DeliveryState) -> OutcomeUnknown:
    return OutcomeUnknown(
        "another delivery whose outcome is in doubt holds some of these keys: nothing newer is sent before",
        where=f"delivery {item.id} of exchange {item.exchange!r}, run {item.run!r}",
        hint="run that exchange again, or say what the agency told you with `lienthong delivery resolve`",
    )
