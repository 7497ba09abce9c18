"""Two connections to one service are one place where a person says so: accounts may select the place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from memory_bus import Bench, memory_bench, unit

from lienthong import Delivery, Target
from lienthong.connector import Connection
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.places import place_findings
from lienthong_connectors.rest import RestTarget


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with memory_bench(tmp_path) as found:
        found.source.offers = [unit(1)]
        yield found


def run(bench: Bench, connection: str, exchange: str) -> dict[str, int]:
    plan = bench.plan(
        id=exchange, target=Target(connection, RestTarget(path="x")), delivery=Delivery(attempts=1)
    )
    settled = run_exchange(bench.bus, plan, RunRequest(exchange), sleep=lambda _: None)
    return {name: count for name, count in settled.counts.items() if count}


@pytest.mark.parametrize(
    ("extra", "counted"),
    [({}, "acknowledged"), ({"place": "first"}, "unchanged"), ({"place": "else"}, "acknowledged")],
)
def test_the_field_place_makes_two_connections_one_place(
    bench: Bench, agency: Any, extra: dict[str, str], counted: str
) -> None:
    """Without it each name is a place of its own, as two accounts of one service may be."""
    agency.default = agency.response({})
    host = agency.connection().host
    known = {
        "source": Connection("source", "memory"),
        "first": Connection("first", "lienthong_rest", host=host, extra={"auth": "bearer", "token": "t1"}),
        "second": Connection(
            "second", "lienthong_rest", host=host, extra={"auth": "bearer", "token": "t2", **extra}
        ),
    }
    bench.bus.connections = known.__getitem__
    assert run(bench, "first", "one") == {"pulled": 1, "acknowledged": 1}
    assert run(bench, "second", "two") == {"pulled": 1, counted: 1}
    assert len(agency.asked) == (1 if counted == "unchanged" else 2)
    plan = bench.plan(id="two", target=Target("second", RestTarget(path="x")))
    said = [one.detail for one in place_findings(bench.bus, plan)]
    assert [one.startswith("by first, too") for one in said] == ([] if counted == "unchanged" else [True])
