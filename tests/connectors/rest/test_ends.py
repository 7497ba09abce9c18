"""The end of a list is confirmed, or said not to be: every paging, and every way to be wrong about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lienthong.connector import End, Page, ReadRequest
from lienthong.errors import LienThongError, ProtocolViolation
from lienthong_connectors.ends import is_round
from lienthong_connectors.rest import (
    Count,
    CursorPaging,
    KeysetPaging,
    LinkHeaderPaging,
    NextLinkPaging,
    NoPaging,
    OffsetPaging,
    PagePaging,
    RestSource,
    TimeWindows,
)

ROWS = [{"id": n} for n in range(37)]
ALL = list(range(37))
Answer = Callable[[Any], bytes]


def read(
    agency: Any, answer: Answer | bytes, settings: RestSource, **asked: Any
) -> tuple[list[Any], End | None]:
    """Return the ids that came, and what the last page says of the end."""
    agency.default = answer
    pages: list[Page] = agency.read(settings, ReadRequest(key=("id",), **asked))
    assert not any(page.end for page in pages[:-1])
    return agency.ids(pages), pages[-1].end


def by(end: End | None) -> str:
    return "none" if end is None else end.by


def listed(paging: Any, **more: Any) -> RestSource:
    return RestSource(path="rows", records="data", paging=paging, conditional=False, **more)


def linked(agency: Any, name: str = "next", size: int = 10, **always: Any) -> Answer:
    """Answer with a member that leads to the next page, null behind the last one."""

    def answer(asked: Any) -> bytes:
        at = int(asked.query.get("at", asked.query.get("cursor", 0)))
        more = f"/api/rows?at={at + size}" if at + size < len(ROWS) else None
        return bytes(agency.response({"data": ROWS[at : at + size], name: more, **always}))

    return answer


def counted(
    agency: Any,
    rows: list[Any] = ROWS,
    *,
    cap: int = 10**6,
    past: int = 0,
    headers: Any = None,
    **always: Any,
) -> Answer:
    """Answer ``page``/``offset`` and ``size``: at most ``cap``, behind the last page the status ``past``."""

    def answer(asked: Any) -> bytes:
        size = min(int(asked.query.get("size", 10)), cap)
        page = int(asked.query.get("page", 1))
        at = int(asked.query["offset"]) if "offset" in asked.query else (page - 1) * size
        if past and at >= len(rows):
            raw = b"" if past == 204 else None
            return bytes(agency.response({"code": "past"}, status=past, raw=raw))
        return bytes(agency.response({"data": rows[at : at + size], **always}, headers=headers))

    return answer


PAGED = PagePaging(size=10)
OFFSET = OffsetPaging(size=10, limit_param="size")


# --- one answer


@pytest.mark.parametrize(
    ("rows", "around", "headers", "found"),
    [
        (37, {}, {}, "document"),
        (0, {}, {}, "document"),
        (25, {}, {}, ""),
        (25, {"total": 25}, {}, "document"),
        (25, {"meta": {"pagination": {"total": 137}}}, {}, ""),
        (37, {"@odata.nextLink": "http://x/rows?skip=37"}, {}, ""),
        (37, {"links": [{"rel": "next", "href": "/rows?at=37"}]}, {}, ""),
        (37, {"link": [{"relation": "self", "url": "/rows"}]}, {}, "document"),
        (37, {"has_more": True}, {}, ""),
        (37, {"has_more": False}, {}, "document"),
        (37, {}, {"Link": '</rows?at=37>; rel="next"'}, ""),
        (37, {}, {"X-Total-Count": "137"}, ""),
        (37, {}, {"X-WP-Total": "37"}, "document"),
        (37, {}, {"Content-Range": "items 0-36/137"}, ""),
        (37, {}, {"X-Next-Page": "2"}, ""),
    ],
)
def test_one_answer_is_the_whole_list_unless_it_shows_that_there_is_more(
    agency: Any, rows: int, around: dict[str, Any], headers: dict[str, str], found: str
) -> None:
    """Before, no paging on a service that pages read page one for ever and said nothing."""
    body = agency.response({"data": [{"id": n} for n in range(rows)], **around}, headers=headers)
    ids, end = read(agency, body, listed(NoPaging()))
    assert (len(ids), by(end)) == (rows, found)
    assert found or (end is not None and end.because is not None and end.because.vi)


def test_sizes_at_which_services_cut_are_round() -> None:
    assert [n for n in range(1, 130) if is_round(n)] == [
        10, 15, 20, 25, 30, 40, 50, 60, 64, 70, 75, 80, 90, 100, 120, 128,
    ]  # fmt: skip
    assert all(map(is_round, (200, 250, 256, 500, 512, 1000, 1024, 2000, 2500, 5000, 10_000)))


# --- links and cursors


@pytest.mark.parametrize(
    "settings",
    [
        listed(NextLinkPaging("next")),
        listed(NextLinkPaging("next"), end_statuses=(404,)),
        listed(CursorPaging(cursor_path="next", cursor_param="at")),
    ],
)
def test_a_null_next_is_the_end(agency: Any, settings: RestSource) -> None:
    def answer(asked: Any) -> bytes:
        at = int(asked.query.get("at", "0").rpartition("=")[2])
        more = f"?at={at + 10}" if at + 10 < len(ROWS) else None
        return bytes(agency.response({"data": ROWS[at : at + 10], "next": more}))

    ids, end = read(agency, answer, settings)
    assert (ids, by(end)) == (ALL, "said")


@pytest.mark.parametrize(
    ("member", "paging"),
    [
        ("@odata.nextLink", NextLinkPaging("@odata.nextlink")),
        ("nextPageToken", CursorPaging(cursor_path="NextPageToken", cursor_param="at")),
        ("next", NextLinkPaging("links.next")),
        ("next", CursorPaging(cursor_path="nxt")),
    ],
)
@pytest.mark.parametrize("declared", ["", "dịch vụ bỏ thành viên này"])
def test_a_path_that_was_in_no_page_is_an_error(agency: Any, member: str, paging: Any, declared: str) -> None:
    """Before, each of these read the first page and was a success; a declaration hides no mistake."""
    agency.default = linked(agency, member)
    with pytest.raises(ProtocolViolation, match=member) as raised:
        read(agency, agency.default, listed(paging), end=declared)
    assert (getattr(paging, "path", "") or getattr(paging, "cursor_path", "")) in str(raised.value)


def test_a_declaration_counts_where_nothing_speaks_against_it(agency: Any) -> None:
    body = agency.response({"data": ROWS})
    with pytest.raises(ProtocolViolation, match="'next'"):
        read(agency, body, listed(NextLinkPaging("next")))
    ids, end = read(agency, body, listed(NextLinkPaging("next")), end="một trang thì không có liên kết")
    assert (ids, by(end)) == (ALL, "declared")


@pytest.mark.parametrize(
    ("rows", "around", "path"),
    [
        (37, {}, "@odata.nextLink"),  # OData JSON 4.01 section 4.5.5: absent on the only page
        (0, {}, "next"),  # an empty list leads nowhere
        (37, {"links": {"self": "/rows", "first": "/rows"}}, "links.next"),  # JSON:API leaves it out
        (37, {"link": [{"relation": "self", "url": "/rows"}]}, "link[relation=next].url"),
        (37, {"links": [{"rel": ["self", "first"], "href": "/rows"}]}, "links[rel=next].href"),
        (37, {"next": ""}, "next"),
        (37, {"next": False}, "next"),
    ],
)
def test_what_is_left_out_as_agreed_is_the_end(
    agency: Any, rows: int, around: dict[str, Any], path: str
) -> None:
    body = agency.response({"data": ROWS[:rows], **around})
    assert by(read(agency, body, listed(NextLinkPaging(path)))[1]) == "said"


@pytest.mark.parametrize(
    ("around", "path"),
    [
        ({"next": {"url": "x"}}, "next"),
        ({"next": ["/rows?at=10"]}, "next"),
        ({"next": []}, "next"),
        ({"next": {}}, "next"),
        ({"next": True}, "next"),
        ({"link": [{"relation": "nxt", "url": "/rows"}]}, "link[relation=nextt].url"),
        ({"link": [{"relation": "self", "url": "/rows"}]}, "link[rel=next].url"),
        ({"links": {"self": "/", "Next": "/rows?at=10"}}, "links.next"),
    ],
)
def test_what_is_no_link_is_never_taken_for_the_end(agency: Any, around: dict[str, Any], path: str) -> None:
    with pytest.raises(ProtocolViolation):
        read(agency, agency.response({"data": ROWS, **around}), listed(NextLinkPaging(path)))


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        (lambda link: {"links": {"next": {"href": link}}}, "links.next"),  # JSON:API 1.1 section 5.6
        (lambda link: {"_links": {"next": {"href": link}}}, "_links.next.href"),
        (lambda link: {"link": [{"relation": "self", "url": "/"}, {"relation": "next", "url": link}]},
         "link[relation=next].url"),
        (lambda link: {"link": [{"relation": "next", "url": link}]},
         "$.link[?(@.relation=='next')].url"),
        (lambda link: {"links": [{"rel": "prev", "href": "/"}, {"rel": "next", "href": link}]},
         "links[rel=next].href"),
        (lambda link: {"links": [{"rel": ["last", "next"], "href": link}]}, "links[rel=next].href"),
        (lambda link: {"@odata.nextLink": link}, "@odata.nextLink"),
    ],
)  # fmt: skip
def test_links_are_found_by_relation_wherever_they_stand(
    agency: Any, shape: Callable[[str], dict[str, Any]], path: str
) -> None:
    """Before, an object was taken for the end, and a relation could be chosen by its place only."""

    def answer(asked: Any) -> bytes:
        at = int(asked.query.get("at", 0))
        more = shape(f"/api/rows?at={at + 10}") if at + 10 < len(ROWS) else {"link": [{"relation": "self"}]}
        return bytes(agency.response({"data": ROWS[at : at + 10], **more}))

    ids, end = read(agency, answer, listed(NextLinkPaging(path)))
    assert (ids, by(end)) == (ALL, "said")


@pytest.mark.parametrize(
    ("headers", "rows", "found"),
    [
        ({}, 30, ""),
        ({}, 0, "said"),
        ({"Link": '</rows>; rel="first", </rows>; rel="last"'}, 30, "said"),
        ({"Link": '</style.css>; rel="preload"'}, 30, ""),
        ({"X-Total-Count": "30"}, 30, ""),
    ],
)
def test_a_link_header_that_never_came_confirms_nothing(
    agency: Any, headers: dict[str, str], rows: int, found: str
) -> None:
    """A gateway that takes the header away leaves page one; before, that was a success."""
    body = agency.response({"data": ROWS[:rows]}, headers=headers)
    assert by(read(agency, body, listed(LinkHeaderPaging()))[1]) == found


def test_a_total_confirms_where_a_link_header_is_silent(agency: Any) -> None:
    body = agency.response({"data": ROWS[:30]}, headers={"X-Total-Count": "30"})
    settings = listed(LinkHeaderPaging(), total="header:x-total-count")
    assert by(read(agency, body, settings)[1]) == "total"
    assert settings.unsure() is None
    assert listed(LinkHeaderPaging()).unsure() is not None


@pytest.mark.parametrize(
    "paging",
    [NextLinkPaging("next"), LinkHeaderPaging(), CursorPaging(cursor_path="cursor", cursor_param="at")],
)
@pytest.mark.parametrize("empties", [1, 3, 7])
def test_any_number_of_empty_pages_with_new_links_is_followed(agency: Any, paging: Any, empties: int) -> None:
    """Before, three of them were taken for a circle, and the run could never end."""
    pages = [[{"id": 0}], *[[]] * empties, [{"id": 1}]]

    def answer(asked: Any) -> bytes:
        at = int(asked.query.get("at", 0))
        more = at + 1 < len(pages)
        link = f"/api/rows?at={at + 1}" if more else None
        body = {"data": pages[at], "next": link, "cursor": str(at + 1) if more else None}
        return bytes(agency.response(body, headers={"Link": f'<{link}>; rel="next"'} if more else {}))

    ids, end = read(agency, answer, listed(paging))
    assert (ids, by(end)) == ([0, 1], "said")


@pytest.mark.parametrize("host", ["http://frost:8080", "https://127.0.0.1", "//inner.local"])
@pytest.mark.parametrize("header", [False, True])
def test_a_link_to_an_inner_host_is_asked_for_at_the_connections_own(
    agency: Any, host: str, header: bool
) -> None:
    def answer(asked: Any) -> bytes:
        at = int(asked.query.get("at", 0))
        link = f"{host}/api/rows?at={at + 10}" if at + 10 < len(ROWS) else None
        headers = {"Link": f'<{link}>; rel="next"'} if header and link else {}
        return bytes(agency.response({"data": ROWS[at : at + 10], "next": link}, headers=headers))

    kind: Any = LinkHeaderPaging if header else NextLinkPaging
    assert read(agency, answer, listed(kind(own_host=True)))[0] == ALL
    with pytest.raises(LienThongError):
        read(agency, answer, listed(kind()))


def test_a_token_may_have_to_be_sent_alone(agency: Any) -> None:
    """OAI-PMH 2.0 section 3.5: an exclusive argument; before, page one was all that came."""

    def answer(asked: Any) -> bytes:
        query = asked.query
        alone = set(query) == {"verb", "resumptionToken"}
        if "resumptionToken" in query and not alone:
            return bytes(agency.response(raw=b'<OAI-PMH><error code="badArgument"/></OAI-PMH>', headers=XML))
        at = int(query.get("resumptionToken", 0))
        rows = "".join(f"<record><id>{row['id']}</id></record>" for row in ROWS[at : at + 10])
        token = str(at + 10) if at + 10 < len(ROWS) else ""
        size = ' completeListSize="37"' if at % 20 else ""
        body = f"<ListRecords>{rows}<resumptionToken{size}>{token}</resumptionToken></ListRecords>"
        return bytes(agency.response(raw=f"<OAI-PMH>{body}</OAI-PMH>".encode(), headers=XML))

    settings = RestSource(
        path="oai",
        format="xml",
        records="record",
        params={"verb": "ListRecords", "metadataPrefix": "oai_dc"},
        since_param="from",
        paging=CursorPaging(
            cursor_path="ListRecords.resumptionToken._text", cursor_param="resumptionToken", alone=("verb",)
        ),
    )
    ids, end = read(agency, answer, settings, since="2026-01-01")
    assert (ids, by(end)) == ([str(n) for n in ALL], "said")
    assert agency.asked[0].query == {"verb": "ListRecords", "metadataPrefix": "oai_dc", "from": "2026-01-01"}


@pytest.mark.parametrize("form", ["json", "xml"])
def test_an_error_in_place_of_page_two_is_no_end(agency: Any, form: Any) -> None:
    """A service that refuses the token with a success; before, page one was acknowledged and all was well."""
    first, error = (
        ({"data": ROWS[:10], "next": "t"}, {"data": [], "error": {"code": "badArgument"}})
        if form == "json"
        else (
            b"<r><data><id>1</id></data><next>t</next></r>",
            b'<r><error code="badArgument">no such token</error></r>',
        )
    )

    def answer(asked: Any) -> bytes:
        body: Any = error if "cursor" in asked.query else first
        raw = {"raw": body, "headers": XML} if form == "xml" else {"value": body}
        return bytes(agency.response(**raw))

    settings = RestSource(
        path="rows",
        format=form,
        records="data",
        paging=CursorPaging(cursor_path="next"),
    )
    ids, end = read(agency, answer, settings, end="vì thế")
    assert (len(ids), by(end)) == (10 if form == "json" else 1, "")


XML = {"Content-Type": "text/xml"}


# --- has_more


@pytest.mark.parametrize(
    "paging",
    [
        CursorPaging(cursor_path="cursor", cursor_param="offset"),
        KeysetPaging(key="id", key_param="after", unique=True),
        OFFSET,
    ],
)
def test_has_more_ends_the_list(agency: Any, paging: Any) -> None:
    """A cursor that is always there went on for ever, and counted pages asked for one too many."""

    def answer(asked: Any) -> bytes:
        at = int(asked.query.get("offset", int(asked.query.get("after", -1)) + 1))
        rows = ROWS[at : at + 10]
        return bytes(agency.response({"data": rows, "more": at + 10 < 37, "cursor": str(at + 10)}))

    ids, end = read(agency, answer, listed(paging, more="more", prefetch=1))
    assert ids == ALL
    assert by(end) in {"said", "again"}


@pytest.mark.parametrize("place", ["hasmore", "header:X-More"])
def test_a_word_on_more_that_was_in_no_page_is_an_error(agency: Any, place: str) -> None:
    with pytest.raises(ProtocolViolation, match="no page has"):
        read(agency, linked(agency, more=False), listed(NextLinkPaging(), more=place))


def test_more_without_a_next_page_is_not_confirmed(agency: Any) -> None:
    body = agency.response({"data": ROWS, "more": True, "next": None})
    assert by(read(agency, body, listed(NextLinkPaging(), more="more"), end="vì thế")[1]) == ""


# --- totals


@pytest.mark.parametrize(
    ("paging", "answer"),
    [
        (NoPaging(), "one"),
        (NextLinkPaging(), "linked"),
        (CursorPaging(cursor_path="next", cursor_param="at"), "cursor"),
        (KeysetPaging(key="id", key_param="after", unique=True), "keyset"),
        (PAGED, "counted"),
        (OFFSET, "counted"),
    ],
)
@pytest.mark.parametrize(("total", "found"), [(37, "total"), (137, "")])
@pytest.mark.parametrize("place", ["meta.total", "header:X-Total-Count", "header:Content-Range"])
def test_a_total_is_checked_for_every_kind_of_paging(
    agency: Any, paging: Any, answer: str, total: int, found: str, place: str
) -> None:
    """Before, only counted pages knew one, and an unmet one was a note; no declaration makes up for it."""
    headers = {"X-Total-Count": str(total), "Content-Range": f"items 0-9/{total}"}

    def act(asked: Any) -> bytes:
        at = 0
        if answer in ("linked", "cursor"):
            at = int(asked.query.get("at", 0))
        elif answer == "keyset":
            at = int(asked.query.get("after", -1)) + 1
        elif answer == "counted":
            at = int(asked.query.get("offset", (int(asked.query.get("page", 1)) - 1) * 10))
        more = at + 10 < 37
        following = None if not more else f"/api/rows?at={at + 10}" if answer == "linked" else str(at + 10)
        rows = ROWS if answer == "one" else ROWS[at : at + 10]
        return bytes(
            agency.response({"data": rows, "next": following, "meta": {"total": total}}, headers=headers)
        )

    ids, end = read(agency, act, listed(paging, total=place), end="" if found else "vì thế")
    assert (ids, by(end)) == (ALL, found)
    assert found or (end is not None and end.because is not None and "137" in end.because.en)


def test_a_misspelt_path_is_named_also_where_a_total_is_not_met(agency: Any) -> None:
    settings = listed(NextLinkPaging("nxt"), total="meta.total")
    with pytest.raises(ProtocolViolation, match="'nxt'"):
        read(agency, linked(agency, meta={"total": 37}), settings)


def test_a_total_of_counted_pages_that_was_in_no_page_is_an_error(agency: Any) -> None:
    with pytest.raises(ProtocolViolation, match="'totl'"):
        read(agency, counted(agency, total=37), listed(PagePaging(size=10, total_path="totl")))


def test_a_total_that_was_in_no_page_is_an_error(agency: Any) -> None:
    with pytest.raises(ProtocolViolation, match=r"meta\.totl"):
        read(agency, linked(agency, meta={"total": 37}), listed(NextLinkPaging(), total="meta.totl"))


@pytest.mark.parametrize(("number", "found"), [("37", "total"), ("137", "")])
@pytest.mark.parametrize("plain", [True, False])
def test_a_request_of_its_own_tells_how_many_there_are(
    agency: Any, number: str, found: str, plain: bool
) -> None:
    """OData's ``$count`` is plain text; the filter of the list goes along, also where a read goes on."""

    def answer(asked: Any) -> bytes:
        if not asked.path.endswith("$count"):
            return bytes(linked(agency)(asked))
        headers = {"Content-Type": "text/plain"} if plain else {}
        raw = number.encode() if plain else json.dumps({"n": int(number)}).encode()
        return bytes(agency.response(raw=raw, headers=headers))

    count = Count(path="rows/$count", value="" if plain else "n")
    settings = listed(NextLinkPaging(), count=count, since_param="tu")
    ids, end = read(agency, answer, settings, since="2026")
    assert (ids, by(end)) == (ALL, found)
    assert agency.asked[0].query == {"tu": "2026"}
    asked = len(agency.asked)
    position = agency.read(settings, ReadRequest(since="2026"))[0].position
    rest = agency.read(settings, ReadRequest(since="2026", position=position))
    assert by(rest[-1].end) == found
    assert sum(one.path.endswith("$count") for one in agency.asked[asked:]) == 1


