"""Exchanges that are late: an alert that Airflow raises and shows."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from lienthong.exchange import Exchange

_LOG = logging.getLogger("lienthong.airflow")


def late_alert(exchange: Exchange, after: timedelta) -> DeadlineAlert:
    """Return the alert for a run that is not done so long after it was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=after,
        callback=AsyncCallback(
            report_late, {"exchange": exchange.id, "minutes": round(after.total_seconds() / 60, 1)}
        ),
        name=f"late: {exchange.id}",
    )


async def report_late(*, exchange: str, minutes: float, **_: Any) -> None:
    """Log that a run is late; the triggerer calls it, the UI shows the missed deadline."""
    _LOG.error("exchange=%s late: not done %s minutes after it was queued", exchange, minutes)
