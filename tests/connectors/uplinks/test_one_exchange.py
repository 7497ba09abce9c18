"""One exchange object reaches a national service by every way; only its connection changes."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from uplinked import UPLINKS, reached

from lienthong.cli.exchanges import one_exchange
from lienthong.connector import Connection
from lienthong.connector.local import connection_from
from lienthong.exchange import Exchange
from lienthong.pipeline import Bus, RunRequest, Settled, compile_plan, run_exchange
from lienthong_sandbox import Province, warehouse

DAGS = Path(__file__).parents[3] / "dags"
UNITS = one_exchange(DAGS / "administrative_units.py", None)
CITIZENS = one_exchange(DAGS / "citizen_verification.py", None)
HOPS = {"ndxp": "ndxp", "vxp": "vxp_adapter", "xroad": "security_server", "ndop": "ndop"}
Go = Callable[[Exchange, str], Settled]


@pytest.fixture
def go(province: Province, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Run an exchange on a fresh home with the national service's connection on one way."""

    def run(exchange: Exchange, uplink: str) -> Settled:
        home = tmp_path / uplink
        shutil.copytree(keys, home)
        monkeypatch.setenv("LIENTHONG_HOME", str(home))

        def connection(name: str) -> Connection:
            if name in ("national_catalogue", "population"):
                return reached(province, name, uplink)
            if name == "warehouse":
                url = f"sqlite:///{tmp_path / uplink}.sqlite"
                return Connection("warehouse", "lienthong_sql", extra={"url": url})
            return connection_from(name, province.connections()[name])

        warehouse.create(f"sqlite:///{tmp_path / uplink}.sqlite")
        bus = Bus.open(connections=connection)
        try:
            return run_exchange(bus, compile_plan(exchange), RunRequest("r1", limit=120))
        finally:
            bus.database.close()

    return run


def test_the_same_rest_exchange_delivers_the_same_records_by_five_ways(
    province: Province, go: Go, tmp_path: Path
) -> None:
    """Digest, counts and delivered rows are equal; each gateway has seen the requests of its run only."""
    digest, rows = UNITS.digest(), {}
    for uplink in UPLINKS:
        before = {name: len(province.audit(name)) for name in HOPS.values()}
        settled = go(UNITS, uplink).counts
        assert settled["pulled"] == settled["acknowledged"] + settled["quarantined"] == 120, uplink
        with contextlib.closing(sqlite3.connect(tmp_path / f"{uplink}.sqlite")) as database:
            rows[uplink] = database.execute("SELECT * FROM administrative_unit ORDER BY 1, 2").fetchall()
        passed = {uplink for uplink, name in HOPS.items() if len(province.audit(name)) > before[name]}
        assert passed == {uplink} - {"direct"}
    assert UNITS.digest() == digest
    assert len(rows["direct"]) > 100
    assert all(found == rows["direct"] for found in rows.values())


def test_the_same_soap_look_up_answers_the_same_by_five_ways(province: Province, go: Go) -> None:
    """Dialect C works through every gateway and without one: the hash reaches the database untouched."""
    digest, counts = CITIZENS.digest(), set()
    for uplink in UPLINKS:
        asked = len(province.audit("population"))
        settled = go(CITIZENS, uplink).counts
        counts.add(tuple(sorted(settled.items())))
        assert len(province.audit("population")) - asked >= settled["acknowledged"] > 50, uplink
    assert CITIZENS.digest() == digest
    assert len(counts) == 1


def test_one_setting_changes_the_way(province: Province) -> None:
    """The sandbox's own connection holds both ways; only ``uplink`` differs between them."""
    found = province.connections()["population"]
    assert found["extra"]["uplink"] == "direct"
    for uplink, hops in (("direct", ()), ("xroad", ("Security Server", "provider's Security Server"))):
        connection = connection_from("population", found | {"extra": found["extra"] | {"uplink": uplink}})
        lookup = CITIZENS.lookup
        assert lookup is not None
        from lienthong.connector import Context

        opened = lookup.connector.open_lookup(connection, Context())
        rows = opened.check()
        opened.close()
        assert all(row.ok for row in rows), rows
        assert tuple(row.hop for row in rows if row.check == "route") == hops
