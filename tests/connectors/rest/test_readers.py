"""A list that arrives in pieces is the list that arrives whole: exact, or refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from fuzz_json import difference
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation, Unavailable
from lienthong_connectors.rest.decode import decode
from lienthong_connectors.rest.json_list import JsonList
from lienthong_connectors.rest.ndjson import NdjsonLines
from lienthong_connectors.rest.paths import MISSING
from lienthong_connectors.rest.xml_list import XmlRecords

MEGABYTE = 1 << 20


def taken(reader: Any, body: bytes, size: int) -> list[Any]:
    """What a reader gives of a body that arrives in pieces; malformed pieces as their bytes."""
    elements = [e for start in range(0, len(body), size) for e in reader.feed(body[start : start + size])]
    elements += reader.close()
    return [element.data if isinstance(element, Malformed) else element for element in elements]


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)
records = st.lists(
    st.dictionaries(st.sampled_from(["id", 'a"b', "\\", "x"]), values, max_size=4), max_size=12
)


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_any_answer_in_any_pieces_is_read_as_others_read_it(first: int) -> None:
    """The standard parser and ijson read the same: numbers, names, texts, nesting, any border of pieces.

    `make test-field` reads many more.
    """
    assert not [told for seed in range(first, first + 100) if (told := difference(seed))]


NUMBERS: list[tuple[str, Any]] = [
    ("12345678901234567.89", Decimal("12345678901234567.89")),
    ("0.1234567890123456789", Decimal("0.1234567890123456789")),
    ("9007199254740993e0", Decimal("9007199254740993")),
    ("9007199254740993.0", Decimal("9007199254740993")),
    ("1e-400", Decimal("1e-400")),
    ("0.30000000000000004", 0.30000000000000004),
    ("1.50", 1.5),
    ("100000000000000000000000.0", 1e23),
    ("1767229200000000", 1767229200000000),
    ("-9223372036854775809", -9223372036854775809),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_no_digit_of_a_number_is_lost(text: str, value: Any) -> None:
    """Fractions were rounded to a double without a word."""
    for body in (f'{{"a": {text} }}', f'{{"a":{text}}}', f'{{ "a" : [ {text} ] }}'):
        found = decode(body.encode()).value["a"]
        found = found[0] if isinstance(found, list) else found
        assert found == value and type(found) is type(value)


@settings(max_examples=60, deadline=None)
@given(records, st.dictionaries(st.text(max_size=3), values), st.integers(1, 50), st.sampled_from([None, 1]))
def test_json_in_pieces_is_the_json_that_was_written(
    rows: list[Any], around: dict[str, Any], size: int, indent: int | None
) -> None:
    """Wherever the pieces are cut, whatever strings and nesting hold, and whatever stands around."""
    document = {**around, "data": {**around, "list": rows}, "after": around}
    body = json.dumps(document, indent=indent, ensure_ascii=indent is None).encode("utf-8", "surrogatepass")
    reader = JsonList("data.list", MEGABYTE, where="")
    assert taken(reader, body, size) == rows
    document["data"] = {**around, "list": []}
    assert reader.frame() == document


@settings(max_examples=60, deadline=None)
@given(st.lists(values, max_size=9), st.integers(1, 40))
def test_elements_that_are_no_objects_keep_their_places(rows: list[Any], size: int) -> None:
    found = taken(JsonList("", MEGABYTE, where=""), json.dumps(rows).encode(), size)
    assert len(found) == len(rows)
    for element, row in zip(found, rows, strict=True):
        assert element == row if isinstance(row, dict) else json.loads(element) == row


@pytest.mark.parametrize("size", [1, 3, 1 << 16])
def test_many_records_with_lists_of_alike_objects_inside_are_parted_rightly(size: int) -> None:
    """What parts the inner objects looks exactly like what parts the records."""
    rows = [{"id": n, "kids": [{"id": k, "t": '"},{"id":1'} for k in range(n % 5)]} for n in range(400)]
    body = json.dumps(rows, separators=(",", ":")).encode()
    assert taken(JsonList("", MEGABYTE, where=""), body, size) == rows


WRONG = [
    b'[{"id":1},]',
    b'[,{"id":1}]',
    b'[{"id":1},,{"id":2}]',
    b'[{"id":1}{"id":2}]',
    b'[{"id":1}',
    b'[{"id":1},',
    b'[{"id":1}] x',
    b'[{"id":1}}',
    b'[{"id":[1}]',
    b'[{"id":[1}]}]',
    b'[{"id":NaN} x]',
    b'[{"id":NaN},7]',
    b'[7{"id":NaN}]',
    b'[{"id":1,"id":2},"]',
    b"",
    b"<html></html>",
    b'{"data":1}[{"id":1}]',
]


ODD = [
    b'{"id":NaN}',
    b'{"id":1e999}',
    b'{"id":"\\ud800"}',
    b'{"id":"\xff"}',
    b'{"id":1,"id":2}',
    b'{"id":"a,]}","id":2}',
    b'{"id":' + b"[" * 3000 + b"]" * 3000 + b"}",
    b'{"id":' + b"[" * 300 + b"]" * 300 + b"}",
]


@pytest.mark.parametrize("size", [1, 64, 1 << 16])
@pytest.mark.parametrize("odd", ODD)
def test_one_odd_element_is_set_aside_and_the_others_are_read(odd: bytes, size: int) -> None:
    """Its brackets are whole, so it is sure where it ends: what is wrong inside is nobody else's concern."""
    with pytest.raises(ProtocolViolation):
        decode(odd)
    body = b'{"data": [{"id":"a"}, ' + odd + b' ,{"id":"b"}], "total": 3}'
    reader = JsonList("data", MEGABYTE, where="")
    assert taken(reader, body, size) == [{"id": "a"}, odd, {"id": "b"}]
    assert reader.frame()["total"] == 3
    assert taken(JsonList("", MEGABYTE, where=""), b"[" + odd + b"]", size) == [odd]


