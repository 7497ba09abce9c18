"""The document bus's adapter, ``/XrdAdapter/RestService/forward``: ``dstcode`` says where to.

A stand-in: path and header are those that public clients use; how the adapter says that something
is wrong is not published, and made up here.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.hops.hop import Hop, Unreachable, trouble_of
from lienthong_sandbox.system import Call


class Adapter(Hop):
    """Passes on by destination code; it asks nobody who they are, as it stands in their own network."""

    name, prefix, title = "vxp_adapter", "/XrdAdapter/RestService/forward", "VXP (giả lập bộ chuyển tiếp)"

    def operation(self, call: Call) -> str:
        """Name the path behind the prefix."""
        return call.path.removeprefix(self.prefix).strip("/").split("/")[0] or "forward"

    def app(self) -> ASGIApp:
        """Return the app."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
        return Starlette(
            routes=[
                Route(self.prefix, self._serve, methods=methods),
                Route(f"{self.prefix}/{{rest:path}}", self._serve, methods=methods),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        service = self.services.get(request.headers.get("dstcode", ""))
        if service is None or trouble_of(request) == "404":
            return JSONResponse(
                {"error_code": "404", "message": "Không tìm thấy hệ thống đích (dstcode)"}, 404
            )
        path = request.path_params.get("rest", "")
        self.store.note("pass", request.headers["dstcode"], request.headers.get("x-request-id"))
        try:
            return await self.pass_on(service, request, f"/{path}" if path else "", "dstcode")
        except Unreachable:
            return Response("Bad Gateway", 502, media_type="text/plain")
