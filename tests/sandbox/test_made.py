"""Counterparts made from an OpenAPI document or a JSON Schema."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator, FormatChecker

from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.errors import Misconfigured, ProtocolViolation, Unavailable
from lienthong.records import canonical
from lienthong_connectors.rest import PagePaging, RestSource, RestTarget
from lienthong_sandbox.made.counterpart import Counterpart
from lienthong_sandbox.made.openapi import modern
from lienthong_sandbox.made.patterns import matching
from lienthong_sandbox.made.values import Maker

PARCEL: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "hoVaTen", "soDinhDanh", "dienTich"],
    "properties": {
        "id": {"type": "string", "pattern": r"^[A-Z]{2}\d{6}$"},
        "hoVaTen": {"type": "string"},
        "soDinhDanh": {"type": "string", "pattern": "^[0-9]{12}$"},
        "dienTich": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 5000},
        "loai": {"type": "string", "enum": ["ONT", "ODT", "CLN"], "nullable": True},
        "capNhat": {"type": "string", "format": "date-time"},
        "chuCu": {"type": "array", "items": {"$ref": "#/components/schemas/Owner"}, "minItems": 1},
    },
}
OWNER = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 12}}}


def content(schema: Any) -> dict[str, Any]:
    return {"description": "", "content": {"application/json": {"schema": schema}}}


PARCEL_REF = {"$ref": "#/components/schemas/Parcel"}
LIST = {
    "type": "object",
    "required": ["items", "total"],
    "properties": {"total": {"type": "integer"}, "items": {"type": "array", "items": PARCEL_REF}},
}
KEY = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Land", "version": "1"},
    "paths": {
        "/parcels": {
            "get": {
                "operationId": "listParcels",
                "parameters": [
                    {"name": name, "in": "query", "schema": {"type": "integer"}} for name in ("page", "size")
                ],
                "responses": {"200": content(LIST)},
            },
            "post": {"requestBody": content(PARCEL_REF), "responses": {"201": content(PARCEL_REF)}},
        },
        "/parcels/{id}": {
            "get": {"parameters": [KEY], "responses": {"200": content(PARCEL_REF)}},
            "delete": {"parameters": [KEY], "responses": {"204": {"description": ""}}},
        },
        "/parcels/search": {
            "get": {
                "parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": content({"type": "array", "items": PARCEL_REF})},
            }
        },
    },
    "components": {"schemas": {"Parcel": PARCEL, "Owner": OWNER}},
}


@pytest.fixture
def land(tmp_path: Path) -> Any:
    file = tmp_path / "land.json"
    file.write_text(json.dumps(DOCUMENT))
    with Counterpart(file, records=23) as counterpart:
        yield counterpart


def connection(counterpart: Counterpart) -> Connection:
    (found,) = counterpart.connections().values()
    return Connection("made", found["conn_type"], host=found["host"], extra=found["extra"])


def read(counterpart: Counterpart) -> list[dict[str, Any]]:
    settings = RestSource(
        path="/parcels",
        records="items",
        paging=PagePaging(page_param="page", size_param="size", size=5, total_path="total"),
    )
    source = settings.open_source(connection(counterpart), Context(log=lambda _: None))
    try:
        return [record for page in source.read(ReadRequest()) for record in page.records]
    finally:
        source.close()


def test_its_records_follow_the_description_and_are_nobody_s(land: Counterpart) -> None:
    """What our own connector pulls from it is valid by its schema; numbers were never issued."""
    records = read(land)
    assert len(records) == 23
    checker = Draft202012Validator(modern({**DOCUMENT, **PARCEL}), format_checker=FormatChecker())
    for record in records:
        checker.validate(record)
        assert record["soDinhDanh"].startswith("063")
    assert len({record["hoVaTen"] for record in records}) > 15


def test_the_same_description_makes_the_same_records(land: Counterpart, tmp_path: Path) -> None:
    """A second start shows the same, so that a run can be repeated."""
    with Counterpart(tmp_path / "land.json", records=23) as again:
        assert read(again) == read(land)


def test_what_is_delivered_is_checked_and_kept(land: Counterpart) -> None:
    """A good record is in the list afterwards, a bad one is refused by path; a repeat has no effect."""
    good = read(land)[0] | {"id": "ZZ000001"}
    settings = RestTarget(path="/parcels", mode="single", repeatable=True)
    target = settings.open_target(connection(land), Context(log=lambda _: None))
    records = [canonical(record) for record in (good, good | {"id": "zz", "dienTich": 0})]
    answers = [target.deliver(Batch("ab" * 32, records, ("id",), "t/1")) for _ in range(2)]
    target.close()
    assert [set(answer.refused) for answer in answers] == [{1}, {1}]
    assert [record for record in read(land) if record["id"] == "ZZ000001"] == [good]
    assert len(read(land)) == 24
    said = requests.post(f"{land.url}/parcels", json=good | {"dienTich": 0}, timeout=60)
    assert said.json()["errors"] == [{"path": "dienTich", "message": "exclusiveMinimum: 0"}]
    assert requests.get(f"{land.url}/parcels/ZZ000001", timeout=60).json() == good
    assert requests.delete(f"{land.url}/parcels/ZZ000001", timeout=60).status_code == 204
    assert requests.get(f"{land.url}/parcels/ZZ000001", timeout=60).status_code == 404


def test_parameters_that_are_required_are_asked_for(land: Counterpart) -> None:
    """A literal path goes before one with a parameter; what it needs must be there."""
    assert requests.get(f"{land.url}/parcels/search", timeout=60).status_code == 422
    assert len(requests.get(f"{land.url}/parcels/search", params={"q": "x"}, timeout=60).json()) == 23


def test_it_misbehaves_when_told_to(land: Counterpart) -> None:
    """The switches of the sandbox work on it, over HTTP too; what it cannot act out is refused."""
    for name, kind in (("unavailable", Unavailable), ("error_in_200", ProtocolViolation)):
        land.fault(name, times=None)
        with pytest.raises(kind):
            read(land)
        land.system.board.clear()
    control = f"http://127.0.0.1:{land.port}/_control/made/faults"
    assert requests.post(control, json={"fault": "cut_before", "times": None}, timeout=60).status_code == 200
    with pytest.raises(Unavailable):
        read(land)
    assert requests.delete(control, timeout=60).json() == {"waiting": []}
    refused = requests.post(control, json={"fault": "partial_acceptance"}, timeout=60)
    assert refused.status_code == 400
    assert "cannot act out" in refused.text
    assert len(read(land)) == 23


def test_a_json_schema_becomes_a_collection(tmp_path: Path) -> None:
    """A dataset's schema is enough for a source and a target; its own references still hold."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["ma", "ten"],
        "properties": {"ma": {"type": "string", "pattern": "^[0-9]{5}$"}, "ten": {"$ref": "#/$defs/ten"}},
        "$defs": {"ten": {"enum": ["Xã A", "Xã B"]}},
    }
    file = tmp_path / "unit.schema.json"
    file.write_text(json.dumps(schema))
    with Counterpart(file, records=7, fixed={"ma": "52001"}) as counterpart:
        page = requests.get(f"{counterpart.url}/records", params={"page": 1, "size": 5}, timeout=60).json()
        assert page["total"] == len({"52001"})
        assert page["data"][0]["ma"] == "52001"
        assert page["data"][0]["ten"] in {"Xã A", "Xã B"}
        bad = requests.post(f"{counterpart.url}/records", json={"ma": "1", "ten": "Xã C"}, timeout=60)
        assert {error["path"] for error in bad.json()["errors"]} == {"ma", "ten"}


