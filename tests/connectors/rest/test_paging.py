"""Every kind of paging reads each record once, in order, and comes to an end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange, Misconfigured, ProtocolViolation
from lienthong_connectors.rest import (
    CursorPaging,
    LinkHeaderPaging,
    NextLinkPaging,
    OffsetPaging,
    PagePaging,
    RestSource,
)
from lienthong_connectors.rest.links import next_link
from lienthong_connectors.rest.visited import Visited

ROWS = [{"id": n} for n in range(10)]
BY_PAGE = RestSource(path="rows", records="data", paging=PagePaging(size=3, total_path="total"))
WITHOUT_TOTAL = RestSource(path="rows", records="data", paging=PagePaging(size=3))


class Crowd:
    """An agency that keeps each request but the first until enough are under way together.

    So it shows how many there are at most, however slowly they come. Once enough were there, or a request was
    alone for a minute, each is kept for a moment only, in which one too many would show.
    """

    def __init__(self, inner: Callable[[Any], Any], enough: int) -> None:
        self._inner, self._enough = inner, enough
        self._under_way, self._change = 0, threading.Condition()
        self.seen: list[int] = []

    def answer(self, asked: Any) -> bytes:
        with self._change:
            self._under_way += 1
            self.seen.append(self._under_way)
            self._change.notify_all()
            if asked.query["page"] != "1":
                self._change.wait_for(lambda: max(self.seen) >= self._enough, 60)
        time.sleep(0.05)
        with self._change:
            self._under_way -= 1
        return bytes(self._inner(asked))


def paged(agency: Any, rows: list[Any] = ROWS, *, total: int | None = None, cap: int = 10**6) -> Any:
    """Answer ``?page=&size=``; ``cap`` is the most that the service gives whatever is asked for."""

    def answer(asked: Any) -> bytes:
        size = min(int(asked.query["size"]), cap)
        start = (int(asked.query["page"]) - 1) * size
        found = {"data": rows[start : start + size], "trace": time.monotonic_ns()}
        return agency.response(found if total is None else found | {"total": total})

    agency.default = answer
    return answer


def test_page_paging_stops_at_the_announced_total_without_one_request_too_many(agency: Any) -> None:
    paged(agency, total=10)
    assert agency.ids(agency.read(BY_PAGE)) == list(range(10))
    assert sorted(a.query["page"] for a in agency.asked) == ["1", "2", "3", "4"]


def test_without_a_total_only_an_empty_page_ends_the_list(agency: Any) -> None:
    """A service that silently gives less than was asked for loses no record."""
    paged(agency, cap=2)
    assert agency.ids(agency.read(WITHOUT_TOTAL)) == list(range(10))


def test_a_short_page_ends_the_list_where_the_settings_say_so(agency: Any) -> None:
    paged(agency)
    paging = PagePaging(size=3, until="short", again=False)
    settings = RestSource(path="rows", records="data", paging=paging, prefetch=1)
    assert agency.ids(agency.read(settings)) == list(range(10))
    assert len(agency.asked) == 4


@pytest.mark.parametrize("total", [4, 25])
def test_a_wrong_total_is_noted_and_not_believed(agency: Any, total: int) -> None:
    paged(agency, total=total)
    pages = agency.read(BY_PAGE)
    assert agency.ids(pages) == list(range(10))
    assert pages[-1].notes["total"] == {"announced": total, "read": 10}


def test_offset_paging_advances_by_what_came(agency: Any) -> None:
    """Guessed pages are thrown away where the service gives less than was asked for."""

    def answer(asked: Any) -> bytes:
        start, size = int(asked.query["offset"]), min(int(asked.query["limit"]), 2)
        return agency.response(ROWS[start : start + size])

    agency.default = answer
    assert agency.ids(agency.read(RestSource(path="rows", paging=OffsetPaging(size=4)))) == list(range(10))


def test_cursor_paging_gives_the_cursor_back(agency: Any) -> None:
    def answer(asked: Any) -> bytes:
        start = int(asked.query.get("cursor", "0/+").split("/")[0])
        following = f"{start + 4}/+ é" if start + 4 < len(ROWS) else None
        return agency.response({"Data": ROWS[start : start + 4], "NextCursor": following})

    agency.default = answer
    paging = CursorPaging(cursor_path="NextCursor", cursor_param="cursor", size_param="limit", size=4)
    assert agency.ids(agency.read(RestSource(path="rows", records="Data", paging=paging))) == list(range(10))
    assert [a.query["limit"] for a in agency.asked] == ["4", "4", "4"]


def test_link_header_paging_follows_next(agency: Any) -> None:
    """Relative targets count from the page's own address (RFC 8288 section 3.2)."""

    def answer(asked: Any) -> bytes:
        start = int(asked.query.get("from", "0"))
        link = f'<?from={start + 5}>; title="a, b"; rel="last next"' if start + 5 < len(ROWS) else ""
        return agency.response(ROWS[start : start + 5], headers={"Link": link})

    agency.default = answer
    assert agency.ids(agency.read(RestSource(path="rows", paging=LinkHeaderPaging()))) == list(range(10))


