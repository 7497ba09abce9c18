"""Canonical bytes, keys and digests of records."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import ProtocolViolation
from lienthong.pipeline.keys import key_texts
from lienthong.records import canonical, digest, key_of, keyed_hash, parse

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not 2**53 <= abs(x) < 1e21)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _FLOATS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_TEXT, _VALUES, max_size=6))
def test_bytes_equal_the_reference_implementation(record: dict[str, object]) -> None:
    """Whatever the fast path decides, the bytes are those of RFC 8785."""
    assert canonical(record) == rfc8785.dumps(record)  # type: ignore[arg-type]


def test_rfc8785_example() -> None:
    """The example of RFC 8785 section 3.2.2 has the bytes of section 3.2.4."""
    text = (
        '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
        '"literals":[null,true,false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(json.loads(text)) == expected.encode()


@pytest.mark.parametrize(
    "value",
    [
        {"a": 2**53},
        {"a": -(2**53)},
        {"a": 2**70},
        {"a": 1e16},
        {"a": [-9007199254740992.0]},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": "\ud800"},
        {1: "a"},
    ],
)
def test_what_json_cannot_carry_exactly_is_refused(value: object) -> None:
    """I-JSON (RFC 7493) limits hold on both paths, and the error shows no value."""
    with pytest.raises(ProtocolViolation) as caught:
        canonical(value)
    assert "9007199254740992" not in str(caught.value)


@given(st.dictionaries(_TEXT, _VALUES, max_size=6))
def test_parsing_canonical_bytes_gives_the_same_bytes_again(record: dict[str, object]) -> None:
    """canonical(parse(canonical(x))) == canonical(x): digests survive storage."""
    data = canonical(record)
    assert canonical(parse(data)) == data == canonical(orjson.loads(data))


def test_the_order_of_members_does_not_matter() -> None:
    """Two records with the same members have one digest."""
    assert digest({"b": 1, "a": {"d": 1, "c": 2}}) == digest({"a": {"c": 2, "d": 1}, "b": 1})


def test_keys_follow_dotted_paths_and_never_fail() -> None:
    """A key joins its fields; a missing or null part is empty text."""
    record = {"id": 7, "place": {"code": "26734"}, "gone": None}
    assert key_of(record, ("id", "place.code")) == "7|26734"
    assert key_of(record, ("gone", "place.none.deeper")) == "|"


def test_different_keys_of_several_fields_never_make_one_text() -> None:
    """Bars and backslashes in values do not move the border between two fields."""
    values = ("", "|", "\\", "x", "x|", "|x", "x\\", "\\|", "x|y", "\\\\")
    pairs = [{"a": a, "b": b} for a in values for b in values]
    texts = key_texts(pairs, SimpleNamespace(key=("a", "b")))  # type: ignore[arg-type]  # only its key is asked
    assert texts == [key_of(pair, ("a", "b")) for pair in pairs]
    assert len(set(texts)) == len(pairs)
    assert key_of({"a": "x|y"}, ("a",)) == "x|y"


def test_a_key_is_the_same_before_and_after_canonical_bytes() -> None:
    """What a source writes as 1.0 is 1 in a segment: an index that is made again finds the same key."""
    values = (1, 1.0, -0.0, 1e21, 1e300, 0.1, 1e-7, 2.5, "1.0", True, None)
    records = [{"a": value, "b": "x"} for value in values]
    kept = [parse(canonical(record)) for record in records]
    for key in (("a",), ("a", "b")):
        dataset: Any = SimpleNamespace(key=key)
        texts = key_texts(records, dataset)
        assert texts == key_texts(kept, dataset) == [key_of(record, key) for record in records]
    assert key_of({"a": 1.0}, ("a",)) == "1"


def test_a_keyed_hash_depends_on_the_secret() -> None:
    """Without the secret nobody can test a guess of a personal number."""
    assert keyed_hash(b"one", "001099000001") != keyed_hash(b"two", "001099000001")
