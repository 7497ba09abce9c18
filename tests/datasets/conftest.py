"""Fixtures of the dataset tests: the catalogue of our own schemas and a small dataset to bend."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from lienthong.datasets import Catalogue, Dataset, Validator

Make = Callable[..., Dataset]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.from_packages(["lienthong_schemas"])


@pytest.fixture
def make_dataset() -> Make:
    """Return a function that makes a dataset of properties; ``id`` is its required key."""

    def make(properties: dict[str, Any] | None = None, ref: str = "test.thing/1", **changes: Any) -> Dataset:
        schema: dict[str, Any] = {
            "x-lienthong": {
                "key": ["id"],
                "owner": "H21",
                "title": {"vi": "Thử", "en": "Test"},
                "class": "internal",
            },
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string"}, **copy.deepcopy(properties or {})},
        }
        note = changes.pop("note", {})
        schema.update(changes)
        schema["x-lienthong"] = {**schema["x-lienthong"], **note}
        return Dataset.from_dict(ref, schema)

    return make


@pytest.fixture
def check(make_dataset: Make, catalogue: Catalogue) -> Callable[..., Any]:
    """Return a function that tells which rules a value of one field breaks."""

    def rules(note: dict[str, Any], value: Any, **siblings: Any) -> list[str]:
        field = {"type": ["string", "integer", "null", "boolean"], "x-lienthong": note}
        root = {"valid_at": "day"} if "day" in siblings else {}
        properties = {"value": field, **{name: {} for name in siblings}}
        validator = Validator(
            make_dataset(properties, note=root), catalogue, clock=lambda: datetime(2026, 1, 15, tzinfo=UTC)
        )
        return [reason.rule for reason in validator.reasons({"id": "1", "value": value, **siblings})]

    return rules