@pytest.mark.parametrize("size", [777, 1 << 16])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_element_larger_than_the_limit_is_set_aside_in_bounded_memory(place: int, size: int) -> None:
    """Its beginning, size and digest are kept; what follows it is read."""
    rows: list[Any] = [{"id": n, "x": "y" * 50} for n in range(2)]
    rows.insert(place, {"id": 9, "x": '\\"],[{' * 40_000})
    reader = JsonList("data", 1 << 16, where="")
    found = taken(reader, json.dumps({"data": rows, "total": 3}).encode(), size)
    small = [row for row in rows if row["id"] != 9]
    assert [item for item in found if isinstance(item, dict)] == small
    (large,) = (item for item in found if not isinstance(item, dict))
    assert found.index(large) == place and large.startswith(b'{"id": 9') and len(large) < 70_000
    assert reader.frame()["total"] == 3


@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize("body", WRONG)
def test_what_is_not_exact_json_is_refused_in_pieces_too(body: bytes, size: int) -> None:
    """The same list of horrors as for whole answers, and those that only cutting could let through."""
    with pytest.raises(ProtocolViolation):
        decode(body)
    with pytest.raises(ProtocolViolation):
        taken(JsonList("", MEGABYTE, where=""), body, size)


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[{"id":1}],"data":[{"id":2}]}',
        b'{"a":1,"data":[{"id":1}],"a":2}',
        b'{"data":[{"id":1}]}}',
        b'{"data":[{"id":1}}}',
        b'{"data":[{"id":1}]',
        b'{"data":{"x":[]}}',
        b'{"other":[{"id":1}]}',
        b'[{"data":[{"id":1}]}]',
        b'{"x":{"data":[{"id":1}]}}',
    ],
)
def test_what_stands_around_the_list_is_checked_to_the_end(body: bytes) -> None:
    """A second list, a name twice, a bracket too many or too few, a list elsewhere."""
    for size in (1, 4096):
        with pytest.raises(ProtocolViolation):
            taken(JsonList("data", MEGABYTE, where=""), body, size)


def test_null_in_place_of_the_list_is_an_empty_one() -> None:
    reader = JsonList("r.data", MEGABYTE, where="")
    assert taken(reader, b'{"r":{"data":null},"code":0}', 5) == []
    assert reader.frame()["code"] == 0


def test_a_name_that_holds_a_dot_is_found() -> None:
    assert taken(JsonList("a.b", MEGABYTE, where=""), b'{"a":{"c":[]},"a.b":[{"id":1}]}', 3) == [{"id": 1}]


def test_what_stands_before_the_list_is_known_when_it_begins() -> None:
    reader = JsonList("r.data", MEGABYTE, where="")
    assert reader.opening() is MISSING
    reader.feed(b'{"code":"99","r":{"n":1,"data":[{"id":1},')
    assert reader.opening() == {"code": "99", "r": {"n": 1, "data": []}}


def test_integers_keep_all_their_digits_and_a_byte_order_mark_is_passed_over() -> None:
    body = b'\xef\xbb\xbf[{"a":123456789012345678901234567890},{"a":9007199254740993}]'
    assert taken(JsonList("", MEGABYTE, where=""), body, 2) == [
        {"a": 123456789012345678901234567890},
        {"a": 9007199254740993},
    ]


