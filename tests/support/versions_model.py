"""A model of versions: random acts on exchanges into one table, and what must hold when all is at rest.

A trace is a list of acts, each plain data; a seed makes one, and the same trace always does the same.
Whatever happens meanwhile, at rest the target holds the newest version of every key, nothing old ever went
over something newer, no record had a second effect, every settled run obeys the conservation law and its
bundle verifies, and the ledger is whole (`lienthong evidence check-ledger`).
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Self, cast
from unittest.mock import patch

from sqlalchemy import delete, select
from versions_world import (
    WORLDS,
    BrittleLevels,
    Fault,
    Fragile,
    Killed,
    Violation,
    World,
    WorldSource,
    WorldTarget,
    brittle_store,
)

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.config import Config
from lienthong.connector import Connection
from lienthong.datasets import Catalogue
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    Permanent,
    ProtocolViolation,
    SegmentTampered,
    StaleRun,
    Transient,
)
from lienthong.ledger import export, verify_bundle
from lienthong.ledger import leases as leases_module
from lienthong.ledger.tables import RUNS, STEPS
from lienthong.ledger.terms import COUNTS, missing
from lienthong.pipeline import (
    Bus,
    Part,
    Plan,
    RunRequest,
    compile_plan,
    pull,
    push,
    runner,
    settle,
    transform,
    validate,
)
from lienthong.pipeline.compacting import maintain
from lienthong.pipeline.cursors import rewind
from lienthong.pipeline.housekeeping import tidy
from lienthong.pipeline.replay import record_of, repair, replay_items
from lienthong.pipeline.staging_run import run_from_staging
from lienthong.records import Record, canonical, parse
from lienthong.signing import KeyRing

Act = tuple[Any, ...]
_SAID = {"who": "Trần Thị Hoa", "why": "thử"}
_LATER = timedelta(days=100)
_STEPS = ("pull", "validate", "transform", "push", "settle")
_DO: dict[str, Callable[..., Part]] = {"validate": validate, "transform": transform, "push": push}


@dataclass(frozen=True)
class Setting:
    """What stays the same in a trace: the target's kind, how rows are given and how they are delivered."""

    kind: str = "asked"
    table: str = "rows"
    versions: str = "last"
    cursor: bool = True
    inclusive: bool = False
    exchanges: int = 1
    keys: int = 4


@dataclass
class Run:
    """A run as a scheduler sees it: what each task gave, and which comes next."""

    name: str
    exchange: int
    request: RunRequest
    outputs: dict[str, list[Part | None]] = field(default_factory=dict)
    stage: str = "pull"
    lost: bool = False
    closed: bool = False
    former: bool = False
    settled: bool = False

    @property
    def over(self) -> bool:
        """Whether it has settled or was closed, so that housekeeping may have removed what it had."""
        return self.closed or self.settled

    def undone(self) -> list[int]:
        """Return the parts that the present step has not done."""
        return [at for at, part in enumerate(self.outputs[self.stage]) if part is None]


class _Inline:
    """An executor that does at once what it is given: what happens is the same every time."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take what an executor takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Do it."""
        found: Future[Any] = Future()
        try:
            found.set_result(work(*args))
        except Exception as error:
            found.set_exception(error)
        return found


@cache
def _catalogue() -> Catalogue:
    return Catalogue.load()


