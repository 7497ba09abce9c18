"""A DAG that tidies staging and the ledger's working tables on a schedule."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG, BaseOperator, Context, Param

from lienthong.airflow.connections import airflow_connections
from lienthong.airflow.dags import START
from lienthong.errors import InvalidExchange
from lienthong.pipeline import Bus
from lienthong.pipeline.housekeeping import LEAST, look, tidy

_LOG = logging.getLogger("lienthong.airflow")


class HousekeepingOperator(BaseOperator):
    """Say what nothing needs any more, and remove it unless the run is a dry one."""

    ui_color = "#f1efe8"

    def __init__(self, *, older_than: timedelta, by: str, why: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.older_than, self.by, self.why = older_than, by, why

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the figures of what was removed, or of what would be."""
        dry = bool(context["params"].get("dry_run", False))
        bus = Bus.open(connections=airflow_connections, read_only=dry)
        outlook = look(bus, self.older_than) if dry else tidy(bus, self.older_than, who=self.by, why=self.why)
        _LOG.info("housekeeping%s: %s", " (dry run)" if dry else "", outlook.as_dict())
        return outlook.as_dict()


def housekeeping_dag(
    *,
    by: str,
    why: str,
    schedule: Any = "30 2 * * 0",
    older_than: timedelta = timedelta(days=90),
    dag_id: str = "lienthong_housekeeping",
    start_date: datetime = START,
    **dag_kwargs: Any,
) -> DAG:
    """Return a DAG that removes what nothing needs any more (`lienthong.pipeline.housekeeping.tidy`).

    ``by`` and ``why`` stand in the signed act of each run: the unit that is responsible, and the rule
    by which it keeps data for so long. The workers need an operator's key. Raises `InvalidExchange` where
    one is missing or ``older_than`` is below a day.
    """
    if not by.strip() or not why.strip():
        raise InvalidExchange("by and why must say who keeps house and under which rule", where=dag_id)
    if older_than < LEAST:
        raise InvalidExchange(f"older_than: nothing younger than {LEAST} is removed", where=dag_id)
    own: dict[str, Any] = {"dag_display_name": "Dọn dẹp / Housekeeping", "tags": {"lienthong"}}
    with DAG(
        dag_id=dag_id,
        schedule=schedule,
        start_date=start_date,
        catchup=False,
        max_active_runs=1,
        params={"dry_run": Param(False, type="boolean", title="Chạy thử / Dry run")},
        **(own | dag_kwargs),
    ) as dag:
        HousekeepingOperator(task_id="housekeeping", older_than=older_than, by=by, why=why)
    return dag
