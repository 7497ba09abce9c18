"""Payloads are signed, and the counterpart checks it."""

from __future__ import annotations

import pytest
from command_line import CommandLine

from lienthong.signing.keys import create_development_keys
from lienthong_sandbox import Province

pytestmark = pytest.mark.slow


def test_results_signed_by_an_unknown_key_are_refused(lienthong: CommandLine, province: Province) -> None:
    """The one-stop system takes nothing from a bus whose key it does not know; with the key it does."""
    for agency in ("G15", "G22", "H21"):
        create_development_keys(lienthong.home.parent / "stranger", agency)
    stranger = CommandLine(lienthong.home.parent / "stranger", lienthong.connections)
    done = stranger(
        "run", "dags/citizen_verification.py", "--connections", lienthong.connections, "--json", check=False
    )
    assert done.returncode == 2, done.stdout
    assert "unauthenticated" in done.stderr
    assert province.audit("one_stop") == []
    assert lienthong.run("citizen_verification")["acknowledged"] == 185
