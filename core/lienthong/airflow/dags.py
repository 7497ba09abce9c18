"""An exchange becomes a DAG, or a group of tasks inside a hand-written one."""

from __future__ import annotations

from collections.abc import Collection, Generator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, BaseOperator, Param, TaskGroup, TriggerRule

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
from lienthong.airflow.promises import STEP_PROMISES, require_free, require_once, require_one_run_at_a_time
from lienthong.airflow.retry import StepRetryPolicy
from lienthong.airflow.runs import run_params
from lienthong.exchange import Exchange
from lienthong.pipeline.retry import schedule as retry_schedule

#: Schedules are read in Vietnamese time unless a ``start_date`` says otherwise.
START = datetime(2025, 1, 1, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))


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
    require_free(dag_kwargs, where=f"exchange_dag({exchange.id!r})")
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

    The DAG must have ``max_active_runs=1``, because a cursor belongs to the exchange and not to the
    run, and may offer ``since``, ``dry_run`` and the like with ``params=run_params()``. What comes after
    the group (``group >> other``) comes after its settle.

    Raises what `exchange_dag` raises, and `InvalidExchange` where the DAG would break a promise.
    """
    where = f"exchange_group({exchange.id!r})"
    require_free(group_kwargs, where=where)
    agreement = Agreement.of(exchange)
    own = {"group_display_name": exchange.title.vi, "doc_md": agreement_md(agreement.plan, None)}
    with ExchangeGroup(group_id=group_id or exchange.id, **(own | group_kwargs)) as group:
        require_one_run_at_a_time(group.dag, where=where)
        require_once(group.dag, exchange.id, where=where)
        outermost = group.parent_group is None or group.parent_group.is_root
        _steps(agreement, settles_always=outermost)
    return group


class ExchangeGroup(TaskGroup):
    """A task group that ends with settle, although settle is a teardown task.

    Airflow orders what follows a group after its last task that is no teardown; here that is push.
    """

    def get_leaves(self) -> Generator[BaseOperator, None, None]:
        """Return settle: whatever follows the group follows it."""
        yield from (task for task in self if isinstance(task, SettleOperator))


def _steps(agreement: Agreement, *, settles_always: bool = True) -> None:
    """Create the five tasks in the DAG or group being written.

    Where it ``settles_always``, settle is a teardown task: it runs whatever became of the steps before
    it, even after somebody marked the run failed, and fails where a part is missing. So clearing what
    failed clears it too, and only a settled run is green. Inside a group within a group it cannot be one,
    because what follows the outer group would no longer wait for it; `RunGuard` alone then keeps the run
    from being green.
    """
    exchange = agreement.exchange
    tries: dict[str, Any] = {
        "agreement": agreement,
        "retries": exchange.delivery.attempts - 1,
        "retry_delay": timedelta(seconds=retry_schedule().first),
        "retry_policy": StepRetryPolicy(),
        **STEP_PROMISES,
    }
    upstream: Any = PullOperator(task_id="pull", **tries)
    for operator in (ValidateOperator, TransformOperator, PushOperator):
        upstream = _mapped(operator, upstream.output, exchange.delivery.parallel, tries)
    # none_failed: with nothing new the mapped steps are skipped, and the run is settled all the same
    settle = SettleOperator(
        task_id="settle", outlets=[outlet(exchange)], **(tries | {"trigger_rule": TriggerRule.NONE_FAILED})
    )
    upstream >> settle
    if settles_always:
        settle.as_teardown(on_failure_fail_dagrun=True)


def _mapped(operator: type[PartOperator], parts: Any, parallel: int, tries: dict[str, Any]) -> Any:
    """Create one step, mapped over the parts that the step before left."""
    partial = operator.partial(
        task_id=operator.step,
        map_index_template="{{ task.part_name }}",
        max_active_tis_per_dagrun=parallel,
        **tries,
    )
    return partial.expand(part=parts)
