"""The bus of this deployment, for commands that read or mend its state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lienthong.pipeline import Bus


def open_bus(connections: Path | None = None) -> Bus:
    """Return the bus with connections from the environment or a connections file."""
    from lienthong.connector.local import local_connections
    from lienthong.pipeline import Bus

    return Bus.open(connections=local_connections(connections))


def open_archive() -> Bus:
    """Return the bus for a command that only reads: it makes no file and migrates nothing."""
    from lienthong.connector.local import local_connections
    from lienthong.pipeline import Bus

    return Bus.open(connections=local_connections(None), read_only=True)