# --- counted pages


@pytest.mark.parametrize("cap", [5, 10, 20, 25, 30])
@pytest.mark.parametrize("until", ["empty", "short"])
@pytest.mark.parametrize("kind", ["page", "offset"])
def test_a_service_that_caps_its_pages_loses_nothing(agency: Any, cap: int, until: Any, kind: str) -> None:
    """Before, `until="short"` read 20 of 137 where 50 were asked for."""
    if cap == 5 and until == "short":
        pytest.skip("no service caps at five")
    paging = (
        PagePaging(size=50, until=until)
        if kind == "page"
        else OffsetPaging(size=50, limit_param="size", until=until)
    )
    ids, end = read(agency, counted(agency, cap=cap), listed(paging))
    assert ids == ALL
    assert by(end) in {"again", "said"}


@pytest.mark.parametrize("past", [204, 400, 404, 416])
@pytest.mark.parametrize("stream", [False, True])
def test_a_status_past_the_last_page_is_the_end_by_setting(agency: Any, past: int, stream: bool) -> None:
    rows = ROWS[:30]
    settings = listed(PAGED, end_statuses=(past,), stream=stream)
    ids, end = read(agency, counted(agency, rows, past=past), settings)
    assert (ids, by(end)) == (list(range(30)), "again")
    with pytest.raises(LienThongError):
        read(agency, counted(agency, rows, past=past), listed(PAGED, stream=stream))


