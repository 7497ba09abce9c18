"""What an exchange becomes in Airflow, checked without starting anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lienthong.errors import InvalidExchange

# Airflow's own imports warn about things that are not ours to change
pytestmark = pytest.mark.filterwarnings("ignore::Warning")

BAD = """
from lienthong import Exchange, Source, Target, Text
from lienthong.airflow import exchange_dag
from lienthong_connectors.rest import RestSource, RestTarget

bad = Exchange(
    id="bad", title=Text("a", "b"), provider="H21", consumer="G22", legal_basis="Luật 1/2020/QH14",
    purpose=Text("a", "b"), source=Source("s", RestSource(path="/")),
    target=Target("t", RestTarget(path="/")),
    dataset="nowhere.thing/1",
)
dag = exchange_dag(bad)
"""


def test_five_steps_in_a_row_three_of_them_mapped(exchanges: dict[str, Any]) -> None:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    dag = exchanges["ordinary"]
    assert [task.task_id for task in dag.topological_sort()] == [
        "pull",
        "validate",
        "transform",
        "push",
        "settle",
    ]
    mapped = {task.task_id for task in dag.tasks if isinstance(task, MappedOperator)}
    assert mapped == {"validate", "transform", "push"}
    assert {dag.get_task(name).max_active_tis_per_dagrun for name in mapped} == {2}


def test_settle_runs_whatever_became_of_the_others_and_decides(exchanges: dict[str, Any]) -> None:
    """A teardown task whose failure fails the run: marking a run failed leaves it alone."""
    settle = exchanges["ordinary"].get_task("settle")
    assert (settle.is_teardown, settle.on_failure_fail_dagrun) == (True, True)
    assert settle.trigger_rule == "all_done_setup_success"


def test_attempts_of_the_agreement_are_retries(exchanges: dict[str, Any]) -> None:
    from lienthong.airflow.retry import StepRetryPolicy

    for task in exchanges["ordinary"].tasks:
        assert task.retries == 1
        assert isinstance(task.retry_policy, StepRetryPolicy)


def test_one_run_at_a_time_in_vietnamese_time_without_catching_up(exchanges: dict[str, Any]) -> None:
    dag = exchanges["ordinary"]
    assert (dag.max_active_runs, dag.catchup, str(dag.timezone)) == (1, False, "Asia/Ho_Chi_Minh")
    assert dag.tags == {"lienthong", "H21.129", "G22", "test"}


def test_the_trigger_form_offers_since_dry_run_and_limit(exchanges: dict[str, Any]) -> None:
    params = exchanges["ordinary"].params
    ordinary = {"since": None, "dry_run": False, "limit": None, "resend": False, "why": None}
    assert params.dump() == ordinary
    assert params.get_param("since").schema["format"] == "date-time"


def test_the_page_of_the_dag_is_the_agreement_in_both_languages(exchanges: dict[str, Any]) -> None:
    text = exchanges["ordinary"].doc_md
    for words in (
        "Thư ordinary",
        "Letters ordinary",
        "278/2025/NĐ-CP",
        "Căn cứ pháp lý / Legal basis",
        "`TonTai` | cá nhân / personal",
        "`MaYeuCau` | nội bộ / internal | ✓",
    ):
        assert words in text


def test_the_serialised_dag_changes_with_the_agreement_only(exchanges: dict[str, Any]) -> None:
    """It names the exchange's digest, holds no object's address and survives the round trip."""
    from airflow.serialization.serialized_objects import DagSerialization

    letters, shelf = exchanges["letters"], exchanges["Shelf"]
    from lienthong.airflow import exchange_dag

    def text(rows: int) -> str:
        return json.dumps(DagSerialization.to_dict(exchange_dag(letters("one", shelf(rows=rows)))))

    assert text(3) == text(3)
    assert text(3) != text(4)
    assert f"one@{letters('one', shelf(rows=3)).digest()}" in text(3)
    assert " at 0x" not in text(3)
    DagSerialization.from_dict(json.loads(text(3)))


def test_what_the_bus_promises_cannot_be_set_away(exchanges: dict[str, Any]) -> None:
    from lienthong.airflow import exchange_dag

    exchange = exchanges["letters"]("two", exchanges["Shelf"]())
    for name, value in (("max_active_runs", 4), ("catchup", True), ("fail_fast", True)):
        with pytest.raises(InvalidExchange, match=f"{name} cannot be set"):
            exchange_dag(exchange, **{name: value})


@pytest.mark.parametrize("name", ["trigger_rule", "retries", "retry_policy", "do_xcom_push"])
def test_default_arguments_do_not_reach_what_the_steps_promise(exchanges: dict[str, Any], name: str) -> None:
    from lienthong.airflow import exchange_dag, exchange_group

    exchange = exchanges["letters"]("two", exchanges["Shelf"]())
    with pytest.raises(InvalidExchange, match=f"default_args: {name} cannot be set"):
        exchange_dag(exchange, default_args={name: None})
    with pytest.raises(InvalidExchange, match=f"default_args: {name} cannot be set"):
        exchange_group(exchange, default_args={name: None})


def test_default_arguments_of_a_hand_written_dag_do_not_reach_the_steps(exchanges: dict[str, Any]) -> None:
    """They are for the tasks around the group."""
    from airflow.sdk import DAG, TriggerRule

    from lienthong.airflow import exchange_group

    given = {"trigger_rule": TriggerRule.ALL_DONE, "do_xcom_push": False, "retries": 9, "owner": "an"}
    with DAG("around", max_active_runs=1, default_args=given) as dag:
        exchange_group(exchanges["letters"]("two", exchanges["Shelf"]()))
    for step in ("validate", "transform", "push"):
        task = dag.get_task(f"two.{step}")
        assert task.trigger_rule == TriggerRule.ALL_SUCCESS
        assert task.partial_kwargs["do_xcom_push"] is True
    assert (dag.get_task("two.pull").retries, dag.get_task("two.pull").owner) == (1, "an")


def test_a_group_stands_in_a_dag_of_one_run_at_a_time_and_once(exchanges: dict[str, Any]) -> None:
    from airflow.sdk import DAG

    from lienthong.airflow import exchange_group

    exchange = exchanges["letters"]("two", exchanges["Shelf"]())
    with (
        DAG("wide"),
        pytest.raises(InvalidExchange, match=r"exchange_group\('two'\): DAG 'wide' has max_active_runs=16"),
    ):
        exchange_group(exchange)
    with DAG("twice", max_active_runs=1):
        exchange_group(exchange, group_id="one")
        with pytest.raises(InvalidExchange, match="stands twice in DAG 'twice'"):
            exchange_group(exchange, group_id="other")


def test_what_follows_a_group_follows_its_settle(exchanges: dict[str, Any]) -> None:
    """Although settle is a teardown task; within an outer group it is none, and the guard remains."""
    from airflow.sdk import DAG, BaseOperator, TaskGroup

    from lienthong.airflow import exchange_group

    exchange = exchanges["letters"]("two", exchanges["Shelf"]())
    with DAG("flat", max_active_runs=1) as flat:
        exchange_group(exchange) >> BaseOperator(task_id="after")
    assert flat.get_task("after").upstream_task_ids == {"two.settle"}
    assert flat.get_task("two.settle").is_teardown
    with DAG("deep", max_active_runs=1) as deep:
        with TaskGroup("outer") as outer:
            exchange_group(exchange)
        outer >> BaseOperator(task_id="after")
    assert deep.get_task("after").upstream_task_ids == {"outer.two.settle"}
    assert not deep.get_task("outer.two.settle").is_teardown


def test_a_late_run_has_a_deadline(exchanges: dict[str, Any]) -> None:
    from lienthong.airflow import exchange_dag

    exchange = exchanges["letters"]("three", exchanges["Shelf"]())
    dag = exchange_dag(exchange, late_after=timedelta(minutes=30))
    (alert,) = dag.deadline if isinstance(dag.deadline, list) else [dag.deadline]
    assert alert.interval == timedelta(minutes=30)
    assert alert.callback.path == "lienthong.airflow.deadlines.report_late"


def test_delivered_is_the_asset_that_settle_emits(exchanges: dict[str, Any]) -> None:
    from lienthong.airflow import delivered

    asset = delivered("dancu.verification/1", to="drawer")
    assert exchanges["ordinary"].get_task("settle").outlets == [asset]
    assert asset.uri == "lienthong://drawer/dancu.verification/1"


def test_the_same_steps_stand_in_a_group_of_another_dag(exchanges: dict[str, Any]) -> None:
    assert {task.task_id for task in exchanges["grouped"].tasks} == {
        f"in_group.{step}" for step in ("pull", "validate", "transform", "push", "settle")
    }


def test_an_import_error_begins_with_file_exchange_and_field(tmp_path: Path) -> None:
    """What the UI shows first is the sentence, not a traceback."""
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "bad_one.py").write_text(BAD, encoding="utf-8")
    (error,) = DagBag(str(tmp_path)).import_errors.values()
    first = error.splitlines()[0]
    assert first.startswith("lienthong.errors.UnknownName: bad_one.py, ")
    assert "'bad'" in first
    assert "nowhere.thing/1" in first
    assert "dataset" in first


def test_run_names_do_not_meet() -> None:
    """A group's run names its DAG, so that equal run ids of two DAGs stay two runs."""
    from lienthong.airflow.runs import run_key

    assert run_key("births", "manual__1", "births") == "manual__1"
    assert run_key("nightly", "manual__1", "births") == "manual__1@nightly"


