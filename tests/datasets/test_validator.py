"""Validation of segments: who is refused, why, and what is never told."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from lienthong.datasets import Catalogue, Validator
from lienthong.errors import Misconfigured

SECRET = "Bí mật 9f3a"


def _validator(
    catalogue: Catalogue, make_dataset: Any, properties: dict[str, Any], **changes: Any
) -> Validator:
    return Validator(make_dataset(properties, **changes), catalogue)


SCHEMAS: list[tuple[dict[str, Any], Any, str, str]] = [
    ({"type": "integer"}, SECRET, "/v", "schema.type"),
    ({"type": ["integer", "null"]}, SECRET, "/v", "schema.type"),
    ({"enum": ["a", "b"]}, SECRET, "/v", "schema.enum"),
    ({"const": "a"}, SECRET, "/v", "schema.const"),
    ({"type": "string", "pattern": "^[0-9]{5}$"}, SECRET, "/v", "schema.pattern"),
    ({"type": "string", "pattern": "^[0-9]{5}$"}, "12345\n", "/v", "schema.pattern"),
    ({"type": "string", "pattern": "^[0-9]{5}$"}, "١٢٣٤٥", "/v", "schema.pattern"),
    ({"type": "string", "format": "date"}, SECRET, "/v", "schema.format"),
    ({"type": "string", "minLength": 50}, SECRET, "/v", "schema.minLength"),
    ({"type": "string", "maxLength": 3}, SECRET, "/v", "schema.maxLength"),
    ({"type": "number", "minimum": 3}, -917_244, "/v", "schema.minimum"),
    ({"type": "number", "maximum": 3}, 917_244, "/v", "schema.maximum"),
    ({"type": "number", "exclusiveMinimum": 3}, -917_244, "/v", "schema.exclusiveMinimum"),
    ({"type": "number", "exclusiveMaximum": 3}, 917_244, "/v", "schema.exclusiveMaximum"),
    ({"type": "integer", "multipleOf": 5}, 917_244, "/v", "schema.multipleOf"),
    ({"type": "array", "minItems": 3}, [SECRET], "/v", "schema.minItems"),
    ({"type": "array", "maxItems": 0}, [SECRET], "/v", "schema.maxItems"),
    ({"type": "array", "uniqueItems": True}, [SECRET, SECRET], "/v", "schema.uniqueItems"),
    ({"type": "object", "minProperties": 3}, {"x": SECRET}, "/v", "schema.minProperties"),
    ({"type": "object", "maxProperties": 0}, {SECRET: SECRET}, "/v", "schema.maxProperties"),
    ({"type": "object", "additionalProperties": False}, {SECRET: 1}, "/v", "schema.additionalProperties"),
    (
        {"type": "object", "properties": {"a/b~c": {"type": "null"}}},
        {"a/b~c": SECRET},
        "/v/a~1b~0c",
        "schema.type",
    ),
    (
        {"type": "object", "required": ["w"], "properties": {"w": {}}},
        {"x": SECRET},
        "/v/w",
        "schema.required",
    ),
    ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, SECRET, "/v", "schema.anyOf"),
    ({"type": "array", "items": {"type": "integer"}}, [1, SECRET], "/v/1", "schema.type"),
]


@pytest.mark.parametrize(("schema", "value", "path", "rule"), SCHEMAS)
def test_every_keyword_gives_its_rule_and_path_and_no_value(
    catalogue: Catalogue, make_dataset: Any, schema: dict[str, Any], value: Any, path: str, rule: str
) -> None:
    """Reasons carry a JSON Pointer and a stable rule in two languages, never the record's content."""
    validator = _validator(catalogue, make_dataset, {"v": schema})
    (reason,) = validator.reasons({"id": "1", "v": value})
    assert (reason.path, reason.rule) == (path, rule)
    assert reason.vi
    assert reason.en
    told = json.dumps(reason.as_dict(), ensure_ascii=False)
    assert SECRET not in told
    assert "917" not in told
    assert "None" not in told
    assert validator.validate([orjson.dumps({"id": "1", "v": value})]) == [(0, (reason,))]


def test_checks_and_code_lists_never_tell_the_value(catalogue: Catalogue, make_dataset: Any) -> None:
    """The sentences of semantic checks are fixed texts."""
    properties = {
        "a": {"x-lienthong": {"check": "personal-number"}},
        "b": {"x-lienthong": {"codelist": "gender"}},
        "c": {"type": "array", "items": {"x-lienthong": {"check": "date", "format": "yyyyMMdd"}}},
    }
    record = {"id": "1", "a": SECRET, "b": SECRET, "c": ["20250101", SECRET]}
    reasons = _validator(catalogue, make_dataset, properties).reasons(record)
    assert [(reason.path, reason.rule) for reason in reasons] == [
        ("/a", "check.personal-number"),
        ("/b", "codelist.gender"),
        ("/c/1", "check.date"),
    ]
    assert SECRET not in str(reasons)


