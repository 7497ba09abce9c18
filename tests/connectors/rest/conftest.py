"""An agency that answers exactly what a test tells it to, byte by byte."""

from __future__ import annotations

import contextlib
import inspect
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lienthong.connector import Batch, Connection, Context, Page, ReadRequest
from lienthong.records import canonical, sha256
from lienthong_connectors.http import pace


@dataclass
class Asked:
    """One request as the agency saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(urlsplit(self.target).query, keep_blank_values=True).items()}

    def json(self) -> Any:
        return json.loads(self.body)


Step = bytes | Callable[[Asked], bytes] | Callable[[Asked, socket.socket], None]


def response(
    value: Any = None, *, status: int = 200, raw: bytes | None = None, headers: dict[str, str] | None = None
) -> bytes:
    """Build an honest answer; ``raw`` stands for a body that is not to be encoded as JSON."""
    body = raw if raw is not None else json.dumps(value, ensure_ascii=False).encode()
    given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {text}" for name, text in given.items() if text)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Agency:
    """A server on loopback. ``steps`` are used up one by a request; then ``default`` answers."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    default: Any = None
    lines: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    tls: Any = None
    response = staticmethod(response)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while (asked := self.listen(stream)) is not None:
                    with self.lock:
                        self.asked.append(asked)
                        step = self.steps.pop(0) if self.steps else self.default
                    if not self.act(step, asked, connection):
                        return

    def listen(self, stream: Any) -> Asked | None:
        line = stream.readline().decode()
        if not line:
            return None
        method, target, _ = line.split(" ", 2)
        headers = {}
        while (line := stream.readline().decode().strip()) != "":
            name, _, text = line.partition(":")
            headers[name.lower()] = text.strip()
        return Asked(method, target, headers, stream.read(int(headers.get("content-length", "0"))))

    def act(self, step: Any, asked: Asked, connection: socket.socket) -> bool:
        """Answer; return whether the connection stays open."""
        answer = step(asked) if callable(step) and len(inspect.signature(step).parameters) == 1 else step
        if callable(answer):
            answer(asked, connection)
            return False
        connection.sendall(answer)
        return True

    def connection(self, **extra: Any) -> Connection:
        scheme = "https" if self.tls is not None else "http"
        login, password = extra.pop("login", ""), extra.pop("password", "")
        host = extra.pop("host", f"{scheme}://127.0.0.1:{self.port}/api")
        return Connection(
            id="agency", kind="lienthong_rest", host=host, login=login, password=password, extra=extra
        )

    def context(self, **more: Any) -> Context:
        return Context(exchange="x", run="r", log=self.lines.append, **more)

    def source(self, settings: Any, **extra: Any) -> Any:
        opened = settings.open_source(self.connection(**extra), self.context())
        self.opened.append(opened)
        return opened

    def target(self, settings: Any, **extra: Any) -> Any:
        opened = settings.open_target(self.connection(**extra), self.context())
        self.opened.append(opened)
        return opened

    def read(self, settings: Any, request: ReadRequest | None = None, **extra: Any) -> list[Page]:
        return list(self.source(settings, **extra).read(request or ReadRequest()))

    opened: list[Any] = field(default_factory=list)

    @staticmethod
    def batch(*records: dict[str, Any], key: tuple[str, ...] = ("id",)) -> Batch:
        lines = [canonical(record) for record in records]
        return Batch(sha256(b"\n".join(lines)), lines, key, "test/1")

    @staticmethod
    def ids(pages: list[Page]) -> list[Any]:
        return [record["id"] for page in pages for record in page.records]


@pytest.fixture
def agency() -> Iterator[Agency]:
    listener = socket.create_server(("127.0.0.1", 0))
    found = Agency(port=listener.getsockname()[1])
    thread = threading.Thread(target=found.serve, args=(listener,), daemon=True)
    thread.start()
    yield found
    for opened in found.opened:
        opened.close()
    pace._paces.clear()  # another test may get the same port
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)
