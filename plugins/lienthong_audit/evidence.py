"""What is known of a run, read from the ledger's database and the segment store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from lienthong.airflow.runs import run_key
from lienthong.connector import Connection
from lienthong.datasets import Catalogue
from lienthong.datasets.discretion import Discretion
from lienthong.errors import LienThongError, Misconfigured, Tampered
from lienthong.ledger import Act, Check, DeliveryState, Entry, QuarantineItem, Report, export, verify_bundle
from lienthong.ledger.acts import act_of
from lienthong.ledger.tables import RUNS
from lienthong.pipeline import Bus
from lienthong.pipeline.breaker import Standing, standing_of
from lienthong.records import parse
from lienthong.segment import unpack
from lienthong_audit.masking import Cell, masked

#: At most so many rows of a table; the bundle has them all.
MOST_ROWS = 200
#: A run of more records is verified when the reader asks for it, not whenever the page opens.
MOST_RECORDS = 200_000
#: The same for refused records, each of which is checked with its reasons.
MOST_REFUSED = 2_000
#: Segments that are read to show refused records; those in others are shown by their reasons alone.
MOST_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Refused:
    """A quarantined record as the page shows it."""

    item: QuarantineItem
    cells: Sequence[Cell]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """Who closed a run that will not settle, when and why."""

    at: str
    by: str
    why: str


@dataclass(frozen=True)
class RunEvidence:
    """One exchange's run: its signed statements, deliveries and quarantined records.

    ``damaged`` are the numbers of its ledger entries that hold no statement.
    """

    exchange: str
    run: str
    entries: Sequence[Entry]
    deliveries: Sequence[DeliveryState]
    refused: Sequence[Refused]
    damaged: Sequence[int] = ()
    more_deliveries: int = 0
    more_refused: int = 0
    refusals: int = 0
    waiting: Sequence[Standing] = ()
    agreement: dict[str, Any] = field(default_factory=dict)
    closed: Closed | None = None
    unsettled: bool = False

    @property
    def first(self) -> dict[str, Any]:
        """The first statement of a step, which says whose run it is; empty where no step is done."""
        payloads = (entry.payload for entry in self.entries)
        return next((payload for payload in payloads if payload.get("kind", "step") == "step"), {})

    @property
    def acts(self) -> list[Act]:
        """What people did about this run."""
        return [act_of(entry) for entry in self.entries if entry.payload.get("kind") == "act"]

    @property
    def settled(self) -> dict[str, Any]:
        """The last settle statement, empty where the run has not settled.

        One that was signed before another run overtook it settles nothing: the journal says so.
        """
        if self.unsettled:
            return {}
        payloads = (entry.payload for entry in reversed(self.entries))
        return next((payload for payload in payloads if payload.get("step") == "settle"), {})

    @property
    def large(self) -> bool:
        """Whether verification takes long enough to be asked for."""
        counts = self.settled.get("counts", {})
        refused = max(self.refusals, int(counts.get("quarantined", 0)) + int(counts.get("refused", 0)))
        return int(counts.get("pulled", 0)) > MOST_RECORDS or refused > MOST_REFUSED

    @property
    def state(self) -> str:
        """What is verified, by the hash of the last entry: the same as long as nothing is added."""
        return self.entries[-1].hash if self.entries else ""


class Archive:
    """Read access to the ledger and the segments of this deployment."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._read: dict[str, list[bytes]] = {}
        self._discretions: dict[str, Discretion] = {}

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Archive]:
        """Open the deployment's ledger, for reading only, and close it again."""
        bus = Bus.open(connections=_no_connections, read_only=True)
        try:
            yield cls(bus)
        finally:
            bus.close()

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue.load()

    def runs(self, dag_id: str, run_id: str) -> list[RunEvidence]:
        """Return the evidence of every exchange that ran in a DAG run."""
        as_group = run_key(dag_id, run_id, "")
        groups = {entry.payload.get("exchange", "") for entry in self.bus.ledger.entries(run=as_group)}
        with self.bus.database.read() as connection:
            groups |= set(connection.scalars(select(RUNS.c.exchange).where(RUNS.c.run == as_group)))
        runs = [self.run(dag_id, run_id, exchange) for exchange in [dag_id, *sorted(groups - {dag_id})]]
        return [run for run in runs if run is not None]

    def run(self, dag_id: str, run_id: str, exchange: str) -> RunEvidence | None:
        """Return the evidence of one exchange in a DAG run, None where the ledger does not know it."""
        run = run_key(dag_id, run_id, exchange)
        entries = tuple(self.bus.ledger.entries(run=run, exchange=exchange))
        opened, unsettled, closed = self._standing(exchange, run)
        if not entries and not opened:
            return None
        whole = [entry for entry in entries if not entry.damaged]
        journal, quarantine = self.bus.journal, self.bus.quarantine
        deliveries = journal.deliveries(run=run, exchange=exchange, limit=MOST_ROWS, reasons=False)
        items = quarantine.list(exchange=exchange, run=run, limit=MOST_ROWS)
        refusals = len(items) if len(items) < MOST_ROWS else quarantine.count(exchange, run)
        agreement = self._agreement(whole)
        return RunEvidence(
            exchange=exchange,
            run=run,
            entries=whole,
            damaged=[entry.sequence for entry in entries if entry.damaged],
            deliveries=deliveries,
            refused=[self._refused(item) for item in items],
            more_deliveries=max(journal.count_planned(exchange, run) - MOST_ROWS, 0),
            more_refused=refusals - len(items),
            refusals=refusals,
            agreement=agreement,
            waiting=self._waiting(agreement),
            closed=closed,
            unsettled=unsettled,
        )

    def _standing(self, exchange: str, run: str) -> tuple[bool, bool, Closed | None]:
        """Return whether a run was opened, whether the journal has it unsettled, and who closed it."""
        c = RUNS.c
        wanted = select(RUNS).where(c.exchange == exchange, c.run == run)
        with self.bus.database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return False, False, None
        by_whom = Closed(row.closed_at, row.closed_by or "", row.closed_why or "") if row.closed_at else None
        return True, row.settled_at is None, by_whom

    def _waiting(self, agreement: Mapping[str, Any]) -> list[Standing]:
        """Return how those connections of an agreement stand which nobody asks now."""
        ends = [agreement.get(name) or {} for name in ("source", "lookup", "target")]
        names = dict.fromkeys(str(end["connection"]) for end in ends if end.get("connection"))
        found = [standing_of(self.bus.config.home, name) for name in names]
        return [one for one in found if one.until > time.time()]

    def _agreement(self, entries: Sequence[Entry]) -> dict[str, Any]:
        for entry in reversed(entries):
            digest = entry.payload.get("documents", {}).get("agreement.json")
            data = self.bus.ledger.document(digest) if digest else None
            if data is not None:
                found = json.loads(data)
                return found if isinstance(found, dict) else {}
        return {}

    def _refused(self, item: QuarantineItem) -> Refused:
        cells: Sequence[Cell] = ()
        line, note, discretion = b"", "", None
        try:
            dataset = self._catalogue.dataset(item.dataset)
            discretion = self._discretions.setdefault(item.dataset, Discretion(dataset))
            line = self._lines(item.segment)[item.line]
            cells = masked(parse(line), dataset.classification, discretion)
        except (LienThongError, IndexError, ValueError) as error:
            note = getattr(error, "message", "") or "not a record"
        # older ledgers keep reasons as they were told; without the contract nobody knows what they hold
        known = discretion.reasons(item.reasons, line) if discretion else ()
        return Refused(replace(item, reasons=known), cells, note)

    def _lines(self, digest: str) -> list[bytes]:
        if digest not in self._read:
            if len(self._read) >= MOST_SEGMENTS:
                raise Misconfigured("too many segments for one page", hint="lienthong quarantine show")
            self._read[digest] = unpack(self.bus.store.data(digest), digest)
        return self._read[digest]

    @contextmanager
    def bundle(self, run: RunEvidence) -> Iterator[Path]:
        """Write the run's evidence bundle, without records, and give its path for a while."""
        with TemporaryDirectory(prefix="lienthong-evidence-") as folder:
            info = export(
                self.bus.ledger,
                self.bus.journal,
                self.bus.quarantine,
                exchange=run.exchange,
                run=run.run,
                read_segment=self.bus.store.data,
                read_index=self.bus.index_rows,
                read_leaves=self.bus.store.leaves,
                documents={},
                out=Path(folder, "evidence.zip"),
                records=False,
            )
            yield info.path

    def verify(self, run: RunEvidence) -> Report:
        """Make the run's bundle and check it as an outsider would.

        A bundle that cannot be made (a segment or document is gone or altered) is a failed check.
        """
        try:
            with self.bundle(run) as path:
                return verify_bundle(path, trust=self.bus.trust)
        except Tampered as error:
            check = Check(
                "bundle", ok=False, subject=error.where, detail_en=error.message, detail_vi=error.message
            )
            return Report(ok=False, exchange=run.exchange, run=run.run, checks=(check,))


def _no_connections(conn_id: str) -> Connection:
    raise Misconfigured("evidence is read without connections", where=f"connection {conn_id!r}")
