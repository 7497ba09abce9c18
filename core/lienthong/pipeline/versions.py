"""Which version of each key the target has: what need not be sent, and what must not.

A *scope* is the place where keys are compared: connection, destination and dataset, so that two exchanges
into one table see each other. What the target took last is found in compacted key indexes (levels), in
the deliveries since then, and in those that are in doubt. A run looks once and then only when
`journal.sent` tells it that something has moved (`lienthong.ledger.fencing.Moved`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lienthong.errors import OutcomeUnknown, SegmentTampered
from lienthong.exchange import Exchange
from lienthong.keyindex import KEY, NO_KEY, KeyHasher, Level, Sidecar, key_id
from lienthong.keyindex.keys import require_one_key
from lienthong.keyindex.levels import SHORT, LevelFile
from lienthong.ledger.fencing import Seen
from lienthong.ledger.key_levels import KeyLevels
from lienthong.ledger.ranges import Ranges, lines_of, ranges_of
from lienthong.ledger.scopes import Scopes
from lienthong.ledger.states import DeliveryState
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.compacting import compact
from lienthong.pipeline.keys import index_of, key_texts
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.records import digest, parse
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


#: Keys by key id (which secret): the present hash of each by its hash under that secret.
Names = Mapping[bytes, Mapping[bytes, bytes]]


def scope_of(exchange: Exchange, dataset: str) -> str:
    """Return the scope (hex) of an exchange's target for a dataset (its name, without a version)."""
    target = exchange.target
    destination = getattr(target.connector, "destination", None)
    place = destination or digest(exchange.as_dict()["target"]["connector"])
    return digest({"connection": target.connection, "destination": place, "dataset": dataset})