def test_a_request_takes_the_form_of_the_trigger(exchanges: dict[str, Any]) -> None:
    from types import SimpleNamespace

    from lienthong.airflow.runs import run_request

    context = {"dag_run": SimpleNamespace(dag_id="a", run_id="r"), "params": {"limit": 5, "dry_run": True}}
    request = run_request(context, "a")
    assert (request.run, request.since, request.dry_run, request.limit) == ("r", None, True, 5)
    assert not request.resend
    assert run_request(context | {"params": {"resend": True}}, "a").resend


def test_the_link_leads_to_the_step_below_the_servers_path(monkeypatch: pytest.MonkeyPatch) -> None:
    from lienthong.airflow.links import evidence_path

    path = evidence_path("births", "manual__2026-01-01T00:00:00+00:00", "push")
    assert path == "/evidence/births/manual__2026-01-01T00%3A00%3A00%2B00%3A00?step=push#push"


@pytest.mark.parametrize(("wanted", "seconds"), [(90.0, 90), (2.0, 15)])
def test_push_waits_without_a_worker_and_comes_back_to_ask(
    exchanges: dict[str, Any], wanted: float, seconds: float
) -> None:
    """Deferred is a moment in time, never a delivery; how long it waited already goes along.

    Never for less than it takes until the scheduler knows that the process before has ended.
    """
    from airflow.providers.standard.triggers.temporal import DateTimeTrigger
    from airflow.sdk.exceptions import TaskDeferred

    from lienthong.pipeline.waiting import Waiting

    push = exchanges["later"].get_task("push").unmap({"part": {"index": 0, "of": 1}})
    with pytest.raises(TaskDeferred) as caught:
        push._pause(Waiting(since=100.0, asked=3, seconds=wanted))
    assert isinstance(caught.value.trigger, DateTimeTrigger)
    left = caught.value.trigger.moment - datetime.now(UTC)
    assert timedelta(seconds=seconds - 5) < left <= timedelta(seconds=seconds)
    assert caught.value.method_name == "resume"
    assert caught.value.kwargs == {"since": 100.0, "asked": 3}
