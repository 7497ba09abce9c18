"""dlt: the rest_api source into a SQL destination, appended. ``dlt_side.py URL DATABASE COUNT``.

dlt neither validates nor signs here; its default workers, nested lists kept as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt
import sqlalchemy as sa
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    """Run once and print seconds and peak memory as JSON."""
    url, database, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    postgres = database.startswith("postgresql")
    if postgres:
        # dlt wants a host name; libpq lets the socket in the query win over it
        address = database.replace("postgresql+psycopg://", "postgresql://").replace("@/", "@localhost/")
        destination = dlt.destinations.postgres(address)
    else:
        destination = dlt.destinations.sqlalchemy(database)
    paginator = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None}
    source = rest_api_source(
        {
            "client": {"base_url": url, "paginator": paginator},
            "resources": [{"name": "dossier_dlt", "endpoint": {"path": "records", "data_selector": "data"}}],
        }
    )
    source.max_table_nesting = 0
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=folder, destination=destination, dataset_name="dlt_bench"
        )
        began = time.perf_counter()
        pipeline.run(source)
        seconds = time.perf_counter() - began
    assert _rows(database, postgres=postgres) == count
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak_mb": own / 1024}))


def _rows(database: str, *, postgres: bool) -> int:
    engine = sa.create_engine(database if postgres else database.replace(".sqlite", "__dlt_bench.sqlite"))
    name = "dlt_bench.dossier_dlt" if postgres else "dossier_dlt"
    with engine.connect() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one())  # noqa: S608


main()
