"""Paths that steer the sandbox, for demonstrations and for tests in other processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.faults import Fault
from lienthong_sandbox.system import System

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a control path was asked: about which system, with which JSON body."""

    system: System
    request: Request
    body: Any


def fault_from(body: Record) -> Fault:
    """Read ``{"fault", "times"?, "after"?, "operation"?, "seconds"?, "code"?}``.

    ``times`` of null means until cleared. Raises ``ValueError`` or ``TypeError`` naming what is wrong.
    """
    unknown = set(body) - {"fault", "times", "after", "operation", "seconds", "code"}
    if unknown:
        raise ValueError(f"unknown setting: {', '.join(sorted(unknown))}")
    times = body.get("times", 1)
    return Fault(
        str(body.get("fault", "")),
        None if times is None else int(times),
        int(body.get("after", 0)),
        body.get("operation"),
        float(body.get("seconds", 1.0)),
        str(body.get("code", "")),
    )


class Control:
    """The control paths over all systems."""

    def __init__(self, systems: Mapping[str, System]) -> None:
        """Steer ``systems``, by name."""
        self._systems = systems

    def app(self) -> ASGIApp:
        """Return the app."""
        base = "/_control/{system}"
        return Starlette(
            routes=[
                Route("/", self._index, methods=["GET"]),
                Route("/_control/bad-rows", self._bad_rows, methods=["PUT"]),
                Route(f"{base}/faults", self._on(self._fault), methods=["POST", "DELETE", "GET"]),
                Route(f"{base}/log", self._on(self._log), methods=["GET"]),
                Route(f"{base}/defects", self._on(self._defects), methods=["GET"]),
                Route(f"{base}/records/{{collection}}", self._on(self._records), methods=["POST", "PUT"]),
            ]
        )

    def _on(self, act: Callable[[Asked], JSONResponse]) -> Callable[[Request], Any]:
        """Find the system, read the JSON body, turn a bad value into 400."""

        async def handle(request: Request) -> Response:
            system = self._systems.get(request.path_params["system"])
            if system is None:
                return JSONResponse({"error": f"systems: {', '.join(self._systems)}"}, 404)
            try:
                body = await request.json() if request.method in ("POST", "PUT") else None
                return act(Asked(system, request, body))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                return JSONResponse({"error": str(error)}, 400)

        return handle

    async def _index(self, request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        rows = [{"name": s.name, "title": s.title, "url": base + s.prefix} for s in self._systems.values()]
        return JSONResponse({"systems": rows})

    async def _bad_rows(self, request: Request) -> Response:
        try:
            switch = bool((await request.json())["on"])
        except (ValueError, TypeError, KeyError):
            return JSONResponse({"error": 'body must be {"on": true|false}'}, 400)
        for system in self._systems.values():
            system.store.bad_rows = switch
        return JSONResponse({"on": switch})

    def _fault(self, asked: Asked) -> JSONResponse:
        if asked.request.method == "POST":
            asked.system.await_fault(fault_from(asked.body))
        elif asked.request.method == "DELETE":
            asked.system.board.clear()
        names = ("name", "times", "after", "operation", "seconds", "code")
        return JSONResponse(
            {"waiting": [{n: getattr(f, n) for n in names} for f in asked.system.board.waiting]}
        )

    def _log(self, asked: Asked) -> JSONResponse:
        return JSONResponse(
            {"requests": asked.system.store.log_counts(), "audit": asked.system.store.audit()}
        )

    def _defects(self, asked: Asked) -> JSONResponse:
        return JSONResponse(asked.system.defects())

    def _records(self, asked: Asked) -> JSONResponse:
        return JSONResponse(
            {"Count": asked.system.upsert(asked.request.path_params["collection"], asked.body)}
        )
