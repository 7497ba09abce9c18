"""The end of a list: confirmed, declared, or said not to be; what is not confirmed moves no cursor."""

from __future__ import annotations

from typing import Any

import pytest
from memory_bus import Bench, MemorySource, unit

from lienthong import Source, Text
from lienthong.connector import End
from lienthong.errors import InvalidExchange, Unavailable
from lienthong.pipeline import RunRequest, pull, run_exchange
from lienthong.pipeline.ended import ENDS, concluded, end_line, end_texts
from lienthong.pipeline.staging_run import run_from_staging

DOUBT = End("", Text("còn nữa", "there is more"))


def run(bench: Bench, name: str, end: str = "", **asked: Any) -> Any:
    source = Source("source", MemorySource(), cursor="NgayCapNhat", end=end)
    return run_exchange(bench.bus, bench.plan(source=source), RunRequest(name, **asked))


def statements(bench: Bench, name: str) -> list[dict[str, Any]]:
    return [entry.payload["notes"].get("end") for entry in bench.bus.ledger.entries(run=name)]


@pytest.mark.parametrize("by", ENDS)
def test_a_confirmed_end_lets_the_cursor_pass_and_stands_in_result_and_evidence(
    bench: Bench, by: Any
) -> None:
    reason = "nguồn chỉ ghi thêm" if by == "declared" else ""
    bench.source.offers, bench.source.end = [unit(n) for n in range(1, 15)], End(by)
    settled = run(bench, "r1", reason)
    assert settled.cursor == bench.source.offers[-1]["NgayCapNhat"]
    told = {"by": by} | ({"reason": reason} if reason else {})
    assert settled.end == told
    first, *_, last = statements(bench, "r1")
    assert (first, last) == (told, told)
    assert reason in end_line(settled.end)


@pytest.mark.parametrize("end", [None, DOUBT, End("declared")])
def test_an_end_that_is_not_confirmed_moves_no_cursor(bench: Bench, end: End | None) -> None:
    """A source that says nothing, one that doubts, one that refers to a declaration that there is not."""
    bench.source.offers, bench.source.end = [unit(n) for n in range(1, 15)], end
    settled = run(bench, "r1")
    assert (settled.cursor, settled.counts["acknowledged"], settled.end["by"]) == (None, 14, "")
    vi, en = end_texts(settled.end)
    assert "CHƯA xác nhận" in vi and "end of list not confirmed" in en
    assert ("there is more" in en) == (end is DOUBT)
    assert bench.bus.journal.cursor("units").value is None


def test_what_lay_behind_an_unconfirmed_end_comes_with_the_next_run(bench: Bench) -> None:
    """A gateway drops the next link: page one has the newest records. Before, the others never came."""
    late = [unit(n) for n in range(1, 6)]
    bench.source.offers, bench.source.end = [unit(n) for n in range(20, 30)], None
    run(bench, "r1")
    bench.source.offers, bench.source.end = [*late, *bench.source.offers], End("said")
    settled = run(bench, "r2")
    assert settled.counts["pulled"] == settled.counts["acknowledged"] == 5
    assert settled.cursor == bench.source.offers[-1]["NgayCapNhat"]
    assert set(bench.target.effects.values()) == {1}


def test_the_next_run_begins_where_the_doubtful_one_began(bench: Bench) -> None:
    bench.source.offers, bench.source.end = [unit(n) for n in range(1, 4)], End("order")
    run(bench, "r1")
    run(bench, "r2")
    began = bench.source.asked[-1].since
    bench.source.offers, bench.source.end = [unit(n) for n in range(1, 9)], DOUBT
    for name in ("r3", "r4"):
        run(bench, name)
        assert bench.source.asked[-1].since == began


