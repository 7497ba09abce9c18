"""Airflow's REST API, as far as the demonstration needs it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import requests

from lienthong.errors import Permanent, Unavailable

_SECONDS = 120


class Airflow:
    """One Airflow as one user sees it."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._session = requests.Session()
        self._session.trust_env = False

    def healthy(self) -> bool:
        """Tell whether the API server answers."""
        try:
            return self._session.get(f"{self.base}/api/v2/version", timeout=2).ok
        except requests.RequestException:
            return False

    def log_in(self, user: str, password: str) -> None:
        """Take a token for all further calls."""
        body = {"username": user, "password": password}
        token = self._call("POST", "/auth/token", json=body)["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def health(self) -> dict[str, Any]:
        """Return the state of the components."""
        return self._call("GET", "/api/v2/monitor/health")

    def dags(self) -> list[dict[str, Any]]:
        """Return the exchanges' DAGs by id."""
        params = {"tags": "lienthong", "limit": 1000, "order_by": "dag_id"}
        found: list[dict[str, Any]] = self._call("GET", "/api/v2/dags", params=params)["dags"]
        return found

    def import_errors(self) -> list[dict[str, Any]]:
        """Return what could not be parsed."""
        found: list[dict[str, Any]] = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return found

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": conf or {}}
        return str(self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)["dag_run_id"])

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self._call("PATCH", f"/api/v2/dags/{quote(dag_id)}", json={"is_paused": False})

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return a DAG's latest runs, newest first."""
        params = {"order_by": "-run_after", "limit": 5}
        found: list[dict[str, Any]] = self._call(
            "GET", f"/api/v2/dags/{quote(dag_id)}/dagRuns", params=params
        )["dag_runs"]
        return found

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self._call("GET", _run_path(dag_id, run_id))

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances."""
        found: list[dict[str, Any]] = self._call(
            "GET", f"{_run_path(dag_id, run_id)}/taskInstances", params={"limit": 500}
        )["task_instances"]
        return found

    def result(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a task returned, as an object."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/return_value"
        value = self._call("GET", path)["value"]
        found = json.loads(value) if isinstance(value, str) else value
        return found if isinstance(found, dict) else {}

    def bundle(self, dag_id: str, run_id: str) -> bytes:
        """Return the evidence bundle of a run as an auditor downloads it."""
        path = f"/lienthong/evidence/{quote(dag_id)}/{quote(run_id, safe='')}/bundle/{quote(dag_id)}"
        return self._send("GET", path).content

    def _call(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        found = self._send(method, path, **kwargs).json()
        return found if isinstance(found, dict) else {}

    def _send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        try:
            answer = self._session.request(method, self.base + path, timeout=_SECONDS, **kwargs)
        except requests.RequestException as error:
            raise Unavailable(f"Airflow does not answer ({type(error).__name__})", where=self.base) from None
        if not answer.ok:
            raise Permanent(f"Airflow answered {answer.status_code} to {method} {path}", where=self.base)
        return answer


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"
