from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lienthong.connector import Connection
from lienthong.testing import (
    CuttingProxy,
    SourceConformance,
    TargetConformance,
    refused_port,
    silent_server,
)
from lienthong_connectors.sql import SqlSource, SqlTarget

COLUMNS = "id, name, fee, paid, changed, documents"
SQLITE = "id text primary key, name text, fee integer not null, paid boolean, changed text, documents json"
POSTGRES = (
    "id text primary key, name text, fee bigint not null, paid boolean, changed timestamptz, documents jsonb"
)


def dossier(number: int) -> dict[str, Any]:
    return {
        "id": f"H21-{number:04d}",
        "name": f"Nguyễn Văn Mẫu {number:03d}",
        "fee": number * 1000,
        "paid": number % 2 == 0,
        "changed": f"2026-03-{number // 3 + 1:02d}T08:00:00+00:00",
        "documents": [{"kind": "giấy khai sinh", "copies": number}],
    }


def tcp(connection: Connection, port: int) -> Connection:
    return replace(
        connection,
        extra={**connection.extra, "url": f"postgresql://127.0.0.1:{port}/onestop?sslmode=disable"},
    )


def postgres_faults(connection: Connection) -> dict[str, Any]:
    @contextmanager
    def silent() -> Iterator[Connection]:
        with silent_server() as port:
            yield tcp(connection, port)

    return {
        "unreachable": tcp(connection, refused_port()),
        "unauthenticated": replace(connection, password="wr0ng-clerk"),
        "unresponsive": silent,
    }


