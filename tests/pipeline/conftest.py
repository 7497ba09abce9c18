"""Fixtures of the pipeline's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_bus import Bench, memory_bench
from operators import operator_signer

from lienthong.signing import KeyRing, Signer


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bus in a temporary folder with a source and a target in memory."""
    with memory_bench(tmp_path / "home") as found:
        yield found


@pytest.fixture
def operator(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Signer:
    """The operator's key of the bench's deployment."""
    signer = operator_signer(bench.bus.config.home)
    monkeypatch.setattr(KeyRing, "operator", lambda ring, name=None: signer, raising=False)
    return signer
