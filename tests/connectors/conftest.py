from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from patience import seconds_for
from postgres import postgres_server

from lienthong.connector import Connection


@pytest.fixture(autouse=True)
def _rested() -> Iterator[None]:
    """Forget, after each test, what services said of their limits: another test may get the same port."""
    yield
    pace = sys.modules.get("lienthong_connectors.http.pace")
    if pace is not None:
        pace._paces.clear()


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> float:
    """Seconds to wait for the counterpart: about one where it is silent on purpose, else many."""
    return seconds_for(request)


@dataclass(frozen=True)
class Postgres:
    """A throw-away PostgreSQL that listens on a Unix socket only."""

    folder: str

    def database(self) -> str:
        """Empty the database that belongs to the role clerk and return its name."""
        self.run("DROP SCHEMA IF EXISTS public CASCADE", database="onestop")
        self.run("CREATE SCHEMA public AUTHORIZATION clerk", database="onestop")
        return "onestop"

    def run(self, statement: str, *, database: str) -> list[tuple[object, ...]]:
        """Run a statement as the superuser."""
        with psycopg.connect(
            host=self.folder, user="postgres", dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connection(self, database: str) -> Connection:
        """Return an endpoint for a database; the role clerk logs in with a password."""
        return Connection(
            "pg",
            "lienthong_sql",
            login="clerk",
            password="s3cret-clerk",
            extra={
                "url": f"postgresql:///{database}?host={self.folder}",
                "connect_timeout": 2,
                "timeout": 20,
            },
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the session, stopped and deleted at its end."""
    with postgres_server() as url:
        ready = Postgres(parse_qs(urlsplit(url).query)["host"][0])
        ready.run("CREATE ROLE clerk LOGIN PASSWORD 's3cret-clerk'", database="postgres")
        ready.run("CREATE DATABASE onestop OWNER clerk", database="postgres")
        rules = Path(str(ready.run("SHOW hba_file", database="postgres")[0][0]))
        rules.write_text("local all clerk scram-sha-256\n" + rules.read_text())
        ready.run("SELECT pg_reload_conf()", database="postgres")
        yield ready
