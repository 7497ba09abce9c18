"""Reads that overlap in time: what was read later is newer, whichever run began first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from memory_bus import unit

from lienthong import Delivery, Source
from lienthong.connector import Connection, Context, End, Page, ReadRequest, SourceCapabilities
from lienthong.errors import LienThongError, Unavailable
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.replay import repair, replay, replay_items
from lienthong.pipeline.staging_run import run_from_staging
from lienthong.records import Record

if TYPE_CHECKING:
    from memory_bus import Bench

    from lienthong.pipeline import Plan

ONE_EACH = Delivery(batch=1, parallel=1, attempts=1, quarantine_above=1.0)


SLOW: dict[str, Slow] = {}


@dataclass
class Slow:
    """A source of some pages; before each something happens, then it is asked for, unless that was ahead."""

    pages: Sequence[tuple[Callable[[], Any], list[Record]]]
    ahead: bool = False
    before_read: Callable[[], int] = int

    capabilities = SourceCapabilities(incremental=True, resumable=True)

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield the pages from the position on."""
        begun = self.before_read()
        for place in range(request.position or 0, len(self.pages)):
            happens, records = self.pages[place]
            happens()
            read_as = begun if self.ahead else self.before_read()
            end = End("document") if place + 1 == len(self.pages) else None
            yield Page(records, position=place + 1, read_as=read_as, end=end)

    def check(self) -> list[Any]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Release nothing."""


@dataclass(frozen=True)
class SlowSource:
    """Settings of a source that a test has written."""

    kind: ClassVar[str] = "slow"
    name: str = "slow"
    tells: bool = True

    def open_source(self, connection: Connection, context: Context) -> Slow:
        """Open the source."""
        return replace(SLOW[self.name], before_read=context.before_read if self.tells else int)


def _nothing() -> None:
    pass


def plan_of(bench: Bench, id_: str = "units", *, tells: bool = True, **changes: Any) -> Plan:
    """Return the plan of an exchange with a source of its own name."""
    source = Source("source", SlowSource(id_, tells), cursor="NgayCapNhat")
    return bench.plan(**{"id": id_, "source": source, "delivery": ONE_EACH} | changes)


def run(bench: Bench, plan: Plan, name: str, source: Slow) -> dict[str, int]:
    """Run an exchange to its end; return the counts that are not 0."""
    SLOW[plan.exchange.id] = source
    request = RunRequest(name, since="2020-01-01T00:00:00+07:00")
    settled = run_exchange(bench.bus, plan, request, sleep=lambda _seconds: None)
    return {name: count for name, count in settled.counts.items() if count}


def table(bench: Bench) -> dict[str, str]:
    """Return what a table with the key as primary key would hold."""
    sent = [record for batch in bench.target.batches for record in batch.objects()]
    return {record["MaDonVi"]: record["TenDonVi"] for record in sent}


def _between(bench: Bench, name: str) -> Callable[[], Any]:
    """Return what runs a second exchange into the same table, which reads one version of key 2."""
    other = plan_of(bench, "others")
    source = Slow([(_nothing, [unit(2, TenDonVi=name)])])
    return lambda: run(bench, other, "quick", source)


@pytest.mark.parametrize("pages", [1, 3])
def test_what_a_slow_run_reads_late_goes_over_what_a_quick_one_brought(bench: Bench, pages: int) -> None:
    """The slow run began first; its last page was asked for after the quick run had settled."""
    before = [(_nothing, [unit(10 + n)]) for n in range(pages)]
    slow = Slow([*before, (_between(bench, "old"), [unit(2, TenDonVi="new")])])
    counts = run(bench, plan_of(bench), "slow", slow)
    assert counts == {"pulled": pages + 1, "acknowledged": pages + 1}
    assert table(bench)["00002"] == "new"


@pytest.mark.parametrize("tells", [False, True], ids=["snapshot", "fetched-ahead"])
def test_what_a_slow_run_read_early_does_not(bench: Bench, *, tells: bool) -> None:
    """A database shows its state of the beginning, a page may have been fetched ahead: both are old."""
    slow = Slow([(_nothing, [unit(1)]), (_between(bench, "new"), [unit(2, TenDonVi="old")])], ahead=True)
    counts = run(bench, plan_of(bench, tells=tells), "slow", slow)
    assert counts == {"pulled": 2, "acknowledged": 1, "superseded": 1}
    assert table(bench)["00002"] == "new"


def test_a_run_of_its_own_never_waits_for_numbers(bench: Bench) -> None:
    """While nobody else reads, all segments of a run have its one number."""
    run(bench, plan_of(bench), "one", Slow([(_nothing, [unit(n)]) for n in range(4)]))
    saved = [bench.bus.journal.step("units", "one", "pull.sealed", n) for n in range(5)]
    assert [item["numbers"] for item in saved if item] == [[1], [1], [1], [1], []]


def lose_indexes(bench: Bench) -> int:
    """Remove every key index; return how many there were."""
    files = list((bench.bus.config.home / "staging" / "indexes").rglob("*.kix"))
    for file in files:
        file.unlink()
    bench.bus.__dict__.pop("store")
    return len(files)


def test_lost_indexes_of_a_resumed_run_are_made_again(bench: Bench) -> None:
    """Its segments were read under two numbers; each index comes out with its own."""

    def fail() -> None:
        raise Unavailable("down")

    plan = plan_of(bench)
    with pytest.raises(LienThongError):
        run(bench, plan, "slow", Slow([(_nothing, [unit(1)]), (fail, [])]))
    other = _between(bench, "new")
    run(bench, plan, "slow", Slow([(_nothing, []), (other, [unit(3, TenDonVi="A")])]))
    assert lose_indexes(bench)
    offered = [unit(1), unit(2, TenDonVi="new"), unit(3, TenDonVi="A")]
    assert run(bench, plan, "again", Slow([(_nothing, offered)])) == {"pulled": 3, "unchanged": 3}


def test_lost_indexes_of_replays_and_staged_runs_are_made_again(bench: Bench) -> None:
    """Their records were read under several numbers; a segment holds records of one."""
    plan = plan_of(bench, delivery=Delivery(batch=10, parallel=1, attempts=1, quarantine_above=1.0))
    for number, name in enumerate(("one", "two"), 1):
        run(bench, plan, name, Slow([(_nothing, [unit(number, CapDonVi="?"), unit(10 + number)])]))
    for item in bench.bus.quarantine.list(exchange="units"):
        number = next(n for n in (1, 2) if bench.bus.journal.run("units", item.run).number == n)
        repair(bench.bus, item.id, unit(number))
    (done,) = replay(bench.bus, plan)
    assert done.counts["acknowledged"] == 2
    staged = run_from_staging(bench.bus, plan, done.run)
    assert staged.counts["unchanged"] == 2
    assert lose_indexes(bench)
    offered = [unit(1), unit(2), unit(11), unit(12)]
    assert run(bench, plan, "again", Slow([(_nothing, offered)])) == {"pulled": 4, "unchanged": 4}
    assert lose_indexes(bench)
    assert run_from_staging(bench.bus, plan, staged.run).counts["unchanged"] == 2


def test_a_lost_index_made_under_a_former_secret_is_made_again(bench: Bench) -> None:
    """The secret was changed after the delivery, then the file was lost."""
    plan = plan_of(bench)
    run(bench, plan, "one", Slow([(_nothing, [unit(1)])]))
    file = bench.bus.config.hash_key_file
    file.write_text("f" * 64 + "\n" + file.read_text())
    bench.bus.__dict__.pop("hash_keys")
    assert lose_indexes(bench)
    assert run(bench, plan, "two", Slow([(_nothing, [unit(1)])])) == {"pulled": 1, "unchanged": 1}


def test_a_repaired_record_has_the_number_of_its_own_page(bench: Bench) -> None:
    """Set aside from a late page it is newer than what a quick run brought, from an early one older."""
    plan = plan_of(bench)
    bad = {"CapDonVi": "?"}
    pages = [
        (_nothing, [unit(2, TenDonVi="early", **bad)]),
        (_between(bench, "quick"), [unit(2, TenDonVi="late", **bad)]),
    ]
    run(bench, plan, "slow", Slow(pages))
    early, late = sorted(bench.bus.quarantine.list(exchange="units"), key=lambda item: item.number)
    assert early.number < late.number
    repair(bench.bus, early.id, unit(2, TenDonVi="early"))
    done = replay_items(bench.bus, plan)
    assert (len(done.older), len(done.settled)) == (1, 0)
    repair(bench.bus, late.id, unit(2, TenDonVi="late"))
    (settled,) = replay_items(bench.bus, plan).settled
    assert settled.counts["acknowledged"] == 1
    assert table(bench)["00002"] == "late"
