"""The same small table in SQLite and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sql_cursor import Run

from lienthong.connector import Connection


@pytest.fixture
def lite(tmp_path: Path) -> tuple[Connection, Run]:
    file = tmp_path / "x.sqlite"
    link = sqlite3.connect(file, isolation_level=None)
    return Connection("lite", "lienthong_sql", extra={"url": f"sqlite:///{file}"}), link.execute


@pytest.fixture
def full(postgres: Any) -> tuple[Connection, Run]:
    connection: Connection = postgres.connection(postgres.database())

    def run(statement: str) -> Any:
        with psycopg.connect(
            host=postgres.folder, user="clerk", password="s3cret-clerk", dbname="onestop", autocommit=True
        ) as link:
            link.execute(statement.encode())

    return connection, run


@pytest.fixture(params=["lite", "full"])
def database(request: pytest.FixtureRequest) -> tuple[Connection, Run]:
    found: tuple[Connection, Run] = request.getfixturevalue(request.param)
    return found
