"""A WSDL downloaded once, with everything it refers to, for a catalogue or for looking at it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured
from lienthong_connectors.soap.documents import Documents, collect
from lienthong_connectors.soap.location import locate
from lienthong_connectors.soap.settings import SoapLookup
from lienthong_connectors.soap.transport import Wire
from lienthong_connectors.soap.wsdl import gather


def documents_at(
    where: str,
    *,
    hosts: tuple[str, ...] = (),
    connection: Connection | None = None,
    root: Path | None = None,
) -> Documents:
    """Return the documents of a WSDL at a path, catalogue, ``package:`` name or URL.

    From a URL only its own host is asked, and ``hosts``; with a connection, its credentials are
    shown to the connection's own address and to nobody else. ``root`` is the folder whose files a local
    one may refer to. Raises `Misconfigured`, naming the
    document, where one is elsewhere, and what `collect` and the transport raise.
    """
    location = locate(where, "")
    if not location.startswith(("http://", "https://")):
        return gather(location, "", _no_network, root)
    wires: dict[str, Wire] = {}
    if connection is not None:
        known = _wire(connection)
        wires[_origin(known.client.base)] = known
    allowed = {_host(location), *hosts}

    def get(url: str) -> bytes:
        host, origin = _host(url), _origin(url)
        if host not in allowed:
            raise Misconfigured(f"the WSDL refers to {host}", where=url, hint=f"allow it with --host {host}")
        if origin not in wires:
            wires[origin] = _wire(Connection(id=host, kind="lienthong_soap", host=origin))
        return wires[origin].get(url)

    try:
        return collect(location, get)
    finally:
        for wire in wires.values():
            wire.close()


def _wire(connection: Connection) -> Wire:
    return Wire(connection, Context(log=_quiet), SoapLookup(operation="description"))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _no_network(url: str) -> bytes:
    raise Misconfigured("a local WSDL refers to an address", where=url, hint="make a catalogue of it")


def _quiet(_: str) -> None:
    """Take log lines and do nothing with them."""
