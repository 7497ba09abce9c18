"""The REST connector in front of Prism, which holds every request against an OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import counterparts
import pytest

from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.errors import RequestRejected, Unauthenticated
from lienthong.records import canonical, sha256
from lienthong_connectors.rest import Envelope, NextLinkPaging, PagePaging, RestSource, RestTarget, Results

BUSINESSES = [{"id": "B-1", "name": "Công ty A"}, {"id": "B-2", "name": "Hộ B"}]
LIST = RestSource(
    path="records",
    records="data",
    paging=PagePaging(size=50, total_path="total"),
    since_param="since",
    since_format="%Y%m%d%H%M%S",
    envelope=Envelope(code_path="code"),
)
TARGET = RestTarget(
    path="records",
    wrap={"records": "$records"},
    envelope=Envelope(code_path="code"),
    results=Results(path="results", match="key", field="id", record_key="id"),
    reference="number",
)


@pytest.fixture(scope="module")
def prism() -> Iterator[Connection]:
    document = counterparts.FOLDER / "fixtures" / "records.openapi.json"
    with counterparts.node("prism.mjs", document) as port:
        extra = {"auth": "api-key", "token": "k3y"}
        yield Connection("prism", "lienthong_rest", f"http://127.0.0.1:{port}", extra=extra)


def read(settings: RestSource, connection: Connection, **request: Any) -> list[dict[str, Any]]:
    source = settings.open_source(connection, Context())
    try:
        return [record for page in source.read(ReadRequest(**request)) for record in page.records]
    finally:
        source.close()


def deliver(settings: RestTarget, connection: Connection, records: list[dict[str, Any]]) -> Any:
    target = settings.open_target(connection, Context())
    lines = [canonical(record) for record in records]
    try:
        return target.deliver(Batch(sha256(b"\n".join(lines)), lines, ("id",)))
    finally:
        target.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_paged_list_is_asked_for_as_it_is_described(prism: Connection, stream: bool) -> None:
    """Page, size and cursor have the types, bounds and forms of the description."""
    settings = replace(LIST, stream=stream)
    assert read(settings, prism) == BUSINESSES
    assert read(settings, prism, since="2025-08-12T07:30:00+07:00") == BUSINESSES


@pytest.mark.parametrize("params_in", ["body", "form"])
def test_a_search_by_post_is_asked_for_as_it_is_described(prism: Connection, params_in: Any) -> None:
    """Numbers are numbers in a JSON body, and a form is a form."""
    paging = PagePaging(size=50, total_path="total")
    body = {"kind": "business"}
    settings = RestSource(
        path="search", method="POST", params_in=params_in, body=body, records="data", paging=paging
    )
    assert read(settings, prism) == BUSINESSES[:1]


def test_a_link_leads_to_the_next_page_as_it_was_written(prism: Connection) -> None:
    """Its encoded cursor arrives unchanged: the description names the only value that is taken."""
    assert read(RestSource(path="linked", records="data", paging=NextLinkPaging()), prism) == BUSINESSES


@pytest.mark.parametrize(
    "broken",
    [
        replace(LIST, paging=PagePaging(size=101)),
        replace(LIST, paging=PagePaging(size=50, start=0)),
        replace(LIST, paging=PagePaging(size=50, page_param="trang")),
    ],
)
def test_a_question_that_breaks_the_description_is_rejected_with_its_status(
    prism: Connection, broken: RestSource
) -> None:
    """So what the other tests ask was really held against it."""
    with pytest.raises(RequestRejected) as caught:
        read(broken, prism)
    assert caught.value.details["status"] == 422


def test_a_source_that_is_not_known_is_unauthenticated(prism: Connection) -> None:
    with pytest.raises(Unauthenticated):
        read(LIST, replace(prism, extra={}))


def test_a_batch_is_delivered_as_it_is_described_and_answered_record_by_record(prism: Connection) -> None:
    answer = deliver(TARGET, prism, BUSINESSES)
    assert (answer.acknowledged, set(answer.refused)) == (1, {1})
    assert answer.refused[1].rule == "target.E9"
    assert answer.receipts[0].reference == "BN-7"


@pytest.mark.parametrize(
    "records",
    [
        [{"id": "wrong", "name": "A"}],
        [{"id": "B-1"}],
        [{"id": "B-1", "name": "A", "more": 1}],
        [{"id": f"B-{n}", "name": "A"} for n in range(3)],
    ],
)
def test_a_batch_that_breaks_the_description_is_rejected(
    prism: Connection, records: list[dict[str, Any]]
) -> None:
    with pytest.raises(RequestRejected) as caught:
        deliver(TARGET, prism, records)
    assert caught.value.details["status"] == 422


def test_one_by_one_only_the_record_that_breaks_the_description_is_refused(prism: Connection) -> None:
    settings = RestTarget(path="records", mode="single", wrap={"records": ["$record"]})
    answer = deliver(settings, prism, [BUSINESSES[0], {"id": "wrong", "name": "A"}, BUSINESSES[1]])
    assert (answer.acknowledged, set(answer.refused)) == (2, {1})