def test_next_link_paging_follows_the_link_in_the_answer(agency: Any) -> None:
    def answer(asked: Any) -> bytes:
        start = int(asked.query.get("from", "0"))
        body: dict[str, Any] = {"value": ROWS[start : start + 5]}
        if start + 5 < len(ROWS):
            body["@odata.nextLink"] = f"http://127.0.0.1:{agency.port}/api/rows?from={start + 5}"
        return agency.response(body)

    agency.default = answer
    settings = RestSource(path="rows", records="value", paging=NextLinkPaging(path="@odata.nextLink"))
    assert agency.ids(agency.read(settings)) == list(range(10))


def test_a_next_link_to_another_host_is_never_followed(agency: Any) -> None:
    """A credential would leave with the request."""
    agency.default = agency.response({"value": ROWS, "next": "http://127.0.0.2/steal"})
    settings = RestSource(path="rows", records="value", paging=NextLinkPaging())
    with pytest.raises(ProtocolViolation, match="another host"):
        agency.read(settings, auth="bearer", token="t")


@pytest.mark.parametrize("link", ["http://[", "//[::1", "http://x:port/", "ftp://127.0.0.1/x"])
def test_a_next_link_that_is_no_address_is_a_violation(agency: Any, link: str) -> None:
    agency.default = agency.response({"value": ROWS, "next": link})
    with pytest.raises(ProtocolViolation):
        agency.read(RestSource(path="rows", records="value", paging=NextLinkPaging()))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<http://a/2>; rel="next"', "http://a/2"),
        ("<2>; rel=next", "2"),
        ('<1>; rel="prev", <3>; rel="next"', "3"),
        ('<a,b>; rel="start http://x/y NEXT"', "a,b"),
        ('<2>; title="x \\" y, <z>; rel=next"; rel="prev"', None),
        ('<2>; rel="prev"; rel="next"', None),
        ("", None),
        (",, <2> ; rel = next ,", "2"),
    ],
)
def test_link_headers_are_read_as_rfc_8288_says(header: str, found: str | None) -> None:
    assert next_link(header) == found


@pytest.mark.parametrize("header", ["2; rel=next", "<2", '<2>; rel="next', "<" + "x" * 9000 + ">"])
def test_a_link_header_that_cannot_be_read_is_a_violation(header: str) -> None:
    with pytest.raises(ProtocolViolation):
        next_link(header)


def test_pages_are_fetched_together_and_given_in_order(agency: Any) -> None:
    """The slow first page does not keep the others from being under way."""
    crowd = Crowd(paged(agency, total=10), enough=3)
    agency.default = crowd.answer
    assert agency.ids(agency.read(BY_PAGE)) == list(range(10))
    assert max(crowd.seen) >= 3


