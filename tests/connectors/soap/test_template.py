"""Requests as data: references, filters, lists and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from lienthong.errors import Misconfigured
from lienthong_connectors.soap.template import Template

KNOWN = frozenset({"record", "records", "key"})


def fill(request: dict[str, Any], **scope: Any) -> dict[str, Any]:
    return Template(request, KNOWN, "test").fill(scope)


@pytest.mark.parametrize(
    ("reference", "value", "expected"),
    [
        ("$record.a", {"a": "x"}, "x"),
        ("$record.a.b", {"a": {"b": 3}}, 3),
        ("$record.a.1", {"a": ["x", "y"]}, "y"),
        ("$record.a|upper", {"a": "Nguyễn Thị"}, "NGUYỄN THỊ"),
        ("$record.a|trim|upper", {"a": "  lê   văn "}, "LÊ VĂN"),
        ("$record.a|digits", {"a": "1990-12-31"}, "19901231"),
        ("$record.a|only:4", {"a": "1990"}, "1990"),
        ("$record.a|year", {"a": "1990-12-31"}, "1990"),
        ("$record.a|cut:3", {"a": "abcdef"}, "abc"),
        ("$record.a|date:%Y%m%d", {"a": "31/12/1990"}, "19901231"),
        ("$record.a|date:%d/%m/%Y", {"a": "1990-12-31"}, "31/12/1990"),
        ("$record.a|date:%H:%M", {"a": "1990-12-31T08:09:10+07:00"}, "08:09"),
        ("$record.a|date:%Y", {"a": "no date"}, "no date"),
        ("$record.a|epoch-ms", {"a": "1970-01-01T00:00:01Z"}, 1000),
        ("$record.a|epoch-ms", {"a": "2026-01-31"}, 1_769_792_400_000),
        ("$record.a|epoch-ms", {"a": 5}, 5),
        ("$record.a|json", {"a": {"y": 1, "x": "ữ"}}, '{"x":"ữ","y":1}'),
        (
            "$record.a|xml:h/s",
            {"a": {"x": "<&", "y": ["1", None, "2"]}},
            "<h><s><x>&lt;&amp;</x><y>1</y><y>2</y></s></h>",
        ),
        ("$record.b|default:0", {"a": 1}, "0"),
        ("$$record.a", {"a": 1}, "$record.a"),
        ("plain", {}, "plain"),
        (7, {}, 7),
        (False, {}, False),
        (0, {}, 0),
    ],
)
def test_references_and_filters(reference: Any, value: Any, expected: Any) -> None:
    """Each filter does what its table says."""
    assert fill({"m": reference}, record=value) == {"m": expected}


@pytest.mark.parametrize(
    "reference", ["$record.a", "$record.b.c", "$record.c|only:4", "$record.d|not:4", "$record.e"]
)
def test_nothing_is_left_out(reference: str) -> None:
    """Null, empty text, missing paths and filtered values leave no empty element behind."""
    record = {"a": None, "c": "12345", "d": "1990", "e": ""}
    assert fill({"m": reference, "n": {"o": reference}, "p": 1}, record=record) == {"p": 1}


def test_lists_of_records() -> None:
    """$each stands for one item per record."""
    request = {"all": {"item": {"$each": {"k": "$key", "n": "$record.n"}}}}
    scope = [{"key": "1", "record": {"n": "a"}}, {"key": "2", "record": {"n": "b"}}]
    items = fill(request, records=scope)["all"]["item"]
    for _ in range(2):  # made anew as often as it is asked for
        assert list(items) == [{"k": "1", "n": "a"}, {"k": "2", "n": "b"}]
    assert Template(request, KNOWN, "test").members == {"all.item.k", "all.item.n"}


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("$nobody.x", "request.m.*nobody"),
        ("$record.x|shout", "shout"),
        ("$record.x|only:many", "only:many"),
        ("$record.x|xml", "xml"),
    ],
)
def test_mistakes_are_named(reference: str, words: str) -> None:
    """An unknown reference or filter is found before anything runs."""
    with pytest.raises(Misconfigured, match=words):
        Template({"m": reference}, KNOWN, "test")
