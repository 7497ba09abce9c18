"""Structured fields (RFC 9651): the examples of the standard, and round trips."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.errors import ProtocolViolation
from lienthong.signing import _fields
from lienthong.signing._fields import InnerList, Item, Token

KEYS = st.from_regex(r"[a-z*][a-z0-9_\-.*]{0,12}", fullmatch=True)
BARE = st.one_of(
    st.booleans(),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.decimals(-(10**12) + 1, 10**12 - 1, places=3, allow_nan=False),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    st.from_regex(r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+\-.^_`|~]{0,12}", fullmatch=True).map(Token),
    st.binary(max_size=20),
)
PARAMETERS = st.dictionaries(KEYS, BARE, max_size=3)
ITEMS = st.builds(Item, BARE, PARAMETERS)
MEMBERS = st.one_of(ITEMS, st.builds(InnerList, st.lists(ITEMS, max_size=3).map(tuple), PARAMETERS))


def _typed(value: Any) -> Any:
    """Spell out types, because True == 1 and Token("a") == "a"."""
    if isinstance(value, Item):
        return (
            type(value.value).__name__,
            value.value,
            [(k, _typed(Item(v))) for k, v in value.parameters.items()],
        )
    if isinstance(value, InnerList):
        return ([_typed(i) for i in value.items], [(k, _typed(Item(v))) for k, v in value.parameters.items()])
    return value


@given(members=st.dictionaries(KEYS, MEMBERS, max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_dictionary_survives_writing_and_reading(members: dict[str, Any]) -> None:
    text = _fields.write_dictionary(members)
    read = _fields.parse_dictionary(text)
    assert [(k, _typed(v)) for k, v in read.items()] == [(k, _typed(v)) for k, v in members.items()]
    assert _fields.write_dictionary(read) == text


@given(members=st.lists(MEMBERS, max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_list_survives_writing_and_reading(members: list[Any]) -> None:
    text = _fields.write_list(members)
    assert list(map(_typed, _fields.parse_list(text))) == list(map(_typed, members))


@given(text=st.text(st.characters(max_codepoint=0x7F), max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused_and_reading_is_stable(text: str) -> None:
    """Nothing but ProtocolViolation escapes, and what is read has one canonical form."""
    for parse, write in (
        (_fields.parse_dictionary, _fields.write_dictionary),
        (_fields.parse_list, _fields.write_list),
    ):
        try:
            once = write(parse(text))  # type: ignore[operator]
        except ProtocolViolation:
            continue
        assert write(parse(once)) == once  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("-0", 0),
        ("4.5", Decimal("4.5")),
        ('"hello \\"world\\""', 'hello "world"'),
        ("foo123/456", Token("foo123/456")),
        (":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:", b"pretend this is binary content."),
        ("?1", True),
        ("  5  ", 5),
        ("::", b""),
    ],
)
def test_items_of_the_standard(text: str, value: Any) -> None:
    """The examples of RFC 9651 section 3.3."""
    item = _fields.parse_item(text)
    assert (item.value, type(item.value)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        *["", "4.", "4.1234", "1234567890123456", "1234567890123.1", "--1", "1..2", '"a', '"\\a"', '"\t"'],
        *[":aGVsbG8:", ":aGVsbG9=:", ":a:", ":*:", "?2", "?", "@1", '%"a"', "a b", "5;", "5;A=1", "é", "=a"],
        *["()", "(a", "5,", ";a", ":aGk=", "-", "1e5"],
    ],
)
def test_broken_items_are_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        _fields.parse_item(text)


@pytest.mark.parametrize(
    "text",
    ["a=1,", "a=1,,b=2", "a==1", "A=1", "a=(1", "a=(1 2", "a=(1,2)", "a=1 b=2", "a=1;;b", ",", "a=(1)2"],
)
def test_broken_dictionaries_are_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        _fields.parse_dictionary(text)


def test_the_last_of_equal_keys_counts() -> None:
    """RFC 9651 sections 3.2 and 3.1.2."""
    assert _fields.write_dictionary(_fields.parse_dictionary("a=1, b=2, a=3")) == "b=2, a=3"
    assert _fields.parse_item("1;x=1;x=2").parameters == {"x": 2}


def test_dictionaries_of_the_standard() -> None:
    text = "rating=1.5, feelings=(joy sadness), flag, off=?0, p=a;foo;bar=2"
    assert _fields.write_dictionary(_fields.parse_dictionary(text.replace(", ", " \t,\t "))) == text


@pytest.mark.parametrize("value", [10**15, Decimal(10**12), "é", "\n", Token("1a"), Token("")])
def test_values_without_a_form_are_not_written(value: Any) -> None:
    with pytest.raises(ProtocolViolation):
        _fields.write_bare(value)


def test_a_field_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ProtocolViolation):
        _fields.parse_list("a" * (_fields.MAX_FIELD + 1))