def test_a_status_of_the_first_page_is_no_end(agency: Any) -> None:
    settings = listed(PAGED, end_statuses=(204, 404))
    with pytest.raises(LienThongError, match="404"):
        read(agency, agency.response({}, status=404), settings)
    assert read(agency, agency.response(raw=b"", status=204), settings) == ([], End("said"))


def test_the_total_of_a_header_and_a_multiple_of_the_size_need_no_page_too_many(agency: Any) -> None:
    """WordPress answers 400 behind the last page; 100 of 2 x 50 failed, with a total or without."""
    rows = [{"id": n} for n in range(100)]
    act = counted(agency, rows, past=400, headers={"X-WP-Total": "100"})
    short = PagePaging(size=50, until="short")
    assert len(read(agency, act, listed(short))[0]) == 100
    ids, end = read(agency, act, listed(short, total="header:X-WP-Total"))
    assert (len(ids), by(end)) == (100, "total")


# --- lists that change while they are read


def changing(agency: Any, change: Callable[[list[Any]], None], *, total: bool, when: int = 2) -> Answer:
    """Answer by offset; right before one request the list changes."""
    rows = [dict(row) for row in ROWS]
    asked_for: list[int] = []

    def answer(asked: Any) -> bytes:
        asked_for.append(1)
        if len(asked_for) == when:
            change(rows)
        at = int(asked.query["offset"])
        body: dict[str, Any] = {"data": rows[at : at + 10]}
        return bytes(agency.response(body | ({"total": len(rows)} if total else {})))

    return answer


