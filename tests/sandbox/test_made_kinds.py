"""Counterparts made from what documents of the field hold: kinds of lists, statuses, content types, ages."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from lienthong.errors import Misconfigured
from lienthong_connectors.openapi.documents import documents_at
from lienthong_sandbox.made.counterpart import Counterpart
from lienthong_sandbox.made.openapi import modern
from lienthong_sandbox.made.values import Maker

LISTS = """\
openapi: 3.1.0
info: {title: Shapes, version: "1"}
paths:
  /board:
    get:
      responses:
        "200": {description: "", content: {application/json: {schema: {type: object,
          required: [board], properties: {board: {type: array, minItems: 3, maxItems: 3, items:
            {type: array, minItems: 3, maxItems: 3, items: {type: string, enum: [".", X, O]}}}}}}}}
  /names:
    get:
      responses:
        200: {description: "", content: {application/json: {schema: {type: array, items: {type: string}}}}}
  /pairs:
    get:
      responses:
        "200": {description: "", content: {application/json: {schema:
          {type: array, items: {type: array, minItems: 2, maxItems: 2, items: {type: integer}}}}}}
  /wild:
    get:
      responses:
        "2XX": {description: "", content: {application/json: {schema: {$ref: '#/components/schemas/One'}}}}
  /any:
    get:
      responses:
        "200": {description: "", content: {"*/*": {schema: {$ref: '#/components/schemas/One'}}}}
  /some:
    get:
      responses:
        default: {description: "", content: {application/*: {schema: {$ref: '#/components/schemas/One'}}}}
  /map:
    get:
      responses:
        "200": {description: "", content: {application/geo+json; charset=utf-8: {schema:
          {$ref: '#/components/schemas/One'}}}}
  /days:
    get:
      responses:
        "200": {description: "", content: {application/json: {schema: {type: array, items:
          {type: object, required: [day, at, on], properties:
            {day: {type: string, format: date, example: 2020-01-01},
             at: {type: string, format: date-time, example: 2020-01-01T10:00:00Z},
             on: {type: string, enum: [on, no, yes]}}}}}}}
  /provinces/{province-code}/communes:
    get:
      parameters: [{name: province-code, in: path, required: true, schema: {type: string}}]
      responses:
        "200": {description: "", content: {application/json: {schema:
          {type: array, items:
            {type: object, required: [id], properties: {id: {type: integer, example: 7}}}}}}}
components:
  schemas:
    One: {type: object, required: [a], properties: {a: {type: integer}}}
"""


@pytest.fixture
def shapes(tmp_path: Path) -> Any:
    file = tmp_path / "shapes.yaml"
    file.write_text(LISTS)
    with Counterpart(file, records=30) as counterpart:
        yield counterpart


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/board", "application/json"),
        ("/names", "application/json"),
        ("/pairs", "application/json"),
        ("/wild", "application/json"),
        ("/any", "application/json"),
        ("/some", "application/json"),
        ("/map", "application/geo+json"),
        ("/days", "application/json"),
    ],
)
def test_an_answer_is_what_its_schema_and_content_type_say(
    shapes: Counterpart, path: str, media: str
) -> None:
    """Lists of scalars and of lists as they are, 2XX and wildcards answered, a day in YAML is a text."""
    said = requests.get(shapes.url + path, timeout=60)
    assert (said.status_code, said.headers["Content-Type"]) == (200, media)
    root = documents_at(str(shapes._file)).root
    responses = root["paths"][path]["get"]["responses"]
    (content,) = next(iter(responses.values()))["content"].values()
    Draft202012Validator({**modern(root), **content["schema"]}).validate(said.json())
    if isinstance(said.json(), list):
        assert len(said.json()) == 30


def test_lists_below_a_path_with_parameters_are_lists(shapes: Counterpart) -> None:
    """The records of a province's communes differ in their key, though the example is one for all."""
    found = requests.get(f"{shapes.url}/provinces/52/communes", timeout=60).json()
    assert len({one["id"] for one in found}) == 30


SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Registers", "version": "1"},
    "host": "api.example.gov.vn",
    "basePath": "/v1",
    "produces": ["application/xml", "application/json"],
    "parameters": {"size": {"name": "limit", "in": "query", "type": "integer", "maximum": 7}},
    "paths": {
        "/licences": {
            "get": {
                "parameters": [
                    {"name": "offset", "in": "query", "type": "integer"},
                    {"$ref": "#/parameters/size"},
                ],
                "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/Licences"}}},
            },
            "post": {
                "parameters": [
                    {
                        "name": "body",
                        "in": "body",
                        "required": True,
                        "schema": {"$ref": "#/definitions/Licence"},
                    }
                ],
                "responses": {"201": {"description": "", "schema": {"$ref": "#/definitions/Licence"}}},
            },
        },
        "/scans": {
            "post": {
                "consumes": ["multipart/form-data"],
                "parameters": [{"name": "scan", "in": "formData", "type": "file"}],
                "responses": {"204": {"description": "taken"}},
            }
        },
    },
    "definitions": {
        "Licence": {
            "type": "object",
            "required": ["no"],
            "properties": {"no": {"type": "string"}, "until": {"type": "string", "x-nullable": True}},
        },
        "Licences": {
            "type": "object",
            "required": ["items", "total"],
            "properties": {
                "items": {"type": "array", "items": {"$ref": "#/definitions/Licence"}},
                "total": {"type": "integer"},
            },
        },
    },
}


def test_a_document_of_swagger_2_is_served(tmp_path: Path) -> None:
    """Parameters, bodies and answers of Swagger 2.0: pages of at most the size it allows, bodies checked."""
    file = tmp_path / "registers.json"
    file.write_text(json.dumps(SWAGGER))
    with Counterpart(file, records=16) as registers:
        found, offset = [], 0
        while page := requests.get(
            f"{registers.url}/licences", params={"offset": offset, "limit": 7}, timeout=60
        ).json()["items"]:
            found, offset = found + page, offset + len(page)
        assert len({one["no"] for one in found}) == 16
        assert requests.get(f"{registers.url}/licences?limit=8", timeout=60).status_code == 422
        said = requests.post(f"{registers.url}/licences", json={"no": "A1", "until": None}, timeout=60)
        assert said.status_code == 201, said.text
        assert requests.post(f"{registers.url}/licences", json={"no": 1}, timeout=60).status_code == 422
        sent = requests.post(f"{registers.url}/scans", files={"scan": b"\xff\xd8"}, timeout=60)
        assert (sent.status_code, sent.content) == (204, b"")


def test_other_documents_lie_beside_the_file(tmp_path: Path) -> None:
    """References to files are followed, into both of them and back; a file that is not there is named."""
    (tmp_path / "parts").mkdir()
    file = tmp_path / "main.yaml"
    answer = "{$ref: 'parts/answers.yaml#/One'}"
    file.write_text(
        "openapi: 3.0.3\ninfo: {title: t, version: '1'}\n"
        f"paths: {{/ones: {{get: {{responses: {{'200': {answer}}}}}}}}}\n"
        "components: {schemas: {Id: {type: string, minLength: 3}}}\n"
    )
    (tmp_path / "parts" / "answers.yaml").write_text(
        "One: {description: '', content: {application/json: {schema: {$ref: '#/Items'}}}}\n"
        "Items: {type: array, items: {$ref: '#/Item'}}\n"
        "Item: {type: object, required: [id],\n"
        " properties: {id: {$ref: '../main.yaml#/components/schemas/Id'}}}\n"
    )
    with Counterpart(file, records=4) as ones:
        found = requests.get(f"{ones.url}/ones", timeout=60).json()
        assert len(found) == 4 and all(len(one["id"]) >= 3 for one in found)
    (tmp_path / "parts" / "answers.yaml").unlink()
    with pytest.raises(Misconfigured, match=r"answers\.yaml"), Counterpart(file):
        pass


def _counted(work: Any) -> int:
    """Return how many calls of Python functions some work makes."""
    made = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal made
        made += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    threading.setprofile(None)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


def _large(things: int) -> dict[str, Any]:
    """A document of about 600 bytes a thing: each refers to the next ones, as large models do."""
    reference = "#/components/schemas/Thing{}"
    schemas = {
        f"Thing{n}": {
            "allOf": [
                {"$ref": reference.format((n + 1) % things)},
                {"type": "object", "properties": {f"m{n}": {"type": "string", "description": "x" * 300}}},
            ]
        }
        if n % 5
        else {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string"},
                "next": {"$ref": reference.format((n + 7) % things)},
                "all": {"type": "array", "items": {"$ref": reference.format((n + 3) % things)}},
            },
        }
        for n in range(things)
    }
    paths = {
        f"/things{n}": {
            "get": {
                "responses": {
                    "200": {
                        "description": "",
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": reference.format(n)}}
                            }
                        },
                    }
                }
            }
        }
        for n in range(0, things, 4)
    }
    return {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths,
            "components": {"schemas": schemas}}  # fmt: skip


def test_a_large_document_costs_by_its_size(tmp_path: Path) -> None:
    """Four times the document is about four times the calls, and nothing is made before it is asked for."""

    def start(things: int) -> int:
        file = tmp_path / f"{things}.json"
        file.write_text(json.dumps(_large(things)))

        def work() -> None:
            with Counterpart(file, records=50):
                pass

        return _counted(work)

    small, large = start(200), start(800)
    assert large < 5 * small
    assert large < 400_000  # about a second


SELF: dict[str, Any] = {
    "$defs": {
        "Node": {
            "type": "object",
            "required": ["left", "right", "all"],
            "properties": {
                "left": {"$ref": "#/$defs/Node"},
                "right": {"$ref": "#/$defs/Node"},
                "all": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/Node"}},
            },
        },
        "Itself": {"allOf": [{"$ref": "#/$defs/Itself"}, {"properties": {"a": {"type": "integer"}}}]},
    }
}


def test_schemas_within_themselves_have_an_end() -> None:
    """A tree whose every member must be there, three times over, ends after some thousands of values."""
    made: list[Any] = []
    assert _counted(lambda: made.append(Maker(SELF).record({"$ref": "#/$defs/Node"}))) < 300_000
    assert set(made[0]) == {"left", "right", "all"}
    assert Maker(SELF, optional=1.0).record({"$ref": "#/$defs/Itself", "type": "object"}).keys() == {"a"}


def test_a_document_that_contains_itself_is_refused(tmp_path: Path) -> None:
    """YAML's anchors can make a mapping that holds itself: nothing is made of it, and nothing hangs."""
    file = tmp_path / "loop.yaml"
    file.write_text("openapi: 3.0.0\npaths: &loop\n  /a: *loop\n")
    with pytest.raises(Misconfigured, match="nested too deep"), Counterpart(file):
        pass
