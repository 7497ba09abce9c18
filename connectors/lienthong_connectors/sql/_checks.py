"""Connection checks: what is tested, whether it holds, what to do if not. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from lienthong.connector import Finding
from lienthong.errors import LienThongError
from lienthong_connectors.sql import _journal
from lienthong_connectors.sql._cursor_check import cursor_finding
from lienthong_connectors.sql._errors import DRIVER_ERRORS, translate
from lienthong_connectors.sql._table import missing

if TYPE_CHECKING:
    from lienthong_connectors.sql._source import OpenSource
    from lienthong_connectors.sql._target import OpenTarget


class _Checklist:
    """Runs checks one by one and keeps their findings; after a failure the rest is left out."""

    def __init__(self, where: str) -> None:
        self.findings: list[Finding] = []
        self._where = where

    def run(self, name: str, check: Callable[[], str]) -> bool:
        """Run one check, which returns a detail or raises; tell whether it holds."""
        try:
            self.findings.append(Finding(name, ok=True, detail=check()))
        except DRIVER_ERRORS as error:
            self._failed(name, translate(error, self._where))
        except LienThongError as error:
            self._failed(name, error)
        return self.findings[-1].ok

    def take(self, name: str, check: Callable[[], Finding]) -> None:
        """Run a check that makes its own finding, or raises."""
        made: list[Finding] = []

        def run() -> str:
            made.append(check())
            return made[0].detail

        if self.run(name, run):
            self.findings[-1:] = made

    def _failed(self, name: str, error: LienThongError) -> None:
        self.findings.append(
            Finding(name, ok=False, detail=f"{error.where}: {error.message}", hint=error.hint)
        )


def check_target(target: OpenTarget) -> list[Finding]:
    """Return the findings for a target."""
    checks = _Checklist(target.where)
    if checks.run("connection", lambda: _connect(target.engine)) and checks.run(
        "table", lambda: _table(target)
    ):
        checks.run("key", lambda: _key(target))
        if target.settings.journal:
            checks.run("journal", lambda: _journal_place(target))
    return checks.findings


def check_source(source: OpenSource) -> list[Finding]:
    """Return the findings for a source."""
    checks = _Checklist(source.where)
    if checks.run("connection", lambda: _connect(source.engine)):
        checks.run("columns", lambda: ", ".join(source.shape().names))
        checks.run("key", lambda: _source_key(source))
        if source.settings.cursor is not None and all(finding.ok for finding in checks.findings):
            checks.take("cursor", lambda: cursor_finding(source))
    return checks.findings


def _source_key(source: OpenSource) -> str:
    shape = source.shape()
    if not shape.key:
        return "none: an interrupted read begins again"
    names = ", ".join(shape.key)
    several = "not known to be unique; rows that share one are read together"
    return names if shape.unique else f"{names}: {several}"


def _connect(engine: Engine) -> str:
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        version: Any = engine.dialect.server_version_info or ()
    return f"{engine.dialect.name} {'.'.join(map(str, version))}"


def _table(target: OpenTarget) -> str:
    table = target.table()
    if table is None and target.settings.create:
        return "will be created from the first batch"
    if table is None:
        raise missing(target.engine, target.settings.table, target.settings.schema, target.where)
    return f"{len(table.columns)} columns"


def _key(target: OpenTarget) -> str:
    table = target.table()
    if table is None or not target.settings.key:
        return "taken from the dataset"
    return ", ".join(target.key_columns(table, ()))


def _journal_place(target: OpenTarget) -> str:
    if _journal.exists(target.engine, target.settings.schema):
        return "the journal table exists"
    return "the journal table will be created with the first delivery, if the login may"
