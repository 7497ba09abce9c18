"""Fixtures of the pipeline's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_bus import Bench, memory_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bus in a temporary folder with a source and a target in memory."""
    with memory_bench(tmp_path / "home") as found:
        yield found
