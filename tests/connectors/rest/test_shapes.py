"""Answers as services write them, read by settings alone: where records stand, and in what form."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange, LienThongError, ProtocolViolation, RequestRejected
from lienthong.paths import joined
from lienthong_connectors.rest import (
    CursorPaging,
    Envelope,
    KeysetPaging,
    OffsetPaging,
    PagePaging,
    Records,
    RestSource,
)
from lienthong_connectors.rest.json_list import JsonList
from lienthong_connectors.rest.paths import at, fill

ROWS = [{"id": 1, "name": "một"}, {"id": 2, "name": "hai"}]
BUNDLE = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "self", "url": "http://x/"}]}
FHIR = Records(path="entry[*].resource", absent={"resourceType": ("Bundle",)})
TABLE = {"columns": ["id", "name"], "rows": [[1, "một"], [2, "hai"]]}
NAMED = {"columns": [{"name": "id"}, {"name": "name"}], "rows": TABLE["rows"]}

TEXT = json.dumps(ROWS)
KEYED = Records(path="data", form="keyed", id="id")
SHAPES: list[tuple[str, Any, Any]] = [
    ("unwrap", "entry[*].resource", {"entry": [{"resource": row} for row in ROWS]}),
    ("graphql", "data.items.edges[*].node", {"data": {"items": {"edges": [{"node": r} for r in ROWS]}}}),
    ("jsonpath", "$.items[*]", {"items": ROWS}),
    ("at the top", "[*].node", [{"node": row} for row in ROWS]),
    ("dotted names", "['a.b']['c[0]']", {"a.b": {"c[0]": ROWS}}),
    ("fhir", FHIR, {**BUNDLE, "entry": [{"resource": row} for row in ROWS]}),
    ("keyed", KEYED, {"data": {"1": {"name": "một"}, "2": {"name": "hai"}}}),
    ("keyed, its id inside", KEYED, {"data": {str(r["id"]): r for r in ROWS}}),
    ("keyed values", Records(form="keyed", id="id", value="name"), {"1": "một", "2": "hai"}),
    ("rows", Records(path="rows", form="rows", columns="columns"), TABLE),
    ("rows, columns as objects", Records(path="rows", form="rows", columns="columns"), NAMED),
    ("rows, columns by settings", Records(path="rows", form="rows", names=("id", "name")), TABLE),
    ("a list in a text", Records(path="data", texts=("data",)), {"code": 0, "data": json.dumps(ROWS)}),
    ("a list inside a text", Records(path="d.rows", texts=("d",)), {"d": json.dumps({"rows": ROWS})}),
    ("an answer that is a text", Records(texts=("",)), json.dumps(ROWS)),
    ("a text inside a text", Records(path="d.e", texts=("d", "d.e")), {"d": json.dumps({"e": TEXT})}),
    ("one or many: many", Records(path="d", form="one-or-many"), {"d": ROWS}),
    ("beside", Records(path="h[*].s", beside=("id",)), {"h": [{"id": r["id"], "s": r} for r in ROWS]}),
]  # fmt: skip


def read(agency: Any, answer: Any, request: ReadRequest | None = None, **settings: Any) -> list[Any]:
    agency.default = agency.response(answer)
    return [one for page in agency.read(RestSource(path="list", **settings), request) for one in page.records]


@pytest.mark.parametrize(("records", "answer"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_records_are_read_from_where_services_put_them(agency: Any, records: Any, answer: Any) -> None:
    """None of these could be described but the plain list; ids that are names of members are texts."""
    found = read(agency, answer, records=records)
    assert [{**row, "id": str(row["id"])} for row in found] == [{**row, "id": str(row["id"])} for row in ROWS]


@pytest.mark.parametrize("records", ["entry[*].resource", FHIR])
def test_what_is_unwrapped_can_be_streamed(agency: Any, records: Any) -> None:
    """Element by element, while the answer arrives; paging sees the elements as they came."""
    rows = [{"resource": {"id": n, "text": "x" * 300}} for n in range(2000)]
    found = read(agency, {**BUNDLE, "entry": rows}, records=records, stream=True)
    assert found == [row["resource"] for row in rows]
    again = read(agency, {"resourceType": "Bundle"}, records=FHIR, stream=True)
    assert again == []


def test_a_single_object_is_a_record(agency: Any) -> None:
    """Alone, in place of a list, or as null for none."""
    assert read(agency, {"data": ROWS[0]}, records=Records(path="data", form="single")) == ROWS[:1]
    assert read(agency, {"data": None}, records=Records(path="data", form="single")) == []
    assert read(agency, {"data": ROWS[0]}, records=Records(path="data", form="one-or-many")) == ROWS[:1]


SET_ASIDE: list[tuple[Records, Any, str]] = [
    (
        Records(path="rows", form="rows", columns="c"),
        {"c": ["id"], "rows": [[1], [1, 2], "x"]},
        "page.not-a-row",
    ),
    (Records(path="e[*].r"), {"e": [{"r": ROWS[0]}, {"q": 1}, {"r": None}]}, "page.no-record"),
    (Records(form="keyed", id="id"), {"1": {"n": 1}, "2": 5, "3": None}, "page.not-an-object"),
    (Records(form="keyed", id="id"), {"1": {"id": 1}, "2": {"id": 3}, "3": {"id": "x"}}, "page.collision"),
    (
        Records(path="e[*].r", beside=("k",)),
        {"e": [{"r": {"n": 1}, "k": 1}, {"r": {"k": 2}, "k": 1}, {"r": {"k": 3}, "k": 1}]},
        "page.collision",
    ),
]


@pytest.mark.parametrize(("records", "answer", "rule"), SET_ASIDE)
def test_one_element_that_does_not_fit_stops_no_other(
    agency: Any, records: Records, answer: Any, rule: str
) -> None:
    """It goes to quarantine with a reason of its own; nothing is guessed or overwritten."""
    agency.default = agency.response(answer)
    (page,) = agency.read(RestSource(path="list", records=records))
    assert len(page.records) == 1
    assert [one.reason.rule for one in page.malformed] == [rule, rule]


def test_a_quiet_run_is_green_and_a_wrong_path_is_said(agency: Any) -> None:
    """FHIR leaves an empty ``entry`` out (R4): every quiet run failed. A typo must still be seen."""
    assert read(agency, BUNDLE, records=FHIR) == []
    wrong = Records(path="entri[*].resource", absent={"resourceType": ("Bundle",)})
    with pytest.raises(ProtocolViolation, match="nothing at 'entri', but a list at 'entry'"):
        read(agency, {**BUNDLE, "entry": [{"resource": ROWS[0]}]}, records=wrong)
    issue = {"severity": "error", "code": "processing", "diagnostics": "tham số không hợp lệ"}
    with pytest.raises(RequestRejected, match="OperationOutcome 'processing': tham số không hợp lệ"):
        read(agency, {"resourceType": "OperationOutcome", "issue": [issue]}, records=FHIR)
    with pytest.raises(ProtocolViolation, match="nothing at 'data'"):
        read(agency, {"message": "no data"}, records="data")


ABSENT: list[tuple[dict[str, tuple[str, ...]], tuple[str, ...], Any, bool]] = [
    ({"code": ("0",)}, (), {"code": 0}, True),
    ({"code": ("0",)}, (), {"code": 5}, False),
    ({"code": ("0",)}, (), {}, False),
    ({"message": ()}, (), {"message": "no data"}, True),
    ({"code": ("0",)}, (), {"code": 0, "warnings": [{"text": "x"}]}, False),
    ({"code": ("0",)}, ("warnings",), {"code": 0, "warnings": [{"text": "x"}]}, True),
    ({"code": ("0",)}, (), {"code": 0, "links": [{"rel": "self", "href": "/"}]}, True),
    ({"code": ("0",)}, (), {"code": 0, "response": {"rows": ROWS}}, False),
    ({"code": ("0",)}, (), {"code": 0, "bbox": [[1, 2], [3, 4]], "names": ["a"]}, True),
    ({}, (), ["x"], False),
]


@pytest.mark.parametrize(("says", "others", "answer", "empty"), ABSENT)
def test_an_answer_without_its_list_is_empty_only_as_agreed(
    agency: Any, says: Any, others: Any, answer: Any, empty: bool
) -> None:
    """What it must say is set; another list of objects in it means that the records are elsewhere."""
    records = Records(path="data.items", absent=says, others=others)
    agency.default = agency.response(answer)
    source = RestSource(path="list", records=records)
    if empty:
        assert agency.ids(agency.read(source)) == []
    else:
        with pytest.raises(ProtocolViolation, match=r"nothing at 'data\.items'"):
            agency.read(source)


ELSEWHERE: list[tuple[dict[str, Any], Any]] = [
    ({"form": "rows", "names": ("a",)}, {"code": 0, "row": [[1]]}),
    ({"form": "keyed", "id": "id"}, {"code": 0, "datum": {"1": {"n": 1}}}),
    ({"form": "single"}, {"code": 0, "datum": {"n": 1}}),
    ({"form": "one-or-many"}, {"code": 0, "datum": [{"n": 1}]}),
    ({}, {"code": 0, "a": {"b": {"c": {"d": [{"n": 1}]}}}}),
]


@pytest.mark.parametrize(("form", "answer"), ELSEWHERE)
def test_records_of_any_form_under_another_name_are_found(agency: Any, form: Any, answer: Any) -> None:
    """A mistyped path never makes a run of nothing where there is something."""
    records = Records(path="data", absent={"code": ("0",)}, **form)
    with pytest.raises(ProtocolViolation, match="nothing at 'data', but"):
        read(agency, answer, records=records)
    assert read(agency, {"code": 0, "_links": {"self": {"href": "/"}}}, records=records) == []


ODD = st.text(st.sampled_from([*"ab.[]'\"\\$@*0", "ạ"]), max_size=5)


@given(st.lists(ODD, min_size=1, max_size=3), st.integers(1, 40))
def test_any_names_lead_to_the_list_whole_or_in_pieces(parts: list[str], size: int) -> None:
    """However the members around a list are called, the path that names them finds it, streamed too."""
    path, answer = joined(parts), cast("Any", ROWS)
    for part in reversed(parts):
        answer = {"x": [1], part: answer} if part != "x" else {part: answer}
    assert at(answer, path) == ROWS
    data = json.dumps(answer, ensure_ascii=False).encode()
    reader = JsonList(path, 1 << 16, where="x")
    found = [one for start in range(0, len(data), size) for one in reader.feed(data[start : start + size])]
    assert [*found, *reader.close()] == ROWS
    template = {"k": "$" + joined(["record", *parts])}
    assert fill(template, {"record": answer}) == {"k": ROWS}


def test_a_total_of_none_explains_that_the_list_is_not_there(agency: Any) -> None:
    """Without any setting: a service that says total 0 and leaves the list out has no records."""
    paging = PagePaging(size=50, total_path="total")
    assert read(agency, {"total": 0}, records="data", paging=paging) == []
    with pytest.raises(ProtocolViolation, match="nothing at 'data'"):
        read(agency, {"total": 3}, records="data", paging=paging)
    with pytest.raises(ProtocolViolation, match="but a list at 'items'"):
        read(agency, {"total": 0, "items": ROWS}, records="data", paging=paging)


def test_a_later_page_may_leave_the_list_out(agency: Any) -> None:
    """The last page of OffsetPaging without a total: 57 records were read, then the run failed."""
    rows = [{"resource": {"id": n}} for n in range(7)]

    def answer(asked: Any) -> bytes:
        start = int(asked.query["offset"])
        part = rows[start : start + 3]
        return bytes(agency.response({**BUNDLE, "entry": part} if part else BUNDLE))

    agency.default = answer
    source = RestSource(path="list", records=FHIR, paging=OffsetPaging(size=3))
    assert agency.ids(agency.read(source)) == list(range(7))


def test_a_text_that_cannot_be_read_is_judged_by_its_envelope_first(agency: Any) -> None:
    """An error's text in place of the data is the agency's refusal, not broken JSON."""
    records = Records(path="data", texts=("data",))
    envelope = Envelope(code_path="code")
    with pytest.raises(RequestRejected, match="code '5'"):
        read(agency, {"code": 5, "data": "lỗi"}, records=records, envelope=envelope)
    with pytest.raises(ProtocolViolation, match="the text at 'data'"):
        read(agency, {"code": 0, "data": "[1"}, records=records, envelope=envelope)
    with pytest.raises(ProtocolViolation, match="the text at 'data'"):
        read(agency, {"code": 0, "data": '[{"a":1,"a":2}]'}, records=records, envelope=envelope)
    assert read(agency, {"code": 0, "data": ""}, records=records, envelope=envelope) == []


BAD: list[dict[str, Any]] = [
    {"records": "a[*].b[*].c"},
    {"records": "a..b"},
    {"records": "a[*].b", "format": "xml"},
    {"records": Records(path="a", form="keyed", id="id"), "stream": True},
    {"records": Records(path="a", texts=("a",)), "stream": True},
    {"records": Records(path="a"), "format": "ndjson"},
    {"records": "", "format": "xml"},
]


@pytest.mark.parametrize("settings", BAD)
def test_settings_that_cannot_hold_are_refused_as_the_file_is_parsed(settings: dict[str, Any]) -> None:
    """Nothing of this is found out at night."""
    with pytest.raises(InvalidExchange):
        RestSource(path="x", **settings)


@pytest.mark.parametrize(
    "records",
    [
        {"form": "keyed"},
        {"id": "id"},
        {"form": "rows"},
        {"form": "rows", "columns": "c", "names": ("a",)},
        {"form": "rows", "names": ("a", "a")},
        {"form": "table"},
        {"path": "a[*].b", "form": "single"},
        {"path": "a", "beside": ("b",)},
        {"texts": ("a..b",)},
        {"value": "v"},
        {"names": ("a",)},
    ],
)
def test_forms_that_contradict_themselves_are_refused(records: dict[str, Any]) -> None:
    """Each option belongs to its form."""
    with pytest.raises(InvalidExchange):
        Records(**records)


def graphql(agency: Any, rows: list[Any]) -> Any:
    """Answer as a Relay server: cursors in ``variables``, whose types are checked."""

    def answer(asked: Any) -> bytes:
        body = asked.json()
        variables = body["variables"]
        assert body["query"] == "query($after: String, $first: Int)"
        assert type(variables["first"]) is int
        start = int(variables.get("after") or 0)
        part = rows[start : start + variables["first"]]
        edges = [{"node": row, "cursor": str(start + n + 1)} for n, row in enumerate(part)]
        return bytes(agency.response({"data": {"items": {"edges": edges, "state": variables.get("state")}}}))

    return answer


def test_parameters_go_to_any_place_of_a_body(agency: Any) -> None:
    """GraphQL variables: they went to the top, under the name ``variables.after``."""
    rows = [{"id": n} for n in range(7)]
    agency.default = graphql(agency, rows)
    source = RestSource(
        path="graphql",
        method="POST",
        body={"query": "query($after: String, $first: Int)", "variables": {"state": "open"}},
        params_in="body",
        records="data.items.edges[*].node",
        paging=KeysetPaging(
            key="cursor", key_param="variables.after", size_param="variables.first", size=3, unique=True
        ),
    )
    assert agency.ids(agency.read(source)) == list(range(7))
    assert [asked.json()["variables"] for asked in agency.asked] == [
        {"state": "open", "first": 3},
        {"state": "open", "first": 3, "after": "3"},
        {"state": "open", "first": 3, "after": "6"},
        {"state": "open", "first": 3, "after": "7"},
    ]


def test_lists_and_numbers_keep_their_types_in_a_body(agency: Any) -> None:
    """Elasticsearch's ``search_after`` is the list that the last hit sorts by, numbers as numbers."""
    rows = [{"_id": str(n), "_source": {"n": n}, "sort": [n, f"k{n}"]} for n in range(5)]

    def answer(asked: Any) -> bytes:
        after, size = asked.json().get("search_after"), asked.json()["size"]
        assert after is None or (type(after[0]) is int and isinstance(after[1], str))
        start = 0 if after is None else after[0] + 1
        return bytes(agency.response({"hits": {"hits": rows[start : start + size]}}))

    agency.default = answer
    source = RestSource(
        path="items/_search",
        method="POST",
        body={"sort": ["n", "k"]},
        params_in="body",
        records=Records(path="hits.hits[*]._source", beside=("_id",)),
        paging=KeysetPaging(key="sort", key_param="search_after", size_param="size", size=2, unique=True),
    )
    found = [record for page in agency.read(source) for record in page.records]
    assert found == [{"_id": str(n), "n": n} for n in range(5)]


