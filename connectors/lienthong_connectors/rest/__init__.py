"""REST and JSON: read lists page by page, deliver batches with per-record outcomes.

Names load on first use: a DAG file pays for the few that it writes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong_connectors.http.rate import RateLimit
    from lienthong_connectors.http.signature import HttpSignature
    from lienthong_connectors.rest.accepted import Accepted
    from lienthong_connectors.rest.attachment_settings import Attachments
    from lienthong_connectors.rest.counting import Count
    from lienthong_connectors.rest.descriptor import DESCRIPTOR
    from lienthong_connectors.rest.detail import Detail
    from lienthong_connectors.rest.envelope import Envelope
    from lienthong_connectors.rest.high_water import HighWater
    from lienthong_connectors.rest.outcome import CreateThenUpdate, Results, StatusLookup
    from lienthong_connectors.rest.paging import NoPaging
    from lienthong_connectors.rest.paging_counted import OffsetPaging, PagePaging
    from lienthong_connectors.rest.paging_keyset import KeysetPaging
    from lienthong_connectors.rest.paging_linked import CursorPaging, LinkHeaderPaging, NextLinkPaging
    from lienthong_connectors.rest.paging_windows import TimeWindows
    from lienthong_connectors.rest.records import Records
    from lienthong_connectors.rest.settings_lookup import RestLookup
    from lienthong_connectors.rest.settings_source import RestSource
    from lienthong_connectors.rest.settings_target import RestTarget
    from lienthong_connectors.rest.success import Success

__all__ = [
    "DESCRIPTOR",
    "Accepted",
    "Attachments",
    "Count",
    "CreateThenUpdate",
    "CursorPaging",
    "Detail",
    "Envelope",
    "HighWater",
    "HttpSignature",
    "KeysetPaging",
    "LinkHeaderPaging",
    "NextLinkPaging",
    "NoPaging",
    "OffsetPaging",
    "PagePaging",
    "RateLimit",
    "Records",
    "RestLookup",
    "RestSource",
    "RestTarget",
    "Results",
    "StatusLookup",
    "Success",
    "TimeWindows",
]

_HOMES = {
    "DESCRIPTOR": "rest.descriptor",
    "Accepted": "rest.accepted",
    "Attachments": "rest.attachment_settings",
    "Count": "rest.counting",
    "CreateThenUpdate": "rest.outcome",
    "CursorPaging": "rest.paging_linked",
    "Detail": "rest.detail",
    "Envelope": "rest.envelope",
    "HighWater": "rest.high_water",
    "HttpSignature": "http.signature",
    "KeysetPaging": "rest.paging_keyset",
    "LinkHeaderPaging": "rest.paging_linked",
    "NextLinkPaging": "rest.paging_linked",
    "NoPaging": "rest.paging",
    "OffsetPaging": "rest.paging_counted",
    "PagePaging": "rest.paging_counted",
    "RateLimit": "http.rate",
    "Records": "rest.records",
    "RestLookup": "rest.settings_lookup",
    "RestSource": "rest.settings_source",
    "RestTarget": "rest.settings_target",
    "Results": "rest.outcome",
    "StatusLookup": "rest.outcome",
    "Success": "rest.success",
    "TimeWindows": "rest.paging_windows",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"lienthong_connectors.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
