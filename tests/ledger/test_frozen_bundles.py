"""Evidence that release 0.1.0 made is verified, refused and migrated as then, for ever.

The files under ``assets`` are never made anew; its README.txt says what they are.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, text

from lienthong.ledger import Database, Ledger, verify_bundle
from lienthong.ledger.db import _MIGRATIONS
from lienthong.ledger.tables import HEAD
from lienthong.records import parse, sha256
from lienthong.signing import TrustStore

ASSETS = Path(__file__).parent / "assets"
EXPECTED: dict[str, dict[str, Any]] = parse((ASSETS / "expected.json").read_bytes())
GOOD, FLAWED, DATABASES = EXPECTED["good"], EXPECTED["flawed"], EXPECTED["database"]
LEDGER = "ledger-0001.sqlite"


def trust_of(expected: dict[str, Any]) -> TrustStore:
    return TrustStore.from_pem([ASSETS / expected["trust"]])


@pytest.mark.parametrize("name", [*GOOD, *FLAWED, *DATABASES])
def test_the_file_is_the_one_that_was_frozen(name: str) -> None:
    """A file that was made anew proves nothing about evidence that is out there."""
    known = GOOD | FLAWED | DATABASES
    assert sha256((ASSETS / name).read_bytes()) == known[name]["sha256"]


def test_every_frozen_file_is_expected_and_none_holds_a_private_key() -> None:
    """Nothing lies in the folder that no test looks at."""
    beside = {"README.txt", "expected.json", "ca-bus.pem", "ca-steps.pem"}
    assert {path.name for path in ASSETS.iterdir()} == {*GOOD, *FLAWED, *DATABASES} | beside
    assert not [path.name for path in ASSETS.iterdir() if b"PRIVATE KEY" in path.read_bytes()]


@pytest.mark.parametrize("name", GOOD)
def test_good_bundle_verifies_with_the_same_checks_and_counts(name: str) -> None:
    """Each check of then is made and holds; nothing is left unchecked that was checked."""
    expected = GOOD[name]
    report = verify_bundle(ASSETS / name, trust=trust_of(expected))
    assert report.ok, report.failures
    assert [check.name for check in report.checks] == expected["checks"]
    assert report.counts == expected["counts"]
    assert [limit.name for limit in report.not_checked] == expected["not_checked"]
    assert (report.exchange, report.run, report.agency) == tuple(
        expected[field] for field in ("exchange", "run", "agency")
    )


@pytest.mark.parametrize("name", FLAWED)
def test_flawed_bundle_is_refused_by_the_same_checks(name: str) -> None:
    """Exactly the checks of then fail, and name every place that they named then."""
    expected = FLAWED[name]
    report = verify_bundle(ASSETS / name, trust=trust_of(expected))
    assert not report.ok
    assert sorted({check.name for check in report.failures}) == expected["failing"]
    assert {check.subject for check in report.failures} >= set(expected["names"])


@pytest.mark.parametrize("name", GOOD)
def test_good_bundle_is_not_believed_under_another_authority(name: str) -> None:
    """The two authorities have the same name; only the key of the right one makes a bundle verify."""
    other = {"ca-bus.pem": "ca-steps.pem", "ca-steps.pem": "ca-bus.pem"}[GOOD[name]["trust"]]
    report = verify_bundle(ASSETS / name, trust=TrustStore.from_pem([ASSETS / other]))
    assert {check.name for check in report.failures} == {"signatures"}


@pytest.mark.parametrize("name", ["v1-good.zip", "v1-several-parts.zip", "v1-rsa-signer.zip"])
def test_good_bundle_verifies_in_any_order_of_authorities(name: str) -> None:
    """Authorities of one name under different keys are told apart whichever file comes first."""
    files = [ASSETS / "ca-bus.pem", ASSETS / "ca-steps.pem"]
    for order in (files, files[::-1]):
        assert verify_bundle(ASSETS / name, trust=TrustStore.from_pem(order)).ok


@pytest.fixture
def frozen(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> str:
    """The address of a copy of the frozen database, on SQLite and (row by row) on PostgreSQL."""
    if url.startswith("sqlite"):
        shutil.copy(ASSETS / LEDGER, tmp_path / "ledger.sqlite")
        return url
    old, new = (
        create_engine(address)
        for address in (f"sqlite:///{ASSETS / LEDGER}", url.replace("postgresql:", "postgresql+psycopg:", 1))
    )
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with old.connect() as source, new.begin() as target:
        config.attributes["connection"] = target
        command.upgrade(config, "0001")
        tables = MetaData()
        tables.reflect(source, only=list(DATABASES[LEDGER]["rows"]))
        for table in tables.sorted_tables:
            rows = source.execute(table.select().order_by(text("rowid"))).mappings().all()
            target.execute(table.insert(), [dict(row) for row in rows])
    old.dispose()
    new.dispose()
    return url


def test_ledger_of_the_first_migration_is_brought_to_this_version(frozen: str) -> None:
    """Opening migrates it, keeps every row of then, and the chain of statements checks out."""
    expected = DATABASES[LEDGER]
    with Database.open(frozen) as database:
        assert database.revision() == HEAD
        with database.read() as connection:
            rows = {
                table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()  # noqa: S608 - names of ours
                for table in expected["rows"]
            }
        assert rows == expected["rows"]
        ledger = Ledger(database)
        entries = list(ledger.entries())
        assert len(entries) == expected["rows"]["lt_statement"]
        assert entries[-1].hash == expected["head"]
        assert ledger.check(trust_of(expected)) == []


def test_runs_of_the_first_migration_are_numbered_in_the_order_of_their_opening(frozen: str) -> None:
    """A run that was opened later has the higher number, whatever its name, in all exchanges together."""
    with Database.open(frozen) as database, database.read() as connection:
        found = connection.execute(text("SELECT number, exchange, run FROM lt_run ORDER BY number")).all()
    runs = DATABASES[LEDGER]["runs_in_order_of_opening"]
    assert [tuple(row) for row in found] == [(place, *run) for place, run in enumerate(runs, 1)]
