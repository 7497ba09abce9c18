"""Exchanges of the Airflow tests: a shelf of records in, a drawer out, no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import DAG

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import delivered, exchange_dag, exchange_group, run_params
from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    End,
    Page,
    ReadRequest,
    Receipt,
    SourceCapabilities,
    TargetCapabilities,
)
from lienthong.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Shelf:
    """Records that are there already; the connection's extra says how many, and what goes wrong."""

    kind: ClassVar[str] = "shelf"
    rows: int = 7
    bad: int = 1

    def open_source(self, connection: Connection, context: Context) -> OpenShelf:
        """Open the shelf; the connection proves that credentials reach a task."""
        context.log(f"shelf opened by {connection.login}")
        if connection.password != "open sesame":
            raise Forbidden("the shelf is locked", where=f"connection {connection.id!r}")
        return OpenShelf(self)


class OpenShelf:
    """An open shelf."""

    capabilities = SourceCapabilities(incremental=True)

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield all records, or none where the run before has seen them."""
        rows = self.shelf.rows if request.since is None else 0
        yield Page([self.record(number) for number in range(rows)], end=End("document"))

    def record(self, number: int) -> dict[str, Any]:
        """Return a record; the first ones break the contract."""
        exists: Any = 5 if number < self.shelf.bad else True
        return {"MaYeuCau": f"r{number}", "TonTai": exists, "GhiChu": f"ghi chú <b>{number}</b>"}

    def check(self) -> list[Any]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, slots=True)
class Drawer:
    """A target that takes everything, each exchange's in a place of its own."""

    kind: ClassVar[str] = "drawer"
    place: str = ""

    def open_target(self, connection: Connection, context: Context) -> OpenDrawer:
        """Open the drawer."""
        return OpenDrawer()


class OpenDrawer:
    """An open drawer."""

    capabilities = TargetCapabilities(repeatable=True)

    def deliver(self, batch: Batch) -> Answer:
        """Take a batch."""
        return Answer(len(batch.records))

    def lookup(self, batch: Batch) -> Answer:
        """Every batch has been taken."""
        return Answer(len(batch.records))

    def check(self) -> list[Any]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, slots=True)
class Tray:
    """A target that accepts now and works later; its folder is named by the connection."""

    kind: ClassVar[str] = "tray"

    def open_target(self, connection: Connection, context: Context) -> OpenTray:
        """Open the tray."""
        return OpenTray(Path(connection.host))


class OpenTray:
    """An open tray: a file for each batch, a line in it for each delivery and each question."""

    capabilities = TargetCapabilities(lookup=True, patience=120.0)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(self, batch: Batch) -> Answer:
        """Accept a batch."""
        self._note(batch.id, "delivered")
        return self._at_work(batch, (Receipt("202", "0" * 64, "2026-01-01T00:00:00Z", batch.id),))

    def lookup(self, batch: Batch) -> Answer:
        """Be at work at the first question, done at the second."""
        names = [receipt.reference for receipt in batch.receipts]
        if self._note(names[0], "asked") < 2:
            return self._at_work(batch, ())
        return Answer(len(batch.records))

    def _at_work(self, batch: Batch, receipts: tuple[Receipt, ...]) -> Answer:
        everything = frozenset(range(len(batch.records)))
        return Answer(len(batch.records), unknown=everything, receipts=receipts, ask_after=2.0)

    def _note(self, name: str, what: str) -> int:
        """Write a line and return how many of its kind there are."""
        file = self.folder / name
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{what}\n")
        return file.read_text(encoding="utf-8").count(what)

    def check(self) -> list[Any]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Nothing to close."""


def letters(name: str, shelf: Shelf, *, connection: str = "shelf", target: Target | None = None) -> Exchange:
    """Return an exchange of the tests."""
    return Exchange(
        id=name,
        title=Text(f"Thư {name}", f"Letters {name}"),
        provider="H21.129",
        consumer="G22",
        legal_basis="Nghị định 278/2025/NĐ-CP",
        purpose=Text("Kiểm thử", "Testing"),
        source=Source(connection, shelf, cursor="MaYeuCau"),
        target=target or Target("drawer", Drawer(name)),
        dataset="dancu.verification/1",
        delivery=Delivery(batch=2, parallel=2, attempts=2, quarantine_above=0.5),
        sector="test",
    )


ordinary = exchange_dag(letters("ordinary", Shelf()))
empty = exchange_dag(letters("empty", Shelf(rows=0)))
locked = exchange_dag(letters("locked", Shelf(), connection="locked_shelf"))
later = exchange_dag(letters("later", Shelf(), target=Target("tray", Tray())))
follower = exchange_dag(
    letters("follower", Shelf(rows=3, bad=0)), schedule=delivered("dancu.verification/1", to="drawer")
)

with DAG("grouped", max_active_runs=1, params=run_params()) as grouped:
    exchange_group(letters("in_group", Shelf(rows=3, bad=0)))
