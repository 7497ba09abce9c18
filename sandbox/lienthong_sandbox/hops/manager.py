"""NDXP's API manager, ``/ndxp``: OAuth2 tokens, APIs under context and version, errors in ``fault``.

A stand-in that answers as WSO2 API Manager is documented to. The token may come in
``X-Gateway-Token`` where ``Authorization`` belongs to the service.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.hops.hop import Hop, Service, Unreachable, trouble_of
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import Call
from lienthong_sandbox.tokens import Issuer

_OTHER_PLACE = "x-gateway-token"
_ERRORS = {
    "404": (404, "No matching resource found for given API Request"),
    "900800": (429, "Message throttled out"),
    "900901": (401, "Invalid Credentials"),
    "900902": (401, "Missing Credentials"),
    "900907": (503, "API blocked"),
    "900908": (403, "Resource forbidden"),
    "101503": (503, "Error connecting to the back end"),
    "101504": (504, "Connection timed out"),
    "303001": (503, "Currently, all endpoints are suspended"),
}


class Manager(Hop):
    """The API manager; ``khoa`` is an API that nobody has subscribed to."""

    name, prefix, title = "ndxp", "/ndxp", "NDXP (giả lập cổng API quốc gia)"

    def __init__(self, store: Store, services: dict[str, Service], issuer: Issuer) -> None:
        """Let those through who have a token of ``issuer``."""
        self.issuer = issuer
        super().__init__(store, services)

    def operation(self, call: Call) -> str:
        """``token``, or context and version of the API."""
        parts = call.path.removeprefix(self.prefix).strip("/").split("/")
        return "token" if parts == ["token"] else "/".join(parts[:2])

    def app(self) -> ASGIApp:
        """Return the app."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
        return Starlette(
            routes=[
                Route(f"{self.prefix}/token", self.issuer.grant, methods=["POST"]),
                Route(f"{self.prefix}/{{rest:path}}", self._serve, methods=methods),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        if code := trouble_of(request):
            return _error(code)
        context, version, *rest = (*str(request.path_params["rest"]).split("/"), "", "")
        service = self.services.get(f"{context}/{version}")
        if service is None:
            return _error("404")
        if not self._known(request):
            return _error("900901")
        if context == "khoa":
            return _error("900908")
        self.store.note("pass", f"{context}/{version}", request.headers.get("activityid"))
        path = "/".join(part for part in rest if part)
        own = _OTHER_PLACE if _OTHER_PLACE in request.headers else "authorization"
        try:
            return await self.pass_on(service, request, f"/{path}" if path else "", own)
        except Unreachable:
            return _error("101503")

    def _known(self, request: Request) -> bool:
        token = request.headers.get(_OTHER_PLACE) or request.headers.get("authorization", "")
        return self.issuer.granted(token.removeprefix("Bearer "))


def _error(code: str) -> Response:
    status, text = _ERRORS[code]
    body = {"fault": {"code": int(code), "message": text, "description": text}}
    return JSONResponse(body, status)
