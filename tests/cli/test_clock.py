"""``lienthong clock``: what it shows of a clock that was ahead, and the way back with who and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from memory_bus import Bench
from moved_clock import moved_clock
from sqlalchemy import insert, select, update

from lienthong.ledger.acts import acts
from lienthong.ledger.tables import DELIVERIES, LEASES
from lienthong.pipeline import RunRequest, run_exchange

Run = Callable[..., tuple[int, str, str]]
LEASE = {
    "exchange": "units",
    "run": "r2",
    "step": "pull",
    "part": 0,
    "holder": "x",
    "token": 9,
    "taken_at": 0.0,
}
SAID = ("--by", "Trần Thị Hoa", "--why", "pin CMOS hỏng")


def test_a_clock_that_is_right(bench: Bench, run: Run) -> None:
    """The times are there, nothing is ahead, nothing is written, and there is nothing to put back."""
    head = bench.bus.ledger.head()
    code, out, _ = run("clock", "show")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["this machine", "last entry"]
    code, _, err = run("clock", "back", *SAID)
    assert code == 2
    assert "there is nothing to put back" in err
    assert bench.bus.ledger.head() == head


def test_a_clock_that_was_ahead_is_shown_and_put_back(bench: Bench, run: Run) -> None:
    """How many entries lie ahead and until when; with who and why the ledger goes on, and says so."""
    with moved_clock() as be_ahead:
        be_ahead(timedelta(days=20))
        run_exchange(bench.bus, bench.plan(), RunRequest("r2", since="2020-01-01T00:00:00+07:00"))
    code, out, _ = run("clock", "show")
    latest = bench.bus.ledger.recorded()
    (told,) = [line for line in out.splitlines() if line.startswith("ahead")]
    assert code == 0
    assert told.endswith(f"entries, up to {latest}")
    code, out, _ = run("clock", "back", *SAID)
    assert code == 0
    assert "units\tr2" in out
    assert {(one.name, one.who, one.why) for one in acts(bench.bus.ledger)} == {
        ("clock.back", SAID[1], SAID[3])
    }
    assert run_exchange(bench.bus, bench.plan(), RunRequest("r3")).counts["refused"] == 0
    assert bench.bus.ledger.check(bench.bus.trust) == []
    assert run("clock", "back", *SAID)[0] == 2


def test_leases_and_waits_that_would_last_for_years_are_ended(bench: Bench, run: Run) -> None:
    """What a clock ahead wrote into the database: leases and requests under way end as if begun by now."""
    bus, years = bench.bus, 60 * 365 * 86_400.0
    with bus.database.write() as connection:
        connection.execute(insert(LEASES).values({**LEASE, "expires_at": years * 2}))
        connection.execute(update(DELIVERIES).values(state="sent", free_at=years * 2))
    with moved_clock() as be_ahead:
        be_ahead(timedelta(days=20))
        assert run("hold", "place", "units", *SAID)[0] == 0
    assert run("clock", "back", *SAID)[0] == 0
    with bus.database.read() as connection:
        leases = connection.execute(select(LEASES.c.expires_at)).scalars().all()
        waits = connection.execute(select(DELIVERIES.c.free_at)).scalars().all()
    assert (len(leases), len(waits)) == (1, 1)
    assert max(*leases, *waits) < years


def test_who_and_why_are_asked_for(bench: Bench, run: Run, tmp_path: Path) -> None:
    """An act needs a name and a reason; without them nothing happens."""
    with pytest.raises(SystemExit) as ended:
        run("clock", "back", "--why", "x")
    assert ended.value.code == 2
