"""Paths into records: one rule of writing names, the same for datasets, mappings, keys and connectors."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import InvalidExchange
from lienthong.mapping.paths import reader, writer
from lienthong.paths import Each, below, holder, joined, last, names, plain, pointer, relative, steps, within
from lienthong.records import key_of

ODD = st.text(st.sampled_from([*"ab.[]'\"\\$@*/~0 \n", "ạ", "𐍈"]), max_size=6)
STEPS = st.lists(st.one_of(ODD, st.text(max_size=5), st.just(Each.ITEM)), max_size=5)
NAMES = st.lists(ODD, min_size=1, max_size=4)


@given(STEPS)
def test_what_is_joined_is_read_back(path: list[Any]) -> None:
    """Whatever names hold, a path says exactly them."""
    assert steps(joined(path)) == tuple(path)


@given(STEPS, STEPS)
def test_parts_of_paths_are_parts_of_their_steps(outer: list[Any], inner: list[Any]) -> None:
    """Holder, last name and what lies below are the same in paths as in lists of names."""
    whole, begin = joined([*outer, *inner]), joined(outer)
    assert within(whole, begin)
    assert steps(relative(whole, begin)) == tuple(inner)
    if inner:
        assert holder(whole) == joined([*outer, *inner][:-1])
    found = [step for step in (*outer, *inner) if isinstance(step, str)]
    assert last(whole) == (found[-1] if found else "")


@given(NAMES, st.integers())
def test_a_value_is_found_where_it_was_written(parts: list[str], value: int) -> None:
    """Mapping and keys read what mapping writes, whatever the names are."""
    path, made = joined(parts), {}
    writer(path)(made, value)
    place: Any = made
    for part in parts:
        place = place[part]
    assert place == value
    assert reader(path)(made, {}) == value
    assert key_of(made, (path,)) == str(value)
    inside: dict[str, Any] = {}
    inside["outer"] = made
    assert reader(below("outer", parts[0]) + joined(["x", *parts[1:]])[1:])(inside, {}) == value


@given(st.text(max_size=8))
def test_a_text_is_a_path_or_is_refused_by_name(text: str) -> None:
    """Every text is read, and then the same however it is written; or refused with the rule in the hint."""
    try:
        found = steps(text)
    except InvalidExchange as error:
        found, hint = None, error.hint
    assert steps(joined(found)) == found if found is not None else "@iot.id" in hint


READ = [
    ("a.b", ("a", "b")),
    ("['@iot.id']", ("@iot.id",)),
    ('["@iot.id"].x', ("@iot.id", "x")),
    ("Result['a.b'].c", ("Result", "a.b", "c")),
    ("$['a.b']", ("a.b",)),
    ("$.a.b", ("a", "b")),
    ("$type", ("$type",)),
    ("$", ()),
    ("", ()),
    ("entry[*].resource", ("entry", Each.ITEM, "resource")),
    ("GiayTo[].Ten", ("GiayTo", Each.ITEM, "Ten")),
    ("link[0].url", ("link", "0", "url")),
    (r"['it\'s']['\\']", ("it's", "\\")),
    ("@odata", ("@odata",)),
]


@pytest.mark.parametrize(("path", "wanted"), READ)
def test_paths_are_read(path: str, wanted: tuple[Any, ...]) -> None:
    """The notations of the documentation."""
    assert steps(path) == wanted


@pytest.mark.parametrize("path", ["a..b", ".a", "a.", "[x", "a]b", "a['b'c", "$.", "['a", "['a'].", "a[-1]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidExchange, match="malformed"):
        steps(path)


def test_a_path_to_items_names_no_member() -> None:
    """Where one member is meant, a list's items are refused."""
    with pytest.raises(InvalidExchange, match="items of a list"):
        names("a[].b")


def test_pointers_and_plain_names() -> None:
    """JSON Pointers escape; a plain name is what stands in the record as it is."""
    assert pointer("a['b.c/d~e']") == "/a/b.c~1d~0e"
    assert [plain(path) for path in ("a", "a.b", "['a']", "", "$", "$type")] == [
        True, False, False, False, False, True
    ]  # fmt: skip


def test_the_rule_can_be_written_in_a_dag_file() -> None:
    """Quoted names need no escapes of Python's own."""
    assert ast.literal_eval("\"['@iot.id']\"") == "['@iot.id']"
