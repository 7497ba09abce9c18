"""What a person asks of a DAG run in the trigger form leaves the act that the command line leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from memory_bus import Bench, memory_bench

from lienthong.errors import Forbidden, Misconfigured
from lienthong.ledger.acts import Act, acts
from lienthong.pipeline import RunRequest
from lienthong.pipeline.wishes import wish
from lienthong.signing.keys import create_operator_key

# Airflow's own imports warn about things that are not ours to change
pytestmark = pytest.mark.filterwarnings("ignore::Warning")

SINCE = "2026-01-01T00:00:00+07:00"
WHY = "đích được khôi phục từ bản sao lưu"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A deployment whose tasks find their bus in a temporary folder; its shelf is locked."""
    from lienthong.airflow.operators import StepOperator

    with memory_bench(tmp_path) as found:
        create_operator_key(tmp_path, "airflow", acts=["run.resend", "run.since"])
        monkeypatch.setattr("lienthong.signing.keyring._login", lambda: "lan")
        monkeypatch.setattr(StepOperator, "bus", staticmethod(lambda: found.bus))
        monkeypatch.setattr("lienthong.pipeline.bus.Bus.signer", lambda bus, plan: bus.keys.signer("G22"))
        yield found


@pytest.fixture
def triggered(exchanges: dict[str, Any], bench: Bench) -> Any:
    """Run the pull task of a DAG run that was triggered so; it ends where the shelf is found locked."""

    def run(user: str | None = "lan", **params: Any) -> list[Act]:
        context = {
            "dag_run": SimpleNamespace(dag_id="ordinary", run_id="m1", triggering_user_name=user),
            "params": params,
        }
        with pytest.raises(Forbidden):
            exchanges["ordinary"].get_task("pull").execute(context)
        return acts(bench.bus.ledger, "ordinary", "m1")

    return run


def refused(
    exchanges: dict[str, Any], bench: Bench, user: str | None = "lan", **params: Any
) -> Misconfigured:
    """Run the pull task, see that it is refused before the run is opened, and return why."""
    run = SimpleNamespace(dag_id="ordinary", run_id="m1", triggering_user_name=user)
    with pytest.raises(Misconfigured) as caught:
        exchanges["ordinary"].get_task("pull").execute({"dag_run": run, "params": params})
    assert bench.bus.journal.runs() == []
    assert bench.bus.ledger.head() is None
    return caught.value


@pytest.mark.parametrize(
    ("params", "name", "since"),
    [
        ({"resend": True}, "run.resend", ""),
        ({"resend": True, "since": SINCE}, "run.resend", SINCE),
        ({"resend": True, "dry_run": True}, "run.resend", ""),
        ({"since": SINCE}, "run.since", SINCE),
    ],
)
def test_what_is_asked_for_is_signed_before_anything_is_read(
    triggered: Any, bench: Bench, params: dict[str, Any], name: str, since: str
) -> None:
    """Who is the user who triggered the run; a retry or a clear leaves no second act."""
    (act,) = triggered(**params, why=f"  {WHY} ")
    assert (act.name, act.who, act.why, act.operator) == (name, "lan", WHY, "airflow")
    assert act.subject == {"since": since}
    assert triggered(**params, why=WHY) == [act]
    assert bench.bus.ledger.check(bench.bus.trust) == []


@pytest.mark.parametrize("params", [{}, {"limit": 5, "since": SINCE}, {"dry_run": True, "since": SINCE}])
def test_an_ordinary_run_and_a_trial_are_no_act(triggered: Any, params: dict[str, Any]) -> None:
    """Nor do they ask for a reason or a person; a schedule triggers them too."""
    assert triggered(None, **params) == []


def test_a_since_without_a_reason_is_no_act(triggered: Any) -> None:
    """It needs none: the settle statement's notes tell that somebody asked for it."""
    assert triggered(since=SINCE) == []


def test_without_a_reason_nothing_is_sent_again(exchanges: dict[str, Any], bench: Bench) -> None:
    for why in (None, "", "  "):
        error = refused(exchanges, bench, resend=True, why=why)
        assert "resend" in error.message
        assert "why" in error.where
        assert "say why" in error.hint


@pytest.mark.parametrize("user", [None, ""])
def test_what_nobody_asked_for_does_not_begin(
    exchanges: dict[str, Any], bench: Bench, user: str | None
) -> None:
    """A schedule, or a parameter's default, is nobody who could answer for it."""
    assert "names nobody" in refused(exchanges, bench, user, resend=True, why=WHY).message


def test_airflow_signs_by_its_own_key_or_not_at_all(exchanges: dict[str, Any], bench: Bench) -> None:
    """A person's key that lies there too, and may sign everything, is not used in its place."""
    (bench.bus.config.home / "keys" / "operators" / "airflow").rename(bench.bus.config.home / "put-away")
    create_operator_key(bench.bus.config.home, "airflow", acts=["run.marked"])
    create_operator_key(bench.bus.config.home, "minh")
    error = refused(exchanges, bench, resend=True, why=WHY)
    assert "operator airflow may not sign the act run.resend" in error.message


def test_without_any_operators_key_nothing_begins(exchanges: dict[str, Any], bench: Bench) -> None:
    home = bench.bus.config.home
    (home / "keys" / "operators").rename(home / "put-away")
    (home / "keys" / "ca-key.pem").rename(home / "ca-key.pem")
    assert "no operator has a signing key here" in refused(exchanges, bench, resend=True, why=WHY).message


def test_replays_and_runs_from_staging_have_acts_of_their_own() -> None:
    assert wish(RunRequest("r", resend=True, replay=True)) == wish(RunRequest("r", staging="s")) == ""
