"""Time windows and key sets: nothing between two pages is lost, nothing is read for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange, ProtocolViolation
from lienthong_connectors.rest import CursorPaging, KeysetPaging, PagePaging, RestSource, TimeWindows, moments
from lienthong_connectors.rest.paging import Seen

NOW = datetime(2025, 8, 20, 3, 15, 30, tzinfo=UTC)
DAYS = {"from_param": "from_date", "to_param": "to_date", "start": "2025-08-01", "form": "%d/%m/%Y"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lienthong_connectors.rest.paging_windows.now", lambda: NOW)


def register(agency: Any, count: int = 120, *, most_days: int = 5) -> list[str]:
    """A register of one entry every four hours, which gives five days at most, both of them counted."""
    begin = datetime(2025, 8, 1, 1, tzinfo=moments.VIETNAM)
    rows = [{"id": n, "at": (begin + timedelta(hours=4 * n)).isoformat()} for n in range(count)]
    asked_for: list[str] = []

    def answer(asked: Any) -> bytes:
        first, last = (datetime.strptime(asked.query[n], "%d/%m/%Y") for n in ("from_date", "to_date"))
        asked_for.append(f"{first:%d}-{last:%d}")
        if (last - first).days >= most_days:
            return bytes(agency.response({"message": "khoảng thời gian quá 5 ngày"}, status=400))
        days = (first.date().isoformat(), last.date().isoformat())
        found = [row for row in rows if days[0] <= row["at"][:10] <= days[1]]
        if "page" in asked.query:
            start = (int(asked.query["page"]) - 1) * 7
            return bytes(agency.response({"data": found[start : start + 7], "total": len(found)}))
        if "cursor" in asked.query or asked.query.get("size"):
            start = int(asked.query.get("cursor", "0"))
            more = str(start + 7) if start + 7 < len(found) else ""
            return bytes(agency.response({"data": found[start : start + 7]}, headers={"X-Next": more}))
        return bytes(agency.response({"data": found}))

    agency.default = answer
    return asked_for


INSIDE = {
    "none": {},
    "page": {"paging": PagePaging(size=7, total_path="total")},
    "cursor": {"paging": CursorPaging(cursor_header="X-Next", size_param="size", size=7)},
}


@pytest.mark.parametrize("inside", INSIDE)
def test_windows_of_whole_days_touch_and_do_not_overlap(agency: Any, inside: str) -> None:
    """Up to and with today in Vietnam, whatever pages each window has."""
    asked_for = register(agency)
    settings = RestSource(
        path="r", records="data", paging=TimeWindows(end="inclusive", **DAYS, **INSIDE[inside])
    )
    pages = agency.read(settings)
    assert agency.ids(pages) == list(range(20 * 6)), "the last day is the day of the run"
    assert list(dict.fromkeys(sorted(asked_for))) == ["01-05", "06-10", "11-15", "16-20"]
    assert not any("total" in page.notes for page in pages), "each window has a total of its own"


def test_windows_begin_at_the_cursor_of_the_last_run(agency: Any) -> None:
    asked_for = register(agency)
    settings = RestSource(path="r", records="data", paging=TimeWindows(end="inclusive", **DAYS))
    source = agency.source(settings)
    assert source.capabilities.incremental
    list(source.read(ReadRequest(since="2025-08-12T19:30:00Z")))  # the 13th in Vietnam
    assert sorted(asked_for) == ["13-17", "18-20"]


def test_an_overlap_reaches_back_and_windows_stay_within_their_length(agency: Any) -> None:
    asked_for = register(agency)
    paging = TimeWindows(end="inclusive", overlap=86_400, **DAYS)
    pages = agency.read(RestSource(path="r", records="data", paging=paging), ReadRequest(since="2025-08-10"))
    assert sorted(asked_for) == ["09-13", "13-17", "17-20"]
    assert set(agency.ids(pages)) == set(range(48, 120))


@pytest.mark.parametrize(
    ("form", "zone", "end", "asked"),
    [
        ("epoch-ms", "UTC", "exclusive", "1755561600000 1755648000000 1755648000000 1755659730001"),
        ("epoch-ms", "UTC", "inclusive", "1755561600000 1755647999999 1755648000000 1755659730000"),
        ("epoch-s", "UTC", "inclusive", "1755561600 1755647999 1755648000 1755659730"),
        ("%Y%m%d%H%M", "UTC", "exclusive", "202508190000 202508200000 202508200000 202508200316"),
        ("%Y%m%d%H", "Asia/Ho_Chi_Minh", "inclusive", "2025081907 2025082006 2025082007 2025082010"),
        (
            "",
            "UTC",
            "exclusive",
            (
                "2025-08-19T00:00:00.000+00:00 2025-08-20T00:00:00.000+00:00"
                " 2025-08-20T00:00:00.000+00:00 2025-08-20T03:15:30.001+00:00"
            ),
        ),
    ],
)
def test_moments_are_written_as_the_service_wants_them(
    agency: Any, form: str, zone: Any, end: Any, asked: str
) -> None:
    """The last window ends with the step that holds the moment of the run, so nothing is left out."""
    agency.default = agency.response([])
    paging = TimeWindows(
        from_param="a", to_param="b", start="2025-08-19T00:00:00Z", days=1, form=form, zone=zone, end=end
    )
    agency.read(RestSource(path="r", paging=paging, prefetch=1))
    assert [a.query[end] for a in agency.asked for end in "ab"] == asked.split()


@pytest.mark.parametrize("stop", range(1, 9))
def test_an_interrupted_read_of_windows_goes_on_where_it_was(
    agency: Any, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Across windows and inside one; the end stays what it was when the run began."""
    register(agency, 200)
    settings = RestSource(
        path="r", records="data", paging=TimeWindows(end="inclusive", **DAYS, **INSIDE["page"])
    )
    pages = agency.source(settings).read(ReadRequest())
    first = [next(pages) for _ in range(stop)]
    pages.close()
    monkeypatch.setattr("lienthong_connectors.rest.paging_windows.now", lambda: NOW + timedelta(days=9))
    rest = agency.read(settings, ReadRequest(position=json.loads(json.dumps(first[-1].position))))
    assert agency.ids(first) + agency.ids(rest) == list(range(120))


