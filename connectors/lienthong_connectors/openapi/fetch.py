"""A document downloaded once, with everything it refers to, for a catalogue or for looking at it."""

from __future__ import annotations

from urllib.parse import urlsplit

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Limits
from lienthong_connectors.openapi.documents import Documents, documents_at

_ACCEPTED = "application/json, application/yaml, application/vnd.oai.openapi, text/yaml, */*"


def documents_from(
    where: str, *, hosts: tuple[str, ...] = (), connection: Connection | None = None
) -> Documents:
    """Return the documents of a description at a URL.

    Only its own host is asked, and ``hosts``; with a connection, its credentials are shown to the
    connection's own address and to nobody else. Raises `Misconfigured`, naming the document, where one is
    elsewhere, and what the transport raises.
    """
    clients: dict[str, Client] = {}
    if connection is not None:
        known = _client(connection)
        clients[_origin(known.base)] = known
    allowed = {_host(where), *hosts}

    def get(url: str) -> bytes:
        host, origin = _host(url), _origin(url)
        if host not in allowed:
            raise Misconfigured(
                f"the description refers to {host}", where=url, hint=f"allow it with --host {host}"
            )
        if origin not in clients:
            clients[origin] = _client(Connection(id=host, kind="lienthong_rest", host=origin))
        reply = clients[origin].call(Call("GET", url, headers={"Accept": _ACCEPTED})).reply
        if error := failure(reply, where=url, safe=True):
            raise error
        return reply.body

    try:
        return documents_at(where, get)
    finally:
        for client in clients.values():
            client.close()


def _client(connection: Connection) -> Client:
    return Client(connection, Context(log=_quiet), Limits())


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _quiet(_: str) -> None:
    """Take log lines and do nothing with them."""
