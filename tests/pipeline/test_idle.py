"""Runs that find nothing: one statement, next to no room in the ledger, and evidence all the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from memory_bus import unit
from sqlalchemy import text

from lienthong.errors import Misconfigured, StaleRun
from lienthong.ledger import Report, export, verify_bundle
from lienthong.pipeline import RunRequest, pull, run_exchange, settle
from lienthong.pipeline.acts import act
from lienthong.pipeline.staging_run import run_from_staging
from lienthong.pipeline.standing import Standing, standing

if TYPE_CHECKING:
    from memory_bus import Bench

    from lienthong.ledger import Entry

#: Bytes of the ledger's file that a run may take which finds nothing; one of full statements took 9,700.
MOST = 1400


def name(number: int) -> str:
    """Return a run's name as Airflow gives it."""
    return f"scheduled__2026-07-01T{number // 60:02}:{number % 60:02}:00+00:00"


def delivered(bench: Bench) -> None:
    """Run once with records, and leave the source with nothing new."""
    bench.source.offers = [unit(n) for n in range(1, 15)]
    run_exchange(bench.bus, bench.plan(), RunRequest("first"))
    bench.source.offers = []


def statements(bench: Bench, run: str) -> list[Entry]:
    return list(bench.bus.ledger.entries(run=run))


def checkpoints(bench: Bench) -> list[tuple[str, str]]:
    with bench.bus.database.read() as connection:
        wanted = text("SELECT run, step FROM lt_step WHERE run <> 'first' ORDER BY run, step")
        rows = connection.execute(wanted)
        return [(row.run, row.step) for row in rows]


def verified(bench: Bench, run: str, out: Path) -> Report:
    bus = bench.bus
    given = {"read_segment": bus.store.data, "documents": {}, "out": out}
    export(bus.ledger, bus.journal, bus.quarantine, exchange="units", run=run, **given)
    return verify_bundle(out, trust=bus.trust)


@pytest.mark.parametrize("comes_again", [False, True], ids=["empty", "the last record comes again"])
def test_a_run_that_finds_nothing_takes_next_to_no_room(bench: Bench, comes_again: bool) -> None:
    """The file grows by little more than 1 KB a run, tables, indexes and free room in pages included."""
    delivered(bench)
    if comes_again:
        bench.source.offers = [unit(14)]
    plan, runs = bench.plan(), 48

    def pages() -> int:
        with bench.bus.database.read() as connection:
            size = connection.execute(text("PRAGMA page_size")).scalar_one()
            return int(connection.execute(text("PRAGMA page_count")).scalar_one()) * int(size)

    for number in range(8):
        run_exchange(bench.bus, plan, RunRequest(name(number)))
    before = pages()
    for number in range(8, 8 + runs):
        assert run_exchange(bench.bus, plan, RunRequest(name(number))).nothing_new
    assert (pages() - before) / runs < MOST


def test_a_run_that_finds_nothing_is_proved_by_one_statement(bench: Bench, tmp_path: Path) -> None:
    """It says when the source was asked, is a whole token, and no checkpoint is left."""
    delivered(bench)
    settled = run_exchange(bench.bus, bench.plan(), RunRequest("r2"))
    (entry,) = statements(bench, "r2")
    payload = entry.payload
    assert (settled.evidence["sequence"], settled.evidence["hash"]) == (entry.sequence, entry.hash)
    assert (payload["step"], payload["notes"]["nothing_new"]) == ("settle", True)
    assert payload["counts"] == settled.counts == dict.fromkeys(settled.counts, 0)
    opened = bench.bus.journal.run("units", "r2")
    assert opened.opened_at <= payload["started"] <= payload["ended"] <= payload["recorded"]
    assert checkpoints(bench) == []
    report = verified(bench, "r2", tmp_path / "r2.zip")
    assert report.ok, report.failures
    assert report.counts == settled.counts
    assert bench.bus.ledger.check(bench.bus.trust) == []


