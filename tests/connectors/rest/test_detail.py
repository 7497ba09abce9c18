"""Lists that only name their items: each is asked for, and what comes is the record."""

from __future__ import annotations

from typing import Any

import pytest

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange, ProtocolViolation, Unavailable
from lienthong_connectors.rest import Detail, Envelope, OffsetPaging, RestSource

BY_ID = Detail(path="item/{record.id}")


def serve(agency: Any, items: list[Any], details: dict[str, Any]) -> None:
    """Answer a list, page by page, and what is asked about each item."""

    def answer(asked: Any) -> bytes:
        if asked.path == "/api/list":
            start = int(asked.query.get("offset", 0))
            size = int(asked.query.get("limit", 10_000))
            return bytes(agency.response({"rows": items[start : start + size]}))
        found = details.get(asked.path.removeprefix("/api/"))
        if isinstance(found, bytes):
            return found
        return bytes(agency.response(found, status=200 if found is not None else 404))

    agency.default = answer


@pytest.mark.parametrize(
    ("detail", "item"),
    [
        (BY_ID, {"id": "a/b"}),
        (Detail(path="item/{record['@iot.id']}"), {"@iot.id": "a/b"}),
        (Detail(link="_links.self.href"), {"_links": {"self": {"href": "/api/item/a%2Fb"}}}),
        (Detail(link="href"), {"href": "item/a%2Fb"}),
    ],
)
def test_an_item_is_asked_for_by_id_or_by_link(agency: Any, detail: Detail, item: Any) -> None:
    """The id is percent-encoded, the link may be relative."""
    serve(agency, [item], {"item/a%2Fb": {"id": "a/b", "name": "x"}})
    (page,) = agency.read(RestSource(path="list", records="rows", detail=detail))
    assert page.records == [{"id": "a/b", "name": "x"}]


def test_details_keep_the_order_and_the_pages_of_the_list(agency: Any) -> None:
    """Several are asked for at a time; what is handed on is the list's order, and goes on where it ended."""
    details = {f"item/{n}": {"d": {"id": n, "full": True}} for n in range(9)}
    serve(agency, [{"id": n, "seen": n} for n in range(9)], details)
    detail = Detail(path="item/{record.id}", record="d", keep=("seen",), parallel=4)
    source = RestSource(path="list", records="rows", paging=OffsetPaging(size=4), detail=detail)
    pages = agency.read(source)
    assert [r for page in pages for r in page.records] == [
        {"id": n, "full": True, "seen": n} for n in range(9)
    ]
    rest = agency.read(source, ReadRequest(position=pages[0].position))
    assert agency.ids(rest) == list(range(4, 9))
    (first,) = agency.read(source, ReadRequest(limit=2))
    assert agency.ids([first]) == [0, 1]


def test_what_is_wrong_with_one_detail_is_set_aside_alone(agency: Any) -> None:
    """One that vanished is told, by its own reason and in the notes; no other is lost with it."""
    bad = agency.response({"message": "mã không hợp lệ"}, status=422)
    html = agency.response(raw=b"<html>", headers={"Content-Type": "text/html"})
    details = {"item/0": {"id": 0}, "item/2": bad, "item/3": html, "item/4": [1], "item/6": {"id": 6}}
    serve(agency, [{"id": n} for n in range(5)] + [{"no": "id"}, {"id": 6}], details)
    (page,) = agency.read(RestSource(path="list", records="rows", detail=BY_ID))
    assert agency.ids([page]) == [0, 6]
    rules = [one.reason.rule for one in page.malformed]
    assert rules == [
        "page.vanished", "page.detail-rejected", "page.detail", "page.detail", "page.no-link"
    ]  # fmt: skip
    assert page.malformed[0].data == b'{"id":1}'
    assert page.notes["vanished"] == 1


def test_a_service_that_fails_fails_the_read(agency: Any) -> None:
    """A fault that is not one item's own sets nobody aside."""
    serve(agency, [{"id": 1}], {"item/1": agency.response({}, status=500)})
    with pytest.raises(Unavailable):
        agency.read(RestSource(path="list", records="rows", detail=BY_ID))
    serve(agency, [{"id": 1}], {"item/1": {"code": 9}})
    with pytest.raises(ProtocolViolation, match="no 'error_code'"):
        agency.read(
            RestSource(
                path="list", records="rows", detail=Detail(path="item/{record.id}", envelope=Envelope())
            )
        )
    serve(agency, [{"href": "https://elsewhere.example/item/1"}], {})
    with pytest.raises(ProtocolViolation, match="another host"):
        agency.read(RestSource(path="list", records="rows", detail=Detail(link="href")))


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"path": "a/{record.id}", "link": "href"},
        {"path": "a"},
        {"path": "a/{id}"},
        {"path": "https://x/{record.id}"},
        {"path": "a/{record.id}", "parallel": 0},
        {"link": "a..b"},
    ],
)
def test_a_detail_says_how_it_is_asked_for(detail: dict[str, Any]) -> None:
    """By a path with the item's id, or by the link that the item holds."""
    with pytest.raises(InvalidExchange):
        Detail(**detail)
