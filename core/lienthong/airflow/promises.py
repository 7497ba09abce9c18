"""What a DAG file may not change, because a promise of the bus leans on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow.sdk import TriggerRule

from lienthong.errors import InvalidExchange

#: Arguments of DAG and group that the agreement or the engine decides, and why.
RESERVED: Final[Mapping[str, str]] = {
    "dag_id": "the DAG of an exchange bears its name",
    "max_active_runs": "a cursor belongs to the exchange, so its runs follow each other",
    "catchup": "a run takes everything since the last one, whenever it comes",
    "doc_md": "the page is the agreement",
    "fail_fast": "it skips the other parts of a run, which clearing what failed would leave out",
}

#: The same for ``default_args``: what the steps set themselves.
RESERVED_DEFAULTS: Final[Mapping[str, str]] = {
    "trigger_rule": "a step follows the step before it, and settle lets no run end green unsettled",
    "retries": "delivery.attempts of the exchange says it",
    "retry_delay": "the schedule of retries is one for all (docs/operations.md)",
    "retry_policy": "the class of the error decides",
    "do_xcom_push": "steps hand over references to segments",
    "multiple_outputs": "steps hand over references to segments",
    "max_active_tis_per_dagrun": "delivery.parallel of the exchange says it",
}

#: Set on every step, so that ``default_args`` of a hand-written DAG do not reach them.
STEP_PROMISES: Final[Mapping[str, Any]] = {
    "trigger_rule": TriggerRule.ALL_SUCCESS,
    "do_xcom_push": True,
    "multiple_outputs": False,
}


def require_free(arguments: Mapping[str, Any], *, where: str) -> None:
    """Raise `InvalidExchange` where arguments of a DAG or group set what is not theirs to set."""
    _refuse(RESERVED, arguments, where)
    _refuse(RESERVED_DEFAULTS, arguments.get("default_args") or {}, f"{where}, default_args")


def require_one_run_at_a_time(dag: Any, *, where: str) -> None:
    """Raise `InvalidExchange` where the DAG around a group lets several runs go on side by side."""
    if dag is not None and dag.max_active_runs != 1:
        raise InvalidExchange(
            f"DAG {dag.dag_id!r} has max_active_runs={dag.max_active_runs}",
            where=where,
            hint=f"write DAG(..., max_active_runs=1): {RESERVED['max_active_runs']}",
        )


def require_once(dag: Any, exchange: str, *, where: str) -> None:
    """Raise `InvalidExchange` where the DAG has this exchange already: both would be one run."""
    if dag is not None and any(getattr(task, "exchange", None) == exchange for task in dag.tasks):
        raise InvalidExchange(
            f"exchange {exchange!r} stands twice in DAG {dag.dag_id!r}",
            where=where,
            hint="a DAG run is one run of an exchange; write two DAGs",
        )


def _refuse(reserved: Mapping[str, str], given: Mapping[str, Any], where: str) -> None:
    taken = sorted(reserved.keys() & given.keys())
    if taken:
        raise InvalidExchange(
            f"{', '.join(taken)} cannot be set", where=where, hint="; ".join(reserved[name] for name in taken)
        )
