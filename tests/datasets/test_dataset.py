"""What a dataset file must say, and what reading it yields."""

from __future__ import annotations

from typing import Any

import pytest

from lienthong.datasets import Catalogue, Dataset
from lienthong.datasets.cursor import CursorOrder
from lienthong.errors import Misconfigured
from lienthong.records import digest, key_of


def test_a_dataset_knows_its_fields_classes_and_digest(catalogue: Catalogue) -> None:
    """Fields are found below objects and lists; classes come from the nearest parent that has one."""
    dataset = catalogue.dataset("onestop.dossier/1")
    fields = dataset.fields()
    assert dataset.key == ("DocCode",)
    assert (dataset.owner, dataset.valid_at, dataset.sector) == ("H21", "DateReceived", "one-stop")
    assert fields["DocFees[].Price"].types == {"number"}
    assert fields["CitizenName"].required
    assert not fields["Email"].required
    assert dataset.classification["CitizenName"] == "personal"
    assert dataset.classification["Attachments[].AttachmentName"] == "personal"
    assert dataset.classification["DocTypeName"] == "internal"
    assert "CitizenName" in dataset.personal_paths
    assert "DocTypeName" not in dataset.personal_paths
    assert dataset.digest == digest(dataset.schema)
    assert dataset.content == dataset.schema


def test_references_into_defs_are_followed(make_dataset: Any) -> None:
    """A ``$ref`` brings its fields; words beside it win."""
    dataset = make_dataset(
        {"home": {"$ref": "#/$defs/place", "x-lienthong": {"class": "personal"}}},
        **{"$defs": {"place": {"type": "object", "properties": {"ward": {"type": "string"}}}}},
    )
    assert dataset.classification["home.ward"] == "personal"


BROKEN: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"type": "array"}, "type object"),
    ({}, {"note": {"key": []}}, "no key"),
    ({}, {"note": {"key": ["other"]}}, "'other'"),
    ({}, {"required": []}, "'id' is not required"),
    ({}, {"note": {"valid_at": "day"}}, "'day'"),
    ({}, {"note": {"owner": "Gia Lai"}}, "owner"),
    ({}, {"note": {"title": {"vi": "Thử"}}}, "both languages"),
    ({}, {"note": {"colour": "red"}}, "colour"),
    ({}, {"note": {"class": ""}}, "'id' has no class"),
    ({"a": {"x-lienthong": {"class": "secret"}}}, {}, "'a' has no class"),
    ({"a": {"$ref": "#/$defs/none"}}, {}, "'a'"),
    ({"a": {"$ref": "https://example.com/x"}}, {}, "'a'"),
    ({"a": {"type": "object", "patternProperties": {".": {}}}}, {}, "'patternProperties'"),
    ({"a": {"anyOf": [{"properties": {"b": {}}}]}}, {}, "'anyOf'"),
    ({"a": {"type": "string", "format": "wkt"}}, {}, "'a' needs a crs"),
]


@pytest.mark.parametrize(("properties", "changes", "named"), BROKEN)
def test_a_dataset_that_lacks_something_is_refused_by_name(
    make_dataset: Any, properties: dict[str, Any], changes: dict[str, Any], named: str
) -> None:
    """Every mistake in a file is a `Misconfigured` that names the dataset and the place."""
    with pytest.raises(Misconfigured) as caught:
        make_dataset(properties, **changes)
    assert named in str(caught.value)
    assert "test.thing/1" in str(caught.value)


def test_a_field_without_class_is_refused_even_deep_inside(make_dataset: Any) -> None:
    """No leaf goes unclassified: without a class at the root every branch must give one."""
    with pytest.raises(Misconfigured, match=r"a\[\]\.b"):
        make_dataset(
            {
                "id": {"type": "string", "x-lienthong": {"class": "open"}},
                "a": {"type": "array", "items": {"type": "object", "properties": {"b": {}}}},
            },
            note={"class": ""},
        )


def test_recursion_is_refused(make_dataset: Any) -> None:
    """A schema that contains itself would have endless fields."""
    node = {"type": "object", "properties": {"child": {"$ref": "#/$defs/node"}}}
    with pytest.raises(Misconfigured, match="without end"):
        make_dataset({"tree": {"$ref": "#/$defs/node"}}, **{"$defs": {"node": node}})


