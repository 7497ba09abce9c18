"""A DAG run that somebody marked a success by hand: who it was, and the statement about it.

And whose key signs what people do in Airflow.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lienthong.errors import LienThongError, Misconfigured
from lienthong.pipeline import Bus
from lienthong.pipeline.acts import act
from lienthong.signing.roles import SERVICE

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

    from lienthong.connector import Connection

#: How our notes on DAG runs begin; what stands before is what people wrote.
NOTE = "Liên Thông: "
#: Who acted where Airflow cannot tell.
SOMEBODY = "airflow"
_NO_REASON = "marked a success in Airflow, no reason given"
#: The names under which Airflow's audit log keeps marks of DAG runs.
_EVENTS = ("patch_dag_run", "bulk_dag_runs")
_RECENT = timedelta(minutes=5)


class NotWritten(Exception):
    """The statement about a mark could not be written; the message says why."""


def who_and_why(dag_run: DagRun) -> tuple[str, str]:
    """Return who marked a DAG run a moment ago, by Airflow's audit log, and why, by the run's note."""
    note = str(dag_run.note or "").partition(NOTE)[0].strip()
    return _who(dag_run) or SOMEBODY, note or _NO_REASON


def write_mark(exchange: str, run: str, *, who: str, why: str) -> None:
    """Write the signed statement that a run was marked a success by hand; raise `NotWritten`."""
    bus = Bus.open(connections=_no_connections)
    try:
        act(
            bus,
            name="run.marked",
            who=who,
            why=why,
            exchange=exchange,
            run=run,
            subject={"state": "success"},
            operator=operator_of(bus),
        )
    except LienThongError as error:
        raise NotWritten(str(error)) from error
    finally:
        bus.close()


def operator_of(bus: Bus) -> str | None:
    """Return the operator whose key signs what people do in Airflow: `SERVICE` where it has one."""
    return SERVICE if SERVICE in bus.keys.operators() else None


def _who(dag_run: DagRun) -> str:
    from airflow.models.log import Log
    from sqlalchemy import or_, select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return ""
    found = session.scalars(
        select(Log.owner)
        .where(Log.dag_id == dag_run.dag_id, Log.event.in_(_EVENTS), Log.dttm > datetime.now(UTC) - _RECENT)
        .where(or_(Log.run_id == dag_run.run_id, Log.run_id.is_(None)))
        .order_by(Log.id.desc())
        .limit(1)
    ).first()
    return str(found or "")


def _no_connections(conn_id: str) -> Connection:
    raise Misconfigured("statements are written without connections", where=f"connection {conn_id!r}")
