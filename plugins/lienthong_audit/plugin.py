"""The Airflow plugin (entry point ``airflow.plugins``): an app and a tab on every DAG run."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from lienthong.airflow.links import MOUNT, base_path


class LienThongAuditPlugin(AirflowPlugin):
    """Mounts the evidence pages and shows them as the tab "Evidence" of a run."""

    name = "lienthong_audit"

    def __init__(self) -> None:
        self.fastapi_apps: list[Any] = [_app()]
        self.external_views: list[Any] = [
            {
                "name": "Chứng cứ / Evidence",
                "href": f"{base_path()}{MOUNT}/evidence/{{DAG_ID}}/{{RUN_ID}}",
                "destination": "dag_run",
                "url_route": "lienthong-evidence",
            }
        ]


def _app() -> dict[str, Any]:
    from lienthong_audit.app import create_app

    return {"app": create_app(), "url_prefix": MOUNT, "name": "Liên Thông evidence"}
