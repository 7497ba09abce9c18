"""``make bench``: the bus beside what it replaces, interleaved in one go on one machine.

Prints tables and writes ``benchmarks/results/latest.json``. ``ROUNDS`` (3) and ``RECORDS``
(100,000) may be set; the figures to compare with others' are those of the defaults.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dag_parsing
import http_signatures
import key_index
import rest_pull
import soap_bulk
import soap_wss
from databases import SQLite, postgresql
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
RESULT = HERE / "results" / "latest.json"
SIDES = {"bus": "bus.py", "dlt": "dlt_side.py", "handwritten": "handwritten.py"}
CONSOLE = Console()


@contextmanager
def server(count: int) -> Iterator[str]:
    """Yield the URL of a paged server with so many records; it ends with the block."""
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "server.py", str(count)], cwd=HERE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def side(name: str, url: str, database: str, count: int) -> dict[str, Any]:
    """Run one side in a process of its own and return what it printed."""
    with CONSOLE.status(f"{name}: {count:,} records into {database.partition(':')[0]}"):
        done = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, f"sides/{SIDES[name]}", url, database, str(count)],
            cwd=HERE, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-4000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    CONSOLE.print(f"  {name:12} {count / result['seconds']:>9,.0f} records/s  {result['peak_mb']:>5.0f} MB")
    return result


def throughput(
    url: str, bases: dict[str, Any], count: int, rounds: int
) -> tuple[dict[str, Any], float, list[float]]:
    """Return records/s and ratios per database, the bus's peak memory in MB and its key index's shares."""
    seen: dict[str, dict[str, list[float]]] = {base: {name: [] for name in SIDES} for base in bases}
    peak, shares = 0.0, list[float]()
    for number in range(rounds):
        for base, factory in bases.items():
            CONSOLE.print(f"round {number + 1} of {rounds}, {base}")
            for name in SIDES:
                result = side(name, url, factory.fresh(), count)
                seen[base][name].append(count / result["seconds"])
                if name == "bus":
                    peak = max(peak, result["peak_mb"])
                    shares.append(result["key_index_percent"])
    return {base: _ratios(found) for base, found in seen.items()}, peak, shares


def _ratios(found: dict[str, list[float]]) -> dict[str, float]:
    """Return medians, and the medians of the ratios round by round."""

    def ratio(other: str) -> float:
        return statistics.median(a / b for a, b in zip(found["bus"], found[other], strict=True))

    medians = {name: round(statistics.median(values), 1) for name, values in found.items()}
    return {
        **medians,
        "ratio_dlt": round(ratio("dlt"), 2),
        "ratio_handwritten": round(ratio("handwritten"), 2),
    }


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    packages = (
        "apache-airflow",
        "dlt",
        "jsonschema",
        "jsonschema-rs",
        "orjson",
        "psycopg",
        "sqlalchemy",
        "xmlsec",
        "zeep",
    )
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: version(name) for name in packages},
    }


def show(result: dict[str, Any]) -> None:
    """Print the figures as tables."""
    table = Table(title="records/s, all steps", title_justify="left")
    for name in ("", "bus", "dlt", "handwritten", "bus / dlt", "bus / handwritten"):
        table.add_column(name, justify="right")
    for base, found in result["throughput"].items():
        rates = [f"{found[name]:,.0f}" for name in SIDES]
        table.add_row(base, *rates, f"{found['ratio_dlt']:.1f}", f"{found['ratio_handwritten']:.1f}")
    CONSOLE.print(table)
    memory, soap, parsing = result["memory"], result["soap"], result["dag_parsing"]
    for name, value in memory.items():
        CONSOLE.print(f"memory {name}: {value:.0f} MB")
    CONSOLE.print(
        f"SOAP bulk answer: bus {soap['bus']:,.0f}/s, zeep {soap['zeep']:,.0f}/s, "
        f"ratio {soap['ratio']:.1f}, peak {soap['peak_mb']:.0f} MB"
    )
    rest = result["rest_pull"]
    CONSOLE.print(
        f"REST pull at {rest['latency_ms']} ms a page: bus {rest['bus']:,.0f}/s, "
        f"requests {rest['requests']:,.0f}/s, ratio {rest['ratio']:.1f}"
    )
    array = rest["array"]
    CONSOLE.print(
        f"JSON array of {array['mb']:,} MB: {array['mb_per_second']:,.0f} MB/s, "
        f"{array['mb_per_cpu_second']:,.0f} MB per second of processor, peak {array['peak_mb']:.0f} MB"
    )
    for name, found in result["soap_wss"].items():
        CONSOLE.print(
            f"WS-Security {name}: bus {found['bus']:,.0f}/s, zeep {found['zeep']:,.0f}/s, "
            f"ratio {found['ratio']:.1f}"
        )
    CONSOLE.print(f"DAG parsing: {parsing['exchanges']} exchanges in {parsing['seconds']:.1f} s")
    signatures = result["http_signatures"]
    for name in ("p256", "rsa_pss_2048"):
        found = signatures[name]
        CONSOLE.print(
            f"HTTP signature {name}: {found['sign_us']:.0f} µs to sign, {found['verify_us']:.0f} µs to verify"
        )
    CONSOLE.print(f"HTTP digest: {signatures['digest_us_mb']:.0f} µs a megabyte of body")
    for line in key_index.show(result["key_index"]):
        CONSOLE.print(line)


def main() -> None:
    """Measure everything, print it and write it down."""
    count, rounds = int(os.environ.get("RECORDS", "100000")), int(os.environ.get("ROUNDS", "3"))
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(postgresql(folder / "pg"))
        url = stack.enter_context(server(count))
        bases = {"postgresql": postgres, "sqlite": SQLite(folder)}
        rates, peak, shares = throughput(url, bases, count, rounds)
        large = stack.enter_context(server(count * 10))
        peak_large = side("bus", large, postgres.fresh(), count * 10)["peak_mb"]
    result = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "records": count,
        "rounds": rounds,
        "throughput": rates,
        "memory": {f"peak_mb_{count}": round(peak, 1), f"peak_mb_{count * 10}": round(peak_large, 1)},
        "soap": soap_bulk.measure(),
        "rest_pull": rest_pull.measure(),
        "soap_wss": soap_wss.measure(),
        "dag_parsing": dag_parsing.measure(),
        "http_signatures": http_signatures.measure(),
        "key_index": key_index.measure(shares),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(result)
    CONSOLE.print(f"written to {RESULT.relative_to(HERE.parent)} after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
