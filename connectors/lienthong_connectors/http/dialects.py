"""The dialects of Vietnamese agency systems, each exactly as it goes over the wire.

B: the ``lgspaccesstoken`` of one family of provincial platforms; C: the population database's
hash; D: the national portal's session; E: the header HMAC of the national document bus. (A, OAuth2
client credentials, is `lienthong_connectors.http.oauth2`.)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
from requests import PreparedRequest

from lienthong.connector import Connection
from lienthong.credentials import keep
from lienthong.errors import Misconfigured
from lienthong_connectors.http.auth import BodyAuth, Credential, Dialect, basic_value, body_bytes
from lienthong_connectors.http.transport import Streamed

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")


def lgsp_value(connection: Connection) -> str:
    """Return the text that family B identifies a caller by: base64 of five names in their order."""
    fields = {
        "AccessKey": connection.require("login"),
        "SecretKey": connection.require("password"),
        "AppName": connection.require("app_name"),
        "PartnerCode": connection.require("partner_code"),
        "PartnerCodeCus": connection.option("partner_code_cus", connection.option("partner_code")),
    }
    value = base64.b64encode(orjson.dumps(fields)).decode()
    keep(value)
    return value


class DancuHash(Dialect):
    """Dialect C: a hash in the place of the password.

    Lowercase hexadecimal SHA-256 of ``sv_url + login + timestamp + password``; the timestamp counts
    milliseconds since 1970 (seconds where ``unit`` is 1), fresh for every request, because the
    service refuses old ones.
    """

    stamped = True

    def __init__(self, sv_url: str, login: str, password: str, unit: int = 1000) -> None:
        self._sv_url, self._login, self._password, self._unit = sv_url, login, password, unit

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set ``Authorization`` and ``Timestamp``."""
        stamp = str(time.time_ns() * self._unit // 1_000_000_000)
        value = hashlib.sha256(f"{self._sv_url}{self._login}{stamp}{self._password}".encode()).hexdigest()
        keep(value, passing=True)
        request.headers["Authorization"] = basic_value(self._login, value)
        request.headers["Timestamp"] = stamp
        return request


class LgspDancu(BodyAuth):
    """Dialect C behind a platform of family B: the request becomes one field of a JSON object.

    ``accessToken`` (with the word Bearer), ``lgspAccessToken``, ``AuthHash`` (base64 of the
    officer's own key, ``name:pass``) and ``data``, which holds the request's text. Nothing of it
    is a header.
    """

    def __init__(self, credential: Credential, identity: str, officer: tuple[str, str]) -> None:
        super().__init__(credential)
        self._identity = identity
        self._officer = base64.b64encode(":".join(officer).encode()).decode()
        keep(self._officer, officer[1])

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Wrap the body; a request without one (a description, a check) is left as it is."""
        data = body_bytes(request)
        if data:
            wrapped = {
                "accessToken": f"Bearer {self.fetched()}",
                "lgspAccessToken": self._identity,
                "AuthHash": self._officer,
                "data": data.decode(),
            }
            self.write(request, orjson.dumps(wrapped))
        return request


class PortalSession(BodyAuth):
    """Dialect D, the national portal: ``session`` and ``madonvi`` at the front of every body.

    Only bodies that are JSON objects can carry it. An expired session is announced by an error
    code inside an answer that HTTP calls a success.
    """

    announced_in_body = True

    _SMALL = 4096
    _OVER = frozenset({"401", "-401"})

    def __init__(self, credential: Credential, dstcode: str, agency: str) -> None:
        super().__init__(credential)
        self._dstcode, self._agency = dstcode, agency

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set ``Charset`` and ``dstcode``; put ``session`` and ``madonvi`` into the body."""
        request.headers.update(portal_headers(self._dstcode))
        data = body_bytes(request) or b"{}"
        if not data.startswith(b"{"):
            raise Misconfigured(
                "a session can only travel in a body that is a JSON object",
                hint="use mode batch or single with a wrap",
            )
        front = orjson.dumps({"session": self.fetched(), "madonvi": self._agency})
        rest = data[1:].lstrip()
        self.write(request, front[:-1] + (b"," if rest != b"}" else b"") + rest)
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
        return isinstance(answer, dict) and str(answer.get("error_code")) in self._OVER


def portal_headers(dstcode: str) -> dict[str, str]:
    """Return the headers of every call to the national portal's adapter."""
    return {"Charset": "utf-8", "dstcode": dstcode}


class VxpHmac(Dialect):
    """Dialect E, the national document bus: the service's headers renamed, listed and signed.

    Each header ``name`` that the call brings becomes ``XroadVnpt-name`` and a member of one JSON
    object, after ``timestamp`` and ``systemid``; ``XroadVnpt-sign-header`` is that object's text,
    ``XroadVnpt-sign-header-key`` the names joined by semicolons, ``XroadVnpt-hash-header`` the
    hexadecimal HMAC-SHA-256 of the text under the system's secret. A file that is uploaded
    (``application/octet-stream``) adds ``hash-file``, its hexadecimal SHA-256. The timestamp is
    Vietnam's time as ``ddMMyyyy'T'HHmmss+SSSS``, where SSSS are milliseconds.
    """

    stamped = True

    _AGENT = "JAVASDKAgent/1.0.0 XRoad/VPCP"
    _VERSION = "3.0.201608"
    _PLAIN = frozenset(
        {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "x-request-id"}
    )

    def __init__(self, system: str, secret: str) -> None:
        self._system, self._secret = system, secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Rename and sign the headers; those that steer HTTP itself stay as they are."""
        request.headers.pop("User-Agent", None)
        names = {"timestamp": _vxp_stamp(), "systemid": self._system}
        if str(request.headers.get("Content-Type", "")).startswith("application/octet-stream"):
            names["hash-file"] = _file_hash(request)
        for name in [n for n in request.headers if n.lower() not in self._PLAIN]:
            value = str(request.headers.pop(name))
            names.setdefault(name, value)
        renamed = {f"XroadVnpt-{name}": value for name, value in names.items()}
        text = json.dumps(renamed, separators=(",", ":"))
        request.headers.update(renamed)
        request.headers["XroadVnpt-sign-header-key"] = ";".join(names)
        request.headers["XroadVnpt-sign-header"] = text
        request.headers["XroadVnpt-hash-header"] = hmac.new(
            self._secret.encode(), text.encode(), hashlib.sha256
        ).hexdigest()
        request.headers["User-Agent"] = self._AGENT
        request.headers["XroadVnpt-version"] = self._VERSION
        return request


def _file_hash(request: PreparedRequest) -> str:
    body: Any = request.body
    found = hashlib.sha256()
    for piece in body if isinstance(body, Streamed) else (body_bytes(request),):
        found.update(piece)
    return found.hexdigest()


def _vxp_stamp() -> str:
    ns = time.time_ns()
    moment = datetime.fromtimestamp(ns // 1_000_000_000, VIETNAM)
    return f"{moment:%d%m%YT%H%M%S}+{ns // 1_000_000 % 1000:04d}"
