"""A real Airflow: nothing old is sent, nothing twice, and no DAG run is green that has not settled.

The stories go on side by side in one Airflow, because most of their time is waiting.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from crates import ENDED, PATIENCE, Crates

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

NOT_SETTLED = "NOT SETTLED"
#: How long a process that was let go is watched for an effect of its own.
AFTERMATH = 60.0


@dataclass
class Told:
    """What became of one exchange: states by moment, effects at the target, and anything else."""

    states: dict[str, str] = field(default_factory=dict)
    settled: dict[str, bool] = field(default_factory=dict)
    effects: list[tuple[str, str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def ended(self, crates: Crates, moment: str, run: str) -> None:
        """Wait for a DAG run's end and note how it stands then."""
        self.states[moment] = crates.ended(run)
        self.settled[moment] = crates.settled(run)
        self.facts[moment] = {"tasks": crates.tasks(run), "note": crates.note(run)}


def stale(server: Any) -> Told:
    """R1's push hangs, R1 is marked failed, R2 delivers something newer, R1's failed tasks are cleared."""
    told, crates = Told(), Crates(server, "stale")
    crates.offer("old")
    first = _marked_in_push(crates, "failed")
    told.ended(crates, "marked failed", first)
    crates.offer("new")
    second = crates.trigger()
    told.ended(crates, "second", second)
    told.facts["before"] = crates.effects()
    crates.clear(first, only_failed=True)
    told.ended(crates, "first, cleared", first)
    told.facts["page"] = {lang: crates.page(first, lang) for lang in ("vi", "en")}
    told.effects = crates.effects()
    return told


def halted(server: Any) -> Told:
    """R1's push hangs, R1 is marked failed, its failed tasks are cleared; nothing else has happened."""
    told, crates = Told(), Crates(server, "halted")
    crates.offer("v1")
    run = _marked_in_push(crates, "failed")
    told.ended(crates, "marked failed", run)
    crates.clear(run, only_failed=True)
    told.ended(crates, "cleared", run)
    told.effects = crates.effects()
    return told


def marked(server: Any) -> Told:
    """Push fails and is marked a success by hand; then settle is marked, skipped, and cleared at last."""
    told, crates = Told(), Crates(server, "marked")
    crates.offer("v1")
    crates.hold("reject")
    run = crates.trigger()
    told.ended(crates, "rejected", run)
    crates.mark_task(run, "push", "success", 0)
    told.ended(crates, "push marked", run)
    crates.let_go("reject")
    crates.hold("before")
    crates.clear(run, ["push", "settle"])
    crates.until("push under way", lambda: crates.standing("before"))
    crates.mark_task(run, "settle", "skipped")
    crates.let_go("before")
    told.ended(crates, "settle skipped", run)
    crates.clear(run, ["settle"])
    told.ended(crates, "settle cleared", run)
    told.effects = crates.effects()
    return told


def greened(server: Any) -> Told:
    """Push hangs and the DAG run is marked a success by hand; once it has ended, again, with a note."""
    told, crates = Told(), Crates(server, "greened")
    crates.offer("v1")
    run = _marked_in_push(crates, "success")
    told.ended(crates, "under way", run)
    told.facts["answer"] = crates.mark_run(run, "success", note="the agency has them on paper")["state"]
    told.ended(crates, "greened", run)
    told.facts["page"] = crates.page(run)
    told.facts["acts"] = crates.acts(run)
    return told


def beside(server: Any) -> Told:
    """A scheduled run is in push; a backfill begins two more of the same exchange beside it."""
    told, crates = Told(), Crates(server, "beside")
    crates.offer("v1")
    crates.hold("before")
    crates.unpause()
    crates.until("push under way", lambda: crates.standing("before"))
    crates.backfill("2022-01-01", "2023-01-02", at_once=2)
    others = crates.until(
        "the backfill", lambda: [run for run in crates.runs() if "backfill" in run][1:] and crates.runs()
    )
    told.facts["others"] = others
    crates.until("another run at work", lambda: any(_met(crates, run) for run in others if "backfill" in run))
    crates.let_go("before")
    for run in others:
        told.ended(crates, run, run)
    told.effects = crates.effects()
    return told


