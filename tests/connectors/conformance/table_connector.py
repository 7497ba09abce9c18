"""A connector to a table in memory that has triggers: the smallest one that the matrix lets pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from lienthong.connector import Answer, Batch, Connection, Context, TargetCapabilities
from lienthong.errors import OutcomeUnknown, Reason, RequestRejected

Row = dict[str, Any]


class RuleBroken(Exception):
    """What a trigger raises."""


@dataclass
class Table:
    """Rows by key. ``same`` is its collation, ``trigger`` sees a row first: None swallows it."""

    rows: dict[str, Row] = field(default_factory=dict)
    same: Callable[[str], str] = str
    trigger: Callable[[Row], Row | None] = dict
    cut: bool = False

    def upsert(self, row: Row) -> int:
        """Store a row; return how many were stored."""
        kept = self.trigger(row)
        if kept is None:
            return 0
        key = self.same(row["id"])
        self.rows[key] = {**kept, "id": self.rows[key]["id"] if key in self.rows else kept["id"]}
        return 1


#: The tables that connections lead to, by the connection's host.
TABLES: dict[str, Table] = {}


class OpenTable:
    """Writes row by row, and believes the counts."""

    capabilities = TargetCapabilities()

    def __init__(self, settings: Any, connection: Connection, context: Context) -> None:
        self.table = TABLES[connection.host]

    def deliver(self, batch: Batch) -> Answer:
        refused = {}
        for number, row in enumerate(batch.objects()):
            if why := self.why_not(row):
                refused[number] = Reason(
                    "", f"target.{why}", "bảng không nhận dòng này", "the table refuses it"
                )
        if self.table.cut:
            raise OutcomeUnknown("the connection broke while the batch was committed")
        return Answer(len(batch.records), refused)

    def why_not(self, row: Row) -> str:
        there = self.table.rows.get(self.table.same(row["id"]))
        if there is not None and there["id"] != row["id"]:
            return "key-merged"
        try:
            return "" if self.table.upsert(row) else "not-stored"
        except RuleBroken:
            return "rule"

    def close(self) -> None:
        return


class NeverCounts(OpenTable):
    def why_not(self, row: Row) -> str:
        return super().why_not(row).replace("not-stored", "")


class TakesARuleForTrouble(OpenTable):
    def why_not(self, row: Row) -> str:
        if (why := super().why_not(row)) == "rule":
            raise RequestRejected("the database refused the statement")
        return why


class BelievesTheCollation(OpenTable):
    def why_not(self, row: Row) -> str:
        return "" if self.table.upsert(row) else "not-stored"


@dataclass(frozen=True, slots=True)
class TableSettings:
    kind: ClassVar[str] = "table"
    opens: ClassVar[type] = OpenTable

    def open_target(self, connection: Connection, context: Context) -> Any:
        return self.opens(self, connection, context)


def settings_for(opened: type) -> Any:
    """Return settings that open the given class."""
    return type("TableSettings", (TableSettings,), {"opens": opened})()
