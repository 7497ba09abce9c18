"""The way from a connection to its service: straight, or through a gateway that has a say of its own.

A `Route` turns a connector's `Call` into the request that the first hop understands, and reads from
answers what the hops themselves say. Connectors do not know which way their requests go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import requests

from lienthong.errors import LienThongError, Misconfigured
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.trouble import SERVICE

if TYPE_CHECKING:
    from lienthong.connector import Finding
    from lienthong_connectors.http.call import Call
    from lienthong_connectors.http.client import Client
    from lienthong_connectors.http.transport import Incoming, Streamed


class Blocks(Protocol):
    """SOAP header blocks that a way asks for, and what the answer to them must be."""

    @property
    def markup(self) -> list[str]:
        """The blocks of the request, written, in their order."""
        ...

    def judge(self, header: Any, fault: Any, sent: bytes | Streamed, *, where: str, delivery: bool) -> None:
        """Raise where a hop answered with a fault of its own, or the answer is not to this request.

        ``header`` (by full names) and ``fault`` are the answer's, as JSON values; ``sent`` is the
        request's envelope.
        """
        ...


class Route:
    """The straight way: nothing stands between the connection and the service.

    ``base`` is the URL that requests go to, ``gateway`` what stands there in the words of checks
    (empty: the service itself), ``credential`` who we are to the gateway.
    """

    gateway = ""
    #: Namespaces of SOAP header blocks that the way itself writes.
    namespaces: frozenset[str] = frozenset()

    @property
    def hops(self) -> tuple[str, ...]:
        """What stands before the service, in order, in the words of checks."""
        return (self.gateway,) if self.gateway else ()

    def __init__(self, base: str, credential: Dialect | None = None) -> None:
        self.base = base
        self.credential = credential or Dialect()

    def outgoing(self, call: Call) -> Call:
        """Return the request that the first hop understands."""
        return call

    def trace(self, request: requests.PreparedRequest) -> str:  # noqa: ARG002 - other ways have one
        """Return what finds this request again at the hops, for log lines."""
        return ""

    def refuses(self, incoming: Incoming) -> bool:  # noqa: ARG002 - nobody is asked
        """Tell whether an answer means that the gateway does not accept our credential."""
        return False

    def error(
        self,
        incoming: Incoming,  # noqa: ARG002 - a service's answers are the connector's matter
        request: requests.PreparedRequest,  # noqa: ARG002
        *,
        where: str,  # noqa: ARG002
        safe: bool,  # noqa: ARG002
    ) -> LienThongError | None:
        """Return what a hop says in an answer of its own, None for an answer of the service."""
        return None

    def admit(self, operation: str, element: str, version: str, *, where: str) -> None:
        """Raise `Misconfigured` for a SOAP operation that this way would never pass on.

        ``element`` is the local name of the Body's one element (empty where there are several or none),
        ``version`` the SOAP version.
        """

    def blocks(self, operation: str) -> Blocks | None:  # noqa: ARG002 - none on the straight way
        """Return the SOAP header blocks of a request, None where the way asks for none."""
        return None

    def check(self, client: Client, operation: str) -> list[Finding] | None:  # noqa: ARG002
        """Return what a check of a SOAP operation finds at hops and service.

        None where the connector may knock at the service itself, because the way passes on whatever
        it is given.
        """
        return None

    def place(self, hop: str) -> str:
        """Return what a hop is called in checks."""
        return (self.gateway or SERVICE) if hop != SERVICE else SERVICE


class GatewayCredential(Dialect):
    """Who we are to the gateway, beside who we are to the service.

    ``header`` moves an ``Authorization`` to another header, because the service's own credential
    travels in that one.
    """

    def __init__(self, inner: Dialect, header: str, where: str) -> None:
        self._inner, self._header, self._where = inner, header, where

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the credential on the request; raise `Misconfigured` where its place is taken."""
        scratch = requests.Request("GET", str(request.url)).prepare()
        plain = set(scratch.headers)
        self._inner(scratch)
        for name, value in scratch.headers.items():
            if name in plain:
                continue
            to = self._header if self._header and name.lower() == "authorization" else name
            if to in request.headers:
                raise Misconfigured(
                    f"gateway and service both want the header {to!r}",
                    where=self._where,
                    hint="give uplink_token_header, or leave auth empty where the gateway knows us for both",
                )
            request.headers[to] = value
        return request

    def renew(self, used: requests.PreparedRequest) -> bool:
        """Forget the credential that the refused request carried."""
        scratch = used.copy()
        if self._header:
            scratch.headers["Authorization"] = used.headers.get(self._header, "")
        return self._inner.renew(scratch)

    def prove(self) -> bool:
        """Obtain the credential."""
        return self._inner.prove()


def without(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return headers without some, whose names are compared as HTTP compares them."""
    gone = {name.lower() for name in names}
    return {name: value for name, value in headers.items() if name.lower() not in gone}
