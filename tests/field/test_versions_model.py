"""Long lives of exchanges into one table, on SQLite and PostgreSQL, with processes killed for real.

``FIELD_SEEDS`` says how many, ``FIELD_FIRST`` with which seed they begin. What fails prints the smallest
trace that still does: ``versions_trace.failure_of`` replays it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres import emptied, postgres_server
from versions_trace import failure_of, keys_in, smallest, sqlite, trace_of

_FIRST, _MANY, _LENGTH = int(os.environ.get("FIELD_FIRST") or 0), int(os.environ.get("FIELD_SEEDS") or 24), 60


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with keys, which every life copies."""
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server for this module."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def ledger(request: pytest.FixtureRequest, seed: int) -> Callable[[Path], str]:
    """Give the address of an empty ledger: every third one is PostgreSQL's."""
    if seed % 3:
        return sqlite
    base = request.getfixturevalue("server")
    return lambda _: emptied(base)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(_FIRST, _FIRST + _MANY))
def test_a_long_life(seed: int, keys: Path, ledger: Callable[[Path], str]) -> None:
    """At rest the target holds the newest versions, nothing came twice, and the evidence is whole."""
    trace = trace_of(seed, _LENGTH, real=True)
    found = failure_of(trace, keys, ledger)
    if found:
        small = smallest(trace, lambda one: failure_of(one, keys, ledger))
        pytest.fail(f"seed {seed}: {found}\n{small.told()}")