def shared(server: Any) -> Told:
    """One exchange in two DAGs: `airflow dags test` of the second while the first is in push."""
    told, crates = Told(), Crates(server, "shared", "shared_one")
    crates.offer("v1")
    crates.hold("before")
    run = crates.trigger()
    crates.until("push under way", lambda: crates.standing("before"))
    log = Path(server.processes.logs, "dags-test.log")
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter
            _airflow("dags", "test", "shared_two"),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(server.processes.environment),
            start_new_session=True,
        )
    try:
        crates.until("the test at work", lambda: _at_work(log) or process.poll() is not None)
        crates.let_go("before")
        told.ended(crates, "first", run)
        told.facts["code"] = process.wait(PATIENCE)
    finally:
        process.kill()
    told.facts["log"] = log.read_text(errors="replace")
    told.effects = crates.effects()
    return told


def frozen(server: Any) -> Told:
    """The task process stands still before it sends; its retry delivers; then it goes on."""
    return _stopped(server, "frozen", "open")


def thawed(server: Any) -> Told:
    """The task process stands still after the target took everything; its retry asks; then it goes on."""
    return _stopped(server, "thawed", "after")


def _stopped(server: Any, exchange: str, place: str) -> Told:
    told, crates = Told(), Crates(server, exchange)
    crates.offer("v1")
    crates.hold(place)
    run = crates.trigger()
    task, supervisor = crates.until("push under way", lambda: crates.standing(place))
    try:
        for pid in (supervisor, task):  # the supervisor first: it must not see that the task stands
            os.kill(pid, signal.SIGSTOP)
        crates.let_go(place)
        told.ended(crates, "retried", run)
        told.facts["tries"] = crates.tries(run, "push")
    finally:
        for pid in (task, supervisor):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + AFTERMATH
    while Path(f"/proc/{task}").exists() and time.monotonic() < deadline:
        time.sleep(0.5)
    told.ended(crates, "afterwards", run)
    told.effects = crates.effects()
    return told


def _marked_in_push(crates: Crates, state: str) -> str:
    """Start a run, mark it while its push stands still, and see the process gone."""
    crates.hold("before")
    run = crates.trigger()
    task, _ = crates.until("push under way", lambda: crates.standing("before"))
    crates.mark_run(run, state)
    crates.until("the end of the process", lambda: not Path(f"/proc/{task}").exists())
    crates.let_go("before")
    return run


def _met(crates: Crates, run: str) -> bool:
    """Tell whether a run has come to the point where another one is in its way, or it in the other's."""
    states = crates.tasks(run)
    return (
        "up_for_retry" in states.values() or states.get("push[0]") == "running" or crates.state(run) in ENDED
    )


def _at_work(log: Path) -> bool:
    """Tell whether a run in a process of its own has met the other one, or has come to its push."""
    said = log.read_text(errors="replace").lower()
    return "up_for_retry" in said or "task_id=shared.push" in said


def _airflow(*arguments: str) -> list[str]:
    from lienthong.demo.components import airflow

    return airflow(*arguments)


STORIES = (stale, halted, marked, greened, beside, shared, frozen, thawed)


@pytest.fixture(scope="module")
def stories(server: Any) -> Iterator[Mapping[str, Future[Told]]]:
    """All stories, told side by side."""
    pool = ThreadPoolExecutor(len(STORIES), thread_name_prefix="story")
    yield {story.__name__: pool.submit(story, server) for story in STORIES}
    pool.shutdown(wait=True, cancel_futures=True)


@pytest.fixture
def told(stories: Mapping[str, Future[Told]]) -> Callable[[str], Told]:
    """Wait for one story and return what it tells."""
    return lambda name: stories[name].result()


def _once(effects: list[tuple[str, str, str]]) -> bool:
    return Counter(key for key, _, _ in effects) == {"a": 1, "b": 1}


