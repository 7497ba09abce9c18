"""Which version of each key the target has: what need not be sent, and what must not.

Keys are compared at one place of a target (`lienthong.pipeline.places`), so that two exchanges into one table
see each other. What the target took last is found in compacted key indexes (levels), in the deliveries since
then, and in those that are in doubt, in every scope of the place. A run looks once and then only when
`journal.sent` tells it that something has moved (`lienthong.ledger.fencing.Moved`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lienthong.errors import OutcomeUnknown, SegmentTampered
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
from lienthong.pipeline.keys import Numbers, index_of, key_texts
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.places import Place, place_of
from lienthong.pipeline.plan import Plan
from lienthong.records import parse
from lienthong.segment import Segment

_KEY, _NUMBER, _LEAF = slice(0, KEY), slice(32, 40), slice(44, 44 + SHORT)
#: More deliveries' records than these since the last compaction are compacted before anything is compared.
_MOST_RECENT = 100_000


@dataclass(frozen=True, slots=True)
class Version:
    """What a target has of a key: the number under which it was read, and the leaf hash (16 bytes).

    ``run`` names the run that delivered it where that is one of ours which never settled.
    """

    number: int
    leaf: bytes
    run: str = ""


@dataclass(frozen=True, slots=True)
class Came:
    """A version that came to a place, at an answer whose number is between ``first`` and ``last``."""

    version: Version
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Recent:
    """What a delivery brought, by key (32 bytes, hashed under the secret that ``key_id`` names)."""

    scope: str
    taken: int
    key_id: bytes
    versions: Mapping[bytes, Version]


def later_of(one: Came, other: Came) -> Came:
    """Return which of two versions of a key came later, by two connections to one place.

    Where compacted files do not tell any more it is a version of the higher number and of no known content:
    nothing older goes over it, and nothing passes for unchanged.
    """
    if one.last < other.first or other.last < one.first:
        return other if one.last < other.first else one
    if one.version.leaf == other.version.leaf:
        return one if one.version.number >= other.version.number else other
    number = max(one.version.number, other.version.number)
    return Came(Version(number, b""), min(one.first, other.first), max(one.last, other.last))


#: Keys by key id (which secret): the present hash of each by its hash under that secret.
Names = Mapping[bytes, Mapping[bytes, bytes]]


@dataclass
class Versions:
    """The versions at one target as one run sees them.

    ``denied`` are deliveries of earlier runs of which the target has just told what it has: no request of
    them is under way any more, and what it does not have it will not get by them.
    """

    bus: Bus
    plan: Plan
    request: RunRequest
    place: Place
    seen: Seen = field(init=False)
    _levels: list[tuple[str, LevelFile]] = field(default_factory=list)
    _recent: list[_Recent] = field(default_factory=list)
    _used: set[bytes] = field(default_factory=set)
    _doubts: list[DeliveryState] = field(default_factory=list)
    _cleared: set[tuple[str, str]] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seen = self._looked(0, (), 0)

    def join(self) -> None:
        """Say, once deliveries are intended, that this connection comes to its place for the first time."""
        if self.place.name:
            Scopes(self.bus.database).join(self.place.name)

    def _looked(self, taken: int, doubts: Iterable[DeliveryState], joined: int) -> Seen:
        place, open_ = self.place, frozenset(item.id for item in doubts)
        return Seen(place.scope, self.request.run, taken, open_, place.others, place.name, joined)

    def look(self) -> None:
        """Look at everything that others delivered, or have in doubt, up to now."""
        scopes, known = Scopes(self.bus.database), KeyLevels(self.bus.database)
        joined = scopes.joined(self.place.name) if self.place.name else 0
        self.place = place_of(self.bus, self.plan)
        levels = [(scope, level) for scope in self.place.scopes for level in known.levels(scope)]
        last = dict.fromkeys(self.place.scopes, 0)
        for scope, level in levels:
            last[scope] = max(last[scope], level.last_taken)
        # one of another run stays one if this run asked about it, or sent it again, and got no answer
        mine = {self.request.run}
        doubts = [item for item in scopes.in_doubt(self.place.scopes) if {item.run, item.owner} != mine]
        taken = scopes.taken(last)
        if sum(item.segment.count for item in taken) > _MOST_RECENT:
            merges = [compact(self.bus, scope) for scope in self.place.scopes]
            if any(merges):
                return self.look()
        ours = scopes.unsettled(self.plan.exchange.id, self.request.run)
        others = [item for item in taken if item.owner != self.request.run and item.segment.index]
        self._recent = [
            found
            for item in others
            if (found := self._known(item, item.owner if self._inherits(item, ours) else "")) is not None
        ]
        opened = ((scope, self._open(scope, level)) for scope, level in levels)
        self._levels = [(scope, file) for scope, file in opened if file is not None]
        self._doubts = doubts
        self._used = {file.key_id for _, file in self._levels} | {one.key_id for one in self._recent}
        newest = max((item.taken or 0 for item in taken), default=max(last.values()))
        self.seen = self._looked(newest, doubts, joined)
        return None

    def _open(self, scope: str, level: Level) -> LevelFile | None:
        """Open a level file; one that is lost is forgotten if a person wants everything sent again."""
        try:
            return self.bus.levels.open(level.name)
        except SegmentTampered as error:
            self._give_up(error, f"key level {level.name}")
            KeyLevels(self.bus.database).forget(scope, level.name)
            return None

    def _known(self, item: DeliveryState, run: str) -> _Recent | None:
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
        sidecar = index_of(
            self.bus, segment, self.plan.produces, Numbers(self.bus, self.plan.exchange.id, self.request.run)
        )
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
        number = int.from_bytes(row[_NUMBER], "big")
        # of one number, by another run: a repaired version of the same read, and it went later than this one
        newer = version.number > number or (version.number == number and self.request.kind == "run")
        return "superseded" if newer and not self.request.back else ""

    def newest(self, names: Names) -> dict[bytes, Version]:
        """Return what the target took last of those of some keys that it has, by their present hash."""
        found: dict[bytes, Came] = {}
        for scope in self.place.scopes:
            for key, came in self._newest_in(scope, names).items():
                found[key] = later_of(found[key], came) if key in found else came
        return {key: came.version for key, came in found.items()}

    def _newest_in(self, scope: str, names: Names) -> dict[bytes, Came]:
        """Return what came last into one scope of the place."""
        found: dict[bytes, Came] = {}
        for recent in (one for one in reversed(self._recent) if one.scope == scope):
            mine = names.get(recent.key_id, {})
            for key in recent.versions.keys() & mine.keys():
                version = recent.versions[key]
                later = found.setdefault(mine[key], Came(version, recent.taken, recent.taken))
                if later.version.leaf == version.leaf and later.version.number < version.number:
                    fresh = replace(later.version, number=version.number)
                    found[mine[key]] = replace(later, version=fresh)
        for level in (file for of, file in reversed(self._levels) if of == scope):
            mine = names.get(level.key_id, {})
            wanted = [key for key, present in mine.items() if present not in found]
            for key, old in level.newest(wanted, key_id=level.key_id).items() if wanted else ():
                came = Came(Version(old.number, old.leaf), level.first_taken, level.last_taken)
                found[mine[key]] = came
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

    def index(self, item: DeliveryState) -> Sidecar:
        """Return the key index of a delivery of any run; it is made again where its file was lost."""
        numbers = Numbers(self.bus, item.exchange, item.run)
        return index_of(self.bus, item.segment, self.plan.produces, numbers)

    def _check_doubts(self, segment: Segment, sidecar: Sidecar, superseded: frozenset[int]) -> None:
        mine: set[bytes] | None = None
        for item in self._doubts:
            if item.id in self.denied or (item.id, segment.digest) in self._cleared:
                continue
            if mine is None:
                mine = {row[_KEY] for line, row in enumerate(sidecar.by_line()) if line not in superseded}
            other = self.index(item) if item.segment.index else None
            if other is None or other.key_id != sidecar.key_id:
                raise _in_doubt(item)  # its keys cannot be compared with ours
            left_out = item.unsent
            if any(row[_KEY] in mine for line, row in enumerate(other.by_line()) if line not in left_out):
                raise _in_doubt(item)
            self._cleared.add((item.id, segment.digest))

    def _taken_by(self, item: DeliveryState, run: str) -> _Recent:
        """Return the versions that a delivery brought to the target."""
        sidecar = self.index(item)
        missing, there = item.not_there, frozenset(lines_of(item.unchanged))
        versions = {
            row[_KEY]: Version(int.from_bytes(row[_NUMBER], "big"), row[_LEAF], "" if line in there else run)
            for line, row in enumerate(sidecar.by_line())
            if line not in missing
        }
        return _Recent(item.scope, item.taken or 0, sidecar.key_id, versions)


def _in_doubt(item: DeliveryState) -> OutcomeUnknown:
    return OutcomeUnknown(
        "another delivery whose outcome is in doubt holds some of these keys: nothing newer is sent before",
        where=f"delivery {item.id} of exchange {item.exchange!r}, run {item.run!r}",
        hint="run that exchange again, or say what the agency told you with `lienthong delivery resolve`",
    )
