"""A partner's HTTP service: authenticated, signed, with one fresh credential where the old is refused."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import requests

from lienthong.connector import Connection, Context, Expiry, declares_not_taken, in_doubt
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    Tampered,
    Unauthenticated,
)
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.budget import Budget
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.clock import clock_hint
from lienthong_connectors.http.coding import ACCEPTED
from lienthong_connectors.http.expiry import http_expiries
from lienthong_connectors.http.fields import fixed_headers, join_url, sendable
from lienthong_connectors.http.login import dialect
from lienthong_connectors.http.pace import SHORT, pace_of
from lienthong_connectors.http.rate import RateLimit
from lienthong_connectors.http.redirects import CODES, MOST, Redirects, origin
from lienthong_connectors.http.route import Route
from lienthong_connectors.http.signature import HttpSignature
from lienthong_connectors.http.tls import Tls
from lienthong_connectors.http.transport import Incoming, Limits, Prepared, Reply, Streamed, Transport
from lienthong_connectors.http.uplink import first_address, route_of

if TYPE_CHECKING:  # cryptography is loaded where messages are signed only
    from lienthong_connectors.http.signing import MessageSignatures

_AGENT = "lienthong"
#: Credentials renewed within a minute; afterwards a refusal is final.
_RENEWALS = 5
#: Seconds that are waited at least where the other side says to ask again at once: 429 is no invitation.
_LEAST = 0.25


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and the agency whose signature on it was verified (empty without one)."""

    reply: Reply
    signed_by: str = ""


