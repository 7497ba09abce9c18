"""One schedule of retries: how long is waited, what is not waited for, and what the docs say about it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from memory_bus import Bench, unit

from lienthong.errors import OutcomeUnknown, Permanent, RateLimited, Unavailable
from lienthong.exchange import Delivery
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.retry import Schedule, schedule, spoken, using
from lienthong.testing import no_waits

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("tried", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (8, 600), (10**9, 600)])
def test_waits_double_up_to_the_longest(tried: int, seconds: float) -> None:
    assert Schedule().wait(tried) == seconds


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (None, 5),
        (0, 5),
        (-3, 5),
        (float("nan"), 5),
        (7.5, 7.5),
        (3600, 3600),
        (86_400, 3600),
        (float("inf"), 3600),
    ],
)
def test_what_is_asked_for_is_waited_up_to_the_limit(asked: float | None, seconds: float) -> None:
    assert Schedule().wait(1, asked) == seconds


@pytest.mark.parametrize("asked", [3601, 86_400, 1e30, float("inf")])
def test_more_patience_than_an_hour_fails_with_the_moment_to_try_again(asked: float) -> None:
    """Whatever the number, there is a sentence; the moment is right where it is near."""
    verdict = Schedule().verdict(RateLimited("slow", retry_after=asked), 1, more=True)
    assert verdict.wait is None
    assert "more than 1 h is not waited for" in verdict.reason
    found = re.search(r"try again after (\S+Z)", verdict.reason)
    assert found is not None
    moment = datetime.strptime(found[1], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    if asked < 1e6:
        assert abs(moment - datetime.now(UTC) - timedelta(seconds=asked)) < timedelta(minutes=5)


def test_other_errors_and_the_last_try_are_not_waited_for() -> None:
    waits = Schedule()
    assert waits.verdict(Permanent("no"), 1, more=True).wait is None
    assert waits.verdict(ZeroDivisionError(), 1, more=True).wait is None
    assert "no tries are left" in waits.verdict(Unavailable("down"), 5, more=False).reason


def test_a_run_waits_ten_minutes_where_it_is_asked_to(bench: Bench) -> None:
    """What is written in the log is what is slept, beyond five minutes too."""
    bench.source.offers = [unit(1)]
    bench.target.answer_with = [Unavailable("busy", retry_after=599.0)]
    waits: list[float] = []
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=waits.append)
    assert waits == [599.0]


def test_a_run_that_is_asked_for_too_much_patience_says_when_to_try_again(bench: Bench) -> None:
    """At the first try, under its own class, which still says that a retry helps."""
    bench.source.offers = [unit(1)]
    bench.target.answer_with = [RateLimited("quota", retry_after=7200.0, hint="ask for a larger quota")]
    waits: list[float] = []
    with pytest.raises(
        RateLimited, match=r"ask for a larger quota; the other side asks for 2 h of patience"
    ) as caught:
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"), sleep=waits.append)
    assert waits == []
    assert caught.value.retry_after == 7200.0


def test_attempts_are_the_exchanges(bench: Bench) -> None:
    bench.source.offers = [unit(1)]
    bench.target.answer_with = [Unavailable("busy")] * 9
    waits: list[float] = []
    with pytest.raises(Unavailable):
        run_exchange(
            bench.bus, bench.plan(delivery=Delivery(attempts=4)), RunRequest("r1"), sleep=waits.append
        )
    assert waits == [5.0, 10.0, 20.0]


def test_no_time_passes_in_tests_and_the_decisions_stay(bench: Bench) -> None:
    """Also in the threads that push; afterwards time passes again."""
    bench.source.offers = [unit(n) for n in range(1, 5)]
    bench.target.answer_with = [OutcomeUnknown("lost", retry_after=600.0)]
    with no_waits():
        assert schedule().wait(3, 600.0) == 0
        settled = run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
        assert schedule().verdict(RateLimited("x", retry_after=3601), 1, more=True).wait is None
    assert settled.counts["acknowledged"] == 4
    assert schedule().wait(1) == 5


def test_a_schedule_is_put_back_whatever_happens() -> None:
    with pytest.raises(ZeroDivisionError), using(Schedule(first=0)):
        1 / schedule().first
    assert schedule() == Schedule()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 s"), (119, "119 s"), (600, "10 min"), (3600, "1 h"), (12_000, "3 h 20 min"), (259_200, "3 d")],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


@pytest.mark.parametrize(
    ("page", "section"),
    [
        ("operations.md", r"### When a step is tried again\n(.*?)\n### "),
        ("connectors/write-a-connector.md", r"(.*)"),
    ],
)
def test_the_pages_say_the_figures_of_the_code(page: str, section: str) -> None:
    found = re.search(section, (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    waits = Schedule()
    figures = {spoken(waits.first), spoken(waits.longest), spoken(waits.longest_asked)}
    assert set(re.findall(r"\*\*(\d+ (?:s|min|h))\*\*", found[1])) == figures
    if page == "operations.md":
        assert f"({Delivery().attempts} unless the exchange says" in found[1]
