"""A connection is asked no faster than was agreed, and slower where the other side says so."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import Context, Question, ReadRequest
from lienthong.errors import InvalidExchange, Misconfigured, OutcomeUnknown, RateLimited
from lienthong_connectors.http.pace import Pace
from lienthong_connectors.http.rate import RateLimit
from lienthong_connectors.rest import OffsetPaging, RestLookup, RestSource, RestTarget

SECOND = RateLimit(requests=10)
QUOTA = RateLimit(requests=3, per_seconds=86_400, burst=3)


class Clock:
    """Time that passes only where it is waited for."""

    def __init__(self) -> None:
        self.now = 1_755_561_600.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(round(seconds, 6))
        self.now += seconds
        return False


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "file"])
def pace(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Pace:
    return Pace("c", tmp_path / "cache" / "pace.json" if request.param == "file" else None, clock)


def ask(pace: Pace, clock: Clock, *limits: RateLimit) -> float:
    """Wait for a turn; return the moment at which the request leaves."""
    pace.wait(limits, clock)  # type: ignore[arg-type]
    return clock.now


def test_requests_leave_evenly_spread(pace: Pace, clock: Clock) -> None:
    begin = clock.now
    moments = [ask(pace, clock, SECOND) - begin for _ in range(5)]
    assert moments == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_burst_leaves_at_once_and_then_waits(pace: Pace, clock: Clock) -> None:
    begin = clock.now
    limit = RateLimit(requests=60, per_seconds=60, burst=3)
    moments = [ask(pace, clock, limit) - begin for _ in range(7)]
    assert moments == pytest.approx([0, 0, 0, 3, 3, 3, 6])


def test_time_that_passed_without_requests_is_not_saved_up(pace: Pace, clock: Clock) -> None:
    begin = ask(pace, clock, SECOND)
    clock.now += 100
    moments = [ask(pace, clock, SECOND) - begin for _ in range(3)]
    assert moments == pytest.approx([100, 100.1, 100.2])


def test_a_quota_that_is_used_up_ends_the_task_with_the_time_to_wait(pace: Pace, clock: Clock) -> None:
    for _ in range(3):
        ask(pace, clock, QUOTA)
    clock.now += 3600
    with pytest.raises(RateLimited) as caught:
        ask(pace, clock, QUOTA)
    assert caught.value.retry_after == pytest.approx(82_800)
    assert clock.waits == []
    clock.now += 82_800
    ask(pace, clock, QUOTA)


def test_all_limits_must_hold(pace: Pace, clock: Clock) -> None:
    """A refused request is counted by none of them."""
    for _ in range(3):
        ask(pace, clock, SECOND, QUOTA)
    assert clock.waits == [0.1, 0.1]
    with pytest.raises(RateLimited):
        ask(pace, clock, SECOND, QUOTA)
    clock.now += 0.1
    assert ask(pace, clock, SECOND) == clock.now
    assert clock.waits == [0.1, 0.1]


def test_a_clock_that_was_set_back_does_not_stop_the_bus(pace: Pace, clock: Clock) -> None:
    ask(pace, clock, SECOND)
    pace.heard(429, {"Retry-After": "3"})
    clock.now -= 10 * 86_400
    before = clock.now
    assert ask(pace, clock, SECOND) == before


@pytest.mark.parametrize(
    ("status", "headers", "waited"),
    [
        (429, {"Retry-After": "2"}, 2),
        (200, {"RateLimit": '"default";r=0;t=2'}, 2),
        (200, {"RateLimit": '"burst";r=90;t=1, "daily";r=0;t=3'}, 3),
        (200, {"RateLimit": '"default";t=2;r=3'}, 0.5),
        (200, {"RateLimit": "limit=10, remaining=0, reset=2"}, 2),
        (200, {"RateLimit-Limit": "10", "RateLimit-Remaining": "1", "RateLimit-Reset": "2"}, 1),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2"}, 2),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1755561603"}, 3),
        (200, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1"}, 1),
        (200, {"RateLimit": '"default";r=1;t=3600'}, 3),
        (200, {"RateLimit": '"default";r=500;t=3600'}, 0),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1755561500"}, 0),
        (200, {"X-RateLimit-Remaining": "soon", "X-RateLimit-Reset": "-1"}, 0),
        (200, {"RateLimit": "x" * 5000}, 0),
        (200, {"Retry-After": "2"}, 0),
        (429, {"Retry-After": "soon"}, 0),
    ],
)
def test_what_the_other_side_announces_slows_us_down(
    pace: Pace, clock: Clock, status: int, headers: dict[str, str], waited: float
) -> None:
    """The draft's present field, its earlier ones, and the ones with X-."""
    pace.heard(status, headers)
    ask(pace, clock)
    assert sum(clock.waits) == pytest.approx(waited)


