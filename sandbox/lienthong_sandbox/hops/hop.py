"""What all gateways have in common: services behind them, and passing a request on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import requests
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from lienthong_sandbox.faults import OF_HOPS
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import CODE_KEY, System, fault_of

_OWN = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "server", "date"}
)


@dataclass(slots=True)
class Service:
    """A service behind a gateway: its address, and what proves the gateway to it.

    Without a ``credential`` the caller's own headers go through. A test that points ``url`` at a
    closed port has a service that is down.
    """

    url: str
    credential: Callable[[], dict[str, str]] | None = None


class Unreachable(Exception):
    """The service behind the gateway cannot be reached."""


class Hop(System):
    """A gateway with the services behind it, by the names it knows them under."""

    inner = OF_HOPS

    def __init__(self, store: Store, services: dict[str, Service]) -> None:
        """Stand before ``services``."""
        self.services = services
        super().__init__(store)

    def seed(self) -> None:
        """A gateway keeps nothing."""

    async def pass_on(self, service: Service, request: Request, path: str, *without: str) -> Response:
        """Send the request on and return the service's answer; ``without`` names headers that stay here.

        Raises `Unreachable`.
        """
        kept = [(k, v) for k, v in request.headers.items() if k not in {*_OWN, *without}]
        headers = dict(kept) | {"accept-encoding": "identity"}
        body = await request.body()
        answer = await run_in_threadpool(
            send, service, request.method, path, headers, body, request.url.query
        )
        response = Response(answer.content, answer.status_code)
        response.raw_headers = [
            *response.raw_headers,
            *encoded((k, v) for k, v in answer.headers.items() if k.lower() not in _OWN),
        ]
        return response


def send(
    service: Service, method: str, path: str, headers: dict[str, str], body: bytes, query: str = ""
) -> requests.Response:
    """Send a request to a service, with the gateway's credential where it has one."""
    if service.credential is not None:
        headers = {k: v for k, v in headers.items() if k.lower() != "authorization"} | service.credential()
    url = f"{service.url}{path}" + (f"?{query}" if query else "")
    try:
        return requests.request(method, url, headers=headers, data=body, timeout=30, allow_redirects=False)
    except requests.RequestException as error:
        raise Unreachable from error


def encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return headers as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def trouble_of(request: Request) -> str:
    """Return the error that this request's gateway is to answer with, empty where it is none."""
    return str(request.scope.get(CODE_KEY, "")) if fault_of(request) == "hop_error" else ""
