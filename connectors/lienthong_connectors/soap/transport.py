"""Requests to one service: bounded in time and size, never redirected, answers read as a stream."""

from __future__ import annotations

import copy
import re
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Final, NoReturn

import requests
import urllib3
from urllib3.exceptions import HTTPError

from lienthong.connector import Connection, Context
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    TimedOut,
    Unavailable,
)
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.coding import ACCEPTED
from lienthong_connectors.http.fields import base_url, join_url
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Limits, Prepared, Reply, Transport
from lienthong_connectors.http.wire import Deadline, WatchedAdapter
from lienthong_connectors.soap.auth import authentication, fixed_headers
from lienthong_connectors.xml.shape import refuse

_CHUNK: Final = 1 << 16
SPEAKING: Final = frozenset({401, 403, 429, 502, 503, 504})
_BIG_WSDL: Final = 16 << 20
_CUTS = (OSError, HTTPException, HTTPError, requests.RequestException)
_NOT_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@dataclass(slots=True)
class Incoming:
    """An answer whose body is still to be read. ``media`` is its type, ``charset`` what the header says."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    media: str
    charset: str | None
    chunks: Iterator[bytes] = field(repr=False)

    @property
    def is_xml(self) -> bool:
        """Whether the body says that it is XML."""
        return self.media in {"text/xml", "application/xml", "application/soap+xml"}

    def error(self, *, where: str, delivery: bool) -> LienThongError | None:
        """Return what the status alone means, None for a success."""
        plain = requests.structures.CaseInsensitiveDict(self.headers)
        return failure(Reply(self.status, plain, b"", b""), where=where, safe=not delivery)


class Wire:
    """The connection to one service; ``identified`` tells whether requests say over HTTP who we are."""

    def __init__(self, connection: Connection, context: Context, settings: Any) -> None:
        self.where = f"connection {connection.id!r}"
        self.base = base_url(connection)
        self.url = join_url(self.base, settings.path)
        self._settings, self._log = settings, context.log
        certificate, key = connection.option("client_certificate"), connection.option("client_key")
        self._certificate = (certificate, key) if certificate and key else certificate
        proxy = str(connection.option("proxy", ""))
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self.ca_file = str(connection.option("ca_file", ""))
        self._verify: bool | str = self.ca_file or True
        self._adapter = WatchedAdapter(pool_connections=2, pool_maxsize=2)
        limits = Limits(settings.connect_timeout, settings.read_timeout, settings.deadline, _BIG_WSDL)
        self._small = Transport(
            limits,
            context.log,
            where=self.where,
            ca_file=self.ca_file,
            certificate=self._certificate,
            proxy=proxy,
        )
        self.auth = authentication(connection, self._small)
        fixed = fixed_headers(connection)
        self._fixed = {**fixed, **settings.headers}
        self.identified = bool(fixed) or str(connection.option("auth", "none")) != "none"

    def get(self, url: str) -> bytes:
        """Fetch a file of the service's description."""
        reply = self._get(url)
        error = failure(reply, where=f"{self.where} (wsdl)", safe=True)
        if error is not None:
            raise error
        return reply.body

    def ping(self) -> int:
        """Send a GET to the service's address and return the status.

        Raises what a 401, 403, 429, 502, 503 or 504 means; any other status is a service's own
        answer to a GET, which SOAP does not define.
        """
        reply = self._get(self.url)
        if reply.status in SPEAKING:
            error = failure(reply, where=self.where, safe=True)
            if error is not None:
                raise error
        return reply.status

    def _get(self, url: str) -> Reply:
        for last in (False, True):
            headers = {**self._fixed, "Accept-Encoding": ACCEPTED}
            request = requests.Request("GET", url, headers=headers).prepare()
            self.auth(request)
            reply = self._small.send(Prepared(request, label=" (description)", safe=True))
            if reply.status != 401 or last or not self.auth.renew(request):
                break
        return reply

    @contextmanager
    def post(
        self, body: bytes, headers: Mapping[str, str], *, label: str, delivery: bool
    ) -> Iterator[Incoming]:
        """Post an envelope and lend its answer.

        A credential that was refused (401) is renewed once. Raises `Unavailable` where nothing left
        or a read was cut, `TimedOut` where a read took too long, `OutcomeUnknown` where a delivery
        left and no whole answer came back, `Misconfigured` where TLS does not hold.
        """
        started, size = time.monotonic(), [0]
        status = "cut"
        with Deadline(self._settings.deadline) as deadline:
            response = self._open(body, headers, label, delivery, deadline)
            status = str(response.status_code)
            try:
                kind = response.headers.get("Content-Type", "")
                charset = _CHARSET.search(kind)
                yield Incoming(
                    response.status_code,
                    response.headers,
                    kind.partition(";")[0].strip().lower(),
                    charset.group(1) if charset else None,
                    self._chunks(response, label, delivery, deadline, size),
                )
            finally:
                response.close()
                spent = round((time.monotonic() - started) * 1000)
                self._log(f"POST {label} -> {status}, {size[0]} B, {spent} ms")

    def anonymous(self) -> Wire:
        """Return the same connection without its credentials and headers; it is closed with this one."""
        other = copy.copy(self)
        other.auth, other._fixed = Dialect(), dict(self._settings.headers)
        return other

    @property
    def proxied(self) -> bool:
        """Whether the service is reached through a proxy."""
        return bool(self._proxies)

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()
        self._small.close()

    def _open(
        self, body: bytes, headers: Mapping[str, str], label: str, delivery: bool, deadline: Deadline
    ) -> requests.Response:
        for last in (False, True):
            deadline.sent = False
            request = requests.Request(
                "POST", self.url, headers={**self._fixed, **headers}, data=body
            ).prepare()
            self.auth(request)
            deadline.sent = False
            try:
                response = self._adapter.send(
                    request,
                    stream=True,
                    timeout=(self._settings.connect_timeout, self._settings.read_timeout),
                    verify=self._verify,
                    cert=self._certificate,
                    proxies=self._proxies,
                )
            except _CUTS as error:
                self._log(f"POST {label} -> no answer")
                self._fail(error, label, delivery, deadline)
            if response.status_code != 401 or last or not self.auth.renew(request):
                break
            response.close()
        return response

    def _chunks(
        self, response: requests.Response, label: str, delivery: bool, deadline: Deadline, size: list[int]
    ) -> Iterator[bytes]:
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        window = _WINDOWS.get(coding)
        if window is None and coding not in {"", "identity"}:
            refuse("the answer has a content coding that was not asked for", "coding")
        engine = None if window is None else zlib.decompressobj(window)
        try:
            while data := response.raw.read(_CHUNK, decode_content=False):
                size[0] += len(data)
                if engine is None:
                    yield data
                else:
                    yield from _inflated(engine, data)
            if deadline.expired:
                raise TimeoutError
        except _CUTS as error:
            self._fail(error, label, delivery, deadline)
        if engine is not None and not engine.eof:
            self._fail(EOFError("compressed data ended early"), label, delivery, deadline)

    def _fail(self, error: Exception, label: str, delivery: bool, deadline: Deadline) -> NoReturn:
        """Raise what a broken exchange means, by whether any byte of the request had left."""
        place, cause = f"{self.where} {label}", _cause(error)
        if not deadline.sent or isinstance(cause, _NOT_SENT):
            if isinstance(error, requests.exceptions.SSLError) or isinstance(cause, ssl.SSLError):
                hint = "check the service's certificate, ca_file and client_certificate"
                raise Misconfigured("TLS could not be agreed", where=place, hint=hint) from None
            if isinstance(error, (requests.ConnectionError, requests.Timeout)):
                hint = "check host, port, name service and firewall"
                said = f"no connection could be made ({type(cause).__name__})"
                raise Unavailable(said, where=place, hint=hint) from None
            hint = "check the address, the files of certificates and the proxy"
            raise Misconfigured(
                f"the request could not be sent ({type(error).__name__})", where=place, hint=hint
            ) from None
        timed_out = deadline.expired or isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError))
        if delivery:
            how = "no whole answer within the deadline" if timed_out else "the connection was cut"
            raise OutcomeUnknown(
                f"{how} after the request left", where=place, hint="ask the target before repeating"
            ) from None
        if timed_out:
            raise TimedOut("no whole answer within the deadline", where=place) from None
        raise Unavailable(f"the answer was cut ({type(cause).__name__})", where=place) from None


def _inflated(engine: Any, data: bytes) -> Iterator[bytes]:
    """Undo a content coding in pieces of bounded size, whatever the data would grow to."""
    try:
        while data:
            yield engine.decompress(data, 4 * _CHUNK)
            data = engine.unconsumed_tail
    except zlib.error:
        raise ProtocolViolation("the compressed answer cannot be read", where="SOAP answer") from None


def _cause(error: BaseException) -> BaseException:
    """Return what lies at the bottom of requests' and urllib3's wrappings."""
    for _ in range(5):
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in getattr(error, "args", ()) if isinstance(a, BaseException)), None)
        if inner is None or isinstance(error, _NOT_SENT):
            return error
        error = inner
    return error