def test_a_long_wait_is_left_to_a_later_try(pace: Pace, clock: Clock) -> None:
    pace.heard(200, {"RateLimit": '"daily";r=0;t=7200'})
    with pytest.raises(RateLimited) as caught:
        ask(pace, clock)
    assert caught.value.retry_after == pytest.approx(7200)


def test_a_damaged_file_counts_as_new(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "pace.json"
    for content in (b"", b"{", b"[1]", b"\xff"):
        file.write_bytes(content)
        ask(Pace("c", file, clock), clock, SECOND)
    assert clock.waits == []


def assert_paced(begun: float, moments: list[float]) -> None:
    """Assert that of 50 turns a second none came before its time.

    Seen from the beginning: a turn may be noticed late on a busy machine (the first one, too), never early.
    """
    early = [place for place, moment in enumerate(moments) if moment - begun < place / 50 * 0.9]
    assert not early


def test_the_processes_of_a_deployment_share_a_limit(tmp_path: Path) -> None:
    """Forty turns, taken by four processes at once: none leaves before its time."""
    code = (
        "import sys, threading, time; from pathlib import Path; "
        "from lienthong_connectors.http.pace import Pace; "
        "from lienthong_connectors.http.rate import RateLimit; "
        "pace = Pace('c', Path(sys.argv[1])); limit = RateLimit(requests=50); "
        "print(time.time()); "
        "[(pace.wait((limit,), threading.Event()), print(time.time())) for _ in range(10)]"
    )
    running = [
        subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", code, str(tmp_path / "pace.json")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    told = [[float(line) for line in process.communicate()[0].split()] for process in running]
    begun, moments = min(turns[0] for turns in told), sorted(turn for turns in told for turn in turns[1:])
    assert len(moments) == 40
    assert_paced(begun, moments)


def test_a_source_keeps_its_rate_among_all_its_threads(agency: Any) -> None:
    moments: list[float] = []

    def answer(asked: Any) -> bytes:
        moments.append(time.monotonic())
        start = int(asked.query["offset"])
        return bytes(agency.response([{"id": n} for n in range(start, min(start + 2, 20))]))

    agency.default = answer
    settings = RestSource(path="r", paging=OffsetPaging(size=2), rates=(RateLimit(requests=50),))
    begun = time.monotonic()
    assert agency.ids(agency.read(settings)) == list(range(20))
    assert len(moments) >= 11
    assert_paced(begun, sorted(moments))


def test_all_connectors_of_one_connection_share_its_quota(agency: Any) -> None:
    """A source, a target and a look-up ask under the same account."""
    agency.default = agency.response([])
    quota = (RateLimit(requests=2, per_seconds=3600, burst=2),)
    agency.read(RestSource(path="r", rates=quota))
    agency.default = agency.response({})
    agency.target(RestTarget(path="r", rates=quota)).deliver(agency.batch({"id": 1}))
    with pytest.raises(RateLimited) as caught:
        agency.target(RestTarget(path="r", rates=quota)).deliver(agency.batch({"id": 2}))
    assert 3500 < (caught.value.retry_after or 0) <= 3600
    who = {"o": "$officer", "p": "$procedure", "m": "$purpose"}
    settings = RestLookup(path="r", params=who, rates=quota)
    lookup = settings.open_lookup(agency.connection(), agency.context())
    with pytest.raises(RateLimited):
        lookup.ask(Question("1", {}, "officer", "procedure", "purpose"))
    lookup.close()
    assert len(agency.asked) == 2, "what may not leave does not"


def test_a_quota_outlives_the_process_where_there_is_a_folder(agency: Any, tmp_path: Path) -> None:
    from lienthong_connectors.http import pace

    agency.default = agency.response([])
    settings = RestSource(path="r", rates=(RateLimit(requests=1, per_seconds=3600),))
    context = Context(log=lambda line: None, cache=tmp_path)
    for expected in (None, RateLimited):
        source = settings.open_source(agency.connection(), context)
        if expected is None:
            list(source.read(ReadRequest()))
        else:
            with pytest.raises(expected):
                list(source.read(ReadRequest()))
        source.close()
        pace._paces.clear()
    assert [(file.stat().st_mode & 0o777) for file in tmp_path.glob("pace/*")] == [0o600]


def test_a_short_retry_after_is_waited_for_in_place(agency: Any) -> None:
    agency.steps = [agency.response({}, status=429, headers={"Retry-After": "1"})]
    agency.default = agency.response([{"id": 1}])
    began = time.monotonic()
    assert agency.ids(agency.read(RestSource(path="r"))) == [1]
    assert time.monotonic() - began >= 0.95


def test_a_delivery_refused_for_its_pace_is_repeated_and_taken_once(agency: Any) -> None:
    """429 says that it was not processed; 503 does not, so there a delivery is not repeated."""
    agency.steps = [agency.response({}, status=429, headers={"Retry-After": "0"})]
    agency.default = agency.response({})
    answer = agency.target(RestTarget(path="r")).deliver(agency.batch({"id": 1}))
    assert (answer.acknowledged, len(agency.asked)) == (1, 2)
    agency.asked.clear()
    agency.default = agency.response({}, status=503, headers={"Retry-After": "0"})
    with pytest.raises(OutcomeUnknown):
        agency.target(RestTarget(path="r")).deliver(agency.batch({"id": 2}))
    assert len(agency.asked) == 1


def test_retry_after_is_believed_for_a_while_only(agency: Any) -> None:
    agency.default = agency.response({}, status=429, headers={"Retry-After": "1"})
    began = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        agency.read(RestSource(path="r"))
    assert caught.value.retry_after == 1
    assert time.monotonic() - began < 60
    assert len(agency.asked) == 3


def test_closing_ends_what_waits_for_its_turn(agency: Any) -> None:
    agency.default = agency.response([{"id": 1}])
    settings = RestSource(
        path="r", paging=OffsetPaging(size=1), rates=(RateLimit(requests=1, per_seconds=50),)
    )
    source = agency.source(settings)
    ended: list[BaseException] = []

    def read() -> None:
        try:
            list(source.read(ReadRequest()))
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while not agency.asked:
        time.sleep(0.01)
    time.sleep(0.1)
    source.close()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests": 0},
        {"requests": 5, "burst": 6},
        {"requests": 5, "per_seconds": 0},
        {"requests": 5, "burst": 0},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidExchange, match="rates"):
        RateLimit(**wrong)


def test_a_folder_that_cannot_be_written(clock: Clock) -> None:
    """Before a request it is the deployment's matter; an answer that is there is not made a failure by it.

    For a delivery that would mean to send it again.
    """
    pace = Pace("c", Path("/dev/null/cache/pace.json"), clock)
    with pytest.raises(Misconfigured) as caught:
        ask(pace, clock, SECOND)
    assert caught.value.where == "/dev/null/cache/pace.json"
    assert pace.heard(200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}) is None
    assert pace.heard(429, {"Retry-After": "30"}) == 30
