"""What the code imports is pinned by the lock of the environment that it runs in.

An environment that holds more, such as the one of the benchmarks, must not hide that something is missing.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from locks import normal, pinned

ROOT = Path(__file__).parents[2]
#: Where code lies, and the locks of the environments that run it.
ROOMS = {
    "tests": ("dev",),
    **dict.fromkeys(("core", "connectors", "schemas", "plugins", "dags"), ("dev", "run", "production")),
    "sandbox": ("dev", "run"),
}
#: What is for tests only runs where the lock for tests is installed.
FOR_TESTS = ("core/lienthong/testing", "core/lienthong/scaffold")
#: Distributions of drivers that a database URL names, None for what Python brings.
DRIVERS = {
    "aiosqlite": "aiosqlite",
    "asyncpg": "asyncpg",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2-binary",
    "pymysql": "pymysql",
    "pyodbc": "pyodbc",
    "pysqlite": None,
}
_URL = re.compile(r"\b(?:postgresql|mysql|mariadb|sqlite|mssql|oracle)\+([a-z0-9_]+)")
_BY_NAME = {"import_module", "importorskip", "__import__"}


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of every module that Python source imports, also by a literal name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, item.name) for item in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{item.name}") for item in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in _BY_NAME and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def drivers(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of every driver that a database URL in a text names."""
    for number, line in enumerate(source.splitlines(), 1):
        yield from ((number, name) for name in _URL.findall(line))


@cache
def installed() -> Mapping[str, list[str]]:
    """Return the distributions of this environment by the modules that they bring."""
    return packages_distributions()


def distributions(module: str) -> set[str]:
    """Return the distributions that may bring a module; an empty set where none here does."""
    if module.startswith("airflow.providers."):
        return {f"apache-airflow-providers-{module.split('.')[2]}"}
    return {normal(name) for name in installed().get(module.partition(".")[0], ())}


@cache
def own_names() -> set[str]:
    """Return the names of modules that are ours: packages, and what tests lay on the path."""
    names = {"lienthong", "lienthong_connectors", "lienthong_schemas", "lienthong_audit", "lienthong_sandbox"}
    return names | {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"benchmarks"}


def missing(folder: str, lock: str) -> list[str]:
    """Return what files of a folder import, or name as a driver, and a lock does not pin."""
    known, ours = pinned(lock), own_names() | set(sys.stdlib_module_names)
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if lock != "dev" and place.startswith(FOR_TESTS):
            continue
        source = path.read_text(encoding="utf-8")
        for line, module in imported(source):
            if module.partition(".")[0] not in ours and not distributions(module) & known:
                found.append(f"{place}:{line}: {module}")
        for line, driver in drivers(source):
            name = DRIVERS.get(driver, driver)
            if name is not None and name not in known:
                found.append(f"{place}:{line}: driver {driver}")
    return found


@pytest.mark.parametrize(
    ("folder", "lock"), [(room, lock) for room, locks in ROOMS.items() for lock in locks]
)
def test_what_is_imported_is_pinned(folder: str, lock: str) -> None:
    assert missing(folder, lock) == []


def test_the_drivers_of_the_deployment_are_in_its_image() -> None:
    """Airflow's own database, and the ledger's, are reached by what the production lock pins."""
    named = {name for _, name in drivers((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))}
    assert named
    assert {DRIVERS[name] for name in named} <= pinned("production")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os, numpy.linalg", ["os", "numpy.linalg"]),
        ("def f():\n    from pandas import DataFrame", ["pandas.DataFrame"]),
        ("from . import x", []),
        ("pytest.importorskip('xmlsec')\nimport_module('a.b')\nimport_module(name)", ["xmlsec", "a.b"]),
    ],
)
def test_every_way_to_import_is_seen(source: str, found: list[str]) -> None:
    assert [name for _, name in imported(source)] == found


def test_a_driver_in_a_url_is_seen() -> None:
    """As Airflow's own database of the tests once named one that only the benchmarks' lock has."""
    backend = "postgresql"  # apart from its driver, so that this file names none
    text = f'a = f"{backend}+psycopg2://{{rest}}"\nb = "sqlite+aiosqlite://"\nc = "postgresql://x"'
    assert [name for _, name in drivers(text)] == ["psycopg2", "aiosqlite"]
    assert "psycopg2-binary" not in pinned("dev")