def test_a_cursor_that_is_a_number_goes_back_as_one(agency: Any) -> None:
    """Into a body in its own type, 0 too; a name that holds dots is quoted in paths of paging as well."""
    pages = {None: ([0, 1], 0), 0: ([2, 3], 7), 7: ([4], None)}

    def answer(asked: Any) -> bytes:
        rows, following = pages[asked.json().get("page", {}).get("after")]
        return bytes(agency.response({"rows": [{"id": n} for n in rows], "@page.next": following}))

    agency.default = answer
    paging = CursorPaging(cursor_path="['@page.next']", cursor_param="page.after")
    source = RestSource(path="q", method="POST", params_in="body", records="rows", paging=paging)
    assert agency.ids(agency.read(source)) == [0, 1, 2, 3, 4]


PLACES: list[tuple[dict[str, Any], dict[str, str], Any]] = [
    ({"params_in": "body", "body": {"x": 1}}, {}, {"x": 1, "p": {"page": 1, "size": 2}}),
    ({"params_in": "body"}, {}, {"p": {"page": 1, "size": 2}}),
    ({"params_in": "body", "body": {"p": {"page": 9, "k": 1}}}, {}, {"p": {"page": 1, "k": 1, "size": 2}}),
    ({"body": {"x": 1}}, {"p.page": "1", "p.size": "2"}, {"x": 1}),
]


