"""Authentication dialects met among agencies, each a `requests.auth.AuthBase`.

A dialect puts its credential on a prepared request. `Dialect.renew` is asked after the other side
said that it does not know us: it returns whether a fresh credential is at hand, so that the caller
repeats the request once. Credentials are never part of a message, a log line or a representation.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable

import orjson
from requests import PreparedRequest
from requests.auth import AuthBase

from lienthong.connector import Connection
from lienthong.errors import Misconfigured

SKEW = 30.0
"""Seconds before its expiry at which a token is no longer used."""

Fetch = Callable[[], tuple[str, float]]
"""Asks for a credential: its text, and its life in seconds (0: unknown, until refused)."""


class Dialect(AuthBase):
    """No authentication, and the base of all others.

    ``announced_in_body``: a refusal may hide in an answer that HTTP calls a success, so that every
    answer is held whole before it is judged.
    """

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
    """A fixed header: basic, bearer, API key and the first half of lgsp."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set the header."""
        request.headers[self._name] = self._value
        return request


class Credential:
    """A credential that is fetched, kept until shortly before its expiry, and shared among threads."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._text, self._until = "", 0.0

    def get(self) -> str:
        """Return the credential, fetching it where there is none that is still good."""
        with self._lock:
            if not self._text or time.monotonic() >= self._until:
                self._text, life = self._fetch()
                # a life shorter than the skew is used for half its time
                good = max(life - SKEW, life / 2) if life > 0 else float("inf")
                self._until = time.monotonic() + good
            return self._text

    def forget(self, text: str) -> None:
        """Drop the credential, unless another thread has renewed it in the meantime."""
        with self._lock:
            if self._text == text:
                self._text = ""


class BearerAuth(Dialect):
    """OAuth2 bearer tokens (RFC 6750) from a `Credential`: auth dialect A."""

    def __init__(self, credential: Credential, extra: Dialect | None = None) -> None:
        self._credential, self._extra = credential, extra

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set ``Authorization``, and the headers of the dialect beneath."""
        request.headers["Authorization"] = f"Bearer {self._credential.get()}"
        return self._extra(request) if self._extra else request

    def renew(self, used: PreparedRequest) -> bool:
        """Forget the token that the refused request carried."""
        self._credential.forget(str(used.headers.get("Authorization", "")).removeprefix("Bearer "))
        return True

    def prove(self) -> bool:
        """Fetch a token."""
        return bool(self._credential.get())


class SessionAuth(Dialect):
    """A session of the national portal (auth dialect D): in every body, beside the agency's code.

    Only bodies that are JSON objects can carry it. An expired session is announced by an error
    code inside an answer that HTTP calls a success.
    """

    announced_in_body = True
    _SMALL = 4096

    def __init__(self, credential: Credential, dstcode: str, agency: str, expired: frozenset[str]) -> None:
        self._credential, self._dstcode, self._agency = credential, dstcode, agency
        self._expired = expired
        self._used = threading.local()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set ``Charset`` and ``dstcode``; put ``session`` and ``madonvi`` at the front of the body."""
        request.headers.update(portal_headers(self._dstcode))
        body = request.body or b"{}"
        data = body.encode() if isinstance(body, str) else body
        if not isinstance(data, bytes) or not data.startswith(b"{"):
            raise Misconfigured(
                "a session can only travel in a body that is a JSON object",
                hint="use mode batch or single with a wrap",
            )
        self._used.text = self._credential.get()
        front = orjson.dumps({"session": self._used.text, "madonvi": self._agency})
        rest = data[1:].lstrip()
        request.body = front[:-1] + (b"," if rest != b"}" else b"") + rest
        request.headers["Content-Type"] = "application/json; charset=utf-8"
        return request

    def refused(self, status: int, body: bytes) -> bool:
        """Tell whether the portal said that the session is over."""
        if status == 401:
            return True
        if status != 200 or len(body) > self._SMALL:
            return False
        try:
            answer = orjson.loads(body)
        except ValueError:
            return False
        return isinstance(answer, dict) and str(answer.get("error_code")) in self._expired

    def renew(self, used: PreparedRequest) -> bool:  # noqa: ARG002 - the session is remembered by thread
        """Forget the session that the refused request carried."""
        self._credential.forget(getattr(self._used, "text", ""))
        return True

    def prove(self) -> bool:
        """Log in."""
        return bool(self._credential.get())


def portal_headers(dstcode: str) -> dict[str, str]:
    """Return the headers of every call to the national portal's adapter."""
    return {"Charset": "utf-8", "dstcode": dstcode}


def basic_value(login: str, password: str) -> str:
    """Return the value of a Basic ``Authorization`` header (RFC 7617), in UTF-8."""
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


def lgsp_header(connection: Connection) -> HeaderAuth:
    """Return the ``lgspaccesstoken`` header (auth dialect B): five names in their fixed order."""
    fields = {
        "AccessKey": connection.require("login"),
        "SecretKey": connection.require("password"),
        "AppName": connection.require("app_name"),
        "PartnerCode": connection.require("partner_code"),
        "PartnerCodeCus": connection.option("partner_code_cus", connection.option("partner_code")),
    }
    return HeaderAuth("lgspaccesstoken", base64.b64encode(orjson.dumps(fields)).decode())
