"""Judging a DAG run that is about to be a success, by what the ledger says of its exchanges.

By itself: where one has not, it becomes a failure, with a note for people. By hand: it stays, and a
signed statement says who did it; where none can be written the mark is not made.

A ledger that does not answer is waited for `PATIENCE` seconds; Airflow's own word then counts: settle
leaves its result only if the run has settled.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm.exc import DetachedInstanceError

from lienthong.airflow.marks import NOTE, NotWritten, who_and_why, write_mark
from lienthong.airflow.runs import run_key
from lienthong.errors import LienThongError
from lienthong.pipeline.standing import PATIENCE, standing

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

_LOG = logging.getLogger("lienthong.airflow")
_SETTLE = ("lienthong.airflow.operators", "SettleOperator")

_LONGEST_NOTE = 1000


def judge(dag_run: DagRun, *, by_hand: bool) -> None:
    """Let a success stand only where every exchange of the DAG run has settled, or a person said so."""
    settles = settle_tasks(dag_run)
    if not settles or dag_run.state != "success":
        return
    open_ = [name for task, name in settles if not _settled(dag_run, task, name)]
    if not open_:
        _write_note(dag_run, "")
    elif by_hand:
        _marked_by_hand(dag_run, open_)
    else:
        _fail(dag_run, _not_settled(open_), "not_settled")


def settle_tasks(dag_run: DagRun) -> list[tuple[str, str]]:
    """Return (id of the settle task, id of the exchange) for every exchange in the DAG of a run."""
    dag = dag_run.dag or dag_run.get_dag()
    return [
        (task.task_id, str(getattr(task, "exchange", "")))
        for task in dag.tasks
        if (getattr(task, "_task_module", ""), task.task_type) == _SETTLE
    ]


def _settled(dag_run: DagRun, task_id: str, exchange: str) -> bool:
    """Tell whether the run of an exchange has settled or was closed by name."""
    run = run_key(dag_run.dag_id, dag_run.run_id, exchange)
    try:
        return standing(exchange, run, patience=PATIENCE).done
    except LienThongError as error:
        word = _settle_left_its_result(dag_run, task_id)
        _LOG.warning(
            "exchange %s, run %s: asked whether it settled, %s: %s; by Airflow's word it %s",
            exchange, run, error.code, error, "did" if word else "did not",
        )  # fmt: skip
        return word


def _settle_left_its_result(dag_run: DagRun, task_id: str) -> bool:
    """Tell whether settle ended well by itself: a task that was marked leaves no result."""
    from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return False
    found = XComModel.get_many(
        run_id=dag_run.run_id, key=XCOM_RETURN_KEY, dag_ids=dag_run.dag_id, task_ids=task_id
    )
    return session.scalars(found.limit(1)).first() is not None


def _marked_by_hand(dag_run: DagRun, exchanges: Sequence[str]) -> None:
    """Leave a statement for each exchange; without one the mark is not made."""
    who, why = who_and_why(dag_run)
    for exchange in exchanges:
        run = run_key(dag_run.dag_id, dag_run.run_id, exchange)
        try:
            write_mark(exchange, run, who=who, why=why)
        except NotWritten as error:
            _LOG.error("exchange %s, run %s: marked a success by %s: %s", exchange, run, who, error)
            _fail(dag_run, _no_statement(str(error)), "no_statement")
            return
        _LOG.warning("exchange %s, run %s: marked a success by %s, it has not settled", exchange, run, who)


def _fail(dag_run: DagRun, note: str, reason: str) -> None:
    """Make the DAG run a failure and say why, to people and to other listeners."""
    from airflow.utils.state import DagRunState

    dag_run.set_state(DagRunState.FAILED)
    _LOG.error("DAG run %s of %s is no success: %s", dag_run.run_id, dag_run.dag_id, note)
    _write_note(dag_run, note)
    dag_run.notify_dagrun_state_changed(msg=reason)


def _write_note(dag_run: DagRun, ours: str) -> None:
    """Put our note, "" for none, after what people wrote, in place of an earlier one of ours.

    ``airflow dags test`` judges a DAG run outside a session: it has no note then.
    """
    try:
        before = str(dag_run.note or "")
    except DetachedInstanceError:
        return
    theirs = before.partition(NOTE)[0].rstrip()
    text = "\n\n".join(part for part in (theirs, ours) if part)[:_LONGEST_NOTE]
    if text == before:
        return
    if not text:
        dag_run.dag_run_note = None  # how Airflow takes a note away
    elif dag_run.dag_run_note is None:
        dag_run.note = (text, None)  # how Airflow makes one
    else:
        dag_run.dag_run_note.content = text


def _not_settled(exchanges: Sequence[str]) -> str:
    names = ", ".join(exchanges)
    return (
        f"{NOTE}{names} chưa kết sổ nên lượt chạy không thể thành công. Hãy xoá trạng thái (Clear) các bước "
        "hỏng, bị bỏ qua và settle, hoặc đóng lượt chạy: lienthong runs close. / "
        f"{names} has not settled, so this run is no success. Clear the steps that failed or were skipped, "
        "and settle, or close the run: lienthong runs close."
    )


def _no_statement(why: str) -> str:
    return (
        f"{NOTE}không ghi được phát biểu về việc đánh dấu thành công nên lượt chạy không được đánh dấu. / "
        f"The mark left no statement, so it was not made: {why}"
    )
