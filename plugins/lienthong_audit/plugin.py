"""The Airflow plugin (entry point ``airflow.plugins``): an app, a tab on every DAG run, and their guard."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk.plugins_manager import AirflowPlugin

from lienthong.airflow.guard import RunGuard
from lienthong.airflow.links import MOUNT, base_path

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LienThongAuditPlugin(AirflowPlugin):
    """Mounts the evidence pages and shows them as the tab "Evidence" of a run.

    Its listener keeps a DAG run from being green while an exchange in it has not settled.
    """

    name = "lienthong_audit"

    def __init__(self) -> None:
        self.listeners: list[Any] = [RunGuard()]
        self.fastapi_apps: list[Any] = [{"app": LazyApp(), "url_prefix": MOUNT, "name": "Liên Thông"}]
        self.external_views: list[Any] = [
            {
                "name": "Chứng cứ / Evidence",
                "href": f"{base_path()}{MOUNT}/evidence/{{DAG_ID}}/{{RUN_ID}}",
                "destination": "dag_run",
                "url_route": "lienthong-evidence",
            }
        ]


class LazyApp:
    """The web application, made at its first request.

    Airflow loads plugins in every component and task; only the API server needs a web framework.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    @cached_property
    def _app(self) -> ASGIApp:
        from lienthong_audit.app import create_app

        return create_app()

    def __repr__(self) -> str:
        return "LazyApp(lienthong_audit)"
