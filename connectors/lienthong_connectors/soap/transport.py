"""Requests to one SOAP service, over the HTTP client of all connectors."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from lienthong.connector import Connection, Context, not_taken
from lienthong.errors import LienThongError, Misconfigured
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.fields import base_url, join_url
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Incoming, Limits, Reply, Streamed

SPEAKING: Final = frozenset({401, 403, 429, 502, 503, 504})
_BIG_WSDL: Final = 16 << 20
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_XML: Final = frozenset({"text/xml", "application/xml", "application/soap+xml"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: ``media`` is the body's type, ``charset`` what the header says of it.

    ``further`` are media types under which this service sends envelopes, too.
    """

    incoming: Incoming
    media: str
    charset: str | None
    further: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.incoming.status

    @property
    def is_xml(self) -> bool:
        """Whether the body says that it is XML, or comes under a type that the settings name."""
        return self.media in _XML or self.media in self.further

    def error(self, *, where: str, delivery: bool) -> LienThongError | None:
        """Return what the status alone means, None for a success."""
        bare = Reply(self.status, self.incoming.headers, b"", b"", busy=self.incoming.busy)
        return failure(bare, where=where, safe=not delivery)

    @property
    def not_taken(self) -> bool:
        """Whether the status alone says that the request was not taken."""
        return not_taken(self.status, busy=self.incoming.busy)


class Wire:
    """The connection to one service; ``identified`` tells whether requests say over HTTP who we are."""

    def __init__(self, connection: Connection, context: Context, settings: Any) -> None:
        attached = settings.attachments.all_bytes if settings.attachments is not None else 0
        limits = Limits(
            settings.connect_timeout,
            settings.read_timeout,
            settings.deadline,
            settings.max_answer_bytes + attached,
        )
        if connection.option("auth") == "dvcqg-session":
            raise Misconfigured(
                "connection extra 'auth' is 'dvcqg-session', which travels in JSON bodies only",
                where=f"connection {connection.id!r}",
                hint="use the rest connector for the national portal",
            )
        self._plain = dict(settings.headers)
        self._further: tuple[str, ...] = settings.content_types
        self.client = Client(connection, context, limits, headers=self._plain, pool=2, soap=True)
        self.where = f"connection {connection.id!r}"
        self.path: str = settings.path
        self.home = base_url(connection)
        self.identified = self.client.identified

    @property
    def url(self) -> str:
        """Address of the service itself, whatever stands before it."""
        return join_url(self.home, self.path)

    def get(self, url: str) -> bytes:
        """Fetch a file of the service's description, on the way that requests go."""
        params: dict[str, str] = {}
        if self.client.route.gateway and url.startswith(self.home):
            url, _, query = url.removeprefix(self.home).partition("?")
            params = dict(parse_qsl(query, keep_blank_values=True))
        call = Call("GET", url, params, label="(wsdl)", answer_bytes=_BIG_WSDL)
        reply = self.client.call(call).reply
        error = failure(reply, where=f"{self.where} (wsdl)", safe=True)
        if error is not None:
            raise error
        return reply.body

    def ping(self) -> int:
        """Send a GET to the service's address and return the status.

        Raises what a 401, 403, 429, 502, 503 or 504 means; any other status is a service's own
        answer to a GET, which SOAP does not define.
        """
        reply = self.client.touch(Call("GET", self.path, label="(description)", answer_bytes=_BIG_WSDL))
        if reply.status in SPEAKING:
            error = failure(reply, where=self.where, safe=True)
            if error is not None:
                raise error
        return reply.status

    @contextmanager
    def post(
        self, body: bytes | Streamed, headers: Mapping[str, str], *, label: str, delivery: bool
    ) -> Iterator[Heard]:
        """Post an envelope and lend its answer; raises as `Client.stream` does."""
        call = Call("POST", self.path, body=body, headers=headers, label=label, safe=not delivery)
        with self.client.stream(call) as incoming:
            kind = incoming.header("Content-Type")
            charset = _CHARSET.search(kind)
            media = kind.partition(";")[0].strip().lower()
            yield Heard(incoming, media, charset.group(1) if charset else None, self._further)

    def anonymous(self) -> Wire:
        """Return the same connection without its credentials and headers; it is closed with this one."""
        other = copy.copy(self)
        other.client = self.client.anonymous(self._plain)
        return other

    def close(self) -> None:
        """Close all connections."""
        self.client.close()
