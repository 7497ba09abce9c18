"""A target that accepts now and works later, in processes that wait, die, and ask again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from command_line import ROOT, CommandLine, kill_when

from lienthong_sandbox import Province

pytestmark = pytest.mark.slow
RESULTS = 185


@pytest.fixture
def verification(tmp_path: Path) -> Path:
    """The verification of citizens, its results delivered to a system that works later."""
    text = (ROOT / "dags" / "citizen_verification.py").read_text(encoding="utf-8")
    file = tmp_path / "citizen_verification.py"
    file.write_text(text.replace("identity_results()", "identity_results(later=True)"), encoding="utf-8")
    assert "later=True" in file.read_text(encoding="utf-8")
    return file


def effects(province: Province) -> Counter[str]:
    """Return how often each result was taken."""
    return Counter(line["key"] for line in province.audit("one_stop") if line["operation"] == "xacthuc")


def seen(province: Province, operation: str) -> int:
    """Return how many requests of a kind came."""
    return sum(line["count"] for line in province.log("one_stop") if line["operation"] == operation)


def test_results_are_sent_once_and_asked_about_until_they_are_done(
    lienthong: CommandLine, province: Province, verification: Path
) -> None:
    summary = lienthong.run(verification)
    assert (summary["acknowledged"], summary["pending"]) == (RESULTS, 0)
    sent = seen(province, "xacthuc")
    assert sent == lienthong.count("SELECT count(*) FROM lt_delivery")
    assert seen(province, "viec") == 3 * sent, "twice at work, then done"
    assert set(effects(province).values()) == {1}


def test_killed_while_waiting_the_next_try_asks_and_never_sends_again(
    lienthong: CommandLine, province: Province, verification: Path
) -> None:
    """SIGKILL between two questions, when every delivery has been accepted and none is done."""
    province.fault("one_stop", "job_pending", times=None, operation="viec")
    waiting = "SELECT count(*) FROM lt_delivery WHERE state = 'unknown' AND receipts LIKE '%/api/viec/%'"
    kill_when(
        lienthong.start(verification),
        lambda: lienthong.count(waiting) >= 4 and seen(province, "viec") >= 8,
    )
    sent = seen(province, "xacthuc")
    assert sent == lienthong.count("SELECT count(*) FROM lt_delivery") == lienthong.count(waiting)
    assert effects(province) == {}
    province.clear_faults()
    summary = lienthong.run(verification)
    assert (summary["acknowledged"], summary["pending"]) == (RESULTS, 0)
    assert lienthong.count("SELECT count(*) FROM lt_run") == 1, "the interrupted run went on"
    assert seen(province, "xacthuc") == sent
    assert set(effects(province).values()) == {1}


def test_a_new_run_after_the_kill_waits_for_the_old_ones_jobs(
    lienthong: CommandLine, province: Province, verification: Path
) -> None:
    """Another agreement about batches cuts segments differently: still no result is sent twice."""
    province.fault("one_stop", "job_pending", times=None, operation="viec")
    kill_when(lienthong.start(verification), lambda: seen(province, "viec") >= 8)
    province.clear_faults()
    text = verification.read_text(encoding="utf-8").replace("batch=50", "batch=30")
    verification.write_text(text, encoding="utf-8")
    summary = lienthong.run(verification)
    assert (summary["acknowledged"], summary["pending"]) == (RESULTS, 0)
    assert lienthong.count("SELECT count(*) FROM lt_run") == 2
    assert set(effects(province).values()) == {1}


def test_a_job_that_was_lost_is_sent_again_under_its_key(
    lienthong: CommandLine, province: Province, verification: Path
) -> None:
    """The system declares repeats safe, so the delivery need not wait for a person."""
    province.fault("one_stop", "job_lost", operation="xacthuc")
    summary = lienthong.run(verification)
    assert summary["acknowledged"] == RESULTS
    assert seen(province, "xacthuc") == 1 + lienthong.count("SELECT count(*) FROM lt_delivery")
    assert set(effects(province).values()) == {1}


def test_a_job_that_failed_puts_its_records_into_quarantine(
    lienthong: CommandLine, province: Province, verification: Path
) -> None:
    province.fault("one_stop", "job_failed", operation="xacthuc")
    summary = lienthong.run(verification)
    assert summary["refused"] > 0
    assert summary["acknowledged"] + summary["refused"] == RESULTS
    listed = lienthong("quarantine", "list", "--exchange", "citizen_verification", "--json").stdout
    assert listed.count("target.LO_HONG") == summary["refused"]
    assert "Lô không xử lý được" in listed
