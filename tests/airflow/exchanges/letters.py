"""Exchanges of the Airflow tests: a shelf of records in, a drawer out, no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow.sdk import DAG

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import delivered, exchange_dag, exchange_group, run_params
from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    Page,
    ReadRequest,
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
        if request.since is None and self.shelf.rows:
            yield Page([self.record(number) for number in range(self.shelf.rows)])

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
    """A target that takes everything."""

    kind: ClassVar[str] = "drawer"

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


def letters(name: str, shelf: Shelf, *, connection: str = "shelf") -> Exchange:
    """Return an exchange of the tests."""
    return Exchange(
        id=name,
        title=Text(f"Thư {name}", f"Letters {name}"),
        provider="H21.129",
        consumer="G22",
        legal_basis="Nghị định 278/2025/NĐ-CP",
        purpose=Text("Kiểm thử", "Testing"),
        source=Source(connection, shelf, cursor="MaYeuCau"),
        target=Target("drawer", Drawer()),
        dataset="dancu.verification/1",
        delivery=Delivery(batch=2, parallel=2, attempts=2, quarantine_above=0.5),
        sector="test",
    )


ordinary = exchange_dag(letters("ordinary", Shelf()))
empty = exchange_dag(letters("empty", Shelf(rows=0)))
locked = exchange_dag(letters("locked", Shelf(), connection="locked_shelf"))
follower = exchange_dag(
    letters("follower", Shelf(rows=3, bad=0)), schedule=delivered("dancu.verification/1", to="drawer")
)

with DAG("grouped", max_active_runs=1, params=run_params()) as grouped:
    exchange_group(letters("in_group", Shelf(rows=3, bad=0)))