def test_windows_without_records_do_not_end_the_read(agency: Any) -> None:
    """A quiet year has seventy-three of them."""
    agency.default = agency.response([])
    paging = TimeWindows(from_param="a", to_param="b", start="2024-08-20", days=5)
    assert agency.ids(agency.read(RestSource(path="r", paging=paging))) == []
    assert len(agency.asked) >= 73


def test_a_service_that_does_not_know_the_window_is_noticed(agency: Any) -> None:
    """Each window gives the same list: it is read once, and then said."""
    agency.default = agency.response([{"id": 1}])
    paging = TimeWindows(from_param="a", to_param="b", start="2024-08-20", days=5)
    with pytest.raises(ProtocolViolation, match="does not come to an end"):
        agency.read(RestSource(path="r", paging=paging))


def test_a_wrong_total_of_a_window_is_noted(agency: Any) -> None:
    def answer(asked: Any) -> bytes:
        rows = [{"id": asked.query["a"]}] if asked.query["page"] == "1" else []
        return bytes(agency.response({"data": rows, "total": 3}))

    agency.default = answer
    paging = TimeWindows(
        from_param="a",
        to_param="b",
        start="2025-08-11",
        form="%Y%m%d",
        paging=PagePaging(size=7, total_path="total"),
    )
    pages = agency.read(RestSource(path="r", records="data", paging=paging))
    assert agency.ids(pages) == ["20250811", "20250816"]
    assert pages[-1].notes["total"] == {"announced": 6, "read": 2}


