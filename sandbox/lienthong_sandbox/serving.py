"""An ASGI app served in a background thread of this process."""

from __future__ import annotations

import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

_START_SECONDS = 60.0


def bound(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, port 0 for a free one; raises ``OSError`` where it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener


class Serving:
    """A running server; it answers when the constructor returns and until `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        """Serve ``app`` on a bound socket; raises ``RuntimeError`` where that does not begin."""
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        run = {"sockets": [listener]}
        self._thread = threading.Thread(
            target=self._server.run, kwargs=run, name="lienthong-sandbox", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server and wait for its thread."""
        self._server.should_exit = True
        self._thread.join(timeout=_START_SECONDS)