@pytest.mark.parametrize("total", ["", "total"])
@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.pop(3),
        lambda rows: rows.append(rows.pop(3)),
        lambda rows: (rows.pop(3), rows.append({"id": 99})),
    ],
    ids=["shrinks", "reorders", "one goes, one comes"],
)
def test_a_list_that_slides_under_an_offset_is_noticed(agency: Any, change: Any, total: str) -> None:
    """Record 10 moves over the edge of page one: before, it never came and the run was green."""
    settings = listed(OFFSET, total=total, prefetch=1)
    ids, end = read(agency, changing(agency, change, total=bool(total)), settings)
    assert 10 not in ids
    met = total and len(set(ids)) == 37  # by as many different records, of which one is another one
    assert by(end) == ("total" if met else "")


def test_a_list_that_only_grows_is_confirmed_by_a_second_read(agency: Any) -> None:
    settings = listed(OFFSET, prefetch=1)
    ids, end = read(agency, changing(agency, lambda rows: rows.append({"id": 99}), total=False), settings)
    assert (ids, by(end)) == ([*ALL, 99], "again")
    assert len(agency.asked) == 5 + 4


def test_a_second_read_compares_keys_and_not_bodies(agency: Any) -> None:
    def touch(rows: list[Any]) -> None:
        rows[5]["note"] = "đã sửa"

    settings = listed(OFFSET, prefetch=1)
    assert by(read(agency, changing(agency, touch, total=False, when=3), settings)[1]) == "again"