def test_a_stale_run_is_not_green(told: Callable[[str], Told]) -> None:
    """Cleared after a newer run settled it ends red, and the tab says in both languages what it is."""
    story = told("stale")
    assert story.states == {"marked failed": "failed", "second": "success", "first, cleared": "failed"}, story
    assert story.settled == {"marked failed": False, "second": True, "first, cleared": False}
    assert "NOT SETTLED" in story.facts["page"]["en"]
    assert "CHƯA KẾT SỔ" in story.facts["page"]["vi"]
    assert re.search("lienthong runs close [^<]+ --exchange [^<]+ --by", story.facts["page"]["en"])


def test_a_stale_run_sends_nothing(told: Callable[[str], Told]) -> None:
    """The target keeps what is newer; once a newer run has settled the old value does not reach it."""
    story = told("stale")
    assert [value for _, value, _ in story.facts["before"]] == ["new", "new"]
    assert story.effects == story.facts["before"]


def test_a_run_that_was_marked_failed_settles_after_its_failed_tasks_are_cleared(
    told: Callable[[str], Told],
) -> None:
    """Settle is not left out although only failed tasks are cleared."""
    story = told("halted")
    assert story.states == {"marked failed": "failed", "cleared": "success"}, story
    assert story.settled == {"marked failed": False, "cleared": True}
    assert _once(story.effects)


def test_what_was_marked_by_hand_does_not_make_a_run_green(told: Callable[[str], Told]) -> None:
    """Neither push marked a success nor settle skipped; once settle has really run, it is green."""
    story = told("marked")
    assert story.states == {
        "rejected": "failed", "push marked": "failed", "settle skipped": "failed",
        "settle cleared": "success",
    }, story  # fmt: skip
    assert list(story.settled.values()) == [False, False, False, True]
    assert "has not settled" in story.facts["settle skipped"]["note"]
    assert story.facts["settle cleared"]["note"] == "", "the guard takes its own note away"
    assert _once(story.effects)


def test_a_run_marked_green_by_hand_leaves_a_statement(told: Callable[[str], Told]) -> None:
    """It says who and why, and the tab says that the run did not settle."""
    story = told("greened")
    assert story.states["under way"] == "failed", "settle decided, and found that nothing was pushed"
    assert story.facts["answer"] == "success", story
    assert (story.states["greened"], story.settled["greened"]) == ("success", False)
    (act,) = story.facts["acts"]
    assert (act["name"], act["who"], act["why"]) == ("run.marked", "admin", "the agency has them on paper")
    assert act["subject"] == {"state": "success"}
    assert NOT_SETTLED in story.facts["page"]


def test_a_backfill_beside_a_run_delivers_nothing_twice(told: Callable[[str], Told]) -> None:
    """Its concurrency is its own; the lease keeps its runs apart from each other and from the scheduled."""
    story = told("beside")
    assert len(story.facts["others"]) == 3
    assert _once(story.effects), story
    assert "success" in story.states.values()
    assert all(story.settled[run] for run, state in story.states.items() if state == "success")


def test_two_groups_and_a_dag_test_deliver_nothing_twice(told: Callable[[str], Told]) -> None:
    """The second waits for the first, is tried again, and ends well with nothing new."""
    story = told("shared")
    assert (story.states["first"], story.settled["first"]) == ("success", True), story
    assert story.facts["code"] == 0, story.facts["log"][-3000:]
    assert re.search("up_for_retry", story.facts["log"], re.IGNORECASE)
    assert _once(story.effects)


@pytest.mark.parametrize("name", ["frozen", "thawed"])
def test_a_task_that_was_taken_for_dead_and_lives_delivers_nothing_twice(
    told: Callable[[str], Told], name: str
) -> None:
    """Stopped before it sent, and after the target took everything: one effect of each record."""
    story = told(name)
    assert story.facts["tries"] > 1, "Airflow took the process for dead"
    assert story.states == {"retried": "success", "afterwards": "success"}, story
    assert story.settled["afterwards"]
    assert _once(story.effects)
