"""A small world for the model of versions: a source that changes, a target that remembers, faults by count.

Everything is deterministic: which call fails is counted, not timed, and nothing goes on in a second thread.
What the target took is a file, so that it outlives a process that is killed for real.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from memory_bus import unit

from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    End,
    Finding,
    Page,
    ReadRequest,
    Receipt,
    SourceCapabilities,
    Stand,
    TargetCapabilities,
)
from lienthong.errors import OutcomeUnknown, Reason, Unavailable
from lienthong.ledger import Database
from lienthong.records import Record, canonical, parse, sha256
from lienthong.staging import LevelStore, SegmentStore

_START = datetime(2026, 1, 1, tzinfo=UTC)
_PAGE = 2

#: What each kind of target can do. ``asked``: by what it holds now; ``keyed``: by the batch's id.
KINDS: Mapping[str, TargetCapabilities] = {
    "asked": TargetCapabilities(lookup=True, deadline=0.0),
    "keyed": TargetCapabilities(lookup=True, keyed=True, deadline=0.0),
    "upsert": TargetCapabilities(repeatable=True, deadline=0.0),
    "asked upsert": TargetCapabilities(repeatable=True, lookup=True, deadline=0.0),
    "mute": TargetCapabilities(deadline=0.0),
}


class Killed(BaseException):
    """This process is dead: nothing that it tries has an effect any more."""


class Violation(Exception):
    """The world is not as it was promised to be."""


@dataclass
class Fault:
    """What happens at the ``at``-th call of a process: it is killed, finds something away, or others act.

    ``kind``: kill (an exception that nothing survives), sigkill (the real thing), away (``length`` calls in
    vain, some of them after their effect), nest (``act`` is done by another process meanwhile).
    """

    kind: str
    at: int
    length: int = 1
    act: tuple[Any, ...] = ()


@dataclass
class Process:
    """One process at work: it counts its calls."""

    name: str
    fault: Fault | None = None
    calls: int = 0
    dead: bool = False


@dataclass
class World:
    """Source, target and who is at work. ``log``: the file of all that the target took, line by line."""

    log: Path
    kind: str = "asked"
    table: str = "rows"
    nest: Callable[[tuple[Any, ...]], None] = lambda act: None
    tick: int = 0
    edits: int = 0
    rows: list[tuple[int, int, int, str]] = field(default_factory=list)
    versions: dict[bytes, list[int]] = field(default_factory=dict)
    moods: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    stack: list[Process] = field(default_factory=list)
    processes: int = 0

    # -- who is at work -----------------------------------------------------------------------------

    @contextmanager
    def process(self, fault: Fault | None = None) -> Iterator[Process]:
        """Be another process for a while; afterwards it is dead, however it ended."""
        self.processes += 1
        self.stack.append(Process(f"p{self.processes}", fault))
        try:
            yield self.stack[-1]
        finally:
            self.stack.pop()

    def alive(self, name: str) -> bool:
        """Tell whether the process of this name is one of those at work."""
        return any(one.name == name for one in self.stack)

    def point(self, place: str) -> None:
        """Count a call, and let happen what was to happen at it."""
        if not self.stack or threading.current_thread() is not threading.main_thread():
            return
        me = self.stack[-1]
        if me.dead:
            raise Killed
        me.calls += 1
        fault = me.fault
        if fault is None or me.calls < fault.at:
            return
        if fault.kind == "sigkill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.kind == "kill":
            me.dead = True
            raise Killed
        if fault.kind == "away" and me.calls < fault.at + fault.length and not place.startswith("target"):
            raise Unavailable(f"{place} is away")
        if fault.kind == "nest" and not place.startswith("ledger"):
            me.fault = None
            self.nest(fault.act)

    # -- the source ---------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the source's clock, which has whole seconds."""
        return _START + timedelta(seconds=self.tick)

    def edit(self, key: int, value: str) -> None:
        """Give a key another value; ``!`` in a value makes the record one that its dataset refuses."""
        if self.table == "rows":
            self.rows = [row for row in self.rows if row[2] != key]
        self.edits += 1
        self.rows.append((self.tick, self.edits, key, value))
        self.versions.setdefault(canonical(self.record(self.rows[-1])), []).append(self.edits)

    def record(self, row: tuple[int, int, int, str]) -> Record:
        """Return what the source gives of a row."""
        tick, _, key, value = row
        at = (_START + timedelta(seconds=tick)).isoformat()
        found = unit(key, TenDonVi=f"{key} {value}", NgayCapNhat=at)
        return found | ({"CapDonVi": "nonsense"} if "!" in value else {})

    def newest(self) -> dict[str, bytes]:
        """Return the newest record of every key, by its code."""
        found: dict[str, bytes] = {}
        for row in sorted(self.rows):
            record = self.record(row)
            found[record["MaDonVi"]] = canonical(record)
        return found

    # -- the target ---------------------------------------------------------------------------------

    def taken(self) -> list[tuple[str, str, bytes]]:
        """Return all that the target took: id of the whole delivery, key and record, in order."""
        if not self.log.exists():
            return []
        lines = map(json.loads, self.log.read_text(encoding="utf-8").splitlines())
        return [(root, parse(data.encode())["MaDonVi"], data.encode()) for root, data in lines]

    def held(self) -> dict[str, bytes]:
        """Return what the target holds: the last record of every key."""
        return {key: data for _, key, data in self.taken()}

    def take(self, batch: Batch, lines: list[int]) -> None:
        """Write some lines of a batch; a target that knows batches takes none of them twice."""
        known = {(root, data) for root, _, data in self.taken()} if self.kind == "keyed" else set()
        fresh = [batch.records[line] for line in lines if (batch.root, batch.records[line]) not in known]
        text = "".join(json.dumps([batch.root, data.decode()]) + "\n" for data in fresh)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(text)


