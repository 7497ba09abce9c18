"""The way through a gateway that passes HTTP on: NDXP's API manager, the VXP adapter, NDOP."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import orjson
import requests

from lienthong.connector import not_taken
from lienthong.errors import LienThongError, Unauthenticated
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.gateway_errors import BY_STATUS, NOT_KNOWN
from lienthong_connectors.http.privacy import spoken
from lienthong_connectors.http.route import Route
from lienthong_connectors.http.status import retry_after
from lienthong_connectors.http.trouble import GATEWAY, Trouble
from lienthong_connectors.http.uplink import Profile

if TYPE_CHECKING:
    from lienthong_connectors.http.call import Call
    from lienthong_connectors.http.transport import Incoming

_SMALL = 65_536
_XML_CODE = re.compile(rb"<(?:[\w.-]+:)?code>\s*(\d{1,9})\s*</")


class Gateway(Route):
    """A gateway as its profile describes it."""

    def __init__(self, base: str, credential: Dialect | None, profile: Profile) -> None:
        super().__init__(base, credential)
        self._profile, self._known = profile, credential is not None
        self.gateway = profile.gateway
        parts = [profile.prefix] if profile.target_header else [profile.prefix, profile.service]
        self._front = "".join(f"/{part.strip('/')}" for part in parts if part.strip("/"))

    def outgoing(self, call: Call) -> Call:
        """Put prefix and service before the path; name target and correlation in headers."""
        profile, headers = self._profile, dict(call.headers)
        if profile.target_header:
            headers[profile.target_header] = profile.service
        if profile.correlation_header and call.correlation:
            headers[profile.correlation_header] = call.correlation
        path = call.path
        if not path.startswith(("http://", "https://")):
            path = f"{self._front}/{path.lstrip('/')}" if path else self._front
        return dataclasses.replace(call, path=path, headers=headers)

    def refuses(self, incoming: Incoming) -> bool:
        """Tell whether the gateway says that it does not know us."""
        if incoming.status != 401:
            return False
        found = self._trouble(incoming)[1]
        return found is not None and found.hop == GATEWAY and issubclass(found.kind, Unauthenticated)

    def error(
        self,
        incoming: Incoming,
        request: requests.PreparedRequest,  # noqa: ARG002 - these gateways do not repeat the request
        *,
        where: str,
        safe: bool,
    ) -> LienThongError | None:
        """Return what the gateway says in an error of its own."""
        if incoming.status < 400:
            return None
        code, found = self._trouble(incoming)
        if found is None:
            return None
        if code.isdigit() and len(code) == 3 and int(code) != incoming.status:
            # a status for a code: it may be a service's own word, and another one than the answer's
            found = dataclasses.replace(found, taken=found.taken or not not_taken(incoming.status))
        place, wait = self.place(found.hop), retry_after(incoming.whole())
        return found.error(code, place=place, where=where, safe=safe, retry_after=wait)

    def _trouble(self, incoming: Incoming) -> tuple[str, Trouble | None]:
        code = self._code(incoming)
        found = self._profile.troubles.get(code) or BY_STATUS.get(incoming.status)
        if found is None and incoming.status == 401 and self._known and not self._profile.troubles:
            # nothing tells whose refusal it is, but an envelope comes from a service
            found = None if "xml" in incoming.header("Content-Type") else NOT_KNOWN
        return spoken(code)[:40] or str(incoming.status), found

    def _code(self, incoming: Incoming) -> str:
        """Return the gateway's own code from an error's JSON or XML, empty where there is none."""
        if not self._profile.code_paths:
            return ""
        body = incoming.whole().body[:_SMALL]
        try:
            answer: Any = orjson.loads(body)
        except ValueError:
            found = _XML_CODE.search(body)
            return found.group(1).decode() if found else ""
        for path in self._profile.code_paths:
            value = answer
            for name in path.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            if isinstance(value, (str, int)) and not isinstance(value, bool):
                return str(value)
        return ""
