"""Every rule of a mapping: what it makes, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lienthong.errors import InvalidExchange, Refused
from lienthong.mapping import CompiledMapping

Build = Callable[..., CompiledMapping]
SECRET = "Bí mật 9f3a"
ISO = {"from": "iso", "to": "yyyyMMddHHmmss"}
NO_DATE = "0000-00-00T00:00:00.000+0700"


def made(mapping: CompiledMapping, **record: Any) -> dict[str, Any]:
    """Return what a mapping makes beside the key."""
    found = mapping.apply({"id": "1", "name": "n", **record})
    assert found.pop("ma") == "1"
    return found


GOOD: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"to": "ten", "from": "name"}, {"name": "x"}, {"ten": "x"}),
    ({"to": "ten", "from": "day"}, {}, {}),
    ({"to": "ten", "from": "day"}, {"day": None}, {}),
    ({"to": "ten", "from": "day", "default": "?"}, {}, {"ten": "?"}),
    ({"to": "ten", "from": "day", "default": "?"}, {"day": "x"}, {"ten": "x"}),
    ({"to": "ten", "constant": "H21"}, {}, {"ten": "H21"}),
    ({"to": "ten", "from": "home.ward"}, {"home": {"ward": "w"}}, {"ten": "w"}),
    ({"to": "ten", "from": "home.ward"}, {"home": None}, {}),
    ({"to": "ten", "from": "home.deep.x"}, {"home": {"deep": {"x": "w"}}}, {"ten": "w"}),
    ({"to": "ho.Ten", "from": "name"}, {"name": "x"}, {"ho": {"Ten": "x"}}),
    ({"to": "kieu", "from": "number", "codes": "a.to.b"}, {"number": 1}, {"kieu": "A"}),
    ({"to": "kieu", "from": "done", "codes": "a.to.b"}, {"done": True}, {"kieu": "A"}),
    ({"to": "kieu", "from": "name", "codes": "a.to.b", "otherwise": "B"}, {"name": "?"}, {"kieu": "B"}),
    ({"to": "kieu", "from": "day", "codes": "a.to.b", "default": "B"}, {"day": ""}, {"kieu": "B"}),
    (
        {"to": "ngay", "from": "day", "date": ISO},
        {"day": "2025-08-12T07:30:00.000+0700"},
        {"ngay": "20250812073000"},
    ),
    ({"to": "ngay", "from": "day", "date": ISO}, {"day": "2025-08-12T00:30:00Z"}, {"ngay": "20250812073000"}),
    ({"to": "ngay", "from": "day", "date": ISO}, {"day": "2025-08-12T07:30:00"}, {"ngay": "20250812073000"}),
    ({"to": "ngay", "from": "day", "date": ISO}, {"day": NO_DATE}, {}),
    ({"to": "ngay", "from": "day", "date": {**ISO, "none": ["-"]}}, {"day": "-"}, {}),
    (
        {"to": "ngay", "from": "day", "date": {**ISO, "zone": "UTC"}},
        {"day": "2025-08-12T07:30:00+07:00"},
        {"ngay": "20250812003000"},
    ),
    (
        {"to": "ngay", "from": "day", "date": {"from": ["dd/MM/yyyy", "yyyy"], "to": ["yyyyMMdd", "yyyy"]}},
        {"day": "31/12/1990"},
        {"ngay": "19901231"},
    ),
    (
        {"to": "ngay", "from": "day", "date": {"from": ["dd/MM/yyyy", "yyyy"], "to": ["yyyyMMdd", "yyyy"]}},
        {"day": "1990"},
        {"ngay": "1990"},
    ),
    (
        {"to": "ngay", "from": "day", "date": {"from": "yyyyMMdd", "to": "iso"}},
        {"day": "19901231"},
        {"ngay": "1990-12-31T00:00:00"},
    ),
    (
        {"to": "so", "from": "day", "date": {"from": "iso", "to": "epoch-ms"}},
        {"day": "1970-01-01T07:00:01+07:00"},
        {"so": 1000},
    ),
    (
        {"to": "ngay", "from": "number", "date": {"from": "epoch-ms", "to": "yyyy-MM-dd HH:mm:ss.SSS"}},
        {"number": 1001},
        {"ngay": "1970-01-01 07:00:01.001"},
    ),
    (
        {"to": "ten", "from": "name", "text": ["nfc", "spaces", "upper"]},
        {"name": "  nguye\u0302\u0303n  va\u0306n\tđa\u0323t "},
        {"ten": "NGUYỄN VĂN ĐẠT"},
    ),
    ({"to": "ten", "from": "name", "text": ["trim", "lower"]}, {"name": " ĐÀ "}, {"ten": "đà"}),
    ({"to": "ten", "from": "name", "text": ["digits"]}, {"name": "012-34 ٣"}, {"ten": "01234"}),
    ({"to": "ten", "join": ["name", "home.ward", "number"], "with": ", "}, {"number": 3}, {"ten": "n, 3"}),
    ({"to": "ten", "join": ["day", "home.ward"]}, {"day": ""}, {}),
    ({"to": "ten", "from": "name", "split": {"by": "-", "part": -1}}, {"name": "a-b-c"}, {"ten": "c"}),
    (
        {"to": {"Ho": "ho.Ho", "ChuDem": "ho.ChuDem", "Ten": "ho.Ten"}, "from": "name", "split": "name"},
        {"name": "Nguyễn Thị Hồng Ánh"},
        {"ho": {"Ho": "Nguyễn", "ChuDem": "Thị Hồng", "Ten": "Ánh"}},
    ),
    (
        {"to": {"Ho": "ho.Ho", "Ten": "ho.Ten"}, "from": "name", "split": "name"},
        {"name": "Ánh"},
        {"ho": {"Ten": "Ánh"}},
    ),
    ({"to": "ten", "from": "number", "as": "text"}, {"number": 0}, {"ten": "0"}),
    ({"to": "ten", "from": "price", "as": "text"}, {"price": 8000.0}, {"ten": "8000"}),
    ({"to": "ten", "from": "price", "as": "text"}, {"price": 0.5}, {"ten": "0.5"}),
    ({"to": "so", "from": "name", "as": "integer"}, {"name": "042"}, {"so": 42}),
    ({"to": "gia", "from": "name", "as": "number"}, {"name": "4.5"}, {"gia": 4.5}),
    ({"to": "gia", "from": "name", "as": "number"}, {"name": "4.0"}, {"gia": 4}),
    ({"to": "gia", "from": "name", "as": "number"}, {"name": " 0.1 "}, {"gia": 0.1}),
    ({"to": "so", "from": "name", "as": "integer"}, {"name": "9007199254740991"}, {"so": 9007199254740991}),
    (
        {"to": "ten", "from": "name", "as": "decimal"},
        {"name": "012345678901234567.890"},
        {"ten": "12345678901234567.89"},
    ),
    ({"to": "ten", "from": "price", "as": "decimal"}, {"price": 1e-7}, {"ten": "0.0000001"}),
    ({"to": "ten", "from": "number", "as": "decimal"}, {"number": 5}, {"ten": "5"}),
    ({"to": "xong", "from": "name", "as": "boolean"}, {"name": "True"}, {"xong": True}),
    ({"to": "ten", "from": "done", "as": "True/False"}, {"done": False}, {"ten": "False"}),
    ({"to": "ten", "from": "done", "as": "1/0"}, {"done": True}, {"ten": "1"}),
    ({"to": "ten", "from": "name", "call": "smallschemas.functions:shout"}, {"name": "x"}, {"ten": "X"}),
    ({"to": "ten", "from": ["id", "name"], "call": "smallschemas.functions:both"}, {}, {"ten": "1-n"}),
    (
        {"to": "ten", "call": "smallschemas.functions:record", "declassified": "uses id and name only"},
        {"name": "x"},
        {"ten": "1x"},
    ),
    ({"to": "ten", "constant": "y", "when": {"field": "number", "is": 2}}, {"number": 2}, {"ten": "y"}),
    ({"to": "ten", "constant": "y", "when": {"field": "number", "is": 2}}, {"number": 3}, {}),
    ({"to": "ten", "constant": "y", "when": {"field": "number", "in": [1, 2]}}, {"number": 2}, {"ten": "y"}),
    ({"to": "ten", "constant": "y", "when": {"field": "number", "not": 2}}, {"number": 2}, {}),
    ({"to": "ten", "constant": "y", "when": {"field": "done", "is": True}}, {"done": True}, {"ten": "y"}),
    ({"to": "ten", "constant": "y", "when": {"field": "day", "present": True}}, {"day": ""}, {}),
    ({"to": "ten", "constant": "y", "when": {"field": "day", "present": False}}, {}, {"ten": "y"}),
    (
        {"to": "ten", "constant": "y", "when": [{"field": "number", "is": 2}, {"field": "done", "is": True}]},
        {"number": 2, "done": False},
        {},
    ),
    (
        {
            "to": "giay",
            "from": "papers",
            "each": [
                {"to": "ten", "from": "title"},
                {"to": "so", "from": "count"},
                {"to": "ma", "from": "$.id"},
            ],
        },
        {"papers": [{"title": "a", "count": 1}, {"title": "b"}]},
        {"giay": [{"ten": "a", "so": 1, "ma": "1"}, {"ten": "b", "ma": "1"}]},
    ),
    (
        {"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "title"}]},
        {"papers": []},
        {"giay": []},
    ),
    ({"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "title"}]}, {}, {}),
    ({"to": "rieng", "from": "secret"}, {"secret": "x"}, {"rieng": "x"}),
    ({"drop": ["secret", "home.ward"], "note": "not needed"}, {"secret": "x"}, {}),
]


@pytest.mark.parametrize(("rule", "record", "result"), GOOD)
def test_a_rule_makes_what_it_says(
    build: Build, rule: Any, record: dict[str, Any], result: dict[str, Any]
) -> None:
    """Each rule, with values that are there, absent, null and empty."""
    assert made(build(rule), **record) == result


BAD: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"to": "kieu", "from": "name", "codes": "a.to.b"}, {"name": SECRET}, "mapping.codes", "/name"),
    (
        {"to": "kieu", "from": "home.ward", "codes": "a.to.b"},
        {"home": {"ward": SECRET}},
        "mapping.codes",
        "/home/ward",
    ),
    ({"to": "ngay", "from": "day", "date": ISO}, {"day": SECRET}, "mapping.date", "/day"),
    ({"to": "ngay", "from": "day", "date": ISO}, {"day": "2025-02-30T00:00:00Z"}, "mapping.date", "/day"),
    ({"to": "ten", "from": "name", "text": ["upper"]}, {"name": [SECRET]}, "mapping.text", "/name"),
    (
        {"to": "ten", "from": "name", "split": {"by": "-", "part": 1}},
        {"name": SECRET},
        "mapping.split",
        "/name",
    ),
    ({"to": {"Ten": "ho.Ten"}, "from": "name", "split": "name"}, {"name": " "}, "mapping.split", "/name"),
    ({"to": {"Ten": "ho.Ten"}, "from": "name", "split": "name"}, {"name": [SECRET]}, "mapping.text", "/name"),
    ({"to": "so", "from": "name", "as": "integer"}, {"name": SECRET}, "mapping.as", "/name"),
    ({"to": "so", "from": "price", "as": "integer"}, {"price": 1.5}, "mapping.as", "/price"),
    ({"to": "gia", "from": "name", "as": "number"}, {"name": SECRET}, "mapping.as", "/name"),
    *(
        ({"to": to, "from": "name", "as": kind}, {"name": text}, "mapping.as", "/name")
        for to, kind in (("so", "integer"), ("gia", "number"), ("ten", "decimal"))
        for text in ("1_000", "١٢", "１２", "NaN", "inf", "0x1F", "1,5", "1 0")
    ),
    ({"to": "gia", "from": "name", "as": "number"}, {"name": "12345678901234567.89"}, "mapping.as", "/name"),
    ({"to": "gia", "from": "name", "as": "number"}, {"name": "9007199254740993"}, "mapping.as", "/name"),
    ({"to": "gia", "from": "name", "as": "number"}, {"name": "1e400"}, "mapping.as", "/name"),
    ({"to": "so", "from": "name", "as": "integer"}, {"name": "5.0"}, "mapping.as", "/name"),
    ({"to": "ten", "from": "done", "as": "decimal"}, {"done": True}, "mapping.as", "/done"),
    ({"to": "xong", "from": "name", "as": "boolean"}, {"name": SECRET}, "mapping.as", "/name"),
    ({"to": "ten", "from": "name", "as": "text"}, {"name": [SECRET]}, "mapping.as", "/name"),
    (
        {"to": "ten", "from": "name", "call": "smallschemas.functions:shout"},
        {"name": [SECRET]},
        "mapping.call",
        "/name",
    ),
    (
        {"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "title"}]},
        {"papers": SECRET},
        "mapping.each",
        "/papers",
    ),
    (
        {"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "title"}]},
        {"papers": [SECRET]},
        "mapping.each",
        "/papers/0",
    ),
    (
        {"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "title", "text": ["upper"]}]},
        {"papers": [{"title": "a"}, {"title": [SECRET]}]},
        "mapping.text",
        "/papers/1/title",
    ),
    (
        {"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "title"}]},
        {"papers": [{"count": 1}]},
        "mapping.required",
        "/papers/0",
    ),
]


@pytest.mark.parametrize(("rule", "record", "name", "path"), BAD)
def test_a_rule_that_cannot_be_followed_refuses_the_record(
    build: Build, rule: Any, record: dict[str, Any], name: str, path: str
) -> None:
    """The reason names the rule and the place, in both languages, and never the value."""
    mapping = build(rule)
    record = {"id": "1", "name": "n", **record}
    with pytest.raises(Refused) as caught:
        mapping.apply(record)
    (reason,) = caught.value.reasons
    assert (reason.rule, reason.path) == (name, path)
    told = json.dumps(reason.as_dict(), ensure_ascii=False) + str(caught.value)
    assert "9f3a" not in told
    assert reason.vi.startswith("Quy tắc ")
    assert mapping.apply_many([json.dumps(record).encode()]) == ([], [(0, (reason,))])


def test_all_failing_rules_are_told_at_once(build: Build) -> None:
    """A steward repairs a record once: every failing rule gives its reason."""
    mapping = build(
        {"to": "so", "from": "day", "as": "integer"},
        {"to": "ngay", "from": "day", "date": ISO},
        {"to": "ten", "from": "name"},
    )
    with pytest.raises(Refused) as caught:
        mapping.apply({"id": "1", "name": "n", "day": SECRET})
    assert [reason.en.split(":")[0] for reason in caught.value.reasons] == ["rule 2 (so)", "rule 3 (ngay)"]


def test_a_required_field_without_value_refuses_the_record(build: Build) -> None:
    """The target's required fields are looked for in every record."""
    with pytest.raises(Refused) as caught:
        build().apply({"name": "n"})
    assert [(reason.rule, reason.path) for reason in caught.value.reasons] == [("mapping.required", "")]
    assert "ma" in caught.value.reasons[0].en


