"""Cursors that no clock bounds, numbers and texts: nothing that changes while a run reads is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from memory_bus import SYSTEMS, Bench, OpenMemory, unit

from lienthong import Delivery, Source
from lienthong.connector import Connection, Context, End, Page, ReadRequest, SourceCapabilities, Stand
from lienthong.errors import Unavailable
from lienthong.pipeline import RunRequest, pull, run_exchange

LAX = Delivery(batch=10, parallel=2, attempts=1, quarantine_above=1.0)


@dataclass(frozen=True)
class Versions:
    """A list in the order of its keys that is asked for what has a version from ``since`` on."""

    field: str = "DanSo"
    high: Callable[[], Any] | None = None
    meanwhile: Callable[[int], None] | None = None
    kind = "versions"

    def as_dict(self) -> dict[str, Any]:
        return {}

    def open_source(self, connection: Connection, context: Context) -> Any:
        settings = self

        class Opened(OpenMemory):
            capabilities = SourceCapabilities(incremental=True, inclusive=True)

            def read(self, request: ReadRequest) -> Iterator[Page]:
                self.system.asked.append(request)
                told = None if settings.high is None else Stand(high=settings.high())
                since = None if request.since is None else key(request.since)
                for start in range(request.position or 0, len(self.system.offers), 10):
                    error = self.system.break_reading.pop(start, None)
                    if error is not None:
                        raise error
                    page = self.system.offers[start : start + 10]
                    found = [dict(one) for one in page if since is None or key(one[settings.field]) >= since]
                    yield Page(found, position=start + 10, stand=told)
                    told = None
                    if settings.meanwhile is not None:
                        settings.meanwhile(start)
                yield Page([], position=len(self.system.offers), end=End("order"))

        def key(value: Any) -> Any:
            return int(value) if str(value).isdigit() else str(value)

        return Opened(SYSTEMS["source"])


def run(bench: Bench, name: str, settings: Versions) -> Any:
    source = Source("source", settings, cursor=settings.field)
    return run_exchange(bench.bus, bench.plan(delivery=LAX, source=source), RunRequest(name))


def arrived(bench: Bench) -> dict[str, str]:
    """Return what the target holds last of each key."""
    return {one["MaDonVi"]: one["TenDonVi"] for batch in bench.target.batches for one in batch.objects()}


def changed(bench: Bench, place: int, field: str, value: Any) -> None:
    bench.source.offers[place] |= {field: value, "TenDonVi": f"mới {value}"}


KINDS = [("DanSo", int), ("LoaiDonVi", str), ("MaDonViCha", lambda n: f"{n:05}")]


@pytest.mark.parametrize(("field", "written"), KINDS)
@pytest.mark.parametrize("tells", [False, True])
def test_a_row_that_changes_behind_the_reading_position_comes_with_the_next_run(
    bench: Bench, field: str, written: Callable[[int], Any], *, tells: bool
) -> None:
    """One behind it, then one in front of it: the larger value is read, the smaller one is not passed by."""
    bench.source.offers = [unit(n, **{field: written(n)}) for n in range(1, 41)]
    high = (lambda: max((one[field] for one in bench.source.offers), key=int)) if tells else None

    def meanwhile(start: int) -> None:
        if start == 10:
            changed(bench, 3, field, written(41))
            changed(bench, 38, field, written(42))

    settings = Versions(field, high, meanwhile)
    run(bench, "r1", settings)
    quiet = Versions(field, high)
    run(bench, "r2", quiet)
    assert arrived(bench) == {one["MaDonVi"]: one["TenDonVi"] for one in bench.source.offers}
    assert run(bench, "r3", quiet).counts["pulled"] == 0
    assert bench.bus.journal.cursor("units").value == str(written(42))


def test_a_source_that_tells_nothing_is_read_once_more_and_then_moves(bench: Bench) -> None:
    """The cursor goes as far as was seen; the next run begins before it and recognises what comes again."""
    bench.source.offers = [unit(n, DanSo=n) for n in range(1, 31)]
    first = run(bench, "r1", Versions())
    assert first.cursor == "30" and not first.odd
    second = run(bench, "r2", Versions())
    assert second.nothing_new and bench.bus.journal.cursor("units").value == "30"
    bench.source.offers.append(unit(50, DanSo=31))
    third = run(bench, "r3", Versions())
    assert (third.counts["pulled"], third.cursor) == (1, "31")
    assert run(bench, "r4", Versions()).nothing_new
    assert [asked.since for asked in bench.source.asked] == [None, None, "30", "30"]


def test_a_cursor_that_a_person_set_is_where_the_next_run_begins(bench: Bench) -> None:
    """The place before the cursor belongs to the cursor that the run left."""
    bench.source.offers = [unit(n, DanSo=n) for n in range(1, 31)]
    run(bench, "r1", Versions())
    bench.bus.journal.set_cursor("units", "12", expected="30")
    run(bench, "r2", Versions())
    assert bench.source.asked[-1].since == "12"


def test_a_resumed_pull_keeps_the_bound_of_its_first_try_for_numbers(bench: Bench) -> None:
    """What changes in the gap, behind the position, comes with the next run, whatever the source tells."""
    for number, high in enumerate((None, lambda: max(one["DanSo"] for one in bench.source.offers))):
        bench.source.offers = [unit(n, DanSo=n + 100 * number) for n in range(1, 41)]
        bench.source.break_reading = {20: Unavailable("gone")}
        settings, name = Versions("DanSo", high), f"r{number}"
        plan = bench.plan(delivery=LAX, source=Source("source", settings, cursor="DanSo"))
        with pytest.raises(Unavailable):
            pull(bench.bus, plan, RunRequest(name))
        changed(bench, 3, "DanSo", 60 + 100 * number)
        changed(bench, 38, "DanSo", 61 + 100 * number)
        run(bench, name, settings)
        run(bench, f"{name}-next", settings)
        assert arrived(bench) == {one["MaDonVi"]: one["TenDonVi"] for one in bench.source.offers}


@pytest.mark.parametrize(
    ("high", "note", "cursor"),
    [
        (None, None, "5"),
        ("không rõ", "high_unplaced", "5"),
        (True, None, "5"),
        ([3], None, "5"),
        (2, None, "2"),
        (2**53 + 1, "high_unseen", "5"),
        ("9007199254740993", "high_unseen", "5"),
        (6, "high_unseen", "5"),
        (5, None, "5"),
        (4.5, None, "4"),
    ],
)
def test_a_largest_value_that_is_odd_is_as_good_as_none(
    bench: Bench, high: Any, note: str | None, cursor: str | None
) -> None:
    """Absent, a word, no scalar, what no record has: the next run begins earlier. A fraction bounds."""
    bench.source.offers = [unit(n, DanSo=n) for n in range(1, 6)]
    settled = run(bench, "r1", Versions(high=lambda: high))
    assert settled.cursor == cursor and set(settled.odd) == ({note} if note else set())


def test_a_largest_value_below_the_cursor_is_said_and_moves_nothing(bench: Bench) -> None:
    bench.source.offers = [unit(n, DanSo=n) for n in range(1, 6)]
    run(bench, "r1", Versions(high=lambda: 5))
    settled = run(bench, "r2", Versions(high=lambda: 3))
    assert settled.odd == {"high_behind": 1} and bench.bus.journal.cursor("units").value == "5"


def test_a_count_in_place_of_the_largest_value_loses_nothing(bench: Bench) -> None:
    """Too large, or too small: what changes behind the reading position comes with the next run."""
    for name, high in (("a", 1000), ("b", 7)):
        bench.source.offers = [unit(n, DanSo=n + ord(name)) for n in range(1, 41)]

        def meanwhile(start: int, step: int = ord(name)) -> None:
            if start == 10:
                changed(bench, 3, "DanSo", 41 + step)
                changed(bench, 38, "DanSo", 42 + step)

        run(bench, f"{name}1", Versions("DanSo", lambda high=high: high, meanwhile))
        run(bench, f"{name}2", Versions("DanSo", lambda high=high: high))
        assert arrived(bench) == {one["MaDonVi"]: one["TenDonVi"] for one in bench.source.offers}


def test_the_largest_value_stands_in_the_evidence(bench: Bench) -> None:
    bench.source.offers = [unit(n, DanSo=n) for n in range(1, 6)]
    run(bench, "r1", Versions(high=lambda: 5))
    notes = [entry.payload.get("notes", {}) for entry in bench.bus.ledger.entries(run="r1")]
    assert any(note.get("high_water") == "5" for note in notes)


def test_a_word_of_a_run_that_never_settled_counts_for_nothing(bench: Bench) -> None:
    """Only what a settled run saw bounds the next one; a run that is opened again keeps its own beginning."""
    bench.source.offers = [unit(n, DanSo=n) for n in range(1, 6)]
    plan = bench.plan(delivery=LAX, source=Source("source", Versions(), cursor="DanSo"))
    pull(bench.bus, plan, RunRequest("r1"))
    assert run(bench, "r2", Versions()).cursor == "5"
    run(bench, "r3", Versions())
    assert bench.source.asked[-1].since is None