def test_one_page_is_fetched_ahead_where_only_the_page_before_knows_it(agency: Any) -> None:
    def answer(asked: Any) -> bytes:
        start = int(asked.query.get("cursor", "0"))
        return agency.response({"d": ROWS[start : start + 2], "n": start + 2 if start < 8 else None})

    agency.default = answer
    paging = CursorPaging(cursor_path="n", cursor_param="cursor")
    pages = agency.source(RestSource(path="rows", records="d", paging=paging)).read(ReadRequest())
    next(pages)
    deadline = time.monotonic() + 60
    while len(agency.asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(agency.asked) == 2
    pages.close()


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_an_interrupted_read_goes_on_exactly_where_it_was(agency: Any, stop: int) -> None:
    """The position survives JSON, and nothing is read twice or left out."""
    paged(agency, total=10)
    pages = agency.source(BY_PAGE).read(ReadRequest())
    first = [next(pages) for _ in range(stop)]
    pages.close()
    position = json.loads(json.dumps(first[-1].position))
    rest = agency.read(BY_PAGE, ReadRequest(position=position))
    assert agency.ids(first) + agency.ids(rest) == list(range(10))


def test_the_position_behind_the_last_page_reads_nothing(agency: Any) -> None:
    """A run that died after its last page does not begin anew."""
    paged(agency, total=10)
    last = agency.read(BY_PAGE)[-1].position
    agency.asked.clear()
    assert agency.read(BY_PAGE, ReadRequest(position=last)) == []
    assert agency.asked == []


@pytest.mark.parametrize("position", [{}, {"state": 3}, [], {"state": {}, "read": "x"}])
def test_a_position_that_is_not_ours_is_refused(agency: Any, position: Any) -> None:
    with pytest.raises(Misconfigured, match="position"):
        agency.read(BY_PAGE, ReadRequest(position=position))


@pytest.mark.parametrize("limit", [0, 1, 3, 4, 7, 10, 50])
def test_a_limit_is_kept_and_its_position_goes_on_in_the_middle_of_a_page(agency: Any, limit: int) -> None:
    paged(agency, total=10)
    pages = agency.read(BY_PAGE, ReadRequest(limit=limit))
    assert agency.ids(pages) == list(range(min(limit, 10)))
    if pages:
        rest = agency.read(BY_PAGE, ReadRequest(position=json.loads(json.dumps(pages[-1].position))))
        assert agency.ids(rest) == list(range(10))[limit:]


def test_a_page_that_repeats_an_earlier_one_is_dropped_and_noted(agency: Any) -> None:
    """What surrounds the list (a trace number) does not hide the repetition."""
    paged(agency, [*ROWS[:3], *ROWS[:3], *ROWS[3:]])
    pages = agency.read(WITHOUT_TOTAL)
    assert agency.ids(pages) == list(range(10))
    assert [page.notes.get("repeated", False) for page in pages][:3] == [False, True, False]


def test_the_last_page_given_again_for_ever_ends_where_the_total_agrees(agency: Any) -> None:
    rows = ROWS[:9]
    inner = paged(agency, rows, total=9)

    def clamped(asked: Any) -> bytes:
        asked.target = asked.target.replace("page=4", "page=3")
        return bytes(inner(asked))

    agency.default = clamped
    assert agency.ids(agency.read(BY_PAGE)) == list(range(9))


@pytest.mark.parametrize("body", [{"data": ROWS[:3]}, {"data": [], "n": "x"}])
def test_paging_without_end_or_progress_is_a_violation(agency: Any, body: Any) -> None:
    """A service that does not know the page parameter, and one whose cursor leads nowhere."""
    agency.default = agency.response(body)
    paging = PagePaging(size=3) if body["data"] else CursorPaging(cursor_path="n", cursor_param="c")
    with pytest.raises(ProtocolViolation, match="does not come to an end"):
        agency.read(RestSource(path="rows", records="data", paging=paging))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("length", [2, 7])
def test_a_cursor_that_goes_in_a_circle_is_noticed(agency: Any, length: int, stream: bool) -> None:
    """Although no page equals another: each holds the time at which it was written."""

    def answer(asked: Any) -> bytes:
        number = int(asked.query.get("cursor", "0"))
        row = {"id": number, "at": time.monotonic_ns()}
        return bytes(agency.response({"d": [row], "n": (number + 1) % length + 1}))

    agency.default = answer
    paging = CursorPaging(cursor_path="n", cursor_param="cursor")
    with pytest.raises(ProtocolViolation, match="does not come to an end"):
        agency.read(RestSource(path="rows", records="d", paging=paging, stream=stream))
    assert len(agency.asked) <= length + 3


@pytest.mark.parametrize("length", [1, 2, 4096, 4097, 50_000])
def test_a_circle_of_any_length_is_noticed_in_bounded_memory(length: int) -> None:
    visited = Visited()
    steps = next(n for n in range(10**6) if visited.again(str(n % length)))
    assert length <= steps <= 3 * max(length, 4096)
    assert len(visited._recent) <= 4096


def test_nothing_is_taken_for_a_circle_that_is_none() -> None:
    visited = Visited()
    assert not any(visited.again(str(number)) for number in range(20_000))


def test_a_list_that_never_ends_is_given_up(agency: Any) -> None:
    """Pages and cursors differ for ever; their number is what is bounded, also across interruptions."""

    def answer(asked: Any) -> bytes:
        number = int(asked.query.get("cursor", "0"))
        return bytes(agency.response({"d": [{"id": number}], "n": number + 1}))

    agency.default = answer
    paging = CursorPaging(cursor_path="n", cursor_param="cursor")
    settings = RestSource(path="rows", records="d", paging=paging, max_pages=20)
    pages = agency.source(settings).read(ReadRequest())
    position = [next(pages) for _ in range(15)][-1].position
    pages.close()
    rest = agency.source(settings).read(ReadRequest(position=position))
    assert len([next(rest) for _ in range(5)]) == 5
    with pytest.raises(ProtocolViolation, match="more than 20 pages"):
        next(rest)


def test_pages_under_way_are_bounded_in_bytes(agency: Any) -> None:
    """Two pages of 100 kB fit into 250 kB, whatever prefetch says; the first one is asked for alone."""
    rows = [{"id": n, "text": "x" * 33_000} for n in range(30)]
    inner = paged(agency, rows, total=30)
    crowd = Crowd(inner, enough=2)
    agency.default = crowd.answer
    bounded = replace(BY_PAGE, prefetch_bytes=250_000, prefetch=8)
    assert agency.ids(agency.read(bounded)) == list(range(30))
    assert max(crowd.seen) == 2
    crowd = Crowd(inner, enough=5)
    agency.default = crowd.answer
    assert agency.ids(agency.read(replace(BY_PAGE, prefetch=8))) == list(range(30))
    assert crowd.seen[0] == 1
    assert max(crowd.seen) > 4


@pytest.mark.parametrize("header", ["X-Next-Cursor", "x-next-cursor"])
def test_a_cursor_may_come_in_a_header(agency: Any, header: str) -> None:
    def answer(asked: Any) -> bytes:
        start = int(asked.query.get("cursor", "0"))
        more = {"X-Next-Cursor": str(start + 4)} if start + 4 < 10 else {}
        return bytes(agency.response(ROWS[start : start + 4], headers=more))

    agency.default = answer
    settings = RestSource(path="rows", paging=CursorPaging(cursor_header=header))
    assert agency.ids(agency.read(settings)) == list(range(10))


@pytest.mark.parametrize("more", [{}, {"cursor_path": "a", "cursor_header": "b"}])
def test_a_cursor_comes_from_exactly_one_place(more: dict[str, str]) -> None:
    with pytest.raises(InvalidExchange, match="cursor_path"):
        CursorPaging(**more)


def test_a_search_by_form_carries_its_parameters_in_it(agency: Any) -> None:
    """Values are text there, as JSON would write them."""

    def answer(asked: Any) -> bytes:
        form = parse_qs(asked.body.decode())
        start = (int(form["page"][0]) - 1) * 2
        return bytes(agency.response(ROWS[:4][start : start + 2]))

    agency.default = answer
    settings = RestSource(
        path="search",
        method="POST",
        body={"ma": "é &", "mo": True, "donVi": "$connection.madonvi"},
        params_in="form",
        paging=PagePaging(size=2),
        since_param="tu",
        prefetch=1,
    )
    pages = agency.read(settings, ReadRequest(since="2025"), madonvi="H21")
    assert agency.ids(pages) == [0, 1, 2, 3]
    first = agency.asked[0]
    assert first.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(first.body.decode()) == {
        "ma": ["é &"], "mo": ["true"], "donVi": ["H21"], "page": ["1"], "size": ["2"], "tu": ["2025"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "asked"),
    [
        ("", "2025-08-12T07:30:00.000+0700"),
        ("epoch-ms", "1754958600000"),
        ("epoch-s", "1754958600"),
        ("%Y%m%d%H%M%S", "20250812073000"),
    ],
)
def test_the_cursor_of_the_last_run_is_asked_for_in_the_services_own_form(
    agency: Any, form: str, asked: str
) -> None:
    agency.default = agency.response(ROWS)
    settings = RestSource(path="rows", since_param="since", since_format=form)
    agency.read(settings, ReadRequest(since="2025-08-12T07:30:00.000+0700"))
    assert agency.asked[0].query == {"since": asked}


def test_a_cursor_that_is_no_moment_is_misconfigured(agency: Any) -> None:
    with pytest.raises(Misconfigured, match="moment"):
        agency.read(
            RestSource(path="r", since_param="s", since_format="epoch-s"), ReadRequest(since="hôm nay")
        )


def test_a_search_by_post_carries_its_parameters_in_the_body(agency: Any) -> None:
    """Numbers stay numbers there."""
    rows = ROWS[:4]

    def answer(asked: Any) -> bytes:
        start = (asked.json()["page"] and int(asked.json()["page"]) - 1) * 2
        return agency.response(rows[start : start + 2])

    agency.default = answer
    settings = RestSource(
        path="search",
        method="POST",
        body={"MaDanhMuc": "sex", "donVi": "$connection.madonvi"},
        params_in="body",
        paging=PagePaging(size=2),
        prefetch=1,
    )
    assert agency.ids(agency.read(settings, madonvi="H21")) == [0, 1, 2, 3]
    assert agency.asked[0].json() == {"MaDanhMuc": "sex", "donVi": "H21", "page": 1, "size": 2}


@pytest.mark.parametrize("size", [0, 100_001])
def test_a_page_size_that_makes_no_sense_is_refused_when_the_file_is_parsed(size: int) -> None:
    with pytest.raises(InvalidExchange, match=r"paging\.size"):
        PagePaging(size=size)
