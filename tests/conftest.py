"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

_FIELD = Path(__file__).parent / "field"

# The same examples in every run, and no deadline, which a busy machine misses. Others are looked for by
# ``pytest --hypothesis-profile=search``; what is found becomes an @example.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--field``: what is too heavy for `make test`, and stands in tests/field, is collected too."""
    parser.addoption("--field", action="store_true", help="collect tests/field, too (make test-field)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out tests/field unless it was asked for."""
    return True if collection_path == _FIELD and not config.getoption("--field") else None
