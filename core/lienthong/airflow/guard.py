"""The listener that keeps a DAG run from being green while an exchange in it has not settled.

Airflow calls it in the scheduler, whenever a DAG run is about to be a success by itself, and in the API
server, where somebody marks one a success by hand. It catches whatever a listener raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


class RunGuard:
    """Airflow's listener; one for a process, loaded in every task and therefore light."""

    @hookimpl
    def on_dag_run_success(self, dag_run: DagRun, msg: str) -> None:
        """Let a success stand only where every exchange of the DAG run has settled, or a person said so."""
        from lienthong.airflow.judging import judge

        judge(dag_run, by_hand="manually" in msg)
