"""The bus: five steps, validation, evidence and settling on. ``bus.py URL DATABASE COUNT``."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

# what the steps would import at their first use: the other sides import at the top, too, uncounted
import alembic.command
import meter
import psycopg
import requests

import lienthong_connectors.rest.source
import lienthong_connectors.sql._postgres
import lienthong_connectors.sql._sqlite
import lienthong_connectors.sql._target
from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.config import Config
from lienthong.connector import Connection
from lienthong.ledger import export as _export
from lienthong.pipeline import Bus, RunRequest, compile_plan, run_exchange
from lienthong.signing.keys import create_development_keys
from lienthong_connectors.rest import PagePaging, RestSource
from lienthong_connectors.sql import SqlTarget

IMPORTED = (alembic.command, psycopg, requests, lienthong_connectors, _export)


def main() -> None:
    """Run once and print seconds, peak memory and the key index's share of the processor's time as JSON."""
    url, database, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    exchange = Exchange(
        id="bench",
        title=Text("Đo", "Benchmark"),
        provider="H21",
        consumer="H21.129",
        legal_basis="Nghị định 278/2025/NĐ-CP",
        purpose=Text("Đo", "Benchmark"),
        source=Source(
            "server",
            RestSource(
                path="/records",
                records="data",
                paging=PagePaging(page_param="page", size_param="", size=1000),
            ),
        ),
        target=Target("database", SqlTarget(table="dossier_bus", create=True)),
        dataset="bench.dossier/1",
        delivery=Delivery(batch=5000, parallel=2),
    )
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        create_development_keys(home, "H21")
        config = Config(home, f"sqlite:///{home / 'ledger.sqlite'}", str(home / "staging"), home / "hash.key")
        ends = {
            "server": Connection("server", "rest", host=url, extra={"auth": "none"}),
            "database": Connection("database", "sql", extra={"url": database}),
        }
        bus = Bus.open(connections=ends.__getitem__, config=config)
        plan, request = compile_plan(exchange), RunRequest("bench")
        index = meter.key_index()
        began, cpu = time.perf_counter(), time.process_time()
        settled = run_exchange(bus, plan, request)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert settled.counts["acknowledged"] == count, settled.counts
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = round(100 * index.seconds / cpu, 2)
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "key_index_percent": share}))


main()
