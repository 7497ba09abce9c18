"""A conformance suite for connectors: subclass, give a few fixtures, inherit the tests.

The names load on first use, so that the pytest plugin costs nothing where nobody uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong.testing.faults import CuttingProxy, refused_port, silent_server
    from lienthong.testing.hostile.server import Asked
    from lienthong.testing.hostile.service import MARKER, HttpService
    from lienthong.testing.hostile.stage import Scene
    from lienthong.testing.hostile.suite import HostileLookup, HostileSource, HostileTarget
    from lienthong.testing.lookups import LookupConformance
    from lienthong.testing.sources import SourceConformance
    from lienthong.testing.targets import TargetConformance
    from lienthong.testing.waits import no_waits

__all__ = [
    "MARKER",
    "Asked",
    "CuttingProxy",
    "HostileLookup",
    "HostileSource",
    "HostileTarget",
    "HttpService",
    "LookupConformance",
    "Scene",
    "SourceConformance",
    "TargetConformance",
    "no_waits",
    "refused_port",
    "silent_server",
]

_HOME = {
    "MARKER": "hostile.service",
    "Asked": "hostile.server",
    "CuttingProxy": "faults",
    "HostileLookup": "hostile.suite",
    "HostileSource": "hostile.suite",
    "HostileTarget": "hostile.suite",
    "HttpService": "hostile.service",
    "LookupConformance": "lookups",
    "Scene": "hostile.stage",
    "SourceConformance": "sources",
    "TargetConformance": "targets",
    "no_waits": "waits",
    "refused_port": "faults",
    "silent_server": "faults",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"lienthong.testing.{_HOME[name]}"), name)
