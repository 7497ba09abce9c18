"""The commands by which people keep the bus in order: each leaves an act with who and why."""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_bus import Bench, unit

from lienthong import Delivery
from lienthong.cli import main
from lienthong.connector import TargetCapabilities
from lienthong.errors import OutcomeUnknown
from lienthong.ledger.acts import Act, acts
from lienthong.ledger.tables import HEAD
from lienthong.pipeline import RunRequest, run_exchange

Run = Callable[..., tuple[int, str, str]]
SAID = ("--by", "Trần Thị Hoa", "--why", "biên bản 12")


def last_act(bench: Bench) -> Act:
    found = acts(bench.bus.ledger)[-1]
    assert (found.who, found.why) == (SAID[1], SAID[3])
    return found


ACTING = [
    ("quarantine", "repair", "ID", "--file", "record.json"),
    ("quarantine", "replay", "dags/dossier_sync.py"),
    ("quarantine", "release", "ID"),
    ("delivery", "resolve", "ID", "--taken"),
    ("runs", "close", "r1", "--exchange", "units"),
    ("hold", "place", "units"),
    ("hold", "lift", "ID"),
    ("housekeeping", "--yes"),
]


def test_whoever_acts_says_who_and_why(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Without both nothing happens: exit code 2, and the option is named."""
    before = bench.bus.ledger.head()
    for command in ACTING:
        for said in ((), ("--by", "Hoa"), ("--why", "x"), ("--by", " ", "--why", "x")):
            try:
                code = main([*command, *said])
            except SystemExit as ended:
                code = int(str(ended.code))
            err = capsys.readouterr().err
            assert code == 2, command
            assert "--by" in err or "--why" in err
    assert bench.bus.ledger.head() == before


def test_a_release_leaves_an_act(bench: Bench, run: Run) -> None:
    """Which item, in which state, of which run; the act comes before the change."""
    (item,) = bench.bus.quarantine.list()
    assert run("quarantine", "release", item.id, *SAID)[0] == 0
    act = last_act(bench)
    assert (act.name, act.exchange, act.run) == ("quarantine.release", "units", "r1")
    assert (act.subject["item"], act.subject["state"]) == (item.id, "quarantined")


def test_a_repair_leaves_an_act(bench: Bench, run: Run, tmp_path: Path) -> None:
    """The record itself is nowhere in it."""
    (item,) = bench.bus.quarantine.list()
    good = tmp_path / "good.json"
    good.write_text(json.dumps(unit(10, TenDonVi="Bí mật")), encoding="utf-8")
    assert run("quarantine", "repair", item.id, "--file", good, *SAID)[0] == 0
    act = last_act(bench)
    assert (act.name, act.subject["item"]) == ("quarantine.repair", item.id)
    assert "Bí mật" not in str(act)


def test_occurrences_are_listed(bench: Bench, run: Run) -> None:
    """How often a record was refused, and when last, stands in both forms of the list."""
    run_exchange(bench.bus, bench.plan(), RunRequest("r2", since="2026-01-01T00:00:00+07:00"))
    _, out, _ = run("quarantine", "list")
    assert "r1, 2 times, last r2" in out
    _, out, _ = run("quarantine", "list", "--run", "r2", "--json")
    assert (json.loads(out)["occurrences"], json.loads(out)["last_run"]) == (2, "r2")


def in_doubt(bench: Bench) -> str:
    """Leave run r2 with a delivery whose outcome nobody knows; return its id."""
    bench.target.can = TargetCapabilities()
    bench.source.offers.append(unit(20))
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1, quarantine_above=1.0))
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, plan, RunRequest("r2"))
    (state,) = bench.bus.journal.deliveries(exchange="units", state="unknown")
    return state.id


@pytest.mark.parametrize("found", ["--taken", "--not-taken"])
def test_a_doubt_whose_records_are_gone_is_settled_by_a_person(bench: Bench, run: Run, found: str) -> None:
    """Somebody emptied staging: the open run says what it blocks, the doubt is resolved, the run closed."""
    name = in_doubt(bench)
    shutil.rmtree(bench.bus.config.home / "staging" / "segments")
    code, out, _ = run("runs", "list", "--open")
    assert code == 0
    assert "r2" in out
    assert "r1" not in out
    assert f"in doubt: {name}" in out
    code, _, err = run("runs", "close", "r2", "--exchange", "units", *SAID)
    assert code == 3
    assert name in err
    assert acts(bench.bus.ledger) == []
    assert run("delivery", "resolve", name, found, *SAID)[0] == 0
    act = last_act(bench)
    assert (act.name, act.run, act.subject["delivery"]) == ("delivery.resolve", "r2", name)
    assert act.subject["found"] == found.removeprefix("--").replace("-", " ")
    code, out, _ = run("runs", "close", "r2", "--exchange", "units", *SAID)
    assert (code, "r2 is closed" in out) == (0, True)
    assert last_act(bench).name == "run.close"
    _, out, _ = run("runs", "list", "--json")
    first = json.loads(out.splitlines()[0])
    assert (first["run"], first["state"], first["closed_why"]) == ("r2", "closed", SAID[3])
    assert run("runs", "list", "--open")[1] == ""
    assert "closed" in run("runs", "list")[1]
    bench.target.effects.clear()
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1, quarantine_above=1.0))
    run_exchange(bench.bus, plan, RunRequest("r3"))
    assert bench.bus.journal.run("units", "r3").settled


def test_holds_are_placed_listed_and_lifted(bench: Bench, run: Run) -> None:
    """Each leaves an act; what is not there cannot be held."""
    code, out, _ = run("hold", "place", "units", "--run", "r1", *SAID)
    name = out.split()[1]
    assert (code, last_act(bench).subject["hold"]) == (0, name)
    assert name in run("hold", "list")[1]
    for wrong in (("nothing",), ("units", "--run", "nothing")):
        assert run("hold", "place", *wrong, *SAID)[0] == 2
    assert run("hold", "lift", name, *SAID)[0] == 0
    assert last_act(bench).name == "hold.lift"
    assert run("hold", "list")[1] == ""
    assert "lifted" in run("hold", "list", "--all")[1]
    assert run("hold", "lift", name, *SAID)[0] == 3


def test_housekeeping_says_first_what_it_would_remove(bench: Bench, run: Run) -> None:
    """Without --yes, or with --dry-run, nothing is changed; with it an act names what went."""
    with bench.bus.database.write() as one:
        one.exec_driver_sql("UPDATE lt_run SET settled_at = '2026-01-01T00:00:00.000000Z'")
    staging = bench.bus.config.home / "staging"
    for file in staging.rglob("*.zst"):
        os.utime(file, (0, 0))
    held = sorted(staging.rglob("*.zst"))
    for more in ((), ("--dry-run", "--yes", *SAID)):
        code, out, _ = run("housekeeping", *more)
        assert code == 0
        assert "would be removed" in out
        assert "Nothing was changed" in out
        assert "1 segments: a quarantined record that is not done with" in out
    assert sorted(staging.rglob("*.zst")) == held
    code, out, _ = run("housekeeping", "--older-than", "30d", "--yes", "--json", *SAID)
    assert (code, json.loads(out)["segments"], json.loads(out)["done"]) == (0, len(held) - 1, True)
    assert last_act(bench).name == "housekeeping"
    assert run("housekeeping", "--older-than", "1h")[0] == 2
    bundle = bench.bus.config.home / "b.zip"
    assert run("evidence", "export", "--run", "r1", "-o", bundle, "--hashes-only")[0] == 0
    assert run("verify", bundle, "--trust", bench.bus.config.home / "keys" / "ca.pem")[0] == 0


READERS = [
    ("evidence", "runs"),
    ("evidence", "check-ledger"),
    ("evidence", "acts"),
    ("evidence", "export", "--run", "r1", "-o", "OUT"),
    ("quarantine", "list"),
    ("quarantine", "show", "0000-0000-0000"),
    ("delivery", "list"),
    ("runs", "list"),
    ("hold", "list"),
    ("housekeeping",),
]


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_commands_that_read_make_nothing(
    command: tuple[str, ...],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """In a fresh home they say that there is no ledger; an older one they leave as it is.

    No command leaves a database to the garbage collector, on which nobody can count.
    """
    gc.disable()
    request.addfinalizer(gc.enable)
    home = tmp_path / "fresh"
    monkeypatch.setenv("LIENTHONG_HOME", str(home))
    given = [str(tmp_path / "b.zip") if item == "OUT" else item for item in command]
    code, _, err = run(*given)
    assert (code, "there is no ledger yet" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("LIENTHONG_LEDGER", f"sqlite:///{home / 'old.sqlite'}")
    assert run("migrate")[0] == 0
    from lienthong.ledger import Database

    with Database.open(f"sqlite:///{home / 'old.sqlite'}") as old, old.write() as one:
        one.exec_driver_sql("UPDATE lienthong_version SET version_num = '0001'")
    code, _, err = run(*given)
    assert (code, "lienthong migrate" in err) == (2, True)
    assert {item.name for item in home.iterdir()} == {"old.sqlite"}


def test_migrate_says_the_version(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that may change the tables, and the only one that says so."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))
    for _ in range(2):
        code, out, _ = run("migrate")
        assert (code, out.strip().endswith(f"is of version {HEAD}")) == (0, True)


def test_the_evidence_page_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a page in a fresh home leaves the home as it was: not there."""
    from lienthong.errors import Misconfigured
    from lienthong_audit.evidence import Archive

    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "fresh"))
    with pytest.raises(Misconfigured, match="there is no ledger yet"), Archive.open() as archive:
        archive.runs("units", "r1")
    assert list(tmp_path.iterdir()) == []
