"""The largest value of a numeric cursor, asked for before the list: where, when, and what may come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lienthong.connector import Connection, ReadRequest
from lienthong.errors import InvalidExchange, ProtocolViolation, RequestRejected, Unavailable
from lienthong.testing import SourceConformance
from lienthong_connectors.rest import Envelope, HighWater, KeysetPaging, OffsetPaging, RestSource

NEWEST = HighWater(params={"sort": "-version", "limit": "1"}, value="data.0.version")
LIST = RestSource(
    path="rows",
    records="data",
    params={"kind": "a"},
    paging=OffsetPaging(size=2, until="short"),
    since_param="since",
    high_water=NEWEST,
)
OWN = replace(LIST, high_water=HighWater(path="rows/latest", value="version"))


class Order:
    """Whole numbers, as a number or as digits."""

    def read(self, value: Any) -> Any:
        return int(value) if str(value).isdigit() else None

    def back(self, cursor: str, overlap: Any = None) -> str:
        return cursor

    def first_text(self, cursor: str) -> str | None:
        return None


ASKED = ReadRequest(since="3", kind="number", value=3, order=Order())
ROWS = [{"id": n, "version": n} for n in range(4, 9)]


def served(agency: Any, high: Any) -> None:
    """Serve the list, and ``high`` to whoever asks for the newest row."""

    def answer(asked: Any) -> bytes:
        if asked.path.endswith("/latest"):
            return bytes(agency.response(high))
        if "sort" in asked.query:
            return bytes(agency.response({"data": [{"id": 0, "version": high}]}))
        start = int(asked.query["offset"])
        return bytes(agency.response({"data": ROWS[start : start + 2]}))

    agency.default = answer


@pytest.mark.parametrize("settings", [LIST, OWN])
@pytest.mark.parametrize("stream", [False, True])
def test_it_is_asked_first_and_once_and_comes_with_the_first_page(
    agency: Any, settings: RestSource, *, stream: bool
) -> None:
    """The list's own parameters go along where it is the list; ``since`` and pages do not."""
    served(agency, 8 if settings is LIST else {"version": 8})
    pages = agency.read(replace(settings, stream=stream), ASKED)
    assert agency.ids(pages) == [4, 5, 6, 7, 8]
    assert [page.stand.high for page in pages if page.stand] == [8] and pages[0].stand is not None
    first, *rest = agency.asked
    assert first.query == ({"sort": "-version", "limit": "1", "kind": "a"} if settings is LIST else {})
    assert all("sort" not in one.query and "latest" not in one.path for one in rest)


def test_a_read_that_goes_on_does_not_ask_again(agency: Any) -> None:
    served(agency, 8)
    position = agency.read(LIST, ASKED)[0].position
    agency.asked.clear()
    pages = agency.read(LIST, replace(ASKED, position=position))
    assert agency.ids(pages) == [6, 7, 8] and not any(page.stand for page in pages)
    assert not any("sort" in one.query for one in agency.asked)


@pytest.mark.parametrize(
    ("high", "told"),
    [
        ({"version": 8}, 8),
        ({"version": "9007199254740993"}, "9007199254740993"),
        ({"version": 9007199254740993}, 9007199254740993),
        ({"version": 10**30}, 10**30),
        ({"version": " 8 "}, "8"),
        ({"version": 1}, 1),
        ({"version": None}, None),
        ({"version": ""}, None),
    ],
)
def test_what_can_be_believed_is_told(agency: Any, high: Any, told: Any) -> None:
    """Of any size, exactly; smaller than the cursor is for the engine to say; null is an empty service."""
    served(agency, high)
    assert agency.read(OWN, ASKED)[0].stand.high == told


@pytest.mark.parametrize(
    "high",
    [{}, {"version": True}, {"version": [8]}, {"version": {"n": 8}}, {"version": "không rõ"},
     {"version": 1e300}, {"version": "9" * 501}, [], "x", {"other": 8}],
)  # fmt: skip
def test_what_cannot_be_believed_stops_the_read_before_the_list(agency: Any, high: Any) -> None:
    """Nothing there, no scalar, a word, a rounded number: said with what to do, and never with the value."""
    served(agency, high)
    if high == []:  # an empty list is an empty service
        assert agency.read(OWN, ASKED)[0].stand.high is None
        return
    with pytest.raises(ProtocolViolation, match="largest value of the cursor") as raised:
        agency.read(OWN, ASKED)
    assert "high_water" in raised.value.hint and "không rõ" not in str(raised.value)
    assert len(agency.asked) == 1


