"""A table with a key ``id`` and a cursor ``c``, read page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lienthong.connector import Connection, Context, Page, ReadRequest
from lienthong_connectors.sql import SqlSource

Run = Callable[[str], Any]


def pages(connection: Connection, request: ReadRequest, **options: Any) -> list[Page]:
    """Return the pages of one read that have rows, a row each where nothing else is said."""
    options = {"page_size": 1, "cursor": "c"} | options
    opened = SqlSource(options.pop("table", "t"), **options).open_source(connection, Context())
    try:
        found = list(opened.read(request))
        assert found[-1].end is not None or request.limit is not None
        return [page for page in found if page.records]
    finally:
        opened.close()


def ids(found: list[Page]) -> list[int]:
    """Return the keys that came, in their order."""
    return [record["id"] for page in found for record in page.records]


def filled(run: Run, kind: str, *values: str) -> None:
    """Make the table anew; ``values`` are SQL, the keys count from 1."""
    run("DROP TABLE IF EXISTS t")
    run(f"CREATE TABLE t (id integer primary key, c {kind})")
    for number, value in enumerate(values, 1):
        run(f"INSERT INTO t VALUES ({number}, {value})")  # noqa: S608 - the test's own
