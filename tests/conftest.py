"""What holds for all tests."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from lienthong import credentials

_FIELD = Path(__file__).parent / "field"

# The same examples in every run, and no deadline, which a busy machine misses. Others are looked for by
# ``pytest --hypothesis-profile=search``; what is found becomes an @example.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test's password be cut out of another test's texts."""
    monkeypatch.setattr(credentials, "_known", credentials._Known())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the tests in another order, none may need what another one left, and those in tests/field."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in a random order")
    parser.addoption("--field", action="store_true", help="collect tests/field, too (make test-field)")


def pytest_report_header(config: pytest.Config) -> str:
    """Say the order, so that a failure can be had again."""
    seed = config.getoption("--shuffle")
    return "" if seed is None else f"order: --shuffle {seed}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests that share a server run in one worker."""
    from groups import ByServer

    return ByServer(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files, and the tests of each, into the order of a seed; all workers of one run have the same.

    A file's tests stay together: else what they share would be made anew for every one of them.
    """
    seed = config.getoption("--shuffle")
    if seed is None:
        return
    order = random.Random(seed)  # noqa: S311 - an order, not a secret
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    groups = list(files.values())
    order.shuffle(groups)
    for group in groups:
        order.shuffle(group)
    items[:] = [item for group in groups for item in group]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out tests/field unless it was asked for."""
    return True if collection_path == _FIELD and not config.getoption("--field") else None
