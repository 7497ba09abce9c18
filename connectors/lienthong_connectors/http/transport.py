"""One HTTP exchange: sent once, bounded in time and size, never redirected, logged without secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, LineTooLong
from typing import NoReturn

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from lienthong.connector import Spoken, in_doubt, not_taken
from lienthong.credentials import hide_in_ours
from lienthong.errors import (
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    TimedOut,
    Unavailable,
)
from lienthong_connectors.http.clock import Clocks
from lienthong_connectors.http.coding import decoded
from lienthong_connectors.http.tls import Tls, refused
from lienthong_connectors.http.wire import Deadline, WatchedAdapter

_CHUNK = 1 << 16
_SLICE = 1 << 13
_LARGE_HEAD = "the answer has a header over 64 KiB, or more than 100 headers"
_TELL = "tell the agency, or whoever runs the gateway in between: no client reads such an answer"
_MOST_KEPT = 64 << 20
_CUTS = (OSError, EOFError, HTTPException, HTTPError, requests.RequestException, ValueError)
_NOT_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one exchange: seconds to connect, between two bytes and in all; bytes of an answer."""

    connect: float = 10.0
    idle: float = 60.0
    total: float = 300.0
    answer_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to leave.

    ``label`` stands for the path in messages and log lines, because a path can hold a key.
    ``safe``: repeating it has no effect at the other side, so a cut is an ordinary failure.
    ``correlation`` ties log lines on both sides together. ``answer_bytes``: bound of the answer,
    0 for the transport's own. ``before_write`` is called as the last act before the first byte leaves.
    """

    request: requests.PreparedRequest = field(repr=False)
    label: str
    safe: bool
    correlation: str = ""
    answer_bytes: int = 0
    before_write: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Streamed:
    """A request's body in pieces, written as they come; ``length`` in bytes, None for chunked transfer.

    ``pieces`` is called once for every try.
    """

    pieces: Callable[[], Iterator[bytes]]
    length: int | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces()

    def __len__(self) -> int:
        return self.length or 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, headers, its bytes as transferred (``content``) and decoded (``body``).

    ``busy``: the connection declares that a 503 was not taken.
    """

    status: int
    headers: CaseInsensitiveDict[str] = field(repr=False)
    content: bytes = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(default="", repr=False)
    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    busy: bool = False

    def header(self, name: str) -> str:
        """Return a header's value, empty where it is absent."""
        return self.headers.get(name, "")


