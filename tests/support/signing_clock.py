"""One moment for all signing tests, however long collection and other tests take before them."""

from __future__ import annotations

from datetime import UTC, datetime

NOW = datetime.now(UTC).replace(microsecond=0)
