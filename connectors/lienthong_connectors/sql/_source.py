"""An open SQL source: pages along the key, so that a read can go on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Link
from sqlalchemy.engine import Engine

from lienthong.connector import (
    Connection,
    Context,
    End,
    Expiry,
    Finding,
    Page,
    ReadRequest,
    SourceCapabilities,
    Stand,
)
from lienthong.errors import Misconfigured
from lienthong_connectors.sql._address import address_expiries, make_engine, seconds
from lienthong_connectors.sql._checks import check_source
from lienthong_connectors.sql._errors import translated
from lienthong_connectors.sql._lax import exact_lengths, is_loose, loosen, parted
from lienthong_connectors.sql._order import (
    Ordered,
    largest_texts,
    ordered,
    ordered_cursor,
    placed,
    rows_of,
    stand_of,
)
from lienthong_connectors.sql._shape import Shape, find_shape
from lienthong_connectors.sql._values import exact
from lienthong_connectors.sql._window import Window, window
from lienthong_connectors.sql._written import Written
from lienthong_connectors.sql.settings import SqlSource, label

#: So many pages of rows that share one key are read together; more of them are refused.
_MOST_ALIKE = 100


class OpenSource:
    """Reads one table or query.

    A full read goes in the order of the key, an incremental one in the order of (cursor, key). A
    page's position is the last row's order values, so a read goes on exactly behind it whatever
    was inserted or deleted meanwhile; rows that share a key stand in one page. Without any key the
    rows are streamed once, unresumable.
    """

    def __init__(self, settings: SqlSource, connection: Connection, context: Context) -> None:
        self.settings = settings
        self.capabilities = SourceCapabilities(
            incremental=settings.cursor is not None,
            resumable=bool(settings.key or settings.table),
            inclusive=True,
        )
        self.where = f"table {label(settings)!r} at connection {connection.id!r}"
        self._connection = connection
        self._context = context
        self._shape: Shape | None = None
        self._link: Link | None = None

    @cached_property
    def engine(self) -> Engine:
        """The engine behind the connection; `Misconfigured` where the address is wrong."""
        return make_engine(self._connection, access="ro")

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield the rows that the request asks for."""
        with translated(self.where):
            shape = self.shape()
            if request.since is not None and self.settings.cursor is None:
                raise Misconfigured("there is no cursor column", where=self.where, hint="set 'cursor'")
            with self._session() as link:
                if shape.key:
                    self._require_full_keys(link, shape)
                    yield from self._along_key(link, shape, request)
                else:
                    yield from self._stream(link, shape, request)

    def check(self) -> list[Finding]:
        """Test login, columns and key without reading a row."""
        return check_source(self)

    def expiries(self) -> list[Expiry]:
        """Return until when the certificates that the address names are good."""
        return address_expiries(self._connection)

    def close(self) -> None:
        """Close the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None
        if "engine" in self.__dict__:
            self.engine.dispose()

    def shape(self) -> Shape:
        """Return the columns and the key, looked at once."""
        if self._shape is None:
            self._shape = find_shape(self.engine, self.settings, self.where)
            self.capabilities = SourceCapabilities(
                incremental=self.settings.cursor is not None,
                resumable=bool(self._shape.key),
                inclusive=True,
            )
        return self._shape

    def cursor_sample(self, most: int) -> tuple[str, list[str]]:
        """Return what the cursor's column is, and its largest values if they are texts, at most so many."""
        with self._session() as link:
            column = ordered_cursor(link, self._from(), self.settings.cursor or "", ReadRequest(), self.where)
            return column.kind, largest_texts(link, self._from(), column, most)

    @contextmanager
    def _session(self) -> Iterator[Link]:
        """Lend a connection whose transaction sees one state of the database, where it can."""
        link = self._link = self.engine.connect()
        try:
            if self.engine.dialect.name == "postgresql":
                self._prepare_postgres(link)
            yield link
        finally:
            link.close()
            self._link = None

    def _prepare_postgres(self, link: Link) -> None:
        if self.engine.driver == "psycopg":
            from psycopg.types.json import set_json_loads

            driver = cast("Any", link.connection.driver_connection)
            set_json_loads(exact, driver)
            exact_lengths(driver)
        timeout = seconds(self._connection, "timeout", 120) * 1000
        if self.settings.snapshot:
            link.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        else:
            link.execute(sa.text("SET TRANSACTION READ ONLY"))
        link.execute(
            sa.text("SELECT set_config('statement_timeout', :t, true), set_config('TimeZone', 'UTC', true)"),
            {"t": str(timeout)},
        )

    def _from(self) -> Any:
        if self.settings.query:
            return Written(f"({self.settings.query}) AS q")
        return sa.table(self.settings.table, schema=self.settings.schema)

    def _require_full_keys(self, link: Link, shape: Shape) -> None:
        """Rows with an empty key would be passed over without a word: refuse to begin."""
        if not shape.loose:
            return
        empty = sa.or_(*(sa.column(name).is_(None) for name in shape.loose))
        if link.execute(sa.select(sa.literal(1)).select_from(self._from()).where(empty).limit(1)).first():
            raise Misconfigured(
                "some rows have no key", where=self.where, hint="choose a 'key' that is never empty"
            )

    def _along_key(self, link: Link, shape: Shape, request: ReadRequest) -> Iterator[Page]:
        order = self._order(link, shape, request)
        told = self._stand(link, request)
        wanted, size = self._window(order[0], request), self.settings.page_size
        position, left = request.position, request.limit
        while left is None or left > 0:
            size = size if left is None or wanted.wanted is not None else min(left, size)
            read_as = self._before_page()
            rows = self._page(link, shape, order, wanted, position, size)
            full = len(rows) == size
            if full and not shape.unique:
                rows = self._with_ties(link, shape, order, rows)
            kept = wanted.kept(rows, -len(order))[:left]
            left = None if left is None else left - len(kept)
            end = End("order") if not full and left != 0 else None
            if rows:  # behind the last row that counts, or that was looked at
                last = kept if kept and left == 0 else rows
                position = [placed(value) for value in last[-1][-len(order) :]]
            if kept or end:
                yield _page_of(link, shape, kept, position=position, stand=told, read_as=read_as, end=end)
                told = None
            if not full:
                return

    def _with_ties(
        self, link: Link, shape: Shape, order: Sequence[Ordered], rows: Sequence[Any]
    ) -> Sequence[Any]:
        """Return a full page with all rows that share the last one's place: the next page begins behind them.

        What shares a place the database decides: under some collations 'Ho' and 'ho' do.
        """
        values = self._values(order, [placed(value) for value in rows[-1][-len(order) :]])
        same = sa.and_(*(column.by == value for column, value in zip(order, values, strict=True)))
        most = _MOST_ALIKE * max(self.settings.page_size, 1)
        alike = rows_of(link, self._select(shape, order).where(same).limit(most + 1))
        if len(alike) > most:
            raise Misconfigured(
                f"more than {most} rows share one key",
                where=self.where,
                hint="choose a 'key' that tells rows apart",
            )
        if not alike:  # the value is not found again by itself, such as a number that a driver rounds
            raise Misconfigured(
                "the key's rows cannot be told apart", where=self.where, hint="choose another 'key'"
            )
        first = len(rows)
        while first and rows[first - 1] in alike:
            first -= 1
        return [*rows[:first], *alike]

    def _before_page(self) -> int:
        """Return the place of a page's reading; 0 where it shows the database as it was at the beginning."""
        dialect = self.engine.dialect.name
        afresh = dialect == "sqlite" or (dialect == "postgresql" and not self.settings.snapshot)
        return self._context.before_read() if afresh else 0

    def _order(self, link: Link, shape: Shape, request: ReadRequest) -> list[Ordered]:
        """Return what the rows are ordered by."""
        by_cursor = request.since is not None
        names = ((self.settings.cursor or "",) if by_cursor else ()) + shape.key
        return [
            self._cursor(link, request) if by_cursor and not place else ordered(link, self._from(), name)
            for place, name in enumerate(names)
        ]

    def _cursor(self, link: Link, request: ReadRequest) -> Ordered:
        return ordered_cursor(link, self._from(), self.settings.cursor or "", request, self.where)

    def _window(self, column: Ordered, request: ReadRequest) -> Window:
        """Return which rows are wanted, all of them where nothing says since when."""
        if request.since is None:
            return Window()
        return window(column, request, self.settings.overlap, self.where)

    def _stand(self, link: Link, request: ReadRequest) -> Stand | None:
        """Return where the database stands before the first row, None where nobody asks."""
        if request.position is not None or self.settings.cursor is None:
            return None
        return stand_of(link, self._from(), self._cursor(link, request), request.order)

    def _page(
        self,
        link: Link,
        shape: Shape,
        order: Sequence[Ordered],
        wanted: Window,
        position: Any,
        size: int,
    ) -> Sequence[Any]:
        select = self._select(shape, order).order_by(*(column.by for column in order)).limit(size)
        if position is not None:
            select = select.where(self._after(order, self._values(order, position)))
        elif wanted.condition is not None:
            select = select.where(wanted.condition)
        rows: Sequence[Any] = rows_of(link, select)
        return rows

    def _select(self, shape: Shape, order: Sequence[Ordered]) -> Any:
        """Return the columns of the records and what they are ordered by."""
        places = (column.raw.label(f"lt_{column.name}") for column in order)
        return sa.select(*map(sa.column, shape.names), *places).select_from(self._from())

    def _values(self, order: Sequence[Ordered], position: Any) -> list[Any]:
        if not isinstance(position, (list, tuple)) or len(position) != len(order):
            raise Misconfigured(
                "the position does not belong to this source's order",
                where=self.where,
                hint="begin the read anew after changing 'key' or 'cursor'",
            )
        return [column.bound(value) for column, value in zip(order, position, strict=True)]

    def _after(self, order: Sequence[Ordered], values: list[Any]) -> Any:
        """Return the condition for rows behind a position."""
        columns: list[Any] = [column.by for column in order]
        if self.engine.dialect.name in ("postgresql", "sqlite", "mysql", "mariadb"):
            return sa.tuple_(*columns) > sa.tuple_(*values)
        steps = []
        for number, column in enumerate(columns):
            same = [columns[earlier] == values[earlier] for earlier in range(number)]
            steps.append(sa.and_(*same, column > values[number]))
        return sa.or_(*steps)

    def _stream(self, link: Link, shape: Shape, request: ReadRequest) -> Iterator[Page]:
        """Read without a key, through a server-side cursor."""
        if request.position is not None:
            raise Misconfigured("a read without a key cannot go on", where=self.where, hint="set 'key'")
        columns: list[Any] = [sa.column(name) for name in shape.names]
        told, wanted, left = self._stand(link, request), Window(), request.limit
        if request.since is not None:
            column = self._cursor(link, request)
            wanted = self._window(column, request)
            columns.append(column.raw.label(f"lt_{column.name}"))
        select: Any = sa.select(*columns).select_from(self._from())
        if wanted.condition is not None:
            select = select.where(wanted.condition)
        if left is not None and wanted.wanted is None:
            select = select.limit(left)
        size = self.settings.page_size
        loosen(link)
        with link.execution_options(stream_results=True, max_row_buffer=size).execute(select) as result:
            for rows in result.partitions(size):
                kept = wanted.kept(rows, -1)[:left]
                if kept:
                    yield _page_of(link, shape, kept, stand=told)
                    told = None
                left = None if left is None else left - len(kept)
                if left == 0:
                    return
        yield Page([], stand=told, end=End("document"))


def _page_of(link: Link, shape: Shape, rows: Sequence[Any], **about: Any) -> Page:
    """Return rows as a page; those with text in no encoding are malformed."""
    records = shape.records(rows)
    sound, odd = parted(records) if is_loose(link) else (records, [])
    return Page(sound, malformed=odd, **about)
