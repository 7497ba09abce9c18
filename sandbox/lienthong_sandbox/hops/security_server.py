"""A stand-in for X-Road's Security Servers, ``/xroad``: both of them, ours and the provider's, in one.

Written from the published protocols PR-REST, PR-MESS, PR-MREST and PR-META. It signs nothing and
keeps no message log; it checks what a Security Server checks of a request, passes it on, and answers
and refuses as one does. REST under ``/xroad/r1``, SOAP at ``/xroad/``, ``/xroad/listClients``.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox import soap
from lienthong_sandbox.hops import xroad_meta as meta
from lienthong_sandbox.hops import xroad_soap
from lienthong_sandbox.hops.hop import Hop, Service, Unreachable, send, trouble_of
from lienthong_sandbox.hops.xroad_rest import Asked, XRoadError, answered, asked
from lienthong_sandbox.system import Call, fault_of

INSTANCE = "SANDBOX"
"""The X-Road instance that the sandbox plays."""
CLIENT = f"{INSTANCE}/GOV/H21/LIENTHONG"
"""Who the bus is: the only client there is."""
_CLOSED = "khoa"


class SecurityServer(Hop):
    """Services by ``member/subsystem/service``; the one called ``khoa`` is granted to nobody."""

    name, prefix, title = "security_server", "/xroad", "X-Road (giả lập máy chủ an ninh)"

    def operation(self, call: Call) -> str:
        """``member/subsystem/service`` of a REST call, the element in the Body of a SOAP call."""
        rest = call.path.removeprefix(self.prefix).strip("/")
        if rest.startswith("r1/"):
            return "/".join(rest.split("/")[3:6])
        return rest or soap.operation_of(call.body)

    def app(self) -> ASGIApp:
        """Return the app."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
        return Starlette(
            routes=[
                Route(f"{self.prefix}/listClients", self._clients, methods=["GET"]),
                Route(f"{self.prefix}/{{version}}/{{rest:path}}", self._rest, methods=methods),
                Route(self.prefix, self._soap, methods=["POST"]),
                Route(f"{self.prefix}/", self._soap, methods=["POST"]),
            ]
        )

    async def _clients(self, request: Request) -> Response:
        return meta.clients([CLIENT, *self._providers()], json="json" in request.headers.get("accept", ""))

    def _providers(self) -> list[str]:
        return sorted({f"{INSTANCE}/GOV/{name.rpartition('/')[0]}" for name in self.services})

    def _service(self, provider: str, code: str, client: str) -> Service:
        """Return a service that this client may call; raise what the Security Servers say otherwise."""
        if client != CLIENT:
            raise XRoadError("Server.ClientProxy.UnknownMember", f"Client '{client}' not found")
        if provider not in self._providers():
            raise XRoadError(
                "Server.ClientProxy.UnknownMember", "Could not find addresses for service provider"
            )
        service = self.services.get(f"{provider.removeprefix(f'{INSTANCE}/GOV/')}/{code}")
        if service is None:
            raise XRoadError("Server.ServerProxy.UnknownService", "Unknown service")
        if code == _CLOSED:
            raise XRoadError("Server.ServerProxy.AccessDenied", "Request is not allowed")
        return service

    async def _rest(self, request: Request) -> Response:
        try:
            call = asked(request, self.prefix)
            _act_out(request)
            response = await self._meta(call) or await self._forward(call, request)
            self.store.note("rest", "/".join(call.service), call.id)
            wrong = fault_of(request) == "wrong_echo"
            return answered(response, call, request, await request.body(), wrong=wrong)
        except XRoadError as error:
            body = {"type": error.code, "message": error.text, "detail": error.id}
            return JSONResponse(body, error.status, headers={"X-Road-Error": error.code})

    async def _forward(self, call: Asked, request: Request) -> Response:
        service = self._service("/".join(call.provider), call.code, "/".join(call.client))
        try:
            return await self.pass_on(service, request, call.path, "user-agent")
        except Unreachable:
            raise XRoadError("Server.ServerProxy.NetworkError", "Connect to the service failed") from None

    async def _meta(self, call: Asked) -> Response | None:
        """Answer a REST metadata service, None where the call is none."""
        provider = "/".join(call.provider)
        if call.code in ("listMethods", "allowedMethods"):
            return meta.rest_methods(provider, self._codes(provider, call.code, rest=True))
        if call.code == "getOpenAPI":
            found = meta.openapi(call.query.get("serviceCode", ""))
            if found is None:
                raise XRoadError("Client.InvalidRequest", "no such OpenAPI service", 400)
            return found
        return None

    def _codes(self, provider: str, method: str, *, rest: bool) -> list[str]:
        if provider not in self._providers():
            raise XRoadError(
                "Server.ClientProxy.UnknownMember", "Could not find addresses for service provider"
            )
        front = f"{provider.removeprefix(f'{INSTANCE}/GOV/')}/"
        codes = [name.removeprefix(front) for name in self.services if name.startswith(front)]
        return [
            code
            for code in codes
            if (code[0].islower() is rest) and (code != _CLOSED or method == "listMethods")
        ]

    async def _soap(self, request: Request) -> Response:
        raw = await request.body()
        try:
            call = xroad_soap.asked(raw)
            _act_out(request)
            if call.code in meta.SOAP_METHODS:
                codes = self._codes(call.provider, call.code, rest=False)
                return meta.soap_answer(call, raw, codes)
            service = self._service(call.provider, call.code, call.client)
            answer = await run_in_threadpool(self._ask, service, request, raw)
            self.store.note("soap", f"{call.provider}/{call.code}", call.id)
            body = xroad_soap.answered(answer[1], call, raw, wrong=fault_of(request) == "wrong_echo")
            return Response(body, answer[0], media_type="text/xml; charset=utf-8")
        except XRoadError as error:
            return Response(xroad_soap.fault(error), 500, media_type="text/xml; charset=utf-8")

    def _ask(self, service: Service, request: Request, raw: bytes) -> tuple[int, bytes]:
        """Post an envelope to the service; only Content-Type and SOAPAction of the HTTP headers go on."""
        kept = {k: v for k, v in request.headers.items() if k in ("content-type", "soapaction")}
        try:
            answer = send(service, "POST", "", kept, raw)
        except Unreachable:
            raise XRoadError("Server.ServerProxy.ServiceFailed.NetworkError", "Connect failed") from None
        if "xml" not in answer.headers.get("Content-Type", ""):
            raise XRoadError("Server.ServerProxy.ServiceFailed.HttpError", f"HTTP {answer.status_code}")
        return answer.status_code, answer.content


def _act_out(request: Request) -> None:
    """Raise the error that this request is to be answered with."""
    if code := trouble_of(request):
        raise XRoadError(code, "acted out")