class Incoming:
    """An answer whose body is still to be read, once: in `chunks`, or as a `whole` which is kept.

    ``signed_by`` is the agency whose signature on it was verified (empty without one). ``busy``: the
    connection declares that a 503 was not taken. Where the status alone says that the request was not
    taken, a body that cannot be read ends where it breaks. Where a run is recorded, ``heard`` gathers the
    decoded body, and ``complete`` tells whether all of it.
    """

    def __init__(
        self,
        response: requests.Response,
        limit: int,
        where: str,
        fail: Callable[[Exception], NoReturn],
        deadline: Deadline,
        *,
        busy: bool = False,
    ) -> None:
        self.busy = busy
        self.status = response.status_code
        self.headers = response.headers
        self.url = response.request.url or ""
        self.pairs = tuple((str(k), str(v)) for k, v in response.raw.headers.items())
        self.signed_by = ""
        self.size = 0
        self.heard: bytearray | None = None
        self.complete = False
        self._response, self._limit, self._where = response, limit, where
        self._fail, self._deadline = fail, deadline
        self._reply: Reply | None = None

    def header(self, name: str) -> str:
        """Return a header's value, empty where it is absent."""
        return self.headers.get(name, "")

    def allow(self, most: int) -> None:
        """Bound the body otherwise: for answers that are not kept in memory."""
        self._limit = most

    def chunks(self) -> Iterator[bytes]:
        """Yield the decoded body piece by piece; raises as `Transport.open` says."""
        if self._reply is not None:
            yield self._reply.body
            return
        plain = decoded(self._timely(self._raw()), self._coding, self._limit, where=self._where)
        for piece in self._guarded(plain):
            if self.heard is not None and len(self.heard) < _MOST_KEPT:
                self.heard += piece
            yield piece
        self.complete = len(self.heard or b"") < _MOST_KEPT

    def whole(self) -> Reply:
        """Return the complete answer, reading it at the first call; raises as `chunks`."""
        if self._reply is None:
            content = b"".join(self._guarded(decoded(self._raw(), "", self._limit, where=self._where)))
            body = content
            if self._coding:
                plain = decoded(self._timely((content,)), self._coding, self._limit, where=self._where)
                body = b"".join(self._guarded(plain))
            self.heard, self.complete = None if self.heard is None else bytearray(body), True
            self._reply = Reply(self.status, self.headers, content, body, self.url, self.pairs, self.busy)
        return self._reply

    @property
    def _coding(self) -> str:
        return self.header("Content-Encoding")

    def _raw(self) -> Iterator[bytes]:
        while part := self._response.raw.read(_CHUNK, decode_content=False):
            self.size += len(part)
            yield part
        if self._deadline.expired:  # the socket was shut down, which can look like the end
            raise TimeoutError

    def _timely(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Yield parts in small pieces while there is time: what they stand for may be worked out for long.

        They are small because whoever undoes a coding copies the rest of a piece for each of its members.
        """
        for part in parts:
            for start in range(0, len(part), _SLICE):
                if self._deadline.expired:
                    raise TimeoutError
                yield part[start : start + _SLICE]

    def _guarded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Hand pieces on; whatever goes wrong while they are read becomes an error of the bus."""
        try:
            yield from pieces
        except (ProtocolViolation, *_CUTS) as error:
            if not not_taken(self.status, busy=self.busy):  # else the status says all there is to say
                self._fail(error)


class Transport:
    """Sends prepared requests over kept-alive connections. Safe among threads.

    TLS is always verified, as ``tls`` says. ``busy``: the connection declares that a 503 was not taken.
    """

    def __init__(
        self,
        limits: Limits,
        log: Callable[[str], None],
        *,
        where: str,
        tls: Tls,
        proxy: str = "",
        pool: int = 8,
        tap: Callable[[Spoken], None] | None = None,
        busy: bool = False,
    ) -> None:
        self._tap, self._busy = tap, busy
        self._limits, self._log, self._where, self._tls = limits, log, where, tls
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._under_way: set[Deadline] = set()
        self.clocks = Clocks()
        self._adapter = WatchedAdapter(tls, pool_connections=4, pool_maxsize=pool)

    def send(self, prepared: Prepared) -> Reply:
        """Send once and return the whole answer, whatever its status; raises as `open` does."""
        with self.open(prepared) as incoming:
            return incoming.whole()

    @contextmanager
    def open(self, prepared: Prepared) -> Iterator[Incoming]:
        """Send once and lend the answer, whatever its status, while its body is read.

        Raises, here or while the body is read: `Unavailable` where nothing left, or where an answer
        to a safe request was cut; `TimedOut` where a safe request ran out of time; `OutcomeUnknown`
        where any other request left and no whole, readable answer came back; `ProtocolViolation`
        for an answer to a safe request that is too large or badly coded; `Misconfigured` where TLS
        does not hold.
        """
        started = time.monotonic()
        incoming, outcome = None, "cut"
        with Deadline(self._limits.total, prepared.before_write) as deadline:
            self._under_way.add(deadline)

            def fail(error: Exception) -> NoReturn:
                nonlocal outcome
                outcome = "bad answer" if isinstance(error, ProtocolViolation) else "cut"
                self._fail(prepared, error, deadline)

            try:
                response = self._respond(prepared.request, fail)
                try:
                    outcome = str(response.status_code)
                    self.clocks.heard(response.headers)
                    limit = prepared.answer_bytes or self._limits.answer_bytes
                    place = f"{self._where}{prepared.label}"
                    incoming = Incoming(response, limit, place, fail, deadline, busy=self._busy)
                    incoming.heard = bytearray() if self._tap else None
                    self._check_welcome(incoming, place)
                    yield incoming
                finally:
                    response.close()
            finally:
                self._under_way.discard(deadline)
                if self._tap is not None and incoming is not None:
                    self._tap(_spoken(prepared.request, incoming))
                self._note(prepared, outcome, incoming.size if incoming else 0, started)

    def close(self) -> None:
        """Close all connections, and end what is under way on other threads."""
        for deadline in list(self._under_way):
            deadline.expire()
        self._adapter.close()

    def _respond(
        self, request: requests.PreparedRequest, fail: Callable[[Exception], NoReturn]
    ) -> requests.Response:
        try:
            return self._adapter.send(
                request,
                stream=True,
                timeout=(self._limits.connect, self._limits.idle),
                proxies=self._proxies,
            )
        except _CUTS as error:
            fail(error)

    def _check_welcome(self, incoming: Incoming, place: str) -> None:
        """Raise `Misconfigured` for the page by which a web server refuses our certificate."""
        if incoming.status != 400 or not incoming.header("Content-Type").startswith("text/html"):
            return
        error = self._tls.page(incoming.whole().body, where=place)
        if error is not None:
            raise error

    def _fail(self, prepared: Prepared, error: Exception, deadline: Deadline) -> NoReturn:
        place = f"{self._where}{prepared.label}"
        cause = _cause(error)
        if refused(cause):
            raise self._tls.failure(cause, where=place) from None
        if not deadline.sent or isinstance(cause, _NOT_SENT):
            if _is_tls(error) or _is_tls(cause):
                raise self._tls.failure(cause, where=place) from None
            if isinstance(error, requests.ConnectionError):
                raise Unavailable(
                    f"no connection could be made ({type(cause).__name__})",
                    where=place,
                    hint="check host, port, name service and firewall",
                ) from None
            raise Misconfigured(
                f"the request could not be sent ({type(error).__name__})",
                where=place,
                hint="check the address, the client certificate's files and the proxy",
            ) from None
        if isinstance(cause, LineTooLong) or type(cause) is HTTPException:  # more than 100 headers
            _unreadable(prepared, ProtocolViolation(_LARGE_HEAD, where=place, hint=_TELL))
        if isinstance(error, ProtocolViolation):
            _unreadable(prepared, error)
        timed_out = (
            deadline.expired or isinstance(error, (requests.Timeout, TimeoutError)) or _is_timeout(cause)
        )
        if not prepared.safe:
            how = "no whole answer within the deadline" if timed_out else "the connection was cut"
            raise OutcomeUnknown(
                f"{how} after the request left", where=place, hint="ask the target before repeating"
            ) from None
        if timed_out:
            raise TimedOut("no whole answer within the deadline", where=place) from None
        raise Unavailable(f"the answer was cut ({type(cause).__name__})", where=place) from None

    def _note(self, prepared: Prepared, outcome: str, size: int, started: float) -> None:
        spent = round((time.monotonic() - started) * 1000)
        correlation = f" correlation={prepared.correlation}" if prepared.correlation else ""
        line = f"{prepared.request.method} {prepared.label} -> {outcome}, {size} B, {spent} ms{correlation}"
        self._log(hide_in_ours(line))


def _spoken(request: requests.PreparedRequest, incoming: Incoming) -> Spoken:
    """Return what was said and heard, for a recording."""
    body = request.body or b""
    plain = body.encode() if isinstance(body, str) else body
    kept = plain if isinstance(plain, bytes) else b""
    sent = {str(name).lower(): str(value) for name, value in request.headers.items()}
    received = {str(name).lower(): str(value) for name, value in incoming.headers.items()}
    whole = incoming.complete and isinstance(plain, bytes)
    answer = bytes(incoming.heard or b"")
    url = str(request.url or "")
    return Spoken(str(request.method), url, incoming.status, sent, kept, received, answer, whole)


def _unreadable(prepared: Prepared, error: ProtocolViolation) -> NoReturn:
    """Raise what an answer that cannot be read means: a delivery may have been taken all the same."""
    raise (error if prepared.safe else in_doubt(error)) from None


def _cause(error: BaseException) -> BaseException:
    """Return what lies at the bottom of requests' and urllib3's wrappings."""
    for _ in range(5):
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in getattr(error, "args", ()) if isinstance(a, BaseException)), None)
        if inner is None:
            return error
        error = inner
        if isinstance(error, _NOT_SENT):
            return error
    return error


def _is_tls(error: BaseException) -> bool:
    return isinstance(error, requests.exceptions.SSLError) or type(error).__module__ == "ssl"


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, (TimeoutError, urllib3.exceptions.TimeoutError))
