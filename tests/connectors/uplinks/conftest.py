"""One sandbox, with a stand-in for every gateway, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lienthong.signing.keys import create_development_keys
from lienthong_sandbox import Province


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys of the agencies that seal."""
    home = tmp_path_factory.mktemp("keys")
    for agency in ("G22", "H21"):
        create_development_keys(home, agency)
    return home


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Province]:
    """A sandbox that lives as long as the session."""
    with Province(tmp_path_factory.mktemp("uplinks"), keys=keys) as province:
        yield province


@pytest.fixture
def province(running: Province) -> Iterator[Province]:
    """The running sandbox: no fault in wait, every service behind its gateways."""
    running.clear_faults()
    kept = {
        name: {key: service.url for key, service in getattr(system, "services", {}).items()}
        for name, system in running.systems.items()
    }
    yield running
    running.clear_faults()
    for name, urls in kept.items():
        for key, url in urls.items():
            running.systems[name].services[key].url = url  # type: ignore[attr-defined]