def test_what_comes_again_behind_a_doubtful_run_costs_next_to_nothing(bench: Bench) -> None:
    """It is recognised by that run's key indexes: one statement, no segment, nothing sent; for ever."""
    bench.source.offers, bench.source.end = [unit(n) for n in range(1, 15)], DOUBT
    run(bench, "r1")
    sent = len(bench.target.batches)
    for name in ("r2", "r3", "r4"):
        settled = run(bench, name)
        assert (settled.nothing_new, settled.counts["pulled"], settled.end["by"]) == (True, 0, "")
        assert len(statements(bench, name)) == 1
    assert len(bench.target.batches) == sent
    again = run(bench, "r4")  # Airflow's Clear
    assert again.end == settled.end
    bench.source.offers = [*bench.source.offers, unit(15)]
    assert run(bench, "r5").counts["acknowledged"] == 1


def test_a_doubtful_run_keeps_no_validators(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ETag of a cut list would answer "not modified" for ever."""
    from memory_bus import OpenMemory

    read = OpenMemory.read

    def tagged(self: Any, request: Any) -> Any:
        from dataclasses import replace

        for page in read(self, request):
            yield replace(page, validators={"list": {"etag": "1"}})

    monkeypatch.setattr(OpenMemory, "read", tagged)
    bench.source.offers, bench.source.end = [unit(1)], DOUBT
    run(bench, "r1")
    assert bench.bus.journal.cursor("units").validators == {}
    bench.source.end = End("said")
    run(bench, "r2")
    assert bench.bus.journal.cursor("units").validators == {"list": {"etag": "1"}}


def test_a_limit_is_no_end_and_a_longer_one_is(bench: Bench) -> None:
    bench.source.offers = [unit(n) for n in range(1, 15)]
    cut = run(bench, "r1", limit=5)
    assert (cut.end["by"], "limit" in cut.end["en"]) == ("", True)


def test_a_resumed_read_keeps_what_it_knows(bench: Bench) -> None:
    """The last page was sealed, with its end, before the try died; nothing more comes of the source."""
    bench.source.offers = [unit(n) for n in range(1, 31)]
    bench.source.break_reading = {20: Unavailable("gone", where="source")}
    plan = bench.plan()
    with pytest.raises(Unavailable):
        pull(bench.bus, plan, RunRequest("r1"))
    settled = run_exchange(bench.bus, plan, RunRequest("r1"))
    assert (settled.counts["pulled"], settled.end) == (30, {"by": "order"})


def test_runs_from_staging_know_no_end_and_move_no_cursor(bench: Bench) -> None:
    bench.source.offers = [unit(n) for n in range(1, 15)]
    first = run(bench, "r1")
    plan = bench.plan(source=Source("source", MemorySource(), cursor="NgayCapNhat"))
    again = run_from_staging(bench.bus, plan, "r1")
    assert again.end == {} and end_line(again.end) == ""
    assert bench.bus.journal.cursor("units").value == first.cursor


def test_a_declaration_is_part_of_the_agreement(bench: Bench) -> None:
    plain = bench.plan(source=Source("source", MemorySource(), cursor="NgayCapNhat")).exchange
    told = bench.plan(source=Source("source", MemorySource(), cursor="NgayCapNhat", end="vì thế")).exchange
    assert "end" not in plain.as_dict()["source"] and told.as_dict()["source"]["end"] == "vì thế"
    assert plain.digest() != told.digest()
    with pytest.raises(InvalidExchange, match=r"source\.end"):
        bench.plan(source=Source("source", MemorySource(), cursor="NgayCapNhat", end="  "))


def test_a_declaration_does_not_hide_what_speaks_against_it() -> None:
    assert concluded({"by": "", "vi": "a", "en": "b"}, "vì thế", cut=False) == {
        "by": "", "vi": "a", "en": "b",
    }  # fmt: skip
    assert concluded({}, "vì thế", cut=False) == {"by": "declared", "reason": "vì thế"}
    assert concluded({"by": "said"}, "vì thế", cut=False) == {"by": "said"}
    assert concluded({"by": "made up"}, "", cut=False)["by"] == ""