@pytest.mark.parametrize(
    "text", ["swagger: '2.0'", "just a text", "[1, 2]", "{", "openapi: 3.0.0\npaths: {}"]
)
def test_what_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    """The file is named, and no server is left behind."""
    file = tmp_path / "other.yaml"
    file.write_text(text)
    with pytest.raises(Misconfigured, match=re.escape(str(file))), Counterpart(file):
        pass


PATTERNS = [
    r"^[0-9]{12}$",
    r"^H\d{2}\.\d{3}-(25|26)\d{4}-[0-9]{4}$",
    r"^(0|\+84)[1-9]\d{8}$",
    r"[^a-z]+",
    r"a?b*c{2,4}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_text_for_a_pattern_matches_it(pattern: str) -> None:
    """Fifty texts made for a pattern, and each fits."""
    rng = random.Random(1)  # noqa: S311 - repeatable, not secret
    assert all(re.search(pattern, matching(pattern, rng)) for _ in range(50))


def test_bounds_of_numbers_and_texts_are_kept() -> None:
    """Exclusive bounds, multiples and lengths, at their edges."""
    maker = Maker({}, seed=1)
    numbers = {"type": "integer", "exclusiveMinimum": 3, "maximum": 9, "multipleOf": 3}
    assert {maker.value(numbers) for _ in range(50)} == {6, 9}
    texts = {maker.value({"type": "string", "minLength": 5, "maxLength": 6}) for _ in range(50)}
    assert {len(text) for text in texts} <= {5, 6}
    assert maker.value({"type": "string", "maxLength": 3}, "hoVaTen") != ""


@pytest.mark.parametrize("deep", ["[" * 50_000 + "]" * 50_000, '{"a":' * 50_000 + "1" + "}" * 50_000])
@pytest.mark.parametrize("around", ["{}", '{{"a": {}}}', '{{"openapi": "3.0.3", "paths": {{}}, "x": {}}}'])
def test_a_description_that_nests_without_end_is_refused(tmp_path: Path, deep: str, around: str) -> None:
    """As JSON and as YAML: it was a defect with exit code 70."""
    for name in ("deep.json", "deep.yaml"):
        file = tmp_path / name
        file.write_text(around.format(deep), encoding="utf-8")
        with pytest.raises(Misconfigured, match=r"nested (too deep|deeper)"):
            Counterpart(file)
