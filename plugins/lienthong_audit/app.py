"""The web application: two guarded routes, nothing else.

Airflow authenticates nobody for a plugin: each route asks Airflow's auth manager whether the user
may read the audit log of the DAG in the path (401 without login, 403 without that right).
"""

from __future__ import annotations

import secrets
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse

from lienthong.errors import LienThongError
from lienthong_audit.dag_runs import has_ended
from lienthong_audit.evidence import Archive, RunEvidence
from lienthong_audit.kept import Reports
from lienthong_audit.page import Section, language_of, render_error, render_runs

GUARD = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.AUDIT_LOG))

#: Nothing is loaded from anywhere; the one style sheet is inline under a nonce.
_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)

REPORTS = Reports()
"""Verifications of large runs, made on demand: one at a time, and not again for every reader."""

Lang = Annotated[str | None, Query(pattern="^(vi|en)$")]


def create_app() -> FastAPI:
    """Return the app; the schema and documentation pages are off because Airflow would not guard them."""
    app = FastAPI(title="Liên Thông", openapi_url=None, docs_url=None, redoc_url=None, dependencies=[GUARD])
    app.add_api_route("/evidence/{dag_id}/{run_id}", show_run, methods=["GET"], response_class=HTMLResponse)
    app.add_api_route("/evidence/{dag_id}/{run_id}/bundle/{exchange}", download_bundle, methods=["GET"])
    app.add_exception_handler(LienThongError, _failed)
    return app


def show_run(
    request: Request, dag_id: str, run_id: str, lang: Lang = None, step: str = "", verify: bool = False
) -> HTMLResponse:
    """Show the evidence of a DAG run, verified on the spot."""
    language = lang or language_of(request.headers.get("accept-language", ""))
    nonce = secrets.token_urlsafe(16)
    with Archive.open() as archive:
        ended = has_ended(dag_id, run_id)
        sections = [_section(archive, run, verify, ended) for run in archive.runs(dag_id, run_id)]
    html = render_runs(sections, run_id=run_id, language=language, nonce=nonce, step=step)
    return HTMLResponse(html, headers=_headers(nonce, language))


def _section(archive: Archive, run: RunEvidence, verify: bool, ended: bool) -> Section:
    if not (run.settled or run.damaged):
        return Section(run, None, ended)
    if not run.large:
        return Section(run, archive.verify(run), ended)
    found = REPORTS.get(run) if not verify else REPORTS.made(run, archive.verify)
    return Section(run, found.report if found else None, ended, found.at if found else "")


def download_bundle(dag_id: str, run_id: str, exchange: str) -> Response:
    """Hand out the evidence bundle of one exchange of a DAG run: digests only, no records."""
    with Archive.open() as archive:
        found = archive.run(dag_id, run_id, exchange)
        if found is None or not found.settled:
            raise HTTPException(404, "there is no settled run of this exchange here")
        with archive.bundle(found) as path:
            data = path.read_bytes()
    name = f"{exchange}-{found.settled['sequence']}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_common()}
    return Response(data, media_type="application/zip", headers=headers)


def _failed(request: Request, error: Exception) -> HTMLResponse:
    language = language_of(request.headers.get("accept-language", ""))
    nonce = secrets.token_urlsafe(16)
    html = render_error(str(error), language=language, nonce=nonce)
    return HTMLResponse(html, status_code=503, headers=_headers(nonce, language))


def _headers(nonce: str, language: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "Content-Language": language,
        "Vary": "Accept-Language, Cookie",
        **_common(),
    }


def _common() -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
