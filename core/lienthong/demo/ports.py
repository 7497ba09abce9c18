"""Ports: which are free, and what the programs we started listen on."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

from lienthong.errors import Misconfigured

_LISTEN = "0A"
_LOOPBACK6 = "00000000000000000000000001000000"
_MAPPED = "0000000000000000FFFF0000"


def require_free(port: int, variable: str) -> None:
    """Raise `Misconfigured`, naming the port and its variable, where something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Misconfigured(
                f"port {port} on 127.0.0.1 is in use",
                hint=f"stop what listens there, or choose another: make demo {variable}={port + 1}",
            ) from None


def answers(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def open_to_others(pids: Iterable[int]) -> list[str]:
    """Return the sockets on which processes listen for other machines: none, if all is well.

    Empty also where the system has no ``/proc``.
    """
    own = {inode for pid in pids for inode in _sockets(pid)}
    found = []
    for table in ("tcp", "tcp6"):
        for line in _lines(Path("/proc/net", table)):
            address, state, inode = line[1], line[3], line[9]
            if state == _LISTEN and inode in own and not _is_loopback(address):
                found.append(f"port {int(address.rpartition(':')[2], 16)}")
    return found


def _is_loopback(address: str) -> bool:
    """Tell whether an address of ``/proc/net/tcp`` is loopback; it is written in words of reversed bytes."""
    host = address.partition(":")[0]
    if len(host) > 8 and not host.startswith(_MAPPED):
        return host == _LOOPBACK6
    return host.endswith("7F")


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text().splitlines()[1:]]
    except OSError:
        return []


def _sockets(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        descriptors = list(Path("/proc", str(pid), "fd").iterdir())
    except OSError:
        return found
    for item in descriptors:
        try:
            name = str(item.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            found.add(name[8:-1])
    return found
