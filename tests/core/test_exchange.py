"""The agreement object."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest

from lienthong import Delivery, Exchange, Lookup, Source, Target, Text
from lienthong.errors import InvalidExchange


@dataclasses.dataclass(frozen=True)
class Settings:
    """A stand-in for connector settings."""

    kind: ClassVar[str] = "example"
    path: str = "/records"


def exchange(**changes: Any) -> Exchange:
    """Return a sound exchange with some fields changed."""
    fields: dict[str, Any] = {
        "id": "births",
        "title": Text("Khai sinh", "Births"),
        "provider": "H21.129",
        "consumer": "G15",
        "legal_basis": "Nghị định 278/2025/NĐ-CP",
        "purpose": Text("Đăng ký", "Registration"),
        "source": Source("one_stop", Settings()),
        "target": Target("civil_status", Settings()),
        "dataset": "onestop.birth/1",
    }
    return Exchange(**(fields | changes))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "Births"),
        ("provider", "H2"),
        ("consumer", "000.00.01"),
        ("seal", "nobody"),
        ("dataset", "onestop.birth"),
        ("mapping", "x/0"),
        ("legal_basis", " "),
        ("title", Text("Khai sinh", "")),
        ("purpose", Text("", "x")),
        ("produces", "other/1"),
        ("source", Source("no such id!", Settings())),
        ("delivery", Delivery(batch=0)),
        ("delivery", Delivery(parallel=0)),
        ("delivery", Delivery(attempts=0)),
        ("delivery", Delivery(quarantine_above=1.5)),
        ("lookup", Lookup("population", Settings(), officer="", procedure="1.000001", purpose="x")),
    ],
)
def test_each_contradiction_names_exchange_and_field(field: str, value: object) -> None:
    """An author learns which field of which exchange to mend."""
    with pytest.raises(InvalidExchange) as caught:
        exchange(**{field: value})
    named = "mapping" if field == "produces" else field
    assert named in str(caught.value)
    assert "test_exchange.py, exchange '" in str(caught.value)


@pytest.mark.parametrize("code", ["H21.129", "G22", "G22.01.02", "000.00.01.H29"])
def test_both_forms_of_agency_codes_are_taken(code: str) -> None:
    """Decision 20/2020 codes and QCVN 102:2016 codes."""
    assert exchange(provider=code).signer == code


def test_the_digest_changes_with_the_agreement_only() -> None:
    """Equal agreements have equal digests; any change, also of a connector's setting, shows."""
    assert exchange().digest() == exchange().digest()
    other = exchange(source=Source("one_stop", Settings("/other")))
    assert exchange().digest() != other.digest()
    assert exchange().digest() != exchange(delivery=Delivery(batch=7)).digest()


def test_an_exchange_cannot_be_changed() -> None:
    """Frozen: what was checked is what runs."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        exchange().id = "other"  # type: ignore[misc]