def test_no_second_read_where_the_settings_say_so(agency: Any) -> None:
    settings = listed(OffsetPaging(size=10, limit_param="size", again=False), prefetch=1)
    ids, end = read(agency, counted(agency), settings)
    assert (ids, by(end), len(agency.asked)) == (ALL, "", 5)
    assert settings.unsure() is not None
    assert by(read(agency, counted(agency), settings, end="danh sách chỉ dài thêm")[1]) == "declared"


def test_a_short_list_needs_no_second_read(agency: Any) -> None:
    ids, end = read(agency, counted(agency, ROWS[:7]), listed(OFFSET, prefetch=1))
    assert (ids, by(end), len(agency.asked)) == (list(range(7)), "said", 2)


@pytest.mark.parametrize(
    "paging", [OFFSET, NextLinkPaging("next"), KeysetPaging(key="id", key_param="after")]
)
def test_a_read_that_goes_on_knows_what_the_first_one_knew(agency: Any, paging: Any) -> None:
    """From every position, through JSON, the rest ends as the whole did."""

    def answer(asked: Any) -> bytes:
        query = asked.query
        at = int(query.get("offset", query.get("at", int(query.get("after", -1)) + 1)))
        more = {"next": f"/api/rows?at={at + 10}"} if at + 10 < 37 else {}
        return bytes(agency.response({"data": ROWS[at : at + 10], **more}))

    agency.default = answer
    pages = agency.read(listed(paging), ReadRequest(key=("id",)))
    whole = by(pages[-1].end)
    assert whole in {"again", "said", "order"}
    for number, page in enumerate(pages[:-1], 1):
        position = json.loads(json.dumps(page.position))
        rest = agency.read(listed(paging), ReadRequest(key=("id",), position=position))
        assert agency.ids(pages[:number]) + agency.ids(rest) == ALL
        assert by(rest[-1].end) == whole


