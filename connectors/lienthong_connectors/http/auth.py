"""What authenticates a request: the base of all dialects, fixed headers, tokens that are fetched.

A dialect puts its credential on a prepared request. `Dialect.renew` is asked after the other side
said that it does not know us: it returns whether a fresh credential is at hand, so that the caller
repeats the request once. Credentials are never part of a message, a log line or a representation.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from lienthong.credentials import keep
from lienthong_connectors.http.transport import Streamed

if TYPE_CHECKING:
    from lienthong_connectors.http.tokens import SharedToken

SKEW = 30.0
"""Seconds before its expiry at which a token is no longer used."""

Fetch = Callable[[], tuple[str, float]]
"""Asks for a credential: its text, and its life in seconds (0: unknown, until refused)."""


class Dialect(AuthBase):
    """No authentication, and the base of all others.

    ``stamped``: the credential carries the time, so that a clock that is off gets it refused.
    ``announced_in_body``: a refusal can stand in an answer that HTTP calls a success.
    """

    stamped = False
    announced_in_body = False

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the credential on the request."""
        return request

    def refused(self, status: int, body: bytes) -> bool:  # noqa: ARG002 - other dialects read the body
        """Tell whether an answer means that the credential was not accepted."""
        return status == 401

    def renew(self, used: PreparedRequest) -> bool:  # noqa: ARG002 - a fixed credential cannot be renewed
        """Forget the credential that was refused; return whether asking for a fresh one makes sense."""
        return False

    def prove(self) -> bool:
        """Obtain the credential, for checks; return whether there is one to obtain."""
        return False


class HeaderAuth(Dialect):
    """Fixed headers: basic, bearer, API key, and lgsp without a token step."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)
        for value in self._headers.values():
            keep(value.rpartition(" ")[2])  # without the word Bearer or Basic

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set the headers."""
        request.headers.update(self._headers)
        return request


class QueryAuth(Dialect):
    """A fixed key in the address's query, for services that know no other place; messages name no address."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set the parameter, in the place of one of that name that a link may have brought."""
        parts = urlsplit(request.url or "")
        others = [pair for pair in parts.query.split("&") if pair and not self._is_ours(pair)]
        query = "&".join([*others, urlencode({self._name: self._value})])
        request.url = urlunsplit(parts._replace(query=query))
        return request

    def _is_ours(self, pair: str) -> bool:
        return unquote_plus(pair.partition("=")[0]) == self._name


class Credential:
    """A credential that is fetched, kept until shortly before its expiry, and shared.

    Threads share it in memory; ``shared`` is its place among the tasks of the deployment, None
    where it has none. Only a credential whose end is known is shared among tasks.
    """

    def __init__(self, fetch: Fetch, shared: SharedToken | None = None) -> None:
        self._fetch, self._shared = fetch, shared
        self._lock = threading.Lock()
        self._text, self._until = "", 0.0
        self._doubtful = False

    def get(self) -> str:
        """Return the credential, fetching it where there is none that is still good."""
        with self._lock:
            if not self._text or time.monotonic() >= self._until:
                found = self._shared.load() if self._shared and not self._doubtful else None
                self._keep(*(found or self._fetched()))
            return self._text

    def fresh(self) -> str:
        """Fetch the credential now, whatever is kept; for checks."""
        with self._lock:
            self._keep(*self._fetched())
            return self._text

    def forget(self, text: str) -> None:
        """Drop a credential that was refused, unless another thread has renewed it meanwhile.

        The next one is asked for, not taken from another task: that one may be just as old.
        """
        with self._lock:
            if self._text == text:
                self._text, self._doubtful = "", True
        if self._shared:
            self._shared.remove(text)

    def _keep(self, text: str, good: float) -> None:
        keep(text)
        self._text, self._until, self._doubtful = text, time.monotonic() + good, False

    def _fetched(self) -> tuple[str, float]:
        """Ask for a credential; return it and the seconds for which it is to be used."""
        text, life = self._fetch()
        if life <= 0:
            return text, float("inf")
        good = max(life - SKEW, life / 2)  # a life shorter than the skew is used for half its time
        if self._shared:
            self._shared.store(text, good)
        return text, good


class TokenAuth(Dialect):
    """A token from a `Credential` in a header: OAuth2 bearer tokens (RFC 6750), and their kin.

    ``beneath`` is a dialect whose headers go with it; ``stamped`` says that the token itself is
    asked for with the time.
    """

    def __init__(
        self,
        credential: Credential,
        beneath: Dialect | None = None,
        *,
        header: str = "Authorization",
        scheme: str = "Bearer ",
        stamped: bool = False,
    ) -> None:
        self._credential, self._beneath = credential, beneath
        self._header, self._scheme = header, scheme
        self.stamped = stamped

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set the token's header, and those of the dialect beneath."""
        request.headers[self._header] = self._scheme + self._credential.get()
        return self._beneath(request) if self._beneath else request

    def renew(self, used: PreparedRequest) -> bool:
        """Forget the token that the refused request carried."""
        self._credential.forget(str(used.headers.get(self._header, "")).removeprefix(self._scheme))
        return True

    def prove(self) -> bool:
        """Fetch a token."""
        return bool(self._credential.fresh())


class BodyAuth(Dialect):
    """The base of dialects whose credential travels in a JSON body."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential
        self._used = threading.local()

    def fetched(self) -> str:
        """Return the credential and remember, for this thread, that this one was used."""
        self._used.text = self._credential.get()
        return str(self._used.text)

    @staticmethod
    def write(request: PreparedRequest, body: bytes) -> None:
        """Put a JSON body in the place of the request's own."""
        request.body = body
        request.headers["Content-Type"] = "application/json; charset=utf-8"
        request.headers.pop("Transfer-Encoding", None)

    def renew(self, used: PreparedRequest) -> bool:  # noqa: ARG002 - the credential is remembered by thread
        """Forget the credential that the refused request carried."""
        self._credential.forget(getattr(self._used, "text", ""))
        return True

    def prove(self) -> bool:
        """Fetch the credential."""
        return bool(self._credential.fresh())


def body_bytes(request: PreparedRequest) -> bytes:
    """Return a prepared request's body, whole even where it was to be streamed."""
    body: Any = request.body
    if isinstance(body, Streamed):
        return b"".join(body)
    body = body or b""
    return body.encode() if isinstance(body, str) else bytes(body)


def basic_value(login: str, password: str) -> str:
    """Return the value of a Basic ``Authorization`` header (RFC 7617), in UTF-8."""
    blob = base64.b64encode(f"{login}:{password}".encode()).decode()
    keep(blob, passing=True)
    return f"Basic {blob}"
