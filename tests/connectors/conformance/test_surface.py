from __future__ import annotations

import subprocess
import sys

import pytest

import lienthong.testing


def test_the_public_surface_loads() -> None:
    assert sorted(lienthong.testing.__all__) == [
        "Asked",
        "CuttingProxy",
        "HostileLookup",
        "HostileSource",
        "HostileTarget",
        "HttpService",
        "LookupConformance",
        "MARKER",
        "Scene",
        "SourceConformance",
        "TargetConformance",
        "no_waits",
        "refused_port",
        "silent_server",
    ]
    assert all(getattr(lienthong.testing, name) for name in lienthong.testing.__all__)
    with pytest.raises(AttributeError):
        lienthong.testing.nothing  # noqa: B018 - the access itself is tested


def test_the_plugin_loads_no_suite() -> None:
    """The plugin is loaded in every project that has the bus installed: it must cost nothing."""
    code = "import sys, lienthong.testing.plugin; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - our own code
    loaded = set(run.stdout.split())
    assert not loaded & {"lienthong.connector", "lienthong.testing.base", "sqlalchemy", "airflow"}


def test_inherited_tests_carry_the_marker(request: pytest.FixtureRequest) -> None:
    assert any("conformance" in line for line in request.config.getini("markers"))
