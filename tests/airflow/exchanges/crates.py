"""Exchanges whose source and target are files, so that a test sees every effect and holds up any step.

The connection's host is a folder. ``<exchange>.source.json`` holds its records, ``<exchange>.effects`` a line
for each record that the target took. A file ``<exchange>.<place>`` holds push up, or makes it fail, until
the file is gone: ``reject`` (the target refuses the whole request), ``open`` (push stands still before it
has sent anything), ``before`` and ``after`` (the target, before or after its effect).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import DAG, BaseOperator, TriggerRule

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import exchange_dag, exchange_group, run_params
from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    End,
    Page,
    ReadRequest,
    SourceCapabilities,
    TargetCapabilities,
)
from lienthong.errors import RequestRejected

PATIENCE = 240.0


@dataclass(frozen=True, slots=True)
class Crate:
    """A folder of records to give, or to take them; each exchange has a place of its own in it."""

    kind: ClassVar[str] = "crate"
    place: str = ""

    def open_source(self, connection: Connection, context: Context) -> OpenCrate:
        """Open the folder to read."""
        return CrateSource(Path(connection.host), context)

    def open_target(self, connection: Connection, context: Context) -> OpenCrate:
        """Open the folder to write; stand still as long as it is wanted."""
        crate = OpenCrate(Path(connection.host), context)
        crate.stand_still("open")
        return crate


class OpenCrate:
    """An open folder: source and target in one."""

    capabilities: Any = TargetCapabilities(lookup=True)

    def __init__(self, folder: Path, context: Context) -> None:
        self.folder, self.exchange, self.run = folder, context.exchange, context.run

    def file(self, name: str) -> Path:
        """Return a file of this exchange."""
        return self.folder / f"{self.exchange}.{name}"

    def stand_still(self, place: str) -> None:
        """Wait as long as the test holds this place up; say who waits, again and again, in a file."""
        deadline = time.monotonic() + PATIENCE
        fresh = self.file(f"{place}.{os.getpid()}")
        while self.file(place).exists() and time.monotonic() < deadline:
            fresh.write_text(f"{os.getpid()} {os.getppid()}")
            fresh.replace(self.file(f"{place}.stands"))
            time.sleep(0.1)

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield the records that are newer than ``since``."""
        records = json.loads(self.file("source.json").read_text())
        news = [item for item in records if request.since is None or item["GhiChu"] > request.since]
        yield Page(news, end=End("document"))

    def deliver(self, batch: Batch) -> Answer:
        """Take the records, each with one line in the file of effects."""
        self.stand_still("before")
        if self.file("reject").exists():
            raise RequestRejected("the crate is full", where=self.exchange)
        with self.file("effects").open("a", encoding="utf-8") as effects:
            for record in map(json.loads, batch.records):
                line = {"key": record["MaYeuCau"], "value": record["GhiChu"], "run": self.run, "id": batch.id}
                effects.write(json.dumps(line) + "\n")
        self.stand_still("after")
        return Answer(len(batch.records))

    def lookup(self, batch: Batch) -> Answer:
        """Tell by the batch's id whether it was taken."""
        file = self.file("effects")
        known = file.read_text(encoding="utf-8") if file.exists() else ""
        if batch.id in known:
            return Answer(len(batch.records))
        return Answer(len(batch.records), absent=frozenset(range(len(batch.records))))

    def check(self) -> list[Any]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Nothing to close."""


class CrateSource(OpenCrate):
    """What a source can."""

    capabilities = SourceCapabilities(incremental=True)


def crates(name: str, attempts: int = 3) -> Exchange:
    """Return an exchange of these tests."""
    return Exchange(
        id=name,
        title=Text(f"Thùng {name}", f"Crates {name}"),
        provider="H21.129",
        consumer="G22",
        legal_basis="Nghị định 278/2025/NĐ-CP",
        purpose=Text("Kiểm thử", "Testing"),
        source=Source("crate", Crate(name), cursor="GhiChu"),
        target=Target("crate", Crate(name)),
        dataset="dancu.verification/1",
        delivery=Delivery(batch=10, parallel=1, attempts=attempts),
        sector="test",
    )


stale = exchange_dag(crates("stale"))
halted = exchange_dag(crates("halted"))
marked = exchange_dag(crates("marked"))
greened = exchange_dag(crates("greened"))
beside = exchange_dag(
    crates("beside", attempts=6), schedule="@yearly", start_date=datetime(2020, 1, 1, tzinfo=UTC)
)
frozen = exchange_dag(crates("frozen", attempts=4))
thawed = exchange_dag(crates("thawed", attempts=4))
resent = exchange_dag(crates("resent"))


class Report(BaseOperator):
    """What somebody put after the exchange: it runs whatever became of it."""

    def execute(self, context: Any) -> None:
        """Report nothing."""


with DAG("shared_one", max_active_runs=1, params=run_params()) as shared_one:
    exchange_group(crates("shared", attempts=6)) >> Report(
        task_id="report", trigger_rule=TriggerRule.ALL_DONE
    )

with DAG("shared_two", max_active_runs=1, params=run_params()) as shared_two:
    exchange_group(crates("shared", attempts=6))
