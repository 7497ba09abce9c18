"""One HTTP exchange: sent once, bounded in time and size, never redirected, logged without secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import NoReturn

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    TimedOut,
    Unavailable,
)
from lienthong_connectors.http.coding import decoded
from lienthong_connectors.http.wire import Deadline, WatchedAdapter

_CHUNK = 1 << 20
_CUTS = (OSError, HTTPException, HTTPError, requests.RequestException, ValueError)
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
    ``correlation`` ties log lines on both sides together.
    """

    request: requests.PreparedRequest = field(repr=False)
    label: str
    safe: bool
    correlation: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, headers, its bytes as transferred (``content``) and decoded (``body``)."""

    status: int
    headers: CaseInsensitiveDict[str] = field(repr=False)
    content: bytes = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(default="", repr=False)
    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def header(self, name: str) -> str:
        """Return a header's value, empty where it is absent."""
        return self.headers.get(name, "")


class Transport:
    """Sends prepared requests over kept-alive connections. Safe among threads.

    TLS is always verified, against the public authorities or those in ``ca_file``.
    """

    def __init__(
        self,
        limits: Limits,
        log: Callable[[str], None],
        *,
        where: str,
        ca_file: str = "",
        certificate: str | tuple[str, str] | None = None,
        proxy: str = "",
        pool: int = 8,
    ) -> None:
        self._limits, self._log, self._where = limits, log, where
        self._verify: bool | str = ca_file or True
        self._certificate = certificate
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._under_way: set[Deadline] = set()
        self._adapter = WatchedAdapter(pool_connections=4, pool_maxsize=pool)

    def send(self, prepared: Prepared) -> Reply:
        """Send once and return the whole answer, whatever its status.

        Raises `Unavailable` where nothing left, or where an answer to a safe request was cut;
        `TimedOut` where a safe request ran out of time; `OutcomeUnknown` where any other request
        left and no whole answer came back; `ProtocolViolation` for an answer that is too large or
        badly coded; `Misconfigured` where TLS does not hold.
        """
        started = time.monotonic()
        with Deadline(self._limits.total) as deadline:
            self._under_way.add(deadline)
            try:
                reply = self._exchange(prepared.request)
                if deadline.expired:
                    raise TimeoutError
            except LienThongError:
                self._note(prepared, "bad answer", 0, started)
                raise
            except _CUTS as error:
                self._note(prepared, "cut", 0, started)
                self._fail(prepared, error, deadline)
            finally:
                self._under_way.discard(deadline)
        self._note(prepared, str(reply.status), len(reply.content), started)
        return reply

    def close(self) -> None:
        """Close all connections, and end what is under way on other threads."""
        for deadline in list(self._under_way):
            deadline.expire()
        self._adapter.close()

    def _exchange(self, request: requests.PreparedRequest) -> Reply:
        response = self._adapter.send(
            request,
            stream=True,
            timeout=(self._limits.connect, self._limits.idle),
            verify=self._verify,
            cert=self._certificate,
            proxies=self._proxies,
        )
        try:
            content = self._read(response)
        finally:
            response.close()
        coding = response.headers.get("Content-Encoding", "")
        body = decoded(content, coding, self._limits.answer_bytes, where=self._where) if coding else content
        pairs = tuple((str(k), str(v)) for k, v in response.raw.headers.items())
        return Reply(response.status_code, response.headers, content, body, request.url or "", pairs)

    def _read(self, response: requests.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := response.raw.read(_CHUNK, decode_content=False):
            size += len(part)
            if size > self._limits.answer_bytes:
                raise ProtocolViolation(
                    f"the answer is larger than {self._limits.answer_bytes} bytes",
                    where=self._where,
                    hint="ask for smaller pages, or raise max_answer_bytes",
                )
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _fail(self, prepared: Prepared, error: Exception, deadline: Deadline) -> NoReturn:
        place = f"{self._where}{prepared.label}"
        cause = _cause(error)
        if not deadline.sent or isinstance(cause, _NOT_SENT):
            if _is_tls(error) or _is_tls(cause):
                hint = "check the system's certificate, ca_file and client_certificate"
                raise Misconfigured("TLS could not be agreed", where=place, hint=hint) from None
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
        self._log(
            f"{prepared.request.method} {prepared.label} -> {outcome}, {size} B, {spent} ms{correlation}"
        )


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
