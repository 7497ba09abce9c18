"""Which change between two versions breaks whom, and what a published version may not do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lienthong.datasets import Catalogue, check_catalogue, compare, publish, require_compatible
from lienthong.datasets.published import published_of
from lienthong.errors import Incompatible, Misconfigured

TEXT = {"type": "string"}
CHANGES: list[tuple[dict[str, Any] | None, dict[str, Any] | None, str, str]] = [
    (TEXT, None, "field.removed", "consumers"),
    (None, TEXT, "field.added", "nobody"),
    (TEXT, {"type": ["string", "null"]}, "type.widened", "consumers"),
    ({"type": ["string", "null"]}, TEXT, "type.narrowed", "producers"),
    (TEXT, {"type": "integer"}, "type.changed", "both"),
    ({"type": "integer"}, {"type": "number"}, "type.widened", "consumers"),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}, "enum.widened", "consumers"),
    ({"enum": ["a", "b"]}, {"enum": ["a"]}, "enum.narrowed", "producers"),
    ({"enum": ["a"]}, {"enum": ["b"]}, "enum.changed", "both"),
    ({**TEXT, "maxLength": 9}, {**TEXT, "maxLength": 8}, "limit.tightened", "producers"),
    ({**TEXT, "maxLength": 8}, {**TEXT, "maxLength": 9}, "limit.loosened", "consumers"),
    ({**TEXT, "minLength": 1}, {**TEXT, "minLength": 2}, "limit.tightened", "producers"),
    ({**TEXT, "minLength": 2}, {**TEXT, "minLength": 1}, "limit.loosened", "consumers"),
    (TEXT, {**TEXT, "pattern": "^a$"}, "keyword.added", "producers"),
    ({**TEXT, "pattern": "^a$"}, TEXT, "keyword.removed", "consumers"),
    ({**TEXT, "pattern": "^a$"}, {**TEXT, "pattern": "^b$"}, "keyword.changed", "both"),
    (TEXT, {**TEXT, "x-lienthong": {"check": "tax-code"}}, "check.added", "producers"),
    ({**TEXT, "x-lienthong": {"check": "tax-code"}}, TEXT, "check.removed", "consumers"),
    (
        {**TEXT, "x-lienthong": {"check": "tax-code"}},
        {**TEXT, "x-lienthong": {"check": "agency-code"}},
        "check.changed",
        "both",
    ),
    ({**TEXT, "x-lienthong": {"class": "personal"}}, TEXT, "class.lowered", "both"),
    (TEXT, {**TEXT, "x-lienthong": {"class": "personal"}}, "class.raised", "nobody"),
    ({"type": "object"}, {"type": "object", "additionalProperties": False}, "object.closed", "producers"),
    ({"type": "object", "additionalProperties": False}, {"type": "object"}, "object.opened", "consumers"),
]


@pytest.mark.parametrize(("before", "after", "rule", "breaks"), CHANGES)
def test_each_change_of_a_field_breaks_whom_it_should(
    make_dataset: Any, before: dict[str, Any] | None, after: dict[str, Any] | None, rule: str, breaks: str
) -> None:
    """One change of one field gives one finding with the right rule and the right victim."""
    old, new = ({} if field is None else {"v": field} for field in (before, after))
    (change,) = compare(make_dataset(old), make_dataset(new))
    assert (change.path, change.rule, change.breaks) == ("v", rule, breaks)
    assert change.compatible == (breaks == "nobody")
    assert change.vi
    assert change.en


def test_required_fields_and_root_words_count(make_dataset: Any) -> None:
    """A field that becomes required or optional, the key, the owner, the CRS and the date field."""
    plain, needed = make_dataset({"v": TEXT}), make_dataset({"v": TEXT}, required=["id", "v"])
    assert [change.rule for change in compare(plain, needed)] == ["field.now-required"]
    assert [change.rule for change in compare(needed, plain)] == ["field.now-optional"]
    assert [change.rule for change in compare(make_dataset(), needed)] == ["field.added-required"]
    for note in ({"key": ["id", "v"]}, {"owner": "G22"}, {"crs": "EPSG:9210"}, {"valid_at": "v"}):
        changed = make_dataset({"v": TEXT}, required=["id", "v"], note=note)
        assert [change.rule for change in compare(needed, changed)] == [f"{next(iter(note))}.changed"]


def test_texts_for_people_may_change_freely(make_dataset: Any) -> None:
    """A better title or description breaks nobody and is no finding."""
    old = make_dataset({"v": TEXT})
    new = make_dataset(
        {"v": {**TEXT, "description": "x"}}, note={"title": {"vi": "Khác", "en": "Other"}}, title="y"
    )
    assert compare(old, new) == []


def test_what_is_published_is_what_the_files_say(catalogue: Catalogue) -> None:
    """Every version of our package is published and unchanged since."""
    assert check_catalogue(catalogue) == []
    promises = published_of(catalogue.packages)
    assert set(promises["datasets"]) == set(catalogue.datasets())
    assert set(promises["mappings"]) == set(catalogue.mappings())


def _promises(catalogue: Catalogue) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(published_of(catalogue.packages)))
    return found


def test_an_edit_in_place_that_breaks_names_the_exchanges(catalogue: Catalogue) -> None:
    """The catalogue against a promise it no longer keeps: changes and broken exchanges are named."""
    promises = _promises(catalogue)
    promise = promises["datasets"]["onestop.dossier/1"]
    promise["schema"]["properties"]["Gone"] = {"type": "string"}
    promise["digest"] = "0"
    users = {"onestop.dossier/1": ["hoso_dvcqg", "hoso_kho"]}
    (finding,) = check_catalogue(catalogue, promises, users)
    assert (finding.ref, finding.kind, finding.breaking) == ("onestop.dossier/1", "changed", True)
    assert finding.exchanges == ("hoso_dvcqg", "hoso_kho")
    with pytest.raises(Incompatible, match=r"onestop\.dossier/1 changed: Gone.*hoso_dvcqg"):
        require_compatible(catalogue, promises, users)


def test_an_edit_in_place_that_breaks_nobody_is_told_and_passes(catalogue: Catalogue) -> None:
    """An optional field added to a published version is a finding without victims."""
    promises = _promises(catalogue)
    promise = promises["datasets"]["onestop.dossier/1"]
    del promise["schema"]["properties"]["SuccessNote"]
    promise["digest"] = "0"
    (finding,) = check_catalogue(catalogue, promises, {"onestop.dossier/1": ["hoso_dvcqg"]})
    assert (finding.breaking, finding.exchanges) == (False, ())
    require_compatible(catalogue, promises)


def test_removed_versions_and_changed_mappings_break(catalogue: Catalogue) -> None:
    """A published version may not vanish, a published mapping's rules may not change; its title may."""
    promises = _promises(catalogue)
    promises["datasets"]["gone.thing/1"] = promises["datasets"]["bench.dossier/1"]
    promises["mappings"]["gone/1"] = promises["mappings"]["onestop-to-hotich/1"]
    promises["mappings"]["onestop-to-hotich/1"]["digest"] = "0"
    changed = promises["mappings"]["bench-to-portal.dossier/1"]
    changed["digest"], changed["mapping"]["rules"] = "0", []
    found = {finding.ref: finding for finding in check_catalogue(catalogue, promises)}
    assert {ref: (item.kind, item.breaking) for ref, item in found.items()} == {
        "gone.thing/1": ("removed", True),
        "gone/1": ("removed", True),
        "onestop-to-hotich/1": ("changed", False),
        "bench-to-portal.dossier/1": ("changed", True),
    }


def test_publishing_adds_versions_and_refuses_broken_promises(catalogue: Catalogue, tmp_path: Path) -> None:
    """New versions are added once; a version whose promise is broken cannot be published over it."""
    path = tmp_path / "published.json"
    assert publish(catalogue, path, ["bench.dossier/1"]) == ["bench.dossier/1"]
    assert publish(catalogue, path, ["bench.dossier/1"]) == []
    assert "bench.dossier/1" not in publish(catalogue, path)
    data = json.loads(path.read_text("utf-8"))
    entry = data["datasets"]["bench.dossier/1"]
    entry["digest"], entry["schema"]["required"] = "0", ["dossier_code"]
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(Incompatible, match=r"bench\.dossier/1"):
        publish(catalogue, path, ["bench.dossier/1"])
    unpublished = check_catalogue(catalogue, {"datasets": {}, "mappings": {}})
    assert {finding.kind for finding in unpublished} == {"unpublished"}


def test_a_promise_that_is_no_dataset_is_told(catalogue: Catalogue) -> None:
    """A spoilt published.json is a misconfiguration, not a crash."""
    with pytest.raises(Misconfigured):
        check_catalogue(catalogue, {"datasets": {"bench.dossier/1": {"digest": "0", "schema": {}}}})
