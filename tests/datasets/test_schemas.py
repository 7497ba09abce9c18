"""Our own schemas: well formed, read alike by both validators, and true to the sandbox's records."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.datasets import Catalogue
from lienthong.datasets.identifiers import TEST_PLACE

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.0,
    1.5,
    2**53,
    "",
    " ",
    "x",
    "x" * 3000,
    "0" * 12,
    "12345",
    "١٢٣٤٥",
    "ệ" * 20,
    "2025-07-01",
    "2025-02-30",
    "2025-07-01T08:00:00+07:00",
    "2025-07-01T08:00:00.000+0700",
    "20250701080000",
    "H21.129-250812-0035",
    "a@b.vn",
    "a@b..vn",
    "😀",
    [],
    [{}],
    ["x"],
    {},
    {"x": "y"},
    {"x": 1},
]


def sample(schema: dict[str, Any]) -> Any:
    """Return a value that a property's schema accepts."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        found = {name: sample(child) for name, child in schema.get("properties", {}).items()}
        return found or {"nksHoTen": "Nguyễn Văn Mẫu"}
    if kind == "array":
        return [sample(schema["items"])]
    if kind != "string":
        return {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1), "boolean": True}[
            kind
        ]
    return _text(schema)


def _text(schema: dict[str, Any]) -> str:
    known = {"date": "1990-12-31", "date-time": "2025-08-12T07:30:00+07:00"}
    if "format" in schema:
        return known[schema["format"]]
    for text in (
        "x",
        "52",
        "12345",
        "052090123456",
        "H21.129-250812-0035",
        "G15-HT01",
        "a@b.vn",
        "1",
        "ab" * 32,
    ):
        try:
            jsonschema.validate(text, {key: schema[key] for key in schema if key != "x-lienthong"})
        except jsonschema.ValidationError:
            continue
        return text
    raise AssertionError(f"no sample for {schema}")


def _both(schema: dict[str, Any]) -> tuple[Any, Any]:
    first = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    second = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return first, second


CATALOGUE = Catalogue.from_packages(["lienthong_schemas"])
PAIRS = {ref: _both(dict(CATALOGUE.dataset(ref).schema)) for ref in CATALOGUE.datasets()}
SAMPLES = {ref: sample(dict(CATALOGUE.dataset(ref).schema)) for ref in CATALOGUE.datasets()}


@pytest.mark.parametrize("ref", CATALOGUE.datasets())
def test_schemas_follow_the_meta_schema(ref: str) -> None:
    """Each file is a JSON Schema 2020-12 and says so."""
    schema = CATALOGUE.dataset(ref).schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("ref", CATALOGUE.datasets())
def test_samples_are_valid_and_single_changes_are_judged_alike(ref: str) -> None:
    """Every field in turn takes every odd value or vanishes: both validators give one verdict."""
    first, second = PAIRS[ref]
    good = SAMPLES[ref]
    assert first.is_valid(good)
    assert second.is_valid(good)
    for holder, name in list(_places(good)):
        for odd in [*ODD, ...]:
            record = copy.deepcopy(good)
            place = holder(record)
            if odd is ...:
                del place[name]
            else:
                place[name] = copy.deepcopy(odd)
            assert first.is_valid(record) == second.is_valid(record), (ref, name, odd)


def _places(record: Any, path: tuple[Any, ...] = ()) -> Any:
    items = record.items() if isinstance(record, dict) else enumerate(record)
    for name, value in items:
        yield (lambda root, path=path: _follow(root, path)), name
        if isinstance(value, (dict, list)):
            yield from _places(value, (*path, name))


def _follow(record: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        record = record[part]
    return record


VALUES = st.recursive(
    st.sampled_from([item for item in ODD if not isinstance(item, (list, dict))])
    | st.text(max_size=20).filter(
        # the one known difference: Python's $ also stands before a line feed at the end
        lambda text: not text.endswith("\n")
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_random_records_are_judged_alike(data: st.DataObject) -> None:
    """Random changes to several fields at once: both validators give one verdict."""
    ref = data.draw(st.sampled_from(sorted(PAIRS)))
    record = copy.deepcopy(SAMPLES[ref])
    for name in data.draw(st.lists(st.sampled_from(sorted(record)), max_size=4)):
        record[name] = data.draw(VALUES)
    first, second = PAIRS[ref]
    assert first.is_valid(record) == second.is_valid(record)


@pytest.mark.parametrize("ref", CATALOGUE.datasets())
def test_a_line_feed_at_the_end_is_refused_on_the_hot_path(ref: str) -> None:
    """Where Python's ``$`` would let a trailing line feed pass, the validator in use does not."""
    validator = CATALOGUE.dataset(ref).validator(CATALOGUE)
    for path, field in CATALOGUE.dataset(ref).fields().items():
        if "pattern" in field.schema and "." not in path and "*" not in field.schema["pattern"]:
            record = copy.deepcopy(SAMPLES[ref])
            record[path] = str(record[path]) + "\n"
            assert any(reason.path == f"/{path}" for reason in validator.reasons(record)), path


def test_the_test_range_of_personal_numbers_was_never_issued() -> None:
    """063 is no code of a former province, so nobody can have such a number."""
    units = CATALOGUE.administrative_units()
    assert not units.terms(TEST_PLACE[1:], "tinh")


def test_the_table_of_units_is_small_enough_to_ship() -> None:
    """The csv stays below one megabyte."""
    path = Path(str(__import__("lienthong_schemas").__path__[0])) / "codelists" / "administrative-unit.csv"
    assert path.stat().st_size < 1_000_000
