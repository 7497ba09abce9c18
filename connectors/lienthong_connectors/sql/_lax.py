"""Times that PostgreSQL knows and Python does not: infinity, years before Christ or beyond 9999, 24:00."""

from __future__ import annotations

from typing import Any

from psycopg import DataError
from psycopg.types import datetime as loaders
from sqlalchemy.engine import Connection as Link

from lienthong_connectors.sql._errors import original, sqlstate

_LOADERS: tuple[tuple[str, type[Any]], ...] = (
    ("date", loaders.DateLoader),
    ("time", loaders.TimeLoader),
    ("timetz", loaders.TimetzLoader),
    ("timestamp", loaders.TimestampLoader),
    ("timestamptz", loaders.TimestamptzLoader),
    ("interval", loaders.IntervalLoader),
)


def unreadable(error: Exception) -> bool:
    """Tell whether the driver, and not the database, failed: it could not hold a value that came."""
    cause = original(error)
    return isinstance(cause, DataError) and not sqlstate(cause)


def loosen(link: Link) -> None:
    """Let such values come as the database's own text from now on."""
    driver: Any = link.connection.driver_connection
    for name, loader in _LOADERS:
        driver.adapters.register_loader(name, _lax(loader))


def _lax(strict: type[Any]) -> type[Any]:
    class Lax(strict):  # type: ignore[misc]  # the base is chosen at run time
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    return Lax
