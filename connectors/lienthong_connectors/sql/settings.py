"""The typed settings of the SQL connector; nothing heavy is imported before ``open_*``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lienthong.connector import Connection, Context, option
from lienthong.errors import Misconfigured

if TYPE_CHECKING:
    from lienthong_connectors.sql._source import OpenSource
    from lienthong_connectors.sql._target import OpenTarget


@dataclass(frozen=True, slots=True)
class SqlTarget:
    """Records become rows of one table, one transaction per batch.

    A member that a record lacks is written as NULL, except that a column with a default keeps its
    default. ``upsert``: of records with the same key in one batch the last one wins.
    """

    kind: ClassVar[str] = "sql"

    table: str = option(doc="table that takes the records")
    schema: str | None = option(None, doc="database schema of the table; the connection's default if empty")
    columns: Mapping[str, str] | Sequence[str] = option(
        factory=dict,
        doc="record path (dotted) to column, or names of both; empty: every column takes its own",
    )
    key: tuple[str, ...] = option((), doc="record paths that make the key; empty: the dataset's key")
    mode: Literal["upsert", "insert", "insert-ignore"] = option(
        "upsert", doc="upsert, insert, or insert-ignore (leave rows that exist as they are)"
    )
    create: bool = option(False, doc="create the table from the first batch if it is missing")
    journal: bool = option(True, doc="note deliveries in lienthong_delivery, in the same transaction")
    open_data: bool = option(False, doc="the table is published: it may take fields classed open only")

    def __post_init__(self) -> None:
        _require(bool(self.table), "table", "the name of a table")
        _require(
            self.mode in ("upsert", "insert", "insert-ignore"), "mode", "upsert, insert or insert-ignore"
        )
        named = _named(self.columns)
        _require(len(set(named.values())) == len(self.columns), "columns", "each column once")

    @property
    def by_path(self) -> Mapping[str, str]:
        """The column of each record path that ``columns`` names."""
        return _named(self.columns)

    @property
    def destination(self) -> str:
        """Where records go, for comparing versions: exchanges into one table see each other."""
        return f"{self.schema or ''}.{self.table}"

    def place_at(self, connection: Connection) -> str:
        """Return which table it is: database and name, whatever connection or account leads there."""
        from lienthong_connectors.sql._address import place

        return place(connection, self.schema, self.table)

    def open_target(self, connection: Connection, context: Context) -> OpenTarget:
        """Open the target; the database is contacted with the first use."""
        from lienthong_connectors.sql._target import OpenTarget

        return OpenTarget(self, connection, context)


@dataclass(frozen=True, slots=True)
class SqlSource:
    """Rows of a table or query become records, read page by page along the key.

    With ``cursor`` and a ``since``, rows come in the order of (cursor, key) and only those whose
    cursor is greater; ``overlap`` reaches that far back behind ``since`` (seconds for times, units
    for numbers), for rows that were committed late or share the last cursor value.
    """

    kind: ClassVar[str] = "sql"

    table: str = option("", doc="table or view to read (either this or query)")
    query: str = option("", doc="SELECT to read instead of a table, without ORDER BY")
    schema: str | None = option(None, doc="database schema of the table; the connection's default if empty")
    columns: Mapping[str, str] | Sequence[str] = option(
        factory=dict,
        doc="record path (dotted) to column, or names of both; empty: every column under its own name",
    )
    key: tuple[str, ...] = option((), doc="columns that order the rows, best unique; empty: the primary key")
    cursor: str | None = option(None, doc="column that grows with every change (time or number)")
    overlap: int = option(0, doc="how far to reach back behind the last run's cursor")
    page_size: int = option(1000, doc="rows of one page")
    snapshot: bool = option(True, doc="read all pages from one state of the database where it can")

    def __post_init__(self) -> None:
        _require(bool(self.table) != bool(self.query), "table", "either a table or a query")
        _require(self.page_size >= 1, "page_size", "1 or more")
        _require(self.overlap >= 0, "overlap", "0 or more")
        _require(len(_named(self.columns)) == len(self.columns), "columns", "each path once")

    @property
    def by_path(self) -> Mapping[str, str]:
        """The column of each record path that ``columns`` names."""
        return _named(self.columns)

    def open_source(self, connection: Connection, context: Context) -> OpenSource:
        """Open the source; the database is contacted with the first use."""
        from lienthong_connectors.sql._source import OpenSource

        return OpenSource(self, connection, context)


def _require(holds: bool, name: str, wanted: str) -> None:
    if not holds:
        raise Misconfigured(
            f"option {name!r} is missing or malformed", where="sql connector", hint=f"give {wanted}"
        )


def _named(columns: Any) -> Mapping[str, str]:
    """Return columns by record path; a list of names is of columns that are called as their paths."""
    listed = isinstance(columns, (list, tuple))
    items = (
        [(name, name) for name in columns]
        if listed
        else list(dict(columns).items())
        if isinstance(columns, Mapping)
        else None
    )
    texts = items is not None and all(isinstance(text, str) and text for item in items for text in item)
    _require(texts, "columns", "an object of record paths and columns, or a list of names")
    return dict(items or ())


def label(settings: Any) -> str:
    """Return a settings object's table for messages."""
    table = settings.table or "query"
    return f"{settings.schema}.{table}" if settings.schema else str(table)
