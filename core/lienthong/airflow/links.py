"""The button on every task that opens the evidence of its run and step."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import attrs
from airflow.sdk import BaseOperatorLink, conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

#: Where the auditors' pages are mounted on Airflow's API server.
MOUNT = "/lienthong"


def evidence_path(dag_id: str, run_id: str, step: str = "") -> str:
    """Return the path of a run's evidence page below the mount, at one step where given."""
    path = f"/evidence/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"
    return f"{path}?step={quote(step, safe='')}#{quote(step, safe='')}" if step else path


def base_path() -> str:
    """Return the path below which Airflow's web server lives, without a trailing slash."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


@attrs.define()
class EvidenceLink(BaseOperatorLink):
    """Opens the auditors' page of the task's run, at the task's step."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Chứng cứ / Evidence"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's address on this web server."""
        step = str(getattr(operator, "step", "")) or ti_key.task_id
        return base_path() + MOUNT + evidence_path(ti_key.dag_id, ti_key.run_id, step)