WORLDS: dict[str, World] = {}


@dataclass(frozen=True)
class WorldSource:
    """Settings of a source in a world."""

    kind: ClassVar[str] = "memory"
    world: str = "world"
    inclusive: bool = False

    def open_source(self, connection: Connection, context: Context) -> OpenSource:
        """Open the source."""
        return OpenSource(WORLDS[self.world], SourceCapabilities(True, True, self.inclusive))


@dataclass(frozen=True)
class WorldTarget:
    """Settings of a target in a world."""

    kind: ClassVar[str] = "memory"
    world: str = "world"

    def open_target(self, connection: Connection, context: Context) -> OpenTarget:
        """Open the target."""
        return OpenTarget(WORLDS[self.world], context)


class OpenSource:
    """A source that gives rows by time, and goes on behind the last one it gave."""

    def __init__(self, world: World, can: SourceCapabilities) -> None:
        self.world, self.capabilities = world, can

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield what is at or behind the cursor, a page at a time, as it is when the page is asked for."""
        world, at, left = self.world, request.position, request.limit
        stand: Stand | None = Stand(clock=world.now())
        while True:
            world.point("source")
            rows = [row for row in sorted(world.rows) if self._wanted(row, request, at)]
            some = rows[: min(_PAGE, _PAGE if left is None else left)]
            if not some:
                yield Page([], position=at, stand=stand, end=End("order"))
                return
            at = list(some[-1][:2])
            yield Page([world.record(row) for row in some], position=at, stand=stand)
            stand = None
            if left is not None:
                left -= len(some)

    def _wanted(self, row: tuple[int, int, int, str], request: ReadRequest, at: Any) -> bool:
        if at is not None and list(row[:2]) <= at:
            return False
        if request.since is None:
            return True
        since, mine = datetime.fromisoformat(request.since), _START + timedelta(seconds=row[0])
        return mine >= since if self.capabilities.inclusive else mine > since

    def check(self) -> list[Finding]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Nothing to close."""