def test_only_refused_records_are_returned_by_index(catalogue: Catalogue, make_dataset: Any) -> None:
    """Bad shapes, failing checks, broken bytes and non-objects are found among good records."""
    validator = _validator(
        catalogue,
        make_dataset,
        {"n": {"type": "string", "maxLength": 12, "x-lienthong": {"check": "tax-code"}}},
    )
    records = [b'{"id":"%d","n":"0100233488"}' % index for index in range(300)]
    bad = {
        3: b'{"id":3}',
        64: b'{"id":"x","n":"0100233489"}',
        128: b"[]",
        200: b"{",
        255: b"null",
        299: b'"x"',
    }
    for index, data in bad.items():
        records[index] = data
    refused = validator.validate(records)
    assert [index for index, _ in refused] == sorted(bad)
    assert {index: reasons[0].rule for index, reasons in refused} == {
        3: "schema.type",
        64: "check.tax-code",
        128: "schema.json",
        200: "schema.json",
        255: "schema.json",
        299: "schema.json",
    }
    assert validator.validate([]) == []


def test_bytes_that_only_parse_together_are_refused(catalogue: Catalogue, make_dataset: Any) -> None:
    """Each record must be JSON by itself; pieces that would fit together do not pass."""
    validator = _validator(catalogue, make_dataset, {})
    records = [b'{"id":"1"},{"id":"2"}', b'{"id":"3","x":[1', b"2]}"]
    assert [index for index, _ in validator.validate(records)] == [0, 1, 2]


def test_a_path_is_told_once_by_the_schema_and_not_again_by_a_check(
    catalogue: Catalogue, make_dataset: Any
) -> None:
    """Where the shape is wrong already, the semantic check keeps quiet about the same place."""
    field = {"type": "string", "pattern": "^[0-9]{12}$", "x-lienthong": {"check": "personal-number"}}
    validator = _validator(catalogue, make_dataset, {"v": field})
    assert [reason.rule for reason in validator.reasons({"id": "1", "v": "12"})] == ["schema.pattern"]


def test_reasons_are_bounded(catalogue: Catalogue, make_dataset: Any) -> None:
    """A hostile record cannot make an endless list of reasons."""
    validator = _validator(catalogue, make_dataset, {"v": {"type": "array", "items": {"type": "integer"}}})
    assert len(validator.reasons({"id": "1", "v": ["x"] * 1000})) == 50


@pytest.mark.parametrize("record", [None, 3, [], "x", {"id": b"1"}, {1: 2}])
def test_what_json_cannot_hold_is_refused_and_raises_nothing(
    catalogue: Catalogue, make_dataset: Any, record: Any
) -> None:
    """Bytes and keys that are not text are answers, not exceptions."""
    validator = _validator(catalogue, make_dataset, {})
    assert not validator.is_valid(record)
    assert validator.reasons(record)


def test_is_valid_and_reasons_agree(catalogue: Catalogue, make_dataset: Any) -> None:
    """A record is valid exactly where it has no reasons."""
    validator = _validator(catalogue, make_dataset, {"v": {"x-lienthong": {"codelist": "gender"}}})
    for record in ({"id": "1"}, {"id": "1", "v": 1}, {"id": "1", "v": 9}, {"v": 1}, {}):
        assert validator.is_valid(record) == (not validator.reasons(record))


def test_warnings_of_a_segment_skip_broken_bytes(catalogue: Catalogue) -> None:
    """Warnings come by index and refuse nothing."""
    validator = catalogue.dataset("onestop.applicant/1").validator(catalogue)
    found = validator.warn([b'{"SoDinhDanh":"063190123456"}', b"{", b"[]", b'{"SoDinhDanh":"052190123456"}'])
    assert [(index, reasons[0].rule) for index, reasons in found] == [(0, "check.personal-number.test")]


@pytest.mark.parametrize("pattern", ["(?=a)b", "(a)\\1", "(", "^a\\Z"])
def test_patterns_that_are_not_linear_time_are_refused(
    catalogue: Catalogue, make_dataset: Any, pattern: str
) -> None:
    """Look-around and back-references could be made to run for ever, so a schema may not use them."""
    with pytest.raises(Misconfigured, match=r"test\.thing/1"):
        _validator(catalogue, make_dataset, {"v": {"type": "string", "pattern": pattern}})
