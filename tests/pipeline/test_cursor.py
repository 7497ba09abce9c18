"""What moves an exchange's cursor, where the next run begins, and what people may do to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from memory_bus import Bench, OpenMemory, unit

from lienthong import Delivery, Source
from lienthong.connector import Connection, Context, End, Page, ReadRequest, SourceCapabilities, Stand
from lienthong.errors import InvalidExchange, Misconfigured, Permanent, Unavailable
from lienthong.pipeline import RunRequest, pull, run_exchange, settle
from lienthong.pipeline.cursors import rewind, set_cursor

FIELD = "NgayCapNhat"
LAX = Delivery(batch=10, parallel=2, attempts=1, quarantine_above=1.0)


def at(day: int, clock: str = "00:00:00") -> str:
    return f"2026-01-{day:02}T{clock}+07:00"


def rows(*values: Any, start: int = 1) -> list[dict[str, Any]]:
    return [unit(start + place, **{FIELD: value}) for place, value in enumerate(values)]


def run(bench: Bench, name: str, **changes: Any) -> Any:
    return run_exchange(bench.bus, bench.plan(delivery=LAX, **changes), RunRequest(name))


def delivered(bench: Bench) -> set[str]:
    return {record["MaDonVi"] for batch in bench.target.batches for record in batch.objects()}


@pytest.mark.parametrize("poison", ["zzz", "9999-99-99", "9999-12-31T00:00:00+07:00", "2099-01-01T00:00:00Z"])
def test_one_absurd_value_never_ends_an_exchange(bench: Bench, poison: str) -> None:
    """Words, a day that is none, the far future: said aloud, and rows that come later still arrive."""
    bench.source.offers = rows(at(1), at(2), at(3), poison)
    first = run(bench, "r1")
    assert first.cursor == at(3)
    assert sum(first.odd.values()) == 1 and set(first.odd) <= {"cursor_unplaced", "cursor_ahead"}
    bench.source.offers += rows(at(4), at(5), start=100)
    assert run(bench, "r2").cursor == at(5)
    assert {"00100", "00101"} <= delivered(bench)


def test_a_record_that_was_set_aside_moves_the_cursor_by_a_sound_value(bench: Bench) -> None:
    """It stands in quarantine: reading it again for ever would help nobody."""
    bench.source.offers = rows(at(1), at(2))
    bench.source.offers[1]["CapDonVi"] = "không có"
    settled = run(bench, "r1")
    assert settled.counts["quarantined"] == 1 and settled.cursor == at(2) and not settled.odd


@pytest.mark.parametrize(
    ("known", "later"),
    [
        (at(3), at(3)),
        ("2026-01-02T18:00:00Z", "2026-01-03T02:30:00+07:00"),
        ("2026-01-03T00:00:00.5Z", "2026-01-03T00:00:00.51Z"),
    ],
)
def test_what_shares_the_cursor_or_only_looks_older_is_read(bench: Bench, known: str, later: str) -> None:
    """The same value, another offset, another fraction: a text is no order."""
    bench.source.offers = rows(at(1), known)
    run(bench, "r1")
    bench.source.offers += rows(later, start=100)

    class Moments(OpenMemory):
        def read(self, request: ReadRequest) -> Iterator[Page]:
            self.system.asked.append(request)
            since = datetime.fromisoformat(request.since or at(1))
            found = [r for r in self.system.offers if datetime.fromisoformat(r[FIELD]) > since]
            yield Page(found, end=End("document"))

    source = opened_by(Moments, bench)
    run_exchange(bench.bus, bench.plan(delivery=LAX), RunRequest("r2"), source=source)
    assert "00100" in delivered(bench)


def opened_by(kind: type[OpenMemory], bench: Bench) -> OpenMemory:
    return kind(bench.source)


def test_a_source_is_asked_from_one_step_before_the_cursor(bench: Bench) -> None:
    """In the cursor's own form, and as what the dataset says that it is."""
    bench.source.offers = rows(at(3))
    run(bench, "r1")
    run(bench, "r2")
    asked = bench.source.asked[-1]
    assert asked.since == at(2, "23:59:59") and asked.kind == "moment"
    assert asked.value == datetime(2026, 1, 2, 16, 59, 59, tzinfo=UTC)


def test_an_inclusive_source_is_asked_from_the_cursor_itself(bench: Bench) -> None:
    bench.source.offers = rows(at(3))
    bench.source.can = SourceCapabilities(inclusive=True)  # type: ignore[assignment]
    plan = bench.plan()
    pull(bench.bus, plan, RunRequest("r1"))
    bench.bus.journal.set_cursor("units", at(3), expected=None)
    pull(bench.bus, plan, RunRequest("r2"))
    assert bench.source.asked[-1].since == at(3)