def test_pages_that_did_not_change_are_the_end_that_they_were(agency: Any) -> None:
    """304 stands for what a run confirmed; what was kept before anybody asked for that is not used."""
    body = agency.response({"data": ROWS}, headers={"ETag": '"1"'})
    settings = RestSource(path="rows", records="data")
    agency.default = body
    (page,) = agency.read(settings)
    agency.default = lambda asked: (
        agency.response(raw=b"", status=304) if "if-none-match" in asked.headers else body
    )
    (again,) = agency.read(settings, ReadRequest(validators=page.validators))
    assert (by(again.end), len(again.records)) == ("document", 0)
    old = {key: {name: item for name, item in value.items() if name != "end"}
           for key, value in page.validators.items()}  # fmt: skip
    (afresh,) = agency.read(settings, ReadRequest(validators=old))
    assert len(afresh.records) == 37


# --- time windows


@pytest.mark.parametrize(("rows", "found"), [(7, "document"), (10, "")])
def test_every_window_must_be_complete(agency: Any, rows: int, found: str) -> None:
    """One window that looks cut makes the read doubtful, also if it goes on behind it."""
    windows = TimeWindows(from_param="a", to_param="b", start="2026-01-01T00:00:00Z", days=3000)

    def answer(asked: Any) -> bytes:
        first = asked.query["a"].startswith("2026-01-01")
        return bytes(agency.response({"data": [{"id": n} for n in range(rows if first else 3)]}))

    agency.default = answer
    assert by(read(agency, answer, listed(windows))[1]) == found