def test_windows_that_did_not_change_are_skipped_and_the_run_still_reaches_today(
    agency: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was remembered ends at another day; this run goes on to its own."""

    def answer(asked: Any) -> bytes:
        etag = f'"{asked.query["a"]}-{asked.query["b"]}"'
        if asked.headers.get("if-none-match") == etag:
            return bytes(agency.response(status=304, raw=b"", headers={"Content-Length": ""}))
        return bytes(agency.response([{"id": asked.query["a"]}], headers={"ETag": etag}))

    agency.default = answer
    settings = RestSource(
        path="r", paging=TimeWindows(from_param="a", to_param="b", start="2025-08-11", form="%Y%m%d")
    )
    validators = {k: v for page in agency.read(settings) for k, v in page.validators.items()}
    monkeypatch.setattr("lienthong_connectors.rest.paging_windows.now", lambda: NOW + timedelta(days=3))
    pages = agency.read(settings, ReadRequest(validators=validators))
    assert [dict(page.notes) for page in pages] == [{"not_modified": True}, {"not_modified": True}, {}]
    assert agency.ids(pages) == ["20250821"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": 0.5},
        {"days": 9999},
        {"overlap": 300_000},
        {"overlap": 1, "days": 1},
        {"start": "hôm qua"},
        {"end": "open"},
        {"zone": "Mars"},
        {"paging": TimeWindows(from_param="a", to_param="b", start="2025-01-01")},
    ],
)
def test_windows_that_make_no_sense_are_refused_when_the_file_is_parsed(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidExchange, match="paging"):
        TimeWindows(**{**DAYS, **wrong})


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2025, 8, 20)),
    st.integers(1, 40),
    st.sampled_from(["", "epoch-ms", "epoch-s", "%Y%m%d%H", "%d/%m/%Y"]),
    st.sampled_from(["UTC", "Asia/Ho_Chi_Minh"]),
    st.floats(0, 0.5),
)
def test_windows_cover_all_the_time_and_none_is_too_long(
    start: datetime, days: int, form: str, zone: Any, share: float
) -> None:
    """From the cursor to now, each beginning where the one before ended, less the overlap."""
    overlap = share * (days - 1) * 86_400
    paging = TimeWindows(
        from_param="a", to_param="b", start="2020-01-01", days=days, form=form, zone=zone, overlap=overlap
    )
    since = start.replace(tzinfo=UTC)
    state: Any = paging.first(since.isoformat())
    covered = datetime.fromisoformat(state["from"])
    assert covered <= since - timedelta(seconds=overlap) < covered + moments.step_of(form)
    windows = 0
    while state is not None:
        begin, end = (datetime.fromisoformat(state[name]) for name in ("from", "to"))
        assert begin <= covered < end <= begin + timedelta(days=days)
        covered, windows = end, windows + 1
        state = paging.following(state, Seen([], 0), 0)
    assert NOW < covered <= NOW + moments.step_of(form)
    assert windows <= 2 + 600 / (days - overlap / 86_400 - 1 if days > 2 else 0.5)


# --- key sets


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 30), max_size=60),
    st.integers(2, 7),
    st.sampled_from(["after", "from"]),
)
def test_any_list_is_read_once_or_refused_for_a_key_that_too_many_share(
    keys: list[int], size: int, asks: Any
) -> None:
    paging = KeysetPaging(key="key", key_param="after", asks=asks, size=size)
    rows = [{"id": n, "key": key} for n, key in enumerate(sorted(keys))]
    most = max((keys.count(key) for key in keys), default=0)
    state: Any = paging.first(None)
    read: list[Any] = []
    try:
        for _ in range(200):
            after = int(paging.params(state).get("after", -1))
            page = [row for row in rows if row["key"] > after or (asks == "from" and row["key"] == after)]
            page = page[:size]
            read += paging.fresh(state, page)
            state = paging.following(state, Seen(None, len(page), records=page), 0)
            if state is None:
                break
    except ProtocolViolation:
        assert most >= size
    else:
        assert state is None
        assert read == rows


def keyed(agency: Any, keys: list[int], *, asks: str, cap: int = 4) -> None:
    """A list sorted by a key that several records may share."""
    rows = [{"id": n, "key": key} for n, key in enumerate(keys)]

    def answer(asked: Any) -> bytes:
        after = int(asked.query.get("after", "-1"))
        found = [row for row in rows if row["key"] > after or (asks == "from" and row["key"] == after)]
        return bytes(agency.response(found[:cap]))

    agency.default = answer


def by_key(asks: Any, **more: Any) -> RestSource:
    return RestSource(path="r", paging=KeysetPaging(key="key", key_param="after", asks=asks, size=4, **more))


TIED = [1, 2, 2, 3, 3, 3, 4, 5, 5, 5, 6, 6, 7, 7]


@pytest.mark.parametrize("asks", ["after", "from"])
def test_records_that_share_a_key_across_pages_are_read_once_each(agency: Any, asks: str) -> None:
    """The last page is asked for again where its key goes on, and what was read is left out."""
    keyed(agency, TIED, asks=asks)
    assert agency.ids(agency.read(by_key(asks))) == list(range(len(TIED)))


@pytest.mark.parametrize("asks", ["after", "from"])
@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_an_interrupted_read_by_keys_goes_on_where_it_was(agency: Any, asks: str, stop: int) -> None:
    keyed(agency, TIED, asks=asks)
    pages = agency.source(by_key(asks)).read(ReadRequest())
    first = [next(pages) for _ in range(stop)]
    pages.close()
    rest = agency.read(by_key(asks), ReadRequest(position=json.loads(json.dumps(first[-1].position))))
    assert agency.ids(first) + agency.ids(rest) == list(range(len(TIED)))


@pytest.mark.parametrize("asks", ["after", "from"])
def test_more_records_of_one_key_than_a_page_holds_are_a_violation(agency: Any, asks: str) -> None:
    """Some of them could never be asked for."""
    keyed(agency, [1, 2, 2, 2, 2, 2, 3], asks=asks)
    with pytest.raises(ProtocolViolation, match="share a key"):
        agency.read(by_key(asks))


@pytest.mark.parametrize("asks", ["after", "from"])
def test_unique_keys_need_no_page_twice(agency: Any, asks: str) -> None:
    keyed(agency, list(range(10)), asks=asks)
    assert agency.ids(agency.read(by_key(asks, unique=True))) == list(range(10))
    assert len(agency.asked) <= 5


def test_equal_records_are_both_read(agency: Any) -> None:
    """What is left out is counted: a twin that was not read yet is."""
    rows = [{"key": 1}, {"key": 2}, {"key": 3}, {"key": 3}, {"key": 3}, {"key": 4}]

    def answer(asked: Any) -> bytes:
        after = int(asked.query.get("after", "0"))
        return bytes(agency.response([row for row in rows if row["key"] >= after][:4]))

    agency.default = answer
    read = [record["key"] for page in agency.read(by_key("from")) for record in page.records]
    assert read == [1, 2, 3, 3, 3, 4]


def test_a_record_without_the_key_is_a_violation(agency: Any) -> None:
    agency.default = agency.response([{"id": 1}])
    with pytest.raises(ProtocolViolation, match="has no 'key'"):
        agency.read(by_key("after"))


def test_a_service_that_does_not_know_the_key_is_noticed(agency: Any) -> None:
    agency.default = agency.response([{"id": n, "key": n} for n in range(4)])
    with pytest.raises(ProtocolViolation, match="does not come to an end"):
        agency.read(by_key("after", unique=True))
