"""The pytest plugin: marks conformance tests, so that ``-m conformance`` selects them.

It imports nothing of the bus; where no test class uses the suite it does nothing.
"""

from __future__ import annotations

import sys

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "conformance: inherited from Liên Thông's connector conformance suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that come from the suite."""
    base = sys.modules.get("lienthong.testing.base")
    if base is None:
        return
    for item in items:
        owner = getattr(item, "cls", None)
        if isinstance(owner, type) and issubclass(owner, base.Suite):
            item.add_marker(pytest.mark.conformance)
