"""A few traces of the model of versions; `make test-field` does many, with real processes and PostgreSQL.

What the model found stands in test_found_by_the_model.py, each as the few acts that show it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from versions_trace import failure_of, keys_in, sqlite, trace_of


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with keys, which every trace copies."""
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("seed", [3, 6])
def test_a_short_life(seed: int, keys: Path) -> None:
    """Whatever happened: at rest the target holds the newest versions, and the evidence is whole."""
    trace = trace_of(seed, 20)
    assert failure_of(trace, keys, sqlite) == "", trace.told()