def test_a_geometry_with_a_crs_is_taken(make_dataset: Any) -> None:
    """The CRS stands at the dataset, because one province lives in several zones."""
    dataset = make_dataset({"shape": {"type": "string", "format": "wkt"}}, note={"crs": "EPSG:9210"})
    assert dataset.crs == "EPSG:9210"


DOTTED = {
    "@iot.id": {"type": "integer"},
    "@odata.etag": {"type": "string", "x-lienthong": {"class": "personal"}},
    "a.b": {"type": "object", "required": ["c[d]"], "properties": {"c[d]": {"type": "string"}}},
    "rows": {"type": "array", "items": {"type": "object", "properties": {"x.y": {"type": "integer"}}}},
}


def test_names_with_dots_and_brackets_are_fields(make_dataset: Any, catalogue: Catalogue) -> None:
    """They were refused: what OData and SensorThings key their entities by could be no field."""
    dataset = make_dataset(
        DOTTED, required=["id", "@iot.id"], note={"key": ["@iot.id", "id"], "valid_at": "@odata.etag"}
    )
    odd = {"['@iot.id']", "['@odata.etag']", "['a.b']", "['a.b']['c[d]']", "rows[]['x.y']"}
    assert set(dataset.fields()) == {"id", "rows", "rows[]"} | odd
    assert dataset.key == ("['@iot.id']", "id")
    assert dataset.valid_at == "['@odata.etag']"
    assert dataset.personal_paths == ("['@odata.etag']",)
    record = {"@iot.id": 7, "id": "1", "@iot": {"id": 8}}
    assert key_of(record, dataset.key) == "7|1"
    assert CursorOrder.of(dataset, "@iot.id").path == "['@iot.id']"
    reasons = dataset.validator(catalogue).reasons({**record, "a.b": {"c[d]": 1}, "rows": [{"x.y": "-"}]})
    assert [reason.path for reason in reasons] == ["/a.b/c[d]", "/rows/0/x.y"]


def test_a_dotted_path_is_what_the_contract_says_and_not_what_a_record_holds(make_dataset: Any) -> None:
    """``a.b`` is ``b`` of ``a`` where that is a field, whatever else a record brings along."""
    dataset = make_dataset(
        {"a": {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}, "a.b": {}},
        required=["id", "a", "a.b"],
        note={"key": ["a.b"]},
    )
    assert dataset.key == ("a.b",)
    assert key_of({"a": {"b": "inner"}, "a.b": "outer"}, dataset.key) == "inner"


def test_checks_are_bound_to_dotted_names(make_dataset: Any, catalogue: Catalogue) -> None:
    """A check of a field inside such an object, and inside a list, finds its values."""
    check = {"type": "string", "x-lienthong": {"check": "dossier-code"}}
    dataset = make_dataset(
        {
            "x.y": check,
            "p.q": {"type": "object", "properties": {"r.s": check}},
            "l.m": {"type": "array", "items": {"type": "object", "properties": {"n.o": check}}},
        }
    )
    record = {"id": "1", "x.y": "?", "p.q": {"r.s": "?"}, "l.m": [{"n.o": "?"}]}
    reasons = dataset.validator(catalogue).reasons(record)
    assert [(reason.path, reason.rule) for reason in reasons] == [
        ("/l.m/0/n.o", "check.dossier-code"),
        ("/p.q/r.s", "check.dossier-code"),
        ("/x.y", "check.dossier-code"),
    ]


def test_fields_that_nobody_has_decided_are_named_with_their_file() -> None:
    """A generator leaves classes to a person: the dataset does not load, and all open fields are listed."""
    undecided = {"type": "string", "x-lienthong": {"class": "undecided"}}
    schema = {
        "type": "object",
        "x-lienthong": {"key": ["id"], "owner": "H21", "title": {"vi": "Thử", "en": "Trial"}},
        "required": ["id"],
        "properties": {
            "id": undecided,
            "sex": {"type": "string", "x-lienthong": {"class": "personal"}},
            "homes": {"type": "array", "items": {"type": "object", "properties": {"ward": undecided}}},
        },
    }
    with pytest.raises(Misconfigured, match=r"class of id, homes\[\]\.ward") as caught:
        Dataset.from_dict("t.trial/1", schema, "datasets/t.trial/1.json")
    assert "datasets/t.trial/1.json" in str(caught.value)
    assert "'undecided'" in str(caught.value)
