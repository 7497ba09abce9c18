"""The REST protocol as a Security Server reads and writes it (PR-REST sections 4.1 to 4.6)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from lienthong_sandbox.hops.hop import encoded

_NOT_HASHED = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding", "user-agent"}
)


@dataclass
class XRoadError(Exception):
    """A refusal of a Security Server; ``id`` is by what its administrator finds it."""

    code: str
    text: str
    status: int = 500
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: who calls which service, what comes behind the service's id."""

    client: tuple[str, ...]
    provider: tuple[str, ...]
    code: str
    path: str
    query: Mapping[str, str]
    id: str

    @property
    def service(self) -> tuple[str, ...]:
        """The parts of the service's id."""
        return (*self.provider, self.code)


def asked(request: Request, prefix: str) -> Asked:
    """Read a request; raise :class:`XRoadError` where it does not follow the protocol."""
    raw = request.scope["raw_path"].decode("ascii").removeprefix(prefix).strip("/")
    version, *parts = raw.split("/")
    if version != "r1" or len(parts) < 5:
        raise XRoadError("Client.BadRequest", "Error parsing the client's REST request", 400)
    client = tuple(unquote(part) for part in request.headers.get("x-road-client", "").split("/"))
    if len(client) not in (3, 4) or not all(client):
        raise XRoadError("Client.BadRequest", "Missing or malformed X-Road-Client", 400)
    instance, kind, member, subsystem, code = (unquote(part) for part in parts[:5])
    target = request.headers.get("x-road-security-server", f"{instance}/{kind}/{member}/ss1")
    if target.rpartition("/")[2] != "ss1":
        raise XRoadError("Server.ClientProxy.InvalidSecurityServer", "Invalid security server")
    rest = "".join(f"/{part}" for part in parts[5:])
    id_ = request.headers.get("x-road-id") or str(uuid4())
    provider = (instance, kind, member, subsystem)
    return Asked(client, provider, code, unquote(rest), dict(request.query_params), id_)


def answered(response: Response, call: Asked, request: Request, body: bytes, *, wrong: bool) -> Response:
    """Return the service's answer with the headers that the Security Servers add.

    The request's hash is computed as section 4.3 says, over header names in lower case, which is
    how they arrive here.
    """
    request_id = str(uuid4())
    kept = [(k, v) for k, v in request.headers.items() if k not in _NOT_HASHED]
    query = f"?{request.url.query}" if request.url.query else ""
    lines = [request.method, request.scope["raw_path"].decode("ascii") + query]
    lines += [f"{name}:{value}" for name, value in (*kept, ("x-road-request-id", request_id))]
    digest = hashlib.sha512("".join(f"{line}\r\n" for line in lines).encode()).digest()
    if body:
        digest = hashlib.sha512(digest + hashlib.sha512(body).digest()).digest()
    added = {
        "x-road-id": str(uuid4()) if wrong else call.id,
        "x-road-client": _path(call.client),
        "x-road-service": _path(call.service),
        "x-road-request-id": request_id,
        "x-road-request-hash": base64.b64encode(digest).decode(),
    }
    response.raw_headers = [*response.raw_headers, *encoded(added.items())]
    return response


def _path(parts: tuple[str, ...]) -> str:
    return "/".join(quote(part, safe="") for part in parts)