def test_an_error_is_an_error_of_the_read(agency: Any) -> None:
    """A refusal, an outage, an envelope that says no: the list is not asked."""
    for step, error in (
        (agency.response({}, status=503), Unavailable),
        (agency.response({}, status=400), RequestRejected),
        (agency.response({"error_code": "7", "version": 8}), RequestRejected),
        (agency.response(raw=b"<html>", headers={"Content-Type": "text/html"}), ProtocolViolation),
    ):
        agency.asked.clear()
        agency.default = step
        with pytest.raises(error):
            agency.read(replace(OWN, envelope=Envelope()), ASKED)
        assert len({one.path for one in agency.asked}) == 1


def test_an_empty_list_of_the_newest_is_an_empty_service(agency: Any) -> None:
    agency.default = agency.response({"data": []})
    assert agency.read(LIST, ASKED)[0].stand.high is None


@pytest.mark.parametrize("lists", [(), ("Dong",)])
def test_xml_tells_it_too(agency: Any, lists: tuple[str, ...]) -> None:
    body = b"<KQ><DS><Dong><id>1</id><v>12</v></Dong></DS></KQ>"
    agency.default = agency.response(raw=body, headers={"Content-Type": "text/xml"})
    settings = RestSource(
        path="r", format="xml", records="KQ.DS.Dong", lists=lists, high_water=HighWater(value="DS.Dong.0.v")
    )
    assert agency.read(settings, ASKED)[0].stand.high == "12"


def test_a_post_list_takes_the_parameters_where_its_own_go(agency: Any) -> None:
    """And a request of its own has a body of its own."""
    agency.default = agency.response({"data": [{"id": 1, "version": 8}]})
    settings = replace(
        LIST, method="POST", params_in="body", body={"a": 1}, paging=RestSource(path="x").paging
    )
    agency.read(settings, ASKED)
    assert [one.json() for one in agency.asked] == [
        {"a": 1, "sort": "-version", "limit": "1"},
        {"a": 1, "since": "3"},
    ]
    agency.asked.clear()
    own = HighWater(path="max", method="POST", body={"of": "version"}, value="data.0.version")
    agency.read(replace(settings, high_water=own), ASKED)
    assert (agency.asked[0].path, agency.asked[0].json()) == ("/api/max", {"of": "version"})


@pytest.mark.parametrize(
    "wrong",
    [{"path": "a?b"}, {"path": "https://x/y"}, {"method": "PUT"}, {"body": {}}, {"method": "POST"}],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidExchange, match="high_water"):
        HighWater(value="v", **wrong)


def test_check_says_whether_it_comes(agency: Any) -> None:
    """And not what it is."""
    served(agency, {"version": 12345})
    found = {one.check: one for one in agency.source(OWN).check()}
    assert found["high-water"].ok and "12345" not in found["high-water"].detail
    served(agency, {"versions": 12345})
    found = {one.check: one for one in agency.source(OWN).check()}
    assert not found["high-water"].ok and "high_water" in found["high-water"].hint


def test_an_agreement_without_it_says_nothing_of_it() -> None:
    """Digests of agreements that were made before there was such a thing stay as they are."""
    from lienthong.exchange import _plain

    assert "high_water" not in _plain(replace(LIST, high_water=None)) and "high_water" in _plain(LIST)


class TestVersionedList(SourceConformance):
    """A list with a version number in each row, which tells its largest number when it is asked."""

    page_bound = 4
    cursor = "version"

    @pytest.fixture
    def settings(self) -> RestSource:
        return RestSource(
            path="rows",
            paging=KeysetPaging(key="id", key_param="after", size=4, unique=True),
            since_param="since",
            high_water=HighWater(path="rows/latest", value="version"),
        )

    @pytest.fixture
    def connection(self, agency: Any, expected: list[dict[str, Any]]) -> Connection:
        found: Connection = agency.connection()
        return found

    @pytest.fixture
    def expected(self, agency: Any) -> list[dict[str, Any]]:
        rows = [{"id": n, "version": 8 + n * 7 % 15} for n in range(1, 15)]

        def answer(asked: Any) -> bytes:
            if asked.path.endswith("/latest"):
                return bytes(agency.response({"version": max(row["version"] for row in rows)}))
            after, since = int(asked.query.get("after", 0)), int(asked.query.get("since", 0))
            newer = [row for row in rows if row["id"] > after and row["version"] > since]
            return bytes(agency.response(newer[:4]))

        agency.default = answer
        return rows
