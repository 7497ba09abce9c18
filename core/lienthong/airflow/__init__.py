"""Exchanges on Airflow: the DAG of five steps, connections, assets and links to the evidence.

::

    from lienthong.airflow import exchange_dag

    dag = exchange_dag(births, schedule="*/15 * * * *")

Names are loaded at their first use: Airflow asks this package for its provider description while
``import airflow`` is still under way.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong.airflow.assets import delivered
    from lienthong.airflow.connections import airflow_connections
    from lienthong.airflow.dags import exchange_dag, exchange_group
    from lienthong.airflow.housekeeping import housekeeping_dag
    from lienthong.airflow.runs import run_params

__all__ = [
    "airflow_connections",
    "delivered",
    "exchange_dag",
    "exchange_group",
    "housekeeping_dag",
    "run_params",
]

_HOMES = {
    "airflow_connections": "connections",
    "delivered": "assets",
    "exchange_dag": "dags",
    "exchange_group": "dags",
    "housekeeping_dag": "housekeeping",
    "run_params": "runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
