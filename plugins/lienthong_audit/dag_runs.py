"""What Airflow says of a DAG run, beside what the ledger says."""

from __future__ import annotations

from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select

_ENDED = frozenset({"success", "failed"})


def has_ended(dag_id: str, run_id: str) -> bool:
    """Tell whether a DAG run has ended; False for one that Airflow does not know."""
    wanted = select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    with create_session() as session:
        return session.scalar(wanted) in _ENDED
