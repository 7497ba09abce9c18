"""A scriptable HTTP server on raw sockets of loopback: it can break every rule that libraries keep."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

#: Requests after which a server answers nobody any more: what asks so often would never end.
ENOUGH = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the counterpart saw it; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The first value of each query parameter."""
        found = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``Content-Length`` is added where ``headers`` say nothing of it."""

    body: bytes = field(repr=False)
    media: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self) -> bytes:
        """Return status line and headers."""
        headers = {"Content-Type": self.media} if self.media else {}
        if "Transfer-Encoding" not in self.headers:
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{name}: {value}" for name, value in {**headers, **self.headers}.items()]
        return "\r\n".join([f"HTTP/1.1 {self.status} Answer", *lines, "", ""]).encode()


#: Answers one request on a socket; returns whether the connection stays open.
Act: TypeAlias = Callable[[Asked, socket.socket], bool]


class HostileServer:
    """Listens on a loopback address and treats every request as ``act`` says.

    ``greet`` sees each connection before anything is read from it; where it returns False, the
    connection is over. ``asked`` are the requests so far.
    """

    def __init__(
        self,
        act: Act,
        *,
        greet: Callable[[socket.socket], bool] | None = None,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._act, self._greet, self._tls, self._host = act, greet, tls, host
        self._listener = socket.create_server((host, 0), backlog=64)
        self._open: list[socket.socket] = []
        self.asked: list[Asked] = []
        self.met = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._listener.getsockname()[1]}"

    @property
    def exhausted(self) -> bool:
        """Whether it was asked so often that it stopped answering."""
        return len(self.asked) >= ENOUGH

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for link in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link = self._listener.accept()[0]
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.append(link)
                threading.Thread(target=self._meet, args=(link,), daemon=True).start()

    def _meet(self, link: socket.socket) -> None:
        self.met += 1
        with contextlib.suppress(OSError, ValueError):
            if self._greet is None or self._greet(link):
                self._talk(self._tls.wrap_socket(link, server_side=True) if self._tls else link)
        link.close()

    def _talk(self, link: socket.socket) -> None:
        with link, link.makefile("rb") as stream:
            while not self.exhausted and (asked := listen(stream)) is not None:
                self.asked.append(asked)
                if not self._act(asked, link):
                    return


def listen(stream: Any) -> Asked | None:
    """Read one request; None at the end of the connection."""
    line = stream.readline().decode("latin-1").split()
    if len(line) < 2:
        return None
    headers: dict[str, str] = {}
    while text := stream.readline().decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b"".join(iter(lambda: _chunk(stream), b""))
    else:
        body = stream.read(int(headers.get("content-length", "0")))
    return Asked(line[0], line[1], headers, body)


def _chunk(stream: Any) -> bytes:
    data: bytes = stream.read(int(stream.readline().split(b";")[0], 16))
    stream.readline()
    return data


def send(link: socket.socket, reply: Reply) -> bool:
    """Send a whole answer; the connection stays open."""
    link.sendall(reply.head() + reply.body)
    return True


def reset(link: socket.socket) -> bool:
    """End a connection as a killed process does, with a reset."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
