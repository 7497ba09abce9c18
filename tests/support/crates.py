"""Driving the exchanges of ``tests/airflow/exchanges/crates.py`` on a real Airflow."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

PATIENCE = 300.0
#: Seconds after which a process that says nothing stands no longer.
_STALE = 6.0
ENDED = frozenset({"success", "failed"})


class Crates:
    """One exchange's folder and DAG runs, as a tester and an operator handle them."""

    def __init__(self, server: Any, exchange: str, dag: str = "") -> None:
        self.server, self.exchange, self.dag = server, exchange, dag or exchange
        self.prefix = f"{exchange}." if dag else ""

    # the folder

    def offer(self, value: str, keys: str = "ab") -> None:
        """Let the source have these keys with one value (they share it with all exchanges)."""
        records = [{"MaYeuCau": key, "TonTai": True, "GhiChu": value} for key in keys]
        fresh = self.server.crates / f".{self.exchange}.json"
        fresh.write_text(json.dumps(records))
        fresh.replace(self.server.crates / f"{self.exchange}.source.json")

    def hold(self, place: str) -> None:
        """Hold a place up, or make it fail."""
        self._file(place).touch()

    def let_go(self, place: str) -> None:
        """Let a place go on."""
        self._file(place).unlink(missing_ok=True)
        self._file(f"{place}.stands").unlink(missing_ok=True)

    def standing(self, place: str) -> list[int]:
        """Return the ids of the process that stands still at a place and of its parent, none for nobody."""
        file = self._file(f"{place}.stands")
        fresh = file.exists() and time.time() - file.stat().st_mtime < _STALE
        return [int(pid) for pid in file.read_text().split()] if fresh else []

    def _file(self, name: str) -> Path:
        return Path(self.server.crates, f"{self.exchange}.{name}")

    def effects(self) -> list[tuple[str, str, str]]:
        """Return (key, value, run) of everything that the target took, in order."""
        file = self._file("effects")
        lines = file.read_text().splitlines() if file.exists() else []
        return [(line["key"], line["value"], line["run"]) for line in map(json.loads, lines)]

    def target(self) -> dict[str, str]:
        """Return what the target holds."""
        return {key: value for key, value, _ in self.effects()}

    # Airflow

    def unpause(self) -> None:
        """Let the scheduler run the DAG."""
        self.server.api.unpause(self.dag)

    def trigger(self, **conf: Any) -> str:
        """Start a DAG run."""
        run = str(self.server.api.trigger(self.dag, conf))
        self.unpause()
        return run

    def backfill(self, first: str, last: str, at_once: int) -> None:
        """Start a backfill, so many runs side by side."""
        body = {"dag_id": self.dag, "from_date": first, "to_date": last, "max_active_runs": at_once}
        self._send("POST", "/api/v2/backfills", body)

    def runs(self) -> list[str]:
        """Return the latest DAG runs."""
        return [str(run["dag_run_id"]) for run in self.server.api.runs(self.dag)]

    def state(self, run: str) -> str:
        """Return a DAG run's state."""
        return str(self.server.api.run(self.dag, run)["state"])

    def note(self, run: str) -> str:
        """Return a DAG run's note."""
        return str(self.server.api.run(self.dag, run)["note"] or "")

    def tasks(self, run: str) -> dict[str, str]:
        """Return the state of each task, parts as ``push[0]``."""
        return {self._name(task): str(task["state"]) for task in self.server.api.tasks(self.dag, run)}

    def tries(self, run: str, task: str) -> int:
        """Return how many tries a task, all its parts together, has had at most."""
        found = self.server.api.tasks(self.dag, run)
        return max(int(item["try_number"]) for item in found if item["task_id"] == self.prefix + task)

    def _name(self, task: dict[str, Any]) -> str:
        name = str(task["task_id"]).removeprefix(self.prefix)
        return name if task["map_index"] < 0 else f"{name}[{task['map_index']}]"

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        """Wait until something holds and return it."""
        deadline = time.monotonic() + PATIENCE
        while not (found := holds()):
            self.server.processes.require_all()
            assert time.monotonic() < deadline, f"{self.exchange}: {what} did not happen"
            time.sleep(1.5)
        return found

    def ended(self, run: str) -> str:
        """Wait until a DAG run has ended and return its state."""
        self.until(f"the end of {run}", lambda: self.state(run) in ENDED)
        return self.state(run)

    def mark_run(self, run: str, state: str, note: str | None = None) -> dict[str, Any]:
        """Mark a DAG run as a person does."""
        body = {"state": state} | ({"note": note} if note is not None else {})
        return self._send("PATCH", self._path(run), body)

    def mark_task(self, run: str, task: str, state: str, index: int | None = None) -> None:
        """Mark a task as a person does."""
        part = "" if index is None else f"/{index}"
        path = f"{self._path(run)}/taskInstances/{self.prefix}{task}{part}"
        self._send("PATCH", path, {"new_state": state})

    def clear(self, run: str, tasks: Collection[str] = (), *, only_failed: bool = False) -> None:
        """Clear tasks of a DAG run, all of them where none is named."""
        body: dict[str, Any] = {
            "dry_run": False, "dag_run_id": run, "only_failed": only_failed, "reset_dag_runs": True,
        }  # fmt: skip
        if tasks:
            body["task_ids"] = [self.prefix + name for name in tasks]
        self._send("POST", f"/api/v2/dags/{self.dag}/clearTaskInstances", body)

    def _path(self, run: str) -> str:
        return f"/api/v2/dags/{self.dag}/dagRuns/{quote(run, safe='')}"

    def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self.server.api._send(method, path, json=body).json())

    # the ledger

    def settled(self, run: str) -> bool:
        """Tell whether the ledger's journal has the run settled."""
        name = run if self.dag == self.exchange else f"{run}@{self.dag}"
        with closing(sqlite3.connect(self.server.layout.bus / "ledger.sqlite", timeout=60)) as ledger:
            row = ledger.execute(
                "select settled_at from lt_run where exchange = ? and run = ?", (self.exchange, name)
            ).fetchone()
        return bool(row and row[0])

    def acts(self, run: str) -> list[dict[str, Any]]:
        """Return what people did about a run, by its statements."""
        with closing(sqlite3.connect(self.server.layout.bus / "ledger.sqlite", timeout=60)) as ledger:
            rows = ledger.execute(
                "select token from lt_statement where run = ? and step = 'act'", (run,)
            ).fetchall()
        payloads = (row[0].split(".")[1] for row in rows)
        return [dict(json.loads(base64.urlsafe_b64decode(item + "=="))["act"]) for item in payloads]

    def page(self, run: str, lang: str = "en") -> str:
        """Return the evidence tab of a DAG run."""
        path = f"/lienthong/evidence/{self.dag}/{quote(run, safe='')}"
        return str(self.server.get(path, params={"lang": lang}).text)
