"""Where a redirect may lead: nowhere, within the connection's own origin, or to hosts that it lists.

An answer that sends us elsewhere is how a broken or taken-over system reaches what only we can
reach. So another host must be listed, gets none of our credentials, and may not lie at a private
address (RFC 1918, RFC 4193, RFC 6890) unless that address is listed, too.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lienthong.connector import Connection
from lienthong.errors import Misconfigured, ProtocolViolation

SAME_ORIGIN = "same-origin"
"""Value of the connection extra ``redirects`` where it is not given."""

MOST = 3
"""Redirects that one call follows."""

CODES = frozenset({301, 302, 303, 307, 308})
"""Statuses that redirect (RFC 9110 section 15.4)."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Redirects:
    """The redirects that a connection allows.

    ``followed``: any at all. ``hosts`` are names beside the connection's own origin; ``networks``
    are addresses that may be reached although they are private.
    """

    followed: bool = True
    hosts: frozenset[str] = frozenset()
    networks: tuple[_Network, ...] = ()

    @classmethod
    def of(cls, connection: Connection) -> Redirects:
        """Read the extra ``redirects``: none, same-origin, or hosts, addresses and networks.

        Raises `Misconfigured` for an entry that is none of these.
        """
        entries = str(connection.option("redirects", SAME_ORIGIN)).replace(",", " ").split()
        if entries in (["none"], [SAME_ORIGIN]):
            return cls(entries != ["none"])
        networks = [network for entry in entries if (network := _network(entry)) is not None]
        names = [entry.lower() for entry in entries if _network(entry) is None]
        if not entries or any(set(name) & set("/:@?# ") for name in names):
            raise Misconfigured(
                "connection extra 'redirects' is not one of its values",
                where=f"connection {connection.id!r}",
                hint="none, same-origin, or blank-separated hosts, addresses and networks (10.1.2.0/24)",
            )
        single = [str(network.network_address) for network in networks if network.num_addresses == 1]
        return cls(hosts=frozenset([*names, *single]), networks=tuple(networks))

    def target(self, base: str, url: str, location: str, *, where: str) -> str:
        """Return the URL that a redirect leads to; ``base`` is the connection's own.

        Raises `ProtocolViolation` where it may not be followed.
        """
        target = _resolved(url, location, where)
        if origin(target) == origin(base):
            return target
        scheme, host, _ = origin(target)
        hint = "give the host as a connection of its own, or list it in the connection's redirects"
        if host == origin(base)[1] and host not in self.hosts:
            raise _of_own_host(scheme, origin(base)[0], where)
        if host not in self.hosts:
            raise ProtocolViolation("the other side redirects to another host", where=where, hint=hint)
        if scheme != "https" and origin(base)[0] == "https":
            raise ProtocolViolation("the other side redirects away from TLS", where=where, hint=hint)
        if not all(self._reachable(address) for address in _addresses(host, where)):
            raise ProtocolViolation(
                "the other side redirects to a private address",
                where=where,
                hint="list the address or its network in the connection's redirects if that is meant",
            )
        return target

    def _reachable(self, address: _Address) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        return plain.is_global or any(plain in network for network in self.networks)


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL, by which hosts are told apart."""
    try:
        parts = urlsplit(url)
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or usual
    except ValueError:
        return "", "", None


def _of_own_host(scheme: str, own: str, where: str) -> ProtocolViolation:
    """Return what a redirect to the connection's own name means, under another scheme or port."""
    if scheme == own:
        said, hint = "to another port of its own host", "give that port in the connection's host"
    elif scheme == "https":
        said, hint = "to https of its own host", "give https:// in the connection's host"
    else:
        said, hint = (
            "away from TLS",
            "tell the agency: nothing is sent without TLS where the connection has it",
        )
    return ProtocolViolation(f"the other side redirects {said}", where=where, hint=hint)


def _resolved(url: str, location: str, where: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise ProtocolViolation("the other side names an address that is none", where=where) from None


def _network(entry: str) -> _Network | None:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None


def _addresses(host: str, where: str) -> Iterable[_Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return {ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found}
    except (OSError, ValueError):
        said = "the other side redirects to a host without an address"
        raise ProtocolViolation(said, where=where) from None