@pytest.mark.parametrize(("settings", "query", "body"), PLACES)
def test_a_parameter_goes_where_the_settings_say(
    agency: Any, settings: dict[str, Any], query: dict[str, str], body: Any
) -> None:
    """By path in a body, made on the way, beside what is there; by name in an address."""
    agency.default = agency.response({"data": []})
    paging = PagePaging(page_param="p.page", size_param="p.size", size=2)
    agency.read(RestSource(path="s", method="POST", records="data", paging=paging, **settings))
    assert (agency.asked[0].query, agency.asked[0].json()) == (query, body)


def test_a_parameter_may_say_its_place_itself(agency: Any) -> None:
    """Page numbers in the address and the filter in the body, or a header, of one request."""
    agency.default = agency.response({"data": []})
    source = RestSource(
        path="search",
        method="POST",
        body={"filters": [{"field": "day", "value": ""}]},
        records="data",
        paging=PagePaging(page_param="query:page", size_param="header:X-Size", size=7),
        params_in="body",
        since={"filters.0.value": "{since}", "query:active": "yes"},
    )
    agency.read(source, ReadRequest(since="2026-01-01"))
    (asked,) = agency.asked
    assert asked.query == {"page": "1", "active": "yes"}
    assert asked.headers["x-size"] == "7"
    assert asked.json() == {"filters": [{"field": "day", "value": "2026-01-01"}]}


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"paging": PagePaging(page_param="body:page")}, InvalidExchange),
        ({"since": {"body:since": "{since}"}, "method": "POST", "params_in": "form"}, InvalidExchange),
    ],
)
def test_a_body_needs_a_request_that_has_one(settings: dict[str, Any], kind: type[LienThongError]) -> None:
    """GET has no body, a form no places."""
    with pytest.raises(kind, match="params_in"):
        RestSource(path="x", **settings)
