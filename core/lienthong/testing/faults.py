"""Ways to break a connection, for an author's ``faults`` fixture."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self, TypeAlias

Address: TypeAlias = tuple[str, int] | str
#: Sees each piece of bytes; returning True cuts the connection instead of passing it on.
Cut: TypeAlias = Callable[[bytes], bool]


def refused_port() -> int:
    """Return a loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def silent_server() -> Iterator[int]:
    """Listen on a loopback port, take what comes and never answer; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []
        threading.Thread(target=_take_all, args=(server, taken), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                connection.close()


def _take_all(server: socket.socket, taken: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            taken.append(server.accept()[0])


class CuttingProxy:
    """A proxy in front of a service that can cut a connection at a chosen moment.

    ``asked`` and ``answered`` look at the bytes towards the service and back; the first that
    returns True ends the connection: with ``asked`` before the service sees them, with
    ``answered`` before the client does. An address is (host, port) or the path of a Unix socket.
    """

    def __init__(
        self,
        service: Address,
        listen: Address = ("127.0.0.1", 0),
        *,
        asked: Cut | None = None,
        answered: Cut | None = None,
    ) -> None:
        self._service = service
        self._asked = asked
        self._answered = answered
        self._open: list[socket.socket] = []
        self._server = _server(listen)

    @property
    def address(self) -> Address:
        """Where the proxy listens."""
        name: Address = self._server.getsockname()
        return name

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in (self._server, *self._open):
            _end(open_socket)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client = self._server.accept()[0]
                service = _connect(self._service)
                self._open += [client, service]
                for one, other, cut in ((client, service, self._asked), (service, client, self._answered)):
                    threading.Thread(target=_pass_on, args=(one, other, cut), daemon=True).start()


def _server(listen: Address) -> socket.socket:
    if isinstance(listen, str):
        server = socket.socket(socket.AF_UNIX)
        server.bind(listen)
        server.listen()
        return server
    return socket.create_server(listen)


def _connect(address: Address) -> socket.socket:
    if isinstance(address, str):
        service = socket.socket(socket.AF_UNIX)
        service.connect(address)
        return service
    return socket.create_connection(address)


def _pass_on(one: socket.socket, other: socket.socket, cut: Cut | None) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            if cut is not None and cut(data):
                break
            other.sendall(data)
    _end(one)
    _end(other)


def _end(open_socket: socket.socket) -> None:
    with suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)
    open_socket.close()