@dataclass
class Model:
    """A world with a bus in it, the runs so far, and the rules that hold."""

    home: Path
    ledger: str
    setting: Setting
    keys: Path
    world: World = field(init=False)
    runs: list[Run] = field(default_factory=list)
    amnesia: bool = False
    forgiven: int = 0
    seen: int = 0
    truth: dict[bytes, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unsettled: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(self.keys, self.home)
        setting = self.setting
        self.world = World(self.home / "taken.ndjson", setting.kind, setting.table, self._nested)
        WORLDS["world"] = self.world
        staging = str(self.home / "staging")
        self.config = Config(self.home, self.ledger, staging, self.home / "hash.key", lease_seconds=600.0)
        self.database = Fragile.open(self.ledger)
        vars(self.database)["world"] = self.world
        self.ring = KeyRing.for_home(self.home)
        self.trust = self.ring.trust()
        self.plans = [self._plan(number) for number in range(setting.exchanges)]

    def _plan(self, number: int) -> Plan:
        setting = self.setting
        exchange = Exchange(
            id=f"x{number}",
            title=Text("Đơn vị", "Units"),
            provider="G22",
            consumer="H21",
            legal_basis="Quyết định 19/2025/QĐ-TTg",
            purpose=Text("Thử", "Test"),
            source=Source(
                "source",
                WorldSource(inclusive=setting.inclusive),
                cursor="NgayCapNhat" if setting.cursor else None,
            ),
            target=Target("target", WorldTarget()),
            dataset="catalogue.administrative-unit/1",
            delivery=Delivery(
                batch=2, parallel=2, attempts=1, quarantine_above=1.0, versions=setting.versions
            ),
        )
        return compile_plan(exchange, _catalogue())

    def bus(self) -> Bus:
        """Return a bus as a new process has it."""
        bus = Bus.open(connections=lambda name: Connection(name, "memory"), config=self.config)
        bus.__dict__.update(
            database=self.database,
            store=brittle_store(self.config.staging, self.world),
            levels=BrittleLevels(self.config.staging, self.home / "cache" / "levels", self.world),
            keys=self.ring,
            trust=self.trust,
        )
        return bus

    @contextmanager
    def at_work(self) -> Iterator[Model]:
        """Let leases tell the world's processes apart, and parts be pushed one after the other."""
        holder, is_dead = leases_module.holder, leases_module._is_dead

        def named() -> str:
            return f"{holder()}#{self.world.stack[-1].name if self.world.stack else 'p0'}"

        def dead(name: str) -> bool:
            plain, _, process = name.partition("#")
            return is_dead(plain) or not self.world.alive(process)

        with ExitStack() as stack:
            stack.enter_context(patch.object(leases_module, "holder", named))
            stack.enter_context(patch.object(leases_module, "_is_dead", dead))
            stack.enter_context(patch.object(runner, "ThreadPoolExecutor", _Inline))
            yield self

    def close(self) -> None:
        """Give everything back."""
        self.database.close()

    # -- acts ---------------------------------------------------------------------------------------

    def do(self, act: Act) -> None:
        """Do an act and look at what the target took by it."""
        name, *given = act
        getattr(self, f"act_{name}")(*given)
        self.look()

    def _nested(self, act: Act) -> None:
        """Let another process act in the middle of what this one does."""
        name, *given = act
        getattr(self, f"act_{name}")(*given)

    def _safely(self, work: Callable[[], Any], fault: Fault | None, run: Run | None = None) -> bool:
        """Do something in a process of its own; tell whether it came to its end.

        Raises `Violation` for an error that nobody was promised.
        """
        if fault is not None and fault.kind == "sigkill":
            return self._forked(work, fault, run)
        with self.world.process(fault):
            try:
                work()
            except Killed:
                self.notes.append("killed")
                return False
            except LienThongError as error:
                self._acceptable(error, run)
                self.notes.append(f"{type(error).__name__}: {error.message} [{error.where}]")
                return False
        return True

    def _acceptable(self, error: LienThongError, run: Run | None) -> None:
        if isinstance(error, (Transient, StaleRun)):
            return
        if isinstance(error, ProtocolViolation) and "the connector answered" in error.message:
            return
        if isinstance(error, SegmentTampered) and self.amnesia:
            return
        if (
            isinstance(error, SegmentTampered)
            and run is not None
            and (run.closed or run.settled)
            and self.tidied
        ):
            return
        if type(error) is Misconfigured and run is not None and run.former and "hash keys" in error.message:
            return
        if type(error) is Permanent and run is not None and run.lost:
            return
        raise Violation(f"{type(error).__name__}: {error.message} [{error.where}]") from error

    def _forked(self, work: Callable[[], Any], fault: Fault, run: Run | None) -> bool:
        """Do something in a real process, which is killed by the system."""
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # none of our threads is at work between acts
            child = os.fork()
        if not child:
            os.close(reader)
            told: Any = (False, "", run)
            try:
                with self.world.process(fault):
                    work()
                told = (True, "", run)
            except LienThongError as error:
                try:
                    self._acceptable(error, run)
                except Violation as found:
                    told = (False, str(found), run)
            except BaseException:
                told = (False, traceback.format_exc(), run)
            os.write(writer, pickle.dumps(told))
            os._exit(0)
        os.close(writer)
        self.world.processes += 1
        with os.fdopen(reader, "rb") as file:
            data = file.read()
        os.waitpid(child, 0)
        if not data:
            self.notes.append("killed by the system")
            return False
        done, problem, after = pickle.loads(data)  # noqa: S301 - our own child wrote it
        if problem:
            raise Violation(problem)
        if run is not None:
            run.__dict__.update(after.__dict__)
        return bool(done)

    def act_edit(self, key: int, value: str) -> None:
        """Change a row of the source."""
        self.world.edit(key, value)

    def act_tick(self) -> None:
        """Let the source's clock go on by a second."""
        self.world.tick += 1

    def act_mood(self, *moods: str) -> None:
        """Say how the target takes its next batches."""
        self.world.moods = list(moods)

    def act_answers(self, *moods: str) -> None:
        """Say how the target answers the next questions."""
        self.world.answers = list(moods)

    def act_refuse(self, *keys: int) -> None:
        """Say which keys the target refuses from now on."""
        self.world.refused = set(keys) if self.setting.kind != "mute" else set()

    def act_open(self, exchange: int, how: str) -> None:
        """Begin a run, of which no task has been done yet."""
        self._opened(exchange, how)

    def _opened(self, exchange: int, how: str) -> Run:
        more: dict[str, Any] = {
            "limit": {"limit": 2},
            "dry": {"dry_run": True},
            "full": {"since": "2025-01-01T00:00:00+00:00"} if self.setting.cursor else {},
            "resend": {"resend": True},
        }.get(how, {})
        name = f"r{len(self.runs)}-{how}"
        run = Run(name, exchange % len(self.plans), RunRequest(name, **more))
        self.runs.append(run)
        if how == "resend":
            self.forgiven += 1
        return run

    def act_do(self, which: int, pick: int, fault: Fault | None = None) -> None:
        """Do the next task of a run, in a process of its own."""
        if run := self._run(which):
            self._safely(lambda: self._task(run, pick), fault, run)

    def act_finish(self, which: int, fault: Fault | None = None) -> None:
        """Do all tasks of a run that are left, in one process."""
        if run := self._run(which):
            self._safely(lambda: self._tasks(run), fault, run)

    def act_quick(self, exchange: int, how: str, fault: Fault | None = None) -> None:
        """Begin a run and do all its tasks."""
        run = self._opened(exchange, how)
        self._safely(lambda: self._tasks(run), fault, run)

    def act_clear(self, which: int, step: int) -> None:
        """Clear a run's tasks from a step on, so that they are done again."""
        run = self._run(which)
        if run is None:
            return
        begin = min(_STEPS.index(run.stage) if run.stage != "done" else len(_STEPS), step % len(_STEPS))
        run.stage = _STEPS[begin]
        for name in _STEPS[begin:]:
            run.outputs.pop(name, None)
        if 0 < begin < 4:
            run.outputs[run.stage] = [None] * len(run.outputs["pull"])
            if not run.outputs["pull"]:
                run.stage = "settle"

    def _run(self, which: int) -> Run | None:
        """Return a run, counted from the latest one."""
        return self.runs[-1 - which % len(self.runs)] if self.runs else None

    def _tasks(self, run: Run) -> None:
        while run.stage != "done":
            self._task(run, 0)

    def _task(self, run: Run, pick: int) -> None:
        bus, plan = self.bus(), self.plans[run.exchange]
        if run.stage == "pull":
            parts = pull(bus, plan, run.request)
            run.outputs["pull"] = list(parts)
            self._next(run)
        elif run.stage == "settle":
            settle(bus, plan, run.request)
            run.stage, run.settled = "done", True
        elif run.stage != "done":
            undone = run.undone()
            part = undone[pick % len(undone)]
            before = cast("Part", run.outputs[_STEPS[_STEPS.index(run.stage) - 1]][part])
            run.outputs[run.stage][part] = _DO[run.stage](bus, plan, run.request, before)
            if not run.undone():
                self._next(run)

    def _next(self, run: Run) -> None:
        run.stage = _STEPS[_STEPS.index(run.stage) + 1]
        if run.stage != "settle":
            run.outputs[run.stage] = [None] * len(run.outputs["pull"])
            if not run.outputs["pull"]:
                run.stage = "settle"

    def act_close(self, which: int) -> None:
        """Close a run that has not settled, if nothing of it is in doubt."""
        run = self._run(which)
        if run is not None and run.stage != "done":
            self._close(run)

    def _close(self, run: Run) -> bool:
        bus, exchange = self.bus(), self.plans[run.exchange].exchange.id
        try:
            bus.journal.close_run(exchange, run.name, by="An", why="thử")
        except LienThongError as error:
            self.notes.append(f"not closed: {error.message}")
            return False
        run.closed = True
        return True

    def act_repair(self, which: int) -> None:
        """Repair a record in quarantine."""
        bus = self.bus()
        items = [item for item in bus.quarantine.list() if item.state == "quarantined"]
        if items:
            self._repair(bus, items[which % len(items)].id)

    def _repair(self, bus: Bus, item: str) -> None:
        data = record_of(bus, item)
        fixed = mended(parse(data))
        known = self.truth.setdefault(canonical(fixed), [])
        known += [seq for seq in self._ages(data) if seq not in known]
        repair(bus, item, fixed)

    def _ages(self, data: bytes) -> list[int]:
        return self.truth.get(data, []) + self.world.versions.get(data, [])

    def act_replay(self, exchange: int, fault: Fault | None = None) -> None:
        """Replay an exchange's repaired records."""
        plan = self.plans[exchange % len(self.plans)]
        self._safely(lambda: replay_items(self.bus(), plan), fault)

    def act_staging(self, which: int, fault: Fault | None = None) -> None:
        """Take a settled run's records from staging once more."""
        run = self._run(which)
        if run is not None and run.stage == "done" and not run.lost:
            plan = self.plans[run.exchange]
            self._safely(lambda: run_from_staging(self.bus(), plan, run.name), fault)

    def act_rewind(self, exchange: int, seconds: int) -> None:
        """Take a cursor back."""
        plan, bus = self.plans[exchange % len(self.plans)], self.bus()
        if self.setting.cursor and bus.journal.cursor(plan.exchange.id).value is not None:
            rewind(bus, plan, **_SAID, back=timedelta(seconds=seconds))

    def act_resolve(self, which: int) -> None:
        """Say of a delivery in doubt what the agency says."""
        doubts = self._doubts()
        if doubts:
            self._resolve(doubts[which % len(doubts)])

    def _doubts(self) -> list[Any]:
        journal = self.bus().journal
        return [item for state in ("sent", "unknown") for item in journal.deliveries(state=state)]

    def _resolve(self, state: Any) -> bool:
        bus = self.bus()
        there = {data for root, _, data in self.world.taken() if root == state.id}
        records = bus.store.read(state.segment)
        sent = [line for line in range(len(records)) if line not in state.unsent]
        taken = [line for line in sent if records[line] in there]
        receipt = {"status": "resolved by hand", "at": "2026-01-01T00:00:00Z", "reference": "An"}
        if taken == sent:
            bus.journal.answered(state.id, "acknowledged", total=len(records), receipts=[receipt])
        elif not taken and not state.refused:
            bus.journal.not_taken(state.id, receipts=[receipt])
        else:
            return False
        return True

    def act_compact(self, fault: Fault | None = None) -> None:
        """Compact key indexes."""
        self._safely(lambda: maintain(self.bus(), 0.0), fault)

    def act_tidy(self, fault: Fault | None = None) -> None:
        """Do housekeeping long after."""
        for run in self.runs:
            run.lost = True  # its checkpoints may be gone
        at = datetime.now(UTC) + _LATER
        self._safely(lambda: tidy(self.bus(), timedelta(days=90), **_SAID, at=at), fault)
        self.tidied = True

    tidied: bool = False

    def act_rotate(self) -> None:
        """Give the keyed hashes another secret; the former one stays known."""
        file = self.config.hash_key_file
        self.bus().hash_keys  # noqa: B018 - the first secret is made
        number = len(file.read_text().splitlines())
        file.write_text(f"{number:064x}\n" + file.read_text())
        for run in self.runs:
            run.former = True  # one that was begun before cannot be ended: a new one is started

    def act_lose(self, what: str, seed: int) -> None:
        """Lose some files: key indexes, which can be made again, or level files, which cannot."""
        folder = self.home / "staging" / what
        files = sorted(folder.rglob("*.kix" if what == "indexes" else "*.kxl")) if folder.exists() else []
        for file in Random(seed).sample(files, len(files) // 2 + len(files) % 2):  # noqa: S311 - repeatable
            file.unlink()
        if files and (what == "levels" or self.tidied):
            self.amnesia = True

    def act_forget(self, which: int) -> None:
        """Lose the step checkpoints of a run."""
        run = self._run(which)
        if run is None:
            return
        exchange = self.plans[run.exchange].exchange.id
        with self.database.write() as connection:
            mine = (STEPS.c.exchange == exchange, STEPS.c.run == run.name)
            connection.execute(
                delete(STEPS).where(*mine, STEPS.c.step.in_(("validate", "transform", "push")))
            )
        run.lost = True

    # -- what must hold -----------------------------------------------------------------------------

    def look(self) -> None:
        """Look at what the target took since: nothing old over something newer, nothing twice."""
        taken = self.world.taken()
        strict = self.setting.versions == "last" and not self.amnesia and not self.forgiven
        held: dict[str, bytes] = {}
        for number, (_, key, data) in enumerate(taken):
            before = held.get(key)
            held[key] = data
            if number < self.seen or before is None or not strict:
                continue
            if before == data and self.setting.kind not in ("upsert", "asked upsert"):
                raise Violation(f"a second effect: {_told(data)}")
            if before != data and max(self._ages(data)) < min(self._ages(before)):
                raise Violation(f"old over new: {_told(data)} over {_told(before)}")
        self.seen = len(taken)

    def rest(self) -> None:
        """Bring all to rest: faults end, runs settle or are closed, doubts are resolved, all is replayed."""
        world = self.world
        world.moods, world.answers, world.refused = [], [], set()
        self.notes.append("at rest")
        for _ in range(2):
            self._settle_runs()
            for number in (*range(len(self.plans)), *range(len(self.plans))):
                self._surely(number)  # one exchange may wait for what is in doubt of another
            if self.unsettled:
                raise Violation(f"no run settles any more: {self.unsettled}")
            bus = self.bus()
            for item in bus.quarantine.list():
                if item.state == "quarantined":
                    self._repair(bus, item.id)
            for plan in self.plans:
                self._safely(lambda plan=plan: replay_items(self.bus(), plan), None)  # type: ignore[misc]
                self.look()
        self._settle_runs(close=True)

    def _settle_runs(self, *, close: bool = False) -> None:
        for run in self.runs:
            if run.stage != "done":
                self._safely(lambda run=run: self._tasks(run), None, run)  # type: ignore[misc]
                self.look()
        for state in self._doubts() if self.setting.kind == "mute" else ():
            self._resolve(state)
        for run in self.runs:
            if run.stage != "done" and close:
                self._close(run)

    def _surely(self, number: int) -> None:
        """Do a run that settles."""
        for how in ("plain", "plain", "plain", *(["resend"] if self.amnesia else [])):
            run = self._opened(number, how if how == "resend" else "plain")
            if self._safely(lambda run=run: self._tasks(run), None, run):  # type: ignore[misc]
                self.look()
                self.unsettled.pop(number, None)
                return
            for state in self._doubts() if self.setting.kind == "mute" else ():
                self._resolve(state)
        self.unsettled[number] = self.notes[-1]

    def check(self, *, bundles: bool = True) -> None:
        """Check everything that must hold at rest."""
        held = self.world.held()
        for key, data in self.world.newest().items():
            allowed = {data, canonical(mended(parse(data)))} if "!" not in data.decode() else set()
            allowed |= {canonical(mended(parse(data)))} if not allowed else set()
            if held.get(key) not in allowed:
                raise Violation(f"at rest {key} is {_told(held.get(key))}, the newest is {_told(data)}")
        settled = {(plan.exchange.id, run.name) for run in self.runs for plan in self.plans if run.settled}
        if doubts := [item for item in self._doubts() if (item.exchange, item.owner) in settled]:
            raise Violation(f"{len(doubts)} deliveries of settled runs are still in doubt")
        bus = self.bus()
        if findings := bus.ledger.check(self.trust):
            raise Violation(f"the ledger: {findings[0].en}")
        with self.database.read() as connection:
            settled = connection.execute(select(RUNS).where(RUNS.c.settled_at.is_not(None))).all()
        for row in settled:
            if missing(dict.fromkeys(COUNTS, 0) | json.loads(row.counts)):
                raise Violation(f"run {row.run} does not balance: {row.counts}")
            if bundles:
                self._verify(bus, row.exchange, row.run)

    def _verify(self, bus: Bus, exchange: str, run: str) -> None:
        out = self.home / "bundle.zip"
        try:
            export(
                bus.ledger, bus.journal, bus.quarantine, exchange=exchange, run=run,
                read_segment=bus.store.data, read_leaves=bus.store.leaves, documents={}, out=out,
                records=not self.tidied, read_index=bus.index_rows,
            )  # fmt: skip
        except LienThongError as error:
            raise Violation(f"run {run} cannot be exported: {error.message} [{error.where}]") from error
        report = verify_bundle(out, trust=self.trust)
        if not report.ok:
            failed = next(check for check in report.checks if not check.ok)
            raise Violation(f"the bundle of run {run}: {failed.name}: {failed.subject} {failed.detail_en}")


def mended(record: Record) -> Record:
    """Return what a person makes of a refused record."""
    return record | {"CapDonVi": "xa", "TenDonVi": record["TenDonVi"].replace("!", "") + "+"}


def _told(data: bytes | None) -> str:
    return "nothing" if data is None else "{TenDonVi} of {NgayCapNhat}".format(**parse(data))
