"""Personal data goes only where the law and the exchange let it go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lienthong.datasets import Catalogue, check_flow
from lienthong.errors import InvalidExchange
from lienthong.exchange import Exchange, Lookup, Source, Target, Text


@dataclass(frozen=True, slots=True)
class Settings:
    """A connector's settings as far as the flow is concerned."""

    open_data: bool = False


def _exchange(**changes: Any) -> Exchange:
    words: dict[str, Any] = {
        "id": "hoso_thu",
        "title": Text("Thử", "Test"),
        "provider": "H21",
        "consumer": "G22",
        "legal_basis": "Nghị định 278/2025/NĐ-CP",
        "purpose": Text("Thử", "Test"),
        "source": Source("a", Settings()),
        "target": Target("b", Settings()),
        "dataset": "onestop.dossier/1",
    }
    return Exchange(**{**words, **changes})


def test_open_data_reaches_an_open_target(catalogue: Catalogue) -> None:
    """Administrative units are open in every field and may be published."""
    units = catalogue.dataset("catalogue.administrative-unit/1")
    check_flow(_exchange(), units, units, open_target=True)
    check_flow(_exchange(legal_basis="thỏa thuận"), units, units, open_target=True)


def test_a_personal_field_never_reaches_an_open_target(catalogue: Catalogue) -> None:
    """The refusal names the exchange and the field, by argument or by the target's own settings."""
    dossier = catalogue.dataset("onestop.dossier/1")
    with pytest.raises(InvalidExchange, match=r"hoso_thu.*open data"):
        check_flow(_exchange(), dossier, dossier, open_target=True)
    with pytest.raises(InvalidExchange, match=r"hoso_thu"):
        check_flow(_exchange(target=Target("b", Settings(open_data=True))), dossier, dossier)
    check_flow(_exchange(), dossier, dossier)


@pytest.mark.parametrize("name", ["personal", "sensitive", "internal"])
def test_only_open_fields_reach_an_open_target(catalogue: Catalogue, make_dataset: Any, name: str) -> None:
    """Anything but ``open`` is held back, deep inside as well."""
    below = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"y": {"x-lienthong": {"class": name}}},
    }
    dataset = make_dataset({"x": below}, note={"class": "open"}, additionalProperties=False)
    with pytest.raises(InvalidExchange, match=r"'x\.y'"):
        check_flow(_exchange(), dataset, dataset, open_target=True)


def test_fields_nobody_named_do_not_reach_an_open_target(make_dataset: Any) -> None:
    """An object that takes unnamed fields could carry anything, so it may not be published."""
    loose = make_dataset({}, note={"class": "open"})
    with pytest.raises(InvalidExchange, match="root"):
        check_flow(_exchange(), loose, loose, open_target=True)
    inner = make_dataset({"x": {"type": "object"}}, note={"class": "open"}, additionalProperties=False)
    with pytest.raises(InvalidExchange, match=r"\(x\)"):
        check_flow(_exchange(), inner, inner, open_target=True)


@pytest.mark.parametrize("basis", ["thỏa thuận giữa hai bên", "theo luật"])
def test_personal_data_needs_a_numbered_legal_basis(catalogue: Catalogue, basis: str) -> None:
    """Without a law, decree or decision by number personal data does not flow."""
    dossier = catalogue.dataset("onestop.dossier/1")
    with pytest.raises(InvalidExchange, match="legal_basis"):
        check_flow(_exchange(legal_basis=basis), dossier, dossier)


@pytest.mark.parametrize("basis", ["Luật 60/2024/QH15", "QĐ 06/QĐ-TTg", "Nghị định 278/2025/NĐ-CP, điều 5"])
def test_usual_citations_are_a_legal_basis(catalogue: Catalogue, basis: str) -> None:
    """Laws, decrees and decisions as they are cited are recognised."""
    dossier = catalogue.dataset("onestop.dossier/1")
    check_flow(_exchange(legal_basis=basis), dossier, dossier)


def test_a_mapping_that_reads_a_lookup_needs_one(catalogue: Catalogue) -> None:
    """The answer must be put where the mapping reads it."""
    applicant, result = (
        catalogue.dataset("onestop.applicant/1"),
        catalogue.dataset("onestop.identity-result/1"),
    )
    with pytest.raises(InvalidExchange, match="'lookup'"):
        check_flow(_exchange(), applicant, result, lookup_into="lookup")
    lookup = Lookup("c", Settings(), "$TaiKhoanCanBo", "$DocTypeCode", "xác thực", into="elsewhere")
    with pytest.raises(InvalidExchange, match="'lookup'"):
        check_flow(_exchange(lookup=lookup), applicant, result, lookup_into="lookup")
    check_flow(_exchange(lookup=lookup), applicant, result, lookup_into="elsewhere")
