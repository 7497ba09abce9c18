"""A REST pull where every page takes 30 ms to come, and a JSON array of a gigabyte.

The pull: the bus beside a loop of requests that asks for one page after the other, each in a process
of its own, in turns, the medians and the median of the ratios round by round. Time runs from the
first request to the last record, a dictionary on both sides. Imports are not counted.

The array: one answer, taken apart while it arrives; MB/s and the process's peak memory.

    python benchmarks/rest_pull.py
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_PAGE = 500  # what PagePaging asks for where the settings say nothing else
_SIDES = ("bus", "requests")


def measure(pages: int = 100, latency_ms: int = 30, rounds: int = 5) -> dict[str, Any]:
    """Return ``bus`` and ``requests`` in records/s, their ``ratio``, and the array's figures."""
    results: dict[str, list[dict[str, float]]] = {side: [] for side in _SIDES}
    with _paged(pages * _PAGE, latency_ms) as url:
        for _ in range(rounds):
            for side in _SIDES:
                results[side].append(_run(side, url, pages * _PAGE))
    speeds = {side: [one["records"] / one["seconds"] for one in found] for side, found in results.items()}
    ratios = [ours / theirs for ours, theirs in zip(*speeds.values(), strict=True)]
    return {
        "records": pages * _PAGE,
        "latency_ms": latency_ms,
        **{side: round(statistics.median(found), 1) for side, found in speeds.items()},
        "ratio": round(statistics.median(ratios), 2),
        "array": _array(),
    }


def _array(size: int = 1 << 30) -> dict[str, float]:
    """Read an array of so many bytes; return MB, MB/s, MB per second of processor, and peak memory in MB."""
    with _endless(size) as (url, count, sent):
        found = _run("array", url, count)
    return {
        "mb": round(sent / 1e6),
        "mb_per_second": round(sent / 1e6 / found["seconds"], 1),
        "mb_per_cpu_second": round(sent / 1e6 / found["cpu"], 1),
        "peak_mb": round(found["peak"], 1),
    }


def _run(side: str, url: str, records: int) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, __file__, side, url], capture_output=True, text=True, check=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    assert result["records"] == records, result
    return result


@contextmanager
def _paged(count: int, latency_ms: int) -> Iterator[str]:
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "server.py", str(count), str(latency_ms), str(_PAGE)],
        cwd=HERE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _endless(size: int) -> Iterator[tuple[str, int, int]]:
    """Serve one array of about so many bytes; yield its address, its records and its bytes."""
    import orjson
    from records import record

    block = orjson.dumps([record(number) for number in range(_PAGE)])[1:-1]
    blocks = -(-size // len(block))
    length = blocks * (len(block) + 1) + 1

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(length))
            self.end_headers()
            for number in range(blocks):
                self.wfile.write(b"," if number else b"[")
                self.wfile.write(block)
            self.wfile.write(b"]")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", blocks * _PAGE, length
    finally:
        server.shutdown()
        server.server_close()


def _read(url: str, **settings: Any) -> tuple[float, int]:
    from lienthong.connector import Connection, Context, ReadRequest
    from lienthong_connectors.rest import RestSource

    source = RestSource(path="records", **settings).open_source(
        Connection(id="bench", kind="lienthong_rest", host=url), Context()
    )
    started = time.perf_counter()
    count = sum(len(page.records) for page in source.read(ReadRequest()))
    spent = time.perf_counter() - started
    source.close()
    return spent, count


def _bus(url: str) -> tuple[float, int]:
    from lienthong_connectors.rest import PagePaging

    return _read(url, records="data", paging=PagePaging(size=_PAGE))


def _one_array(url: str) -> tuple[float, int]:
    return _read(url, stream=True, max_answer_bytes=1 << 40, deadline=3600)


def _requests(url: str) -> tuple[float, int]:
    import requests

    started, count, page = time.perf_counter(), 0, 1
    with requests.Session() as session:
        while True:
            answer = session.get(f"{url}/records", params={"page": page, "size": _PAGE}, timeout=60)
            answer.raise_for_status()
            rows = answer.json()["data"]
            if not rows:
                return time.perf_counter() - started, count
            count, page = count + len(rows), page + 1


def _peak() -> float:
    """Return the peak resident memory in MB since this process's program was loaded."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _side(name: str, url: str) -> None:
    spent, count = {"bus": _bus, "requests": _requests, "array": _one_array}[name](url)
    print(json.dumps({"seconds": spent, "records": count, "peak": _peak(), "cpu": time.process_time()}))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _side(sys.argv[1], sys.argv[2])
    else:
        print(json.dumps(measure(), indent=2))
