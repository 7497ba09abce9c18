"""Sockets under a deadline: what requests and urllib3 do not bound by themselves.

Their timeouts restart with every byte, so a peer that drips one byte a second holds a worker for
ever. A `Deadline` shuts the socket down when its seconds are over, whatever is going on. It also
knows whether any byte of the request was handed to the socket, which is what tells a delivery
that surely did not happen from one whose outcome is unknown.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.client import BadStatusLine, HTTPResponse, IncompleteRead
from typing import Any, Self, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lienthong_connectors.http.tls import Tls

_current = threading.local()
_MOST_INTERIM = 50


def _without_urls(record: logging.LogRecord) -> bool:
    """Hold back urllib3's lines that quote a URL: a path or a query may hold a person's number."""
    return not str(record.msg).startswith(_QUOTING)


_QUOTING = ("Failed to parse headers", '%s://%s:%s "%s %s %s"')
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_without_urls)


class Deadline:
    """The seconds that one request and its answer may take together, on this thread.

    ``sent``: bytes of the request were given to the socket. ``expired``: the time was over and the
    socket was shut down. One may begin inside another (a token fetched on the way): the outer one
    goes on when the inner one ends. ``before_write`` is called before the first byte of the request, and
    may raise to keep it from leaving.
    """

    def __init__(self, seconds: float, before_write: Callable[[], None] | None = None) -> None:
        self._before_write = before_write
        self.sent = False
        self.expired = False
        self._socket: socket.socket | None = None
        self._outer: Deadline | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self.expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._outer = getattr(_current, "deadline", None)
        _current.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if getattr(_current, "deadline", None) is self:
            _current.deadline = self._outer
        self._outer = None
        with self._lock:
            self._socket = None
        self._timer.cancel()

    def watch(self, sock: socket.socket, *, request: bool = True) -> None:
        """Shut this socket down when the time is over (at once where it is over already).

        ``request``: what is about to be written belongs to the request.
        """
        if request and not self.sent and self._before_write is not None:
            self._before_write()
        self.sent = self.sent or request
        with self._lock:
            self._socket = sock
            if self.expired:
                self._shut()

    def expire(self) -> None:
        """End the time now; called by the timer, and when a connector is closed under way."""
        with self._lock:
            self.expired = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # not SSLSocket's own method: that one would drop the TLS state under the reader
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _watch(sock: Any, *, request: bool = True) -> None:
    deadline = getattr(_current, "deadline", None)
    if deadline is not None and sock is not None:
        deadline.watch(sock, request=request)


class _HeadReader:
    """Lends an answer's stream to the header parser and notices where it ends too early."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.ended = stream, False

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self.stream.readline(limit)
        self.ended = not line.endswith(b"\n")
        return line

    def close(self) -> None:
        self.stream.close()


class _WholeHead(HTTPResponse):
    """An answer whose headers must be complete: the standard parser takes a cut for their end.

    Interim answers (RFC 9110 section 15.2: 102, 103, any but a switch of protocols, which nobody asked for)
    are passed over: the standard parser takes the first of them for the answer.
    """

    def begin(self) -> None:
        for _ in range(_MOST_INTERIM):
            self._begin_one()
            if not 100 <= self.status < 200 or self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                return
            self.headers = self.msg = cast("Any", None)  # as before the first one
        raise BadStatusLine("too many interim answers")

    def _begin_one(self) -> None:
        stream = self.fp
        reader = _HeadReader(stream)
        self.fp = cast("Any", reader)
        try:
            super().begin()
        finally:
            if cast("Any", self.fp) is reader:
                self.fp = stream
        if reader.ended:
            raise IncompleteRead(b"")


class _PlainConnection(HTTPConnection):
    response_class = _WholeHead

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _watch(self.sock)
        super().send(data)


class _TlsConnection(HTTPSConnection):
    response_class = _WholeHead

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        # before TLS is agreed a proxy is asked for a tunnel
        _watch(self.sock, request=isinstance(self.sock, ssl.SSLSocket))
        try:
            super().send(data)
        except OSError as error:
            raise _alert(self.sock) or error from None


def _alert(sock: Any) -> OSError | None:
    """Return the alert that the other side sent before it closed, which a failing write hides."""
    try:
        sock.recv(1)
    except OSError as error:
        return error if isinstance(error, ssl.SSLError) else None
    return None


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _PlainPool, "https": _TlsPool}


class WatchedAdapter(HTTPAdapter):
    """The adapter of requests over connections that know the current `Deadline`; it never retries.

    All its TLS connections have one context: that of ``tls``.
    """

    def __init__(self, tls: Tls, **options: Any) -> None:
        self._tls = tls
        super().__init__(**options)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Return where a request goes, with our context for TLS."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, pool
        return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._tls.context}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave a pool as it is: requests would add the public authorities to our context."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Build the pools of urllib3 with watched connections."""
        super().init_poolmanager(connections, maxsize, block, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools behind a proxy, watched too."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
