"""The bus of this deployment, for commands that read or mend its state; closed as the command ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong.pipeline import Bus

_OPEN: list[Bus] = []


def open_bus(
    connections: Path | None = None, *, progress: Callable[[str, int, int | None], None] | None = None
) -> Bus:
    """Return the bus with connections from the environment or a connections file."""
    return _opened(connections, progress=progress)


def open_archive(connections: Path | None = None) -> Bus:
    """Return the bus for a command that only reads: it makes no file and migrates nothing."""
    return _opened(connections, read_only=True)


@contextmanager
def closing() -> Iterator[None]:
    """Close every bus that was opened meanwhile: else SQLite's side files wait for the garbage collector."""
    before = len(_OPEN)
    try:
        yield
    finally:
        with ExitStack() as stack:
            for bus in _OPEN[before:]:
                stack.callback(bus.close)
            del _OPEN[before:]


def _opened(connections: Path | None, **how: Any) -> Bus:
    from lienthong.connector.local import local_connections
    from lienthong.pipeline import Bus

    bus = Bus.open(connections=local_connections(connections), **how)
    _OPEN.append(bus)
    return bus
