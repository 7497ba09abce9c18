"""The provincial one-stop system (hệ thống một cửa)."""

from __future__ import annotations

from lienthong_connectors.rest import (
    CursorPaging,
    HttpSignature,
    RestSource,
    RestTarget,
    Results,
    StatusLookup,
)


def onestop_list(name: str, *, size: int = 200) -> RestSource:
    """Return the source of one list (``hoso``, ``nguoinop``, ``hotich``) in pages of ``size`` records."""
    return RestSource(
        path=f"/api/{name}",
        records="Data",
        paging=CursorPaging(cursor_path="NextCursor", cursor_param="cursor", size_param="limit", size=size),
        since_param="updated_since",
    )


def identity_results() -> RestTarget:
    """Return the target for results of identity checks.

    Requests are signed by the sealing agency (RFC 9421). The system keeps the answer of each
    ``Idempotency-Key``, so a batch may be repeated and asked for.
    """
    return RestTarget(
        path="/api/xacthuc",
        results=_results(""),
        status=StatusLookup(path="/api/xacthuc/{id}", per="batch", results=_results("Results")),
        repeatable=True,
        max_batch=1000,
        signature=HttpSignature(sign=True),
    )


def _results(path: str) -> Results:
    return Results(
        path=path, match="index", code_path="code", ok_codes=("OK",), transient_codes=("DANG_BAN",)
    )