class Sqlite:
    """A SQLite file as the system."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "onestop.db"

    @pytest.fixture
    def connection(self, file: Path) -> Connection:
        with sqlite3.connect(file) as database:
            database.execute(f"CREATE TABLE dossier ({SQLITE})")
        database.close()
        return Connection("lite", "lienthong_sql", password="s3cret", extra={"url": f"sqlite:///{file}"})

    def rows(self, file: Path) -> list[dict[str, Any]]:
        with sqlite3.connect(file) as database:
            rows = database.execute("SELECT * FROM dossier").fetchall()
        database.close()
        names = COLUMNS.split(", ")
        records = [dict(zip(names, row, strict=True)) for row in rows]
        return [
            record | {"paid": bool(record["paid"]), "documents": json.loads(record["documents"])}
            for record in records
        ]


class TestSqliteSource(Sqlite, SourceConformance):
    asks_each_page = True
    page_bound = 5
    cursor = "changed"

    @pytest.fixture
    def settings(self) -> SqlSource:
        return SqlSource("dossier", cursor="changed", page_size=5)

    @pytest.fixture
    def expected(self, connection: Connection, file: Path) -> list[dict[str, Any]]:
        records = [dossier(number) for number in range(23)]
        with sqlite3.connect(file) as database:
            database.executemany(
                "INSERT INTO dossier VALUES (?, ?, ?, ?, ?, ?)",
                [(*list(record.values())[:-1], json.dumps(record["documents"])) for record in records],
            )
        database.close()
        return records


class TestSqliteTarget(Sqlite, TargetConformance):
    text = "name"

    @pytest.fixture
    def settings(self) -> SqlTarget:
        return SqlTarget("dossier")

    @pytest.fixture
    def records(self) -> list[dict[str, Any]]:
        return [dossier(number) for number in range(30)]

    @pytest.fixture
    def stored(self, file: Path, connection: Connection) -> Callable[[], list[dict[str, Any]]]:
        return lambda: self.rows(file)

    @pytest.fixture
    def refusable(self) -> tuple[list[dict[str, Any]], set[int]]:
        records = [dossier(number) for number in range(30)]
        for number in (0, 7, 8, 29):
            records[number]["fee"] = None
        return records, {0, 7, 8, 29}


class Pg:
    """A PostgreSQL database as the system, reached with a password."""

    @pytest.fixture
    def database(self, postgres: Any) -> str:
        name: str = postgres.database()
        postgres.run(f"CREATE TABLE dossier ({POSTGRES}); ALTER TABLE dossier OWNER TO clerk", database=name)
        return name

    @pytest.fixture
    def connection(self, postgres: Any, database: str) -> Connection:
        connection: Connection = postgres.connection(database)
        return connection

    @pytest.fixture
    def faults(self, connection: Connection) -> Mapping[str, Any]:
        return postgres_faults(connection)


class TestPostgresSource(Pg, SourceConformance):
    page_bound = 5
    cursor = "changed"

    @pytest.fixture
    def settings(self) -> SqlSource:
        return SqlSource("dossier", cursor="changed", page_size=5)

    @pytest.fixture
    def expected(self, postgres: Any, database: str) -> list[dict[str, Any]]:
        records = [dossier(number) for number in range(23)]
        with psycopg.connect(host=postgres.folder, user="postgres", dbname=database) as link:
            link.cursor().executemany(
                "INSERT INTO dossier VALUES (%s, %s, %s, %s, %s, %s)",
                [(*list(record.values())[:-1], json.dumps(record["documents"])) for record in records],
            )
        return records


class TestPostgresTarget(Pg, TargetConformance):
    text = "name"

    @pytest.fixture
    def settings(self) -> SqlTarget:
        return SqlTarget("dossier")

    @pytest.fixture
    def records(self) -> list[dict[str, Any]]:
        return [dossier(number) for number in range(30)]

    @pytest.fixture
    def stored(self, postgres: Any, database: str) -> Callable[[], list[dict[str, Any]]]:
        def read() -> list[dict[str, Any]]:
            with psycopg.connect(host=postgres.folder, user="postgres", dbname=database) as link:
                link.execute("SET TimeZone = 'UTC'")
                rows = link.execute("SELECT * FROM dossier").fetchall()
            names = COLUMNS.split(", ")
            records = [dict(zip(names, row, strict=True)) for row in rows]
            return [record | {"changed": record["changed"].isoformat()} for record in records]

        return read

    @pytest.fixture
    def refusable(self) -> tuple[list[dict[str, Any]], set[int]]:
        records = [dossier(number) for number in range(30)]
        records[0]["fee"] = None
        records[7]["changed"] = "không phải ngày"
        records[8]["name"] = "có ký tự \x00 ở giữa"
        records[29]["fee"] = "một triệu"
        return records, {0, 7, 8, 29}

    @pytest.fixture
    def faults(self, postgres: Any, connection: Connection, tmp_path: Path) -> Mapping[str, Any]:
        socket = f"{postgres.folder}/.s.PGSQL.5432"

        def cut(**moment: Callable[[bytes], bool]) -> Callable[[], Any]:
            @contextmanager
            def broken() -> Iterator[Connection]:
                with CuttingProxy(socket, f"{tmp_path}/.s.PGSQL.5432", **moment):
                    url = connection.extra["url"].replace(postgres.folder, str(tmp_path))
                    yield replace(connection, extra={**connection.extra, "url": url})

            return broken

        # the answer to COMMIT ends with: ready for query, idle; before it comes the command tag
        return postgres_faults(connection) | {
            "cut-after-taken": cut(answered=lambda data: b"COMMIT\x00" in data),
            "cut-before-taken": cut(asked=lambda data: b"COPY " in data or b"INSERT INTO dossier" in data),
        }


class TestPostgresTargetWithoutJournal(TestPostgresTarget):
    @pytest.fixture
    def settings(self) -> SqlTarget:
        return SqlTarget("dossier", journal=False)


class TestPostgresTargetThroughCore(TestPostgresTarget):
    """The way that works with any dialect, held to the same suite."""

    @pytest.fixture(autouse=True)
    def _core(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from lienthong_connectors.sql import _target
        from lienthong_connectors.sql._store import CoreStore

        monkeypatch.setattr(_target, "_store_for", lambda engine, timeout: CoreStore(engine))