def test_a_required_field_that_may_be_null_becomes_null(build: Build) -> None:
    """Nothing becomes null where the target requires the field and allows null."""
    mapping = build({"to": "ngay", "from": "day", "date": ISO}, to="small.target/2")
    assert mapping.apply({"id": "1", "name": "n"}) == {"ma": "1", "ngay": None}
    assert mapping.apply({"id": "1", "name": "n", "day": NO_DATE}) == {"ma": "1", "ngay": None}


def test_a_later_rule_with_a_condition_overrides(build: Build) -> None:
    """Rules run in order; a conditional one may replace what an earlier one made."""
    mapping = build(
        {"to": "ten", "from": "name"}, {"to": "ten", "constant": "!", "when": {"field": "done", "is": True}}
    )
    assert made(mapping, done=False) == {"ten": "n"}
    assert made(mapping, done=True) == {"ten": "!"}


def test_a_segment_is_mapped_to_canonical_bytes(build: Build) -> None:
    """Good records come out as canonical bytes, in order; broken bytes and non-objects are refused."""
    mapping = build({"to": "ten", "from": "name"})
    records = [
        b'{"id":"1","name":"\xc3\xa1"}',
        b"{",
        b'{"id":"2","name":"b"}',
        b"[]",
        b"null",
        b'{"name":"b"}',
    ]
    out, refused = mapping.apply_many(records)
    assert out == [b'{"ma":"1","ten":"\xc3\xa1"}', b'{"ma":"2","ten":"b"}']
    assert [(index, reasons[0].rule) for index, reasons in refused] == [
        (1, "mapping.json"),
        (3, "mapping.json"),
        (4, "mapping.json"),
        (5, "mapping.required"),
    ]