def test_the_statement_says_when_the_first_try_asked_the_source(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when settle began: what came to the source in between was not looked for."""
    delivered(bench)
    plan, request = bench.plan(), RunRequest("r2")
    assert pull(bench.bus, plan, request) == []
    begun = bench.bus.journal.step("units", "r2", "pull.begun", 0)
    assert begun is not None
    settle(bench.bus, plan, request)
    (entry,) = statements(bench, "r2")
    assert entry.payload["started"].removesuffix("Z") == begun["now"].removesuffix("+00:00")


def test_lists_show_a_run_that_found_nothing_as_before(bench: Bench) -> None:
    """It has settled, and each of its counts is 0."""
    delivered(bench)
    run_exchange(bench.bus, bench.plan(), RunRequest("r2"))
    state = bench.bus.journal.runs("units")[0]
    assert (state.run, state.settled, state.idle) == ("r2", True, True)
    assert set(state.counts.values()) == {0} and "pulled" in state.counts
    assert bench.bus.journal.stand("units", "r2").state == "settled"
    assert standing("units", "r2", config=bench.bus.config) is Standing.SETTLED


def test_a_settled_run_that_found_nothing_may_be_repeated(bench: Bench) -> None:
    """Airflow's Clear: the source is not asked, nothing more is signed, the result is the same."""
    delivered(bench)
    plan, request = bench.plan(), RunRequest("r2")
    first = run_exchange(bench.bus, plan, request)
    asked = len(bench.source.asked)
    bench.source.offers = [unit(99)]
    again = run_exchange(bench.bus, plan, request)
    assert (again.counts, again.evidence, again.nothing_new, again.since) == (
        first.counts, first.evidence, True, first.since,
    )  # fmt: skip
    assert len(bench.source.asked) == asked
    assert len(statements(bench, "r2")) == 1
    assert run_exchange(bench.bus, plan, RunRequest("r3")).counts["acknowledged"] == 1


def test_a_settle_that_dies_after_signing_signs_nothing_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The next try finds its statement again, although its times are others."""
    delivered(bench)
    plan, request, journal = bench.plan(), RunRequest("r2"), type(bench.bus.journal)
    assert pull(bench.bus, plan, request) == []

    def dies(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(journal, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            settle(bench.bus, plan, request)
    settle(bench.bus, plan, request)
    assert len(statements(bench, "r2")) == 1
    assert verified(bench, "r2", tmp_path / "r2.zip").ok


def test_an_open_run_is_overtaken_by_one_that_found_nothing(bench: Bench) -> None:
    """It settled at the same cursor, after the other one was opened: the other one is stale."""
    delivered(bench)
    plan, old = bench.plan(), RunRequest("old")
    bench.source.offers = [unit(20)]
    assert pull(bench.bus, plan, old)
    bench.source.offers = []
    run_exchange(bench.bus, plan, RunRequest("r3"))
    with pytest.raises(StaleRun, match="r3"):
        run_exchange(bench.bus, plan, old)


def test_what_came_again_is_known_to_the_next_run(bench: Bench) -> None:
    """One checkpoint tells it, of the last run only; after a run with records none is left of them."""
    delivered(bench)
    bench.source.offers = [unit(14)]
    plan = bench.plan()
    for number in (2, 3):
        assert run_exchange(bench.bus, plan, RunRequest(f"r{number}")).nothing_new
        assert checkpoints(bench) == [(f"r{number}", "pull.sealed")]
        (entry,) = statements(bench, f"r{number}")
        assert entry.payload["notes"]["read_again"] == 1
    bench.source.offers.append(unit(15))
    assert run_exchange(bench.bus, plan, RunRequest("r4")).counts["pulled"] == 1
    assert {run for run, _ in checkpoints(bench)} == {"r4"}


def test_people_may_act_on_a_run_that_found_nothing(bench: Bench, operator: Any, tmp_path: Path) -> None:
    """Before it settled and after: the acts stand in its chain, and its evidence verifies."""
    delivered(bench)
    plan, said = bench.plan(), {"who": "Trần Thị Hoa", "why": "theo công văn 12"}
    for order, run in enumerate(("before", "after")):
        request = RunRequest(run)
        assert pull(bench.bus, plan, request) == []
        for step in ("act", "settle")[:: -1 if order else 1]:
            if step == "settle":
                settle(bench.bus, plan, request)
            else:
                act(bench.bus, name="run.resend", exchange="units", run=run, subject={}, **said)
        assert [entry.payload["run_sequence"] for entry in statements(bench, run)] == [0, 1]
        report = verified(bench, run, tmp_path / f"{run}.zip")
        assert report.ok, report.failures


def test_a_trial_that_finds_nothing_settles_alike(bench: Bench, tmp_path: Path) -> None:
    """Its statement says that it was one; the exchange stands where it stood."""
    delivered(bench)
    before = bench.bus.journal.cursor("units")
    run_exchange(bench.bus, bench.plan(), RunRequest("dry", dry_run=True))
    assert bench.bus.journal.cursor("units") == before
    (entry,) = statements(bench, "dry")
    assert entry.payload["notes"]["dry_run"] is True
    assert verified(bench, "dry", tmp_path / "dry.zip").ok


def test_a_run_that_found_nothing_has_no_records_to_take_from_staging(bench: Bench) -> None:
    """That is said in words."""
    delivered(bench)
    run_exchange(bench.bus, bench.plan(), RunRequest("r2"))
    with pytest.raises(Misconfigured, match="pulled nothing"):
        run_from_staging(bench.bus, bench.plan(), "r2")