class OpenTarget:
    """A target of the world's kind, in the mood that comes next."""

    def __init__(self, world: World, context: Context) -> None:
        self.world, self.context = world, context
        self.capabilities = KINDS[world.kind]

    def deliver(self, batch: Batch) -> Answer:
        """Take a batch as the next mood says."""
        world = self.world
        world.point("target")
        self.context.before_write()
        mood = world.moods.pop(0) if world.moods else "well"
        everything = range(len(batch.records))
        if mood == "down":
            raise Unavailable("503")
        if mood == "lost":
            raise OutcomeUnknown("cut before it arrived")
        keys = [int(record["MaDonVi"]) for record in batch.objects()]
        no = {
            line: Reason("", "target.99", "Bị từ chối", "Refused")
            for line in everything
            if keys[line] in world.refused
        }
        yes = [line for line in everything if line not in no]
        if mood == "half" and world.kind != "mute":
            world.take(batch, yes[: len(yes) // 2])
            raise OutcomeUnknown("cut in the middle")
        world.take(batch, yes)
        world.point("target, taken")
        if mood in ("cut", "half"):
            raise OutcomeUnknown("cut after it arrived")
        vague = frozenset(yes[::2]) if mood == "vague" else frozenset()
        receipt = Receipt("200", sha256(b"taken"), "2026-01-01T00:00:00Z")
        total = len(batch.records) + (mood == "wrong")
        return Answer(total, refused=no, unknown=vague, receipts=(receipt,))

    def lookup(self, batch: Batch) -> Answer:
        """Say what became of a batch, if the mood is to say anything."""
        world = self.world
        world.point("target, asked")
        mood = world.answers.pop(0) if world.answers else "well"
        if mood == "down":
            raise Unavailable("503")
        everything = frozenset(range(len(batch.records)))
        if mood == "unsure":
            return Answer(len(batch.records), unknown=everything)
        if world.kind == "keyed":
            mine = {data for root, _, data in world.taken() if root == batch.root}
        else:
            mine = set(world.held().values())
        return Answer(
            len(batch.records),
            absent=frozenset(line for line in everything if batch.records[line] not in mine),
        )

    def check(self) -> list[Finding]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Nothing to close."""


class Fragile(Database):
    """A ledger's database that may be away, or its process killed, before, in and after a transaction."""

    world: ClassVar[World] = World(Path())  # one in which nobody is at work

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Read, if it is there."""
        self.world.point("ledger")
        with super().read() as connection:
            yield connection

    @contextmanager
    def write(self, *, lock: int | None = None) -> Iterator[Any]:
        """Write, if it is there; the commit may be lost, or its answer."""
        self.world.point("ledger")
        with super().write(lock=lock) as connection:
            yield connection
            self.world.point("ledger, before the commit")
        self.world.point("ledger, after the commit")


class Brittle:
    """Files of a staging store: each call may be the last one, before or after its effect."""

    def __init__(self, files: Any, world: World) -> None:
        self._files, self._world = files, world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._files, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._world.point("staging")
            found = method(*args, **kwargs)
            self._world.point("staging, done")
            return found

        return call


def brittle_store(url: str, world: World) -> SegmentStore:
    """Return a segment store all of whose calls are counted."""
    plain = SegmentStore.open(url)
    return SegmentStore(Brittle(plain._files, world), url)


class BrittleLevels(LevelStore):
    """Level files, whose calls are counted."""

    def __init__(self, url: str, cache: Path, world: World) -> None:
        super().__init__(url, cache)
        self._world = world

    def open(self, name: str) -> Any:
        """Open a file."""
        self._world.point("staging")
        return super().open(name)

    def add(self, path: Path, name: str | None = None) -> str:
        """Take a file over."""
        self._world.point("staging")
        found = super().add(path, name)
        self._world.point("staging, done")
        return found
