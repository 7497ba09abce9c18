"""Work accepted now and done later (``Prefer: respond-async``, RFC 7240): 202 first, then states."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lienthong_sandbox.store import Store, document
from lienthong_sandbox.system import fault_of
from lienthong_sandbox.times import now, to_ms

Record = dict[str, Any]
POLLS = 2
"""How often a job is found at work before it is done."""
_LIST = "viec"


def wanted(request: Request) -> bool:
    """Tell whether a caller wants to be answered later."""
    return "respond-async" in request.headers.get("prefer", "").lower()


class Jobs:
    """The jobs of one system, kept in its store; ``work`` is what a job does with its batch and key."""

    def __init__(
        self, store: Store, prefix: str, work: Callable[[list[Any], str | None], list[Record]]
    ) -> None:
        """Answer below ``prefix``, such as ``/motcua/api/viec``."""
        self._store, self._prefix, self._work = store, prefix, work

    def accept(self, request: Request, batch: list[Any], key: str | None) -> Response:
        """Keep a batch as a job, once for each key, and answer 202 with its address."""
        fault = fault_of(request)
        name = key or secrets.token_hex(8)
        if fault != "job_lost" and self._store.get(_LIST, name) is None:
            body = {"batch": batch, "key": key, "polls": POLLS, "fails": fault == "job_failed"}
            self._keep(name, body)
        headers = {"Location": f"{self._prefix}/{name}", "Retry-After": "1"}
        return JSONResponse({"Status": 1, "Message": "Đã tiếp nhận, đang xử lý"}, 202, headers=headers)

    def answer(self, request: Request) -> Response:
        """Answer a question about a job; the one after the last wait does the work."""
        name = request.path_params["name"]
        with self._store.transaction():
            row = self._store.get(_LIST, name)
            if row is None:
                return JSONResponse({"Status": 404, "Message": "Không có việc này"}, 404)
            job = row.body
            if fault_of(request) == "job_pending" or job["polls"] > 0:
                self._keep(name, job | {"polls": max(0, job["polls"] - 1)})
                body = {"Status": 1, "State": "DANG_XU_LY"}
                return JSONResponse(body, headers={"Retry-After": "1"})
            if job["fails"]:
                body = {"Status": 1, "State": "THAT_BAI", "code": "LO_HONG", "message": "Lô không xử lý được"}
                return JSONResponse(body)
            if "results" not in job:
                job["results"] = self._work(job["batch"], job["key"])
                self._keep(name, job)
            return JSONResponse({"Status": 1, "State": "HOAN_THANH", "Results": job["results"]})

    def _keep(self, name: str, body: Record) -> None:
        self._store.put(_LIST, document(name, to_ms(now()), body))
