"""REST and JSON: read lists page by page, deliver batches with per-record outcomes."""

from lienthong_connectors.http.signature import HttpSignature
from lienthong_connectors.rest.descriptor import DESCRIPTOR
from lienthong_connectors.rest.envelope import Envelope
from lienthong_connectors.rest.outcome import CreateThenUpdate, Results, StatusLookup
from lienthong_connectors.rest.paging import (
    CursorPaging,
    LinkHeaderPaging,
    NextLinkPaging,
    NoPaging,
    OffsetPaging,
    PagePaging,
)
from lienthong_connectors.rest.settings import RestSource, RestTarget

__all__ = [
    "DESCRIPTOR",
    "CreateThenUpdate",
    "CursorPaging",
    "Envelope",
    "HttpSignature",
    "LinkHeaderPaging",
    "NextLinkPaging",
    "NoPaging",
    "OffsetPaging",
    "PagePaging",
    "RestSource",
    "RestTarget",
    "Results",
    "StatusLookup",
]
