"""The ledger: signed statements, operational journal, quarantine index and evidence bundles.

Names are loaded when first used: checking a bundle (`lienthong.ledger.verify`) needs neither a
database nor SQLAlchemy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong.ledger.acts import Act
    from lienthong.ledger.bundle import BundleInfo, export
    from lienthong.ledger.db import Database, upgrade
    from lienthong.ledger.documents import deliveries_document, quarantine_document
    from lienthong.ledger.journal import Cursor, Journal, RunState
    from lienthong.ledger.key_levels import KeyLevels
    from lienthong.ledger.log import Entry, Finding, Ledger
    from lienthong.ledger.quarantine import Quarantine
    from lienthong.ledger.report import Check, NotChecked, Report
    from lienthong.ledger.statements import ACTS, STEPS, Statement, flow
    from lienthong.ledger.states import DeliveryState, Intent, QuarantineItem
    from lienthong.ledger.verify import verify_bundle

_HOMES = {
    "acts": ("Act",),
    "bundle": ("BundleInfo", "export"),
    "db": ("Database", "upgrade"),
    "documents": ("deliveries_document", "quarantine_document"),
    "journal": ("Cursor", "Journal", "RunState"),
    "key_levels": ("KeyLevels",),
    "log": ("Entry", "Finding", "Ledger"),
    "quarantine": ("Quarantine",),
    "report": ("Check", "NotChecked", "Report"),
    "states": ("DeliveryState", "Intent", "QuarantineItem"),
    "statements": ("ACTS", "STEPS", "Statement", "flow"),
    "verify": ("verify_bundle",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ACTS",
    "STEPS",
    "Act",
    "BundleInfo",
    "Check",
    "Cursor",
    "Database",
    "DeliveryState",
    "Entry",
    "Finding",
    "Intent",
    "Journal",
    "KeyLevels",
    "Ledger",
    "NotChecked",
    "Quarantine",
    "QuarantineItem",
    "Report",
    "RunState",
    "Statement",
    "deliveries_document",
    "export",
    "flow",
    "quarantine_document",
    "upgrade",
    "verify_bundle",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module at the first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
