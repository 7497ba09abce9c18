"""An exchange becomes a DAG, or a group of tasks inside a hand-written one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Param, TaskGroup, TriggerRule

from lienthong.airflow.agreement import Agreement
from lienthong.airflow.assets import outlet
from lienthong.airflow.deadlines import late_alert
from lienthong.airflow.docs import agreement_md
from lienthong.airflow.operators import (
    PartOperator,
    PullOperator,
    PushOperator,
    SettleOperator,
    TransformOperator,
    ValidateOperator,
)
from lienthong.airflow.retry import FIRST_WAIT, StepRetryPolicy
from lienthong.airflow.runs import run_params
from lienthong.errors import InvalidExchange
from lienthong.exchange import Exchange

#: Schedules are read in Vietnamese time unless a ``start_date`` says otherwise.
START = datetime(2025, 1, 1, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))

#: What the agreement or the engine decides; changing it would break a promise of the bus.
RESERVED = frozenset({"dag_id", "max_active_runs", "catchup", "doc_md"})


def exchange_dag(
    exchange: Exchange,
    *,
    schedule: Any = None,
    start_date: datetime = START,
    late_after: timedelta | None = None,
    tags: Collection[str] = (),
    params: dict[str, Param] | None = None,
    **dag_kwargs: Any,
) -> DAG:
    """Return the DAG of an exchange: pull, validate, transform, push, settle.

    ``schedule`` is a cron expression (Vietnamese time), a timetable or assets such as
    `lienthong.airflow.delivered`. With ``late_after`` a run that is not done so long after it was
    queued is reported as late. ``tags`` and ``params`` are added to ours; all other arguments go
    to `airflow.sdk.DAG`.

    Raises `InvalidExchange` or `UnknownName`, naming the DAG file, the exchange and the field.
    """
    taken = RESERVED & dag_kwargs.keys()
    if taken:
        raise InvalidExchange(
            f"{', '.join(sorted(taken))} cannot be set",
            where=f"exchange_dag({exchange.id!r})",
            hint="the agreement or the engine decides it",
        )
    agreement = Agreement.of(exchange)
    own: dict[str, Any] = {"dag_display_name": exchange.title.vi, "description": exchange.title.en}
    if late_after is not None:
        own["deadline"] = late_alert(exchange, late_after)
    dag = DAG(
        dag_id=exchange.id,
        schedule=schedule,
        start_date=start_date,
        catchup=False,
        max_active_runs=1,
        doc_md=agreement_md(agreement.plan, schedule),
        params=run_params() | (params or {}),
        tags={"lienthong", exchange.provider, exchange.consumer, exchange.sector, *tags} - {""},
        **(own | dag_kwargs),
    )
    with dag:
        _steps(agreement)
    return dag


def exchange_group(exchange: Exchange, *, group_id: str | None = None, **group_kwargs: Any) -> TaskGroup:
    """Return the same five steps as a task group of the DAG being written.

    The DAG should have ``max_active_runs=1``, because a cursor belongs to the exchange and not to
    the run, and may offer ``since``, ``dry_run`` and ``limit`` with ``params=run_params()``.
    """
    agreement = Agreement.of(exchange)
    own = {"group_display_name": exchange.title.vi, "doc_md": agreement_md(agreement.plan, None)}
    with TaskGroup(group_id=group_id or exchange.id, **(own | group_kwargs)) as group:
        _steps(agreement)
    return group


def _steps(agreement: Agreement) -> None:
    """Create the five tasks in the DAG or group being written."""
    exchange = agreement.exchange
    tries: dict[str, Any] = {
        "agreement": agreement,
        "retries": exchange.delivery.attempts - 1,
        "retry_delay": FIRST_WAIT,
        "retry_policy": StepRetryPolicy(),
    }
    upstream: Any = PullOperator(task_id="pull", **tries)
    for operator in (ValidateOperator, TransformOperator, PushOperator):
        upstream = _mapped(operator, upstream.output, exchange.delivery.parallel, tries)
    # none_failed: with nothing new the mapped steps are skipped, and the run is settled all the same
    upstream >> SettleOperator(
        task_id="settle", outlets=[outlet(exchange)], trigger_rule=TriggerRule.NONE_FAILED, **tries
    )


def _mapped(operator: type[PartOperator], parts: Any, parallel: int, tries: dict[str, Any]) -> Any:
    """Create one step, mapped over the parts that the step before left."""
    partial = operator.partial(
        task_id=operator.step,
        map_index_template="{{ task.part_name }}",
        max_active_tis_per_dagrun=parallel,
        **tries,
    )
    return partial.expand(part=parts)
