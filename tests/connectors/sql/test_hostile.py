"""The SQL connector held to what of the matrix can happen to a database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres import CITEXT

from lienthong.connector import Connection
from lienthong.records import Record
from lienthong.testing import CuttingProxy, HostileSource, HostileTarget, Scene
from lienthong_connectors.sql import SqlSource, SqlTarget
from lienthong_connectors.sql._source import OpenSource

Opening = Callable[[], AbstractContextManager[Scene]]
COLUMNS = "id text primary key, name text, share double precision, fee numeric, more json"
SPOIL = """
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.id = 'A1' THEN {}; END IF; RETURN NEW; END $$
"""
TRIGGER = "CREATE {} TRIGGER spoil {} FOR EACH ROW EXECUTE FUNCTION spoil()"
NESTED = "[" * 2000 + "]" * 2000

#: What stands in a column of JSON, by the matrix, and what comes out of it.
VALUES: Mapping[str, tuple[str, Any]] = {
    "duplicate-names": ('{"twice": 1, "twice": 2}', '{"twice": 1, "twice": 2}'),
    "huge-integer": ('{"n": 1234567890123456789012}', {"n": "1234567890123456789012"}),
    "long-fraction": ('{"n": 12345678901234567.89}', {"n": "12345678901234567.89"}),
    "huge-exponent": ('{"n": 1e999999}', '{"n": 1e999999}'),
    "deep-nesting": (NESTED, NESTED),
}


def people(count: int = 13) -> list[Record]:
    return [
        {"id": f"{n:04d}", "name": f"Nguyễn Văn Mẫu {n}", "share": 0.5, "fee": n, "more": {"copies": n}}
        for n in range(count)
    ]


class Lists:
    """Rows with odd values, and a table that changes behind the first page."""

    @pytest.fixture
    def settings(self) -> SqlSource:
        return SqlSource("people", key=("id",), page_size=5)

    def scenes(
        self,
        connection: Connection,
        execute: Callable[[str, tuple[Any, ...]], None],
        patch: pytest.MonkeyPatch,
    ) -> dict[str, list[Opening]]:
        def filled(rows: list[Record]) -> None:
            execute("DELETE FROM people", ())
            for row in rows:
                values = tuple(json.dumps(v) if isinstance(v, dict) else v for v in row.values())
                execute("INSERT INTO people VALUES (?, ?, ?, ?, ?)", values)

        @contextmanager
        def odd(written: str, read: Any) -> Iterator[Scene]:
            rows = people()
            filled(rows)
            execute("UPDATE people SET more = ? WHERE id = '0003'", (written,))
            rows[3]["more"] = read
            yield Scene(connection, rows)

        @contextmanager
        def changing(statement: str, left: list[Record]) -> Iterator[Scene]:
            filled(people())
            inner, pages = OpenSource._page, iter(range(1000))

            def page(*given: Any) -> Any:
                rows = inner(*given)
                if next(pages) == 0:
                    execute(statement, ())
                return rows

            with patch.context() as patched:
                patched.setattr(OpenSource, "_page", page)
                yield Scene(connection, people(), left=lambda: left)

        added = {"id": "9999", "name": "Mới", "share": 0.5, "fee": 1, "more": {"copies": 1}}
        insert = "INSERT INTO people VALUES ('9999', 'Mới', 0.5, 1, '{\"copies\": 1}')"
        shrunk = [row for row in people() if row["id"] < "0010"]
        lists: dict[str, list[Opening]] = {
            "growing-list": [lambda: changing(insert, [*people(), added])],
            "shrinking-list": [lambda: changing("DELETE FROM people WHERE id >= '0010'", shrunk)],
            "sliding-list": [lambda: changing("DELETE FROM people WHERE id = '0000'", people()[1:])],
        }
        return lists | {name: [lambda odds=odds: odd(*odds)] for name, odds in VALUES.items()}  # type: ignore[misc]


class TestSqliteSource(Lists, HostileSource):
    """A file: nothing of it can be cut."""

    family = "database"
    not_applicable = dict.fromkeys(("cut-after-taken", "cut-in-body"), "a file has no connection") | {
        "not-a-number": "SQLite keeps NULL in its place"
    }

    @pytest.fixture
    def hostile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
        file = tmp_path / "people.db"

        def execute(statement: str, values: tuple[Any, ...]) -> None:
            with sqlite3.connect(file) as database:
                database.execute(statement, values)
            database.close()

        execute(f"CREATE TABLE people ({COLUMNS})", ())
        connection = Connection("lite", "lienthong_sql", extra={"url": f"sqlite:///{file}"})
        return self.scenes(connection, execute, monkeypatch)


class Pg:
    """A PostgreSQL, and a proxy before it that cuts."""

    @pytest.fixture
    def connection(self, postgres: Any) -> Connection:
        database = postgres.database()
        postgres.run(f"CREATE TABLE people ({COLUMNS}); ALTER TABLE people OWNER TO clerk", database=database)
        connection: Connection = postgres.connection(database)
        return connection

    @pytest.fixture
    def cut(self, postgres: Any, connection: Connection, tmp_path: Path) -> Callable[..., Opening]:
        """Makes the scene of a cut in the answers to these bytes, at the first piece that holds ``until``."""

        def made(
            asked: bytes, until: bytes = b"", piece: int = 1, rows: Callable[[], None] = lambda: None
        ) -> Opening:
            @contextmanager
            def opened() -> Iterator[Scene]:
                rows()
                seen: list[bytes] = []

                def watch(data: bytes) -> bool:
                    if asked in data:
                        seen.append(b"")
                    return False

                def answered(data: bytes) -> bool:
                    if seen and until in data:
                        seen.append(b"")
                    return len(seen) > piece

                service, here = f"{postgres.folder}/.s.PGSQL.5432", f"{tmp_path}/.s.PGSQL.5432"
                Path(here).unlink(missing_ok=True)
                with CuttingProxy(service, here, asked=watch, answered=answered):
                    url = connection.extra["url"].replace(postgres.folder, str(tmp_path))
                    yield Scene(replace(connection, extra={**connection.extra, "url": url}), people())

            return opened

        return made


class TestPostgresSource(Pg, Lists, HostileSource):
    """Pages along the key of a table, in one state of the database."""

    family = "database"

    @pytest.fixture
    def hostile(
        self, postgres: Any, connection: Connection, cut: Any, monkeypatch: pytest.MonkeyPatch
    ) -> Mapping[str, Any]:
        def execute(statement: str, values: tuple[Any, ...]) -> None:
            with psycopg.connect(host=postgres.folder, user="postgres", dbname="onestop") as link:
                link.execute(statement.replace("?", "%s").encode(), values)

        def wide() -> None:
            execute("DELETE FROM people", ())
            for number in range(13):
                execute("INSERT INTO people VALUES (?, ?, 0, 0, null)", (f"{number:04d}", "x" * 50_000))

        @contextmanager
        def nan() -> Iterator[Scene]:
            execute("INSERT INTO people VALUES ('0001', 'Mẫu', 'NaN', 'NaN', null)", ())
            row = {"id": "0001", "name": "Mẫu", "share": "nan", "fee": "NaN", "more": None}
            yield Scene(connection, [row])

        return self.scenes(connection, execute, monkeypatch) | {
            "not-a-number": [nan],
            "cut-after-taken": [cut(b"ORDER BY")],
            "cut-in-body": [cut(b"ORDER BY", piece=2, rows=wide)],
        }


class TestPostgresTarget(Pg, HostileTarget):
    """A batch in one transaction, with a journal that can be asked."""

    family = "database"

    @pytest.fixture
    def settings(self) -> SqlTarget:
        return SqlTarget("people")

    @pytest.fixture
    def records(self) -> list[Record]:
        return [{**row, "id": key} for row, key in zip(people(), ("a1", "A1", "b2"), strict=False)]

    @pytest.fixture
    def hostile(
        self, request: pytest.FixtureRequest, cut: Any, connection: Connection, postgres: Any
    ) -> Mapping[str, Any]:
        def table(*statements: str) -> Opening:
            @contextmanager
            def opened() -> Iterator[Scene]:
                for statement in ("DROP FUNCTION IF EXISTS spoil CASCADE; DELETE FROM people", *statements):
                    postgres.run(statement, database="onestop")
                yield Scene(connection, people())

            return opened

        asking = "asking" in request.node.name
        taken = cut(b"COPY ", until=b"COMMIT\x00")
        at_end = "AFTER INSERT ON people DEFERRABLE INITIALLY DEFERRED"
        return {
            "cut-after-taken": [cut(b"FROM lienthong_delivery") if asking else taken],
            "swallowed-row": [
                table(SPOIL.format("RETURN NULL"), TRIGGER.format("", "BEFORE INSERT ON people"))
            ],
            "rule-of-a-row": [
                table(
                    SPOIL.format(f"RAISE EXCEPTION 'không nhận %', NEW.name{code}"),
                    TRIGGER.format(kind, when),
                )
                for code in ("", " USING ERRCODE = 'LT001'")
                for kind, when in (("", "BEFORE INSERT ON people"), ("CONSTRAINT", at_end))
            ],
            "merging-keys": [table(CITEXT, "ALTER TABLE people ALTER id TYPE citext USING id::citext")],
        }


class TestSqliteTarget(HostileTarget):
    """A file: the same rules, by its own means."""

    family = "database"
    not_applicable = {"cut-after-taken": "a file has no connection"}

    @pytest.fixture
    def settings(self) -> SqlTarget:
        return SqlTarget("people")

    @pytest.fixture
    def records(self) -> list[Record]:
        return [{**row, "id": key} for row, key in zip(people(), ("a1", "A1", "b2"), strict=False)]

    @pytest.fixture
    def hostile(self, tmp_path: Path) -> Mapping[str, Any]:
        def table(columns: str, raised: str = "") -> Opening:
            @contextmanager
            def opened() -> Iterator[Scene]:
                file = tmp_path / "people.db"
                with sqlite3.connect(file) as database:
                    database.execute(f"CREATE TABLE people ({columns})")
                    if raised:
                        when = "BEFORE INSERT ON people WHEN NEW.id = 'A1'"
                        database.execute(f"CREATE TRIGGER t {when} BEGIN SELECT RAISE({raised}); END")
                database.close()
                yield Scene(Connection("lite", "lienthong_sql", extra={"url": f"sqlite:///{file}"}), people())

            return opened

        return {
            "swallowed-row": [table(COLUMNS, "IGNORE")],
            "rule-of-a-row": [table(COLUMNS, "ABORT, 'không nhận'")],
            "merging-keys": [table(COLUMNS.replace("text primary", "text collate nocase primary"))],
        }
