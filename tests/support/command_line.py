"""The command ``lienthong`` in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class CommandLine:
    """Runs commands on one home and one connections file."""

    home: Path
    connections: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command; Airflow's home is beside ours."""
        return {
            **os.environ,
            "LIENTHONG_HOME": str(self.home),
            "AIRFLOW_HOME": str(self.home.parent / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        }

    def __call__(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "lienthong.cli", *map(str, arguments)],
            env=self.environment, cwd=ROOT, text=True, capture_output=True, check=False, timeout=900,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def run(self, name: str | Path, *more: str) -> dict[str, Any]:
        """Run an exchange of the repository, or of a file, and return its JSON summary."""
        done = self("run", _file(name), "--connections", self.connections, "--json", *more)
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result

    def start(self, name: str | Path) -> subprocess.Popen[bytes]:
        """Start a run that is going to be killed."""
        with (self.home.parent / "stderr.txt").open("wb") as errors:
            return subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "lienthong.cli", "run", _file(name), "--json",
                 "--connections", str(self.connections)],
                env=self.environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip

    def count(self, query: str) -> int:
        """Return the number that a query on the ledger database gives, 0 while there is no table."""
        try:
            path = f"file:{self.home / 'ledger.sqlite'}?mode=ro"
            with contextlib.closing(sqlite3.connect(path, uri=True)) as connection:
                return int(connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def _file(name: str | Path) -> str:
    return str(name) if isinstance(name, Path) else f"dags/{name}.py"


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], bool], seconds: float = 300) -> None:
    """Kill a process with SIGKILL as soon as a state is reached; fail if it ends before."""
    end = time.monotonic() + seconds
    while not reached():
        assert process.poll() is None, "the process ended before it could be killed"
        assert time.monotonic() < end, "the state to kill in was never reached"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
