"""What is seen while the exchanges run, and the table at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from lienthong.demo.api import Airflow
from lienthong.ledger.terms import COUNTS

STEPS = ("pull", "validate", "transform", "push", "settle")
#: States after which nothing happens to a run any more.
FINAL = frozenset({"success", "failed"})
_MARKS = {"success": "✓", "failed": "✗", "upstream_failed": "✗", "skipped": "–", "up_for_retry": "↻"}


@dataclass
class Watched:
    """One exchange's runs of this demonstration, usually one, and what became of them."""

    dag_id: str
    known: frozenset[str] = frozenset()
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    verified: bool | None = None
    problem: str = ""

    @property
    def state(self) -> str:
        """``failed`` where one run has, else what the newest run is."""
        states = [str(run["state"]) for run in self.runs.values()]
        return "failed" if "failed" in states else next((s for s in states if s not in FINAL), "success")

    @property
    def done(self) -> bool:
        """Whether there was a run and all have ended."""
        return bool(self.runs) and all(run["state"] in FINAL for run in self.runs.values())

    @property
    def seconds(self) -> float:
        """How long the runs took, waiting in the queue excluded."""
        return sum(float(run.get("duration") or 0) for run in self.runs.values())

    @property
    def balanced(self) -> bool:
        """Whether every pulled record is accounted for."""
        settled = sum(self.counts.get(name, 0) for name in COUNTS[1:])
        return bool(self.counts) and self.counts.get("pulled", 0) == settled

    def refresh(self, api: Airflow) -> None:
        """Ask Airflow for the runs, the newest run's steps, and the counts of those that ended well."""
        fresh = {
            run["dag_run_id"]: run for run in api.runs(self.dag_id) if run["dag_run_id"] not in self.known
        }
        for run_id, run in fresh.items():
            ended = run["state"] == "success" and self.runs.get(run_id, {}).get("state") != "success"
            if ended:
                for name, count in api.result(self.dag_id, run_id, "settle").get("counts", {}).items():
                    self.counts[name] = self.counts.get(name, 0) + count
        self.runs = fresh
        active = next((run_id for run_id, run in fresh.items() if run["state"] == "running"), None)
        if active or fresh:
            self.steps = _steps(api.tasks(self.dag_id, active or next(iter(fresh))))


def _steps(tasks: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {
        step: _summary([str(task["state"]) for task in tasks if task["task_id"] == step]) for step in STEPS
    }


def follow(
    api: Airflow, watched: Sequence[Watched], console: Console, patience: float, alive: Callable[[], None]
) -> None:
    """Show progress until every run has ended or patience has; ``alive`` looks after the components."""
    if not watched:
        return
    deadline = time.monotonic() + patience
    live = Live(console=console, refresh_per_second=4) if console.is_terminal else nullcontext()
    with _shown(live) as screen:
        while time.monotonic() < deadline:
            alive()
            for item in watched:
                if not item.done:
                    item.refresh(api)
                    if item.done and screen is None:
                        console.print(f"  {item.dag_id}: {item.state} after {item.seconds:.0f} s")
            if screen is not None:
                screen.update(_progress(watched))
            if all(item.done for item in watched):
                return
            time.sleep(0.5)


def _shown(live: Any) -> AbstractContextManager[Live | None]:
    return live  # type: ignore[no-any-return]  # Live or an empty context


def _summary(states: Sequence[str]) -> str:
    if len(states) > 1:
        return f"{sum(state == 'success' for state in states)}/{len(states)}"
    return _MARKS.get(states[0], "…" if states[0] in {"running", "queued"} else "") if states else ""


def _progress(watched: Sequence[Watched]) -> Table:
    table = Table("exchange", *STEPS, "state", title="Liên Thông")
    for item in watched:
        table.add_row(item.dag_id, *(item.steps.get(step, "") for step in STEPS), item.state)
    return table


def result_table(watched: Sequence[Watched]) -> Table:
    """Return the table of results; counts that are 0 everywhere stand below it."""
    shown = [name for name in COUNTS if any(item.counts.get(name) != 0 for item in watched)]
    none = [name for name in COUNTS if name not in shown]
    table = Table(title="Liên Thông", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.caption = f"0 everywhere: {', '.join(none)}" if none else None
    table.add_column("exchange", overflow="fold")
    for name in (*shown, "seconds"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("evidence", overflow="fold")
    for item in watched:
        counts = [str(item.counts.get(name, "")) for name in shown]
        evidence = {True: "verified", False: "NOT VERIFIED", None: "none"}[item.verified]
        table.add_row(item.dag_id, *counts, f"{item.seconds:.1f}", evidence)
    return table