def test_numbers_beyond_json_are_refused(build: Build) -> None:
    """A value that canonical JSON cannot carry is a reason, not a crash."""
    _, refused = build({"to": "so", "from": "name", "as": "integer"}).apply_many(
        [b'{"id":"1","name":"9007199254740993"}']
    )
    assert [reasons[0].rule for _, reasons in refused] == ["mapping.value"]


def test_names_with_dots_and_brackets_are_read_and_written(build: Build) -> None:
    """On both sides, below objects, inside lists and in conditions."""
    mapping = build(
        {"to": "so", "from": "['@iot.id']"},
        {
            "to": "['t.en']['v.i']",
            "from": "['odd[0].home']['w.d']",
            "when": {"field": "['@iot.id']", "is": 7},
        },
        {
            "to": "['g.iay']",
            "from": "['odd.list']",
            "each": [{"to": "['t.en']", "join": ["['t.t']", "$['odd[0].home']['w.d']"]}],
        },
    )
    record = {"@iot.id": 7, "odd[0].home": {"w.d": "w"}, "odd.list": [{"t.t": "x"}]}
    assert made(mapping, **record) == {"so": 7, "t.en": {"v.i": "w"}, "g.iay": [{"t.en": "x w"}]}
    with pytest.raises(Refused) as refused:
        mapping.apply({"id": "1", "name": "n", "odd.list": [{}]})
    assert [(reason.rule, reason.path) for reason in refused.value.reasons] == [
        ("mapping.required", "/odd.list/0")
    ]


def test_a_name_with_a_dot_that_is_not_quoted_is_named_with_its_quotes(build: Build) -> None:
    """The error says how the name is written."""
    with pytest.raises(InvalidExchange, match=r"write \['@iot.id'\]"):
        build({"to": "so", "from": "@iot.id"})
