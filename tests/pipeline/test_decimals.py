"""Numbers that no double says: kept where the dataset takes decimals, else set aside, never rounded."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from memory_bus import Bench, unit

from lienthong import Delivery
from lienthong.datasets import Dataset
from lienthong.pipeline import Plan, RunRequest, run_exchange
from lienthong.records import parse
from lienthong_connectors.rest.decode import decode

LAX = Delivery(batch=500, parallel=1, attempts=1, quarantine_above=1.0)
LONG = "12345678901234567.89"


def planned(bench: Bench, field: Mapping[str, Any], **note: Any) -> Plan:
    """Return the example exchange over a dataset with one more field."""
    plan = bench.plan(delivery=LAX)
    schema = copy.deepcopy(dict(plan.dataset.schema))
    schema["properties"]["Gia"] = dict(field)
    schema["x-lienthong"] |= note
    dataset = Dataset.from_dict(plan.dataset.ref, schema)
    return replace(plan, dataset=dataset, produces=dataset)


def offered(bench: Bench, **values: str) -> None:
    """Let the source offer records whose field was written in JSON in these ways."""
    bench.source.offers = [
        unit(number, Gia=decode(f'{{"Gia": {text} }}'.encode()).value["Gia"])
        for number, text in enumerate(values.values(), 1)
    ]


def arrived(bench: Bench) -> list[Any]:
    found = sorted(map(parse, bench.target.effects), key=lambda record: str(record["MaDonVi"]))
    return [record.get("Gia") for record in found]


def test_all_digits_arrive_where_the_dataset_takes_decimals(bench: Bench) -> None:
    offered(bench, long=LONG, text=f'"{LONG}0"', short="1.50", whole="10000000000000000000000", none="null")
    field = {"type": ["string", "null"], "x-lienthong": {"check": "decimal"}}
    settled = run_exchange(bench.bus, planned(bench, field), RunRequest("r1"))
    assert settled.counts["acknowledged"] == 5
    assert arrived(bench) == [LONG, LONG, "1.5", "10000000000000000000000", None]
    offered(bench, long=f"{LONG}00", text=f'"{LONG}"', short='"1.5"', whole="1e22", none="null")
    again = run_exchange(bench.bus, planned(bench, field), RunRequest("r2"))
    assert again.counts.get("acknowledged", 0) == 0  # the same numbers: the same bytes


def test_a_number_that_no_double_says_is_set_aside_where_doubles_are_taken(bench: Bench) -> None:
    """It was rounded without a word; the others arrive as they did."""
    offered(bench, long=LONG, small="1e-400", short="1.50", same="0.30000000000000004")
    settled = run_exchange(bench.bus, planned(bench, {"type": "number"}), RunRequest("r1"))
    assert (settled.counts["acknowledged"], settled.counts["quarantined"]) == (2, 2)
    assert arrived(bench) == [1.5, 0.30000000000000004]
    rules = {reason.rule for item in bench.bus.quarantine.list(exchange="units") for reason in item.reasons}
    assert rules == {"record.not-json"}


def test_texts_are_composed_only_where_the_dataset_says_so(bench: Bench) -> None:
    """Two ways to write one letter are two records' bytes, unless the contract says NFC."""
    loose = "Tha\u0300nh pho\u0302\u0301"
    bench.source.offers = [unit(1, Gia=loose)]
    run_exchange(bench.bus, planned(bench, {"type": "string"}), RunRequest("r1"))
    assert arrived(bench) == [loose]
    bench.target.effects.clear()
    run_exchange(bench.bus, planned(bench, {"type": "string"}, text="nfc"), RunRequest("r2"))
    assert arrived(bench) == ["Thành phố"]
