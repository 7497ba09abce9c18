"""A run with very many refused records: its page reads what it shows, and verifies when it is asked to."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from lienthong.config import load_config
from lienthong.ledger import Database, Report
from lienthong.records import canonical
from lienthong.staging import SegmentStore

MANY = 100_000
DATASET = "onestop.dossier/1"
AT = "2026-01-01T00:00:00Z"
REASON = json.dumps(
    [{"path": "/079123456789/x", "rule": "schema.type", "vi": "sai kiểu", "en": "wrong type"}]
)


def row(table: str, **values: Any) -> tuple[str, tuple[Any, ...]]:
    """Return a statement that enters a row, and its values."""
    names = ", ".join(values)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())  # noqa: S608


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with one unsettled run of 100,000 refused records, and their staging."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    config = load_config()
    Database.open(config.ledger).close()
    inside = {"079123456789": {"x": "Nguyễn Văn A"}}
    records = [canonical({"MaHoSo": f"{number}", **inside}) for number in range(300)]
    segment = SegmentStore.open(config.staging).write(records)
    where: dict[str, Any] = {"exchange": "births", "run": "r1"}
    opened = {"epoch": "", "dry_run": 0, "explicit_since": 0, "validators": "{}", "counts": "{}"}
    refused = {"step": "validate", "segment": segment.digest, "key_hash": "k" * 64, "reasons": REASON}
    refused |= {"dataset": DATASET, "state": "quarantined", "version": 1, "added_at": AT, "changed_at": AT}
    with sqlite3.connect(tmp_path / "ledger.sqlite") as ledger:
        ledger.execute(*row("lt_run", **where, **opened, digest="", opened_at=AT))
        statement, values = row("lt_quarantine", **where, **refused, id="", line=0)
        ledger.executemany(statement, ((*values[:-2], f"{n:012d}", n) for n in range(MANY)))
    ledger.close()
    return tmp_path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """How many statements went to the database, and how many items were made of its rows."""
    from lienthong.ledger import quarantine

    found = {"statements": 0, "items": 0}
    item_of = quarantine.item_of

    def counted(row: Any) -> Any:
        found["items"] += 1
        return item_of(row)

    def stated(*_: Any) -> None:
        found["statements"] += 1

    monkeypatch.setattr(quarantine, "item_of", counted)
    event.listen(Engine, "before_cursor_execute", stated)
    yield found
    event.remove(Engine, "before_cursor_execute", stated)


def test_a_page_of_a_hundred_thousand_refused_records_reads_the_two_hundred_that_it_shows(
    deployment: Path, read: dict[str, int]
) -> None:
    """It read all of them, 23 s and 476 MB for every view; nothing of the record's own names is shown."""
    from lienthong_audit.evidence import MOST_ROWS, Archive
    from lienthong_audit.page import Section, render_runs

    tracemalloc.start()
    try:
        with Archive.open() as archive:
            (run,) = archive.runs("births", "r1")
            page = render_runs([Section(run, None)], run_id="r1", language="en", nonce="n")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read["items"] == MOST_ROWS
    assert read["statements"] < 30
    assert peak < 50 << 20
    assert run.more_refused == MANY - MOST_ROWS and f"+{MANY - MOST_ROWS}" in page
    assert "079123456789" not in page and "Nguyễn" not in page
    assert "wrong type" in page


def test_a_run_with_many_refused_records_is_verified_on_demand_and_once_for_all_readers() -> None:
    """Few pulled and many refused is large, too; a new entry of the ledger makes the report void."""
    from lienthong_audit.evidence import MOST_REFUSED, RunEvidence
    from lienthong_audit.kept import Reports

    def run(state: str, refused: int) -> RunEvidence:
        counts = {"pulled": refused, "quarantined": refused}
        entry = SimpleNamespace(payload={"step": "settle", "counts": counts}, hash=state)
        return RunEvidence("births", "r1", (entry,), (), ())  # type: ignore[arg-type]  # enough

    assert not run("a", MOST_REFUSED).large
    assert run("a", MOST_REFUSED + 1).large
    made: list[str] = []

    def verify(one: RunEvidence) -> Report:
        made.append(one.state)
        return Report(True, one.exchange, one.run, ())

    reports, many = Reports(), run("a", MANY)
    assert reports.get(many) is None, "nothing is verified because a page is opened"
    first = reports.made(many, verify)
    assert reports.made(many, verify) is first is reports.get(many)
    assert made == ["a"]
    reports.made(run("b", MANY), verify)
    assert made == ["a", "b"]