# --- lienthong connector check


def finding(agency: Any, answer: Answer | bytes, settings: RestSource) -> Any:
    agency.default = answer
    found = agency.source(settings).check()
    return next(one for one in found if one.check == "paging")


@pytest.mark.parametrize(
    ("around", "headers", "named"),
    [
        ({"@odata.nextLink": "/rows?at=37"}, {}, "NextLinkPaging('@odata.nextLink')"),
        ({"paging": {"next_cursor": "abc"}}, {}, "CursorPaging(cursor_path='paging.next_cursor'"),
        ({"link": [{"relation": "next", "url": "/r"}]}, {}, "NextLinkPaging('link[relation=next].url')"),
        ({"meta": {"pagination": {"total": 137}}}, {}, "PagePaging or OffsetPaging"),
        ({}, {"Link": '</rows?at=37>; rel="next"'}, "LinkHeaderPaging()"),
        ({}, {"X-Next-Page": "2"}, "cursor_header='X-Next-Page'"),
        ({}, {"X-Total-Count": "137"}, "PagePaging"),
    ],
)
def test_the_check_names_paging_that_is_there_and_not_configured(
    agency: Any, around: dict[str, Any], headers: dict[str, str], named: str
) -> None:
    """Before, it said "ok, 25 records in the first page" of a service that announced 137."""
    body = agency.response({"data": ROWS, **around}, headers=headers)
    found = finding(agency, body, listed(NoPaging()))
    assert (found.ok, named in found.hint) == (False, True), found
    assert found.vi and found.detail != found.vi


