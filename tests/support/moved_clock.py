"""This machine's clock, ahead by some time, as the engine reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

_PLACES = (
    "ledger.clock",
    "ledger.timing",
    "ledger.ahead",
    "pipeline.attest",
    "pipeline.health",
    "signing.trust",
)


@contextmanager
def moved_clock() -> Iterator[Callable[[timedelta | None], None]]:
    """Give a function that lets the clock be ahead by some time, or right again; at the end it is right."""
    patch = pytest.MonkeyPatch()

    def be_ahead(by: timedelta | None) -> None:
        patch.undo()
        if by is not None:
            moved: Any = type(
                "Moved", (datetime,), {"now": classmethod(lambda _, tz=None: datetime.now(tz) + by)}
            )
            for place in _PLACES:
                patch.setattr(f"lienthong.{place}.datetime", moved)

    try:
        yield be_ahead
    finally:
        patch.undo()
