"""Datasets: versioned contracts, their validation and their compatibility.

::

    catalogue = Catalogue.load()
    validator = catalogue.dataset("onestop.dossier/1").validator(catalogue)
    refused = validator.validate(records)          # [(index, (Reason, …)), …]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lienthong.datasets.catalogue import Catalogue, MappingFile
from lienthong.datasets.classification import check_flow
from lienthong.datasets.codelists import AdministrativeUnit, AdministrativeUnits, CodeList, Translation
from lienthong.datasets.dataset import Dataset
from lienthong.datasets.fields import CLASSES, PERSONAL, Field

if TYPE_CHECKING:
    from lienthong.datasets.compatibility import Change, compare
    from lienthong.datasets.published import ContractFinding, check_catalogue, publish, require_compatible
    from lienthong.datasets.validator import Validator

__all__ = [
    "CLASSES",
    "PERSONAL",
    "AdministrativeUnit",
    "AdministrativeUnits",
    "Catalogue",
    "Change",
    "CodeList",
    "ContractFinding",
    "Dataset",
    "Field",
    "MappingFile",
    "Translation",
    "Validator",
    "check_catalogue",
    "check_flow",
    "compare",
    "publish",
    "require_compatible",
]

_LAZY = {
    "Change": "compatibility",
    "compare": "compatibility",
    "ContractFinding": "published",
    "check_catalogue": "published",
    "publish": "published",
    "require_compatible": "published",
    "Validator": "validator",
}


def __getattr__(name: str) -> Any:
    """Import on first use what a DAG file never needs."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # only where something lazy is asked for

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
