"""A bulk SOAP answer read by the bus and by zeep: records per second and peak memory.

Both sides fetch the same answer of the population database's shape (about 1.1 kB a record) from a
loopback HTTP server, each in a process of its own, in turns, the median of the rounds. Time runs
from sending the request to the last record: a dictionary for the bus, zeep's own object for zeep
(turning that into a dictionary would cost it more). Imports and WSDL are not counted in the time; peak
memory is the whole process's, imports included. The bus finds its WSDL compiled, as every task after
the first does: one process does that before the rounds.

    python benchmarks/soap_bulk.py
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_SIDES = ("bus", "zeep")


def measure(records: int = 10_000, rounds: int = 5) -> dict[str, float]:
    """Return the medians: ``bus`` and ``zeep`` in records/s, ``ratio``, ``peak_mb``, ``zeep_peak_mb``.

    ``peak_mb`` is the bus process's peak resident memory, ``base_mb`` what it had before reading.
    """
    results: dict[str, list[dict[str, float]]] = {side: [] for side in _SIDES}
    with _served(_answer(records)) as url, tempfile.TemporaryDirectory() as cache:
        _run("bus", url, records, cache)
        for _ in range(rounds):
            for side in _SIDES:
                results[side].append(_run(side, url, records, cache))
    ratios = [ours["speed"] / theirs["speed"] for ours, theirs in zip(*results.values(), strict=True)]

    def median(side: str, name: str) -> float:
        return round(statistics.median(one[name] for one in results[side]), 1)

    return {
        "records": records,
        "bus": median("bus", "speed"),
        "zeep": median("zeep", "speed"),
        "ratio": round(statistics.median(ratios), 2),
        "peak_mb": median("bus", "peak"),
        "base_mb": median("bus", "base"),
        "zeep_peak_mb": median("zeep", "peak"),
    }


def _run(side: str, url: str, records: int, cache: str) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, __file__, side, url, cache], capture_output=True, text=True, check=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    assert result["records"] == records, result
    return result


def _answer(records: int) -> bytes:
    from lienthong_sandbox.citizens_xml import citizen, collection
    from lienthong_sandbox.people import COMMUNES, person
    from lienthong_sandbox.soap import SOAP11, wrap

    citizens = [citizen(person(index, COMMUNES)) for index in range(records)]
    return wrap("".join(collection(citizens, records, "", "1")), SOAP11)


@contextmanager
def _served(answer: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dancu/soap"
    finally:
        server.shutdown()
        server.server_close()


_REQUEST = {
    "MaYeuCau": "1",
    "MaTichHop": "040",
    "MaCanBo": "cb",
    "MaDonVi": "H21.129",
    "TuNgay": 0,
    "DenNgay": 1,
    "Trang": 1,
    "SoBanGhi": 20000,
}


def _wsdl() -> str:
    from importlib.resources import files

    return str(files("lienthong_sandbox").joinpath("wsdl", "dancu.wsdl"))


def _bus(url: str, cache: str) -> tuple[float, int, float]:
    import time

    from lienthong.connector import Connection, Context, ReadRequest
    from lienthong_connectors.soap import SoapSource

    settings = SoapSource(
        operation="DongBoThongTinCongDan", record_element="CongDan", wsdl=_wsdl(), request=_REQUEST
    )
    context = Context(cache=Path(cache))
    source = settings.open_source(Connection(id="bench", kind="lienthong_soap", host=url), context)
    base = _peak()
    started = time.perf_counter()
    count = sum(len(page.records) for page in source.read(ReadRequest()))
    return time.perf_counter() - started, count, base


def _zeep(url: str, _: str) -> tuple[float, int, float]:
    import time

    import zeep

    client = zeep.Client(_wsdl())
    service = client.create_service("{urn:lienthong:sandbox:dancu}DanCuPortBinding", url)
    base = _peak()
    started = time.perf_counter()
    answer = service.DongBoThongTinCongDan(**_REQUEST)
    count = sum(1 for citizen in answer.CongDan if citizen.SoDinhDanh)
    return time.perf_counter() - started, count, base


def _peak() -> float:
    """Return the peak resident memory in MB since this process's program was loaded."""
    # ru_maxrss of a child begins at its parent's size, which holds the whole answer
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _side(name: str, url: str, cache: str) -> None:
    spent, count, base = {"bus": _bus, "zeep": _zeep}[name](url, cache)
    print(json.dumps({"speed": count / spent, "records": count, "peak": _peak(), "base": base}))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _side(*sys.argv[1:])
    else:
        for key, value in measure().items():
            print(f"{key:14}{value:>12,}")
