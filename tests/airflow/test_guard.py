"""The listener that keeps a DAG run from being green while an exchange in it has not settled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lienthong.errors import Unavailable
from lienthong.pipeline.standing import Standing

# Airflow's own imports warn about things that are not ours to change
pytestmark = pytest.mark.filterwarnings("ignore::Warning")

BY_ITSELF = "success"
BY_HAND = "Dag Run's state was manually set to `success`."


class Run:
    """As much of a DAG run as the guard touches."""

    def __init__(self, *exchanges: str, state: str = "success", note: str | None = None) -> None:
        tasks = [
            SimpleNamespace(
                task_id=f"{name}.settle", task_type="SettleOperator", exchange=name,
                _task_module="lienthong.airflow.operators",
            )
            for name in exchanges
        ]  # fmt: skip
        other = SimpleNamespace(task_id="other", task_type="BashOperator", _task_module="x")
        self.dag = SimpleNamespace(tasks=[other, *tasks])
        self.dag_id, self.run_id, self.state = "nightly", "manual__1", state
        self._note = note
        self.told: list[str] = []

    @property
    def dag_run_note(self) -> Any:
        return None if self._note is None else self

    @dag_run_note.setter
    def dag_run_note(self, value: None) -> None:
        self._note = value

    @property
    def note(self) -> str | None:
        return self._note

    @note.setter
    def note(self, value: tuple[str, None]) -> None:
        self._note = value[0]

    @property
    def content(self) -> str | None:
        return self._note

    @content.setter
    def content(self, value: str) -> None:
        self._note = value

    def set_state(self, state: Any) -> None:
        self.state = str(state.value)

    def notify_dagrun_state_changed(self, msg: str) -> None:
        self.told.append(msg)


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Where the ledger says that exchanges stand, by (exchange, run)."""
    from lienthong.airflow import judging

    known: dict[str, Any] = {}

    def standing(exchange: str, run: str, **_: Any) -> Standing:
        found = known.get(f"{exchange} {run}", Standing.UNOPENED)
        if isinstance(found, Exception):
            raise found
        return Standing(found)

    monkeypatch.setattr(judging, "standing", standing)
    return known


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, str]]]:
    """The statements about marks that were written."""
    from lienthong.airflow import judging

    found: list[tuple[str, str, dict[str, str]]] = []
    monkeypatch.setattr(
        judging, "write_mark", lambda exchange, run, **said: found.append((exchange, run, said))
    )
    monkeypatch.setattr("lienthong.airflow.marks._who", lambda _: "lan")
    return found


def succeed(run: Run, msg: str = BY_ITSELF) -> Run:
    from lienthong.airflow.guard import RunGuard

    RunGuard().on_dag_run_success(run, msg)  # type: ignore[arg-type]  # as much of it as is needed
    return run


def test_a_run_stays_green_where_all_its_exchanges_settled(stands: dict[str, Any]) -> None:
    stands |= {"one manual__1@nightly": "settled", "two manual__1@nightly": "closed"}
    assert succeed(Run("one", "two")).state == "success"


@pytest.mark.parametrize("other", ["open", "unopened"])
def test_one_exchange_that_has_not_settled_makes_the_run_red(stands: dict[str, Any], other: str) -> None:
    """The note names it, in both languages, and says what to do; other listeners are told."""
    stands |= {"one manual__1@nightly": "settled", "two manual__1@nightly": other}
    run = succeed(Run("one", "two"))
    assert (run.state, run.told) == ("failed", ["not_settled"])
    assert run.note is not None
    for words in ("two has not settled", "two chưa kết sổ", "lienthong runs close"):
        assert words in run.note
    assert "one" not in run.note.split("/ ")[1].split(" has")[0]


def test_other_dags_are_left_alone(stands: dict[str, Any]) -> None:
    run = succeed(Run())
    assert (run.state, run.note, run.told) == ("success", None, [])


def test_what_people_wrote_is_kept_and_our_note_goes_when_it_is_no_longer_true(
    stands: dict[str, Any],
) -> None:
    run = succeed(Run("one", note="ask Lan"))
    assert run.note is not None
    assert run.note.startswith("ask Lan\n\nLiên Thông: ")
    before = run.note
    run.state = "success"
    assert succeed(run).note == before, "the same note once"
    stands["one manual__1@nightly"] = "settled"
    run.state = "success"
    assert succeed(run).note == "ask Lan"


@pytest.mark.parametrize(("stand", "state"), [("settled", "success"), ("open", "failed")])
def test_a_run_outside_a_session_is_judged_without_a_note(
    stands: dict[str, Any], stand: str, state: str
) -> None:
    """As `airflow dags test` runs it."""
    from sqlalchemy.orm.exc import DetachedInstanceError

    class Detached(Run):
        @property
        def note(self) -> str | None:
            raise DetachedInstanceError

    stands["one manual__1@nightly"] = stand
    assert succeed(Detached("one")).state == state


@pytest.mark.parametrize(("word", "state"), [(True, "success"), (False, "failed")])
def test_where_the_ledger_is_silent_airflows_own_word_counts(
    stands: dict[str, Any], monkeypatch: pytest.MonkeyPatch, word: bool, state: str
) -> None:
    """Settle leaves its result only if it ended well by itself."""
    from lienthong.airflow import judging

    stands["one manual__1@nightly"] = Unavailable("silent")
    monkeypatch.setattr(judging, "_settle_left_its_result", lambda run, task: word and task == "one.settle")
    assert succeed(Run("one")).state == state


def test_a_mark_by_hand_stays_and_leaves_a_statement(
    stands: dict[str, Any], written: list[tuple[str, str, dict[str, str]]]
) -> None:
    stands["two manual__1@nightly"] = "settled"
    assert succeed(Run("one", "two", note="on paper"), BY_HAND).state == "success"
    assert succeed(Run("three"), BY_HAND).state == "success"
    assert [item[:2] for item in written] == [("one", "manual__1@nightly"), ("three", "manual__1@nightly")]
    assert written[0][2] == {"who": "lan", "why": "on paper"}
    assert written[1][2]["why"] == "marked a success in Airflow, no reason given"


def test_a_mark_that_leaves_no_statement_is_not_made(
    stands: dict[str, Any], monkeypatch: pytest.MonkeyPatch, written: object
) -> None:
    from lienthong.airflow import judging
    from lienthong.airflow.marks import NotWritten

    def refuse(*_: Any, **__: Any) -> None:
        raise NotWritten("there is no operator's key")

    monkeypatch.setattr(judging, "write_mark", refuse)
    run = succeed(Run("one"), BY_HAND)
    assert run.state == "failed"
    assert "there is no operator's key" in str(run.note)


def test_a_mark_on_a_run_whose_settle_is_still_to_come_is_settles_to_decide(
    stands: dict[str, Any], written: list[Any]
) -> None:
    """Airflow leaves the run running then."""
    assert succeed(Run("one", state="running"), BY_HAND).state == "running"
    assert written == []


def test_the_plugin_brings_the_guard_and_stays_light() -> None:
    """Every task loads the plugin: neither the pipeline nor a database comes along."""
    import json
    import subprocess
    import sys

    code = (
        "import sys, json; from lienthong_audit.plugin import LienThongAuditPlugin as P\n"
        "print(json.dumps([type(x).__name__ for x in P().listeners]\n"
        "  + [n for n in sys.modules if n.startswith(('lienthong.pipeline', 'lienthong.ledger'))]))"
    )
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == ["RunGuard"]