def test_the_check_follows_to_page_two(agency: Any) -> None:
    found = finding(agency, linked(agency, meta={"total": 37}), listed(NextLinkPaging()))
    assert found.ok
    assert found.detail == "page two has 10 records behind 10; meta.total announces 37: give total"
    capped = finding(agency, counted(agency, cap=20), listed(PagePaging(size=50)))
    assert capped.ok and "caps its pages at 20" in capped.detail
    assert not finding(agency, agency.response({"data": ROWS}), listed(PagePaging(size=50))).ok


def test_the_check_names_a_path_that_is_not_there(agency: Any) -> None:
    found = finding(agency, agency.response({"data": ROWS, "Next": None}), listed(NextLinkPaging("next")))
    assert not found.ok and "'next'" in found.detail and "Next" in found.detail


def test_the_check_says_of_one_page_what_it_can(agency: Any) -> None:
    plain = finding(agency, agency.response({"data": ROWS}), listed(NoPaging()))
    assert (plain.ok, plain.detail) == (True, "one page, 37 records")
    assert "round number" in finding(agency, agency.response({"data": ROWS[:25]}), listed(NoPaging())).detail
    assert (
        "no page had a link"
        in finding(agency, agency.response({"data": ROWS}), listed(LinkHeaderPaging())).detail
    )
