"""Connectors found through the entry point group ``lienthong.connectors``.

An entry point's name is the connector's kind, its object a `ConnectorDescriptor`. Two
distributions that claim one kind are refused, both named. The environment variable
``LIENTHONG_CONNECTOR_DISTRIBUTIONS`` (comma-separated distribution names) limits which
distributions may bring connectors.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from lienthong.connector.descriptor import ConnectorDescriptor
from lienthong.errors import Misconfigured, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "lienthong.connectors"
ALLOW_LIST = "LIENTHONG_CONNECTOR_DISTRIBUTIONS"


@cache
def _entries() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    allowed = {name.strip() for name in os.environ.get(ALLOW_LIST, "").split(",") if name.strip()}
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if allowed and _distribution(entry) not in allowed:
            continue
        other = found.get(entry.name)
        if other is not None and other.value != entry.value:
            raise Misconfigured(
                f"connector {entry.name!r} comes from two distributions: "
                f"{_distribution(other)} and {_distribution(entry)}",
                where=f"entry point group {GROUP}",
                hint=f"uninstall one, or list the ones you want in {ALLOW_LIST}",
            )
        found[entry.name] = entry
    return found


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def connector_kinds() -> list[str]:
    """Return the kinds of all installed connectors, sorted."""
    return sorted(_entries())


def connector(kind: str) -> ConnectorDescriptor:
    """Load one connector's descriptor by kind or connection type; `UnknownName` where there is none."""
    entries = _entries()
    name = kind if kind in entries else kind.removeprefix("lienthong_")
    if name not in entries:
        raise UnknownName(
            f"there is no connector {kind!r}",
            where=f"entry point group {GROUP}",
            hint=f"installed: {', '.join(sorted(entries)) or 'none'}",
        )
    loaded = entries[name].load()
    if not isinstance(loaded, ConnectorDescriptor):
        raise Misconfigured(
            f"entry point {name!r} is not a ConnectorDescriptor", where=_distribution(entries[name])
        )
    return loaded