@pytest.mark.parametrize("start", [b'[{"id":"', b'[{"id":1}, ', b'{"x":"', b'{"data":[],"y":"'])
def test_an_element_or_surroundings_without_end_are_refused_in_bounded_memory(start: bytes) -> None:
    reader = JsonList("data" if start[:1] == b"{" else "", MEGABYTE // 16, where="")
    reader.feed(start)
    with pytest.raises(ProtocolViolation, match="more than"):
        taken(reader, bytes(3 * MEGABYTE).replace(b"\0", b" "), MEGABYTE // 16)


def test_the_mark_does_not_depend_on_how_the_answer_was_cut() -> None:
    body = json.dumps([{"id": n, "x": "y" * 90} for n in range(3000)]).encode()
    marks = set()
    for size in (777, 1 << 14, 1 << 18):
        reader = JsonList("", MEGABYTE, where="")
        taken(reader, body, size)
        marks.add(reader.mark)
    assert len(marks) == 1


# --- newline-delimited JSON


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=4), values, max_size=3), max_size=8), st.integers(1, 30))
def test_lines_in_pieces_are_the_lines_that_were_written(rows: list[Any], size: int) -> None:
    for end in ("\n", "\r\n", "\n\n \r\n"):
        body = "".join(json.dumps(row) + end for row in rows).encode()
        assert taken(NdjsonLines(MEGABYTE, where=""), body, size) == rows
        assert taken(NdjsonLines(MEGABYTE, where=""), body.removesuffix(end.encode()), size) == rows


@pytest.mark.parametrize("size", [1, 1000])
def test_a_bad_line_is_malformed_and_the_others_are_read(size: int) -> None:
    lines = [b'{"id":1}', b'{"id":1,"id":2}', b"xyz", b"7", b'{"id":NaN}', b'{"a":1} {"b":2}', b'{"id":2}']
    found = taken(NdjsonLines(MEGABYTE, where=""), b"\n".join(lines) + b"\n", size)
    assert found == [{"id": 1}, *lines[1:-1], {"id": 2}]


@pytest.mark.parametrize("last", [b'{"id":', b'{"id":"x', b'{"id":1}}', b"tru"])
def test_a_last_line_without_its_end_is_a_cut_answer(last: bytes) -> None:
    """Not a malformed record: the records behind it are missing, too."""
    with pytest.raises(Unavailable, match="cut"):
        taken(NdjsonLines(MEGABYTE, where=""), b'{"id":1}\n' + last, 4)


def test_a_line_without_end_is_refused_in_bounded_memory() -> None:
    reader = NdjsonLines(MEGABYTE, where="")
    with pytest.raises(ProtocolViolation, match="longer than"):
        taken(reader, b"x" * (2 * MEGABYTE), MEGABYTE // 16)


@pytest.mark.parametrize("size", [999, 1 << 16])
def test_a_line_that_is_too_long_is_set_aside_and_the_others_are_read(size: int) -> None:
    lines = [b'{"id":1}', b'{"id":2,"x":"' + b"y" * 300_000 + b'"}', b'{"id":3}']
    found = taken(NdjsonLines(1 << 16, where=""), b"\n".join(lines) + b"\n", size)
    assert [found[0], found[2]] == [{"id": 1}, {"id": 3}]
    assert found[1].startswith(b'{"id":2,"x":"y') and len(found[1]) < 70_000


# --- XML


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_an_elements_children_are_the_record_and_the_rest_is_the_frame(size: int) -> None:
    body = (
        '<?xml version="1.0"?><KQ xmlns="urn:x" ma="00"><Tong>2</Tong><DS><Dong><Ten>Nguyễn &amp; Văn</Ten>'
        "<So>1</So><So>2</So></Dong><Dong><Ten>B</Ten><So>3</So></Dong></DS><Sau>abc</Sau></KQ>"
    ).encode()
    reader = XmlRecords("KQ.DS.Dong", ("So",), MEGABYTE, "", where="")
    found = taken(reader, body, size)
    assert found == [{"Ten": "Nguyễn & Văn", "So": ["1", "2"]}, {"Ten": "B", "So": ["3"]}]
    assert reader.frame() == {"ma": "00", "Tong": "2", "DS": {}, "Sau": "abc"}


@pytest.mark.parametrize("body", [b"<a><b>1</b>", b"<a><b></a>", b"", b"<!DOCTYPE a><a><b>1</b></a>", b"{}"])
def test_xml_that_is_cut_broken_or_dangerous_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        taken(XmlRecords("a.b", (), MEGABYTE, "", where=""), body, 3)