def test_an_overlap_reaches_back(bench: Bench) -> None:
    """By the length that the agreement names; a run that was told where to begin begins there."""
    source = replace(bench.plan().exchange.source, overlap=timedelta(hours=2))
    bench.source.offers = rows(at(3))
    run(bench, "r1", source=source)
    run(bench, "r2", source=source)
    assert bench.source.asked[-1].since == at(2, "21:59:59")
    asked = RunRequest("r3", since=at(1))
    run_exchange(bench.bus, bench.plan(delivery=LAX, source=source), asked)
    assert bench.source.asked[-1].since == at(1)


def test_an_overlap_that_does_not_fit_is_refused_at_parse_time(bench: Bench) -> None:
    source = bench.plan().exchange.source
    for wrong in (5, timedelta(-1)):
        with pytest.raises(InvalidExchange, match=r"source\.overlap"):
            bench.plan(source=replace(source, overlap=wrong))
    with pytest.raises(InvalidExchange, match=r"source\.overlap"):
        bench.plan(source=replace(source, cursor=None, overlap=timedelta(1)))
    with pytest.raises(InvalidExchange, match=r"source\.cursor.*DonViKeThua"):
        bench.plan(source=replace(source, cursor="DonViKeThua"))


def test_an_agreement_without_overlap_says_nothing_of_it(bench: Bench) -> None:
    """Digests of agreements that were made before there was such a thing stay as they are."""
    exchange = bench.plan().exchange
    assert "overlap" not in exchange.as_dict()["source"]
    other = replace(exchange, source=replace(exchange.source, overlap=timedelta(minutes=5)))
    assert other.as_dict()["source"]["overlap"] == "PT300S" and other.digest() != exchange.digest()


@dataclass(frozen=True)
class Telling:
    """A source that says where it stood."""

    kind: ClassVar[str] = "memory"
    clock: datetime | None = None
    high: Any = None

    def open_source(self, connection: Connection, context: Context) -> Any:
        from memory_bus import SYSTEMS

        settings = self

        class Opened(OpenMemory):
            def read(self, request: ReadRequest) -> Iterator[Page]:
                told: Stand | None = Stand(settings.clock, settings.high)
                for page in super().read(request):
                    yield replace(page, stand=told if request.position is None else None)
                    told = None

        return Opened(SYSTEMS["source"])


def test_the_cursor_never_goes_beyond_where_the_source_stood(bench: Bench) -> None:
    """Neither beyond its clock nor beyond its highest value: what changed meanwhile comes again."""
    bench.source.offers = rows(*(at(day) for day in range(1, 7)))
    clock = datetime.fromisoformat(at(4, "12:00:00"))
    by_clock = Source("source", Telling(clock=clock), cursor=FIELD)
    assert run(bench, "r1", source=by_clock).cursor == at(4)
    by_high = Source("source", Telling(clock=clock, high=at(5)), cursor=FIELD)
    assert run(bench, "r2", source=by_high).cursor == at(4)
    later = datetime.fromisoformat(at(9))
    assert run(bench, "r3", source=Source("source", Telling(later, at(5)), cursor=FIELD)).cursor == at(5)


def test_a_resumed_pull_keeps_the_bound_of_its_first_try(bench: Bench) -> None:
    """An hour may lie between: what changed in it, behind the position, comes with the next run."""
    bench.source.offers = rows(*(at(1, f"00:{n:02}:00") for n in range(40)))
    bench.source.break_reading = {20: Unavailable("gone")}
    first = bench.plan(delivery=LAX, source=Source("source", Telling(high=at(1, "00:39:00")), cursor=FIELD))
    with pytest.raises(Unavailable):
        pull(bench.bus, first, RunRequest("r1"))
    bench.source.offers[3][FIELD] = at(1, "00:50:00")
    bench.source.offers[38][FIELD] = at(1, "00:51:00")
    settled = run_exchange(bench.bus, first, RunRequest("r1"))
    assert settled.cursor == at(1, "00:39:00") and settled.counts["pulled"] == 40
    run(bench, "r2")
    last = {r["MaDonVi"]: r[FIELD] for b in bench.target.batches for r in b.objects()}
    assert last == {r["MaDonVi"]: r[FIELD] for r in bench.source.offers}


def test_without_a_word_from_the_source_our_clock_bounds_with_a_tolerance(bench: Bench) -> None:
    now = datetime.now(UTC)
    fresh = (now - timedelta(minutes=1)).isoformat(timespec="seconds")
    old = (now - timedelta(minutes=30)).isoformat(timespec="seconds")
    bench.source.offers = rows(old, fresh)
    settled = run(bench, "r1")
    assert settled.cursor == old and not settled.odd, "a row of this minute is nothing odd"


