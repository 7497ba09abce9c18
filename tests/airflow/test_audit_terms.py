"""The auditors' page of a run: all terms, adding up, what people did, and damage said aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from memory_bus import Bench, memory_bench, unit
from operators import operator_signer
from sqlalchemy import text

from lienthong.ledger.terms import COUNTS, FATES, WORDS
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.acts import act
from lienthong_audit.evidence import Archive, RunEvidence
from lienthong_audit.page import Section, render_runs


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A settled run of seven records, one of which the target refused, and an act about it."""
    with memory_bench(tmp_path / "home") as found:
        operator_signer(found.bus.config.home)
        found.source.offers = [unit(number) for number in range(7)]
        found.target.refuse = lambda record: record["MaDonVi"] == "00003"
        run_exchange(found.bus, found.plan(), RunRequest("r1"))
        act(
            found.bus, name="quarantine.release", who="Trần <b>Hoa</b>", why="theo công văn 12",
            exchange="units", run="r1", subject={"items": ["x7d2-0000-aaaa"]},
        )  # fmt: skip
        yield found


def shown(bench: Bench, language: str = "en", name: str = "r1") -> str:
    archive = Archive(bench.bus)
    run = archive.run("units", name, "units")
    assert run is not None
    report = archive.verify(run) if run.settled or run.damaged else None
    return render_runs([Section(run, report)], run_id=name, language=language, nonce="n")


def numbers(page: str) -> dict[str, int]:
    found = re.findall(r"<li><b>(\d+)</b>([^<]+)</li>", page)
    return {word: int(number) for number, word in found}


@pytest.mark.parametrize(("language", "column"), [("vi", 0), ("en", 1)])
def test_all_terms_are_shown_and_add_up(bench: Bench, language: str, column: int) -> None:
    """Every term of the law is there by its word, and the others add up to what was pulled."""
    page = shown(bench, language)
    counts = numbers(page)
    words = [WORDS[name][column] for name in COUNTS]
    assert list(counts) == words
    assert counts[words[0]] == sum(counts[word] for word in words[1:]) == 7
    assert (counts[words[1]], counts[words[3]]) == (6, 1)
    assert ("The evidence holds" if language == "en" else "Chứng cứ toàn vẹn") in page
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", page)
    for name in FATES:
        assert WORDS[name][column] in heads


@pytest.mark.parametrize("language", ["vi", "en"])
def test_run_that_found_nothing_is_shown_whole(bench: Bench, language: str) -> None:
    """It has settled, its evidence holds, and each of its terms is 0."""
    bench.source.offers = []
    run_exchange(bench.bus, bench.plan(), RunRequest("idle"))
    page = shown(bench, language, "idle")
    assert ("The evidence holds" if language == "en" else "Chứng cứ toàn vẹn") in page
    assert list(numbers(page).values()) == [0] * len(COUNTS)


@pytest.mark.parametrize(
    ("language", "sure", "doubtful"),
    [
        ("vi", "đọc theo thứ tự ổn định của khóa", "CHƯA xác nhận đã đọc hết danh sách"),
        ("en", "read in a stable order by key", "end of list not confirmed"),
    ],
)
@pytest.mark.parametrize("offers", [1, 0])
def test_the_page_says_how_the_end_of_the_list_is_known(
    bench: Bench, language: str, sure: str, doubtful: str, offers: int
) -> None:
    """Also of a run that found nothing."""
    bench.source.offers = [unit(90 + n) for n in range(offers)]
    run_exchange(bench.bus, bench.plan(), RunRequest("known"))
    assert sure in shown(bench, language, "known") and doubtful not in shown(bench, language, "known")
    bench.source.end = None
    run_exchange(bench.bus, bench.plan(), RunRequest("unknown"))
    assert doubtful in shown(bench, language, "unknown")


def test_acts_are_shown(bench: Bench) -> None:
    """Who did what, why, when and about what, as it was signed, and nothing of it as markup."""
    page = shown(bench)
    for said in (
        "quarantine.release",
        "Trần &lt;b&gt;Hoa&lt;/b&gt;",
        "theo công văn 12",
        "x7d2-0000-aaaa",
        "hoa",
    ):
        assert said in page
    assert "giải phóng bản ghi bị cách ly" in shown(bench, "vi")


@pytest.mark.parametrize("sequence", [2, 5, 6])
def test_damaged_entry_is_said_aloud(bench: Bench, sequence: int) -> None:
    """A damaged entry breaks the evidence on the page, the settle statement's own among them."""
    with bench.bus.database.write() as connection:
        connection.execute(text("DROP TRIGGER lt_statement_no_update"))
        connection.execute(text(f"UPDATE lt_statement SET token = 'a.e30.c' WHERE sequence = {sequence}"))  # noqa: S608
    page = shown(bench)
    assert "THE EVIDENCE DOES NOT HOLD" in page
    assert f"ledger entry {sequence}" in page


def test_run_of_a_former_release_shows_its_terms(bench: Bench) -> None:
    """A run that settled under format 1 shows the five terms that it has."""
    run = Archive(bench.bus).run("units", "r1", "units")
    assert run is not None
    for entry in run.entries:
        if entry.payload["step"] == "settle":
            for name in ("superseded", "unchanged"):
                del entry.payload["counts"][name]
    former: RunEvidence = replace(
        run, entries=[item for item in run.entries if item.payload["kind"] == "step"]
    )
    page = render_runs([Section(former, None)], run_id="r1", language="en", nonce="n")
    assert list(numbers(page)) == [WORDS[name][1] for name in COUNTS[:5]]
    assert "What operators did" not in page