@dataclass
class Versions:
    """The versions at one target as one run sees them.

    ``denied`` are deliveries of earlier runs of which the target has just told what it has: no request of
    them is under way any more, and what it does not have it will not get by them.
    """

    bus: Bus
    plan: Plan
    request: RunRequest
    scope: str
    number: int
    seen: Seen = field(init=False)
    _levels: list[LevelFile] = field(default_factory=list)
    _recent: list[tuple[bytes, dict[bytes, Version]]] = field(default_factory=list)
    _used: set[bytes] = field(default_factory=set)
    _doubts: list[DeliveryState] = field(default_factory=list)
    _cleared: set[tuple[str, str]] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seen = Seen(self.scope, self.request.run, 0, frozenset())

    def look(self) -> None:
        """Look at everything that others delivered, or have in doubt, up to now."""
        scopes, levels = Scopes(self.bus.database), KeyLevels(self.bus.database).levels(self.scope)
        last = max((level.last_taken for level in levels), default=0)
        doubts = [item for item in scopes.in_doubt(self.scope) if item.owner != self.request.run]
        taken = scopes.taken(self.scope, last)
        if sum(item.segment.count for item in taken) > _MOST_RECENT and compact(self.bus, self.scope):
            return self.look()
        ours = scopes.unsettled(self.plan.exchange.id, self.request.run)
        others = [item for item in taken if item.owner != self.request.run and item.segment.index]
        self._recent = [
            found
            for item in others
            if (found := self._known(item, item.owner if self._inherits(item, ours) else "")) is not None
        ]
        self._levels = [file for level in levels if (file := self._open(level)) is not None]
        self._doubts = doubts
        self._used = {file.key_id for file in self._levels} | {made_under for made_under, _ in self._recent}
        newest = max((item.taken or 0 for item in taken), default=last)
        self.seen = Seen(self.scope, self.request.run, newest, frozenset(item.id for item in doubts))
        return None

    def _open(self, level: Level) -> LevelFile | None:
        """Open a level file; one that is lost is forgotten if a person wants everything sent again."""
        try:
            return self.bus.levels.open(level.name)
        except SegmentTampered as error:
            self._give_up(error, f"key level {level.name}")
            KeyLevels(self.bus.database).forget(self.scope, level.name)
            return None

    def _known(self, item: DeliveryState, run: str) -> tuple[bytes, dict[bytes, Version]] | None:
        """Return what a delivery brought; one whose index is lost is forgotten, as `_open` does it."""
        try:
            return self._taken_by(item, run)
        except SegmentTampered as error:
            self._give_up(error, f"delivery {item.id}")
            Scopes(self.bus.database).forget(item.id)
            return None

    def _give_up(self, error: SegmentTampered, what: str) -> None:
        if not self.request.resend:
            raise SegmentTampered(
                f"what the target has of some keys is no longer known: {error.message}",
                where=what,
                hint="restore the staging store; if it is lost for ever, `lienthong run --resend` forgets it "
                "and sends what it pulls",
            ) from None
        self.bus.audit("push", f"{what}: forgotten, its key index is lost")

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
        names, keys = self._names(segment, sidecar)
        found = self.newest(names)
        lines: dict[str, set[int]] = {"unchanged": set(), "superseded": set(superseded), "inherited": set()}
        for line, row in enumerate(sidecar.by_line()) if found else ():
            version = found.get(keys[line])
            if version is not None and line not in superseded:
                kind = self._kind(row, version, repeated=line in repeated)
                if kind:
                    lines[kind].add(line)
        return {name: ranges_of(some) for name, some in lines.items()}

    def _kind(self, row: bytes, version: Version, *, repeated: bool) -> str:
        """Return why a record is not sent, "" where it is."""
        if version.leaf == row[_LEAF]:
            if repeated or self.request.resend or (self.request.back and not version.run):
                return ""
            return "inherited" if version.run else "unchanged"
        newer = version.number > int.from_bytes(row[_NUMBER], "big")
        return "superseded" if newer and not self.request.back else ""

    def newest(self, names: Names) -> dict[bytes, Version]:
        """Return what the target took last of those of some keys that it has, by their present hash."""
        found: dict[bytes, Version] = {}
        for made_under, recent in reversed(self._recent):
            mine = names.get(made_under, {})
            for key in recent.keys() & mine.keys():
                later = found.setdefault(mine[key], recent[key])
                if later.leaf == recent[key].leaf and later.number < recent[key].number:
                    found[mine[key]] = replace(later, number=recent[key].number)
        for level in reversed(self._levels):
            mine = names.get(level.key_id, {})
            wanted = [key for key, present in mine.items() if present not in found]
            for key, version in level.newest(wanted, key_id=level.key_id).items() if wanted else ():
                found[mine[key]] = Version(version.number, version.leaf)
        return found

    def names_of(self, texts: Sequence[str]) -> Names:
        """Return keys, given as text, hashed under every secret in use here: present hash by each hash.

        Raises `Misconfigured` where something was hashed under a secret that is neither known nor given up.
        """
        hasher, keys = self.bus.hasher(self.plan.produces.name), self.bus.hash_keys
        present = hasher.many(texts)
        found = {hasher.key_id: dict(zip(present, present, strict=True))}
        for former in self._used - {hasher.key_id, NO_KEY} - keys.lost:
            other = next(
                (KeyHasher(one, self.plan.produces.name) for one in keys.former if key_id(one) == former),
                None,
            )
            if other is None:
                require_one_key({hasher.key_id, former})
            else:
                found[former] = dict(zip(other.many(texts), present, strict=True))
        return found

    def _names(self, segment: Segment, sidecar: Sidecar) -> tuple[Names, list[bytes]]:
        """Return a segment's keys under every secret in use here, and by which each line is found among them.

        Records are read only where several secrets are in use. The segment's own may be a former one, where
        its run was begun before.
        """
        if self._used <= {sidecar.key_id, NO_KEY}:
            own = [row[_KEY] for row in sidecar.by_line()]
            return {sidecar.key_id: dict(zip(own, own, strict=True))}, own
        texts = key_texts(list(map(parse, self.bus.store.read(segment))), self.plan.produces)
        return self.names_of(texts), self.bus.hasher(self.plan.produces.name).many(texts)

    def _check_doubts(self, segment: Segment, sidecar: Sidecar, superseded: frozenset[int]) -> None:
        mine: set[bytes] | None = None
        for item in self._doubts:
            if item.id in self.denied or (item.id, segment.digest) in self._cleared:
                continue
            if mine is None:
                mine = {row[_KEY] for line, row in enumerate(sidecar.by_line()) if line not in superseded}
            other = self._index_of(item) if item.segment.index else None
            if other is None or other.key_id != sidecar.key_id:
                raise _in_doubt(item)  # its keys cannot be compared with ours
            left_out = item.unsent
            if any(row[_KEY] in mine for line, row in enumerate(other.by_line()) if line not in left_out):
                raise _in_doubt(item)
            self._cleared.add((item.id, segment.digest))

    def _taken_by(self, item: DeliveryState, run: str) -> tuple[bytes, dict[bytes, Version]]:
        """Return the versions that a delivery brought to the target, by key (32 bytes), and the key id."""
        sidecar = self._index_of(item)
        missing, there = item.not_there, frozenset(lines_of(item.unchanged))
        return sidecar.key_id, {
            row[_KEY]: Version(int.from_bytes(row[_NUMBER], "big"), row[_LEAF], "" if line in there else run)
            for line, row in enumerate(sidecar.by_line())
            if line not in missing
        }

    def _index_of(self, item: DeliveryState) -> Sidecar:
        """Return another run's key index; it is made again where its file was lost."""
        number = self.bus.journal.run(item.exchange, item.run).number
        return index_of(self.bus, item.segment, self.plan.produces, number)


def _in_doubt(item: DeliveryState) -> OutcomeUnknown:
    return OutcomeUnknown(
        "another delivery whose outcome is in doubt holds some of these keys: nothing newer is sent before",
        where=f"delivery {item.id} of exchange {item.exchange!r}, run {item.run!r}",
        hint="run that exchange again, or say what the agency told you with `lienthong delivery resolve`",
    )
