"""The sandbox province and the command line, as a user has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

from lienthong.signing.keys import create_development_keys
from lienthong_sandbox import Province


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    """A running province on a free loopback port."""
    with Province(tmp_path / "province", keys=tmp_path / "home") as found:
        yield found


@pytest.fixture
def lienthong(tmp_path: Path, province: Province) -> CommandLine:
    """The command line with keys, a home and the province's connections."""
    home = tmp_path / "home"
    for agency in ("G15", "G22", "H21"):
        create_development_keys(home, agency)
    connections = tmp_path / "connections.json"
    province.write_connections(connections)
    return CommandLine(home, connections)
