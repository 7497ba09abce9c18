"""The task written by hand: requests, jsonschema, SQLAlchemy. ``handwritten.py URL DATABASE COUNT``."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.resources import files
from typing import Any

import jsonschema
import requests
import sqlalchemy as sa


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a record: the address unfolded, the attachments as JSON text."""
    row = {name: value for name, value in record.items() if name not in ("address", "attachments")}
    row |= {f"address_{name}": value for name, value in record["address"].items()}
    row["attachments"] = json.dumps(record["attachments"], ensure_ascii=False)
    return row


def table(first: dict[str, Any]) -> sa.Table:
    """Return a table with a column for each member of the first row."""
    kinds: dict[type, Any] = {int: sa.BigInteger, bool: sa.Boolean}
    columns = [
        sa.Column(name, kinds.get(type(value), sa.Text), primary_key=name == "dossier_code")
        for name, value in first.items()
    ]
    return sa.Table("dossier_hand", sa.MetaData(), *columns)


def upsert(engine: sa.Engine, target: sa.Table) -> Any:
    """Return the dialect's insert-or-update statement."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert = (postgresql if engine.dialect.name == "postgresql" else sqlite).insert(target)
    changed = {
        column.name: insert.excluded[column.name] for column in target.columns if not column.primary_key
    }
    return insert.on_conflict_do_update(index_elements=["dossier_code"], set_=changed)


def main() -> None:
    """Run once and print seconds and peak memory as JSON."""
    url, database, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    path = files("lienthong_schemas") / "datasets/bench.dossier/1.json"
    validator = jsonschema.Draft202012Validator(
        json.loads(path.read_text(encoding="utf-8")),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    engine = sa.create_engine(database)
    session, statement, loaded, number = requests.Session(), None, 0, 1
    began = time.perf_counter()
    while rows := session.get(f"{url}/records", params={"page": number}, timeout=60).json()["data"]:
        good = [flat(row) for row in rows if not any(validator.iter_errors(row))]
        if statement is None:
            target = table(good[0])
            target.create(engine)
            statement = upsert(engine, target)
        with engine.begin() as connection:
            connection.execute(statement, good)
        loaded += len(good)
        number += 1
    seconds = time.perf_counter() - began
    assert loaded == count, loaded
    print(
        json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})
    )


main()
