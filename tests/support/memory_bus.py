"""A bus in a temporary folder, and connectors in memory whose every move a test can see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.config import Config
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
    TargetCapabilities,
)
from lienthong.errors import LienThongError, Reason
from lienthong.pipeline import Bus, Plan, compile_plan
from lienthong.records import Record, canonical, sha256
from lienthong.signing.keys import create_development_keys


def unit(number: int, **changes: Any) -> Record:
    """Return a sound administrative unit, a small record of a published dataset."""
    return {
        "MaDonVi": f"{number:05}",
        "TenDonVi": f"Xã số {number}",
        "CapDonVi": "xa",
        "MaDonViCha": "52",
        "LoaiDonVi": "Xã",
        "NgayHieuLuc": "2025-07-01",
        "NgayHetHieuLuc": None,
        "DonViKeThua": [],
        "NgayCapNhat": f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}+07:00",
    } | changes


@dataclass
class System:
    """One side of the exchange as it really stands: what it offers, what it has taken."""

    offers: list[Record] = field(default_factory=list)
    page: int = 10
    asked: list[ReadRequest] = field(default_factory=list)
    break_reading: dict[int, LienThongError] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    effects: dict[bytes, int] = field(default_factory=dict)
    answer_with: list[LienThongError | None] = field(default_factory=list)
    refuse: Callable[[Record], bool] = lambda record: False
    can: TargetCapabilities = TargetCapabilities(repeatable=False, lookup=True)
    closed: int = 0
    works: int | None = None
    jobs: dict[str, list[bytes]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    asked_for: list[list[str]] = field(default_factory=list)
    end: End | None = End("order")


SYSTEMS: dict[str, System] = {}


@dataclass(frozen=True)
class MemorySource:
    """Settings of a source in memory."""

    kind: ClassVar[str] = "memory"
    system: str = "source"

    def open_source(self, connection: Connection, context: Context) -> OpenMemory:
        """Open the source."""
        return OpenMemory(SYSTEMS[self.system])


@dataclass(frozen=True)
class MemoryTarget:
    """Settings of a target in memory."""

    kind: ClassVar[str] = "memory"
    system: str = "target"

    def open_target(self, connection: Connection, context: Context) -> OpenMemory:
        """Open the target."""
        return OpenMemory(SYSTEMS[self.system])


class OpenMemory:
    """An open source or target in memory."""

    def __init__(self, system: System) -> None:
        self.system = system

    @property
    def capabilities(self) -> Any:
        """What the system was told to be able to do."""
        return self.system.can if self.system.can else SourceCapabilities()

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield what is newer than the cursor, from the position on."""
        system = self.system
        system.asked.append(request)
        new = [item for item in system.offers if request.since is None or item["NgayCapNhat"] > request.since]
        for start in range(request.position or 0, len(new), system.page):
            error = system.break_reading.pop(start, None)
            if error is not None:
                raise error
            yield Page(new[start : start + system.page][: request.limit], position=start + system.page)
            if request.limit is not None:
                return
        if system.end is not None:
            yield Page([], position=max(len(new), request.position or 0), end=system.end)

    def deliver(self, batch: Batch) -> Answer:
        """Take a batch, or fail before or after taking it as the test says."""
        system = self.system
        system.batches.append(batch)
        error = system.answer_with.pop(0) if system.answer_with else None
        if error is not None and not error.details.get("taken"):
            raise error
        if system.works is not None:
            return self._accept(batch, error)
        refused = {}
        for line, record in enumerate(batch.objects()):
            if system.refuse(record):
                refused[line] = Reason("", "target.99", "Bị từ chối", "Refused")
            else:
                data = canonical(record)
                system.effects[data] = system.effects.get(data, 0) + 1
        if error is not None:
            raise error
        receipt = Receipt("200", sha256(b"taken"), "2026-01-01T00:00:00Z")
        return Answer(len(batch.records), refused=refused, receipts=(receipt,))

    def _accept(self, batch: Batch, error: LienThongError | None) -> Answer:
        """Accept a batch as a job, to be worked on for as many questions as the test says."""
        name = f"job-{next(self.system.numbers)}"
        self.system.jobs[name] = list(batch.records)
        if error is not None:
            raise error
        receipt = Receipt("202", sha256(name.encode()), "2026-01-01T00:00:00Z", name)
        everything = frozenset(range(len(batch.records)))
        return Answer(len(batch.records), unknown=everything, receipts=(receipt,), ask_after=7.0)

    def _at_work(self, batch: Batch) -> Answer:
        """Answer a question about jobs, named by the references that the target gave."""
        system = self.system
        names = [receipt.reference for receipt in batch.receipts]
        system.asked_for.append(names)
        everything = frozenset(range(len(batch.records)))
        if not names:
            return Answer(len(batch.records), unknown=everything)
        if system.works:
            system.works -= 1
            return Answer(len(batch.records), unknown=everything, ask_after=3.0)
        for data in system.jobs.pop(names[-1], []):
            system.effects[data] = system.effects.get(data, 0) + 1
        return Answer(len(batch.records))

    def lookup(self, batch: Batch) -> Answer:
        """Tell which records were taken."""
        if self.system.works is not None:
            return self._at_work(batch)
        absent = frozenset(line for line, data in enumerate(batch.records) if data not in self.system.effects)
        return Answer(len(batch.records), absent=absent)

    def check(self) -> list[Finding]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Count, so that a test can see that it was called."""
        self.system.closed += 1


@dataclass
class Bench:
    """What a test works with."""

    bus: Bus
    source: System
    target: System

    def plan(self, **changes: Any) -> Plan:
        """Return the plan of the example exchange with some fields changed."""
        fields: dict[str, Any] = {
            "id": "units",
            "title": Text("Đơn vị", "Units"),
            "provider": "G22",
            "consumer": "H21",
            "legal_basis": "Quyết định 19/2025/QĐ-TTg",
            "purpose": Text("Thử", "Test"),
            "source": Source("source", MemorySource(), cursor="NgayCapNhat"),
            "target": Target("target", MemoryTarget()),
            "dataset": "catalogue.administrative-unit/1",
            "delivery": Delivery(batch=10, parallel=2, attempts=2, quarantine_above=0.2),
        }
        return compile_plan(Exchange(**(fields | changes)))


@contextmanager
def memory_bench(home: Path) -> Iterator[Bench]:
    """Yield a bus with keys, an empty source and an empty target."""
    create_development_keys(home, "G22")
    config = Config(home, f"sqlite:///{home / 'ledger.sqlite'}", str(home / "staging"), home / "hash.key")
    SYSTEMS.update(source=System(), target=System())
    bus = Bus.open(connections=lambda name: Connection(name, "memory"), config=config)
    yield Bench(bus, SYSTEMS["source"], SYSTEMS["target"])
    bus.database.close()
    SYSTEMS.clear()
