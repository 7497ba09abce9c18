"""The National Data Centre's platform, ``/ndop``: what is public says that it is there, not how it speaks.

A stand-in for a gateway of the plainest kind: a key in a header, the service's name in a header,
plain status codes.
"""

from __future__ import annotations

import hmac

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.hops.hop import Hop, Unreachable
from lienthong_sandbox.system import Call

KEY = "ndop-sandbox-key"
"""The key that callers show in ``X-Ndop-Key``; the sandbox's own, worth nothing anywhere else."""


class Ndop(Hop):
    """Passes on by the service's name in ``X-Ndop-Service``."""

    name, prefix, title = "ndop", "/ndop", "NDOP (giả lập nền tảng của Trung tâm dữ liệu quốc gia)"

    def operation(self, call: Call) -> str:  # noqa: ARG002 - the service is named in a header
        """There is one operation."""
        return "pass"

    def app(self) -> ASGIApp:
        """Return the app."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
        return Starlette(
            routes=[
                Route(f"{self.prefix}/share", self._serve, methods=methods),
                Route(f"{self.prefix}/share/{{rest:path}}", self._serve, methods=methods),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("x-ndop-key", "").encode(), KEY.encode()):
            return Response(status_code=401)
        service = self.services.get(request.headers.get("x-ndop-service", ""))
        if service is None:
            return Response(status_code=404)
        self.store.note("pass", request.headers["x-ndop-service"], request.headers.get("x-correlation-id"))
        path = request.path_params.get("rest", "")
        try:
            own = ("x-ndop-key", "x-ndop-service")
            return await self.pass_on(service, request, f"/{path}" if path else "", *own)
        except Unreachable:
            return Response(status_code=502)
