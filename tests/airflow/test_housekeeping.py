"""The housekeeping DAG: it parses, says who and why, and does what the command does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from memory_bus import Bench, memory_bench, unit
from operators import operator_signer

from lienthong.errors import InvalidExchange
from lienthong.ledger.acts import acts
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.signing import KeyRing

FILE = """
from datetime import timedelta

from lienthong.airflow import housekeeping_dag

dag = housekeeping_dag(by="Phòng Vận hành", why="Quy chế lưu trữ, điều 5", older_than=timedelta(days=30))
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A home with one settled run."""
    home = tmp_path / "home"
    monkeypatch.setenv("LIENTHONG_HOME", str(home))
    with memory_bench(home) as found:
        signer = operator_signer(home)
        monkeypatch.setattr(KeyRing, "operator", lambda ring, name=None: signer, raising=False)
        found.source.offers = [unit(1)]
        run_exchange(found.bus, found.plan(), RunRequest("r1"))
        yield found


def test_the_file_of_the_docs_parses(tmp_path: Path) -> None:
    """As a DAG file, through Airflow's own loader; one task, once a week, one run at a time."""
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "keep_house.py").write_text(FILE, encoding="utf-8")
    bag = DagBag(str(tmp_path))
    assert bag.import_errors == {}
    dag = bag.dags["lienthong_housekeeping"]
    assert [task.task_id for task in dag.tasks] == ["housekeeping"]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert dag.params["dry_run"] is False


def test_who_why_and_age_are_checked_when_the_file_is_parsed() -> None:
    """A schedule acts too: without a name and a rule it does not even parse."""
    from lienthong.airflow import housekeeping_dag

    for by, why, older in ((" ", "x", 90), ("x", "", 90), ("x", "x", 0.5)):
        with pytest.raises(InvalidExchange):
            housekeeping_dag(by=by, why=why, older_than=timedelta(days=older))


def test_the_task_tidies_and_signs(bench: Bench) -> None:
    """A dry run says what would go; a real one removes it under the name and rule of the file."""
    from lienthong.airflow import housekeeping_dag

    with bench.bus.database.write() as one:
        one.exec_driver_sql("UPDATE lt_run SET settled_at = '2026-01-01T00:00:00.000000Z'")
    dag = housekeeping_dag(by="Phòng Vận hành", why="điều 5", dag_id="keep_house")
    task = dag.get_task("housekeeping")
    assert task.execute({"params": {"dry_run": True}})["checkpoints"] > 0
    assert acts(bench.bus.ledger) == []
    assert task.execute({"params": {"dry_run": False}})["checkpoints"] > 0
    (act,) = acts(bench.bus.ledger)
    assert (act.name, act.who, act.why) == ("housekeeping", "Phòng Vận hành", "điều 5")
    assert task.execute({"params": {}})["checkpoints"] == 0
