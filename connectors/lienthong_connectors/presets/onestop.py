"""The provincial one-stop system (hệ thống một cửa)."""

from __future__ import annotations

from dataclasses import replace

from lienthong_connectors.rest import (
    Accepted,
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


def identity_results(*, later: bool = False) -> RestTarget:
    """Return the target for results of identity checks.

    Requests are signed by the sealing agency (RFC 9421). The system keeps the answer of each
    ``Idempotency-Key``, so a batch may be repeated and asked for. With ``later`` the system is asked
    to accept now and work later (RFC 7240), which large batches need.
    """
    settings = RestTarget(
        path="/api/xacthuc",
        results=_results(""),
        status=StatusLookup(path="/api/xacthuc/{id}", per="batch", results=_results("Results")),
        repeatable=True,
        max_batch=1000,
        signature=HttpSignature(sign=True),
    )
    if not later:
        return settings
    jobs = Accepted(
        state_path="State",
        done=("HOAN_THANH",),
        refused=("THAT_BAI",),
        pending=("DANG_XU_LY",),
        results=_results("Results"),
    )
    return replace(settings, headers={"Prefer": "respond-async"}, accepted=jobs, status=None)


def _results(path: str) -> Results:
    return Results(
        path=path, match="index", code_path="code", ok_codes=("OK",), transient_codes=("DANG_BAN",)
    )
