"""Fixtures of the mapping tests: two small datasets around which rules are bent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lienthong.datasets import Catalogue
from lienthong.mapping import CompiledMapping, Mapping

TEXT = {"type": "string"}
NOTE = {"key": ["id"], "owner": "H21", "title": {"vi": "Thử", "en": "Test"}, "class": "internal"}
SOURCE = {
    "x-lienthong": NOTE,
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": TEXT,
        "name": TEXT,
        "number": {"type": "integer"},
        "price": {"type": "number"},
        "done": {"type": "boolean"},
        "day": TEXT,
        "secret": {"type": "string", "x-lienthong": {"class": "personal"}},
        "home": {
            "type": "object",
            "properties": {"ward": TEXT, "deep": {"type": "object", "properties": {"x": TEXT}}},
        },
        "@iot.id": {"type": "integer"},
        "odd[0].home": {"type": "object", "properties": {"w.d": TEXT}},
        "odd.list": {
            "type": "array",
            "items": {"type": "object", "required": ["t.t"], "properties": {"t.t": TEXT}},
        },
        "papers": {
            "type": "array",
            "items": {"type": "object", "properties": {"title": TEXT, "count": {"type": "integer"}}},
        },
    },
}
TARGET = {
    "x-lienthong": {**NOTE, "key": ["ma"]},
    "type": "object",
    "required": ["ma"],
    "properties": {
        "ma": TEXT,
        "ten": TEXT,
        "t.en": {"type": "object", "properties": {"v.i": TEXT}},
        "g.iay": {
            "type": "array",
            "items": {"type": "object", "required": ["t.en"], "properties": {"t.en": TEXT}},
        },
        "so": {"type": "integer"},
        "gia": {"type": "number"},
        "xong": {"type": "boolean"},
        "kieu": {"enum": ["A", "B"]},
        "ngay": {"type": ["string", "null"]},
        "ho": {
            "type": "object",
            "required": ["Ten"],
            "properties": {"Ho": TEXT, "ChuDem": TEXT, "Ten": TEXT},
        },
        "giay": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ten"],
                "properties": {"ten": TEXT, "so": {"type": "integer"}, "ma": TEXT},
            },
        },
        "rieng": {"type": "string", "x-lienthong": {"class": "personal"}},
    },
}
STRICT = {**TARGET, "required": ["ma", "ngay"]}
CODES = {"title": {"vi": "Thử", "en": "Test"}, "codes": {"1": "A", "true": "A", "x": "B"}}
FUNCTIONS = """
def shout(value):
    if not isinstance(value, str):
        raise ValueError(value)
    return value.upper()

def record(item):
    return item["id"] + item["name"]

def both(values):
    return "-".join(values)

not_callable = 3
"""

Compile = Callable[..., CompiledMapping]


@pytest.fixture(scope="session")
def schemas() -> Catalogue:
    return Catalogue.from_packages(["lienthong_schemas"])


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Catalogue]:
    """A catalogue of the two small datasets, a translation and a module of functions."""
    package = tmp_path / "smallschemas"
    files: dict[str, Any] = {
        "datasets/small.source/1.json": SOURCE,
        "datasets/small.target/1.json": TARGET,
        "datasets/small.target/2.json": STRICT,
        "codelists/translations/a.to.b.json": CODES,
    }
    for path, data in files.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(json.dumps(data), "utf-8")
    (package / "__init__.py").write_text("")
    (package / "functions.py").write_text(FUNCTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        yield Catalogue.from_packages(["smallschemas"])
        for name in ("smallschemas", "smallschemas.functions"):
            patch.delitem(__import__("sys").modules, name, raising=False)


@pytest.fixture
def build(small: Catalogue) -> Compile:
    """Return a function that compiles rules from small.source/1 to small.target/1."""

    def compiled(*rules: dict[str, Any], key: bool = True, **words: Any) -> CompiledMapping:
        first = [{"to": "ma", "from": "id"}] if key else []
        data = {
            "from": "small.source/1",
            "to": "small.target/1",
            "title": {"vi": "Thử", "en": "Test"},
            "rules": [*first, *rules],
            **words,
        }
        return Mapping.compile(data, small, "small/1")

    return compiled
