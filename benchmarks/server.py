"""A paged REST server on loopback that is never the bottleneck: pages are spliced, not encoded.

``GET /records?page=N`` (from 1) gives ``{"data": [...]}``, an empty list behind the last page. Started
as ``python server.py COUNT [LATENCY [PAGE]]``; prints its port and serves until it is killed. LATENCY:
milliseconds that every page takes to come (0). PAGE: records a page (1,000).
"""

from __future__ import annotations

import asyncio
import re
import sys

from records import record

TEMPLATES = 10
_QUERY = re.compile(rb"GET /records\?(?:.*&)?page=(\d+)")


def _templates(page: int) -> list[list[bytes]]:
    """Return some pages, cut open where each record's running number stands."""
    import orjson

    pages = []
    for number in range(TEMPLATES):
        rows = [record(index) for index in range(number * page, (number + 1) * page)]
        for row in rows:
            row["dossier_code"] = row["dossier_code"][:-6] + "@@@@@@"
        pages.append(orjson.dumps({"data": rows}).split(b"@@@@@@"))
    return pages


class Server(asyncio.Protocol):
    """One keep-alive connection."""

    pages: list[list[bytes]]
    count: int
    size: int
    latency: float

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, _, self._rest = self._rest.partition(b"\r\n\r\n")
            found = _QUERY.match(head)
            body = self._page(int(found[1]) - 1) if found else b"{}"
            status = b"200 OK" if found else b"404 Not Found"
            answer = (
                b"HTTP/1.1 "
                + status
                + b"\r\nContent-Type: application/json\r\nContent-Length: "
                + str(len(body)).encode()
                + b"\r\n\r\n"
                + body
            )
            write = self._transport.write  # type: ignore[attr-defined]
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, write, answer)
            else:
                write(answer)

    def _page(self, number: int) -> bytes:
        first = number * self.size
        if first >= self.count:
            return b'{"data":[]}'
        parts = self.pages[number % TEMPLATES]
        pieces = [parts[0]]
        for index, part in enumerate(parts[1:]):
            pieces += (b"%06d" % (first + index), part)
        return b"".join(pieces)


async def _main(count: int, latency: int = 0, size: int = 1000) -> None:
    Server.pages, Server.count, Server.size = _templates(size), count, size
    Server.latency = latency / 1000
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*map(int, sys.argv[1:])))
