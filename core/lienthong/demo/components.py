"""Airflow's components, started one by one, and what it takes until they work."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from lienthong.demo.api import Airflow
from lienthong.demo.layout import Layout
from lienthong.demo.ports import open_to_others
from lienthong.demo.processes import Processes
from lienthong.errors import Misconfigured, TimedOut

#: Scheduler and triggerer would serve logs on every interface; the logs are on this disk anyway.
COMPONENTS = {
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_PATIENCE = 120.0


def airflow(*arguments: str) -> list[str]:
    """Return the command line of an Airflow command in this interpreter."""
    return [sys.executable, "-m", "airflow", *arguments]


def migrate(processes: Processes, layout: Layout) -> None:
    """Make Airflow's own database, once per version."""
    stamp = layout.airflow / f".migrated-{version('apache-airflow-core')}"
    if not stamp.exists():
        processes.run("migrate", airflow("db", "migrate"))
        with closing(sqlite3.connect(layout.database)) as database:
            # the components write at the same time: readers must not wait for writers
            database.execute("PRAGMA journal_mode = WAL")
        stamp.touch()


def start(processes: Processes, names: tuple[str, ...] = tuple(COMPONENTS)) -> None:
    """Start components; they wait for each other by themselves."""
    for name in names:
        processes.start(name, airflow(*COMPONENTS[name]))


def wait_for(what: str, holds: Callable[[], bool], processes: Processes, patience: float = _PATIENCE) -> None:
    """Wait until something holds; raise `TimedOut` or what `Processes.require_all` raises."""
    deadline = time.monotonic() + patience
    while not holds():
        processes.require_all()
        if time.monotonic() > deadline:
            raise TimedOut(f"{what} was not ready after {patience:.0f} s", hint=f"see {processes.logs}")
        time.sleep(0.25)


def expected_files(dags: Path) -> set[str]:
    """Return the names of the DAG files that hold exchanges."""
    return {
        path.relative_to(dags).as_posix()
        for path in dags.rglob("*.py")
        if "exchange_dag(" in path.read_text(encoding="utf-8")
    }


def all_parsed(api: Airflow, files: set[str]) -> bool:
    """Tell whether every DAG file has been parsed; raise `Misconfigured` where one cannot be."""
    for error in api.import_errors():
        sentence = str(error["stack_trace"]).strip().splitlines()[0]
        raise Misconfigured(f"{error['filename']} cannot be parsed: {sentence}")
    return files <= {str(dag.get("relative_fileloc")) for dag in api.dags()}


def require_loopback(processes: Processes) -> None:
    """Raise `Misconfigured` where something we started can be reached from another machine."""
    found = open_to_others(processes.pids())
    if found:
        raise Misconfigured(
            f"not only loopback is open: {', '.join(sorted(found))}", hint="report this as a defect"
        )
