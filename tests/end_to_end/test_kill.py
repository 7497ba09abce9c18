"""Workers are killed (SIGKILL, real processes) in the middle of exchange 2."""

from __future__ import annotations

from collections import Counter

import pytest
from command_line import CommandLine, kill_when

from lienthong_sandbox import Province

pytestmark = pytest.mark.slow
DOSSIERS = 586  # 600, of which 8 are malformed and 6 name a procedure that the portal refuses


def creations(province: Province) -> Counter[str]:
    """Return how often the portal created each dossier."""
    return Counter(line["key"] for line in province.audit("national_portal") if line["operation"] == "create")


def operations(province: Province) -> Counter[str]:
    """Return how often the portal did what."""
    return Counter(line["operation"] for line in province.audit("national_portal"))


def test_killed_in_pull(lienthong: CommandLine, province: Province) -> None:
    """Killed after the first sealed page, the run goes on behind it: each dossier reaches the portal once."""
    province.fault("one_stop", "slow", times=1, after=1, operation="hoso", seconds=600)
    sealed = "SELECT count(*) FROM lt_step WHERE step = 'pull.sealed'"
    kill_when(lienthong.start("dossier_sync"), lambda: lienthong.count(sealed) >= 1)
    province.clear_faults()
    before = province.log("one_stop")
    summary = lienthong.run("dossier_sync")
    assert summary["pulled"] == 600
    assert lienthong.count("SELECT count(*) FROM lt_run") == 1, "the interrupted run went on"
    assert before != province.log("one_stop")
    assert operations(province) == {"create": DOSSIERS}
    assert set(creations(province).values()) == {1}


@pytest.mark.parametrize("after", [0, 2])
def test_killed_in_push_after_the_portal_took_a_batch(
    lienthong: CommandLine, province: Province, after: int
) -> None:
    """Killed while waiting for an answer, the run asks the portal and creates nothing twice.

    Every part waits from then on, so that none is through before the kill comes, however late it comes.
    """
    province.fault(
        "national_portal", "slow_answer", times=None, after=after, operation="DongBoHoSoMC", seconds=600
    )
    process = lienthong.start("dossier_sync")
    kill_when(process, lambda: len(creations(province)) > after * 95)
    province.clear_faults()
    taken = len(creations(province))
    assert 0 < taken < DOSSIERS
    assert lienthong.count("SELECT count(*) FROM lt_delivery WHERE state = 'sent'") >= 1
    summary = lienthong.run("dossier_sync")
    assert (summary["acknowledged"], summary["refused"], summary["quarantined"]) == (DOSSIERS, 6, 8)
    assert operations(province) == {"create": DOSSIERS}
    assert set(creations(province).values()) == {1}


def test_the_connection_is_cut_after_the_portal_took_a_batch(
    lienthong: CommandLine, province: Province
) -> None:
    """No process dies, but the answer does: the retry asks the portal."""
    province.fault("national_portal", "cut_after_taken", times=2, after=1, operation="DongBoHoSoMC")
    summary = lienthong.run("dossier_sync")
    assert summary["acknowledged"] == DOSSIERS
    assert operations(province) == {"create": DOSSIERS}
