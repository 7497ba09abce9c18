"""How long Airflow takes to parse two hundred exchanges in one folder, in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EXCHANGES = 200

FILE = '''"""Exchange number {number}."""

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import exchange_dag
from lienthong_connectors.rest import PagePaging, RestSource
from lienthong_connectors.sql import SqlTarget

units = Exchange(
    id="administrative_units_{number}",
    title=Text("Danh mục đơn vị hành chính", "Administrative units"),
    provider="G22",
    consumer="H21",
    legal_basis="Nghị định 278/2025/NĐ-CP",
    purpose=Text("Danh mục dùng chung", "Reference data"),
    source=Source("national_catalogue", RestSource(path="/Category/donvi", paging=PagePaging())),
    target=Target("warehouse", SqlTarget(table="administrative_unit_{number}")),
    dataset="catalogue.administrative-unit/1",
    delivery=Delivery(batch=2000),
)

dag = exchange_dag(units, schedule="0 2 * * *")
'''


def measure() -> dict[str, Any]:
    """Parse in a fresh interpreter and return seconds, imports of Airflow itself excluded."""
    with tempfile.TemporaryDirectory() as folder:
        dags = Path(folder, "dags")
        dags.mkdir()
        for number in range(EXCHANGES):
            (dags / f"exchange_{number:03d}.py").write_text(FILE.format(number=number), encoding="utf-8")
        settings = {"AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        done = subprocess.run(  # noqa: S603  # our own interpreter and file
            [sys.executable, __file__, str(dags)],
            env=os.environ | settings | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"},
            check=True,
            capture_output=True,
            text=True,
        )
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _parse(folder: str) -> None:
    from airflow.dag_processing.dagbag import DagBag

    began = time.perf_counter()
    bag = DagBag(folder)
    seconds = time.perf_counter() - began
    assert not bag.import_errors, next(iter(bag.import_errors.values()))
    print(json.dumps({"exchanges": len(bag.dags), "seconds": round(seconds, 2)}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _parse(sys.argv[1])
    else:
        print(measure())