@pytest.mark.parametrize(
    ("kept", "note"), [("zzz", "cursor_unreadable"), ("2099-01-01T00:00:00Z", "cursor_in_future")]
)
def test_a_poisoned_cursor_of_an_older_version_heals(bench: Bench, kept: str, note: str) -> None:
    """It is said, everything is read again, and the cursor is a sound one from then on."""
    bench.bus.journal.set_cursor("units", kept, expected=None)
    bench.source.offers = rows(at(1), at(2))
    settled = run(bench, "r1")
    assert settled.odd == {note: 1} and settled.counts["pulled"] == 2
    assert bench.source.asked[-1].since is None
    if note == "cursor_unreadable":
        assert bench.bus.journal.cursor("units").value == at(2)


def test_the_run_says_what_it_did_to_the_cursor(bench: Bench) -> None:
    """In the result, in the signed statement, in the log: both ends, and what was odd in both languages."""
    bench.source.offers = rows(at(1), "zzz")
    settled = run(bench, "r1")
    assert (settled.since, settled.cursor, settled.odd) == (None, at(1), {"cursor_unplaced": 1})
    notes = list(bench.bus.ledger.entries(run="r1"))[-1].payload["notes"]
    assert notes["cursor_to"] == at(1) and notes["cursor_unplaced"] == 1 and "cursor_from" not in notes
    assert settled.as_dict()["odd"] == {"cursor_unplaced": 1}


# --- what people do


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was signed, in the place of what signs it."""
    signed: list[dict[str, Any]] = []
    monkeypatch.setattr("lienthong.pipeline.cursors.act", lambda bus, **told: signed.append(told))
    return signed


def test_a_cursor_is_set_by_name_and_signed(bench: Bench, acts: list[dict[str, Any]]) -> None:
    set_cursor(bench.bus, bench.plan(), at(5), who="Nguyễn Văn A", why="chuyển hệ thống")
    (told,) = acts
    assert (told["name"], told["who"], told["why"]) == ("cursor.set", "Nguyễn Văn A", "chuyển hệ thống")
    assert told["exchange"] == "units" and told["subject"] == {"from": "", "to": at(5)}
    assert bench.bus.journal.cursor("units").value == at(5)


@pytest.mark.parametrize("value", ["zzz", "", "12", "2099-01-01T00:00:00Z"])
def test_a_value_that_cannot_be_the_cursor_is_not_set(
    bench: Bench, acts: list[dict[str, Any]], value: str
) -> None:
    with pytest.raises(Misconfigured, match="cannot be the cursor"):
        set_cursor(bench.bus, bench.plan(), value, who="A", why="b")
    assert not acts and bench.bus.journal.cursor("units").value is None


def test_a_cursor_is_taken_back_by_a_length_or_to_a_run(bench: Bench, acts: list[dict[str, Any]]) -> None:
    plan = bench.plan(delivery=LAX)
    with pytest.raises(Misconfigured, match="no cursor yet"):
        rewind(bench.bus, plan, who="A", why="b", back=timedelta(1))
    for day in (1, 2):
        bench.source.offers = rows(at(day))
        run(bench, f"r{day}")
    assert rewind(bench.bus, plan, who="A", why="b", back=timedelta(hours=3)).value == at(1, "21:00:00")
    assert rewind(bench.bus, plan, who="A", why="b", run="r1").value == at(1)
    with pytest.raises(Misconfigured, match="ahead"):
        rewind(bench.bus, plan, who="A", why="b", run="r2")
    with pytest.raises(InvalidExchange, match="overlap"):
        rewind(bench.bus, plan, who="A", why="b", back=3)
    assert [told["name"] for told in acts] == ["cursor.rewind"] * 2
    bench.source.offers = rows(at(1, "12:00:00"), start=50)
    run(bench, "r3")
    assert "00050" in delivered(bench)


def test_a_run_under_way_cannot_settle_over_a_cursor_that_was_set(
    bench: Bench, acts: list[dict[str, Any]]
) -> None:
    bench.source.offers = rows(at(1))
    plan = bench.plan(delivery=LAX)
    real, bench.bus.journal.settle = bench.bus.journal.settle, lambda *a, **k: None  # type: ignore[method-assign,assignment]
    run(bench, "r1")
    bench.bus.journal.settle = real  # type: ignore[method-assign]
    set_cursor(bench.bus, plan, "2025-12-01T00:00:00Z", who="A", why="b")
    with pytest.raises(Permanent, match="under way"):
        settle(bench.bus, plan, RunRequest("r1"))
    assert bench.bus.journal.cursor("units").value == "2025-12-01T00:00:00Z"