class Client:
    """Speaks with one connection's system. Safe among threads.

    ``headers`` go with every request, after those of the connection; ``identified`` tells whether
    requests say over HTTP who we are. ``soap``: requests are SOAP envelopes; ``route`` is the way
    that requests go.
    """

    def __init__(
        self,
        connection: Connection,
        context: Context,
        limits: Limits,
        signature: HttpSignature | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        pool: int = 8,
        rates: tuple[RateLimit, ...] = (),
        soap: bool = False,
    ) -> None:
        self.where = f"connection {connection.id!r} "
        self._signatures = _signatures(signature, context, self.where.strip())
        self.tls = Tls.of(connection)
        self._connection, self._encrypted = connection, first_address(connection).startswith("https:")
        if self._encrypted:
            self.tls.context  # noqa: B018 - made now: a flaw of its files is said before anything leaves
        self.proxied = bool(connection.option("proxy"))
        self.transport = Transport(
            limits,
            context.log,
            where=self.where,
            tls=self.tls,
            proxy=str(connection.option("proxy", "")),
            pool=pool,
            tap=context.tap(connection) if context.tap else None,
            busy=declares_not_taken(connection),
        )
        self.route: Route = route_of(connection, context, self.transport, soap=soap)
        self.auth = dialect(connection, context, self.transport)
        fixed = fixed_headers(connection)
        self.identified = bool(fixed) or type(self.auth) is not Dialect
        self._headers = {**fixed, **sendable(headers or {}, self.where.strip())}
        self._redirects, self._renewals = Redirects.of(connection), Budget(_RENEWALS)
        self._rates, self._closed = rates, threading.Event()
        self._before_write = context.before_write
        self._pace = pace_of(connection.id, self.base, rates, context.cache)

    def call(self, call: Call) -> Answered:
        """Send a call and return its whole answer, whatever the status; raises as `stream` does."""
        with self.stream(call) as incoming:
            return Answered(incoming.whole(), incoming.signed_by)

    @contextmanager
    def stream(self, call: Call) -> Iterator[Incoming]:
        """Send a call and lend its answer, whatever the status, while it is read.

        A credential that is refused (401, or the portal's word for it) is renewed once and the
        call repeated: by that answer the other side said that it did not process the request
        (RFC 9110 section 15.5.2). Where everything is refused, a few renewals a minute are all.
        Redirects of GET are followed as the connection allows. An answer that must be signed is
        held whole until its signature was verified. A 429 that asks for a short wait is waited for.

        Raises what `Transport.open` raises, `RateLimited` where no request may leave yet,
        `Unauthenticated` and `SignatureInvalid`.
        """
        with ExitStack() as stack:
            incoming, request = self._accepted(call, stack)
            if self._signatures is not None and self._signatures.verifies:
                incoming.signed_by = _signer(self._signatures, incoming, request, safe=call.safe)
            yield incoming

    def touch(self, call: Call) -> Reply:
        """Send a call as `call` does, but ask for no signature on its answer: for checks."""
        with ExitStack() as stack:
            return self._accepted(call, stack)[0].whole()

    def anonymous(self, headers: Mapping[str, str]) -> Client:
        """Return this client without its credentials, with other headers; it is closed with this one."""
        other = copy.copy(self)
        other.auth, other._headers = Dialect(), dict(headers)
        return other

    def along(self, route: Route) -> Client:
        """Return this client on another way; it is closed with this one."""
        other = copy.copy(self)
        other.route = route
        return other

    def expiries(self) -> list[Expiry]:
        """Return what of the connection ends on a day: our certificate, its authorities, a fixed token."""
        return http_expiries(self._connection, self.tls, encrypted=self._encrypted)

    def clock_ahead(self) -> float | None:
        """Return by how many seconds our clock is ahead of the other side's, None before any answer."""
        return self.transport.clocks.ahead

    @property
    def base(self) -> str:
        """Address that requests go to, without a slash at the end."""
        return self.route.base

    def close(self) -> None:
        """Close all connections, and end what waits for its turn."""
        self._closed.set()
        self.transport.close()

    def url(self, path: str) -> str:
        """Return the URL of a path; raise `ProtocolViolation` where it leaves the connection's origin."""
        url = join_url(self.base, path)
        if origin(url) != origin(self.base):
            raise ProtocolViolation(
                "an address leads to another host",
                where=self.where.strip(),
                hint="credentials are never sent elsewhere; give the host as a connection of its own",
            )
        return url

    def _accepted(self, call: Call, stack: ExitStack) -> tuple[Incoming, requests.PreparedRequest]:
        incoming, request = self._paced(call, stack)
        refused = self._refused(incoming)
        if refused is not None and self._renewals.take() and refused.renew(request):
            stack.close()
            incoming, request = self._paced(call, stack)
            refused = self._refused(incoming)
        where = f"{self.where}{call.label or call.path}"
        if error := self.route.error(incoming, request, where=where, safe=call.safe):
            raise error
        if refused is not None:
            stamped = refused.stamped or "Signature-Input" in request.headers
            clock = clock_hint(incoming.headers) if stamped else ""
            raise Unauthenticated(
                "the other side does not accept who we are",
                where=where,
                hint="; ".join(filter(None, ("check the connection's credentials and auth", clock))),
                clock=clock,
            )
        return incoming, request

    def _paced(self, call: Call, stack: ExitStack) -> tuple[Incoming, requests.PreparedRequest]:
        """Send when it is time to; where the other side refuses and asks for a short wait, wait and repeat.

        By 429 it says that it did not process the request, by 503 only that a safe one may be repeated.
        """
        waited, tries = 0.0, 3
        while True:
            self._pace.wait(self._rates, self._closed)
            incoming, request = self._send(call, stack)
            asked, tries = self._pace.heard(incoming.status, incoming.headers), tries - 1
            waited += asked or 0.0
            final = asked is None or not tries or waited > SHORT
            if final or (incoming.status == 503 and not call.safe):
                return incoming, request
            stack.close()
            self._closed.wait(max(asked or 0.0, _LEAST * (3 - tries)))

    def _refused(self, incoming: Incoming) -> Dialect | None:
        """Return the credential that was not accepted: ours at the gateway, or at the service."""
        if self.route.refuses(incoming):
            return self.route.credential
        if incoming.status == 401 or self.auth.announced_in_body:
            return self.auth if self.auth.refused(incoming.status, incoming.whole().body) else None
        return None

    def _send(self, call: Call, stack: ExitStack) -> tuple[Incoming, requests.PreparedRequest]:
        call = self.route.outgoing(replace(call, correlation=call.correlation or uuid4().hex))
        first, url = self._reached(call)
        incoming, request = first._once(call, url, call.params, stack)
        for _ in range(MOST):
            onward = self._redirected(call, incoming)
            if onward is None:
                break
            stack.close()
            client = self if origin(onward) == origin(self.base) else self._stranger()
            incoming, request = client._once(call, onward, {}, stack)
        return incoming, request

    def _reached(self, call: Call) -> tuple[Client, str]:
        """Return who sends a call, and where: another host that the connection lists learns nothing of us."""
        host = origin(call.path)[1] if call.elsewhere and call.method == "GET" else ""
        if not host or origin(call.path) == origin(self.base) or host not in self._redirects.hosts:
            return self, self.url(call.path)
        where = self.where.strip()
        return self._stranger(), self._redirects.target(self.base, self.base, call.path, where=where)

    def _redirected(self, call: Call, incoming: Incoming) -> str | None:
        """Return where a call goes on; None where it ends here, also at a redirect not to be followed."""
        if incoming.status not in CODES or call.method not in {"GET", "HEAD"} or not self._redirects.followed:
            return None
        location = incoming.header("Location")
        if not location:
            raise ProtocolViolation(
                f"the other side redirects ({incoming.status}) without saying where",
                where=f"{self.where}{call.label or call.path}",
                hint="tell the agency: the header Location is missing",
            )
        return self._redirects.target(self.base, incoming.url, location, where=self.where.strip())

    def _stranger(self) -> Client:
        """Return this client for another host, which learns nothing of who we are."""
        other = self.anonymous({}).along(Route(self.base))
        other._signatures = None
        return other

    def _once(
        self, call: Call, url: str, params: Mapping[str, str], stack: ExitStack
    ) -> tuple[Incoming, requests.PreparedRequest]:
        headers = {
            "User-Agent": _AGENT,
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED,
            "X-Request-Id": call.correlation,
            **self._headers,
            **call.headers,
        }
        try:
            request = requests.Request(
                call.method, url, params=dict(params), headers=headers, data=call.body
            ).prepare()
        except requests.RequestException as error:
            raise Misconfigured(
                f"the request cannot be written ({type(error).__name__})",
                where=f"{self.where}{call.label}",
                hint="check host and path, and the headers of the settings",
            ) from None
        self.auth(request)
        self.route.credential(request)
        if not isinstance(request.body, Streamed):
            request.prepare_content_length(request.body)
        if self._signatures is not None:
            self._signatures.sign(request)
        label = call.label or "/" + call.path.lstrip("/")
        trace = " ".join(filter(None, (call.correlation, self.route.trace(request))))
        before = None if call.safe else self._before_write
        prepared = Prepared(request, label, call.safe, trace, call.answer_bytes, before)
        try:
            return stack.enter_context(self.transport.open(prepared)), request
        except LienThongError as error:
            error.details.setdefault("hop", self.route.gateway)
            raise


def _signer(
    signatures: MessageSignatures, incoming: Incoming, request: requests.PreparedRequest, *, safe: bool
) -> str:
    """Return whose signature an answer has; what keeps us from checking it says nothing of a delivery."""
    try:
        return signatures.verify(incoming.whole(), request)
    except (Tampered, OutcomeUnknown):
        raise
    except LienThongError as error:
        raise (error if safe else in_doubt(error)) from None


def _signatures(signature: HttpSignature | None, context: Context, where: str) -> MessageSignatures | None:
    if signature is None:
        return None
    from lienthong_connectors.http.signing import MessageSignatures

    return MessageSignatures(signature, context, where=where)
