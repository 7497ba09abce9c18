"""The catalogue: what it lists, what it reads, what it says about names that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from counted import fresh_calls

import lienthong.datasets
from lienthong.datasets import Catalogue
from lienthong.errors import Misconfigured, UnknownName


def test_every_file_of_our_package_loads(catalogue: Catalogue) -> None:
    """All datasets, mappings, code lists and translations of lienthong_schemas are well formed."""
    assert len(catalogue.datasets()) >= 9
    for ref in catalogue.datasets():
        dataset = catalogue.dataset(ref)
        assert dataset.ref == ref
        assert dataset.validator(catalogue) is dataset.validator(catalogue)
    for ref in catalogue.mappings():
        mapping = catalogue.mapping(ref)
        assert (mapping.source, mapping.target) == (
            catalogue.mapping_file(ref).source,
            catalogue.mapping_file(ref).target,
        )
    for name in catalogue.codelists():
        assert catalogue.codelist(name).codes


def test_translations_lead_from_and_to_codes_that_exist(catalogue: Catalogue) -> None:
    """A translation reads only codes of its source list and makes only codes of its target list."""
    for name in catalogue.translations():
        found = catalogue.translation(name)
        if found.source:
            assert set(found.codes) <= set(catalogue.codelist(found.source).codes)
        if found.target:
            assert {str(code) for code in found.codes.values()} <= set(catalogue.codelist(found.target).codes)


def test_an_unknown_version_names_the_versions_there_are(catalogue: Catalogue) -> None:
    """Asking for version 9 lists version 1."""
    with pytest.raises(UnknownName, match=r"onestop\.dossier/1"):
        catalogue.dataset("onestop.dossier/9")


def test_an_unknown_name_names_its_neighbours(catalogue: Catalogue) -> None:
    """A misspelt dataset, mapping, code list or translation gets a suggestion."""
    with pytest.raises(UnknownName, match=r"did you mean .*onestop\.dossier/1"):
        catalogue.dataset("onestop.dosier/1")
    with pytest.raises(UnknownName, match=r"onestop-to-hotich/1"):
        catalogue.mapping("onestop-hotich/1")
    with pytest.raises(UnknownName, match="gender"):
        catalogue.codelist("gendr")
    with pytest.raises(UnknownName, match=r"gender\.onestop\.to\.dancu"):
        catalogue.translation("gender.to.dancu")


def _package(folder: Path, name: str, files: dict[str, str]) -> None:
    for path, text in {"__init__.py": "", **files}.items():
        target = folder / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def test_two_packages_cannot_bring_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset that two packages claim is refused by name."""
    for name in ("claims_one", "claims_two"):
        _package(tmp_path, name, {"datasets/test.thing/1.json": "{}"})
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Misconfigured, match=r"test\.thing/1"):
        Catalogue.from_packages(["claims_one", "claims_two"])


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_file_that_is_no_json_object_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A broken file spoils its own dataset, on first use, and nothing else."""
    name = f"broken_{len(text)}"
    _package(
        tmp_path, name, {"datasets/test.thing/1.json": text, "datasets/README.md": "", "datasets/x/y.txt": ""}
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Catalogue.from_packages([name])
    assert found.datasets() == ("test.thing/1",)
    with pytest.raises(Misconfigured, match=r"test\.thing/1"):
        found.dataset("test.thing/1")


def test_administrative_units_are_complete(catalogue: Catalogue) -> None:
    """34 provinces and 3,321 communes in force, 10,040 communes, 696 districts and 63 provinces before."""
    units = catalogue.administrative_units()
    assert len(units) == 34 + 3_321 + 10_040 + 696 + 63
    province = units.at("52", "tinh", "2025-07-01")
    assert province is not None
    assert (province.name, province.valid_to) == ("Tỉnh Gia Lai", "")
    former = units.at("00001", "xa", "2025-06-30")
    assert former is not None
    assert former.parent == "001"
    assert units.at("00001", "xa", "2025-07-01") is None
    assert [heir.valid_from for heir in units.successors("00001")] == ["2025-07-01"] * len(former.successors)
    assert units.successors("00001")


def test_parsing_an_exchange_stays_cheap_and_without_jsonschema() -> None:
    """In a fresh process: no jsonschema, no jsonschema-rs, and a warm check takes few calls (8)."""
    before = (
        "import sys; from lienthong.datasets import Catalogue\n"
        "c = Catalogue.from_packages(['lienthong_schemas'])\n"
        "def check():\n"
        "    c.dataset('onestop.dossier/1'); c.mapping('onestop-to-portal.dossier/1')\n"
        "    assert not {'jsonschema', 'jsonschema_rs'} & set(sys.modules), 'imported'\n"
        "check()"
    )
    assert fresh_calls("check()", before=before) < 50


def test_listing_reads_no_file(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the catalogue opens nothing, so two hundred DAG files parse fast."""

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise AssertionError(f"{self} was opened")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert Catalogue.from_packages(catalogue.packages).datasets() == catalogue.datasets()


def test_the_public_surface_is_what_it_was() -> None:
    """Names that others import do not vanish unnoticed; lazy ones resolve."""
    assert sorted(lienthong.datasets.__all__) == [
        "AdministrativeUnit",
        "AdministrativeUnits",
        "CLASSES",
        "Catalogue",
        "Change",
        "CodeList",
        "ContractFinding",
        "Dataset",
        "Field",
        "MappingFile",
        "PERSONAL",
        "Translation",
        "Validator",
        "check_catalogue",
        "check_flow",
        "compare",
        "publish",
        "require_compatible",
    ]
    for name in lienthong.datasets.__all__:
        assert getattr(lienthong.datasets, name)
    with pytest.raises(AttributeError):
        _ = lienthong.datasets.nothing
